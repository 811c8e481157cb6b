package views

import (
	"cmp"
	"slices"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// The events that tell how full volumes are; recorder/usage and recorder/logs
// say what their Data holds.
const (
	usageSample trace.Type = "usage"
	logLine     trace.Type = "log"
)

// What the operator says of the sizes of volumes.
const (
	lineDiskStatus = "Instance disk status received"
	linePatch      = "Patching PVC for dynamic storage growth"
	fromOperator   = "operator"
)

// usageEvent is one measurement of one volume.
type usageEvent struct {
	moment
	namespace, claim, instance string // claim is empty in a line of the operator, which means the data volume
	source                     string // kubelet, instance or operator
	stamped                    bool   // a clock of the cluster says when it was measured: stamp
	stamp                      int64  // ns since the start of the trace, by that clock
	used, capacity, available  int64
}

// patchEvent is a line in which the operator says that it patches a claim.
type patchEvent struct {
	moment
	namespace, claim string
	from, to         int64
}

// observeUsage folds one sample of the recorder.
func (h *history) observeUsage(c *trace.Change) {
	s := c.State
	e := usageEvent{
		moment:    momentOf(c),
		namespace: s.At("namespace").String(),
		claim:     s.At("pvc").String(),
		instance:  s.At("instance").String(),
		source:    s.At("from").String(),
		used:      intOr(s.At("used_bytes"), 0),
		capacity:  intOr(s.At("capacity_bytes"), 0),
		available: intOr(s.At("available_bytes"), 0),
	}
	if at, ok := timeOf(s.At("at")); ok {
		e.stamped, e.stamp = true, int64(at.Sub(h.start))
	}
	if e.capacity > 0 {
		h.addUsage(e)
	}
}

func (h *history) addUsage(e usageEvent) { h.usages[e.namespace] = append(h.usages[e.namespace], e) }

// observeSizingLine folds what the operator's log says about sizes.
func (h *history) observeSizingLine(c *trace.Change) {
	s, fields := c.State, c.State.At("fields")
	at, stamped := timeOf(s.At("ts"))
	switch s.At("msg").String() {
	case lineDiskStatus:
		used, total := intOr(fields.At("usedBytes"), 0), intOr(fields.At("totalBytes"), 0)
		if total > 0 && stamped {
			h.addUsage(usageEvent{
				moment: momentOf(c), namespace: fields.At("namespace").String(), instance: fields.At("pod").String(),
				source: fromOperator, stamped: true, stamp: int64(at.Sub(h.start)),
				used: used, capacity: total, available: intOr(fields.At("availableBytes"), total-used),
			})
		}
	case linePatch:
		namespace := fields.At("namespace").String()
		h.patches[namespace] = append(h.patches[namespace], patchEvent{
			moment: momentOf(c), namespace: namespace, claim: fields.At("pvcName").String(),
			from: quantity(textOf(fields.At("currentSize"))), to: quantity(textOf(fields.At("targetSize"))),
		})
	}
}

// measured is when the sample was true, on the clock of the trace: after its
// question was sent, or when a clock of the cluster says so, as far as the
// objects created in the trace show how far ahead the recorder's clock is.
func (e usageEvent) measured(ahead *int64) int64 {
	if !e.stamped {
		return e.NotBefore
	}
	at := e.stamp
	if ahead != nil {
		at += *ahead
	}
	return min(at, e.NS)
}

// samplePoint is a measurement that differs from the one before of the same
// volume. The usage became so in (NotBefore, NS], and was still so at Last.
type samplePoint struct {
	moment
	Measured  int64  `json:"measured_ns"`
	Last      int64  `json:"last_ns"`
	LastSeq   uint64 `json:"last_seq"`
	UntilNS   int64  `json:"until_ns"`
	Volume    string `json:"volume"`
	Instance  string `json:"instance"`
	Source    string `json:"source"`
	Used      int64  `json:"used"`
	Capacity  int64  `json:"capacity"`
	Available int64  `json:"available"`
}

func (p samplePoint) same(e usageEvent) bool {
	return p.Used == e.used && p.Capacity == e.capacity && p.Available == e.available
}

// samplesOf lists the usage of the group's volumes by when it became known. A
// line of the operator may be received late, so it stands where it was written.
func (h *history) samplesOf(g volumeGroup) []samplePoint {
	var out []samplePoint
	last := map[*volume]int{} // index of the latest point
	for _, e := range h.usages[g.cluster.namespace] {
		v := g.measuredVolume(e)
		if v == nil || g.isBeyond(e.moment) {
			continue
		}
		measured := e.measured(h.ahead)
		at := e.NS
		if e.source == fromOperator {
			at = measured
		}
		i, known := last[v]
		until, resized := v.sizeUntil(measured, g.until)
		switch {
		case at < v.from.NS || (known && measured < out[i].Last) || (resized && until <= at):
			continue // of an earlier volume or an earlier size, or older than what is known
		case known && out[i].same(e) && out[i].UntilNS == until:
			out[i].Last, out[i].LastSeq = measured, e.Seq
			continue
		}
		p := samplePoint{
			moment: moment{Seq: e.Seq, NS: at, NotBefore: v.from.NS}, Measured: measured, Last: measured, LastSeq: e.Seq,
			UntilNS: until, Volume: v.name, Instance: v.instance, Source: e.source,
			Used: e.used, Capacity: e.capacity, Available: e.available,
		}
		if known {
			p.NotBefore = out[i].Last
			p.NS = max(p.NS, out[i].NS)
			out[i].UntilNS = min(out[i].UntilNS, p.NS)
		}
		last[v] = len(out)
		out = append(out, p)
	}
	slices.SortStableFunc(out, func(a, b samplePoint) int { return cmp.Compare(a.NS, b.NS) })
	return out
}

// sizeUntil is when the volume has another capacity than it had at a moment, or
// begins to go, or until; and whether it is the capacity. A file system of another
// size is as good as another one.
func (v *volume) sizeUntil(at int64, until moment) (ns int64, resized bool) {
	end := until.NS
	if v.left.before(until) {
		end = v.left.NS
	}
	for i, p := range v.points {
		if i > 0 && p.NS > at && p.NS < end && p.capacity != v.points[i-1].capacity {
			return p.NS, true
		}
	}
	return end, false
}

// measuredVolume finds the life of the volume that was measured.
func (g volumeGroup) measuredVolume(e usageEvent) *volume {
	for _, v := range slices.Backward(g.volumes) {
		is := v.name == e.claim
		if e.claim == "" {
			is = g.key.role == roleData && v.instance == e.instance
		}
		if is && v.namespace == e.namespace && v.from.before(e.moment) && (v.left.isZero() || e.before(v.left)) {
			return v
		}
	}
	return nil
}
