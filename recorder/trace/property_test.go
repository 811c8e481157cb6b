package trace_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// anyJSON draws a JSON value that is not too deep.
func anyJSON(depth int) *rapid.Generator[any] {
	scalar := rapid.OneOf(
		rapid.Just[any](nil), rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		rapid.Map(rapid.Int64(), func(n int64) any { return n }),
		rapid.Map(rapid.SampledFrom([]string{"0", "-0", "1e3", "1.50", "12345678901234567890", "-7"}),
			func(s string) any { return json.Number(s) }),
		rapid.Map(rapid.String(), func(s string) any { return s }),
		rapid.Map(rapid.SampledFrom([]string{
			"", "0", "007", "4213", "999999999999999999", "2026-11-22T02:08:31Z", "2026-02-30T02:08:31Z",
			"2026-11-22T02:08:31.493647Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "10Gi", "\u2028<&>\"\\\x00",
		}), func(s string) any { return s }),
	)
	if depth == 0 {
		return scalar
	}
	return rapid.OneOf(
		scalar,
		rapid.Map(rapid.SliceOfN(anyJSON(depth-1), 0, 4), func(s []any) any { return s }),
		rapid.Map(rapid.MapOfN(rapid.SampledFrom([]string{
			"a", "b", "0", "1", "", "metadata", "fieldsV1", "managedFields", "x/y", "é",
		}), anyJSON(depth-1), 0, 4), func(m map[string]any) any { return m }),
	)
}

func TestAnyHistoryComesBackHoweverItWasBatchedAndInterrupted(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		path := filepath.Join(t.TempDir(), fmt.Sprintf("%d.db", time.Now().UnixNano()))
		run := trace.Run{ID: "r", Origin: trace.OriginImport, Start: time.Unix(1_800_000_000, 0).UTC()}
		w, err := trace.Create(path, run)
		if err != nil {
			rt.Fatal(err)
		}
		var want []trace.Event
		clock := time.Duration(0)
		for range rapid.IntRange(1, 6).Draw(rt, "batches") {
			var batch []trace.Event
			for range rapid.IntRange(0, 9).Draw(rt, "events") {
				clock += time.Duration(rapid.Int64Range(0, 1e9).Draw(rt, "dt"))
				batch = append(batch, drawEvent(rt, clock))
			}
			if _, err := w.Append(nil, batch...); err != nil {
				rt.Fatal(err)
			}
			want = append(want, batch...)
			if rapid.Bool().Draw(rt, "interrupted") {
				if err := w.Close(); err != nil {
					rt.Fatal(err)
				}
				if w, err = trace.Resume(path); err != nil {
					rt.Fatal(err)
				}
			}
		}
		if _, err := w.Seal("done"); err != nil {
			rt.Fatal(err)
		}
		r, err := trace.Open(path)
		if err != nil {
			rt.Fatal(err)
		}
		defer r.Close()
		if err := r.Verify(); err != nil {
			rt.Fatal(err)
		}
		i := 0
		for got, err := range r.Events(0) {
			if err != nil {
				rt.Fatal(err)
			}
			w := want[i]
			i++
			if got.Type != w.Type || got.Object != w.Object || got.Time != w.Time || got.Inferred != w.Inferred ||
				got.NotBefore != w.NotBefore || !sameJSON(t, w.Data, got.Data) {
				rt.Fatalf("event %d: recorded %s %s %v, came back %s %s %v",
					i, w.Type, w.Data, w.Object, got.Type, got.Data, got.Object)
			}
		}
		if i != len(want) {
			rt.Fatalf("%d events came back of %d", i, len(want))
		}
	})
}

// drawEvent draws an event without a uid, so that none is a duplicate.
func drawEvent(rt *rapid.T, at time.Duration) trace.Event {
	ev := trace.Event{
		Time: at, NotBefore: at - time.Duration(rapid.Int64Range(0, int64(at)).Draw(rt, "late")),
		Inferred: rapid.Bool().Draw(rt, "inferred"), Source: trace.SourceWatch,
	}
	if ev.NotBefore == 0 {
		ev.NotBefore = at
	}
	value := anyJSON(3).Draw(rt, "data")
	ev.Type = rapid.SampledFrom([]trace.Type{
		trace.Added, trace.Modified, trace.Deleted, trace.Mark, "sentinel.read",
	}).Draw(rt, "type")
	if ev.Type.IsObject() {
		value = map[string]any{"metadata": value, "spec": anyJSON(2).Draw(rt, "spec")}
		ev.Object = trace.Object{
			Resource:  trace.Resource{Version: "v1", Resource: "pods", Kind: "Pod"},
			Namespace: "ns", Name: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "name"),
		}
	}
	raw, err := json.Marshal(value)
	if err != nil {
		rt.Fatal(err)
	}
	ev.Data = raw
	return ev
}

func FuzzAnyJSONIsKeptOrRefused(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a":1}`, `{"a":[1,{"b":[]}],"c":{}}`, `{"a":1,"a":2}`, `[[[]]]`, `null`, ` {"a" : -0.0e-1 } `,
		`{"metadata":{"managedFields":[{"fieldsV1":{"z":{},"a":{"q":"\ud83d\ude00"}}}]}}`, "{\"a\":\"\xff\"}",
		`{"metadata":{"resourceVersion":"12","generation":3}}`, `{"a":"\ud800"}`, `{"a":1}x`,
	} {
		f.Add([]byte(seed), []byte(`{"a":{"b":1}}`))
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		path, w := write(t, trace.Run{ID: "fuzz", Origin: trace.OriginImport, Start: time.Unix(1e9, 0)}, nil, 1)
		var kept [][]byte
		for _, data := range [][]byte{first, second, first} {
			if len(data) == 0 {
				continue
			}
			_, err := w.Append(nil, trace.Event{Type: "fuzz", Data: data})
			if err == nil {
				kept = append(kept, data)
			}
		}
		_, err := w.Append(nil, trace.Event{Type: trace.Modified, Data: first, Object: trace.Object{
			Resource: trace.Resource{Version: "v1", Resource: "pods", Kind: "Pod"}, Name: "p",
		}})
		if err == nil {
			kept = append(kept, first)
		}
		if _, err := w.Seal("fuzz"); err != nil {
			t.Fatal(err)
		}
		got := all(t, open(t, path))
		if len(got) != len(kept) {
			t.Fatalf("%d events kept, %d came back", len(kept), len(got))
		}
		for i := range kept {
			if !sameJSON(t, kept[i], got[i].Data) {
				t.Fatalf("%s came back as %s", kept[i], got[i].Data)
			}
			if !json.Valid(got[i].Data) {
				t.Fatalf("%s came back as %s", kept[i], got[i].Data)
			}
		}
	})
}

func TestTheStateAtAnyMomentIsWhatTheEventsAddUpTo(t *testing.T) {
	run, events := load(t, "../testdata/node-drain.jsonl.zst")
	const rounds = 16 // enough for checkpoints
	var long []trace.Event
	for i := range rounds {
		for _, ev := range events {
			lasts := ev.Object.Namespace == "" && ev.Type != trace.Deleted // nodes live in all rounds
			if ev.Object.UID != "" && !lasts {
				ev.Object.UID += fmt.Sprint("-", i)
			}
			if lasts && i > 0 {
				ev.Data = bytes.Replace(ev.Data, []byte(`"resourceVersion":"`),
					fmt.Appendf(nil, `"resourceVersion":"%d`, i), 1)
			}
			ev.Time += time.Duration(i) * time.Hour
			long = append(long, ev)
		}
	}
	path, w := write(t, run, long, 500)
	for _, when := range []string{"open", "sealed"} {
		if when == "sealed" {
			if _, err := w.Seal("test"); err != nil {
				t.Fatal(err)
			}
		}
		r := open(t, path)
		if r.Stats().Checkpoints == 0 {
			t.Fatal("the trace has no checkpoint: the test would not test them")
		}
		live := map[trace.Object]trace.Event{}
		for i, ev := range long {
			if ev.Type.IsObject() {
				live[ev.Object] = ev
			}
			if ev.Type == trace.Deleted {
				delete(live, ev.Object)
			}
			if i%2999 != 2998 && i != len(long)-1 {
				continue
			}
			seq := uint64(i + 1)
			got, err := r.StateAt(seq, nil)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != len(live) {
				t.Fatalf("%s: %d objects at event %d, want %d", when, len(got), seq, len(live))
			}
			for _, v := range got {
				if want, ok := live[v.Object]; !ok || !sameJSON(t, want.Data, v.Data) {
					t.Fatalf("%s: %s at event %d is not what was recorded last", when, v.Object, seq)
				}
			}
			one := got[i%len(got)]
			only, err := r.StateAt(seq, func(o trace.Object) bool { return o == one.Object })
			if err != nil || len(only) != 1 || string(only[0].Data) != string(one.Data) {
				t.Fatalf("%s: %s alone at event %d differs: %v %v", when, one.Object, seq, only, err)
			}
			same, err := r.StateOf(seq, one.Object)
			if err != nil || same == nil || string(same.Data) != string(one.Data) || same.Seq != one.Seq {
				t.Fatalf("%s: %s at event %d differs: %v %v", when, one.Object, seq, same, err)
			}
			within, err := r.StateIn(seq, one.Namespace, nil)
			if err != nil || !slices.EqualFunc(within, inNamespace(got, one.Namespace), equalVersions) {
				t.Fatalf("%s: namespace %q at event %d differs: %v", when, one.Namespace, seq, err)
			}
			at, err := r.SeqAt(one.Time)
			if err != nil || at < one.Seq {
				t.Fatalf("%s: SeqAt(%v) is %d, %v, want at least %d", when, one.Time, at, err, one.Seq)
			}
		}
	}
}

func inNamespace(all []trace.Version, namespace string) []trace.Version {
	return slices.DeleteFunc(slices.Clone(all), func(v trace.Version) bool { return v.Namespace != namespace })
}

func equalVersions(a, b trace.Version) bool {
	return a.Object == b.Object && a.Seq == b.Seq && string(a.Data) == string(b.Data)
}

func TestAnInterruptedTraceGoesOnWithTheDictionaryThatItHas(t *testing.T) {
	run, events := load(t, "../testdata/node-drain.jsonl.zst")
	var long []trace.Event
	for i := range 6 { // some blocks before and after each interruption
		for _, ev := range events {
			if ev.Object.UID != "" {
				ev.Object.UID += fmt.Sprint("-", i)
			}
			ev.Time += time.Duration(i) * time.Hour
			long = append(long, ev)
		}
	}
	path, w := write(t, run, nil, 1)
	for _, part := range [][]trace.Event{long[:700], long[700:2100], long[2100:2101], long[2101:]} {
		appendAll(t, w, part, 300)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		var err error
		if w, err = trace.Resume(path); err != nil {
			t.Fatal(err)
		}
	}
	compare(t, long, all(t, open(t, path)))
	if _, err := w.Seal("test"); err != nil {
		t.Fatal(err)
	}
	r := open(t, path)
	if err := r.Verify(); err != nil {
		t.Fatal(err)
	}
	compare(t, long, all(t, r))
	once, w := write(t, run, long, 300)
	if _, err := w.Seal("test"); err != nil {
		t.Fatal(err)
	}
	if a, b := r.Stats().Bytes, open(t, once).Stats().Bytes; a > b*3/2 {
		t.Errorf("%d bytes with interruptions, %d without", a, b)
	}
}

func TestTheHistoryOfOneObjectIsItsEventsAmongAll(t *testing.T) {
	run, events := load(t, "../testdata/primary-restart.jsonl.zst")
	path, _ := write(t, run, events, 100)
	r := open(t, path)
	for _, o := range r.Objects() {
		var want, got []uint64
		for i, ev := range events {
			if ev.Object == o {
				want = append(want, uint64(i+1))
			}
		}
		for ev, err := range r.History(func(x trace.Object) bool { return x == o }) {
			if err != nil {
				t.Fatal(err)
			}
			if !sameJSON(t, ev.Data, events[ev.Seq-1].Data) {
				t.Fatalf("%s: event %d differs", o, ev.Seq)
			}
			got = append(got, ev.Seq)
		}
		if !slices.Equal(want, got) {
			t.Fatalf("%s: history %v, want %v", o, got, want)
		}
	}
}

func TestReadingFromTheMiddleGivesTheSameEvents(t *testing.T) {
	run, events := load(t, "../testdata/growth.jsonl.zst")
	path, _ := write(t, run, events, 50)
	r := open(t, path)
	whole := all(t, r)
	for _, from := range []uint64{1, 2, 50, 51, 333, uint64(len(events)), uint64(len(events)) + 1} {
		i := int(from) - 1
		for ev, err := range r.Events(from) {
			if err != nil {
				t.Fatal(err)
			}
			if ev.Seq != whole[i].Seq || string(ev.Data) != string(whole[i].Data) {
				t.Fatalf("from %d: event %d differs", from, ev.Seq)
			}
			i++
		}
		if i != max(len(whole), int(from)-1) {
			t.Fatalf("from %d: ended at %d of %d", from, i, len(whole))
		}
	}
}

func TestAScanSeesExactlyTheChangesOfWhatItSelects(t *testing.T) {
	run, events := load(t, "../testdata/node-drain.jsonl.zst")
	path, w := write(t, run, events, 64)
	if _, err := w.Seal("test"); err != nil {
		t.Fatal(err)
	}
	r := open(t, path)
	paths := [][]string{{"spec", "resources", "requests"}, {"status", "capacity"}, {"status", "conditions", "*", "type"}}
	var want []string
	last := map[trace.Object]string{}
	for _, ev := range all(t, r) {
		if ev.Type == trace.Mark {
			want = append(want, fmt.Sprint(ev.Seq, ev.Type, string(ev.Data)))
		}
		if ev.Object.Resource.Resource != "persistentvolumeclaims" || !ev.Type.IsObject() {
			continue
		}
		var o struct {
			Spec struct {
				Resources struct{ Requests map[string]string }
			}
			Status struct {
				Capacity   map[string]string
				Conditions []struct{ Type string }
			}
		}
		if err := json.Unmarshal(ev.Data, &o); err != nil {
			t.Fatal(err)
		}
		is := fmt.Sprint(o.Spec.Resources.Requests["storage"], o.Status.Capacity["storage"], o.Status.Conditions)
		if ev.Type != trace.Modified || last[ev.Object] != is {
			want = append(want, fmt.Sprint(ev.Seq, ev.Type, is))
		}
		last[ev.Object] = is
	}
	var got []string
	sel := trace.Selection{
		Fields: []trace.Fields{{Resource: "persistentvolumeclaims", Paths: paths}}, Types: []trace.Type{trace.Mark},
	}
	err := r.Scan(sel, func(c *trace.Change) error {
		if c.Type == trace.Mark {
			got = append(got, fmt.Sprint(c.Seq, c.Type, string(c.State.JSON())))
			return nil
		}
		var types []struct{ Type string }
		for _, cond := range c.State.At("status", "conditions").Each() {
			types = append(types, struct{ Type string }{cond.At("type").String()})
		}
		if c.State.At("metadata").Exists() {
			t.Error("a field that was not selected is there")
		}
		got = append(got, fmt.Sprint(c.Seq, c.Type, c.State.At("spec", "resources", "requests", "storage").String(),
			c.State.At("status", "capacity", "storage").String(), types))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(want, got) {
		t.Fatalf("scanned\n%v\nwant\n%v", got, want)
	}
}
