package bus

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// gapBase is where the numbers of the gaps begin that the bus declares. Those of
// recorders count from 1.
const gapBase = 1 << 30

// Refused is an event that the trace did not take.
type Refused struct {
	Event trace.Event
	Err   error
}

// Write puts a batch into a trace, in one transaction with its position, and
// returns how many of its events it held. What the trace refuses is noted in the
// certificate, and returned. A loss is a gap of every stream: nobody knows what was in it. It
// begins where the trace is and ends with the next event, or with End.
func Write(w *trace.Writer, b Batch, notify func(format string, args ...any)) (int, []Refused, error) {
	for _, reason := range b.Rejected {
		w.Reject(trace.Rejection{Reason: reason})
	}
	n := len(b.Events)
	switch {
	case b.Lost != nil:
		b.Events = beginGaps(w.Certificate(), *b.Lost, b.Position.Stream)
		notify("GAP: %s", b.Lost.reason(b.Position.Stream))
	case n > 0:
		b.Events = append(endGaps(w.Certificate(), b.Events[0].Time), b.Events...)
	case b.End != nil:
		b.Events = endGaps(w.Certificate(), b.End.Time)
	}
	var refused []Refused
	for {
		_, err := w.Append(&b.Position, b.Events...)
		var invalid *trace.InvalidEvent
		if !errors.As(err, &invalid) {
			return n, refused, err
		}
		e := b.Events[invalid.Index]
		reason := fmt.Sprintf("%s of %s at version %s: %v", e.Type, e.Object, e.ResourceVersion, invalid.Err)
		notify("cannot be recorded: %s", reason)
		w.Reject(trace.Rejection{Reason: reason})
		refused = append(refused, Refused{e, invalid.Err})
		b.Events = append(b.Events[:invalid.Index], b.Events[invalid.Index+1:]...)
	}
}

func (l Loss) reason(stream string) string {
	return fmt.Sprintf("messages %d to %d of the stream %s are gone: a limit of the stream or somebody removed them",
		l.First, l.Last, stream)
}

// beginGaps declares a loss: one gap for each stream of the certificate that is
// not in one already.
func beginGaps(cert trace.Certificate, lost Loss, stream string) []trace.Event {
	id := gapBase
	open := map[StreamKey]bool{}
	for _, g := range cert.Gaps {
		id = max(id, g.ID+1)
		if ours(g) {
			open[StreamKey{g.Resource, g.Namespace}] = true
		}
	}
	var events []trace.Event
	for _, s := range cert.Streams {
		if s.Proof == trace.ProofDenied || open[StreamKey{s.Resource, s.Namespace}] {
			continue
		}
		events = append(events, gapEvent(s.Resource, s.Namespace, time.Duration(cert.Duration), trace.GapRecord{
			ID: id, Side: trace.GapBegin, FromRV: s.LastRV, Reason: lost.reason(stream),
		}))
		id++
	}
	return events
}

// ours reports whether a gap was declared by the bus and is still open.
func ours(g trace.GapCert) bool { return g.ID >= gapBase && g.LastSeq == 0 }

// endGaps ends the gaps that the bus has declared, with the first event after
// them.
func endGaps(cert trace.Certificate, at time.Duration) []trace.Event {
	var events []trace.Event
	for _, g := range cert.Gaps {
		if ours(g) {
			events = append(events, gapEvent(g.Resource, g.Namespace, at, trace.GapRecord{
				ID: g.ID, Side: trace.GapEnd, FromRV: g.FromRV, Reason: g.Reason,
			}))
		}
	}
	return events
}

func gapEvent(r trace.Resource, namespace string, at time.Duration, record trace.GapRecord) trace.Event {
	data, _ := json.Marshal(record) // strings and numbers
	return trace.Event{
		Time: at, NotBefore: at, Source: trace.SourceRecorder, Type: trace.Gap,
		Object: trace.Object{Resource: r, Namespace: namespace}, Data: data,
	}
}
