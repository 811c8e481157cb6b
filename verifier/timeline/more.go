package timeline

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/verifier/evidence"
)

func (b *builder) observeLease(c *trace.Change) {
	l := b.lane(groupInfra, sectionOperator, "lease", "lease "+c.Object.Name)
	b.has(l, c.Object)
	holder := c.State.At("spec", "holderIdentity").String()
	if c.Type == trace.Deleted || holder == "" {
		b.set(l, c, "", "", "")
		return
	}
	b.set(l, c, "", stateHeld, "held by "+holder)
}

func (b *builder) observeNode(c *trace.Change) {
	l := b.lane(groupInfra, sectionNodes, "node", c.Object.Name)
	b.has(l, c.Object)
	ready := condition(c.State, "Ready").At("status").String() == "True"
	switch cordoned := c.State.At("spec", "unschedulable").Bool(); {
	case c.Type == trace.Deleted:
		b.set(l, c, "", "", "")
	case !ready:
		b.set(l, c, "", stateBad, "not ready")
	case cordoned:
		b.set(l, c, "", stateWait, "cordoned")
	default:
		b.set(l, c, "", stateGood, "ready")
	}
}

func (b *builder) observeJob(c *trace.Change) {
	group := b.cluster[*c.Object]
	if group == "" {
		return
	}
	l := b.lane(group, sectionJobs, "job", c.Object.Name)
	b.has(l, c.Object)
	number := func(name string) int64 {
		n, _ := c.State.At("status", name).Int()
		return n
	}
	switch {
	case c.Type == trace.Deleted:
		b.set(l, c, "", "", "")
	case ending(c):
		b.set(l, c, "", stateEnding, "being deleted")
	case number("succeeded") > 0:
		b.set(l, c, "", stateGood, "succeeded")
	case number("failed") > 0:
		b.set(l, c, "", stateBad, "failed")
	default:
		b.set(l, c, "", stateWork, "running")
	}
}

// observeBackup shows Backups and VolumeSnapshots, each kind in one lane.
func (b *builder) observeBackup(c *trace.Change) {
	group := b.cluster[*c.Object]
	if name := c.State.At("spec", "cluster", "name").String(); name != "" {
		group = clusterKey(c.Object.Namespace, name)
	}
	if group == "" {
		group = groupInfra
	}
	l := b.lane(group, sectionJobs, "backup", c.Object.Resource.Resource)
	l.Stack = true
	b.has(l, c.Object)
	phase := c.State.At("status", "phase").String()
	if c.State.At("status", "readyToUse").Exists() {
		phase = map[bool]string{true: "completed", false: "pending"}[c.State.At("status", "readyToUse").Bool()]
	}
	if c.State.At("status", "error").Exists() {
		phase = "failed"
	}
	state := map[string]string{"completed": stateGood, "failed": stateBad, "": stateWait}[phase]
	switch {
	case c.Type == trace.Deleted:
		state = ""
	case ending(c):
		state = stateEnding
	}
	if state == "" && c.Type != trace.Deleted {
		state = stateWork
	}
	b.set(l, c, c.Object.UID, state, c.Object.Name+" · "+cmp.Or(phase, "new"))
}

// observeEvent puts a Kubernetes Event to the cluster of the object that it is
// about; the operator names instances and claims after the cluster.
func (b *builder) observeEvent(c *trace.Change) {
	about := c.State.At("involvedObject")
	l := b.lane(b.clusterOf(c.Object.Namespace, about.At("kind").String(), about.At("name").String()),
		sectionNews, "news", "Kubernetes Events")
	b.has(l, c.Object)
}

// clusterOf guesses the cluster of what has no label, by its name.
func (b *builder) clusterOf(namespace, kind, name string) string {
	best := groupInfra
	for label := range b.groups {
		cluster, within := strings.CutPrefix(label, namespace+"/")
		belongs := name == cluster || strings.HasPrefix(name, cluster+"-") && kind != "Cluster"
		if within && belongs && (best == groupInfra || len(label) > len(best)) {
			best = label
		}
	}
	return best
}

// observeOther shows what is no object: marks, the sentinel, usage and logs.
func (b *builder) observeOther(c *trace.Change) {
	namespace, name := c.Object.Namespace, c.Object.Name
	switch kind, _, _ := strings.Cut(string(c.Type), "."); kind {
	case string(trace.Mark):
		l := b.lane(groupRun, sectionRun, laneMarks, "marks")
		at := micros(c.Time)
		text := strings.Join(saying(c.Type, evidence.Members(c.State.JSON()), []string{"mark"}), " ")
		l.Spans = append(l.Spans, Span{From: at, Until: at, State: stateMarked, Text: text, Seq: c.Seq})
	case string(trace.Gap), string(trace.Stream):
		b.lane(groupRun, sectionRun, laneStreams, "recorder")
	case "sentinel":
		group := cmp.Or(b.onlyCluster(), groupRun)
		if name != "" {
			group = clusterKey(namespace, name)
		}
		b.lane(group, sectionData, laneSentinel, "sentinel")
	case "usage":
		if group := b.clusterOf(namespace, "", name); group != groupInfra && name != "" {
			b.has(b.lane(group, sectionVolumes, "volume", name), c.Object)
		}
	case "log":
		if name != "" {
			b.has(b.lane(b.clusterOf(namespace, "Pod", name), sectionNews, "log", "logs"), c.Object)
		}
	}
}

// onlyCluster is the one cluster of the trace, "" when there are none or several.
func (b *builder) onlyCluster() string {
	only := ""
	for label, g := range b.groups {
		if g.Kind != kindCluster {
			continue
		}
		if only != "" {
			return ""
		}
		only = label
	}
	return only
}

// finish ends what goes on at the end of the trace, and gives the attachments to
// the claims: an attachment may be recorded before the claim that explains it.
func (b *builder) finish() {
	for _, l := range slices.Collect(maps.Values(b.lanes)) {
		if owner, known := b.volumes[l.Label]; known && l.Kind == laneAttachment {
			*b.lane(owner[0], sectionAttachments, laneAttachment, owner[1]) = *l
			b.lane(owner[0], sectionAttachments, laneAttachment, owner[1]).Label = owner[1]
			delete(b.lanes, laneKey(groupInfra, sectionAttachments, laneAttachment, l.Label))
		}
	}
	for _, l := range b.lanes {
		for i := range l.Spans {
			if s := &l.Spans[i]; s.Until < 0 {
				s.Until, s.Open = b.end, true
			}
		}
	}
}

// result returns the groups with their lanes in order: the run, the clusters by
// name, operator and nodes.
func (b *builder) result() []Group {
	for key, l := range b.lanes {
		label, _, _ := strings.Cut(key, "\x00")
		g := b.group(label)
		g.Lanes = append(g.Lanes, *l)
	}
	var out []Group
	for _, g := range b.groups {
		slices.SortFunc(g.Lanes, func(x, y Lane) int {
			return cmp.Or(
				cmp.Compare(slices.Index(sections, x.Section), slices.Index(sections, y.Section)),
				cmp.Compare(laneRank(x), laneRank(y)), compareNatural(x.Label, y.Label))
		})
		slices.SortStableFunc(g.Bands, func(x, y Span) int { return cmp.Compare(x.From, y.From) })
		out = append(out, *g)
	}
	slices.SortFunc(out, func(x, y Group) int {
		rank := func(g Group) int { return slices.Index([]string{kindRun, kindCluster, kindInfra}, g.Kind) }
		return cmp.Or(cmp.Compare(rank(x), rank(y)), compareNatural(x.Label, y.Label))
	})
	return out
}

// laneRank orders the lanes of a section that are not ordered by their label.
func laneRank(l Lane) int {
	return slices.Index([]string{laneMarks, "phase", "primary", "lease", "finding", "diagnosis"}, l.Kind)
}

// The lanes of events that are about no object, or about more than their object.
const (
	laneMarks    = "marks"
	laneStreams  = "recorder"
	laneSentinel = "sentinel"

	laneAttachment = "attachment"
)

// place says of every event in which lane it is drawn: in that of its object,
// unless it is of a type that has a lane of its own.
func (t *Timeline) place() {
	lanes := map[string]int{} // by group and kind
	ofObject := map[int]int{}
	n := 0
	for _, g := range t.Groups {
		for _, l := range g.Lanes {
			lanes[g.Label+"\x00"+l.Kind] = n
			for _, o := range l.Objects {
				ofObject[o] = n
			}
			n++
		}
	}
	find := func(group, kind string) int {
		if i, known := lanes[group+"\x00"+kind]; known {
			return i
		}
		return -1
	}
	sentinel := -1
	for _, g := range t.Groups {
		sentinel = max(sentinel, find(g.Label, laneSentinel))
	}
	for i, object := range t.Events.Object {
		at := -1
		switch kind, _, _ := strings.Cut(t.Types[t.Events.Type[i]], "."); {
		case kind == string(trace.Mark):
			at = find(groupRun, laneMarks)
		case kind == string(trace.Gap) || kind == string(trace.Stream) || kind == string(trace.Bookmark):
			at = find(groupRun, laneStreams)
		case kind == "sentinel" && object >= 0:
			at = find(clusterKey(t.Objects[object].Namespace, t.Objects[object].Name), laneSentinel)
		case kind == "sentinel":
			at = sentinel
		default:
			if l, known := ofObject[object]; known {
				at = l
			}
		}
		t.Events.Lane = append(t.Events.Lane, at)
	}
}

// compareNatural orders pg-2 before pg-10.
func compareNatural(a, b string) int {
	digits := func(s string) int { return len(s) - len(strings.TrimLeft(s, "0123456789")) }
	for a != "" && b != "" {
		x, y := digits(a), digits(b)
		if x > 0 && y > 0 {
			left, right := strings.TrimLeft(a[:x], "0"), strings.TrimLeft(b[:y], "0")
			if c := cmp.Or(cmp.Compare(len(left), len(right)), cmp.Compare(left, right)); c != 0 {
				return c
			}
			a, b = a[x:], b[y:]
			continue
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Compare(len(a), len(b))
}
