package views_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hindsight-project/hindsight/recorder/golden"
	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/recorder/watchlog/watchlogtest"
	"github.com/hindsight-project/hindsight/verifier/views"
)

// project opens a trace and returns all documents, each valid against its schema.
func project(t testing.TB, file string, names ...string) []views.Document {
	t.Helper()
	documents, err := views.Project(watchlogtest.Open(t, file), names)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range documents {
		schema, ok := views.Schema(d.View)
		if !ok {
			t.Fatalf("the view %s has no schema", d.View)
		}
		if err := golden.Schema(t, schema).Validate(d.Value()); err != nil {
			t.Errorf("%s %s does not fit its schema: %v", d.View, d.Entity, err)
		}
	}
	return documents
}

var recordings = []string{"growth", "node-drain", "primary-restart"}

func imported(t testing.TB, name string) string {
	t.Helper()
	return watchlogtest.Import(t, "../../recorder/testdata/"+name+".jsonl.zst")
}

func TestDocumentsOfTheRecordings(t *testing.T) {
	for _, name := range recordings {
		t.Run(name, func(t *testing.T) {
			var got bytes.Buffer
			e := json.NewEncoder(&got)
			e.SetIndent("", " ")
			type document struct {
				View, Entity string
				Value        map[string]any
			}
			var documents []document
			for _, d := range project(t, imported(t, name), views.Names()...) {
				documents = append(documents, document{d.View, d.Entity, d.Value()})
			}
			if err := e.Encode(documents); err != nil {
				t.Fatal(err)
			}
			golden.Compare(t, "testdata/"+name+".json", got.Bytes())
		})
	}
}

func TestDocumentsAreSortedAndUnique(t *testing.T) {
	documents := project(t, imported(t, "growth"), "storage", "set", "operation", "set")
	var got []string
	for _, d := range documents {
		got = append(got, d.View+" "+d.Entity)
	}
	want := []string{"operation ds-growth/pg/PG_DATA/op1", "set ds-growth/pg", "storage ds-growth/pg/PG_DATA"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAnUnknownViewIsRefused(t *testing.T) {
	r, err := trace.Open(imported(t, "growth"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	_, err = views.Project(r, []string{"storage", "weather"})
	want := fmt.Sprintf("no view %q (there are: %s)", "weather", strings.Join(views.Names(), ", "))
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v", err)
	}
}

func TestEverySchemaIsClosedAndEveryFieldDescribed(t *testing.T) {
	for _, view := range views.Names() {
		text, _ := views.Schema(view)
		var root map[string]any
		if err := json.Unmarshal(text, &root); err != nil {
			t.Fatal(err)
		}
		checkSchema(t, view, root)
	}
	if _, ok := views.Schema("weather"); ok {
		t.Error("there is a schema of a view that does not exist")
	}
}

func checkSchema(t *testing.T, at string, s map[string]any) {
	if s["type"] == "object" {
		if s["additionalProperties"] != false {
			t.Errorf("%s admits further fields", at)
		}
		properties := s["properties"].(map[string]any)
		required := s["required"].([]any)
		for name, p := range properties {
			if !slices.Contains(required, any(name)) {
				t.Errorf("%s.%s may be missing", at, name)
			}
			checkSchema(t, at+"."+name, p.(map[string]any))
		}
	}
	if items, ok := s["items"].(map[string]any); ok && items["type"] != "integer" {
		checkSchema(t, at+"[]", items)
	}
	if s["description"] == nil {
		t.Errorf("%s has no description", at)
	}
}

func BenchmarkProject(b *testing.B) {
	r, err := trace.Open(imported(b, "node-drain"))
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	for b.Loop() {
		if _, err := views.Project(r, views.Names()); err != nil {
			b.Fatal(err)
		}
	}
}
