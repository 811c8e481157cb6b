package views

import (
	"cmp"
	"maps"
	"slices"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// foresight is what a first, cheap reading of the trace finds out, so that the
// second one can make the documents of a cluster when it is over: what all clusters
// share is complete then, and it is known where each namespace ends.
type foresight struct {
	history  *history
	mark     func(*trace.Change)
	ends     map[string]uint64 // namespace: its last event
	homes    map[string]string // PersistentVolume: the namespace of its claim
	attached map[string]uint64 // PersistentVolume: the last event of an attachment
}

// ending is the last event of a namespace.
type ending struct {
	seq       uint64
	namespace string
}

// foresee reads the trace for the first time, and tells of its marks, if anybody
// listens. The endings are in order.
func foresee(r *trace.Reader, h *history, mark func(*trace.Change)) ([]ending, error) {
	ends, err := r.Ends()
	if err != nil {
		return nil, err
	}
	f := foresight{history: h, mark: mark, ends: ends, homes: map[string]string{}, attached: map[string]uint64{}}
	selection := trace.Selection{}
	if h.needs.clock {
		selection.Fields = creations()
	}
	if h.needs.lives {
		selection = foresightSelection()
	}
	if mark != nil {
		selection.Types = append(selection.Types, trace.Mark)
	}
	if err := r.Scan(selection, f.observe); err != nil {
		return nil, err
	}
	for volume, seq := range f.attached {
		f.extend(f.homes[volume], seq)
	}
	var out []ending
	for _, namespace := range slices.Sorted(maps.Keys(ends)) {
		if namespace != "" {
			out = append(out, ending{ends[namespace], namespace})
		}
	}
	slices.SortStableFunc(out, func(a, b ending) int { return cmp.Compare(a.seq, b.seq) })
	return out, nil
}

// foresightSelection is what the first reading reads: of all that the second one
// may read, when it was created.
func foresightSelection() trace.Selection {
	fields := append(creations(), []trace.Fields{
		{Resource: "nodes", Paths: [][]string{
			{"spec", "unschedulable"},
			{"status", "conditions", "*", "type"}, {"status", "conditions", "*", "status"},
		}},
		{Group: "coordination.k8s.io", Resource: "leases", Paths: [][]string{{"spec", "holderIdentity"}}},
		{Group: "storage.k8s.io", Resource: "volumeattachments", Paths: [][]string{
			{"spec", "source"}, {"status", "attached"},
		}},
		{Resource: "persistentvolumeclaims", Paths: [][]string{{"spec", "volumeName"}}},
		{Resource: "events", Paths: [][]string{{"involvedObject", "namespace"}}},
		{Group: "events.k8s.io", Resource: "events", Paths: [][]string{{"regarding", "namespace"}}},
		{Group: "snapshot.storage.k8s.io", Resource: "volumesnapshotclasses", Paths: [][]string{{"driver"}}},
	}...)
	return trace.Selection{Fields: fields, Types: []trace.Type{trace.Stream, usageSample, logLine}}
}

// creations are the stamps of all objects that may be told of.
func creations() (fields []trace.Fields) {
	created := []string{"metadata", "creationTimestamp"}
	for _, f := range needsOf(All(Names())).selection().Fields {
		if slices.ContainsFunc(f.Paths, func(p []string) bool {
			return len(p) <= len(created) && slices.Equal(p, created[:len(p)])
		}) {
			fields = append(fields, trace.Fields{Group: f.Group, Resource: f.Resource, Paths: [][]string{created}})
		}
	}
	return fields
}

// extend notes that an event is about a namespace.
func (f foresight) extend(namespace string, seq uint64) {
	if last, known := f.ends[namespace]; known {
		f.ends[namespace] = max(last, seq)
	}
}

func (f foresight) observe(c *trace.Change) error {
	h := f.history
	switch c.Type {
	case trace.Mark:
		f.mark(c)
	case trace.Stream:
		h.waiting.observeStream(c)
	case usageSample:
		f.extend(c.State.At("namespace").String(), c.Seq)
	case logLine:
		h.waiting.logs = true
		f.extend(c.State.At("namespace").String(), c.Seq)
		f.extend(c.State.At("fields", "namespace").String(), c.Seq)
	}
	if !c.Type.IsObject() {
		return nil
	}
	h.created(c)
	switch c.Object.Resource.Resource {
	case "nodes":
		h.observeNode(c)
	case "leases":
		h.observeLease(c)
	case "volumesnapshotclasses":
		h.episodes.observeClass(c)
	case "events":
		h.told = h.told || c.Type != trace.Deleted
		f.extend(c.State.At("involvedObject", "namespace").String(), c.Seq)
		f.extend(c.State.At("regarding", "namespace").String(), c.Seq)
	case "persistentvolumeclaims":
		if volume := c.State.At("spec", "volumeName").String(); volume != "" {
			f.homes[volume] = c.Object.Namespace
		}
	case "volumeattachments":
		f.attached[c.State.At("spec", "source", "persistentVolumeName").String()] = c.Seq
	}
	return nil
}
