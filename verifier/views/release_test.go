package views_test

import (
	"cmp"
	"context"
	"io"
	"path/filepath"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/hindsight-project/hindsight/docs/performance/history"
	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/recorder/watchlog"
	"github.com/hindsight-project/hindsight/verifier/views"
)

// longTrace opens a trace in which many clusters come and go.
func longTrace(t *testing.T, events int) *trace.Reader {
	t.Helper()
	parts, err := history.Recordings("../../recorder/testdata")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "long.db")
	log, into := io.Pipe()
	go func() {
		into.CloseWithError(history.Write(into, parts, history.Options{Seed: 7, Events: events, Lanes: 3}))
	}()
	if _, err := watchlog.Import(context.Background(), log, watchlog.Options{Out: path, Name: "long"}); err != nil {
		t.Fatal(err)
	}
	r, err := trace.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func TestWhatIsToldWhileTheTraceIsReadIsWhatIsToldOfAllOfIt(t *testing.T) {
	r := longTrace(t, 7000)
	var followed []views.Document
	early := 0
	p, err := views.Follow(r, views.All(views.Names()), views.Listener{
		Part: func(p *views.Projection, part int, made []views.Document) error {
			early++
			followed = append(followed, made...)
			p.Release(part)
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for part := range p.Parts() {
		if p.Told(part) {
			continue
		}
		made, err := p.Part(part)
		if err != nil {
			t.Fatal(err)
		}
		followed = append(followed, made...)
	}
	if early < 3 || early == p.Parts() {
		t.Fatalf("%d of %d parts were told of early", early, p.Parts())
	}
	whole, err := views.Project(r, views.Names())
	if err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(followed, func(a, b views.Document) int {
		return cmp.Or(cmp.Compare(a.View, b.View), cmp.Compare(a.Entity, b.Entity))
	})
	if len(followed) != len(whole) {
		t.Fatalf("%d documents, want %d", len(followed), len(whole))
	}
	for i := range whole {
		if d := gocmp.Diff(whole[i].Value(), followed[i].Value()); d != "" {
			t.Errorf("%s %s (-whole +followed):\n%s", whole[i].View, whole[i].Entity, d)
		}
	}
}
