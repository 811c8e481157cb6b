package collect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/hindsight-project/hindsight/recorder/broker"
	"github.com/hindsight-project/hindsight/recorder/bus"
	"github.com/hindsight-project/hindsight/recorder/bus/natstest"
	"github.com/hindsight-project/hindsight/recorder/trace"
)

func TestMain(m *testing.M) {
	natstest.RunNode()
	goleak.VerifyTestMain(m)
}

var podStream = bus.StreamKey{Resource: trace.Resource{Version: "v1", Resource: "pods", Kind: "Pod"}, Namespace: "ds"}

// server starts a JetStream server of one node.
func server(t *testing.T) broker.Options {
	t.Helper()
	c, err := natstest.Start(t.Context(), t.TempDir(), 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	return broker.Options{URL: c.URL()}
}

// publish publishes versions 1 to n of a Pod as a run, and ends it with what
// change makes of a complete end; nil: it does not end.
func publish(t *testing.T, to broker.Options, run string, n int, change func(*bus.End)) {
	t.Helper()
	b, err := bus.Open(t.Context(), bus.Options{
		RunID: run, NATS: to, Notify: t.Logf,
		Published: &bus.Published{
			Run:     trace.Run{ID: run, Origin: trace.OriginAttach, Start: time.Now().UTC(), Namespaces: []string{"ds"}},
			Streams: []bus.StreamKey{podStream},
		},
	}, trace.Position{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	at := func(i int, typ trace.Type, data []byte) trace.Event {
		return trace.Event{
			Time: time.Duration(i), NotBefore: time.Duration(i), Wall: time.Now().UTC(),
			Source: trace.SourceWatch, Type: typ, Data: data,
		}
	}
	last := bus.Version{Namespace: "ds", Name: "a", UID: "u", ResourceVersion: fmt.Sprint(n)}
	for i := 1; i <= n; i++ {
		e := at(i, trace.Modified, fmt.Appendf(nil, `{"metadata":{"resourceVersion":"%d"}}`, i))
		e.Object = trace.Object{Resource: podStream.Resource, Namespace: "ds", Name: "a", UID: "u"}
		if err := b.Publish(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if change != nil {
		end := bus.End{Reason: "done", Streams: []bus.StreamEnd{{
			StreamKey: podStream, Proof: trace.ProofComplete, Objects: 1, Digest: bus.Digest([]bus.Version{last}),
		}}}
		change(&end)
		data, err := json.Marshal(end)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Publish(t.Context(), at(n+1, bus.TypeEnd, data)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func complete(*bus.End) {}

// output is a buffer that may be read while it is written.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// collected collects and returns the proof of the Pods by run, and what was said.
func collected(t *testing.T, o Options) (proofs map[string]string, said string, err error) {
	t.Helper()
	proofs = map[string]string{}
	var out output
	o.Stderr = &out
	o.Sealed = func(f File) {
		proofs[f.Run.ID] = fmt.Sprintf("%d events", f.Certificate.Events)
		for _, s := range f.Certificate.Streams {
			proofs[f.Run.ID] += ", " + s.Proof
		}
	}
	err = Run(t.Context(), o)
	return proofs, out.String(), err
}

func same(t *testing.T, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("want -, got +\n%s", d)
	}
}

func TestEveryRunHasItsFile(t *testing.T) {
	t.Parallel()
	to, dir := server(t), t.TempDir()
	publish(t, to, "run-1", 3, complete)
	publish(t, to, "run-2", 2000, complete)
	publish(t, to, "run-3", 5, func(e *bus.End) { e.Streams[0].Digest = bus.Digest(nil) })
	publish(t, to, "run-4", 7, func(e *bus.End) {
		e.Streams[0].Proof, e.Streams[0].Reason, e.Streams[0].Digest = trace.ProofOpen, "stopped", ""
	})
	publish(t, to, "run-5", 9, nil)
	proofs, said, err := collected(t, Options{NATS: to, Dir: dir, UntilIdle: 2 * time.Second})
	same(t, proofs, map[string]string{
		"run-1": "3 events, complete", "run-2": "2000 events, complete",
		"run-3": "5 events, mismatch", "run-4": "7 events, open",
	})
	var unfinished *Unfinished
	if !errors.As(err, &unfinished) || !slices.Equal(unfinished.Runs, []string{"run-5"}) {
		t.Errorf("got %v\n%s", err, said)
	}
	r, err := trace.Open(filepath.Join(dir, "run-5.trace.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if c := r.Certificate(); c.Sealed || c.Events != 9 {
		t.Errorf("the run that has not ended: %+v", c)
	}
	found, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(found) != 5 {
		t.Errorf("left behind are %q: %v", found, err)
	}
}

func TestOnlyTheRunsThatAreAskedFor(t *testing.T) {
	t.Parallel()
	to, dir := server(t), t.TempDir()
	publish(t, to, "run-1", 3, complete)
	publish(t, to, "run-2", 4, complete)
	proofs, _, err := collected(t, Options{NATS: to, Dir: dir, Runs: []string{"run-2"}})
	same(t, slices.Collect(maps.Keys(proofs)), []string{"run-2"})
	if err != nil {
		t.Error(err)
	}
	proofs, said, err := collected(t, Options{NATS: to, Dir: dir, Runs: []string{"run-2"}})
	if len(proofs) != 0 || err != nil || !strings.Contains(said, "sealed already") {
		t.Errorf("again: %v: %v\n%s", proofs, err, said)
	}
	_, _, err = collected(t, Options{NATS: to, Dir: dir, Runs: []string{"run-9"}, UntilIdle: time.Second})
	if err == nil || !strings.Contains(err.Error(), "run-9") {
		t.Errorf("one that nobody publishes: %v", err)
	}
}

// A collector that was killed between the seal and the deletion of the stream.
func TestAStreamWhoseFileIsSealedIsDeleted(t *testing.T) {
	t.Parallel()
	to, dir := server(t), t.TempDir()
	publish(t, to, "run-1", 3, nil)
	w, err := trace.Create(filepath.Join(dir, "run-1.trace.db"), trace.Run{ID: "run-1", Start: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Seal("done"); err != nil {
		t.Fatal(err)
	}
	if _, said, err := collected(t, Options{NATS: to, Dir: dir, UntilIdle: time.Second}); err != nil {
		t.Errorf("%v\n%s", err, said)
	}
	_, err = jetStream(t, to).Stream(t.Context(), bus.StreamName("run-1"))
	if !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Errorf("the stream is still there: %v", err)
	}
}

func jetStream(t *testing.T, to broker.Options) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(to.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func TestStreamsOfOthersAreLeftAlone(t *testing.T) {
	t.Parallel()
	to, dir := server(t), t.TempDir()
	js := jetStream(t, to)
	for name, metadata := range map[string]map[string]string{
		"hindsight-local":    nil,
		"hindsight-garbled":  {"dev.hindsight.run": "{"},
		"hindsight-other":    {"dev.hindsight.run": `{"id":"another","start":"2026-11-22T00:00:00Z"}`},
		"hindsight-escape":   {"dev.hindsight.run": `{"id":"../../escape"}`},
		"hindsight-timeless": {"dev.hindsight.run": `{"id":"timeless"}`},
	} {
		if metadata != nil {
			metadata["dev.hindsight.streams"] = "[]"
		}
		_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{
			Name: name, Subjects: []string{"hindsight." + strings.TrimPrefix(name, "hindsight-") + ".>"}, Metadata: metadata,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	publish(t, to, "run-1", 3, complete)
	proofs, said, err := collected(t, Options{NATS: to, Dir: dir, UntilIdle: time.Second})
	if err != nil || len(proofs) != 1 {
		t.Errorf("%v: %v\n%s", proofs, err, said)
	}
	if n := strings.Count(said, "is left alone"); n != 5 {
		t.Errorf("%d are left alone\n%s", n, said)
	}
	found, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(found) != 1 {
		t.Errorf("written are %q: %v", found, err)
	}
}

func TestARunThatCannotBeWrittenDoesNotEndTheOthers(t *testing.T) {
	t.Parallel()
	to, dir := server(t), t.TempDir()
	publish(t, to, "run-1", 3, complete)
	publish(t, to, "run-2", 3, complete)
	if err := os.WriteFile(filepath.Join(dir, "run-1.trace.db"), []byte("not a trace"), 0o600); err != nil {
		t.Fatal(err)
	}
	proofs, _, err := collected(t, Options{NATS: to, Dir: dir, UntilIdle: time.Second})
	same(t, proofs, map[string]string{"run-2": "3 events, complete"})
	if err == nil || !strings.Contains(err.Error(), "run run-1: ") {
		t.Errorf("got %v", err)
	}
}

func TestADirectoryIsThatOfOneCollector(t *testing.T) {
	t.Parallel()
	to, dir := server(t), t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	var first sync.WaitGroup
	defer first.Wait()
	defer cancel()
	publish(t, to, "run-1", 3, nil)
	var said output
	first.Go(func() {
		if err := Run(ctx, Options{NATS: to, Dir: dir, Stderr: &said}); err != nil {
			t.Errorf("interrupted: %v", err)
		}
	})
	for !strings.Contains(said.String(), "collecting") {
		time.Sleep(5 * time.Millisecond)
	}
	_, _, err := collected(t, Options{NATS: to, Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "another collector") {
		t.Errorf("got %v", err)
	}
}

func TestOptionsThatCannotBe(t *testing.T) {
	for _, c := range []struct {
		says, want string
		o          Options
	}{
		{"no server", "--nats URL", Options{}},
		{"negative", "--until-idle", Options{NATS: broker.Options{URL: "nats://127.0.0.1:1"}, UntilIdle: -1}},
		{"a server that is away", "cannot be reached", Options{NATS: broker.Options{URL: "nats://127.0.0.1:1"}}},
	} {
		t.Run(c.says, func(t *testing.T) {
			c.o.Dir = t.TempDir()
			if _, _, err := collected(t, c.o); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
