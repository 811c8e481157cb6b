package trace_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

func TestAnAmendedTraceIsTheOldOneAndWhatWasAdded(t *testing.T) {
	for _, file := range recordings(t) {
		run, want := load(t, file)
		path, w := write(t, run, want, 500)
		sealed, err := w.Seal("the command ended")
		if err != nil {
			t.Fatal(err)
		}
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		copied := filepath.Join(t.TempDir(), "amended.db")
		w, end, err := trace.Amend(path, copied, trace.Amendment{Added: "specs", Tool: "test"})
		if err != nil {
			t.Fatal(err)
		}
		mark := trace.Event{
			Time: time.Duration(sealed.Duration), NotBefore: time.Second, Wall: time.Now().UTC(),
			Source: trace.SourceMark, Type: trace.Mark, Data: []byte(`{"phase":"spec"}`),
		}
		if _, err := w.Append(nil, mark); err != nil {
			t.Fatal(err)
		}
		got, err := w.Seal(end)
		if err != nil {
			t.Fatal(err)
		}
		sealed.Events++
		if d := cmp.Diff(sealed, got); d != "" {
			t.Errorf("the certificate has changed: want -, got +\n%s", d)
		}
		r := open(t, copied)
		if err := r.Verify(); err != nil {
			t.Error(err)
		}
		events := all(t, r)
		compare(t, append(want, mark), events)
		if last := events[len(events)-1]; last.NotBefore != time.Second {
			t.Errorf("the mark came back as %+v", last)
		}
		digest, err := open(t, path).Digest()
		if err != nil {
			t.Fatal(err)
		}
		wanted := []trace.Amendment{{Of: digest, Added: "specs", Tool: "test"}}
		if d := cmp.Diff(wanted, r.Run().Amendments); d != "" {
			t.Error(d)
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
			t.Errorf("the original was touched (%v)", err)
		}
	}
}

func TestOnlyAWholeTraceIsAmendedAndNothingIsOverwritten(t *testing.T) {
	run, want := load(t, recordings(t)[0])
	sealed, w := write(t, run, want, 500)
	if _, err := w.Seal(""); err != nil {
		t.Fatal(err)
	}
	open, _ := write(t, run, want, 500)
	text, err := os.ReadFile(sealed)
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(text) / 5 {
		text[len(text)/2+i] ^= 0xff
	}
	damaged := filepath.Join(t.TempDir(), "damaged.db")
	if err := os.WriteFile(damaged, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for from, c := range map[string]struct{ to, want string }{
		open:    {"new.db", "is not sealed"},
		damaged: {"new.db", "damaged"},
		sealed:  {sealed, "exists already"},
	} {
		if c.to == "new.db" {
			c.to = filepath.Join(t.TempDir(), c.to)
		}
		if _, _, err := trace.Amend(from, c.to, trace.Amendment{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
		if _, err := os.Stat(c.to); c.to != sealed && err == nil {
			t.Errorf("%s was left behind", c.to)
		}
	}
}
