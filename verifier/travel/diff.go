package travel

import (
	"encoding/json"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/verifier/evidence"
)

// Difference is what became of one object between two moments.
type Difference struct {
	Object  trace.Object
	What    string // added, removed or changed
	Changes []evidence.Change
}

// What can become of an object.
const (
	WasAdded   = "added"
	WasRemoved = "removed"
	WasChanged = "changed"
)

// Diff returns what differs between two moments of a trace, by resource, namespace
// and name. Bookkeeping (resourceVersion, managedFields, heartbeats) does not count,
// and an object that was deleted and created anew is another one. keep chooses
// objects; nil means all.
func (p *Past) Diff(from, to Moment, keep func(trace.Object) bool) ([]Difference, error) {
	before, err := p.StateAt(from.Seq, keep)
	if err != nil {
		return nil, err
	}
	after, err := p.StateAt(to.Seq, keep)
	if err != nil {
		return nil, err
	}
	was := make(map[trace.Object]json.RawMessage, len(before))
	for _, v := range before {
		was[v.Object] = v.Data
	}
	var out []Difference
	is := make(map[trace.Object]bool, len(after))
	for _, v := range after {
		is[v.Object] = true
		data, there := was[v.Object]
		if !there {
			out = append(out, Difference{v.Object, WasAdded, nil})
			continue
		}
		if changes := evidence.Telling(evidence.Diff(data, v.Data)); len(changes) > 0 {
			out = append(out, Difference{v.Object, WasChanged, changes})
		}
	}
	for _, v := range before {
		if !is[v.Object] {
			out = append(out, Difference{v.Object, WasRemoved, nil})
		}
	}
	return out, nil
}
