package views

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// The events of a sentinel workload; doc.go says what their Data holds.
const (
	sentinelInvoked      trace.Type = "sentinel.invoked"
	sentinelAcknowledged trace.Type = "sentinel.acknowledged"
	sentinelFailed       trace.Type = "sentinel.failed"
	sentinelUnknown      trace.Type = "sentinel.unknown"
	sentinelRead         trace.Type = "sentinel.read"
)

var sentinelTypes = []trace.Type{
	sentinelInvoked, sentinelAcknowledged, sentinelFailed, sentinelUnknown, sentinelRead,
}

// sentinelEvent is one event of a sentinel workload.
type sentinelEvent struct {
	moment
	kind              trace.Type
	namespace, name   string // of the Cluster, empty when the event names none
	workload          string
	n                 int64 // of a write
	instance          string
	lsn               uint64
	timeline          int64
	writable          bool     // the instance was not in recovery
	primary, complete bool     // of a read
	found, duplicates elements // of a read
}

// observeSentinel folds one event of a sentinel.
func (h *history) observeSentinel(c *trace.Change) error {
	e := sentinelEvent{
		moment:   momentOf(c),
		kind:     c.Type,
		workload: c.State.At("workload").String(),
		instance: c.State.At("instance").String(),
		lsn:      parseLSN(c.State.At("lsn").String()),
		timeline: intOr(c.State.At("timeline"), 0),
		writable: c.Type == sentinelAcknowledged,
	}
	if c.Object != nil {
		e.namespace, e.name = c.Object.Namespace, c.Object.Name
	}
	if e.kind != sentinelRead {
		n, ok := c.State.At("n").Int()
		if !ok || n < 0 {
			return fmt.Errorf("event %d, %s: n is no number of an element", c.Seq, c.Type)
		}
		e.n = n
		h.sentinels = append(h.sentinels, e)
		return nil
	}
	e.primary, e.complete = c.State.At("primary").Bool(), c.State.At("complete").Bool()
	e.writable = !boolOr(c.State.At("in_recovery"), !e.primary)
	var err error
	if e.found, err = parseElements(c.State.At("elements").String()); err != nil {
		return fmt.Errorf("event %d, %s: elements: %w", c.Seq, c.Type, err)
	}
	if e.duplicates, err = parseElements(c.State.At("duplicates").String()); err != nil {
		return fmt.Errorf("event %d, %s: duplicates: %w", c.Seq, c.Type, err)
	}
	h.sentinels = append(h.sentinels, e)
	return nil
}

// parseLSN reads a PostgreSQL log position such as "0/3000060"; 0 when it is none.
func parseLSN(text string) uint64 {
	high, low, ok := strings.Cut(text, "/")
	if !ok {
		return 0
	}
	h, err1 := strconv.ParseUint(high, 16, 32)
	l, err2 := strconv.ParseUint(low, 16, 32)
	if err1 != nil || err2 != nil {
		return 0
	}
	return h<<32 | l
}
