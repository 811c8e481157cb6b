package trace_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// version1 unpacks a file that the last program wrote that wrote version 1, and
// returns what was recorded in it: blocks with and without dictionary, checkpoints
// and, in the one that is not sealed, a tail.
func version1(t *testing.T, name string) (path string, run trace.Run, events []trace.Event) {
	t.Helper()
	d, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	data, err := d.DecodeAll(read(t, filepath.Join("testdata", name)), nil)
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "trace.db")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	run, recorded := load(t, "../testdata/growth.jsonl.zst")
	for i := range 3 {
		for _, ev := range recorded {
			if ev.Object.UID != "" {
				ev.Object.UID += fmt.Sprint("-", i)
			}
			ev.Time += time.Duration(i) * time.Hour
			events = append(events, ev)
		}
	}
	for n := range uint64(5000) {
		ev := numbered(n + 1)
		ev.Time = 3*time.Hour + time.Duration(n)*time.Second
		ev.Wall = run.Start.Add(ev.Time)
		events = append(events, ev)
	}
	return path, run, events
}

func TestATraceOfVersion1IsReadAsItWasRecorded(t *testing.T) {
	for _, name := range []string{"version1-sealed.db.zst", "version1-open.db.zst"} {
		path, _, want := version1(t, name)
		r := open(t, path)
		if err := r.Verify(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if r.Stats().Checkpoints == 0 {
			t.Errorf("%s has no checkpoint", name)
		}
		compare(t, want, all(t, r))
		live := map[trace.Object]trace.Event{}
		for i, ev := range want {
			if ev.Type.IsObject() {
				live[ev.Object] = ev
			}
			if ev.Type == trace.Deleted {
				delete(live, ev.Object)
			}
			if i%700 != 699 {
				continue
			}
			seq := uint64(i + 1)
			got, err := r.StateAt(seq, nil)
			if err != nil || len(got) != len(live) {
				t.Fatalf("%s: %d objects at event %d, want %d: %v", name, len(got), seq, len(live), err)
			}
			for _, v := range got {
				one, err := r.StateOf(seq, v.Object)
				if err != nil || string(one.Data) != string(v.Data) || !sameJSON(t, live[v.Object].Data, v.Data) {
					t.Fatalf("%s: %s at event %d is not what was recorded last: %v", name, v.Object, seq, err)
				}
			}
		}
		n := 0
		err := r.Scan(trace.Selection{Fields: []trace.Fields{{Resource: "pods", Paths: [][]string{{"spec", "n"}}}}},
			func(c *trace.Change) error {
				if number, ok := c.State.At("spec", "n").Int(); ok {
					if n++; number != int64(n) {
						t.Fatalf("%s: scanned %d, want %d", name, number, n)
					}
				}
				return nil
			})
		if err != nil || n != 5000 {
			t.Errorf("%s: %d events of the pod scanned: %v", name, n, err)
		}
	}
}

func TestATraceOfVersion1GoesOnAsOneOfThePresent(t *testing.T) {
	path, _, want := version1(t, "version1-open.db.zst")
	w, err := trace.Resume(path)
	if err != nil {
		t.Fatal(err)
	}
	goOn(t, w, path, want)
}

func TestATraceOfVersion1IsAmendedAsOneOfThePresent(t *testing.T) {
	path, _, want := version1(t, "version1-sealed.db.zst")
	before := read(t, path)
	amended := filepath.Join(t.TempDir(), "amended.db")
	w, _, err := trace.Amend(path, amended, trace.Amendment{Added: "more", Tool: "test"})
	if err != nil {
		t.Fatal(err)
	}
	goOn(t, w, amended, want)
	if string(read(t, path)) != string(before) {
		t.Error("the original was touched")
	}
}

// goOn appends to a trace that was begun in version 1, again after an
// interruption, and reads it.
func goOn(t *testing.T, w *trace.Writer, path string, want []trace.Event) {
	t.Helper()
	end := want[len(want)-1]
	for n := range uint64(6000) {
		ev := numbered(5001 + n)
		ev.Time = end.Time + time.Duration(n)*time.Second
		ev.Wall = end.Wall.Add(time.Duration(n) * time.Second)
		want = append(want, ev)
	}
	appendAll(t, w, want[len(want)-6000:len(want)-1000], 300)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r := open(t, path)
	compare(t, want[:len(want)-1000], all(t, r))
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	w, err := trace.Resume(path)
	if err != nil {
		t.Fatal(err)
	}
	appendAll(t, w, want[len(want)-1000:], 300)
	if _, err := w.Seal("test"); err != nil {
		t.Fatal(err)
	}
	r = open(t, path)
	if err := r.Verify(); err != nil {
		t.Fatal(err)
	}
	compare(t, want, all(t, r))
}
