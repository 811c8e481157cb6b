package judgement

import (
	"bufio"
	"encoding/json"
	"fmt"
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

func export(r *trace.Reader, form Form, into, one io.Writer) error {
	lines, document := bufio.NewWriterSize(into, 1<<20), bufio.NewWriterSize(one, 1<<20)
	before := `{"events": [` + "\n"
	for e, err := range r.Events(0) {
		if err != nil {
			return err
		}
		object := json.RawMessage("{}")
		if e.Type.IsObject() {
			object = e.Data
			if form == Lean {
				if object, err = lessOf(e); err != nil {
					return fmt.Errorf("event %d: %w", e.Seq, err)
				}
			}
		}
		text, err := json.Marshal(entry{e.Seq, int64(e.Time), e.Type, object})
		if err != nil {
			return err
		}
		// The writers keep their first error for Flush.
		_, _ = document.WriteString(before)
		_, _ = document.Write(text)
		_, _ = lines.Write(append(text, '\n'))
		before = ",\n"
	}
	_, _ = document.WriteString("\n]}\n")
	return firstOf(lines.Flush(), document.Flush())
}

// lessOf returns what the judgement reads of an event.
func lessOf(e trace.Event) (json.RawMessage, error) {
	less := lean{Kind: e.Object.Kind}
	switch e.Object.Resource.Resource {
	case "clusters", "persistentvolumeclaims":
		if err := json.Unmarshal(e.Data, &less); err != nil {
			return nil, err
		}
		labels := less.Metadata.Labels
		less.Metadata.Labels = nil
		if role, ok := labels[labelRole]; ok {
			less.Metadata.Labels = map[string]string{labelCluster: labels[labelCluster], labelRole: role}
		}
	}
	return json.Marshal(less)
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
