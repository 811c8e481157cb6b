package views_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/rego"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/recorder/watchlog/watchlogtest"
)

// whole returns the trace as the input of the reference semantics.
func whole(t testing.TB, file string) map[string]any {
	t.Helper()
	r := open(t, file)
	events := []any{}
	for e, err := range r.Events(1) {
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, map[string]any{
			"seq": e.Seq, "ns": e.Time, "not_before_ns": e.NotBefore, "type": e.Type, "inferred": e.Inferred,
			"resource": e.Object.Resource.Resource, "namespace": e.Object.Namespace, "name": e.Object.Name,
			"uid": e.Object.UID, "data": e.Data,
		})
	}
	c := r.Certificate()
	return map[string]any{
		"start_ns": r.Run().Start.UnixNano(), "events": events,
		"end": map[string]any{"seq": c.Events, "ns": c.Duration},
	}
}

func open(t testing.TB, file string) *trace.Reader {
	t.Helper()
	r, err := trace.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// reference evaluates a rule of the reference semantics.
func reference(t testing.TB, query string, input any) map[string]any {
	t.Helper()
	results, err := rego.New(
		rego.Query(query), rego.Load([]string{"reference"}, nil), rego.Input(plain(t, input)),
		rego.StrictBuiltinErrors(true),
	).Eval(context.Background())
	if err != nil || len(results) != 1 {
		t.Fatalf("%s gave %d results: %v", query, len(results), err)
	}
	return plain(t, results[0].Expressions[0].Value).(map[string]any)
}

// plain turns a value into JSON types.
func plain(t testing.TB, value any) any {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// beyond are the fields that do not come from the events alone: a calendar and
// the certificate.
var beyond = map[string][]string{"storage": {"windows", "gaps"}, "operation": {"gaps"}}

// compare demands that the views say what the reference semantics says.
func compare(t *testing.T, file string) (documents int) {
	t.Helper()
	input := whole(t, file)
	for view, without := range beyond {
		want := reference(t, "data.reference."+view+".documents", input)
		got := map[string]any{}
		for _, d := range project(t, file, view) {
			document := plain(t, d.Value()).(map[string]any)
			for _, field := range without {
				delete(document, field)
			}
			got[d.Entity] = document
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("view %s, -reference +view:\n%s", view, diff)
		}
		documents += len(want)
	}
	return documents
}

func TestTheRecordingsAreReadAsTheReferenceSemanticsSays(t *testing.T) {
	for _, name := range recordings {
		t.Run(name, func(t *testing.T) {
			if n := compare(t, imported(t, name)); n < 2 {
				t.Errorf("only %d documents were compared", n)
			}
		})
	}
}

// The recordings of real faults that the policies are tested with: static sizes,
// deadlocks, nodes that are lost.
func TestTheRecordingsOfFaultsAreReadAsTheReferenceSemanticsSays(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "policies", "testdata", "diagnosis", "*.jsonl.zst"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".jsonl.zst")
		t.Run(name, func(t *testing.T) { compare(t, watchlogtest.Import(t, file)) })
	}
}

// Recordings in which much is changed at random: events are missing, sizes,
// primaries, nodes and holders of leases are others, objects go and the end
// comes early.
func TestChangedRecordingsAreReadAsTheReferenceSemanticsSays(t *testing.T) {
	for _, name := range recordings {
		file := imported(t, name)
		for seed := range uint64(3) {
			t.Run(fmt.Sprintf("%s seed %d", name, seed), func(t *testing.T) {
				compare(t, changed(t, file, rand.New(rand.NewPCG(seed, 1))))
			})
		}
	}
}

// changed writes a recording anew, with changes at random.
func changed(t *testing.T, file string, random *rand.Rand) string {
	t.Helper()
	r := open(t, file)
	out := filepath.Join(t.TempDir(), "changed.db")
	w, err := trace.Create(out, r.Run())
	if err != nil {
		t.Fatal(err)
	}
	end := r.Certificate().Events * uint64(6+random.IntN(5)) / 10
	for e, err := range r.Events(1) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Seq > end {
			break
		}
		isFirst := e.Type == trace.Added
		if !isFirst && random.IntN(10) == 0 {
			continue
		}
		e.Data = change(t, e, random)
		if _, err := w.Append(nil, e); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Seal("changed"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out
}

// change sets one field of an object to something else, now and then.
func change(t *testing.T, e trace.Event, random *rand.Rand) json.RawMessage {
	t.Helper()
	pick := func(values ...any) any { return values[random.IntN(len(values))] }
	fields := map[string]func() (path []string, value any){
		"persistentvolumeclaims": func() ([]string, any) {
			resizing := []string{"status", "allocatedResourceStatuses", "storage"}
			if random.IntN(3) == 0 {
				return resizing, "NodeResizePending"
			}
			return pick(
				[]string{"spec", "resources", "requests", "storage"}, []string{"status", "capacity", "storage"},
			).([]string), pick("1Gi", "1280Mi", "2Gi", "3Gi")
		},
		"clusters": func() ([]string, any) {
			return []string{"status", pick("currentPrimary", "targetPrimary").(string)}, pick("pg-1", "pg-2", "pending")
		},
		"nodes":  func() ([]string, any) { return []string{"spec", "unschedulable"}, pick(true, false) },
		"leases": func() ([]string, any) { return []string{"spec", "holderIdentity"}, pick("one", "two", "") },
	}
	field := fields[e.Object.Resource.Resource]
	if field == nil || e.Type == trace.Deleted || random.IntN(2) > 0 {
		return e.Data
	}
	var o map[string]any
	if err := json.Unmarshal(e.Data, &o); err != nil {
		t.Fatal(err)
	}
	path, value := field()
	for inner := o; ; path = path[1:] {
		if len(path) == 1 {
			inner[path[0]] = value
			break
		}
		next, ok := inner[path[0]].(map[string]any)
		if !ok {
			next = map[string]any{}
			inner[path[0]] = next
		}
		inner = next
	}
	return json.RawMessage(must(t, o))
}

func must(t *testing.T, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A sentinel whose writes and reads end in every way, at random.
func TestElementsAreClassedAsTheReferenceSemanticsSays(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(20) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			file := sentinelAtRandom(t, rand.New(rand.NewPCG(seed, 2)))
			want := map[string][]int{}
			for class, numbers := range reference(t, "data.reference.set.classes", whole(t, file)) {
				list := []int{}
				for _, n := range numbers.([]any) {
					list = append(list, int(n.(float64)))
				}
				slices.Sort(list)
				want[class] = list
				seen[class] += len(list)
			}
			if diff := cmp.Diff(want, classesOf(t, file)); diff != "" {
				t.Errorf("-reference +view:\n%s", diff)
			}
		})
	}
	for _, class := range slices.Sorted(maps.Keys(seen)) {
		if seen[class] == 0 {
			t.Errorf("no element was ever %s", class)
		}
	}
}

func sentinelAtRandom(t *testing.T, random *rand.Rand) string {
	s := tell(t)
	there := map[int]bool{}
	for n := 1; n <= 40; n++ {
		at := float64(n)
		s.say(at, "sentinel.invoked", object{"n": n})
		outcome := []trace.Type{"sentinel.acknowledged", "sentinel.failed", "sentinel.unknown"}[random.IntN(3)]
		there[n] = outcome != "sentinel.failed" && random.IntN(5) > 0
		s.say(at+0.5, outcome, object{"n": n, "instance": "pg-1", "lsn": "0/1000"})
		if random.IntN(4) > 0 {
			continue
		}
		var found, twice []string
		for m := range n + 2 {
			if there[m] != (random.IntN(15) == 0) {
				found = append(found, strconv.Itoa(m))
				if random.IntN(30) == 0 {
					twice = append(twice, strconv.Itoa(m))
				}
			}
		}
		s.say(at+0.9, "sentinel.read", object{
			"instance": "pg-1", "primary": random.IntN(4) > 0, "complete": random.IntN(4) > 0,
			"elements": strings.Join(found, ","), "duplicates": strings.Join(twice, ","),
		}).since(at + []float64{0.2, 0.6}[random.IntN(2)])
	}
	return s.file()
}

// classesOf reads the classes of elements from the one document of the view.
func classesOf(t *testing.T, file string) map[string][]int {
	t.Helper()
	documents := project(t, file, "set")
	if len(documents) != 1 {
		t.Fatalf("there are %d documents", len(documents))
	}
	value := plain(t, documents[0].Value()).(map[string]any)
	out := map[string][]int{"lost": {}}
	for _, class := range []string{"stable", "recovered", "never_read", "unexpected", "duplicated"} {
		out[class] = numbersOf(t, value[class])
	}
	for _, group := range value["lost"].([]any) {
		out["lost"] = append(out["lost"], numbersOf(t, group)...)
	}
	slices.Sort(out["lost"])
	return out
}

// numbersOf expands intervals such as 1-3,7.
func numbersOf(t *testing.T, group any) []int {
	t.Helper()
	out := []int{}
	for part := range strings.SplitSeq(group.(map[string]any)["elements"].(string), ",") {
		if part == "" {
			continue
		}
		first, last, isRange := strings.Cut(part, "-")
		from, err := strconv.Atoi(first)
		if err != nil {
			t.Fatal(err)
		}
		to := from
		if isRange {
			if to, err = strconv.Atoi(last); err != nil {
				t.Fatal(err)
			}
		}
		for n := from; n <= to; n++ {
			out = append(out, n)
		}
	}
	return out
}
