package timeline_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/recorder/watchlog/watchlogtest"
	"github.com/hindsight-project/hindsight/verifier"
	"github.com/hindsight-project/hindsight/verifier/timeline"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// altered writes a copy of a trace in which change was asked about every event;
// it returns what is to stand there instead.
func altered(t testing.TB, path, name string, change func(trace.Event) []trace.Event) string {
	t.Helper()
	r, err := trace.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	out := filepath.Join(t.TempDir(), name)
	w, err := trace.Create(out, r.Run())
	if err != nil {
		t.Fatal(err)
	}
	var batch []trace.Event
	for e, err := range r.Events(0) {
		if err != nil {
			t.Fatal(err)
		}
		batch = append(batch, change(e)...)
	}
	for len(batch) > 0 {
		n := min(len(batch), 5000)
		if _, err := w.Append(nil, batch[:n]...); err != nil {
			t.Fatal(err)
		}
		batch = batch[n:]
	}
	for _, s := range r.Certificate().Streams {
		w.Certify(s.Resource, s.Namespace, func(c *trace.StreamCert) { c.Conclude(s.Proof, s.Reason) })
	}
	if _, err := w.Seal("altered"); err != nil {
		t.Fatal(err)
	}
	return out
}

// violated is the restart of a primary in which one claim goes beyond its limit,
// with a sentinel that loses two elements, usage, a gap and a suite.
func violated(t testing.TB) string {
	t.Helper()
	n := 0
	var cluster trace.Object
	return altered(t, watchlogtest.Import(t, "../../recorder/testdata/primary-restart.jsonl.zst"), "violated.db",
		func(e trace.Event) []trace.Event {
			out := []trace.Event{e}
			if e.Object.Kind == "Cluster" {
				cluster = e.Object
			}
			if e.Object.Kind == "PersistentVolumeClaim" && e.Object.Name == "pg-2" && e.Time > 80*time.Second {
				before, after := []byte(`"requests":{"storage":"2Gi"}`), []byte(`"requests":{"storage":"5Gi"}`)
				out[0].Data = bytes.ReplaceAll(e.Data, before, after)
			}
			if cluster.Name == "" || e.Time < 12*time.Second || e.Time > 135*time.Second {
				return out
			}
			return append(out, writes(e, cluster, &n)...)
		})
}

// writes are what a sentinel and the usage of volumes would say at that moment.
func writes(at trace.Event, cluster trace.Object, n *int) []trace.Event {
	say := func(source trace.Source, kind trace.Type, about trace.Object, format string, args ...any) trace.Event {
		return trace.Event{
			Type: kind, Source: source, Object: about, Time: at.Time, NotBefore: at.Time, Wall: at.Wall,
			Data: json.RawMessage(fmt.Sprintf(format, args...)),
		}
	}
	about := trace.Object{Resource: cluster.Resource, Namespace: cluster.Namespace, Name: cluster.Name, UID: cluster.UID}
	*n++
	out := []trace.Event{say(trace.SourceSentinel, "sentinel.invoked", about, `{"workload":"w","n":%d}`, *n)}
	outcome := fmt.Sprintf(`{"workload":"w","n":%d,"instance":"pg-1","timeline":1,"lsn":"0/3%06X"}`, *n, *n*100)
	if at.Time > 86*time.Second && at.Time < 89*time.Second {
		out = append(out, say(trace.SourceSentinel, "sentinel.unknown", about, `{"workload":"w","n":%d,"error":"EOF"}`, *n))
	} else {
		out = append(out, say(trace.SourceSentinel, "sentinel.acknowledged", about, "%s", outcome))
	}
	if *n%25 == 0 {
		have := fmt.Sprintf("1-%d", *n-1)
		if at.Time > 90*time.Second {
			have = fmt.Sprintf("1-199,202-%d", *n-1)
		}
		out = append(out, say(trace.SourceSentinel, "sentinel.read", about,
			`{"workload":"w","instance":"pg-1","primary":true,"complete":true,"elements":%q,`+
				`"duplicates":"","timeline":1,"lsn":"0/3FFFFFF"}`, have))
	}
	if *n%12 == 0 {
		claim := trace.Object{
			Resource:  trace.Resource{Version: "v1", Resource: "persistentvolumeclaims", Kind: "PersistentVolumeClaim"},
			Namespace: cluster.Namespace, Name: "pg-1",
		}
		used := int64(120<<20) + int64(at.Time.Seconds()*7)<<20
		out = append(out, say(trace.SourceUsage, "usage", claim,
			`{"pvc":"pg-1","namespace":%q,"instance":"pg-1","from":"instance","used_bytes":%d,`+
				`"capacity_bytes":1040187392,"available_bytes":%d}`,
			cluster.Namespace, used, 1040187392-used))
	}
	return out
}

func check(t testing.TB, paths ...string) verdict.Run {
	t.Helper()
	run, err := verifier.Check(context.Background(), paths, verifier.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// drawn is the page of a run.
func drawn(t testing.TB, paths ...string) []byte {
	t.Helper()
	var page bytes.Buffer
	run := check(t, paths...)
	for i := range run.Traces {
		run.Traces[i].File = filepath.Base(run.Traces[i].File) // no path of the machine in a picture
	}
	open := func(file string) (*trace.Reader, error) {
		for _, path := range paths {
			if filepath.Base(path) == file {
				return trace.Open(path)
			}
		}
		return nil, fmt.Errorf("no trace %s", file)
	}
	if err := timeline.Write(&page, run, open); err != nil {
		t.Fatal(err)
	}
	return page.Bytes()
}

// hostile is a trace of a cluster, a pod and a claim that are called as a name says.
func hostile(t testing.TB, name string) string {
	t.Helper()
	n := 0
	source := watchlogtest.Import(t, recordings+"growth.jsonl.zst")
	return altered(t, source, "hostile.db", func(e trace.Event) []trace.Event {
		if !e.Type.IsObject() || e.Object.Kind == "Event" {
			return []trace.Event{e}
		}
		n++
		quoted, err := json.Marshal(name)
		if err != nil {
			t.Fatal(err)
		}
		e.Data = bytes.ReplaceAll(e.Data, []byte(`"pg-1"`), quoted)
		e.Data = bytes.ReplaceAll(e.Data, []byte(`"n1"`), quoted)
		e.Data = bytes.ReplaceAll(e.Data, []byte(`Cluster in healthy state`), quoted[1:len(quoted)-1])
		if e.Object.Name == "pg-1" || e.Object.Name == "n1" {
			e.Object.Name = name
		}
		return []trace.Event{e}
	})
}
