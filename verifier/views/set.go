package views

import (
	"cmp"
	"maps"
	"slices"
)

// setDocument is what became of the elements that one sentinel workload wrote,
// in the semantics of Jepsen's set-full checker.
type setDocument struct {
	Namespace     string         `json:"namespace"`
	Cluster       string         `json:"cluster"`
	Workload      string         `json:"workload"`
	Sentinel      bool           `json:"sentinel"`
	Synchronous   bool           `json:"synchronous"`
	Attempted     int64          `json:"attempted"`
	Acknowledged  int64          `json:"acknowledged"`
	Reads         int            `json:"reads"`
	LastReadSeq   uint64         `json:"last_read_seq"`
	LastReadNS    int64          `json:"last_read_ns"`
	UntilSeq      uint64         `json:"until_seq"`
	UntilNS       int64          `json:"until_ns"`
	Stable        elementGroup   `json:"stable"`
	Recovered     elementGroup   `json:"recovered"`
	NeverRead     elementGroup   `json:"never_read"`
	Unexpected    elementGroup   `json:"unexpected"`
	Duplicated    elementGroup   `json:"duplicated"`
	Lost          []lostGroup    `json:"lost"`
	Interruptions []interruption `json:"interruptions"`
	Deleted       moment         `json:"deleted"`
}

// elementGroup is a set of elements with the events that bear witness to it.
type elementGroup struct {
	Elements string   `json:"elements"`
	Count    int64    `json:"count"`
	Seq      []uint64 `json:"seq"`
}

// lostGroup is elements that were lost in the same way.
type lostGroup struct {
	elementGroup
	Told     bool   `json:"told"` // somebody had an acknowledgement
	Crash    bool   `json:"crash"`
	Failover uint64 `json:"failover_seq"`
	Standby  string `json:"standby"`
}

// What is known of an element on the standby that was elected, before the crash.
const (
	standbyHad     = "had"
	standbyLacked  = "lacked"
	standbyUnknown = "unknown"
	standbyNone    = "none" // no standby was elected after the acknowledgement
)

// interruption is a disruption or an expansion of the cluster.
type interruption struct {
	Kind        string `json:"kind"`
	Subject     string `json:"subject"`
	Begin       moment `json:"begin"`
	Ended       bool   `json:"ended"`
	End         moment `json:"end"`
	WriteBefore uint64 `json:"write_before_seq"`
	ReadAfter   uint64 `json:"read_after_seq"`
}

const growthInterruption = "growth"

// setDocuments makes one document per workload of a cluster, and one where no
// sentinel watched it.
func setDocuments(h *history, k *cluster) ([]Document, error) {
	if len(k.sentinels) == 0 {
		d, err := document("set", k.label, workload{history: h, cluster: k}.document())
		return []Document{d}, err
	}
	return documentsOf("set", h.workloads(k, k.sentinels), func(w workload) (string, any) {
		return k.label + "/" + cmp.Or(w.name, "sentinel"), w.document()
	})
}

// strayDocuments makes one document per workload of which the cluster is unknown,
// and one for the trace when there is neither workload nor cluster.
func strayDocuments(h *history) ([]Document, error) {
	if len(h.strays)+len(h.clusters) == 0 {
		d, err := document("set", "trace", workload{history: h}.document())
		return []Document{d}, err
	}
	return documentsOf("set", h.workloads(nil, h.strays), func(w workload) (string, any) {
		return cmp.Or(w.name, "sentinel"), w.document()
	})
}

// workload is one sentinel on one cluster.
type workload struct {
	history *history
	cluster *cluster // nil when it is unknown
	name    string
	events  []sentinelEvent
}

// workloads groups the events of the sentinels of one cluster.
func (h *history) workloads(k *cluster, sentinels []sentinelEvent) []workload {
	var out []workload
	at := map[string]int{}
	for _, e := range sentinels {
		i, known := at[e.workload]
		if !known {
			i = len(out)
			at[e.workload] = i
			out = append(out, workload{history: h, cluster: k, name: e.workload})
		}
		out[i].events = append(out[i].events, e)
	}
	return out
}

// clusterAt finds the life of the cluster of which a sentinel speaks.
func (h *history) clusterAt(e sentinelEvent) *cluster {
	if e.name == "" && len(h.clusters) == 1 {
		return h.clusters[0]
	}
	var found *cluster
	for _, k := range h.named[e.namespace+"/"+e.name] {
		if found == nil || !e.before(k.from) {
			found = k
		}
	}
	return found
}

// ledger is what the writes of a workload came to.
type ledger struct {
	attempted map[int64]bool
	failed    map[int64]bool
	acks      map[int64]sentinelEvent
	numbers   []int64         // of attempts, rising
	reads     []sentinelEvent // in order
}

func (w workload) ledger() ledger {
	l := ledger{attempted: map[int64]bool{}, failed: map[int64]bool{}, acks: map[int64]sentinelEvent{}}
	for _, e := range w.events {
		switch e.kind {
		case sentinelRead:
			l.reads = append(l.reads, e)
			continue
		case sentinelAcknowledged:
			if _, twice := l.acks[e.n]; !twice {
				l.acks[e.n] = e
			}
		case sentinelFailed:
			l.failed[e.n] = true
		}
		l.attempted[e.n] = true
	}
	l.numbers = slices.Sorted(maps.Keys(l.attempted))
	return l
}

func (w workload) document() setDocument {
	h := w.history
	d := setDocument{
		Workload: w.name, Sentinel: len(w.events) > 0,
		UntilSeq: h.end.Seq, UntilNS: h.end.NS, Lost: []lostGroup{}, Interruptions: []interruption{},
	}
	l := w.ledger()
	if w.cluster != nil {
		d.Namespace, d.Cluster, d.Deleted = w.cluster.namespace, w.cluster.name, w.cluster.left
		d.Synchronous = w.cluster.synchronousThroughout(w.events)
		d.Interruptions = append(d.Interruptions, w.interruptions(l)...)
	}
	d.Attempted, d.Acknowledged = int64(len(l.attempted)), int64(len(l.acks))
	for _, r := range l.reads {
		if r.primary && r.complete {
			d.Reads, d.LastReadSeq, d.LastReadNS = d.Reads+1, r.Seq, r.NS
		}
	}
	w.classify(l, &d)
	d.Unexpected, d.Duplicated = l.unexpected(), l.duplicated()
	return d
}

// synchronousThroughout reports whether every acknowledgement was given while
// commits waited for a standby.
func (c *cluster) synchronousThroughout(events []sentinelEvent) bool {
	if len(c.sync) == 0 {
		return false
	}
	for _, e := range events {
		if e.kind != sentinelAcknowledged {
			continue
		}
		last := c.sync[0]
		for _, p := range c.sync {
			if p.before(e.moment) {
				last = p
			}
		}
		if !last.synchronous {
			return false
		}
	}
	return true
}

// fate is what the reads say of one element.
type fate int

const (
	fateNothing fate = iota // no read that could tell
	fatePresent
	fateAbsent
)

// fateOf looks for the last read of a primary that proves something. That an
// element is missing in a read proves nothing unless the read was complete and
// began after the element was known.
func (l ledger) fateOf(n int64, known moment) (fate, sentinelEvent) {
	for _, r := range slices.Backward(l.reads) {
		switch {
		case !r.primary:
		case r.found.contains(n):
			return fatePresent, r
		case r.complete && !known.isZero() && known.before(r.moment) && r.NotBefore >= known.NS:
			return fateAbsent, r
		}
	}
	return fateNothing, sentinelEvent{}
}

// knownAt is when an element was first known to be written: its acknowledgement,
// or the first read of a primary that found it.
func (l ledger) knownAt(n int64) moment {
	if ack, ok := l.acks[n]; ok {
		return ack.moment
	}
	for _, r := range l.reads {
		if r.primary && r.found.contains(n) {
			return r.moment
		}
	}
	return moment{}
}

// classify sorts the attempted elements.
func (w workload) classify(l ledger, d *setDocument) {
	var stable, recovered, never []int64
	lost := map[lostKey]*lostElements{}
	for _, n := range l.numbers {
		if l.failed[n] {
			continue
		}
		_, acknowledged := l.acks[n]
		known := l.knownAt(n)
		outcome, read := l.fateOf(n, known)
		switch {
		case outcome == fatePresent && acknowledged:
			stable = append(stable, n)
		case outcome == fatePresent:
			recovered = append(recovered, n)
		case outcome == fateAbsent:
			w.lose(l, n, known, read, lost)
		case acknowledged:
			never = append(never, n)
		}
	}
	d.Stable, d.Recovered = groupOf(stable), groupOf(recovered)
	d.NeverRead = groupOf(never, firstAck(l, never)...)
	for _, k := range slices.SortedFunc(maps.Keys(lost), lostKey.compare) {
		group := lost[k]
		d.Lost = append(d.Lost, lostGroup{
			elementGroup: groupOf(group.numbers, group.known.Seq, group.read.Seq),
			Told:         !k.untold, Crash: k.failover != 0, Failover: k.failover, Standby: k.standby,
		})
	}
}

type lostKey struct {
	untold   bool
	failover uint64
	standby  string
}

func (k lostKey) compare(o lostKey) int {
	if k.untold != o.untold {
		return map[bool]int{false: -1, true: 1}[k.untold]
	}
	return cmp.Or(cmp.Compare(k.failover, o.failover), cmp.Compare(k.standby, o.standby))
}

type lostElements struct {
	numbers     []int64
	known, read moment
}

func (w workload) lose(l ledger, n int64, known moment, read sentinelEvent, lost map[lostKey]*lostElements) {
	_, told := l.acks[n]
	key := lostKey{untold: !told, standby: standbyNone}
	if failover, ok := w.crashAfter(known); ok {
		key.failover, key.standby = failover.Begin.Seq, l.onStandby(n, failover)
	}
	if lost[key] == nil {
		lost[key] = &lostElements{known: known, read: read.moment}
	}
	lost[key].numbers = append(lost[key].numbers, n)
}

// crashAfter returns the first crash failover that was not over when the
// element was known: the one that may have cost it.
func (w workload) crashAfter(known moment) (disruption, bool) {
	if w.cluster == nil {
		return disruption{}, false
	}
	for _, d := range w.history.disruptionsOf(w.cluster) {
		if d.Kind == primaryChanged && d.Crash && (!d.Ended || known.before(d.End)) {
			return d, true
		}
	}
	return disruption{}, false
}

// onStandby says what is known of the element on the elected standby before the
// crash: from a read there that found it, or from the position it had reached.
func (l ledger) onStandby(n int64, failover disruption) string {
	ack := l.acks[n]
	answer := standbyUnknown
	for _, r := range l.reads {
		if r.primary || r.instance != failover.to || !r.before(failover.Begin) {
			continue
		}
		switch {
		case r.found.contains(n), ack.lsn > 0 && r.lsn >= ack.lsn:
			return standbyHad
		case r.NotBefore >= ack.NS && (r.complete || r.lsn > 0):
			answer = standbyLacked
		}
	}
	return answer
}

// expected are the elements that somebody tried to write and that were not refused.
func (l ledger) expected() elements {
	var allowed []int64
	for _, n := range l.numbers {
		if !l.failed[n] {
			allowed = append(allowed, n)
		}
	}
	return elementsOf(allowed)
}

// unexpected are elements that a read found though nobody wrote them, or though
// the server had refused them.
func (l ledger) unexpected() elementGroup {
	expected := l.expected()
	var all elements
	var seq []uint64
	for _, r := range l.reads {
		if extra := r.found.minus(expected).minus(all); len(extra) > 0 {
			all, seq = all.union(extra), append(seq, r.Seq)
		}
	}
	return elementGroup{Elements: all.String(), Count: all.count(), Seq: append([]uint64{}, seq...)}
}

// duplicated are elements that a read found more than once.
func (l ledger) duplicated() elementGroup {
	var all elements
	seq := []uint64{}
	for _, r := range l.reads {
		if more := r.duplicates.minus(all); len(more) > 0 {
			all, seq = all.union(more), append(seq, r.Seq)
		}
	}
	return elementGroup{Elements: all.String(), Count: all.count(), Seq: seq}
}

func groupOf(numbers []int64, seq ...uint64) elementGroup {
	set := elementsOf(numbers)
	return elementGroup{Elements: set.String(), Count: set.count(), Seq: append([]uint64{}, seq...)}
}

func firstAck(l ledger, numbers []int64) []uint64 {
	if len(numbers) == 0 {
		return nil
	}
	return []uint64{l.acks[numbers[0]].Seq}
}

// interruptions lists what happened to the cluster, each with the last
// acknowledgement before it and the first complete read of a primary that began
// after it.
func (w workload) interruptions(l ledger) []interruption {
	var out []interruption
	for _, d := range w.history.disruptionsOf(w.cluster) {
		out = append(out, interruption{Kind: d.Kind, Subject: d.Subject, Begin: d.Begin, Ended: d.Ended, End: d.End})
	}
	for _, g := range w.history.groupsOf(w.cluster) {
		for _, o := range g.timeline.Operations {
			out = append(out, interruption{
				Kind: growthInterruption, Subject: g.entity(), Begin: o.Begin, Ended: o.Closed, End: o.End,
			})
		}
	}
	for i := range out {
		o := &out[i]
		for _, ack := range l.acks {
			if ack.before(o.Begin) {
				o.WriteBefore = max(o.WriteBefore, ack.Seq)
			}
		}
		for _, r := range l.reads {
			if r.primary && r.complete && o.Ended && o.End.before(r.moment) && r.NotBefore >= o.End.NS {
				o.ReadAfter = r.Seq
				break
			}
		}
	}
	slices.SortStableFunc(out, func(a, b interruption) int { return cmp.Compare(a.Begin.Seq, b.Begin.Seq) })
	return out
}
