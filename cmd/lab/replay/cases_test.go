package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/restmapper"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

var (
	configMaps = trace.Resource{Version: "v1", Resource: "configmaps", Kind: "ConfigMap"}
	unknowns   = trace.Resource{Group: "example.com", Version: "v1", Resource: "unknowns", Kind: "Unknown"}
)

// event of a ConfigMap c in namespace cases with one entry.
func event(typ trace.Type, uid, value string) trace.Event {
	return trace.Event{
		Type:   typ,
		Object: trace.Object{Resource: configMaps, Namespace: "cases", Name: "c", UID: uid},
		Data: fmt.Appendf(nil, `{"apiVersion":"v1","kind":"ConfigMap","data":{"v":%q},`+
			`"metadata":{"name":"c","namespace":"cases","uid":%q,"creationTimestamp":"2026-11-22T02:00:00Z"}}`, value, uid),
	}
}

// story renders watch events: type, uid and value.
func story(t *testing.T, events []watchEvent) []string {
	t.Helper()
	told := []string{}
	for _, e := range events {
		var o struct {
			Metadata struct{ UID string }
			Data     map[string]string
		}
		if err := json.Unmarshal(e.Object, &o); err != nil {
			t.Fatal(err)
		}
		told = append(told, fmt.Sprintf("%s %s=%s", e.Type, o.Metadata.UID, o.Data["v"]))
	}
	return told
}

func TestWhatARecordingLacksIsMadeUp(t *testing.T) {
	c := sharedCluster(t)
	for _, test := range []struct {
		name     string
		history  []trace.Event
		want     []string
		restored int
	}{
		{"a life", []trace.Event{
			event(trace.Added, "a", "1"), event(trace.Modified, "a", "2"), event(trace.Deleted, "a", "2"),
		}, []string{"ADDED a=1", "MODIFIED a=2", "DELETED a=2"}, 0},
		{"the version before the deletion is missing", []trace.Event{
			event(trace.Added, "a", "1"), event(trace.Deleted, "a", "2"),
		}, []string{"ADDED a=1", "MODIFIED a=2", "DELETED a=2"}, 1},
		{"only the deletion was seen", []trace.Event{
			event(trace.Deleted, "a", "1"),
		}, []string{"ADDED a=1", "DELETED a=1"}, 1},
		{"the deletion before a new object of the name is missing", []trace.Event{
			event(trace.Added, "a", "1"), event(trace.Added, "b", "2"), event(trace.Deleted, "b", "2"),
		}, []string{"ADDED a=1", "DELETED a=1", "ADDED b=2", "DELETED b=2"}, 1},
		{"a name is used again", []trace.Event{
			event(trace.Added, "a", "1"), event(trace.Deleted, "a", "1"), event(trace.Added, "b", "1"),
		}, []string{"ADDED a=1", "DELETED a=1", "ADDED b=1"}, 0},
		{"the cluster has the object of the case before", []trace.Event{
			event(trace.Added, "c", "1"), event(trace.Deleted, "c", "1"),
		}, []string{"DELETED b=1", "ADDED c=1", "DELETED c=1"}, 0},
		{"a version equal to the one before", []trace.Event{
			event(trace.Added, "a", "1"), event(trace.Modified, "a", "1"), event(trace.Deleted, "a", "1"),
		}, []string{"ADDED a=1", "MODIFIED a=1", "DELETED a=1"}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			result, events := delivered(t, c, test.history)
			if got := story(t, events[configMaps]); !slices.Equal(got, test.want) {
				t.Errorf("delivered %q, want %q", got, test.want)
			}
			if result.Restored != test.restored {
				t.Errorf("%d writes made up, want %d", result.Restored, test.restored)
			}
		})
	}
}

func TestFieldsThatTheServerDoesNotKnowAreReported(t *testing.T) {
	c := sharedCluster(t)
	e := event(trace.Added, "a", "1")
	e.Data = []byte(strings.Replace(string(e.Data), `"data"`, `"fromTheFuture":1,"data"`, 1))
	result, events := delivered(t, c, []trace.Event{e})
	if result.Unknown != 2 || // with the copy that ends the watch
		!strings.Contains(fmt.Sprint(result.UnknownFields), "fromTheFuture") {
		t.Errorf("reported %d: %v", result.Unknown, result.UnknownFields)
	}
	if got := story(t, events[configMaps]); !slices.Equal(got, []string{"ADDED a=1"}) {
		t.Errorf("delivered %q", got)
	}
}

func TestReplayRefuses(t *testing.T) {
	c := sharedCluster(t)
	config, err := c.RESTConfig()
	if err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	broken, unserved := event(trace.Added, "a", "1"), event(trace.Added, "a", "1")
	broken.Data = []byte(`{"apiVersion":"v1","kind":"ConfigMap","data":7}`)
	unserved.Object.Resource = unknowns
	failed := errors.New("the recording is damaged")
	for name, test := range map[string]struct {
		ctx   context.Context
		event trace.Event
		err   error
		o     Options
		want  string
	}{
		"a kind that is not served":    {event: unserved, want: "install its definition"},
		"an object that is none":       {event: broken, want: "configmaps/cases/c"},
		"a negative speed":             {o: Options{Speed: -1}, want: "above 0"},
		"a speed that is no number":    {o: Options{Speed: math.NaN()}, want: "above 0"},
		"moving times without a clock": {o: Options{MoveTimes: true}, want: "above 0"},
		"to go on after the end":       {ctx: cancelled, event: event(trace.Added, "a", "1"), want: "canceled"},
		"a recording that stops to be": {err: failed, want: "damaged"},
		"a mark that cannot be handled": {event: trace.Event{Type: trace.Mark}, want: "damaged",
			o: Options{OnMark: func(trace.Event) error { return failed }}},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			if test.ctx != nil {
				ctx = test.ctx
			}
			history := func(yield func(trace.Event, error) bool) { yield(test.event, test.err) }
			_, err := Run(ctx, config, c.Etcd(), history, test.o)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("says %v, want it to mention %q", err, test.want)
			}
		})
	}
}

func TestMovedTimes(t *testing.T) {
	recorded := time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)
	c := clock{recorded: recorded, replayed: recorded.Add(time.Hour), speed: 10}
	for in, want := range map[string]string{
		`"2026-11-22T02:00:00Z"`:             `"2026-11-22T03:00:00Z"`,
		`"2026-11-22T02:00:15Z"`:             `"2026-11-22T03:00:01Z"`,
		`"2026-11-22T01:00:00Z"`:             `"2026-11-22T02:54:00Z"`,
		`"2026-11-22T02:00:15.000000Z"`:      `"2026-11-22T03:00:01.500000Z"`,
		`"2026-11-22T03:00:15+01:00"`:        `"2026-11-22T03:00:01Z"`,
		`["2026-11-22T02:00:00Z",1.50]`:      `["2026-11-22T03:00:00Z",1.50]`,
		`{"a":{"b":"2026-11-22T02:00:00Z"}}`: `{"a":{"b":"2026-11-22T03:00:00Z"}}`,
		`"2026-11-31T02:00:00Z"`:             `"2026-11-31T02:00:00Z"`,
		`"at 2026-11-22T02:00:00Z"`:          `"at 2026-11-22T02:00:00Z"`,
		`"20261122020000"`:                   `"20261122020000"`,
	} {
		if got, err := moveTimes([]byte(in), c); err != nil || string(got) != want {
			t.Errorf("%s becomes %s (%v), want %s", in, got, err, want)
		}
	}
}

// What the replay stores is, byte for byte, what the API server stores.
func TestEncodingIsTheServersOwn(t *testing.T) {
	c := sharedCluster(t)
	config, err := c.RESTConfig()
	if err != nil {
		t.Fatal(err)
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	discovery := kubernetes.NewForConfigOrDie(config).Discovery()
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(discovery))
	e, err := newEncoder(mapper)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		`{"apiVersion":"v1","kind":"Node","metadata":{"name":"n"}}`,
		`{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"name":"c","image":"i"}]}}`,
		`{"apiVersion":"v1","kind":"PersistentVolumeClaim","spec":{"accessModes":["ReadWriteOnce"],` +
			`"resources":{"requests":{"storage":"1Gi"}}}}`,
		`{"apiVersion":"v1","kind":"PersistentVolume","spec":{"accessModes":["ReadWriteOnce"],` +
			`"capacity":{"storage":"1Gi"},"csi":{"driver":"d","volumeHandle":"h"}}}`,
		`{"apiVersion":"v1","kind":"Event","involvedObject":{"namespace":"default"},"reason":"r","count":2}`,
		`{"apiVersion":"events.k8s.io/v1","kind":"Event","eventTime":"2026-11-22T02:00:00.000000Z",` +
			`"action":"a","reason":"r","reportingController":"x.io/c","reportingInstance":"i","type":"Normal"}`,
		`{"apiVersion":"v1","kind":"Service","spec":{"ports":[{"port":80}]}}`,
		`{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","spec":{"holderIdentity":"h"}}`,
		`{"apiVersion":"batch/v1","kind":"Job","spec":{"template":{"spec":{"restartPolicy":"Never",` +
			`"containers":[{"name":"c","image":"i"}]}}}}`,
		`{"apiVersion":"policy/v1","kind":"PodDisruptionBudget","spec":{"minAvailable":1,"selector":{}}}`,
		`{"apiVersion":"storage.k8s.io/v1","kind":"StorageClass","provisioner":"p"}`,
		`{"apiVersion":"storage.k8s.io/v1","kind":"VolumeAttachment","spec":{"attacher":"a","nodeName":"n",` +
			`"source":{"persistentVolumeName":"v"}}}`,
		`{"apiVersion":"postgresql.cnpg.io/v1","kind":"Cluster","spec":{"instances":3,"ratio":0.25},"status":{"x":[{}]}}`,
		`{"apiVersion":"snapshot.storage.k8s.io/v1","kind":"VolumeSnapshotClass","driver":"d"}`,
	} {
		object := &unstructured.Unstructured{}
		if err := json.Unmarshal([]byte(text), object); err != nil {
			t.Fatal(err)
		}
		object.SetName("sample")
		gvk := object.GroupVersionKind()
		t.Run(gvk.Kind+" of "+gvk.GroupVersion().String(), func(t *testing.T) {
			mapping, err := mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
			if err != nil {
				t.Fatal(err)
			}
			resource := dynamic.ResourceInterface(client.Resource(mapping.Resource))
			if mapping.Scope.Name() == "namespace" {
				object.SetNamespace("default")
				object.SetName("sample" + gvk.Group) // Events are stored under one key whatever their group
				resource = client.Resource(mapping.Resource).Namespace("default")
			}
			if _, err := resource.Create(t.Context(), object, metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
			// The server fills in some defaults only when it reads what it stored:
			// what it served once it stores with all of them at the next write.
			served, err := resource.Patch(t.Context(), object.GetName(), types.MergePatchType,
				[]byte(`{"metadata":{"labels":{"read":"once"}}}`), metav1.PatchOptions{})
			if err != nil {
				t.Fatal(err)
			}
			data, err := served.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			version, err := e.encode(trace.Object{
				Resource:  trace.Resource{Group: gvk.Group, Version: gvk.Version, Kind: gvk.Kind},
				Namespace: served.GetNamespace(), Name: served.GetName(),
			}, data)
			if err != nil {
				t.Fatal(err)
			}
			if version.unknown != nil {
				t.Error(version.unknown)
			}
			stored, err := c.Etcd().Get(t.Context(), version.key)
			if err != nil {
				t.Fatal(err)
			}
			if len(stored.Kvs) != 1 {
				t.Fatalf("the server has nothing under %s", version.key)
			}
			got, want := version.value, stored.Kvs[0].Value
			if !bytes.Equal(bytes.TrimSpace(got), bytes.TrimSpace(want)) { // JSON may end with a line feed
				t.Errorf("the server stores\n%q\nthe replay would store\n%q", want, got)
			}
		})
	}
}

func TestOpen(t *testing.T) {
	for name, content := range map[string]string{
		"an empty file":                    "",
		"a text":                           "hello world, this is no recording",
		"a log with a line of no use":      `{"time":"2026-11-22T02:00:00Z","type":"MARK","mark":1}` + "\n{}\n",
		"a log in which nothing is useful": "{}\n",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "recording")
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(t.Context(), path); err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("says %v, want the name of the file and what is wrong", err)
			}
		})
	}
}

// A trace is replayed like the log that it was imported from.
func TestATraceIsASourceToo(t *testing.T) {
	log := openRecording(t, testdata+"growth.jsonl.zst")
	again := openRecording(t, filepath.Join(log.dir, "log.trace.db"))
	if a, b := len(collectEvents(t, log.Events(0))), len(collectEvents(t, again.Events(0))); a != b || a == 0 {
		t.Errorf("%d events of the log, %d of its trace", a, b)
	}
}
