package policies_test

import (
	"bytes"
	"context"
	"encoding/json"
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
	"github.com/klauspost/compress/zstd"

	"github.com/hindsight-project/hindsight/policies"
	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/recorder/watchlog/watchlogtest"
	"github.com/hindsight-project/hindsight/verifier/policy"
	"github.com/hindsight-project/hindsight/verifier/verdict"
	"github.com/hindsight-project/hindsight/verifier/views"
)

// A recording of a real cluster as lines that a test may change before it is
// judged: what must be found in a recording is what was put into it.
type recording struct {
	t     *testing.T
	lines []map[string]any
	more  []trace.Event // what no API server sends
}

var (
	decoding sync.Mutex
	decoded  = map[string][]any{}
)

// judged are the kinds that the views read.
var judged = []string{"Cluster", "PersistentVolumeClaim", "Pod", "Node", "Lease", "VolumeAttachment", "Mark"}

// isUseless reports whether no view can tell the recording from one without the
// line.
func isUseless(line map[string]any) bool {
	kind, _ := identity(line)
	return line["type"] == "BOOKMARK" || !slices.Contains(judged, kind)
}

// load reads a recording once. What is of no use and managedFields are left out.
func load(t *testing.T, name string) *recording {
	t.Helper()
	decoding.Lock()
	defer decoding.Unlock()
	if decoded[name] == nil {
		packed, err := os.Open(filepath.Join("..", "recorder", "testdata", name+".jsonl.zst"))
		if err != nil {
			t.Fatal(err)
		}
		defer packed.Close()
		reader, err := zstd.NewReader(packed)
		if err != nil {
			t.Fatal(err)
		}
		defer reader.Close()
		for decoder := json.NewDecoder(reader); decoder.More(); {
			line := map[string]any{}
			if err := decoder.Decode(&line); err != nil {
				t.Fatal(err)
			}
			if isUseless(line) {
				continue
			}
			if line["type"] != "MARK" {
				set(line, nil, "object", "metadata", "managedFields")
			}
			decoded[name] = append(decoded[name], line)
		}
	}
	r := &recording{t: t}
	for _, line := range decoded[name] {
		r.lines = append(r.lines, clone(line).(map[string]any))
	}
	return r
}

// loaded is the default set of policies, compiled once.
var loaded = sync.OnceValue(func() *policy.Set {
	set, err := policy.Load(policies.FS, policy.Options{Root: "policies", Views: views.Names(), Schema: views.Schema})
	if err != nil {
		panic(err)
	}
	return set
})

// judge imports the lines and returns, for each policy that every trace has to
// exercise, its verdict with the codes of its findings or, failing these, the
// reasons of its doubts.
func (r *recording) judge() map[string]string {
	r.t.Helper()
	return r.judgeThe(func(p verdict.Policy) bool { return p.Demand == verdict.DemandAlways })
}

// judgeThe asks the same of the policies for which it is true.
func (r *recording) judgeThe(is func(verdict.Policy) bool) map[string]string {
	r.t.Helper()
	judgements := r.evaluate(views.Names()...)
	got := map[string]string{}
	for _, p := range judgements.Policies {
		for _, e := range p.Errors {
			r.t.Errorf("%s: %s", p.ID, e.Text)
		}
		if !is(p) {
			continue
		}
		words := map[string]bool{}
		for _, f := range p.Findings {
			words[f.Code] = true
		}
		for _, u := range p.Unknowns {
			if p.Verdict == verdict.Inconclusive {
				words[u.Reason] = true
			}
		}
		got[p.ID] = strings.Join(append([]string{p.Verdict.String()}, slices.Sorted(maps.Keys(words))...), " ")
	}
	return got
}

// evaluate imports the lines and asks all policies about the documents of views.
func (r *recording) evaluate(names ...string) policy.Judgement {
	r.t.Helper()
	slices.SortStableFunc(r.lines, func(a, b map[string]any) int { return when(a).Compare(when(b)) })
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	for _, line := range r.lines {
		if err := encoder.Encode(line); err != nil {
			r.t.Fatal(err)
		}
	}
	out := filepath.Join(r.t.TempDir(), "x.db")
	watchlogtest.ImportFrom(r.t, out, &text)
	r.insert(out)
	return evaluate(r.t, out, names...)
}

// evaluate asks all policies about the documents of views of a trace.
func evaluate(t *testing.T, path string, names ...string) policy.Judgement {
	t.Helper()
	documents, err := views.Project(watchlogtest.Open(t, path), names)
	if err != nil {
		t.Fatal(err)
	}
	inputs := make([]policy.Document, len(documents))
	for i, d := range documents {
		inputs[i] = policy.Document{View: d.View, Entity: d.Entity, Input: d.Content}
	}
	judgements, err := loaded().Evaluate(context.Background(), inputs)
	if err != nil {
		t.Fatal(err)
	}
	return judgements
}

func when(line map[string]any) time.Time {
	at, err := time.Parse(time.RFC3339Nano, line["time"].(string))
	if err != nil {
		panic(err)
	}
	return at
}

// seconds is how long after the first line a line was recorded.
func (r *recording) seconds(line map[string]any) float64 {
	return when(line).Sub(when(r.lines[0])).Seconds()
}

// later moves everything from a moment on by some seconds.
func (r *recording) later(from, by float64) {
	start := when(r.lines[0])
	for _, line := range r.lines {
		if at := when(line); at.Sub(start).Seconds() >= from {
			line["time"] = at.Add(time.Duration(by * float64(time.Second))).Format(time.RFC3339Nano)
		}
	}
}

// drop leaves out the lines for which it is true.
func (r *recording) drop(is func(kind, name string, seconds float64, line map[string]any) bool) {
	r.lines = slices.DeleteFunc(r.lines, func(line map[string]any) bool {
		kind, name := identity(line)
		return is(kind, name, r.seconds(line), line)
	})
}

func identity(line map[string]any) (kind, name string) {
	if line["type"] == "MARK" {
		return "Mark", ""
	}
	kind, _ = dig(line, "object", "kind").(string)
	name, _ = dig(line, "object", "metadata", "name").(string)
	return kind, name
}

// change edits the recorded versions of a kind from a moment on.
func (r *recording) change(kind, name string, from float64, edit func(object map[string]any)) {
	for _, line := range r.lines {
		k, n := identity(line)
		if k == kind && (name == "" || n == name) && n != "" && r.seconds(line) >= from {
			edit(line["object"].(map[string]any))
		}
	}
}

// again records, at a moment, the version of an object before it once more, edited.
func (r *recording) again(kind, name string, at float64, edit func(object map[string]any)) {
	r.t.Helper()
	var last map[string]any
	for _, line := range r.lines {
		if k, n := identity(line); k == kind && n == name && r.seconds(line) < at && line["type"] != "DELETED" {
			last = line
		}
	}
	if last == nil {
		r.t.Fatalf("no %s %s before %v s", kind, name, at)
	}
	object := clone(last["object"]).(map[string]any)
	version := 900000 + len(r.lines)
	set(object, fmt.Sprint(version), "metadata", "resourceVersion")
	edit(object)
	kindOf := "MODIFIED"
	if dig(object, "metadata", "uid") != dig(last, "object", "metadata", "uid") {
		kindOf = "ADDED"
	}
	r.lines = append(r.lines, map[string]any{
		"time": when(r.lines[0]).Add(time.Duration(at * float64(time.Second))).Format(time.RFC3339Nano),
		"type": kindOf, "object": object,
	})
	slices.SortStableFunc(r.lines, func(a, b map[string]any) int { return when(a).Compare(when(b)) })
}

func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, value := range v {
			out[key] = clone(value)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, value := range v {
			out[i] = clone(value)
		}
		return out
	default:
		return v
	}
}

func dig(v any, path ...string) any {
	for _, key := range path {
		object, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = object[key]
	}
	return v
}

func set(object map[string]any, value any, path ...string) {
	for _, key := range path[:len(path)-1] {
		next, ok := object[key].(map[string]any)
		if !ok {
			next = map[string]any{}
			object[key] = next
		}
		object = next
	}
	if last := path[len(path)-1]; value == nil {
		delete(object, last)
	} else {
		object[last] = value
	}
}

// The paths that tests change.
var (
	request = []string{"spec", "resources", "requests", "storage"}
	data    = []string{"status", "storageSizing", "data"}
)

func sizing(path ...string) []string { return slices.Concat(data, path) }

// all is what a recording that is held throughout is judged; without a sentinel
// there is no word on data.
func all(changes ...string) map[string]string {
	want := map[string]string{
		"no-data-loss":        "inconclusive no_sentinel",
		"policy-bounds":       "held",
		"convergence-resumes": "vacuous",
		"replica-consistency": "held",
		"idempotency":         "held",
		"status-coherence":    "held",
	}
	for _, change := range changes {
		id, word, _ := strings.Cut(change, ": ")
		want[id] = word
	}
	return want
}

func TestTheRecordingsAsTheyAre(t *testing.T) {
	for name, want := range map[string]map[string]string{
		"growth":          all("status-coherence: inconclusive deleted"),
		"primary-restart": all("convergence-resumes: held", "status-coherence: inconclusive deleted"),
		"node-drain":      all("convergence-resumes: held"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(want, load(t, name).judge()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func (r *recording) stamp(at float64) string {
	return when(r.lines[0]).Add(time.Duration(at * float64(time.Second))).Format(time.RFC3339Nano)
}

// newReplica adds the claim of a fourth instance.
func (r *recording) newReplica(at float64, size string) {
	r.again("PersistentVolumeClaim", "pg-2", at, func(o map[string]any) {
		set(o, "pg-4", "metadata", "name")
		set(o, "11111111-0000-0000-0000-000000000004", "metadata", "uid")
		set(o, r.stamp(at), "metadata", "creationTimestamp")
		set(o, "pg-4", "metadata", "labels", "cnpg.io/instanceName")
		set(o, size, request...)
		set(o, map[string]any{"phase": "Bound", "capacity": map[string]any{"storage": size}}, "status")
	})
}

// repeatAction lets the status tell of the last action once more, done later.
func (r *recording) repeatAction(at float64) {
	r.again("Cluster", "pg", at, func(map[string]any) {})
	r.change("Cluster", "pg", at, func(o map[string]any) {
		set(o, when(map[string]any{"time": r.stamp(at)}).UTC().Format(time.RFC3339), sizing("lastAction", "timestamp")...)
		set(o, 2, sizing("budget", "actionsLast24h")...)
		set(o, 1, sizing("budget", "availableForPlanned")...)
	})
}

// replacePod deletes the pod and lets another one come up under its name.
func (r *recording) replacePod(name string, at float64, uid string) {
	r.replace("Pod", name, at, uid, func(map[string]any) {})
}

// replaceClaim destroys the claim and creates another one under its name.
func (r *recording) replaceClaim(name string, at float64, size string) {
	r.replace("PersistentVolumeClaim", name, at, fmt.Sprintf("%s-%v", name, at), func(o map[string]any) {
		set(o, size, request...)
		set(o, map[string]any{"phase": "Bound", "capacity": map[string]any{"storage": size}}, "status")
	})
}

func (r *recording) replace(kind, name string, at float64, uid string, edit func(o map[string]any)) {
	r.again(kind, name, at, func(o map[string]any) { set(o, r.stamp(at), "metadata", "deletionTimestamp") })
	r.again(kind, name, at+0.5, func(map[string]any) {})
	for _, line := range r.lines {
		if k, n := identity(line); k == kind && n == name && line["time"] == r.stamp(at+0.5) {
			line["type"] = "DELETED"
		}
	}
	r.again(kind, name, at+1, func(o map[string]any) {
		set(o, uid, "metadata", "uid")
		set(o, r.stamp(at+1), "metadata", "creationTimestamp")
		set(o, nil, "metadata", "deletionTimestamp")
		edit(o)
	})
}
