package judgement

import (
	"bufio"
	"encoding/json"
	"io"
	"os"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// Form says what Export writes of an object.
type Form string

const (
	// Whole objects, as they were recorded.
	Whole Form = "whole"
	// Lean has the kind of every object, and of claims and Clusters what the judgement reads.
	Lean Form = "lean"
)

// entry is an event as Export writes it. Time is ns since the start of the trace.
type entry struct {
	Seq    uint64          `json:"seq"`
	NS     int64           `json:"ns"`
	Type   trace.Type      `json:"type"`
	Object json.RawMessage `json:"object"`
}

// lean is what the judgement reads of an object, as it is written there.
type lean struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Name              string            `json:"name,omitempty"`
		Namespace         string            `json:"namespace,omitempty"`
		UID               string            `json:"uid,omitempty"`
		DeletionTimestamp string            `json:"deletionTimestamp,omitempty"`
		Labels            map[string]string `json:"labels,omitempty"`
	} `json:"metadata,omitzero"`
	Spec struct {
		Resources struct {
			Requests struct {
				Storage string `json:"storage,omitempty"`
			} `json:"requests,omitzero"`
		} `json:"resources,omitzero"`
		Storage struct {
			Limit string `json:"limit,omitempty"`
		} `json:"storage,omitzero"`
	} `json:"spec,omitzero"`
	Status struct {
		Capacity struct {
			Storage string `json:"storage,omitempty"`
		} `json:"capacity,omitzero"`
	} `json:"status,omitzero"`
}

// Export writes a trace twice: a line per event (lines), and as the one document
// {"events": […]} that a tool for configuration takes (document).
func Export(r *trace.Reader, form Form, lines, document string) (err error) {
	into, err := os.Create(lines)
	if err != nil {
		return err
	}
	defer func() { err = firstOf(err, into.Close()) }()
	one, err := os.Create(document)
	if err != nil {
		return err
	}
	defer func() { err = firstOf(err, one.Close()) }()
	return export(r, form, into, one)
}

// exporter writes the same entries to two files.
type exporter struct {
	lines, document *bufio.Writer
	before          string // what goes before the next entry of the document
}

func export(r *trace.Reader, form Form, into, one io.Writer) error {
	x := exporter{bufio.NewWriterSize(into, 1<<20), bufio.NewWriterSize(one, 1<<20), `{"events": [` + "\n"}
	write := x.whole
	if form == Lean {
		write = x.lean
	}
	if err := write(r); err != nil {
		return err
	}
	_, _ = x.document.WriteString("\n]}\n") // the writers keep their first error for Flush
	return firstOf(x.lines.Flush(), x.document.Flush())
}

func (x *exporter) write(e entry) error {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	_, _ = x.document.WriteString(x.before)
	_, _ = x.document.Write(text)
	_, err = x.lines.Write(append(text, '\n'))
	x.before = ",\n"
	return err
}

func (x *exporter) whole(r *trace.Reader) error {
	for e, err := range r.Events(0) {
		if err != nil {
			return err
		}
		object := json.RawMessage("{}")
		if e.Type.IsObject() {
			object = e.Data
		}
		if err := x.write(entry{e.Seq, int64(e.Time), e.Type, object}); err != nil {
			return err
		}
	}
	return nil
}

// lean writes every event, too: each version of an object has another resourceVersion.
func (x *exporter) lean(r *trace.Reader) error {
	every := trace.Selection{Types: []trace.Type{trace.Mark, trace.Bookmark, trace.Gap}, Fields: selection.Fields}
	known := map[trace.Resource]bool{}
	for _, o := range r.Objects() {
		if !known[o.Resource] {
			known[o.Resource] = true
			every.Fields = append(every.Fields, trace.Fields{
				Group: o.Resource.Group, Resource: o.Resource.Resource, Paths: [][]string{{"metadata", "resourceVersion"}},
			})
		}
	}
	return r.Scan(every, func(c *trace.Change) error {
		object := json.RawMessage("{}")
		if c.Type.IsObject() {
			var err error
			if object, err = json.Marshal(lessOf(c)); err != nil {
				return err
			}
		}
		return x.write(entry{c.Seq, int64(c.Time), c.Type, object})
	})
}

// lessOf returns what the judgement reads of an object.
func lessOf(c *trace.Change) lean {
	less := lean{Kind: c.Object.Resource.Kind}
	switch c.Object.Resource.Resource {
	case "clusters", "persistentvolumeclaims":
		less.Metadata.Name, less.Metadata.Namespace, less.Metadata.UID = c.Object.Name, c.Object.Namespace, c.Object.UID
		less.Metadata.DeletionTimestamp = c.State.At("metadata", "deletionTimestamp").String()
		if role := c.State.At("metadata", "labels", labelRole).String(); role != "" {
			owner := c.State.At("metadata", "labels", labelCluster).String()
			less.Metadata.Labels = map[string]string{labelCluster: owner, labelRole: role}
		}
		less.Spec.Resources.Requests.Storage = c.State.At("spec", "resources", "requests", "storage").String()
		less.Spec.Storage.Limit = c.State.At("spec", "storage", "limit").String()
		less.Status.Capacity.Storage = c.State.At("status", "capacity", "storage").String()
	}
	return less
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
