package bus

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// recorded returns the versions of a real operator's run, as often as it takes to
// have n of them, each round with objects of its own.
func recorded(b *testing.B, n int) []trace.Event {
	b.Helper()
	file, err := os.Open("../testdata/primary-restart.jsonl.zst")
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	z, err := zstd.NewReader(file)
	if err != nil {
		b.Fatal(err)
	}
	defer z.Close()
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 16<<20)
	var events []trace.Event
	for lines.Scan() {
		var line struct {
			Type   string
			Object json.RawMessage
		}
		var o unstructured.Unstructured
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			b.Fatal(err)
		}
		e := trace.Event{Source: trace.SourceWatch, Type: trace.Type(strings.ToLower(line.Type)), Data: line.Object}
		if !e.Type.IsObject() || o.UnmarshalJSON(line.Object) != nil {
			continue
		}
		gvk := o.GroupVersionKind()
		e.Object = trace.Object{
			Resource: trace.Resource{
				Group: gvk.Group, Version: gvk.Version, Resource: strings.ToLower(gvk.Kind) + "s", Kind: gvk.Kind,
			},
			Namespace: o.GetNamespace(), Name: o.GetName(), UID: string(o.GetUID()),
		}
		e.ResourceVersion, e.Generation = o.GetResourceVersion(), o.GetGeneration()
		events = append(events, e)
	}
	first := len(events)
	for i := 0; len(events) < n; i++ {
		e := events[i%first]
		e.Object.UID += strings.Repeat("x", i/first+1)
		events = append(events, e)
	}
	for i := range events {
		at := time.Duration(i+1) * time.Millisecond
		events[i].Time, events[i].NotBefore, events[i].Wall = at, at, time.Unix(0, int64(at)).UTC()
	}
	return events[:n]
}

// used returns the processor time of this process.
func used(b *testing.B) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// From Publish to the disk: what a recorder does behind its watches.
func BenchmarkThroughput(b *testing.B) {
	events := recorded(b, 10000)
	size := 0
	for _, e := range events {
		size += len(e.Data)
	}
	b.SetBytes(int64(size))
	var cpu time.Duration
	for b.Loop() {
		dir := b.TempDir()
		w, err := trace.Create(filepath.Join(dir, "trace.db"), trace.Run{ID: "bench", Start: time.Unix(0, 0).UTC()})
		if err != nil {
			b.Fatal(err)
		}
		bus, err := Open(b.Context(), Options{RunID: "bench", Dir: filepath.Join(dir, "nats"), Notify: b.Logf}, w.Position())
		if err != nil {
			b.Fatal(err)
		}
		before := used(b)
		published := make(chan error, 1)
		go func() {
			for _, e := range events {
				if err := bus.Publish(b.Context(), e); err != nil {
					published <- err
					return
				}
			}
			published <- nil
		}()
		enough := errors.New("enough")
		err = bus.Consume(b.Context(), 0, func(batch Batch) error {
			if _, _, err := Write(w, batch, b.Logf); err != nil {
				return err
			}
			if batch.Position.Seq == uint64(len(events)) {
				return enough
			}
			return nil
		})
		if err := errors.Join(<-published, w.Close()); err != nil {
			b.Fatal(err)
		}
		if !errors.Is(err, enough) {
			b.Fatal(err)
		}
		cpu += used(b) - before
		bus.Close()
	}
	all := float64(len(events) * b.N)
	b.ReportMetric(all/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(cpu.Microseconds())/all, "cpu-µs/event")
}
