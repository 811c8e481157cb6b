package trace_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// repeated makes a long history out of a recording: every round the objects
// live again in a cluster of their own, later in time.
func repeated(b *testing.B, rounds int) (trace.Run, []trace.Event) {
	b.Helper()
	run, events := load(b, "../testdata/node-drain.jsonl.zst")
	span := events[len(events)-1].Time + time.Second
	var all []trace.Event
	for i := range rounds {
		for _, ev := range events {
			ev.Time += time.Duration(i) * span
			ev.Wall = ev.Wall.Add(time.Duration(i) * span)
			if ev.Object.UID != "" {
				ev.Object.UID += string(rune('a'+i%26)) + string(rune('a'+i/26))
			}
			all = append(all, ev)
		}
	}
	return run, all
}

func BenchmarkAppend(b *testing.B) {
	run, events := repeated(b, 20)
	bytes := 0
	for _, ev := range events {
		bytes += len(ev.Data)
	}
	b.SetBytes(int64(bytes))
	for b.Loop() {
		path := filepath.Join(b.TempDir(), "trace.db")
		w, err := trace.Create(path, run)
		if err != nil {
			b.Fatal(err)
		}
		appendAll(b, w, events, 1000)
		if _, err := w.Seal("benchmark"); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(events)*b.N)/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkEvents(b *testing.B) {
	path, n := sealed(b, 20)
	r := open(b, path)
	b.ReportMetric(float64(r.Stats().Bytes)/float64(n), "bytes/event")
	for b.Loop() {
		for _, err := range r.Events(0) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkScan(b *testing.B) {
	path, n := sealed(b, 20)
	r := open(b, path)
	sel := trace.Selection{Fields: []trace.Fields{{
		Resource: "persistentvolumeclaims", Paths: [][]string{{"spec", "resources"}, {"status", "capacity"}},
	}}}
	for b.Loop() {
		if err := r.Scan(sel, func(*trace.Change) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkStateAt(b *testing.B) {
	path, n := sealed(b, 50)
	r := open(b, path)
	for name, match := range map[string]func(trace.Object) bool{
		"one object":  func(o trace.Object) bool { return o.Kind == "Cluster" },
		"all objects": nil,
	} {
		b.Run(name, func(b *testing.B) {
			seq := uint64(0)
			for b.Loop() {
				seq = (seq + 7919) % uint64(n)
				if _, err := r.StateAt(seq, match); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func sealed(b *testing.B, rounds int) (string, int) {
	b.Helper()
	run, events := repeated(b, rounds)
	path, w := write(b, run, events, 1000)
	if _, err := w.Seal("benchmark"); err != nil {
		b.Fatal(err)
	}
	return path, len(events)
}
