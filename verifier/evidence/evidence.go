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

// near is how many events are read on to get from one wanted event to the next.
// Starting anew costs as much as reading about this many (decoding a block).
const near = 1000

// Events returns the events with the sequence numbers, by their number. Those
// that the trace does not have are left out. The history is read once, forwards,
// and only near the wanted events.
func Events(r *trace.Reader, seqs []uint64) (map[uint64]verdict.Event, error) {
	wanted := slices.Compact(slices.Sorted(slices.Values(seqs)))
	out := make(map[uint64]verdict.Event, len(wanted))
	for len(wanted) > 0 {
		n := 1
		for n < len(wanted) && wanted[n]-wanted[n-1] <= near {
			n++
		}
		if err := stretch(r, wanted[:n], out); err != nil {
			return nil, fmt.Errorf("read the events %d to %d: %w", wanted[0], wanted[n-1], err)
		}
		wanted = wanted[n:]
	}
	return out, nil
}

// stretch reads from the first wanted event to the last and keeps, on the way,
// the last version of every object, with which the next one is compared.
func stretch(r *trace.Reader, wanted []uint64, out map[uint64]verdict.Event) error {
	last := map[trace.Object]json.RawMessage{}
	for e, err := range r.Events(wanted[0]) {
		if err != nil {
			return err
		}
		if e.Seq == wanted[0] {
			before, err := previous(r, e, last)
			if err != nil {
				return err
			}
			out[e.Seq] = verdict.Event{
				Seq: e.Seq, Time: e.Time, Wall: e.Wall, Type: e.Type, Object: e.Object.String(),
				Inferred: e.Inferred, Changes: Words(e, Changes(e, before)),
			}
		}
		for len(wanted) > 0 && wanted[0] <= e.Seq {
			wanted = wanted[1:]
		}
		if len(wanted) == 0 {
			return nil
		}
		if e.Type.IsObject() {
			last[e.Object] = e.Data
		}
	}
	return nil
}

// previous returns the object as it was before a modification, nil when it is
// not known. last has the versions that were met on the way.
func previous(r *trace.Reader, e trace.Event, last map[trace.Object]json.RawMessage) (json.RawMessage, error) {
	if e.Type != trace.Modified || e.Seq <= 1 {
		return nil, nil
	}
	if data, met := last[e.Object]; met {
		return data, nil
	}
	before, err := r.StateOf(e.Seq-1, e.Object)
	if err != nil || before == nil {
		return nil, err
	}
	return before.Data, nil
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
