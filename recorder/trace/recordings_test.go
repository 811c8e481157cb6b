package trace_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// recordings are the watch logs of a real cluster.
func recordings(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("../testdata/*.jsonl.zst")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings found: %v", err)
	}
	return files
}

// load reads a recording as events, the object versions and marks as they are.
func load(t testing.TB, file string) (trace.Run, []trace.Event) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := zstd.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var events []trace.Event
	run := trace.Run{ID: strings.TrimSuffix(filepath.Base(file), ".jsonl.zst"), Origin: trace.OriginImport}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var line struct {
			Time   time.Time
			Type   string
			Object json.RawMessage
			Mark   json.RawMessage
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		if run.Start.IsZero() {
			run.Start = line.Time
		}
		ev := trace.Event{Time: line.Time.Sub(run.Start), Wall: line.Time, Source: trace.SourceWatch}
		if ev.Type = trace.Type(strings.ToLower(line.Type)); ev.Type == trace.Mark {
			ev.Source, ev.Data = trace.SourceMark, line.Mark
			events = append(events, ev)
			continue
		}
		ev.Data = line.Object
		ev.Object = objectOf(t, line.Object)
		events = append(events, ev)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return run, events
}

func objectOf(t testing.TB, raw []byte) trace.Object {
	var o struct {
		APIVersion, Kind string
		Metadata         struct{ Namespace, Name, UID string }
	}
	if err := json.Unmarshal(raw, &o); err != nil {
		t.Fatal(err)
	}
	gvk := schema.FromAPIVersionAndKind(o.APIVersion, o.Kind)
	plural, _ := meta.UnsafeGuessKindToResource(gvk)
	return trace.Object{
		Resource:  trace.Resource{Group: gvk.Group, Version: gvk.Version, Resource: plural.Resource, Kind: gvk.Kind},
		Namespace: o.Metadata.Namespace, Name: o.Metadata.Name, UID: o.Metadata.UID,
	}
}

// write puts the events into a new trace, in batches of this size.
func write(t testing.TB, run trace.Run, events []trace.Event, batch int) (string, *trace.Writer) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "trace.db")
	w, err := trace.Create(path, run)
	if err != nil {
		t.Fatal(err)
	}
	appendAll(t, w, events, batch)
	return path, w
}

func appendAll(t testing.TB, w *trace.Writer, events []trace.Event, batch int) {
	t.Helper()
	for len(events) > 0 {
		n := min(batch, len(events))
		if _, err := w.Append(nil, events[:n]...); err != nil {
			t.Fatal(err)
		}
		events = events[n:]
	}
}

func open(t testing.TB, path string) *trace.Reader {
	t.Helper()
	r, err := trace.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func all(t testing.TB, r *trace.Reader) []trace.Event {
	t.Helper()
	var events []trace.Event
	for ev, err := range r.Events(0) {
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, ev)
	}
	return events
}

// sameJSON compares canonically: key order and white space do not count, and
// numbers are compared as they are written.
func sameJSON(t testing.TB, a, b []byte) bool {
	t.Helper()
	return normal(t, a) == normal(t, b)
}

func normal(t testing.TB, raw []byte) string {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %.200s", err, raw)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
