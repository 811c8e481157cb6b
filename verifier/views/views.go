package views

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// Document is one document of a view: the input of one evaluation of each
// policy that reads the view. Value has JSON types only, and numbers are
// json.Number; it is valid against the view's schema.
type Document struct {
	View   string // one of Names
	Entity string // what it is about, such as "ns/pg/PG_DATA"; unique in its view
	Value  map[string]any
}

//go:embed schema/*.json
var schemas embed.FS

// projections are the views; each makes its documents from the folded history.
var projections = map[string]func(*history) ([]Document, error){
	"backup":    backupDocuments,
	"cluster":   clusterDocuments,
	"episode":   episodeDocuments,
	"operation": operationDocuments,
	"pressure":  pressureDocuments,
	"run":       runDocuments,
	"set":       setDocuments,
	"storage":   storageDocuments,
	"suite":     suiteDocuments,
	"wait":      waitDocuments,
}

// Names returns the names of all views, sorted.
func Names() []string {
	names := make([]string, 0, len(projections))
	for name := range projections {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Schema returns the JSON schema of one document of a view, whether there is one.
func Schema(view string) ([]byte, bool) {
	if _, ok := projections[view]; !ok {
		return nil, false
	}
	text, err := schemas.ReadFile("schema/" + view + ".json")
	return text, err == nil
}

// Project reads the trace once and returns the documents of the wanted views,
// sorted by view and entity. It fails when a view is unknown or the trace
// cannot be read.
func Project(r *trace.Reader, want []string) ([]Document, error) {
	for _, view := range want {
		if _, ok := projections[view]; !ok {
			return nil, fmt.Errorf("there is no view %q (there are: %s)", view, strings.Join(Names(), ", "))
		}
	}
	want = slices.Compact(slices.Sorted(slices.Values(want)))
	h, err := fold(r)
	if err != nil {
		return nil, fmt.Errorf("project the trace: %w", err)
	}
	var documents []Document
	for _, view := range want {
		made, err := projections[view](h)
		if err != nil {
			return nil, fmt.Errorf("project the view %s: %w", view, err)
		}
		slices.SortFunc(made, func(a, b Document) int { return cmp.Compare(a.Entity, b.Entity) })
		documents = append(documents, made...)
	}
	return documents, nil
}

// document turns a struct with json tags into a document. A list that is nil is
// an empty one: no field is ever null.
func document(view, entity string, content any) (Document, error) {
	text, err := jsonv2.Marshal(content)
	if err != nil {
		return Document{}, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	value := map[string]any{}
	if err := d.Decode(&value); err != nil {
		return Document{}, err
	}
	return Document{View: view, Entity: entity, Value: value}, nil
}

// documentsOf makes one document of each element of a list.
func documentsOf[T any](view string, list []T, tell func(T) (entity string, content any)) ([]Document, error) {
	var out []Document
	for _, element := range list {
		entity, content := tell(element)
		d, err := document(view, entity, content)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}
