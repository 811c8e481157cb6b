package verifier_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hindsight-project/hindsight/recorder/golden"
	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/recorder/watchlog/watchlogtest"
	"github.com/hindsight-project/hindsight/verifier"
	"github.com/hindsight-project/hindsight/verifier/report"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// demo are the options for the policy of testdata whose parameters decide.
func demo(params ...string) verifier.Options {
	return verifier.Options{Policies: os.DirFS("testdata/policies"), Root: "testdata/policies", Params: params}
}

// explained are the options for policies of testdata whose findings have much to explain.
func explained() verifier.Options {
	return verifier.Options{Policies: os.DirFS("testdata/explained"), Root: "testdata/explained"}
}

// small writes a sealed trace of one dynamic cluster with one claim that grows.
func small(t testing.TB, amend func(*trace.Writer)) string {
	t.Helper()
	clusters := trace.Resource{Group: "postgresql.cnpg.io", Version: "v1", Resource: "clusters", Kind: "Cluster"}
	pvcs := trace.Resource{Version: "v1", Resource: "persistentvolumeclaims", Kind: "PersistentVolumeClaim"}
	event := func(at int, kind trace.Type, of trace.Resource, name, rv, body string) trace.Event {
		data := fmt.Sprintf(`{"apiVersion":%q,"kind":%q,"metadata":{"namespace":"ds","name":%q,"uid":"u-%s","generation":1,
			"resourceVersion":%q,
			"labels":{"cnpg.io/cluster":"pg","cnpg.io/instanceName":"pg-1","cnpg.io/pvcRole":"PG_DATA"}},%s}`,
			of.APIVersion(), of.Kind, name, name, rv, body)
		return trace.Event{
			Time: time.Duration(at) * time.Second, Wall: start.Add(time.Duration(at) * time.Second),
			Source: trace.SourceWatch, Type: kind,
			Object: trace.Object{Resource: of, Namespace: "ds", Name: name, UID: "u-" + name}, Data: json.RawMessage(data),
		}
	}
	claim := func(request, capacity string) string {
		return fmt.Sprintf(`"spec":{"resources":{"requests":{"storage":%q}}},
			"status":{"phase":"Bound","capacity":{"storage":%q}}`, request, capacity)
	}
	file := filepath.Join(t.TempDir(), "small.db")
	run := trace.Run{ID: "small", Origin: "attach", Start: start, Tool: "test", Namespaces: []string{"ds"}}
	w, err := trace.Create(file, run)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Append(nil,
		event(1, trace.Added, clusters, "pg", "1", `"spec":{"instances":1,"storage":{"request":"1Gi","limit":"4Gi"}}`),
		event(2, trace.Added, pvcs, "pg-1", "2", claim("1Gi", "1Gi")),
		event(30, trace.Modified, pvcs, "pg-1", "3", claim("2Gi", "1Gi")),
		event(45, trace.Modified, pvcs, "pg-1", "4", claim("2Gi", "2Gi")),
	)
	if err != nil {
		t.Fatal(err)
	}
	if amend != nil {
		amend(w)
	}
	if _, err := w.Seal("command ended"); err != nil {
		t.Fatal(err)
	}
	return file
}

func check(t testing.TB, o verifier.Options, paths ...string) verdict.Run {
	t.Helper()
	o.Story = true
	run, err := verifier.Check(context.Background(), paths, o)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// render writes the run without what depends on the moment and the place of the
// test: the directory of the traces, how late their events were written, and the
// digest, which covers the latter. How large a whole document is depends on the
// views, which have tests of their own.
func render(t testing.TB, format string, run verdict.Run) []byte {
	t.Helper()
	return renderOpen(t, format, run, nil)
}

// renderOpen is render for formats that read the traces, whose directory open knows.
func renderOpen(
	t testing.TB, format string, run verdict.Run, open func(name string) (*trace.Reader, error),
) []byte {
	t.Helper()
	for i := range run.Traces {
		tr := &run.Traces[i]
		tr.File, tr.Digest = filepath.Base(tr.File), "sha256:of-"+filepath.Base(tr.File)
		for j := range tr.Certificate.Streams {
			tr.Certificate.Streams[j].LagMax = 0
		}
		for _, p := range tr.Policies {
			for _, f := range p.Findings {
				f.Slice.Of = 1000
			}
		}
	}
	f, err := report.Named(format)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := f.Write(&out, run, report.Options{Open: open}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestEveryVerdictAndItsExitCode(t *testing.T) {
	file := small(t, nil)
	tests := []struct {
		name   string
		params []string
		want   verdict.Level
		exit   int
	}{
		{"held", nil, verdict.Held, 0},
		{"violated", []string{"demo-switch.violated=true"}, verdict.Violated, 1},
		{"vacuous", []string{"demo-switch.exercised=false"}, verdict.Vacuous, 3},
		{"inconclusive", []string{"demo-switch.unknown=true"}, verdict.Inconclusive, 3},
		{"error", []string{"demo-switch.fails=true"}, verdict.Error, 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			run := check(t, demo(test.params...), file)
			if run.Verdict != test.want || run.ExitCode != test.exit {
				t.Errorf("got %s with %d, want %s with %d", run.Verdict, run.ExitCode, test.want, test.exit)
			}
		})
	}
}

func TestGoldenReportsOfASmallTrace(t *testing.T) {
	run := check(t, demo("demo-switch.violated=true", "demo-switch.seq=[1, 3]"), small(t, nil))
	for format, name := range map[string]string{"text": "small.txt", "json": "small.json"} {
		golden.Compare(t, "testdata/"+name, render(t, format, run))
	}
}

func TestUnreadableTraceAmongOthersIsAnEntry(t *testing.T) {
	good := small(t, nil)
	text, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	bad := map[string][]byte{"empty.db": nil, "foreign.db": []byte("no trace at all"), "cut.db": text[:len(text)/3]}
	for name, content := range bad {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(dir, name)
			if err := os.WriteFile(file, content, 0o644); err != nil {
				t.Fatal(err)
			}
			run := check(t, demo(), good, file, filepath.Join(dir, "absent.db"), good)
			if run.ExitCode != 2 || run.Verdict != verdict.Error || len(run.Traces) != 4 {
				t.Fatalf("exit code %d, %s, %d traces", run.ExitCode, run.Verdict, len(run.Traces))
			}
			for i, want := range []verdict.Level{verdict.Held, verdict.Error, verdict.Error, verdict.Held} {
				tr := run.Traces[i]
				if tr.Verdict != want || (tr.Error != "") != (want == verdict.Error) {
					t.Errorf("%s is %s (%s), want %s", filepath.Base(tr.File), tr.Verdict, tr.Error, want)
				}
			}
		})
	}
}

func TestStandardInputIsATrace(t *testing.T) {
	file := small(t, nil)
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", t.TempDir())
	o := demo()
	o.Stdin = bytes.NewReader(content)
	piped := check(t, o, verifier.Stdin)
	if piped.Verdict != verdict.Held || piped.Traces[0].Digest != check(t, demo(), file).Traces[0].Digest {
		t.Errorf("got %s: %s", piped.Verdict, piped.Traces[0].Error)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
	o.Stdin = io.MultiReader(strings.NewReader("x"), broken{})
	if run := check(t, o, verifier.Stdin); run.ExitCode != 2 || !strings.Contains(run.Traces[0].Error, "pipe broke") {
		t.Errorf("exit code %d: %s", run.ExitCode, run.Traces[0].Error)
	}
	o.Stdin = nil
	if run := check(t, o, verifier.Stdin); run.ExitCode != 2 {
		t.Errorf("exit code %d without standard input", run.ExitCode)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, fmt.Errorf("pipe broke") }

func TestCertificateIsReadFirst(t *testing.T) {
	pods := trace.Resource{Version: "v1", Resource: "pods", Kind: "Pod"}
	leases := trace.Resource{Group: "coordination.k8s.io", Version: "v1", Resource: "leases", Kind: "Lease"}
	file := small(t, func(w *trace.Writer) {
		w.Certify(leases, "cnpg-system", func(c *trace.StreamCert) { c.Proof, c.Reason = trace.ProofDenied, "forbidden" })
		w.Certify(pods, "ds", func(c *trace.StreamCert) { c.Proof = trace.ProofMismatch })
		w.Reject(trace.Rejection{Line: 7, Reason: "no JSON"})
	})
	run := check(t, demo(), file)
	var got []string
	for _, a := range run.Traces[0].Assumptions {
		got = append(got, a.Code+": "+a.Subject)
	}
	for _, want := range []string{
		"denied: leases.coordination.k8s.io in cnpg-system", "mismatch: pods in ds", "rejected: line 7",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
	p := run.Traces[0].Policies[0]
	if p.Verdict != verdict.Inconclusive || run.ExitCode != 3 || p.Unknowns[0].Reason != "mismatch" {
		t.Errorf("on a recording that contradicts itself the policy is %s with %+v", p.Verdict, p.Unknowns)
	}
	violated := check(t, demo("demo-switch.violated=true"), file)
	if violated.Verdict != verdict.Violated {
		t.Errorf("a violation became %s", violated.Verdict)
	}
}

func TestGapsAreListedWithTheirTimes(t *testing.T) {
	file := small(t, func(w *trace.Writer) {
		pvcs := trace.Resource{Version: "v1", Resource: "persistentvolumeclaims", Kind: "PersistentVolumeClaim"}
		side := func(side string, at time.Duration) trace.Event {
			data, err := json.Marshal(trace.GapRecord{ID: 1, Side: side, FromRV: "4", ToRV: "9", Reason: "watch expired"})
			if err != nil {
				t.Fatal(err)
			}
			return trace.Event{
				Time: at, NotBefore: 50 * time.Second, Wall: start.Add(at), Source: trace.SourceWatch, Type: trace.Gap,
				Object: trace.Object{Resource: pvcs, Namespace: "ds"}, Data: data,
			}
		}
		if _, err := w.Append(nil, side("begin", 60*time.Second), side("end", 60*time.Second)); err != nil {
			t.Fatal(err)
		}
	})
	var got string
	for _, a := range check(t, demo(), file).Traces[0].Assumptions {
		if a.Code == "gap" {
			got += a.Subject + ": " + a.Text
		}
	}
	want := "persistentvolumeclaims in ds: Not seen between +50.0s and +60.0s (seq 5 to 6): watch expired."
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTraceThatIsStillBeingWrittenIsJudgedAndSaysSo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "open.db")
	w, err := trace.Create(file, trace.Run{ID: "open", Origin: "attach", Start: start})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	run := check(t, demo(), file)
	if run.Verdict != verdict.Vacuous || run.Traces[0].Assumptions[0].Code != "unsealed" {
		t.Errorf("got %s with %+v", run.Verdict, run.Traces[0].Assumptions)
	}
}

func TestAllowancesOpenTheGateAndStayVisible(t *testing.T) {
	file := small(t, nil)
	o := demo("demo-switch.exercised=false")
	o.Allow = []verdict.Allowance{{Verdict: verdict.Vacuous, Policy: "demo-switch"}}
	run := check(t, o, file)
	if run.ExitCode != 0 || run.Verdict != verdict.Vacuous || !run.Traces[0].Policies[0].Allowed {
		t.Errorf("got %s with %d", run.Verdict, run.ExitCode)
	}
	if o.Allow[0].Used {
		t.Error("the caller's options were changed")
	}
	o.Allow[0].Policy = "demo"
	_, err := verifier.Check(context.Background(), []string{file}, o)
	if err == nil || !strings.Contains(err.Error(), "demo-switch") {
		t.Errorf("an allowance for a policy that does not exist: %v", err)
	}
}

func TestQuestionsThatCannotBeAsked(t *testing.T) {
	file := small(t, nil)
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	tests := []struct {
		name  string
		ctx   context.Context
		paths []string
		o     verifier.Options
		want  string
	}{
		{"no trace", context.Background(), nil, demo(), "no trace to check"},
		{"no policies", context.Background(), []string{file}, verifier.Options{
			Policies: os.DirFS("absent"), Root: "absent",
		}, "absent: cannot read the policies"},
		{"an unknown policy", context.Background(), []string{file}, verifier.Options{
			Policies: os.DirFS("testdata/policies"), Only: []string{"x"},
		}, `no policy "x" (there are: demo-switch)`},
		{"an interrupt", cancelled, []string{file}, demo(), "context canceled"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := verifier.Check(test.ctx, test.paths, test.o)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

// ---- explanations

// faulty is the small trace, in which a pod is killed and the claim then grows
// above its limit and shrinks again.
func faulty(t testing.TB) string {
	return small(t, func(w *trace.Writer) {
		pods := trace.Resource{Version: "v1", Resource: "pods", Kind: "Pod"}
		claims := trace.Resource{Version: "v1", Resource: "persistentvolumeclaims", Kind: "PersistentVolumeClaim"}
		event := func(at int, kind trace.Type, of trace.Resource, rv int, meta, body string) trace.Event {
			data := fmt.Sprintf(`{"apiVersion":"v1","kind":%q,"metadata":{"namespace":"ds","name":"pg-1","uid":"u-pg-1",
				"generation":1,"resourceVersion":"%d",%s"labels":{"cnpg.io/cluster":"pg","cnpg.io/instanceName":"pg-1",
				"cnpg.io/pvcRole":"PG_DATA","cnpg.io/podRole":"instance"}},%s}`, of.Kind, rv, meta, body)
			offset := time.Duration(at) * time.Second
			return trace.Event{
				Time: offset, Wall: start.Add(offset), Source: trace.SourceWatch, Type: kind,
				Object: trace.Object{Resource: of, Namespace: "ds", Name: "pg-1", UID: "u-pg-1"}, Data: json.RawMessage(data),
			}
		}
		const leaving = `"deletionTimestamp":"2026-03-01T12:00:50Z",`
		claim := func(request string) string {
			return fmt.Sprintf(`"spec":{"resources":{"requests":{"storage":%q}}},
				"status":{"phase":"Bound","capacity":{"storage":"2Gi"}}`, request)
		}
		_, err := w.Append(nil,
			event(46, trace.Added, pods, 5, "", `"status":{"phase":"Running"}`),
			event(50, trace.Modified, pods, 6, leaving, `"status":{"phase":"Running"}`),
			event(52, trace.Modified, claims, 7, "", claim("5Gi")),
			event(55, trace.Deleted, pods, 8, leaving, `"status":{"phase":"Failed"}`),
			event(58, trace.Modified, claims, 9, "", claim("2Gi")),
			event(900, trace.Modified, claims, 10, "", claim("3Gi")),
		)
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestGoldenReportsOfFindings(t *testing.T) {
	run := check(t, explained(), faulty(t))
	for format, name := range map[string]string{"text": "faulty.txt", "json": "faulty.json"} {
		golden.Compare(t, "testdata/"+name, render(t, format, run))
	}
}

func TestFindingsAreExplained(t *testing.T) {
	by := map[string]verdict.Finding{}
	for _, p := range check(t, explained(), faulty(t)).Traces[0].Policies {
		for _, f := range p.Findings {
			by[f.Code] = f
		}
	}
	limit, slow := by["above_limit"], by["slow"]
	var paths []string
	for _, p := range limit.Slice.Points {
		paths = append(paths, p.Path)
	}
	if !limit.Slice.Minimal || !slices.Equal(paths, []string{"requests[2]", "specs[0]"}) {
		t.Errorf("the slice has %v of %d, minimal %t", paths, limit.Slice.Of, limit.Slice.Minimal)
	}
	if len(limit.Windows) != 1 || limit.Windows[0].Text != "pod deleted pg-1" || limit.Windows[0].Open {
		t.Errorf("windows: %+v", limit.Windows)
	}
	want := verdict.Remedy{Param: "demo-quick.deadline_ns", With: 15e9, InsteadOf: 10e9, Unit: verdict.Nanoseconds}
	if slow.WouldHold == nil || *slow.WouldHold != want {
		t.Errorf("would hold with %+v, want %+v", slow.WouldHold, want)
	}
	if limit.WouldHold != nil {
		t.Errorf("no threshold helps a claim above its limit: %+v", limit.WouldHold)
	}
	if root := by["peak"].FoldedUnder; root != limit.ID || limit.FoldedUnder != "" {
		t.Errorf("peak is folded under %q", root)
	}
}

// A remedy is told because it was tried: with the threshold it names, the
// finding is gone.
func TestRemediesHelp(t *testing.T) {
	file := faulty(t)
	o := explained()
	o.Params = []string{"demo-quick.deadline_ns=15000000000"}
	for _, p := range check(t, o, file).Traces[0].Policies {
		for _, f := range p.Findings {
			if f.Code == "slow" {
				t.Errorf("still: %+v", f)
			}
		}
	}
	o.Params = []string{"demo-quick.deadline_ns=14999999999"}
	found := false
	for _, p := range check(t, o, file).Traces[0].Policies {
		found = found || slices.ContainsFunc(p.Findings, func(f verdict.Finding) bool { return f.Code == "slow" })
	}
	if !found {
		t.Error("one nanosecond less is enough too")
	}
}

// ---- the default policies on real recordings

var recordings = []string{"growth", "node-drain", "primary-restart"}

// recording imports one of the recordings of a real cluster.
func recording(t testing.TB, name string) string {
	t.Helper()
	return watchlogtest.Import(t, "../recorder/testdata/"+name+".jsonl.zst")
}

func TestRealRecordingsGiveTheSameBytesTwiceAndFromADirectory(t *testing.T) {
	var files []string
	byName := map[string]string{}
	for _, name := range recordings {
		file := recording(t, name)
		files, byName[filepath.Base(file)] = append(files, file), file
	}
	open := func(name string) (*trace.Reader, error) { return trace.Open(byName[name]) }
	first, second := check(t, verifier.Options{}, files...), check(t, verifier.Options{}, files...)
	directory := check(t, verifier.Options{Policies: os.DirFS("../policies"), Root: "policies"}, files...)
	for _, f := range report.Formats() {
		want := string(renderOpen(t, f.Name, first, open))
		if want != string(renderOpen(t, f.Name, second, open)) {
			t.Errorf("%s: two runs differ", f.Name)
		}
		if diff := cmp.Diff(want, string(renderOpen(t, f.Name, directory, open))); diff != "" {
			t.Errorf("%s: the policies built in and those of the directory differ:\n%s", f.Name, diff)
		}
	}
}

// Who tells no story makes fewer views: that must not show in what the policies say.
func TestTheStoryChangesNoVerdict(t *testing.T) {
	compare := func(t *testing.T, o verifier.Options, file string) verdict.Trace {
		t.Helper()
		told := check(t, o, file).Traces[0]
		if told.Story == nil || len(told.Story.Moments) == 0 {
			t.Fatalf("%s: there is no story", file)
		}
		silent, err := verifier.Check(t.Context(), []string{file}, o)
		if err != nil {
			t.Fatal(err)
		}
		told.Story = nil
		if diff := cmp.Diff(told, silent.Traces[0]); diff != "" {
			t.Errorf("%s %v: -with the story +without:\n%s", file, o.Only, diff)
		}
		return told
	}
	for _, only := range []string{"", "policy-bounds", "replica-sizing", "idempotency", "scenario-node-drain"} {
		o := verifier.Options{}
		if only != "" {
			o.Only = []string{only}
		}
		for _, name := range recordings {
			compare(t, o, recording(t, name))
		}
	}
	// What is found is explained with more than the policy reads.
	windows, alone := 0, explained()
	alone.Only = []string{"demo-quick"} // reads nothing of what interrupts
	for _, p := range compare(t, alone, faulty(t)).Policies {
		for _, f := range p.Findings {
			windows += len(f.Windows)
		}
	}
	if windows == 0 {
		t.Error("no finding tells what interrupted its cluster")
	}
}

func TestDefaultPoliciesOnRealRecordings(t *testing.T) {
	for _, name := range recordings {
		t.Run(name, func(t *testing.T) {
			for _, p := range check(t, verifier.Options{}, recording(t, name)).Traces[0].Policies {
				if len(p.Errors) > 0 {
					t.Errorf("%s failed: %v", p.ID, p.Errors)
				}
				if p.ID == "no-data-loss" && p.Verdict == verdict.Held {
					t.Error("no-data-loss is held, though no sentinel wrote anything")
				}
			}
		})
	}
}

// The events that are shown here come from a real cluster: the growth of a
// volume from the patch to the new size of the file system.
func TestGoldenReportsOfARealRecording(t *testing.T) {
	o := demo("demo-switch.violated=true", "demo-switch.seq=[1, 365, 366, 370, 380, 390, 400, 410, 420, 430, 525]")
	run := check(t, o, recording(t, "growth"))
	for format, name := range map[string]string{"text": "growth.txt", "json": "growth.json"} {
		golden.Compare(t, "testdata/"+name, render(t, format, run))
	}
}

// ---- benchmarks

// BenchmarkLoadDefault is the cold start of a process: parse, check and compile
// the default policies.
func BenchmarkLoadDefault(b *testing.B) {
	for b.Loop() {
		if _, err := verifier.LoadPolicies(verifier.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCheck is the whole way for one recording of about 500 events.
func BenchmarkCheck(b *testing.B) {
	file := recording(b, "growth")
	for b.Loop() {
		check(b, verifier.Options{}, file)
	}
}
