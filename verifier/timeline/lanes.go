package timeline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// The sections of a group, in the order in which they stand.
const (
	sectionJudgement   = "judgement"
	sectionDisruptions = "disruptions"
	sectionCluster     = "cluster"
	sectionInstances   = "instances"
	sectionVolumes     = "volumes"
	sectionAttachments = "attachments"
	sectionData        = "data"
	sectionJobs        = "jobs and backups"
	sectionNews        = "events and logs"
	sectionRun         = "run"
	sectionOperator    = "operator"
	sectionNodes       = "nodes"
)

var sections = []string{
	sectionRun, sectionJudgement, sectionDisruptions, sectionCluster, sectionInstances, sectionVolumes,
	sectionAttachments, sectionData, sectionJobs, sectionOperator, sectionNodes, sectionNews,
}

// The states of a span: how it is drawn. Each differs from the others in its
// pattern too, not in colour only.
const (
	stateGood     = "good"
	stateWork     = "work"     // something goes on
	stateWait     = "wait"     // it waits
	stateBad      = "bad"      // it failed
	statePrimary  = "primary"  // a ready primary
	stateReplica  = "replica"  // a ready replica
	stateStarting = "starting" // a pod that does not run yet
	stateUnready  = "unready"  // a pod that runs and is not ready
	stateEnding   = "ending"   // deletion has begun
	stateGap      = "gap"
	stateObserved = "observed" // a disruption that the trace shows
	stateMarked   = "marked"   // a time that somebody marked
	stateHeld     = "held"     // a lease
)

// builder folds a trace into lanes.
type builder struct {
	end     int64
	objects map[trace.Object]int
	groups  map[string]*Group
	lanes   map[string]*Lane        // by group, section and label
	going   map[spanKey]int         // index of the span that goes on
	holder  map[*Lane]string        // uid of the object that the lane shows now
	volumes map[string][2]string    // volume → group and claim
	cluster map[trace.Object]string // of objects that say to which cluster they belong
}

// spanKey is what a lane shows one span of at a time.
type spanKey struct {
	lane *Lane
	of   string
}

// clusters is the resource whose objects have a group each.
const clusters = "clusters.postgresql.cnpg.io"

// The groups of what is about no cluster.
const (
	groupRun   = "Run"
	groupInfra = "Operator and nodes"
)

func clusterKey(namespace, name string) string { return namespace + "/" + name }

// fields are what the lanes read.
func fields() []trace.Fields {
	meta := [][]string{{"metadata", "labels"}, {"metadata", "deletionTimestamp"}}
	of := func(group, resource string, paths ...[]string) trace.Fields {
		return trace.Fields{Group: group, Resource: resource, Paths: append(paths, meta...)}
	}
	return []trace.Fields{
		of("postgresql.cnpg.io", "clusters", []string{"status", "phase"}, []string{"status", "phaseReason"},
			[]string{"status", "currentPrimary"}, []string{"status", "targetPrimary"}),
		of("", "pods", []string{"spec", "nodeName"}, []string{"status", "phase"}, []string{"status", "conditions"},
			[]string{"status", "containerStatuses"}),
		of("", "persistentvolumeclaims", []string{"spec", "resources"}, []string{"spec", "volumeName"},
			[]string{"status"}),
		of("storage.k8s.io", "volumeattachments", []string{"spec"}, []string{"status"}),
		of("coordination.k8s.io", "leases", []string{"spec", "holderIdentity"}),
		of("", "nodes", []string{"spec", "unschedulable"}, []string{"status", "conditions"}),
		of("batch", "jobs", []string{"status"}),
		of("postgresql.cnpg.io", "backups", []string{"spec", "cluster"}, []string{"status", "phase"}),
		of("snapshot.storage.k8s.io", "volumesnapshots", []string{"status", "readyToUse"}, []string{"status", "error"}),
		of("", "events", []string{"involvedObject"}),
	}
}

// lanesOf folds the objects of a trace into lanes.
func (t *Timeline) lanesOf(r *trace.Reader) (*builder, error) {
	b := &builder{
		end: t.Duration, objects: map[trace.Object]int{}, groups: map[string]*Group{}, lanes: map[string]*Lane{},
		going: map[spanKey]int{}, holder: map[*Lane]string{}, volumes: map[string][2]string{},
		cluster: map[trace.Object]string{},
	}
	for i, o := range t.Objects {
		if o.Resource == clusters && o.Name != "" {
			b.group(clusterKey(o.Namespace, o.Name)) // so that what comes before it finds it
		}
		b.objects[trace.Object{Resource: trace.Resource{Resource: o.Resource}, Namespace: o.Namespace, Name: o.Name,
			UID: o.UID}] = i
	}
	types := []trace.Type{trace.Mark, trace.Gap, trace.Stream}
	for _, name := range t.Types {
		if strings.HasPrefix(name, "sentinel.") || strings.HasPrefix(name, "usage") || strings.HasPrefix(name, "log") {
			types = append(types, trace.Type(name))
		}
	}
	err := r.Scan(trace.Selection{Fields: fields(), Types: types}, func(c *trace.Change) error {
		b.observe(c)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the lanes: %w", err)
	}
	b.finish()
	return b, nil
}

// index finds an object in the page.
func (b *builder) index(o *trace.Object) int {
	i, known := b.objects[trace.Object{Resource: trace.Resource{Resource: o.Resource.String()}, Namespace: o.Namespace,
		Name: o.Name, UID: o.UID}]
	if !known {
		return -1
	}
	return i
}

func (b *builder) group(label string) *Group {
	g := b.groups[label]
	if g == nil {
		g = &Group{Kind: kindCluster, Label: label}
		switch label {
		case groupRun:
			g.Kind = kindRun
		case groupInfra:
			g.Kind = kindInfra
		}
		b.groups[label] = g
	}
	return g
}

func laneKey(group, section, kind, label string) string {
	return strings.Join([]string{group, section, kind, label}, "\x00")
}

// lane returns a lane of a group, creating it.
func (b *builder) lane(group, section, kind, label string) *Lane {
	key := laneKey(group, section, kind, label)
	l := b.lanes[key]
	if l == nil {
		l = &Lane{Kind: kind, Label: label, Section: section}
		b.lanes[key] = l
		b.group(group)
	}
	return l
}

// has says that the events of an object are drawn in the lane.
func (b *builder) has(l *Lane, o *trace.Object) {
	if i := b.index(o); i >= 0 && !slices.Contains(l.Objects, i) {
		l.Objects = append(l.Objects, i)
	}
}

// set begins a span, unless the one that goes on is the same. An empty state
// ends what goes on. In a lane that shows several things at a time, of says which.
func (b *builder) set(l *Lane, c *trace.Change, of, state, text string) {
	key := spanKey{l, of}
	if i, going := b.going[key]; going {
		last := &l.Spans[i]
		if last.State == state && last.Text == text {
			return
		}
		last.Until = micros(c.Time)
		delete(b.going, key)
	}
	if state != "" {
		b.going[key] = len(l.Spans)
		l.Spans = append(l.Spans, Span{From: micros(c.Time), Until: -1, State: state, Text: text, Seq: c.Seq})
	}
}

// point adds a value to a quantity, unless it is the same as before.
func (l *Lane) point(name string, at, value int64) {
	i := slices.IndexFunc(l.Series, func(s Series) bool { return s.Name == name })
	if i < 0 {
		i = len(l.Series)
		l.Series = append(l.Series, Series{Name: name, Unit: "bytes"})
	}
	s := &l.Series[i]
	if n := len(s.Points); n == 0 || s.Points[n-1] != value {
		s.Points = append(s.Points, at, value)
	}
}

func (b *builder) observe(c *trace.Change) {
	if !c.Type.IsObject() {
		b.observeOther(c)
		return
	}
	if name := c.State.At("metadata", "labels", "cnpg.io/cluster").String(); name != "" {
		b.cluster[*c.Object] = clusterKey(c.Object.Namespace, name)
	}
	switch c.Object.Resource.String() {
	case clusters:
		b.observeCluster(c)
	case "pods":
		b.observePod(c)
	case "persistentvolumeclaims":
		b.observeClaim(c)
	case "volumeattachments.storage.k8s.io":
		b.observeAttachment(c)
	case "leases.coordination.k8s.io":
		b.observeLease(c)
	case "nodes":
		b.observeNode(c)
	case "jobs.batch":
		b.observeJob(c)
	case "backups.postgresql.cnpg.io", "volumesnapshots.snapshot.storage.k8s.io":
		b.observeBackup(c)
	case "events":
		b.observeEvent(c)
	}
}

func ending(c *trace.Change) bool { return c.State.At("metadata", "deletionTimestamp").String() != "" }

func condition(s trace.State, name string) trace.State {
	for _, one := range s.At("status", "conditions").Each() {
		if one.At("type").String() == name {
			return one
		}
	}
	return trace.State{}
}

func (b *builder) observeCluster(c *trace.Change) {
	group := clusterKey(c.Object.Namespace, c.Object.Name)
	phases := b.lane(group, sectionCluster, "phase", "phase")
	primary := b.lane(group, sectionCluster, "primary", "primary")
	b.has(phases, c.Object)
	if c.Type == trace.Deleted {
		b.set(phases, c, "", "", "")
		b.set(primary, c, "", "", "")
		return
	}
	phase := c.State.At("status", "phase").String()
	current, target := c.State.At("status", "currentPrimary").String(), c.State.At("status", "targetPrimary").String()
	switch {
	case ending(c):
		b.set(phases, c, "", stateEnding, "being deleted · "+phase)
	default:
		b.set(phases, c, "", phaseState(phase), cmp.Or(phase, "no phase yet"))
	}
	switch {
	case current == "" && target == "":
		b.set(primary, c, "", "", "")
	case current == target:
		b.set(primary, c, "", statePrimary, current)
	default:
		b.set(primary, c, "", stateWork, cmp.Or(current, "none")+" → "+target)
	}
}

// phaseState says how a phase of a Cluster is drawn. The operator's phases are
// sentences, so the words in them have to do.
func phaseState(phase string) string {
	low := strings.ToLower(phase)
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(low, w) })
	}
	switch {
	case strings.Contains(low, "healthy state"):
		return stateGood
	case has("fail", "error", "unrecoverable", "cannot", "unknown", "inconsistent"):
		return stateBad
	case phase == "" || has("waiting"):
		return stateWait
	}
	return stateWork
}

func (b *builder) observePod(c *trace.Change) {
	labels := c.State.At("metadata", "labels")
	group, instance := b.cluster[*c.Object], labels.At("cnpg.io/instanceName").String()
	var l *Lane
	switch {
	case group != "" && labels.At("cnpg.io/podRole").String() == "instance":
		l = b.lane(group, sectionInstances, "instance", cmp.Or(instance, c.Object.Name))
	case group != "" && labels.At("cnpg.io/jobRole").String() != "":
		l = b.lane(group, sectionJobs, "job", labels.At("job-name").String())
		b.has(l, c.Object)
		return
	case labels.At("app.kubernetes.io/name").String() == "cloudnative-pg":
		l = b.lane(groupInfra, sectionOperator, "instance", c.Object.Name)
	case group != "":
		l = b.lane(group, sectionInstances, "instance", c.Object.Name)
	default:
		return
	}
	b.has(l, c.Object)
	if c.Type == trace.Deleted {
		if b.holder[l] == c.Object.UID {
			b.set(l, c, "", "", "")
		}
		return
	}
	b.holder[l] = c.Object.UID
	state, text := podState(c, labels.At("cnpg.io/instanceRole").String())
	var restarts int64
	for _, container := range c.State.At("status", "containerStatuses").Each() {
		n, _ := container.At("restartCount").Int()
		restarts += n
	}
	if restarts > 0 {
		text += fmt.Sprintf(" · %d restarts", restarts)
	}
	b.set(l, c, "", state, text)
}

// podState says how a pod is drawn, and in words.
func podState(c *trace.Change, role string) (state, text string) {
	node := c.State.At("spec", "nodeName").String()
	on := ""
	if node != "" {
		on = " · " + node
	}
	phase := c.State.At("status", "phase").String()
	switch {
	case ending(c):
		return stateEnding, "terminating" + on
	case phase == "Failed":
		return stateBad, "failed" + on
	case phase == "Succeeded":
		return stateGood, "succeeded" + on
	case phase == "Pending" && node == "":
		return stateStarting, "no node yet"
	case phase != "Running":
		return stateStarting, "starting" + on
	case condition(c.State, "Ready").At("status").String() != "True":
		return stateUnready, "not ready" + on
	case role == "primary":
		return statePrimary, "primary" + on
	case role != "":
		return stateReplica, role + on
	}
	return stateReplica, "ready" + on
}

func (b *builder) observeClaim(c *trace.Change) {
	group := b.cluster[*c.Object]
	if group == "" {
		return
	}
	role := c.State.At("metadata", "labels", "cnpg.io/pvcRole").String()
	l := b.lane(group, sectionVolumes, "volume", c.Object.Name)
	b.has(l, c.Object)
	now := micros(c.Time)
	if c.Type == trace.Deleted {
		b.set(l, c, "", "", "")
		l.point("request", now, 0)
		l.point("capacity", now, 0)
		return
	}
	if volume := c.State.At("spec", "volumeName").String(); volume != "" {
		b.volumes[volume] = [2]string{group, c.Object.Name}
	}
	l.point("request", now, bytesOf(c.State.At("spec", "resources", "requests", "storage").String()))
	l.point("capacity", now, bytesOf(c.State.At("status", "capacity", "storage").String()))
	state, text := claimState(c)
	b.set(l, c, "", state, text+" · "+role)
}

// claimState says how far the expansion of a claim is, or its phase.
func claimState(c *trace.Change) (state, text string) {
	phase := c.State.At("status", "phase").String()
	switch stage := c.State.At("status", "allocatedResourceStatuses", "storage").String(); {
	case ending(c):
		return stateEnding, "being deleted"
	case strings.HasSuffix(stage, "Infeasible"):
		return stateBad, stage
	case stage != "":
		return stateWork, stage
	case condition(c.State, "FileSystemResizePending").Exists():
		return stateWork, "FileSystemResizePending"
	case condition(c.State, "Resizing").Exists():
		return stateWork, "Resizing"
	case phase == "Bound":
		return stateGood, "bound"
	case phase == "Lost":
		return stateBad, "lost"
	}
	return stateWait, strings.ToLower(phase)
}

// bytesOf reads a quantity; what is none is 0.
func bytesOf(text string) int64 {
	q, err := resource.ParseQuantity(text)
	if err != nil {
		return 0
	}
	return q.Value()
}

func (b *builder) observeAttachment(c *trace.Change) {
	volume := c.State.At("spec", "source", "persistentVolumeName").String()
	l := b.lane(groupInfra, sectionAttachments, laneAttachment, cmp.Or(volume, c.Object.Name))
	l.Stack = true // a volume can be attached to two nodes
	b.has(l, c.Object)
	node := c.State.At("spec", "nodeName").String()
	state, text := stateWork, "attaching to "+node
	switch {
	case c.Type == trace.Deleted:
		state = ""
	case ending(c):
		state, text = stateEnding, "detaching from "+node
	case c.State.At("status", "attachError").Exists():
		state, text = stateBad, "attach error on "+node
	case c.State.At("status", "attached").Bool():
		state, text = stateGood, "attached to "+node
	}
	b.set(l, c, c.Object.UID, state, text)
}
