package views_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// story writes a small trace by hand. Times are in seconds since its start.
type story struct {
	t       *testing.T
	start   time.Time
	version int
	events  []trace.Event
	objects map[string]map[string]any
}

var (
	clusterKind = trace.Resource{
		Group: "postgresql.cnpg.io", Version: "v1", Resource: "clusters", Kind: "Cluster",
	}
	claimKind = trace.Resource{Version: "v1", Resource: "persistentvolumeclaims", Kind: "PersistentVolumeClaim"}
	podKind   = trace.Resource{Version: "v1", Resource: "pods", Kind: "Pod"}
	nodeKind  = trace.Resource{Version: "v1", Resource: "nodes", Kind: "Node"}
	leaseKind = trace.Resource{Group: "coordination.k8s.io", Version: "v1", Resource: "leases", Kind: "Lease"}
)

type object = map[string]any

func tell(t *testing.T) *story {
	return &story{
		t: t, start: time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC), objects: map[string]map[string]any{},
	}
}

func (s *story) event(at float64, e trace.Event) *story {
	e.Time = time.Duration(at * float64(time.Second))
	e.Wall = s.start.Add(e.Time)
	s.events = append(s.events, e)
	return s
}

// put records an object as it is from now on; uid tells lives of one name apart.
func (s *story) put(at float64, kind trace.Resource, name, uid string, content object) *story {
	return s.record(at, trace.Event{}, kind, name, uid, content)
}

func (s *story) record(at float64, e trace.Event, kind trace.Resource, name, uid string, content object) *story {
	s.t.Helper()
	key := kind.Resource + "/" + name + "/" + uid
	o := object{}
	if e.Type = trace.Modified; s.objects[key] == nil {
		e.Type = trace.Added
		born := s.start.Add(time.Duration(at) * time.Second)
		merge(o, object{"metadata": object{"creationTimestamp": born.Format(time.RFC3339)}})
	}
	merge(o, s.objects[key])
	merge(o, content)
	s.version++
	merge(o, object{
		"kind": kind.Kind, "apiVersion": kind.APIVersion(),
		"metadata": object{
			"name": name, "namespace": "ns", "uid": uid, "resourceVersion": fmt.Sprint(s.version),
		},
	})
	s.objects[key] = o
	text, err := json.Marshal(o)
	if err != nil {
		s.t.Fatal(err)
	}
	e.Source, e.Data = trace.SourceWatch, text
	e.Object = trace.Object{Resource: kind, Namespace: "ns", Name: name, UID: uid}
	return s.event(at, e)
}

// gone records that an object was deleted.
func (s *story) gone(at float64, kind trace.Resource, name, uid string) *story {
	s.put(at, kind, name, uid, nil)
	s.events[len(s.events)-1].Type = trace.Deleted
	delete(s.objects, kind.Resource+"/"+name+"/"+uid)
	return s
}

func merge(into, from object) {
	for key, value := range from {
		deeper, ok := value.(object)
		old, known := into[key].(object)
		switch {
		case ok && known:
			merge(old, deeper)
		case ok:
			fresh := object{}
			merge(fresh, deeper)
			into[key] = fresh
		case value == nil:
			delete(into, key)
		default:
			into[key] = value
		}
	}
}

// listed makes the objects so far ones that were there before the trace began.
func (s *story) listed() *story {
	for key, o := range s.objects {
		merge(o, object{"metadata": object{"creationTimestamp": "2025-12-31T00:00:00Z"}})
		for i := range s.events {
			e := &s.events[i]
			if e.Object.Resource.Resource+"/"+e.Object.Name+"/"+e.Object.UID == key {
				text, err := json.Marshal(o)
				if err != nil {
					s.t.Fatal(err)
				}
				e.Data = text
			}
		}
	}
	return s
}

func (s *story) say(at float64, kind trace.Type, data object) *story {
	text, err := json.Marshal(data)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.event(at, trace.Event{Type: kind, Source: trace.SourceSentinel, Data: text})
}

// since makes the last event one that happened at some time after a moment.
func (s *story) since(at float64) *story {
	s.events[len(s.events)-1].NotBefore = time.Duration(at * float64(time.Second))
	return s
}

func (s *story) gap(from, until float64, kind trace.Resource) *story {
	id := len(s.events)
	for _, side := range []struct {
		at   float64
		name string
	}{{from, trace.GapBegin}, {until, trace.GapEnd}} {
		text, err := json.Marshal(trace.GapRecord{ID: id, Side: side.name, FromRV: "1", ToRV: "2", Reason: "test"})
		if err != nil {
			s.t.Fatal(err)
		}
		s.event(side.at, trace.Event{
			Type: trace.Gap, Source: trace.SourceRecorder, Data: text,
			Object: trace.Object{Resource: kind, Namespace: "ns"},
		})
	}
	return s
}

// denied records that a kind was refused from the start.
func (s *story) denied(kind trace.Resource) *story {
	text, err := json.Marshal(trace.StreamRecord{State: trace.StreamDenied, Reason: "forbidden"})
	if err != nil {
		s.t.Fatal(err)
	}
	return s.event(0, trace.Event{
		Type: trace.Stream, Source: trace.SourceRecorder, Data: text,
		Object: trace.Object{Resource: kind, Namespace: "ns"},
	})
}

// The objects of the stories.

func dynamic(request, limit string, more object) object {
	block := object{"request": request, "limit": limit}
	merge(block, more)
	return object{"metadata": object{"generation": 1}, "spec": object{"instances": 2, "storage": block}}
}

func claim(name, request, capacity string) object {
	o := object{
		"metadata": object{
			"labels": object{
				"cnpg.io/cluster": "pg", "cnpg.io/instanceName": name, "cnpg.io/pvcRole": "PG_DATA",
			},
			"annotations": object{"cnpg.io/pvcStatus": "ready"},
		},
		"spec": object{"resources": object{"requests": object{"storage": request}}},
	}
	if capacity != "" {
		o["status"] = object{"phase": "Bound", "capacity": object{"storage": capacity}}
	}
	return o
}

func instancePod(name, node string) object {
	return object{
		"metadata": object{"labels": object{
			"cnpg.io/cluster": "pg", "cnpg.io/instanceName": name, "cnpg.io/podRole": "instance",
		}},
		"spec": object{"nodeName": node},
		"status": object{
			"phase": "Running", "conditions": []any{object{"type": "Ready", "status": "True"}},
			"containerStatuses": []any{object{"name": "postgres", "restartCount": 0}},
		},
	}
}

func primaries(current, target string) object {
	return object{"status": object{"currentPrimary": current, "targetPrimary": target}}
}

var leaving = object{"metadata": object{"deletionTimestamp": "2026-01-01T12:00:00Z"}}

func (s *story) file() string {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "story.db")
	w, err := trace.Create(file, trace.Run{ID: "story", Origin: trace.OriginImport, Start: s.start})
	if err != nil {
		s.t.Fatal(err)
	}
	slices.SortStableFunc(s.events, func(a, b trace.Event) int { return cmp.Compare(a.Time, b.Time) })
	if _, err := w.Append(nil, s.events...); err != nil {
		s.t.Fatal(err)
	}
	if _, err := w.Seal("test"); err != nil {
		s.t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		s.t.Fatal(err)
	}
	return file
}

// documents returns the documents of one view by entity.
func (s *story) documents(view string) map[string]map[string]any {
	s.t.Helper()
	out := map[string]map[string]any{}
	for _, d := range project(s.t, s.file(), view) {
		out[d.Entity] = d.Value()
	}
	return out
}

// only returns the only document of a view.
func (s *story) only(view string) map[string]any {
	s.t.Helper()
	documents := s.documents(view)
	if len(documents) != 1 {
		s.t.Fatalf("%d documents of %s, want 1", len(documents), view)
	}
	for _, d := range documents {
		return d
	}
	return nil
}

// pick renders the named fields of each row of a list, a line each.
func pick(rows any, fields ...string) []string {
	out := []string{}
	for _, row := range rows.([]any) {
		line := ""
		for _, field := range fields {
			value := row.(map[string]any)[field]
			if m, ok := value.(map[string]any); ok {
				value = m["ns"]
			}
			if n, ok := value.(json.Number); ok {
				if i, err := n.Int64(); err == nil && i >= 1e8 && i%1e8 == 0 {
					value = fmt.Sprintf("%gs", float64(i)/1e9)
				} else if err == nil && i >= 1<<20 && i%(1<<20) == 0 {
					value = fmt.Sprintf("%dMi", i>>20)
				}
			}
			line += fmt.Sprint(value) + " "
		}
		out = append(out, line[:len(line)-1])
	}
	return out
}
