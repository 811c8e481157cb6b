package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"

	"github.com/hindsight-project/hindsight/cmd/lab/cluster"
	"github.com/hindsight-project/hindsight/recorder/trace"
)

func TestMain(m *testing.M) {
	cluster.RunComponent()
	code := m.Run()
	if shared != nil {
		_ = shared.Stop() // a cluster of its own tests that
	}
	os.Exit(code)
}

// shared is the cluster of the tests that do not need one of their own.
var shared *cluster.Cluster

func sharedCluster(t *testing.T) *cluster.Cluster {
	t.Helper()
	if shared == nil {
		var err error
		if shared, err = cluster.Start(context.Background(), cluster.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	return shared
}

// testdata of the recorder: three histories of a real cluster.
const testdata = "../../../recorder/testdata/"

func startCluster(t *testing.T) *cluster.Cluster {
	t.Helper()
	c, err := cluster.Start(t.Context(), cluster.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func openRecording(t *testing.T, path string) *Recording {
	t.Helper()
	recording, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := recording.Close(); err != nil {
			t.Error(err)
		}
	})
	return recording
}

// watchEvent is a line of the API server's watch protocol.
type watchEvent struct {
	Type   string
	Object json.RawMessage
}

// endName is the name of the object that ends a watch.
const endName = "end-of-history"

// watcher collects the watch events of one resource up to the object endName.
type watcher struct {
	body   io.ReadCloser
	events []watchEvent
	err    error
	done   chan struct{}
}

// watch opens a watch of a resource in all namespaces, straight over HTTP, from
// the state as it is now: what it delivers is what the server sent.
func watch(ctx context.Context, config *rest.Config, r trace.Resource, rv string) (*watcher, error) {
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	root := "/apis/"
	if r.Group == "" {
		root = "/api/"
	}
	url := config.Host + root + r.APIVersion() + "/" + r.Resource + "?watch=1&resourceVersion=" + rv
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("watch %s: %s", r, response.Status)
	}
	w := &watcher{body: response.Body, done: make(chan struct{})}
	go w.collect()
	return w, nil
}

func (w *watcher) collect() {
	defer close(w.done)
	defer w.body.Close()
	lines := json.NewDecoder(w.body)
	for {
		var event watchEvent
		if w.err = lines.Decode(&event); w.err != nil {
			return
		}
		if event.Type == "ERROR" {
			w.err = errors.New(string(event.Object))
			return
		}
		if name(event.Object) == endName {
			return
		}
		w.events = append(w.events, event)
	}
}

func name(object json.RawMessage) string {
	var o struct{ Metadata struct{ Name string } }
	_ = json.Unmarshal(object, &o)
	return o.Metadata.Name
}

// withEnd appends an object endName for each resource of the history.
func withEnd(t *testing.T, history []trace.Event) []trace.Event {
	t.Helper()
	seen := map[trace.Resource]bool{}
	for _, e := range history {
		if !e.Type.IsObject() || seen[e.Object.Resource] {
			continue
		}
		seen[e.Object.Resource] = true
		data := content(t, e.Data)
		metadata := data.(map[string]any)["metadata"].(map[string]any)
		metadata["name"], metadata["uid"] = endName, endName
		end := e
		end.Type, end.Object.Name, end.Object.UID = trace.Added, endName, endName
		var err error
		if end.Data, err = json.Marshal(data); err != nil {
			t.Fatal(err)
		}
		history = append(history, end)
	}
	return history
}

func all(events []trace.Event) iter.Seq2[trace.Event, error] {
	return func(yield func(trace.Event, error) bool) {
		for _, e := range events {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func collectEvents(t *testing.T, history iter.Seq2[trace.Event, error]) []trace.Event {
	t.Helper()
	var events []trace.Event
	for e, err := range history {
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	return events
}

// content is an object without its resourceVersion, the only field that the
// server sets itself.
func content(t *testing.T, data []byte) any {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var object map[string]any
	if err := decoder.Decode(&object); err != nil {
		t.Fatal(err)
	}
	delete(object["metadata"].(map[string]any), "resourceVersion")
	return object
}

// delivered replays the history and returns what watches of all its resources,
// opened before, delivered of its namespaces.
func delivered(t *testing.T, c *cluster.Cluster, history []trace.Event) (Result, map[trace.Resource][]watchEvent) {
	t.Helper()
	config, err := c.RESTConfig()
	if err != nil {
		t.Fatal(err)
	}
	now, err := c.Etcd().Get(t.Context(), keyRoot)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	watchers := map[trace.Resource]*watcher{}
	for _, e := range history {
		r := e.Object.Resource
		if !e.Type.IsObject() || watchers[r] != nil {
			continue
		}
		if watchers[r], err = watch(ctx, config, r, fmt.Sprint(now.Header.Revision)); err != nil {
			t.Fatal(err)
		}
	}
	result, err := Run(ctx, config, c.Etcd(), all(withEnd(t, history)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[trace.Resource][]watchEvent{}
	for r, w := range watchers {
		<-w.done
		if w.err != nil {
			t.Fatalf("watch of %s: %v", r, w.err)
		}
		got[r] = ofNamespaces(w.events, history)
	}
	return result, got
}

// ofNamespaces leaves out the objects of other namespaces than the history's:
// the API server has Leases of its own.
func ofNamespaces(events []watchEvent, history []trace.Event) []watchEvent {
	namespaces := map[string]bool{}
	for _, e := range history {
		namespaces[e.Object.Namespace] = true
	}
	var rest []watchEvent
	for _, e := range events {
		var o struct{ Metadata struct{ Namespace string } }
		_ = json.Unmarshal(e.Object, &o)
		if namespaces[o.Metadata.Namespace] {
			rest = append(rest, e)
		}
	}
	return rest
}

// compare holds the watch events of each resource against the history.
func compare(t *testing.T, history []trace.Event, got map[trace.Resource][]watchEvent) {
	t.Helper()
	n, revisions := map[trace.Resource]int{}, map[trace.Resource]string{}
	for _, want := range history {
		if !want.Type.IsObject() {
			continue
		}
		r := want.Object.Resource
		if n[r] == len(got[r]) {
			t.Fatalf("%s: only %d events were delivered, the next should be event %d", r, n[r], want.Seq)
		}
		event := got[r][n[r]]
		n[r]++
		if wantType := strings.ToUpper(string(want.Type)); event.Type != wantType {
			t.Errorf("event %d of %s: delivered as %s, want %s", want.Seq, want.Object, event.Type, wantType)
		}
		if diff := cmp.Diff(content(t, want.Data), content(t, event.Object)); diff != "" {
			t.Errorf("event %d of %s was delivered with other content (-recorded +delivered):\n%s",
				want.Seq, want.Object, diff)
		}
		if rv := revision(event.Object); rv == "" || rv == revisions[r] {
			t.Errorf("event %d of %s has no resourceVersion of its own but %q", want.Seq, want.Object, rv)
		} else {
			revisions[r] = rv
		}
	}
	for r, events := range got {
		if len(events) > n[r] {
			t.Errorf("%s: %d more events were delivered than recorded", r, len(events)-n[r])
		}
	}
}

func revision(object json.RawMessage) string {
	var o struct {
		Metadata struct{ ResourceVersion string }
	}
	_ = json.Unmarshal(object, &o)
	return o.Metadata.ResourceVersion
}

func TestEveryRecordedVersionIsDeliveredOnce(t *testing.T) {
	paths, err := filepath.Glob(testdata + "*.jsonl.zst")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no recordings in %s: %v", testdata, err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			c := startCluster(t)
			history := collectEvents(t, openRecording(t, path).Events(0))
			result, got := delivered(t, c, history)
			compare(t, history, got)
			if result.Restored > 0 || result.Unknown > 0 {
				t.Errorf("%d writes were made up, %d versions have unknown fields, want none: %v",
					result.Restored, result.Unknown, result.UnknownFields)
			}
		})
	}
}
