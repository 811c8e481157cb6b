package report_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"

	"github.com/hindsight-project/hindsight/recorder/golden"
	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/recorder/watchlog/watchlogtest"
	"github.com/hindsight-project/hindsight/verifier"
	"github.com/hindsight-project/hindsight/verifier/policy"
	"github.com/hindsight-project/hindsight/verifier/report"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// line is one line of a watch log.
type line = map[string]any

// lines reads a recording of the tests.
func lines(t *testing.T, file string) []line {
	t.Helper()
	packed, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	text, err := zstd.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	defer text.Close()
	d := json.NewDecoder(text)
	d.UseNumber()
	var out []line
	for d.More() {
		l := line{}
		if err := d.Decode(&l); err != nil {
			t.Fatal(err)
		}
		out = append(out, l)
	}
	return out
}

// seconds is when a line was recorded, since the first one.
func seconds(t *testing.T, l, first line) float64 {
	t.Helper()
	stamp := func(l line) time.Time {
		at, err := time.Parse(time.RFC3339Nano, l["time"].(string))
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	return stamp(l).Sub(stamp(first)).Seconds()
}

// imported makes a trace of lines, in the working directory of the test.
func imported(t *testing.T, name string, list []line) {
	t.Helper()
	var log bytes.Buffer
	for _, l := range list {
		if err := json.NewEncoder(&log).Encode(l); err != nil {
			t.Fatal(err)
		}
	}
	watchlogtest.ImportFrom(t, name, &log)
}

// loaded compiles policies once for many recordings.
func loaded(t *testing.T, o verifier.Options) *policy.Set {
	t.Helper()
	set, err := verifier.LoadPolicies(o)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// story judges a trace and tells its story, which has to fit on a screen.
func story(t *testing.T, set *policy.Set, o verifier.Options, file string) []byte {
	t.Helper()
	run, err := verifier.NewRun(set, o)
	if err != nil {
		t.Fatal(err)
	}
	o.Story = true
	judged, err := verifier.CheckTrace(context.Background(), file, set, o)
	if err != nil {
		t.Fatal(err)
	}
	run.Traces = append(run.Traces, judged)
	run.Judge()
	out := write(t, "explain", run, report.Options{})
	fits(t, out)
	return out
}

func fits(t *testing.T, out []byte) {
	t.Helper()
	if n := bytes.Count(out, []byte("\n")); n > 24 {
		t.Errorf("the story has %d lines:\n%s", n, out)
	}
	for l := range strings.Lines(string(out)) {
		if n := utf8.RuneCountInString(strings.TrimRight(l, "\n")); n > 100 {
			t.Errorf("a line has %d columns: %s", n, l)
		}
	}
}

// here runs the rest of a test in an empty directory, so that files have short
// names, and returns where the test was.
func here(t *testing.T) (back string) {
	t.Helper()
	back, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	return back
}

func TestExplainTellsTheRecordings(t *testing.T) {
	back := here(t)
	set := loaded(t, verifier.Options{})
	for _, pattern := range []string{
		"../../recorder/testdata/*.jsonl.zst", "../../policies/testdata/diagnosis/*.jsonl.zst",
	} {
		files, err := filepath.Glob(filepath.Join(back, pattern))
		if err != nil || len(files) < 3 {
			t.Fatalf("%s: %v, %v", pattern, files, err)
		}
		for _, file := range files {
			name := strings.TrimSuffix(filepath.Base(file), ".jsonl.zst")
			t.Run(name, func(t *testing.T) {
				imported(t, name+".db", lines(t, file))
				told := story(t, set, verifier.Options{}, name+".db")
				golden.Compare(t, filepath.Join(back, "testdata/explain", name+".txt"), told)
			})
		}
	}
}

// request raises the request of a claim from a moment on.
func request(t *testing.T, claim, size string, from float64) func([]line) []line {
	return func(list []line) []line {
		for _, l := range list {
			object, _ := l["object"].(map[string]any)
			metadata, _ := object["metadata"].(map[string]any)
			if object["kind"] == "PersistentVolumeClaim" && metadata["name"] == claim && seconds(t, l, list[0]) >= from {
				spec := object["spec"].(map[string]any)
				spec["resources"].(map[string]any)["requests"].(map[string]any)["storage"] = size
			}
		}
		return list
	}
}

// until drops what comes later.
func until(t *testing.T, end float64) func([]line) []line {
	return func(list []line) []line {
		var out []line
		for _, l := range list {
			if seconds(t, l, list[0]) <= end {
				out = append(out, l)
			}
		}
		return out
	}
}

// unseen puts a gap of claims over a time, as a broken watch leaves it: what came
// of them in the meantime is implied by the list at its end.
func unseen(t *testing.T, from, to float64) func([]line) []line {
	return func(list []line) []line {
		side := func(at line, side string) line {
			return line{
				"time": at["time"], "type": "GAP",
				"gap": line{"id": 1, "side": side, "from_rv": "1", "to_rv": "2", "reason": "the watch expired"},
				"about": line{
					"group": "", "version": "v1", "resource": "persistentvolumeclaims", "kind": "PersistentVolumeClaim",
				},
			}
		}
		var out, last []line
		begun, ended := 0.0, false
		for _, l := range list {
			at := seconds(t, l, list[0])
			object, _ := l["object"].(map[string]any)
			if at >= from && begun == 0 {
				out, begun = append(out, side(l, "begin")), at
			}
			if at >= to && !ended {
				for _, implied := range last {
					implied["time"], implied["inferred"], implied["not_before_ns"] = l["time"], true, int64(begun*1e9)
				}
				out, ended = append(append(out, last...), side(l, "end")), true
			}
			if begun == 0 || ended || object["kind"] != "PersistentVolumeClaim" {
				out = append(out, l)
				continue
			}
			name := func(l line) any { return l["object"].(map[string]any)["metadata"].(map[string]any)["name"] }
			last = append(slices.DeleteFunc(last, func(other line) bool { return name(other) == name(l) }), l)
		}
		return out
	}
}

func TestExplainTellsWhatWasPutIntoRecordings(t *testing.T) {
	back := here(t)
	drain := filepath.Join(back, "../../recorder/testdata/node-drain.jsonl.zst")
	set := loaded(t, verifier.Options{})
	for name, change := range map[string]func([]line) []line{
		"above-limit":   request(t, "pg-2", "5Gi", 88),
		"cut-off":       until(t, 88),
		"claims-unseen": unseen(t, 85, 90),
	} {
		t.Run(name, func(t *testing.T) {
			imported(t, name+".db", change(lines(t, drain)))
			told := story(t, set, verifier.Options{}, name+".db")
			golden.Compare(t, filepath.Join(back, "testdata/explain", name+".txt"), told)
		})
	}
	t.Run("green", func(t *testing.T) {
		imported(t, "green.db", lines(t, drain))
		o := verifier.Options{Only: []string{"single-primary", "policy-bounds", "scenario-node-drain"}}
		golden.Compare(t, filepath.Join(back, "testdata/explain/green.txt"), story(t, loaded(t, o), o, "green.db"))
	})
	t.Run("killed", func(t *testing.T) {
		imported(t, "whole.db", lines(t, drain))
		unsealed(t, "whole.db", "killed.db", 300)
		golden.Compare(t, filepath.Join(back, "testdata/explain/killed.txt"), story(t, set, verifier.Options{}, "killed.db"))
	})
}

// unsealed copies the first events of a trace into one whose writer does not come
// to seal it.
func unsealed(t *testing.T, from, to string, events uint64) {
	t.Helper()
	r, err := trace.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	w, err := trace.Create(to, r.Run())
	if err != nil {
		t.Fatal(err)
	}
	for e, err := range r.Events(0) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Seq > events {
			break
		}
		if _, err := w.Append(nil, e); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestExplainTellsARunOfEverything(t *testing.T) {
	for name, run := range map[string]verdict.Run{"sample": sample(), "held": held(), "empty": {}} {
		out := write(t, "explain", run, report.Options{})
		fits(t, out)
		golden.Compare(t, "testdata/explain/run-"+name+".txt", out)
	}
	fits(t, write(t, "explain", many(300), report.Options{}))
}

func TestExplainFitsWhateverATraceSays(t *testing.T) {
	run := sample()
	tr := &run.Traces[0]
	long := strings.Repeat("word ", 60) + strings.Repeat("x", 300)
	tr.Policies[3].Findings[0].Message, tr.Policies[3].Findings[0].Entity = long, long
	tr.Story = &verdict.Story{Asked: []string{long, long, long}, Setup: []string{long, long}}
	for i := range 100 {
		tr.Story.Moments = append(tr.Story.Moments, verdict.Moment{Kind: "gap", Text: long, From: int64(i), Until: int64(i)})
	}
	fits(t, write(t, "explain", run, report.Options{}))
}
