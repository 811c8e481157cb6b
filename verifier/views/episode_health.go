package views

import (
	"cmp"
	"slices"
	"sort"
)

// healthSpan is how a cluster stood until something changed.
type healthSpan struct {
	moment
	UntilNS           int64    `json:"until_ns"`
	UntilNotBefore    int64    `json:"until_not_before_ns"`
	Last              bool     `json:"last"`
	Seen              bool     `json:"seen"`
	Phase             string   `json:"phase"`
	PhaseReason       string   `json:"phase_reason"`
	Ready             string   `json:"ready"`
	ReadyReason       string   `json:"ready_reason"`
	Generation        int64    `json:"generation"`
	Wanted            int64    `json:"wanted"`
	Instances         int64    `json:"instances"`
	ReadyInstances    int64    `json:"ready_instances"`
	Pods              []string `json:"pods"`
	ReadyPods         []string `json:"ready_pods"`
	Terminating       []string `json:"terminating"`
	Dangling          []string `json:"dangling"`
	Unusable          []string `json:"unusable"`
	Initializing      []string `json:"initializing"`
	Resizing          []string `json:"resizing"`
	CurrentPrimary    string   `json:"current_primary"`
	TargetPrimary     string   `json:"target_primary"`
	Timeline          int64    `json:"timeline"`
	ReportedPrimaries []string `json:"reported_primaries"`
	Fenced            bool     `json:"fenced"`
	Hibernated        bool     `json:"hibernated"`

	Unsettled []unsettledClaim `json:"unsettled"`
	backup    [2]string
}

// unsettledClaim is a claim that is not as large as it is to be.
type unsettledClaim struct {
	Volume     string `json:"volume"`
	Role       string `json:"role"`
	Tablespace string `json:"tablespace"`
	Mode       string `json:"mode"`
	Resizing   bool   `json:"resizing"`
	State      string `json:"state"`
}

// healthOf is the joint timeline of the Cluster's status and its pods, without
// holes.
func (s *story) healthOf() []healthSpan {
	var changes []change
	span := healthSpan{}
	live := map[*pod]podState{}
	add := func(m moment, alter func()) {
		if s.covers(m) {
			changes = append(changes, change{m, func(*sceneState) { alter() }})
		}
	}
	for _, p := range s.cluster.health {
		add(p.moment, func() { span.take(p.health) })
	}
	for _, p := range s.fold.points {
		add(p.moment, func() { span.takeMore(p) })
	}
	for _, p := range s.pods {
		for _, o := range p.points {
			add(o.moment, func() { live[p] = o.podState })
		}
		add(p.gone, func() { delete(live, p) })
	}
	unsettled := make([][]unsettledClaim, len(s.groups))
	for i, g := range s.groups {
		for j, o := range g.timeline.Spans {
			add(o.moment, func() { unsettled[i] = g.unsettled(j) })
		}
	}
	slices.SortStableFunc(changes, func(a, b change) int { return cmp.Compare(a.Seq, b.Seq) })
	var out []healthSpan
	for i, c := range changes {
		c.alter(nil)
		if i+1 < len(changes) && changes[i+1].Seq == c.Seq {
			continue
		}
		span.Unsettled = slices.Concat(unsettled...)
		span.takePods(live)
		if n := len(out); n > 0 && out[n-1].equal(&span) {
			continue
		}
		span.moment = c.moment
		if n := len(out); n > 0 {
			out[n-1].UntilNS, out[n-1].UntilNotBefore = c.NS, c.NotBefore
		}
		out = append(out, span)
	}
	if n := len(out); n > 0 {
		out[n-1].UntilNS, out[n-1].UntilNotBefore, out[n-1].Last = s.until.NS, s.until.NotBefore, true
	}
	return out
}

// unsettled lists the claims of a span that show an expansion, have less than
// they request, or request less than another one of the group.
func (g volumeGroup) unsettled(span int) []unsettledClaim {
	var out []unsettledClaim
	o := g.timeline.Spans[span]
	for _, v := range o.Volumes {
		if !v.Resizing && v.Capacity >= v.Request && v.Request >= o.Peak {
			continue
		}
		c := unsettledClaim{
			Volume: v.Volume, Role: g.key.role, Tablespace: g.key.tablespace, Mode: modeNone, Resizing: v.Resizing,
		}
		if o.Spec >= 0 {
			c.Mode = g.timeline.Specs[o.Spec].Mode
		}
		if o.Status >= 0 {
			c.State = g.timeline.Statuses[o.Status].State
		}
		out = append(out, c)
	}
	return out
}

// equal reports whether two spans tell the same, whenever they were.
func (s *healthSpan) equal(o *healthSpan) bool {
	return s.Seen == o.Seen && s.Phase == o.Phase && s.PhaseReason == o.PhaseReason && s.Ready == o.Ready &&
		s.ReadyReason == o.ReadyReason && s.Generation == o.Generation && s.Wanted == o.Wanted &&
		s.Instances == o.Instances && s.ReadyInstances == o.ReadyInstances &&
		s.CurrentPrimary == o.CurrentPrimary && s.TargetPrimary == o.TargetPrimary && s.Timeline == o.Timeline &&
		s.Fenced == o.Fenced && s.Hibernated == o.Hibernated && s.backup == o.backup &&
		slices.Equal(s.Pods, o.Pods) && slices.Equal(s.ReadyPods, o.ReadyPods) &&
		slices.Equal(s.Terminating, o.Terminating) && slices.Equal(s.Dangling, o.Dangling) &&
		slices.Equal(s.Unusable, o.Unusable) && slices.Equal(s.Initializing, o.Initializing) &&
		slices.Equal(s.Resizing, o.Resizing) && slices.Equal(s.ReportedPrimaries, o.ReportedPrimaries) &&
		slices.Equal(s.Unsettled, o.Unsettled)
}

// readyAt reports whether the pod was Ready, and was not being deleted, at m.
func (p *pod) readyAt(m moment) bool {
	n := sort.Search(len(p.points), func(i int) bool { return p.points[i].Seq > m.Seq })
	return n > 0 && p.points[n-1].ready && !p.points[n-1].leaving && (p.gone.isZero() || m.before(p.gone))
}

func (s *healthSpan) take(h health) {
	s.Seen = true
	s.Phase, s.PhaseReason, s.Ready = h.Phase, h.Reason, h.Ready
	s.Wanted, s.Instances, s.ReadyInstances = h.Wanted, h.Instances, h.ReadyInstances
	s.Dangling, s.Unusable, s.Initializing = h.Dangling, h.Unusable, h.Initializing
	s.CurrentPrimary, s.TargetPrimary, s.Timeline = h.Current, h.Target, h.Timeline
	s.ReportedPrimaries, s.Fenced, s.Hibernated = h.Primaries, h.Fenced, h.Hibernated
}

func (s *healthSpan) takeMore(p clusterExtra) {
	s.Generation, s.ReadyReason, s.Resizing = p.generation, p.readyReason, p.resizing
	s.backup = [2]string{p.backup, p.backupReason}
}

// takePods writes down the pods as they are now.
func (s *healthSpan) takePods(live map[*pod]podState) {
	s.Pods, s.ReadyPods, s.Terminating = []string{}, []string{}, []string{}
	for p, state := range live {
		switch {
		case state.leaving:
			s.Terminating = append(s.Terminating, p.name)
			continue
		case state.ready:
			s.ReadyPods = append(s.ReadyPods, p.name)
		}
		s.Pods = append(s.Pods, p.name)
	}
	slices.Sort(s.Pods)
	slices.Sort(s.ReadyPods)
	slices.Sort(s.Terminating)
	s.Dangling, s.Unusable = list(s.Dangling), list(s.Unusable)
	s.Initializing, s.Resizing = list(s.Initializing), list(s.Resizing)
	s.ReportedPrimaries, s.Unsettled = list(s.ReportedPrimaries), list(s.Unsettled)
}

// list is never nil, so that it is written as [].
func list[T any](elements []T) []T {
	if elements == nil {
		return []T{}
	}
	return elements
}

// stretch is a time of a cluster in events of the trace: [from, until).
type stretch struct{ from, until uint64 }

func (s stretch) holds(m moment) bool { return m.Seq >= s.from && m.Seq < s.until }

// within returns the elements of a list, sorted by seq, that lie in a stretch.
func within[T any](all []T, s stretch, seq func(T) uint64) []T {
	lo := sort.Search(len(all), func(i int) bool { return seq(all[i]) >= s.from })
	hi := sort.Search(len(all), func(i int) bool { return seq(all[i]) >= s.until })
	return all[lo:max(lo, hi)]
}

// during returns what is in force in a stretch: like within, and the element
// that was in force when it began. The index of the first is returned as well.
func during[T any](all []T, s stretch, seq func(T) uint64) (int, []T) {
	lo := sort.Search(len(all), func(i int) bool { return seq(all[i]) > s.from })
	hi := sort.Search(len(all), func(i int) bool { return seq(all[i]) >= s.until })
	lo = max(lo-1, 0)
	return lo, all[lo:max(lo, hi)]
}

// healthDuring cuts the timeline to a stretch that ends with the moment horizon.
func healthDuring(all []healthSpan, s stretch, horizon moment) []healthSpan {
	_, part := during(all, s, func(h healthSpan) uint64 { return h.Seq })
	out := append([]healthSpan{}, part...)
	if n := len(out); n > 0 {
		out[n-1].UntilNS, out[n-1].UntilNotBefore, out[n-1].Last = horizon.NS, horizon.NotBefore, true
	}
	return out
}
