package trace_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

func TestEveryVersionOfARecordingComesBackAsItWasRecorded(t *testing.T) {
	for i, file := range recordings(t) {
		for _, batch := range [][]int{{1, 5000}, {7}, {500}}[i] {
			run, want := load(t, file)
			path, w := write(t, run, want, batch)
			check := func(when string) {
				r := open(t, path)
				if err := r.Verify(); err != nil {
					t.Fatalf("%s, %s: %v", file, when, err)
				}
				compare(t, want, all(t, r))
			}
			check("while it is written")
			cert, err := w.Seal("test")
			if err != nil {
				t.Fatal(err)
			}
			if cert.Events != uint64(len(want)) {
				t.Errorf("%s: %d events certified of %d", file, cert.Events, len(want))
			}
			check("sealed")
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s in batches of %d: %d bytes", filepath.Base(file), batch, info.Size())
			if info.Size() > 128<<10 {
				t.Errorf("%s: %d bytes sealed, more than 128 KiB", file, info.Size())
			}
		}
	}
}

func compare(t *testing.T, want, got []trace.Event) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d events came back of %d", len(got), len(want))
	}
	clock := time.Duration(0)
	for i, w := range want {
		g := got[i]
		clock = max(clock, w.Time) // the recording's own times step back now and then
		w.Time = clock
		if g.Seq != uint64(i+1) || g.Time != w.Time || g.Type != w.Type || g.Source != w.Source ||
			g.Object != w.Object || !g.Wall.Equal(w.Wall) || g.Inferred != w.Inferred {
			w.Data, g.Data = nil, nil
			t.Fatalf("event %d:\n%+v came back as\n%+v", i+1, w, g)
		}
		if !sameJSON(t, w.Data, g.Data) {
			t.Fatalf("event %d: recorded %.500s\ncame back %.500s", i+1, w.Data, g.Data)
		}
	}
}
