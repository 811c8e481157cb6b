package views

import (
	"cmp"
	"slices"
	"strings"
)

// clusterDocument is the timeline of one life of a Cluster.
type clusterDocument struct {
	Namespace   string         `json:"namespace"`
	Cluster     string         `json:"cluster"`
	Seen        bool           `json:"seen"`
	Born        bool           `json:"born"`
	FromNS      int64          `json:"from_ns"`
	Until       string         `json:"until"`
	UntilSeq    uint64         `json:"until_seq"`
	UntilNS     int64          `json:"until_ns"`
	Specs       []clusterSpec  `json:"specs"`
	Builds      []buildPoint   `json:"builds"`
	Spans       []clusterSpan  `json:"spans"`
	Facts       []clusterFact  `json:"facts"`
	Elections   []election     `json:"elections"`
	Writers     []writer       `json:"writers"`
	Pods        []instanceLife `json:"pods"`
	Claims      []claimLife    `json:"claims"`
	Operations  []groupGrowth  `json:"operations"`
	Reasons     []reasonCount  `json:"reasons"`
	Events      bool           `json:"events"`
	Nodes       bool           `json:"nodes"`
	Disruptions []disruption   `json:"disruptions"`
	Gaps        []gap          `json:"gaps"`
}

// clusterSpec is a version of the spec.
type clusterSpec struct {
	moment
	Generation int64    `json:"generation"`
	Instances  int64    `json:"instances"`
	Changed    []string `json:"changed"`
}

// clusterSpan is how things stood for a while.
type clusterSpan struct {
	moment
	UntilNS        int64 `json:"until_ns"`
	UntilNotBefore int64 `json:"until_not_before_ns"`
	Last           bool  `json:"last"`
	Spec           int   `json:"spec"`
	scene
}

// scene is how things stand: what the Cluster says, beside its pods and claims.
type scene struct {
	health
	Labelled    []string `json:"labelled"`
	Pods        int      `json:"pods"`
	ReadyPods   []string `json:"ready_pods"`
	Terminating []string `json:"terminating"`
	Unscheduled []string `json:"unscheduled"`
	Jobs        int      `json:"jobs"`
	Unsettled   []string `json:"unsettled"`
	Failing     []string `json:"failing"`
}

func (s *scene) equal(o *scene) bool {
	return s.Pods == o.Pods && s.Jobs == o.Jobs && s.health.equal(&o.health) &&
		slices.Equal(s.Labelled, o.Labelled) && slices.Equal(s.ReadyPods, o.ReadyPods) &&
		slices.Equal(s.Terminating, o.Terminating) && slices.Equal(s.Unscheduled, o.Unscheduled) &&
		slices.Equal(s.Unsettled, o.Unsettled) && slices.Equal(s.Failing, o.Failing)
}

// clusterFact is something that happened to the cluster, or a Warning about it.
type clusterFact struct {
	moment
	What string `json:"what"`
	Name string `json:"name"`
	Span int    `json:"span"`
}

// The kinds of facts.
const (
	factVolume     = "volume"
	factAttachment = "attachment"
	factPod        = "pod"
	factJob        = "job"
	factPrimary    = "primary"
	factPhase      = "phase"
	factEvent      = "event"
	factWarning    = "warning"
)

// groupGrowth is an expansion of one volume group.
type groupGrowth struct {
	Group  string `json:"group"`
	Begin  moment `json:"begin"`
	Closed bool   `json:"closed"`
	End    moment `json:"end"`
}

// reasonCount is how often Events of one reason were told about one kind of object.
type reasonCount struct {
	Kind    string `json:"kind"`
	Reason  string `json:"reason"`
	Warning bool   `json:"warning"`
	Count   int64  `json:"count"`
	First   moment `json:"first"`
	Last    moment `json:"last"`
}

// clusterDocuments makes the document of a life of a Cluster.
func clusterDocuments(h *history, k *cluster) ([]Document, error) {
	d, err := document("cluster", k.label, h.clusterDocument(k))
	return []Document{d}, err
}

// stage is one cluster with what belongs to it, while its document is made.
type stage struct {
	history *history
	cluster *cluster
	until   moment
	end     string
	pods    []*pod
	jobs    []*pod
	volumes []*volume
	signals []*signal
}

func (h *history) stageOf(k *cluster) *stage {
	s := &stage{history: h, cluster: k}
	s.until, s.end = k.lastMoment(h.end)
	for _, p := range k.pods {
		if s.covers(p.from) {
			s.pods = append(s.pods, p)
		}
	}
	for _, p := range k.jobs {
		if s.covers(p.from) {
			s.jobs = append(s.jobs, p)
		}
	}
	for _, v := range k.volumes {
		if s.covers(v.from) {
			s.volumes = append(s.volumes, v)
		}
	}
	s.signals = s.ownSignals()
	return s
}

// covers reports whether m is in the time of which the document speaks.
func (s *stage) covers(m moment) bool {
	return !m.isZero() && !m.before(s.cluster.from) && (m.before(s.until) || s.end == endOfTrace)
}

// within returns m when it is in that time, else that it never came.
func (s *stage) within(m moment) moment {
	if !s.covers(m) {
		return moment{}
	}
	return m
}

// ownSignals are the Events about the Cluster, its instances' pods and claims,
// and the Jobs that prepare them.
func (s *stage) ownSignals() []*signal {
	about := map[subject]bool{{"Cluster", s.cluster.name}: true}
	for _, p := range s.pods {
		about[subject{"Pod", p.name}] = true
	}
	for _, p := range s.jobs {
		about[subject{"Pod", p.name}] = true
		if i := strings.LastIndexByte(p.name, '-'); i > 0 {
			about[subject{"Job", p.name[:i]}] = true
		}
	}
	for _, v := range s.volumes {
		about[subject{"PersistentVolumeClaim", v.name}] = true
	}
	return slices.DeleteFunc(s.history.signalsAbout(s.cluster.namespace, about), func(e *signal) bool {
		return !s.covers(e.moment)
	})
}

func (h *history) clusterDocument(k *cluster) clusterDocument {
	s := h.stageOf(k)
	d := clusterDocument{
		Namespace: k.namespace, Cluster: k.name, Seen: k.seen, Born: k.born, FromNS: k.from.NS,
		Until: s.end, UntilSeq: s.until.Seq, UntilNS: s.until.NS,
		Specs: []clusterSpec{}, Builds: append([]buildPoint{}, k.builds...), Spans: s.spans(),
		Elections: s.elections(), Writers: h.writersOf(k),
		Pods: []instanceLife{}, Claims: []claimLife{}, Operations: []groupGrowth{},
		Reasons: s.reasons(), Events: h.told, Nodes: len(h.nodes) > 0,
		Disruptions: append([]disruption{}, h.disruptionsOf(k)...), Gaps: h.gapsOf(k, s.until, "events", "nodes"),
	}
	for _, c := range k.changes {
		if s.covers(c.moment) {
			d.Specs = append(d.Specs, clusterSpec{c.moment, c.generation, c.instances, c.fields})
		}
	}
	for _, p := range s.pods {
		d.Pods = append(d.Pods, s.instanceLife(p, d.Spans))
	}
	for _, v := range s.volumes {
		d.Claims = append(d.Claims, s.claimLife(v))
	}
	for _, g := range h.groupsOf(k) {
		for _, o := range g.timeline.Operations {
			d.Operations = append(d.Operations, groupGrowth{
				strings.TrimPrefix(g.entity(), k.label+"/"), o.Begin, o.Closed, o.End,
			})
		}
	}
	d.Facts = s.facts(d.Spans)
	return d
}

// reasons counts the Events by kind and reason, in order of the first.
func (s *stage) reasons() []reasonCount {
	out := []reasonCount{}
	told := map[string]int64{}
	for _, e := range s.signals {
		i := slices.IndexFunc(out, func(r reasonCount) bool {
			return r.Kind == e.kind && r.Reason == e.reason && r.Warning == e.warning
		})
		if i < 0 {
			i = len(out)
			out = append(out, reasonCount{Kind: e.kind, Reason: e.reason, Warning: e.warning, First: e.moment})
		}
		out[i].Last = e.moment
		out[i].Count += max(e.count-told[e.id], 0)
		told[e.id] = max(told[e.id], e.count)
	}
	return out
}

// change is something that alters the scene.
type change struct {
	moment
	alter func(*sceneState)
}

// sceneState is what the scene is made of.
type sceneState struct {
	health  health
	spec    int
	pods    map[*pod]podState
	jobs    map[*pod]podState
	volumes map[*volume]volumePoint
	failing map[*volume]bool
	modes   map[groupKey]string
}

// changes lists what alters the scene, in the order of the trace.
func (s *stage) changes() []change {
	var out []change
	add := func(m moment, alter func(*sceneState)) {
		if s.covers(m) {
			out = append(out, change{m, alter})
		}
	}
	for _, p := range s.cluster.health {
		add(p.moment, func(t *sceneState) { t.health = p.health })
	}
	for i, c := range s.cluster.changes {
		add(c.moment, func(t *sceneState) { t.spec = i })
	}
	for key, g := range s.cluster.groups {
		for _, b := range g.blocks {
			add(b.moment, func(t *sceneState) { t.modes[key] = b.Mode })
		}
	}
	for _, p := range s.pods {
		for _, o := range p.points {
			add(o.moment, func(t *sceneState) { t.pods[p] = o.podState })
		}
		add(p.gone, func(t *sceneState) { delete(t.pods, p) })
	}
	for _, p := range s.jobs {
		for _, o := range p.points {
			add(o.moment, func(t *sceneState) { t.jobs[p] = o.podState })
		}
		add(p.gone, func(t *sceneState) { delete(t.jobs, p) })
	}
	for _, v := range s.volumes {
		for _, o := range v.points {
			if v.left.isZero() || o.before(v.left) {
				add(o.moment, func(t *sceneState) { t.volumes[v] = o })
			}
		}
		for _, o := range v.failing {
			add(o.moment, func(t *sceneState) { t.failing[v] = o.on })
		}
		add(v.left, func(t *sceneState) { delete(t.volumes, v); delete(t.failing, v) })
	}
	slices.SortStableFunc(out, func(a, b change) int { return cmp.Compare(a.Seq, b.Seq) })
	return out
}

// spans joins the change points: a span begins whenever the scene differs.
func (s *stage) spans() []clusterSpan {
	out := []clusterSpan{}
	state := &sceneState{
		spec: -1, pods: map[*pod]podState{}, jobs: map[*pod]podState{},
		volumes: map[*volume]volumePoint{}, failing: map[*volume]bool{}, modes: map[groupKey]string{},
	}
	changes := s.changes()
	for i, c := range changes {
		c.alter(state)
		if i+1 < len(changes) && changes[i+1].Seq == c.Seq {
			continue
		}
		span := clusterSpan{moment: c.moment, Spec: state.spec, scene: state.scene()}
		n := len(out)
		if n > 0 && out[n-1].Spec == span.Spec && out[n-1].scene.equal(&span.scene) {
			continue
		}
		if n > 0 {
			out[n-1].UntilNS, out[n-1].UntilNotBefore = c.NS, c.NotBefore
		}
		out = append(out, span)
	}
	if n := len(out); n > 0 {
		out[n-1].Last, out[n-1].UntilNS, out[n-1].UntilNotBefore = true, s.until.NS, s.until.NotBefore
	}
	return out
}

// spanAt returns the index of the span in which m lies; -1 when it never came.
func spanAt(spans []clusterSpan, m moment) int {
	if m.isZero() {
		return -1
	}
	i, found := slices.BinarySearchFunc(spans, m.Seq, func(s clusterSpan, seq uint64) int {
		return cmp.Compare(s.Seq, seq)
	})
	if found {
		return i
	}
	return i - 1
}

// scene renders the state.
func (t *sceneState) scene() scene {
	out := scene{
		health: t.health, Labelled: []string{}, ReadyPods: []string{}, Terminating: []string{},
		Unscheduled: []string{}, Unsettled: []string{}, Failing: []string{},
	}
	for p, state := range t.pods {
		if state.leaving {
			out.Terminating = append(out.Terminating, p.name)
			continue
		}
		out.Pods++
		if state.ready {
			out.ReadyPods = append(out.ReadyPods, p.instance)
		}
		if state.primary {
			out.Labelled = append(out.Labelled, p.name)
		}
		if state.unscheduled {
			out.Unscheduled = append(out.Unscheduled, p.name)
		}
	}
	for _, state := range t.jobs {
		if state.running && !state.leaving {
			out.Jobs++
		}
	}
	peak := map[groupKey]int64{}
	for v, p := range t.volumes {
		peak[v.group] = max(peak[v.group], p.request)
	}
	for v, p := range t.volumes {
		equal := t.modes[v.group] == modeDynamic && v.group.role != roleWAL // all are to have the same size
		if p.resizing || p.capacity < p.request || equal && p.request < peak[v.group] {
			out.Unsettled = append(out.Unsettled, v.name)
		}
		if t.failing[v] {
			out.Failing = append(out.Failing, v.name)
		}
	}
	for _, list := range [][]string{
		out.ReadyPods, out.Labelled, out.Terminating, out.Unscheduled, out.Unsettled, out.Failing,
	} {
		slices.Sort(list)
	}
	return out
}

// facts lists what happened and what was warned of, in the order of the trace.
func (s *stage) facts(spans []clusterSpan) []clusterFact {
	out := s.happenings()
	slices.SortStableFunc(out, func(a, b clusterFact) int { return cmp.Compare(a.Seq, b.Seq) })
	told := map[string]bool{}
	out = slices.DeleteFunc(out, func(f clusterFact) bool {
		again := f.What == factPhase && told[f.Name]
		if f.What != factPhase && f.What != factWarning {
			clear(told)
		}
		told[f.Name] = told[f.Name] || f.What == factPhase
		return again
	})
	out = slices.CompactFunc(out, func(a, b clusterFact) bool {
		return a.Seq == b.Seq && a.What == b.What && a.Name == b.Name
	})
	for i := range out {
		out[i].Span = spanAt(spans, out[i].moment)
	}
	return out
}

// happenings lists all facts, and every phase that was told.
func (s *stage) happenings() []clusterFact {
	out := []clusterFact{}
	add := func(m moment, what, name string) {
		if s.covers(m) {
			out = append(out, clusterFact{moment: m, What: what, Name: name})
		}
	}
	for _, v := range s.volumes {
		for _, p := range v.points {
			add(p.moment, factVolume, v.name)
		}
		add(v.left, factVolume, v.name)
		for _, a := range s.history.attachments[v.volumeName] {
			add(a.moment, factAttachment, v.name)
		}
	}
	for what, pods := range map[string][]*pod{factPod: s.pods, factJob: s.jobs} {
		for _, p := range pods {
			for _, o := range p.points {
				add(o.moment, what, p.name)
			}
			add(p.scheduled, what, p.name)
			add(p.gone, what, p.name)
		}
	}
	var last health
	for _, p := range s.cluster.health {
		if p.Current != last.Current || p.Timeline != last.Timeline {
			add(p.moment, factPrimary, p.Current)
		}
		if p.Phase != last.Phase || p.Reason != last.Reason {
			add(p.moment, factPhase, strings.TrimSpace(p.Phase+" "+p.Reason))
		}
		last = p.health
	}
	for _, e := range s.signals {
		switch {
		case e.warning:
			add(e.moment, factWarning, e.kind+"/"+e.name+" "+e.reason)
		case !e.repeated:
			add(e.moment, factEvent, e.kind+"/"+e.name+" "+e.reason)
		}
	}
	return out
}
