package views

import (
	"cmp"
	"slices"
	"strings"
)

// disruption is one interruption of a cluster that the trace shows by itself.
// One that has not ended when the trace does has Ended false and a zero End.
type disruption struct {
	Kind    string `json:"kind"`
	Subject string `json:"subject"` // pod, node or instance
	Begin   moment `json:"begin"`
	Ended   bool   `json:"ended"`
	End     moment `json:"end"`
	Crash   bool   `json:"crash"` // the primary was given up before a new one was known
	to      string // the new primary
}

// The kinds of disruptions.
const (
	podDeleted        = "pod_deleted"
	containerRestart  = "container_restarted"
	primaryChanged    = "primary_changed"
	operatorRestarted = "operator_restarted"
	nodeUnschedulable = "node_unschedulable"
	nodeNotReady      = "node_not_ready"
	markedDisruption  = "mark"
)

// The phases of marks that say where a disruption begins and ends.
const (
	markBegin = "disruption-start"
	markDone  = "disruption-injected"
	markEnd   = "disruption-end"
)

// pendingPrimary stands in targetPrimary while a failover looks for a new primary.
const pendingPrimary = "pending"

// disruptionsOf lists what interrupted the cluster, in order of begin. What
// begins with or after the deletion of the cluster is no disruption.
func (h *history) disruptionsOf(k *cluster) []disruption {
	var all []disruption
	for _, p := range k.pods {
		all = append(all, podDisruptions(p)...)
	}
	all = append(all, primaryDisruptions(k.primary)...)
	all = append(all, h.restarts...)
	all = append(all, h.nodeDisruptions(k)...)
	all = append(all, h.markedDisruptions(k)...)
	all = slices.DeleteFunc(all, func(d disruption) bool {
		return d.Begin.before(k.from) || (!k.left.isZero() && !d.Begin.before(k.left))
	})
	slices.SortStableFunc(all, func(a, b disruption) int {
		return cmp.Or(cmp.Compare(a.Begin.Seq, b.Begin.Seq), cmp.Compare(a.Kind, b.Kind),
			cmp.Compare(a.Subject, b.Subject))
	})
	return all
}

// ended closes a disruption at m, if that came.
func (d disruption) ended(m moment) disruption {
	d.Ended, d.End = !m.isZero(), m
	return d
}

func podDisruptions(p *pod) []disruption {
	var out []disruption
	if !p.left.isZero() {
		out = append(out, disruption{Kind: podDeleted, Subject: p.name, Begin: p.left}.ended(p.gone))
	}
	for _, m := range p.restarted {
		out = append(out, disruption{Kind: containerRestart, Subject: p.name, Begin: m}.ended(m))
	}
	return out
}

// primaryDisruptions reads the changes of the primary: from the moment at which
// target and current differ until they agree. A target that flaps while the
// current primary stays is one disruption.
func primaryDisruptions(points []primaryPoint) []disruption {
	var out []disruption
	var open *disruption
	from := "" // primary before the disruption out[len(out)-1]
	for _, p := range points {
		differs := p.current != "" && p.target != "" && p.current != p.target
		switch {
		case differs && open == nil && len(out) > 0 && from == p.current:
			open = &out[len(out)-1]
			open.Ended, open.End = false, moment{}
		case differs && open == nil:
			from = p.current
			out = append(out, disruption{Kind: primaryChanged, Subject: p.current, Begin: p.moment})
			open = &out[len(out)-1]
		case !differs && open != nil:
			*open = open.ended(p.moment)
			open.to = p.current
			open = nil
		}
		if open != nil && p.target == pendingPrimary {
			open.Crash = true
		}
	}
	return out
}

// operatorDisruptions reads the restarts of the operator from its pods and from
// the holder of its lease. The pod of a standby operator is no disruption.
func (h *history) operatorDisruptions() []disruption {
	var out []disruption
	for _, p := range h.operators {
		if !p.left.isZero() && h.leads(p) {
			out = append(out, disruption{
				Kind: operatorRestarted, Subject: p.name, Begin: p.left,
			}.ended(h.operatorBack(p.left)))
		}
		for _, m := range p.restarted {
			if h.leads(p) {
				d := disruption{Kind: operatorRestarted, Subject: p.name, Begin: m}
				out = append(out, d.ended(m))
			}
		}
	}
	for i, l := range h.leaders {
		if i == 0 {
			continue
		}
		d := disruption{Kind: operatorRestarted, Subject: h.leaders[i-1].holder, Begin: l.moment}
		switch {
		case h.leaders[i-1].holder == "":
			continue // part of the one before
		case l.holder != "":
			d = d.ended(l.moment)
		case i+1 < len(h.leaders):
			d = d.ended(h.leaders[i+1].moment)
		}
		out = append(out, d)
	}
	return out
}

// leads reports whether the operator pod was the leader when it left, as far as
// a lease says so. The holder's identity begins with the name of its pod.
func (h *history) leads(p *pod) bool {
	holder := ""
	for _, l := range h.leaders {
		if p.left.isZero() || l.before(p.left) {
			holder = l.holder
		}
	}
	return holder == "" || strings.HasPrefix(holder, p.name)
}

// operatorBack is when an operator is at work again after m: another pod is
// ready, or another one holds the lease.
func (h *history) operatorBack(m moment) moment {
	var back moment
	for _, p := range h.operators {
		if m.before(p.ready) {
			back = earliest(back, p.ready)
		}
	}
	for _, l := range h.leaders {
		if m.before(l.moment) && l.holder != "" {
			back = earliest(back, l.moment)
		}
	}
	return back
}

// nodeDisruptions reads the nodes on which the cluster has a pod at that moment.
func (h *history) nodeDisruptions(k *cluster) []disruption {
	var out []disruption
	for name := range k.nodes() {
		n := h.nodes[name]
		if n == nil {
			continue
		}
		for kind, points := range map[string][]nodePoint{
			nodeUnschedulable: n.unschedulable, nodeNotReady: n.notReady,
		} {
			for i, p := range points {
				if i == 0 || !p.on || !k.hasPodOn(name, p.moment) {
					continue
				}
				d := disruption{Kind: kind, Subject: name, Begin: p.moment}
				if i+1 < len(points) {
					d = d.ended(points[i+1].moment)
				}
				out = append(out, d)
			}
		}
	}
	return out
}

// nodes are those on which instances of the cluster were last.
func (c *cluster) nodes() map[string]bool {
	out := map[string]bool{}
	for _, p := range c.pods {
		out[p.node] = true
	}
	return out
}

func (c *cluster) hasPodOn(node string, m moment) bool {
	return slices.ContainsFunc(c.pods, func(p *pod) bool {
		return p.node == node && p.from.before(m) && (p.gone.isZero() || m.before(p.gone))
	})
}

// markedDisruptions takes the driver's word, where it can mean only this cluster.
func (h *history) markedDisruptions(k *cluster) []disruption {
	var out []disruption
	if len(h.clusters) != 1 {
		return nil
	}
	for i, m := range h.marks {
		if m.phase != markBegin {
			continue
		}
		out = append(out, disruption{Kind: markedDisruption, Subject: k.name, Begin: m.moment}.ended(endOf(h.marks[i+1:])))
	}
	return out
}

// endOf is when a disruption was over, by the marks after its begin. That an end did
// not come is the cluster's doing: what was done was over when it had been done.
func endOf(later []mark) moment {
	var end, done, givenUp moment
	for _, m := range later {
		switch {
		case m.phase == markDone:
			done = earliest(done, m.moment)
		case m.phase == markEnd && m.failed:
			givenUp = earliest(givenUp, m.moment)
		case m.phase == markEnd:
			end = earliest(end, m.moment)
		}
	}
	switch {
	case !end.isZero() || givenUp.isZero():
		return end
	case done.isZero():
		return givenUp
	}
	return done
}
