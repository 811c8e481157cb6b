package views

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// nodeWait is a node on which the cluster had a pod, while it was unschedulable
// or not ready.
type nodeWait struct {
	waitInterval
	Node      string       `json:"node"`
	Kind      string       `json:"kind"`
	Own       []string     `json:"own"`
	Listed    bool         `json:"listed"`
	Left      []string     `json:"left"`
	LeftSeq   []uint64     `json:"left_seq"`
	Remaining []remainsPod `json:"remaining"`
}

// remainsPod is a pod on an unschedulable node that nobody had deleted.
type remainsPod struct {
	Namespace string      `json:"namespace"`
	Pod       string      `json:"pod"`
	Owner     string      `json:"owner"`
	Own       bool        `json:"own"`
	FromNS    int64       `json:"from_ns"`
	UntilNS   int64       `json:"until_ns"`
	Seq       []uint64    `json:"seq"`
	Budgets   []refusance `json:"budgets"`
}

// refusance is a budget that covered the pod and allowed no disruption.
type refusance struct {
	Namespace string   `json:"namespace"`
	Budget    string   `json:"budget"`
	Own       bool     `json:"own"`
	FromNS    int64    `json:"from_ns"`
	UntilNS   int64    `json:"until_ns"`
	Healthy   int64    `json:"healthy"`
	Desired   int64    `json:"desired"`
	Seq       []uint64 `json:"seq"`
}

// waitBudget is one life of a PodDisruptionBudget.
type waitBudget struct {
	namespace, name, cluster string
	selector                 labels.Selector
	gone                     moment
	points                   []budgetPoint
}

type budgetPoint struct {
	moment
	allowed, healthy, desired int64
}

func (w *waiting) observeBudget(h *history, c *trace.Change) {
	b := w.budgets[c.Object]
	if b == nil {
		b = &waitBudget{namespace: c.Object.Namespace, name: c.Object.Name}
		w.budgets[c.Object] = b
		w.budgetsIn[b.namespace] = append(w.budgetsIn[b.namespace], b)
	}
	if c.Type == trace.Deleted {
		b.gone = momentOf(c)
		return
	}
	for _, ref := range c.State.At("metadata", "ownerReferences").Each() {
		if ref.At("kind").String() == "Cluster" {
			b.cluster = ref.At("name").String()
		}
	}
	b.selector = selectorOf(c.State.At("spec", "selector"))
	status := c.State.At("status")
	next := budgetPoint{
		momentOf(c), intOr(status.At("disruptionsAllowed"), 0), intOr(status.At("currentHealthy"), 0),
		intOr(status.At("desiredHealthy"), 0),
	}
	b.points = append(b.points, next)
}

// selectorOf reads a label selector; one that cannot be read selects nothing.
func selectorOf(s trace.State) labels.Selector {
	if !s.Exists() {
		return labels.Nothing()
	}
	written := metav1.LabelSelector{MatchLabels: map[string]string{}}
	for key, value := range s.At("matchLabels").Each() {
		written.MatchLabels[key] = value.String()
	}
	for _, e := range s.At("matchExpressions").Each() {
		r := metav1.LabelSelectorRequirement{
			Key: e.At("key").String(), Operator: metav1.LabelSelectorOperator(e.At("operator").String()),
		}
		for _, value := range e.At("values").Each() {
			r.Values = append(r.Values, value.String())
		}
		written.MatchExpressions = append(written.MatchExpressions, r)
	}
	selector, err := metav1.LabelSelectorAsSelector(&written)
	if err != nil {
		return labels.Nothing()
	}
	return selector
}

// drainList is what the recorder saw of foreign pods on an unschedulable node.
type drainList struct {
	moment
	pods []foreignPod
}

type foreignPod struct {
	namespace, name, uid, owner string
	labels                      labels.Set
	terminating                 bool
}

func (w *waiting) observeDrain(c *trace.Change) {
	l := drainList{moment: momentOf(c)}
	for _, p := range c.State.At("pods").Each() {
		f := foreignPod{
			namespace: p.At("namespace").String(), name: p.At("name").String(), uid: p.At("uid").String(),
			owner: p.At("owner").String(), terminating: p.At("terminating").Bool(), labels: labels.Set{},
		}
		for key, value := range p.At("labels").Each() {
			f.labels[key] = value.String()
		}
		l.pods = append(l.pods, f)
	}
	node := c.State.At("node").String()
	w.drains[node] = append(w.drains[node], l)
}

func (w *waits) nodeWaits() []nodeWait {
	out := []nodeWait{}
	for name := range w.nodes() {
		n := w.history.nodes[name]
		if n == nil {
			continue
		}
		for kind, points := range map[string][]nodePoint{
			nodeUnschedulable: n.unschedulable, nodeNotReady: n.notReady,
		} {
			for i, p := range points {
				if !p.on {
					continue
				}
				var end moment
				if i+1 < len(points) {
					end = points[i+1].moment
				}
				if row, ok := w.nodeWait(name, kind, p.moment, end, i > 0); ok {
					out = append(out, row)
				}
			}
		}
	}
	slices.SortFunc(out, func(a, b nodeWait) int {
		return strings.Compare(a.Node+a.Kind, b.Node+b.Kind)
	})
	return sorted(out, func(r nodeWait) waitInterval { return r.waitInterval })
}

// nodes are those on which pods of the cluster were last.
func (w *waits) nodes() map[string]bool {
	out := map[string]bool{}
	for _, p := range w.pods {
		if n := len(p.points); n > 0 {
			out[p.points[n-1].node] = true
		}
	}
	return out
}

func (w *waits) nodeWait(node, kind string, begin, end moment, known bool) (nodeWait, bool) {
	row := nodeWait{
		Node: node, Kind: kind, Own: []string{}, Left: []string{}, LeftSeq: []uint64{},
		Remaining: []remainsPod{},
	}
	var ok bool
	if row.waitInterval, ok = w.interval(begin, end, known); !ok {
		return row, false
	}
	if !slices.ContainsFunc(w.pods, func(p *waitPod) bool { return p.standsOn(node, row.waitInterval) }) {
		return row, false
	}
	for _, p := range w.standing[node] {
		if !p.standsOn(node, row.waitInterval) {
			continue
		}
		if p.owner == w.cluster {
			row.Own = append(row.Own, p.name)
		}
		if kind == nodeUnschedulable && !p.isLeftAlone() {
			w.addStay(&row, stayOf(p))
		}
	}
	if kind == nodeUnschedulable {
		for _, s := range w.foreignStays(node, &row) {
			w.addStay(&row, s)
		}
	}
	row.LeftSeq = evidence(row.LeftSeq...)
	return row, true
}

// standsOn reports whether the pod was on the node when the interval began, or
// came there in it.
func (p *waitPod) standsOn(node string, i waitInterval) bool {
	if len(p.points) == 0 || p.points[len(p.points)-1].node != node || p.from.NS > i.UntilNS {
		return false
	}
	end := earliest(p.gone, p.finished())
	return end.isZero() || i.Begin.before(end)
}

// isLeftAlone reports whether a drain leaves the pod where it is: of a DaemonSet,
// or static.
func (p *waitPod) isLeftAlone() bool {
	return p.static || strings.HasPrefix(p.controller, "DaemonSet/")
}

// stay is a pod on an unschedulable node, from whatever source it is known.
type stay struct {
	namespace, name, owner string
	cluster                *cluster
	labels                 labels.Set
	from, left             moment
}

func stayOf(p *waitPod) stay {
	return stay{
		p.namespace, p.name, p.controller, p.owner, labels.Set(p.labels), p.from, earliest(p.left, p.gone, p.finished()),
	}
}

// foreignStays reads who was there from the recorder's lists. A list says how it
// is until the next one.
func (w *waits) foreignStays(node string, row *nodeWait) []stay {
	var out []stay
	at := map[string]int{}
	for _, l := range w.drains[node] {
		if l.NS < row.Begin.NS || l.NS > row.UntilNS {
			continue
		}
		row.Listed = true
		there := map[string]bool{}
		for _, p := range l.pods {
			if p.terminating || w.watchedPods[p.uid] {
				continue
			}
			there[p.uid] = true
			if _, known := at[p.uid]; !known {
				at[p.uid] = len(out)
				out = append(out, stay{
					namespace: p.namespace, name: p.name, owner: p.owner, labels: p.labels, from: l.moment,
				})
			}
		}
		for uid, i := range at {
			if !there[uid] && out[i].left.isZero() {
				out[i].left = l.moment
			}
		}
	}
	return out
}

// addStay writes down a pod that stayed, or that left.
func (w *waits) addStay(row *nodeWait, s stay) {
	label := s.namespace + "/" + s.name
	if s.left.before(row.Begin) {
		return // it was going already
	}
	if !s.left.isZero() && s.left.NS <= row.UntilNS {
		row.Left = append(row.Left, label)
		row.LeftSeq = append(row.LeftSeq, s.left.Seq)
	}
	from, until := max(row.Begin.NS, s.from.NS), row.UntilNS
	if !s.left.isZero() {
		until = min(until, s.left.NS)
	}
	if until <= from {
		return
	}
	r := remainsPod{
		Namespace: s.namespace, Pod: s.name, Owner: s.owner, Own: s.cluster == w.cluster,
		FromNS: from, UntilNS: until, Seq: evidence(s.from.Seq), Budgets: []refusance{},
	}
	if w.has(s.left) {
		r.Seq = evidence(s.from.Seq, s.left.Seq)
	}
	for _, b := range w.budgetsIn[s.namespace] {
		if b.selector != nil && b.selector.Matches(s.labels) {
			r.Budgets = append(r.Budgets, b.refusals(from, until, w.cluster)...)
		}
	}
	row.Remaining = append(row.Remaining, r)
}

// refusals lists when the budget allowed no disruption between two times.
func (b *waitBudget) refusals(from, until int64, k *cluster) []refusance {
	var out []refusance
	for i, p := range b.points {
		end := until
		if !b.gone.isZero() {
			end = min(end, b.gone.NS)
		}
		if i+1 < len(b.points) {
			end = min(end, b.points[i+1].NS)
		}
		begin := max(from, p.NS)
		if p.allowed > 0 || begin >= end {
			continue
		}
		if n := len(out); n > 0 && out[n-1].UntilNS == begin {
			out[n-1].UntilNS, out[n-1].Healthy, out[n-1].Desired = end, p.healthy, p.desired
			out[n-1].Seq = evidence(out[n-1].Seq[0], p.Seq)
			continue
		}
		out = append(out, refusance{
			Namespace: b.namespace, Budget: b.name, Own: b.cluster == k.name && b.namespace == k.namespace,
			FromNS: begin, UntilNS: end, Healthy: p.healthy, Desired: p.desired, Seq: []uint64{p.Seq},
		})
	}
	return out
}
