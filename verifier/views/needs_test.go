package views_test

import (
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/recorder/watchlog/watchlogtest"
	"github.com/hindsight-project/hindsight/verifier/views"
)

// Who wants one view is not told less than who wants all: what the fold leaves out is
// what that view does not need.
func TestAViewAloneTellsWhatItTellsAmongAll(t *testing.T) {
	const scenarios = "../../policies/testdata/scenarios/"
	files := []string{scenarios + "backup-T3.jsonl.zst", scenarios + "failover-T2.jsonl.zst"}
	for _, pattern := range []string{"../../recorder/testdata/*.zst", "../../policies/testdata/diagnosis/*.zst"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("no recordings in %s: %v", pattern, err)
		}
		files = append(files, found...)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			r := watchlogtest.Open(t, watchlogtest.Import(t, file))
			all, err := views.Project(r, views.Names())
			if err != nil {
				t.Fatal(err)
			}
			for _, view := range views.Names() {
				alone, err := views.Project(r, []string{view})
				if err != nil {
					t.Fatal(err)
				}
				among := slices.DeleteFunc(slices.Clone(all), func(d views.Document) bool { return d.View != view })
				if len(alone) != len(among) {
					t.Fatalf("%s: %d documents, want %d", view, len(alone), len(among))
				}
				for i := range among {
					if diff := cmp.Diff(among[i].Value(), alone[i].Value()); diff != "" {
						t.Errorf("%s %s: -among all +alone:\n%s", view, among[i].Entity, diff)
					}
				}
				for _, field := range fieldsOf(among) {
					compareField(t, r, among, view, field)
				}
			}
		})
	}
}

// fieldsOf are the outer fields of documents, without those of the views that are told
// of whole or not at all.
func fieldsOf(documents []views.Document) []string {
	if len(documents) == 0 || documents[0].View != "storage" {
		return nil
	}
	return slices.Sorted(maps.Keys(documents[0].Value()))
}

// compareField compares one field of documents with what it is when no other is wanted.
func compareField(t *testing.T, r *trace.Reader, among []views.Document, view, field string) {
	t.Helper()
	p, err := views.Follow(r, views.Want{view: {field}}, views.Listener{})
	if err != nil {
		t.Fatal(err)
	}
	var alone []views.Document
	for part := range p.Parts() {
		made, err := p.Part(part)
		if err != nil {
			t.Fatal(err)
		}
		alone = append(alone, made...)
	}
	if len(alone) != len(among) {
		t.Fatalf("%s.%s: %d documents, want %d", view, field, len(alone), len(among))
	}
	for _, want := range among {
		i := slices.IndexFunc(alone, func(d views.Document) bool { return d.Entity == want.Entity })
		if diff := cmp.Diff(want.Value()[field], alone[i].Value()[field]); diff != "" {
			t.Errorf("%s.%s %s: -among all +alone:\n%s", view, field, want.Entity, diff)
		}
	}
}
