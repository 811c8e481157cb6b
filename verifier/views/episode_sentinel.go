package views

import (
	"cmp"
	"maps"
	"slices"
	"sort"
)

// testimony is what the sentinels of a cluster say, prepared once for all of its
// episodes.
type testimony struct {
	workload workload
	ledger   ledger
	acks     []sentinelEvent // in order
	missing  []missingElement
	silent   []sentinelEvent // acknowledgements of which no later read speaks
	probes   []probeRun
	expected elements // what somebody tried to write and was not refused

	synchronous bool
}

// missingElement is an element that a read missed and no later one found.
type missingElement struct {
	n      int64
	known  moment // when it was known to be written
	found  moment // the last read that found it, else known
	missed sentinelEvent
}

// probeRun is successive reads of one instance that was no standby.
type probeRun struct {
	moment
	Instance string `json:"instance"`
	Timeline int64  `json:"timeline"`
	Last     moment `json:"last"`
	Reads    int    `json:"reads"`
}

// episodeWorkload is what one sentinel says of one episode.
type episodeWorkload struct {
	Workload           string          `json:"workload"`
	Synchronous        bool            `json:"synchronous"`
	AcknowledgedBefore int             `json:"acknowledged_before"`
	AcknowledgedDuring int             `json:"acknowledged_during"`
	AcknowledgedAfter  int             `json:"acknowledged_after"`
	WriteBeforeSeq     uint64          `json:"write_before_seq"`
	ReadsBefore        int             `json:"reads_before"`
	ReadsAfter         int             `json:"reads_after"`
	ReadAfterSeq       uint64          `json:"read_after_seq"`
	ReadAfterNS        int64           `json:"read_after_ns"`
	LastReadSeq        uint64          `json:"last_read_seq"`
	Known              int             `json:"known"`
	Unread             elementGroup    `json:"unread"`
	Lost               []lostGroup     `json:"lost"`
	Unexpected         []strayElements `json:"unexpected"`
	Duplicated         []strayElements `json:"duplicated"`
	Instances          []readInstance  `json:"instances"`
}

// strayElements are what one read found and should not have.
type strayElements struct {
	moment
	Elements string `json:"elements"`
	Count    int64  `json:"count"`
}

// readInstance is what was read from one instance.
type readInstance struct {
	Instance string `json:"instance"`
	Reads    int    `json:"reads"`
	Primary  int    `json:"primary"`
	Complete int    `json:"complete"`
	LastSeq  uint64 `json:"last_seq"`
	LastNS   int64  `json:"last_ns"`
	Lag      int    `json:"lag"`
}

// testimoniesOf prepares the workloads of the cluster.
func (h *history) testimoniesOf(k *cluster) []testimony {
	var out []testimony
	for _, w := range h.workloads(k, k.sentinels) {
		t := testimony{workload: w, ledger: w.ledger(), synchronous: k.synchronousThroughout(w.events)}
		t.expected = t.ledger.expected()
		t.acks = slices.SortedFunc(maps.Values(t.ledger.acks), func(a, b sentinelEvent) int {
			return cmp.Compare(a.Seq, b.Seq)
		})
		t.examine()
		out = append(out, t)
	}
	return out
}

// examine looks for elements that are missing, or of which nothing is known.
func (t *testimony) examine() {
	for _, n := range t.ledger.numbers {
		if t.ledger.failed[n] {
			continue
		}
		known := t.ledger.knownAt(n)
		switch outcome, _ := t.ledger.fateOf(n, known); outcome {
		case fateAbsent:
			t.missing = append(t.missing, t.ledger.lastSeen(n, known))
		case fateNothing:
			if ack, ok := t.ledger.acks[n]; ok {
				t.silent = append(t.silent, ack)
			}
		case fatePresent:
		}
	}
	for _, r := range t.ledger.reads {
		n := len(t.probes)
		switch {
		case !r.primary:
		case n > 0 && t.probes[n-1].Instance == r.instance && t.probes[n-1].Timeline == r.timeline:
			t.probes[n-1].Last = r.moment
			t.probes[n-1].Reads++
		default:
			t.probes = append(t.probes, probeRun{r.moment, r.instance, r.timeline, r.moment, 1})
		}
	}
}

// lastSeen says when a missing element was there for the last time, and which
// read missed it first after that.
func (l ledger) lastSeen(n int64, known moment) missingElement {
	e := missingElement{n: n, known: known, found: known}
	for _, r := range l.reads {
		switch {
		case !r.primary:
		case r.found.contains(n):
			e.found, e.missed = r.moment, sentinelEvent{}
		case e.missed.isZero() && r.complete && known.before(r.moment) && r.NotBefore >= known.NS:
			e.missed = r
		}
	}
	return e
}

// of says what concerns one episode: a is its action.
func (t testimony) of(a *action, s stretch) episodeWorkload {
	end := a.horizon
	if a.ended {
		end = a.end
	}
	at := func(m moment) int {
		return sort.Search(len(t.acks), func(i int) bool { return t.acks[i].Seq >= m.Seq })
	}
	before, during := at(a.begin), at(end)
	known := sort.Search(len(t.acks), func(i int) bool { return t.acks[i].Seq >= s.until })
	w := episodeWorkload{
		Workload: t.workload.name, AcknowledgedBefore: before, AcknowledgedDuring: max(during-before, 0),
		AcknowledgedAfter: max(known-max(during, before), 0), Known: known,
		Synchronous: t.synchronous,
		Unread:      groupOf(nil), Lost: []lostGroup{},
		Unexpected: []strayElements{}, Duplicated: []strayElements{}, Instances: []readInstance{},
	}
	if before > 0 {
		w.WriteBeforeSeq = t.acks[before-1].Seq
	}
	t.countReads(&w, a, end, s)
	t.strays(&w, s)
	t.losses(&w, a, s)
	var unread []int64
	for _, ack := range t.silent {
		if ack.Seq < s.until {
			unread = append(unread, ack.n)
		}
	}
	w.Unread = groupOf(unread, firstAck(t.ledger, unread)...)
	return w
}

func (t testimony) countReads(w *episodeWorkload, a *action, end moment, s stretch) {
	index := map[string]int{}
	last := map[string]sentinelEvent{} // complete read
	for _, r := range t.ledger.reads {
		isProof := r.primary && r.complete
		after := end.before(r.moment) && r.NotBefore >= end.NS
		if isProof && r.before(a.begin) {
			w.ReadsBefore++
		}
		if isProof && after && w.ReadAfterSeq == 0 {
			w.ReadAfterSeq, w.ReadAfterNS = r.Seq, r.NS
		}
		if r.Seq >= s.until {
			continue
		}
		if isProof {
			w.LastReadSeq = r.Seq
			if after {
				w.ReadsAfter++
			}
		}
		if !s.holds(r.moment) {
			continue
		}
		i, known := index[r.instance]
		if !known {
			i = len(w.Instances)
			index[r.instance] = i
			w.Instances = append(w.Instances, readInstance{Instance: r.instance})
		}
		w.Instances[i].take(r)
		if r.complete {
			last[r.instance] = r
		}
	}
	for i := range w.Instances {
		if r, ok := last[w.Instances[i].Instance]; ok {
			w.Instances[i].Lag = t.lag(r)
		}
	}
}

// lag counts the elements acknowledged before a read began that it did not find.
func (t testimony) lag(r sentinelEvent) int {
	n := 0
	for _, ack := range t.acks {
		if ack.NS <= r.NotBefore && ack.before(r.moment) && !r.found.contains(ack.n) {
			n++
		}
	}
	return n
}

func (i *readInstance) take(r sentinelEvent) {
	i.Reads++
	if r.primary {
		i.Primary++
	}
	if r.complete {
		i.Complete++
	}
	i.LastSeq, i.LastNS = r.Seq, r.NS
}

// strays lists what reads within the stretch found and should not have.
func (t testimony) strays(w *episodeWorkload, s stretch) {
	for _, r := range within(t.ledger.reads, s, func(e sentinelEvent) uint64 { return e.Seq }) {
		if extra := r.found.minus(t.expected); len(extra) > 0 {
			w.Unexpected = append(w.Unexpected, strayElements{r.moment, extra.String(), extra.count()})
		}
		if len(r.duplicates) > 0 {
			w.Duplicated = append(w.Duplicated, strayElements{r.moment, r.duplicates.String(), r.duplicates.count()})
		}
	}
}

// losses lists the missing elements whose loss may lie within the stretch.
func (t testimony) losses(w *episodeWorkload, a *action, s stretch) {
	lost := map[lostKey]*lostElements{}
	for _, e := range t.missing {
		if e.known.Seq < s.until && e.found.Seq < s.until && !e.missed.before(a.begin) {
			t.workload.lose(t.ledger, e.n, e.known, e.missed, lost)
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(lost), lostKey.compare) {
		group := lost[k]
		w.Lost = append(w.Lost, lostGroup{
			elementGroup: groupOf(group.numbers, group.known.Seq, group.read.Seq),
			Told:         !k.untold, Crash: k.failover != 0, Failover: k.failover, Standby: k.standby,
		})
	}
}
