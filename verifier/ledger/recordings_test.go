package ledger_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/hindsight-project/hindsight/recorder"
	"github.com/hindsight-project/hindsight/recorder/golden"
	"github.com/hindsight-project/hindsight/recorder/watchlog/watchlogtest"
	"github.com/hindsight-project/hindsight/verifier/ledger"
)

// The recordings are of real clusters: three healthy ones, and one for each fault.
var recordings = []string{
	"../../recorder/testdata/growth.jsonl.zst",
	"../../recorder/testdata/node-drain.jsonl.zst",
	"../../recorder/testdata/primary-restart.jsonl.zst",
	"../../policies/testdata/diagnosis/drain-blocked.jsonl.zst",
	"../../policies/testdata/diagnosis/resize-deadlock.jsonl.zst",
	"../../policies/testdata/diagnosis/detach-slow.jsonl.zst",
	"../../policies/testdata/diagnosis/no-snapshot-class.jsonl.zst",
}

var (
	importing sync.Mutex
	imported  = map[string][]byte{} // traces by their recording
)

// record writes the trace of a recording into a directory.
func record(t testing.TB, dir, recording string) string {
	t.Helper()
	name := strings.TrimSuffix(filepath.Base(recording), ".jsonl.zst") + ".db"
	importing.Lock()
	defer importing.Unlock()
	if imported[recording] == nil {
		file, err := os.ReadFile(watchlogtest.Import(t, recording))
		if err != nil {
			t.Fatal(err)
		}
		imported[recording] = file
	}
	return put(t, dir, name, string(imported[recording]))
}

// recorded is the ledger of all recordings, with names that are the same everywhere.
func recorded(t testing.TB) *ledger.Ledger {
	t.Helper()
	dir := t.TempDir()
	for _, r := range recordings {
		record(t, dir, r)
	}
	l := fold(t, dir)
	l.Policies.Digest, l.Policies.Count = "sha256:of-the-policies", 1
	l.Promises = slices.DeleteFunc(l.Promises, func(p ledger.Promise) bool { // other policies come and go
		return !slices.Contains([]string{"convergence-resumes", "no-data-loss", "single-primary"}, p.Policy)
	})
	for i := range l.Runs {
		l.Runs[i].Sources[0].Digest = "sha256:of-the-trace"
	}
	return l
}

func TestMarkdownOfRecordings(t *testing.T) {
	golden.Compare(t, "testdata/recordings.md", write(t, "markdown", recorded(t)))
}

// A recording without specs counts for the tests whose promises it put to the test.
func TestARecordingCountsForWhatItPutToTheTest(t *testing.T) {
	l := fold(t, record(t, t.TempDir(), recordings[1]))
	for name, want := range map[string]ledger.Outcome{
		"node drain during growth":               ledger.Passed,
		"provisions PVC at request size":         ledger.Passed,
		"continues growth safely after failover": ledger.Passed,
		"grows storage when usage exceeds":       ledger.Undecided, // nobody recorded the usage
	} {
		r := only(t, l, name)
		if r.Outcome != want || r.Topology != "T3" {
			t.Errorf("%s: %s in %s, want %s in T3", name, r.Outcome, r.Topology, want)
		}
	}
	for _, r := range l.Runs[0].Results {
		if r.Test == "backup during growth" || r.Test == "rejects invalid configurations" {
			t.Errorf("%s: %s, but the recording says nothing about it", r.Test, r.Outcome)
		}
	}
}

// only returns the one result of a test in the last run.
func only(t testing.TB, l *ledger.Ledger, test string) ledger.Result {
	t.Helper()
	var found []ledger.Result
	for _, r := range l.Runs[len(l.Runs)-1].Results {
		if r.Test == test {
			found = append(found, r)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%s has %d results in the last run", test, len(found))
	}
	return found[0]
}

// spec is a spec of a Ginkgo report about a recording.
type spec struct {
	text, state, begin, end, failure string
	attempts                         int
}

// reported adds the report of a suite to a trace, as recorder import --report does.
func reported(t testing.TB, file string, specs ...spec) string {
	t.Helper()
	var list []string
	for _, s := range specs {
		events := ""
		if s.attempts > 1 {
			events = fmt.Sprintf(`,"AdditionalFailures":[{"Failure":{"Message":"first","TimelineLocation":{"Time":%q}}}],
				"SpecEvents":[{"SpecEventType":"Retry","Attempt":1,"TimelineLocation":{"Time":%q}}]`, s.begin, s.begin)
		}
		list = append(list, fmt.Sprintf(`{"ContainerHierarchyTexts":["Dynamic Storage"],"LeafNodeType":"It",
			"LeafNodeText":%q,"State":%q,"StartTime":%q,"EndTime":%q,"NumAttempts":%d,"ParallelProcess":1,
			"Failure":{"Message":%q}%s}`, s.text, s.state, s.begin, s.end, max(s.attempts, 1), s.failure, events))
	}
	report := put(t, t.TempDir(), "suite.json", fmt.Sprintf(`[{"SuitePath":"e2e","SuiteDescription":"s",
		"StartTime":%q,"EndTime":%q,"SpecReports":[%s]}]`, specs[0].begin, specs[len(specs)-1].end, strings.Join(list, ",")))
	out := strings.TrimSuffix(file, ".db") + "-with-specs.db"
	if _, err := recorder.AddReports(file, out, []string{report}, "test"); err != nil {
		t.Fatal(err)
	}
	return out
}

const (
	drainSpec  = "recovers growth operation after node drain"
	drainTest  = "node drain during growth"
	backupSpec = "backup succeeds or fails clearly without deadlocking storage reconciliation"
	backupTest = "backup during growth"
)

// What a spec says and what the recording shows in its window, together.
func TestSpecsAreJoinedWithTheVerdictsOfTheirWindows(t *testing.T) {
	healthy := func(s spec) spec { // node-drain: 02:13:20 to 02:15
		s.begin, s.end = "2026-11-22T02:13:21Z", "2026-11-22T02:15:30Z"
		return s
	}
	blocked := func(s spec) spec { // drain-blocked: 06:46:28 and 101 s
		s.begin, s.end = "2026-11-22T06:46:29Z", "2026-11-22T06:48:09Z"
		return s
	}
	for _, c := range []struct {
		says, recording, test string
		spec                  spec
		outcome               ledger.Outcome
		class                 string
	}{
		{"a pass whose promise held is a pass", recordings[1], drainTest,
			healthy(spec{text: drainSpec, state: "passed"}), ledger.Passed, ""},
		{"a pass at the second attempt is none at the first", recordings[1], drainTest,
			healthy(spec{text: drainSpec, state: "passed", attempts: 2}), ledger.Retried, ""},
		{"a pass in which nothing was put to the test is vacuous", recordings[1], backupTest,
			healthy(spec{text: backupSpec, state: "passed"}), ledger.Vacuous, ""},
		{"a failure without a cause in the recording is undiagnosed", recordings[1], drainTest,
			healthy(spec{text: drainSpec, state: "failed", failure: "timed out"}), ledger.Failed, ""},
		{"a failure while a foreign budget blocked the drain is infrastructure's", recordings[3], drainTest,
			blocked(spec{text: drainSpec, state: "timedout", failure: "timed out"}), ledger.Failed, "infrastructure"},
		{"a skip with a reason is a skip, and its reason a cause", recordings[1], "volume snapshot creation (P1)",
			healthy(spec{
				text:  "verify that volume snapshot creation around dynamically resized volumes works correctly",
				state: "skipped", failure: "This test requires at least one VolumeSnapshotClass to be configured",
			}), ledger.Skipped, "infrastructure"},
		{"a skip without a reason was not run", recordings[1], drainTest,
			healthy(spec{text: drainSpec, state: "skipped"}), ledger.NotRun, ""},
	} {
		t.Run(c.says, func(t *testing.T) {
			t.Parallel()
			l := fold(t, reported(t, record(t, t.TempDir(), c.recording), c.spec))
			r := only(t, l, c.test)
			if r.Outcome != c.outcome || r.Class != c.class {
				t.Errorf("got %s (%s), want %s (%s): %+v", r.Outcome, r.Class, c.outcome, c.class, r)
			}
		})
	}
}

// The same recording counts once, and so does what it says.
func TestACopyWithAReportStandsForItsOriginal(t *testing.T) {
	dir := t.TempDir()
	file := record(t, dir, recordings[1])
	reported(t, file, spec{
		text: drainSpec, state: "passed", begin: "2026-11-22T02:13:21Z", end: "2026-11-22T02:15:30Z",
	})
	put(t, dir, "again.db", string(imported[recordings[1]]))
	l := fold(t, dir)
	if len(l.Runs) != 1 || len(l.LeftOut) != 2 || len(l.Runs[0].Results) != 1 {
		t.Errorf("%d runs, left out: %v", len(l.Runs), l.LeftOut)
	}
}

// A report and a trace that lie in one directory are one run.
func TestAReportAndARecordingOfOneRunAreJoined(t *testing.T) {
	dir := t.TempDir()
	record(t, dir, recordings[1])
	put(t, dir, "report.xml", `<testsuite name="s"><testcase name="`+drainSpec+`" time="60"/>`+
		`<testcase name="`+backupSpec+`" time="60"/></testsuite>`)
	put(t, dir, "run.yaml", "title: both\nenvironment: {provider: here}\n")
	l := fold(t, dir)
	drain, backup := only(t, l, drainTest), only(t, l, backupTest)
	if drain.Verdict == nil || drain.Outcome != ledger.Passed || backup.Verdict != nil || backup.Outcome != ledger.Passed {
		t.Errorf("got %+v and %+v", drain, backup)
	}
	run := l.Runs[0]
	if run.Title != "both" || run.Date != "2026-11-22 02:13 UTC" || run.Environment["provider"] != "here" ||
		run.Environment["operator"] == "" || len(run.Results) != 2 {
		t.Errorf("got %+v", run)
	}
}

// changedPolicies are a policy that is never exercised any more, and nothing else.
func changedPolicies(t *testing.T) fstest.MapFS {
	t.Helper()
	all := fstest.MapFS{}
	for _, name := range []string{"params.yaml", "behaviour/initial_sizing/initial_sizing.rego"} {
		text, err := os.ReadFile(filepath.Join("../../policies", name))
		if err != nil {
			t.Fatal(err)
		}
		all[name] = &fstest.MapFile{Data: text}
	}
	libs, err := filepath.Glob("../../policies/lib/*/*.rego")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range libs {
		name, err := filepath.Rel("../../policies", file)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.ToSlash(name)] = &fstest.MapFile{Data: text}
	}
	policy := all["behaviour/initial_sizing/initial_sizing.rego"]
	policy.Data = []byte(strings.ReplaceAll(string(policy.Data), "exercised contains", "_nothing contains"))
	policy.Data = append(policy.Data, "\nexercised contains {\"seq\": []} if count(input.requests) < 0\n"...)
	return all
}

// A new run costs its own time: what was judged is remembered, by trace and judge.
func TestTheCacheRemembersAndIsCorrected(t *testing.T) {
	dir, cache := t.TempDir(), t.TempDir()
	record(t, dir, recordings[0])
	o := ledger.Options{Catalogue: catalogue(t), Cache: cache, Program: "one"}
	entries := func() int {
		files, err := filepath.Glob(filepath.Join(cache, "*", "*.json"))
		if err != nil {
			t.Fatal(err)
		}
		return len(files)
	}
	first := write(t, "json", foldWith(t, o, dir))
	if entries() != 1 {
		t.Fatalf("%d entries", entries())
	}
	if again := write(t, "json", foldWith(t, o, dir)); !slices.Equal(first, again) || entries() != 1 {
		t.Errorf("the second time differs, %d entries:\n%s", entries(), cmp.Diff(string(first), string(again)))
	}
	record(t, dir, recordings[1])
	if l := foldWith(t, o, dir); len(l.Runs) != 2 || entries() != 2 {
		t.Errorf("%d runs, %d entries", len(l.Runs), entries())
	}
	files, _ := filepath.Glob(filepath.Join(cache, "*", "*.json"))
	put(t, filepath.Dir(files[0]), filepath.Base(files[0]), `{"digest": "sha`)
	if l := foldWith(t, o, dir); len(l.Runs) != 2 {
		t.Error("a damaged entry loses a run")
	}
	o.Policies, o.Root = changedPolicies(t), "changed"
	l := foldWith(t, o, dir)
	if entries() != 4 || l.Rejudged.Traces != 2 || len(l.Rejudged.Changes) != 2 ||
		l.Rejudged.Changes[0].Policy != "initial-sizing" || l.Rejudged.Changes[0].Before != 0 {
		t.Errorf("%d entries, %+v", entries(), l.Rejudged)
	}
	text := string(write(t, "markdown", l))
	if !strings.Contains(text, "| growth.db | initial-sizing | held | vacuous |") {
		t.Error("the table does not say what the policies changed")
	}
}
