package evidence_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/recorder/watchlog/watchlogtest"
	"github.com/hindsight-project/hindsight/verifier/evidence"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

var (
	start  = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	pvcs   = trace.Resource{Version: "v1", Resource: "persistentvolumeclaims", Kind: "PersistentVolumeClaim"}
	events = trace.Resource{Version: "v1", Resource: "events", Kind: "Event"}
	things = trace.Resource{Group: "x.org", Version: "v1", Resource: "things", Kind: "Thing"}
)

// write makes a trace of the events, one second apart, and opens it.
func write(t *testing.T, list ...trace.Event) *trace.Reader {
	t.Helper()
	file := filepath.Join(t.TempDir(), "trace.db")
	w, err := trace.Create(file, trace.Run{ID: "r", Origin: "attach", Start: start, Tool: "test"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		list[i].Time = time.Duration(i+1) * time.Second
		list[i].Wall = start.Add(list[i].Time)
		if list[i].Source == "" {
			list[i].Source = trace.SourceWatch
		}
	}
	if _, err := w.Append(nil, list...); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Seal("done"); err != nil {
		t.Fatal(err)
	}
	return watchlogtest.Open(t, file)
}

// version is an event about the object x of a resource; body is the rest of its JSON.
func version(of trace.Resource, kind trace.Type, rv int, body string) trace.Event {
	data := fmt.Sprintf(`{"apiVersion":%q,"kind":%q,
		"metadata":{"name":"x","namespace":"ds","uid":"u","resourceVersion":"%d"}%s}`, of.APIVersion(), of.Kind, rv, body)
	return trace.Event{
		Type: kind, Object: trace.Object{Resource: of, Namespace: "ds", Name: "x", UID: "u"}, Data: json.RawMessage(data),
	}
}

func read(t *testing.T, r *trace.Reader, seqs ...uint64) []verdict.Event {
	t.Helper()
	found, err := evidence.Events(r, seqs)
	if err != nil {
		t.Fatal(err)
	}
	var list []verdict.Event
	for _, seq := range seqs {
		if e, ok := found[seq]; ok {
			list = append(list, e)
		}
	}
	return list
}

func TestEventSaysWhenWhatAndHowItChanged(t *testing.T) {
	r := write(t,
		version(pvcs, trace.Added, 1, `,"spec":{"resources":{"requests":{"storage":"1Gi"}}},"status":{"phase":"Bound"}`),
		version(pvcs, trace.Modified, 2, `,"spec":{"resources":{"requests":{"storage":"2Gi"}}},"status":{"phase":"Bound"}`),
	)
	want := []verdict.Event{
		{
			Seq: 1, Time: time.Second, Wall: start.Add(time.Second), Type: trace.Added, Object: "persistentvolumeclaims/ds/x",
			Changes: []string{"spec.resources.requests.storage: 1Gi", "status.phase: Bound"},
		},
		{
			Seq: 2, Time: 2 * time.Second, Wall: start.Add(2 * time.Second), Type: trace.Modified,
			Object: "persistentvolumeclaims/ds/x", Changes: []string{"spec.resources.requests.storage: 1Gi → 2Gi"},
		},
	}
	if diff := cmp.Diff(want, read(t, r, 1, 2)); diff != "" {
		t.Error(diff)
	}
}

func TestPreviousVersionIsFoundHoweverFarItIs(t *testing.T) {
	list := []trace.Event{version(things, trace.Added, 1, `,"spec":{"x":0}`)}
	other := func(rv int) trace.Event {
		e := version(pvcs, trace.Modified, rv, fmt.Sprintf(`,"status":{"phase":"%d"}`, rv))
		if rv == 2 {
			e.Type = trace.Added
		}
		return e
	}
	for rv := 2; rv <= 2500; rv++ {
		list = append(list, other(rv))
	}
	list = append(list, version(things, trace.Modified, 2501, `,"spec":{"x":1}`))
	r := write(t, list...)
	for _, seqs := range [][]uint64{{2501}, {1, 2501}, {2500, 2501}, {2501, 2, 2400, 2, 2501}} {
		for _, e := range read(t, r, seqs...) {
			var want []string
			switch e.Seq {
			case 1:
				want = []string{}
			case 2:
				want = []string{"status.phase: 2"}
			case 2501:
				want = []string{"spec.x: 0 → 1"}
			default:
				want = []string{fmt.Sprintf("status.phase: %d → %d", e.Seq-1, e.Seq)}
			}
			if diff := cmp.Diff(want, e.Changes); diff != "" {
				t.Errorf("%d of %v:\n%s", e.Seq, seqs, diff)
			}
		}
	}
}

func TestChangesInWords(t *testing.T) {
	tests := []struct {
		name          string
		before, after string
		want          []string
	}{
		{
			"the telling fields come first",
			`,"a":1,"spec":{"x":1},"status":{"y":1}`, `,"a":2,"spec":{"x":2},"status":{"y":2}`,
			[]string{"spec.x: 1 → 2", "status.y: 1 → 2", "a: 1 → 2"},
		},
		{
			"a condition keeps its name when another one moves it",
			`,"status":{"conditions":[{"type":"Ready","status":"False"}]}`,
			`,"status":{"conditions":[{"type":"Resizing","status":"True"},{"type":"Ready","status":"True"}]}`,
			[]string{
				"status.conditions[Ready].status: False → True",
				`status.conditions[Resizing] appeared: {"status":"True","type":"Resizing"}`,
			},
		},
		{
			"elements without a name go by their index",
			`,"status":{"list":["a","b"]}`, `,"status":{"list":["a"]}`,
			[]string{"status.list[1] vanished (was b)"},
		},
		{
			"what every write changes is left out",
			`,"status":{"x":1,"lastUpdateTime":"1"}`, `,"status":{"x":2,"lastUpdateTime":"2"}`,
			[]string{"status.x: 1 → 2"},
		},
		{
			"unless nothing else changed",
			`,"status":{"lastUpdateTime":"1"}`, `,"status":{"lastUpdateTime":"2"}`,
			[]string{"only bookkeeping changed (metadata.resourceVersion)"},
		},
		{
			"many fields are counted",
			`,"spec":{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1}`, `,"spec":{"a":2,"b":2,"c":2,"d":2,"e":2,"f":2}`,
			[]string{"spec.a: 1 → 2", "spec.b: 1 → 2", "spec.c: 1 → 2", "spec.d: 1 → 2", "and 2 more fields"},
		},
		{
			"long values are cut",
			`,"spec":{"a":"short"}`, `,"spec":{"a":"` + strings.Repeat("long ", 50) + `"}`,
			[]string{"spec.a: short → " + strings.Repeat("long ", 14) + "l…"},
		},
		{
			"a field of another type",
			`,"spec":{"a":{"b":1}}`, `,"spec":{"a":null}`,
			[]string{`spec.a: {"b":1} → null`},
		},
		{
			"values that differ after the cut",
			`,"spec":{"a":"` + strings.Repeat("x", 100) + `1"}`, `,"spec":{"a":"` + strings.Repeat("x", 100) + `2"}`,
			[]string{"spec.a changed"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := write(t, version(things, trace.Added, 1, test.before), version(things, trace.Modified, 2, test.after))
			if diff := cmp.Diff(test.want, read(t, r, 2)[0].Changes); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEventsThatAreNoChangesOfObjects(t *testing.T) {
	gap := trace.GapRecord{ID: 1, Side: "begin", FromRV: "1", ToRV: "9", Reason: "watch expired"}
	tests := []struct {
		name  string
		event trace.Event
		want  []string
	}{
		{
			"a Kubernetes Event",
			version(events, trace.Added, 1, `,"reason":"Resizing","message":"External resizer\nis resizing","count":3,`+
				`"involvedObject":{"kind":"PersistentVolumeClaim","name":"pg-1"}`),
			[]string{"Resizing: External resizer is resizing (×3)", "about PersistentVolumeClaim pg-1"},
		},
		{
			"a mark",
			trace.Event{Type: trace.Mark, Source: trace.SourceMark, Data: json.RawMessage(`{"name":"fill-start"}`)},
			[]string{`{"name":"fill-start"}`},
		},
		{
			"a gap",
			trace.Event{Type: trace.Gap, Object: trace.Object{Resource: pvcs}, Data: marshal(t, gap)},
			[]string{"begin of gap 1: watch expired"},
		},
		{
			"a stream",
			trace.Event{
				Type: trace.Stream, Object: trace.Object{Resource: pvcs},
				Data: marshal(t, trace.StreamRecord{State: "broken", Reason: "EOF"}),
			},
			[]string{"broken: EOF"},
		},
		{
			"an object that ceased to exist",
			version(things, trace.Deleted, 1, `,"status":{"phase":"Failed"}`),
			[]string{"status.phase: Failed"},
		},
		{
			"an object about which nothing is known",
			version(things, trace.Added, 1, ""),
			[]string{},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			list := []trace.Event{test.event}
			if test.event.Type == trace.Gap {
				end := gap
				end.Side = "end"
				list = append(list, trace.Event{Type: trace.Gap, Object: trace.Object{Resource: pvcs}, Data: marshal(t, end)})
			}
			if diff := cmp.Diff(test.want, read(t, write(t, list...), 1)[0].Changes); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSequenceNumbersThatTheTraceDoesNotHaveAreLeftOut(t *testing.T) {
	r := write(t, version(things, trace.Added, 1, ""))
	if got := read(t, r, 1, 2, 99); len(got) != 1 || got[0].Seq != 1 {
		t.Errorf("got %v", got)
	}
}

func TestSelectKeepsTheBeginningAndTheEnd(t *testing.T) {
	few := []uint64{1, 2, 3, 4, 5, 6, 7, 8}
	if got := evidence.Select(few); !slices.Equal(got, few) {
		t.Errorf("got %v", got)
	}
	many := []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	if got, want := evidence.Select(many), []uint64{1, 2, 3, 4, 7, 8, 9, 10}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if !slices.Equal(many, []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}) {
		t.Error("the argument was changed")
	}
}

func marshal(t *testing.T, v any) json.RawMessage {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
