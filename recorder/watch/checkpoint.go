package watch

import (
	"encoding/json"
	"fmt"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// StreamKey tells the streams of a trace apart.
type StreamKey struct {
	trace.Resource
	Namespace string
}

// Key returns the key of the stream that records t.
func (t Target) Key() StreamKey { return StreamKey{t.Resource, t.Namespace} }

// Checkpoints reads from an unsealed trace how far each of its streams had come.
// Streams without a complete first list are left out or have Listed false.
func Checkpoints(r *trace.Reader) (map[StreamKey]*Checkpoint, error) {
	points := map[StreamKey]*Checkpoint{}
	at := func(o *trace.Object) *Checkpoint {
		k := StreamKey{o.Resource, o.Namespace}
		if points[k] == nil {
			points[k] = &Checkpoint{}
		}
		return points[k]
	}
	types := []trace.Type{trace.Stream, trace.Bookmark, trace.Gap}
	err := r.Scan(trace.Selection{Types: types}, func(c *trace.Change) error {
		return at(c.Object).see(c)
	})
	if err != nil {
		return nil, fmt.Errorf("read how far the recording had come: %w", err)
	}
	for _, s := range r.Certificate().Streams {
		p := points[StreamKey{s.Resource, s.Namespace}]
		if p != nil && s.LastRV != "" && newer(s.LastRV, p.RV) {
			p.RV = s.LastRV
		}
	}
	for _, p := range points {
		if p.Gap != nil {
			p.RV = p.Gap.FromRV
		}
	}
	return points, nil
}

func (p *Checkpoint) see(c *trace.Change) error {
	switch c.Type {
	case trace.Bookmark:
		p.RV, p.Contact = c.State.At("metadata", "resourceVersion").String(), c.Time
	case trace.Stream:
		var r trace.StreamRecord
		if err := json.Unmarshal(c.State.JSON(), &r); err != nil {
			return err
		}
		if r.State == trace.StreamListed {
			p.RV, p.Contact, p.Listed = r.RV, c.NotBefore, true
		}
	case trace.Gap:
		var g trace.GapRecord
		if err := json.Unmarshal(c.State.JSON(), &g); err != nil {
			return err
		}
		p.Gap = nil
		if g.Side == trace.GapBegin {
			p.Gap = &g
		}
	}
	return nil
}
