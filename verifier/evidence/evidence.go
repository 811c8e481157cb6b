package evidence

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// PerFinding is how many events of a finding are shown: the first ones and the
// last ones, because a story needs its beginning and its end. A screen shows a
// finding in 25 lines, which leaves room for this many.
const PerFinding = 8

// Select returns the sequence numbers of a finding whose events are shown.
// seqs is sorted.
func Select(seqs []uint64) []uint64 {
	if len(seqs) <= PerFinding {
		return seqs
	}
	const last = PerFinding / 2
	return append(slices.Clone(seqs[:PerFinding-last]), seqs[len(seqs)-last:]...)
}

// Events returns the events with the sequence numbers, in their order. Those
// that the trace does not have are left out.
func Events(r *trace.Reader, seqs []uint64) ([]verdict.Event, error) {
	out := make([]verdict.Event, 0, len(seqs))
	for _, seq := range seqs {
		event, found, err := event(r, seq)
		if err != nil {
			return nil, fmt.Errorf("read event %d: %w", seq, err)
		}
		if found {
			out = append(out, event)
		}
	}
	return out, nil
}

func event(r *trace.Reader, seq uint64) (verdict.Event, bool, error) {
	for e, err := range r.Events(seq) {
		if err != nil || e.Seq != seq {
			return verdict.Event{}, false, err
		}
		before, err := previous(r, e)
		if err != nil {
			return verdict.Event{}, false, err
		}
		return verdict.Event{
			Seq: e.Seq, Time: e.Time, Wall: e.Wall, Type: e.Type, Object: e.Object.String(),
			Inferred: e.Inferred, Changes: words(e, before),
		}, true, nil
	}
	return verdict.Event{}, false, nil
}

// previous returns the object as it was before a modification, nil when it is
// not known.
func previous(r *trace.Reader, e trace.Event) (map[string]any, error) {
	if e.Type != trace.Modified || e.Seq <= 1 {
		return nil, nil
	}
	versions, err := r.StateAt(e.Seq-1, func(o trace.Object) bool { return o == e.Object })
	if err != nil || len(versions) == 0 {
		return nil, err
	}
	return decode(versions[0].Data), nil
}

func decode(data json.RawMessage) map[string]any {
	var value map[string]any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if d.Decode(&value) != nil {
		return nil
	}
	return value
}
