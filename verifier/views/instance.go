package views

import (
	"strings"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// labelInstanceRole says whether the pod of an instance is the primary; Services select by it.
const labelInstanceRole = "cnpg.io/instanceRole"

// labelJobRole marks the pods that prepare a volume: initdb, join and others.
const labelJobRole = "cnpg.io/jobRole"

// podState is how a pod is, as far as the views tell of it.
type podState struct {
	running     bool // in phase Running
	ready       bool
	unscheduled bool // the scheduler found no node
	primary     bool // by its label
	leaving     bool
}

type podPoint struct {
	moment
	podState
}

// observe folds one version of the pod that is not its deletion.
func (p *pod) observe(m moment, s trace.State) {
	now := podState{
		running: s.At("status", "phase").String() == "Running",
		primary: s.At("metadata", "labels", labelInstanceRole).String() == "primary",
		leaving: !p.left.isZero(),
	}
	for _, condition := range s.At("status", "conditions").Each() {
		status := condition.At("status").String()
		switch condition.At("type").String() {
		case conditionReady:
			now.ready = status == "True"
		case "PodScheduled":
			now.unscheduled = status == "False"
		case "DisruptionTarget":
			p.evicted = p.evicted || status == "True"
		}
	}
	if p.scheduled.isZero() && s.At("spec", "nodeName").String() != "" {
		p.scheduled = m
	}
	if n := len(p.points); n == 0 || p.points[n-1].podState != now {
		p.points = append(p.points, podPoint{m, now})
	}
}

// isReady reports whether the last version of the pod was ready.
func (p *pod) isReady() bool { return len(p.points) > 0 && p.points[len(p.points)-1].ready }

// wasReady reports whether the pod was ready just before it began to go, or is
// ready at m when it has not begun to go by then.
func (p *pod) wasReady(m moment) bool {
	if p.left.before(m) {
		m = p.left
	}
	ready := false
	for _, o := range p.points {
		if o.before(m) && !o.leaving {
			ready = o.ready
		}
	}
	return ready
}

// instanceLife is one life of the pod of an instance.
type instanceLife struct {
	moment
	Pod       string `json:"pod"`
	UID       string `json:"uid"`
	Instance  string `json:"instance"`
	Node      string `json:"node"`
	Created   bool   `json:"created"`
	Scheduled moment `json:"scheduled"`
	Ready     moment `json:"ready"`
	Restarts  int    `json:"restarts"`
	Left      moment `json:"left"`
	Gone      moment `json:"gone"`
	Healthy   bool   `json:"healthy"`
	Evicted   bool   `json:"evicted"`
	Displaced bool   `json:"displaced"`
	Wanted    int64  `json:"wanted"`
	Others    int    `json:"others"`
}

// instanceLife tells of a pod, up to the end of what is told.
func (s *stage) instanceLife(p *pod, spans []clusterSpan) instanceLife {
	left := s.within(p.left)
	l := instanceLife{
		moment: p.from, Pod: p.name, UID: p.uid, Instance: p.instance, Node: p.node, Created: p.created,
		Scheduled: s.within(p.scheduled), Ready: s.within(p.ready), Left: left, Gone: s.within(p.gone),
		Healthy: !left.isZero() && p.wasReady(left), Evicted: p.evicted,
		Displaced: !left.isZero() && s.history.unfit(p.node, left),
	}
	for _, m := range p.restarted {
		if s.covers(m) {
			l.Restarts++
		}
	}
	if at := spanAt(spans, left); at >= 0 {
		l.Wanted = spans[at].Wanted
		for _, instance := range spans[at].ReadyPods {
			if instance != p.instance {
				l.Others++
			}
		}
	}
	return l
}

// unfit reports whether the node was unschedulable, not ready or gone at m.
func (h *history) unfit(name string, m moment) bool {
	n := h.nodes[name]
	return n != nil && (onAt(n.unschedulable, m) || onAt(n.notReady, m))
}

func onAt(points []nodePoint, m moment) bool {
	on := false
	for _, p := range points {
		if p.Seq <= m.Seq {
			on = p.on
		}
	}
	return on
}

// claimLife is one life of a claim of the cluster.
type claimLife struct {
	moment
	Volume    string `json:"volume"`
	UID       string `json:"uid"`
	Role      string `json:"role"`
	Instance  string `json:"instance"`
	Created   bool   `json:"created"`
	Left      moment `json:"left"`
	Healthy   bool   `json:"healthy"`
	Displaced bool   `json:"displaced"`
}

// claimLife tells of a claim, and of the instance that lost it: its last pod.
func (s *stage) claimLife(v *volume) claimLife {
	l := claimLife{
		moment: v.from, Volume: v.name, UID: v.uid, Role: v.group.role, Instance: v.instance,
		Created: v.created, Left: s.within(v.left),
	}
	if l.Left.isZero() {
		return l
	}
	for _, p := range s.pods {
		if p.instance == v.instance && p.from.before(v.left) {
			l.Healthy, l.Displaced = p.wasReady(v.left), s.history.unfit(p.node, earliest(p.left, v.left))
		}
	}
	return l
}

// isFailing reports whether the claim says that its expansion fails, or cannot
// succeed.
func isFailing(s trace.State) bool {
	if strings.Contains(s.At("status", "allocatedResourceStatuses", "storage").String(), "Infeasible") {
		return true
	}
	for _, condition := range s.At("status", "conditions").Each() {
		if strings.HasSuffix(condition.At("type").String(), "ResizeError") && condition.At("status").String() != "False" {
			return true
		}
	}
	return false
}
