package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/hindsight-project/hindsight/recorder/golden"
	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/verifier/report"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

func write(t *testing.T, format string, run verdict.Run, o report.Options) []byte {
	t.Helper()
	f, err := report.Named(format)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := f.Write(&out, run, o); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// sample is a run with everything that a report can meet.
func sample() verdict.Run {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	pods := trace.Resource{Version: "v1", Resource: "pods", Kind: "Pod"}
	pvcs := trace.Resource{Version: "v1", Resource: "persistentvolumeclaims", Kind: "PersistentVolumeClaim"}
	at := func(seq uint64, seconds int, changes ...string) verdict.Event {
		offset := time.Duration(seconds) * time.Second
		return verdict.Event{
			Seq: seq, Time: offset, Wall: start.Add(offset), Type: trace.Modified,
			Object: "persistentvolumeclaims/ds/pg-1", Changes: changes,
		}
	}
	run := verdict.Run{
		SchemaVersion: verdict.SchemaVersion,
		Policies:      verdict.PolicySet{Digest: "sha256:0123", Count: 5, CIClass: "medium"},
		Allowances: []verdict.Allowance{
			{Verdict: verdict.Vacuous, Policy: "convergence-resumes"}, {Verdict: verdict.Inconclusive, Policy: "idempotency"},
		},
		Waivers: []verdict.Waiver{
			{
				Policy: "policy-bounds", Code: "shrunk", Entity: "ds/*/PG_DATA", Verdict: verdict.Violated,
				Owner: "storage team", Reason: "the suite shrinks on purpose", Expires: "2026-04-01", Line: 2,
			},
			{
				Policy: "no-data-loss", Code: "no_sentinel", Verdict: verdict.Inconclusive,
				Owner: "storage team", Reason: "no writer yet", Expires: "2026-02-01", Line: 9,
			},
			{
				Policy: "status-coherence", Verdict: verdict.Vacuous,
				Owner: "nobody", Reason: "was needed once", Expires: "2027-01-01", Line: 15,
			},
		},
		Traces: []verdict.Trace{
			{
				File: "growth.db", Digest: "sha256:4567",
				Run: &trace.Run{
					ID: "r1", Origin: "import", Start: start, Tool: "recorder 1", Namespaces: []string{"ds"}, Input: "growth.jsonl",
				},
				Certificate: &trace.Certificate{
					Sealed: true, End: "input read", Events: 1210, Duration: int64(412 * time.Second),
					Streams: []trace.StreamCert{{Resource: pods, Namespace: "ds", Proof: trace.ProofImported, Added: 3}},
					Gaps: []trace.GapCert{{
						Resource: pvcs, Namespace: "ds", FromRV: "10", ToRV: "20", NotBefore: time.Second, NotAfter: time.Minute,
						FirstSeq: 40, LastSeq: 41, Reason: "watch expired",
					}},
				},
				Assumptions: []verdict.Assumption{
					{Code: "imported", Subject: "persistentvolumeclaims in ds", Text: "As complete as the log it was imported from."},
					{Code: "imported", Subject: "pods in ds", Text: "As complete as the log it was imported from."},
					{
						Code: "gap", Subject: "persistentvolumeclaims in ds",
						Text: "Not seen between +1.0s and +60.0s (seq 40 to 41): watch expired.",
					},
				},
				Policies: []verdict.Policy{
					{
						ID: "convergence-resumes", Title: "Growth resumes after a disruption",
						Promise: "What was interrupted is finished.",
						View:    "operation", ExercisedMin: 2, ExercisedIn: "disruption", File: "a/c/c.rego", Line: 3,
						Entities: []verdict.Entity{
							{Entity: "ds/pg/data", Verdict: verdict.Vacuous, Reached: 1, Exercised: 4, Disrupted: 1},
						},
					},
					{
						ID: "idempotency", Title: "One intent, one action", Promise: "An action is not repeated.", View: "operation",
						ExercisedMin: 1, File: "a/i/i.rego", Line: 3,
						Entities: []verdict.Entity{{Entity: "ds/pg/data", Verdict: verdict.Error}},
						Errors:   []verdict.Failure{{Entity: "ds/pg/data", Text: "a/i/i.rego:9: eval_conflict_error: two values"}},
					},
					{
						ID: "no-data-loss", Title: "No acknowledged write is lost", Promise: "What was acknowledged stays.", View: "set",
						ExercisedMin: 1, File: "a/n/n.rego", Line: 3,
						Unknowns: []verdict.Unknown{
							{Reason: "no_sentinel", Code: "lost", Message: "no sentinel was recorded", Entity: "ds/pg"},
							{Reason: "gap", Message: "a gap lies in the window", Entity: "ds/pg", Seq: []uint64{41, 40}},
							{
								Reason: "gap", Message: "a gap lies in the window", Entity: "ds/pg2", Seq: []uint64{40},
								Detail: map[string]any{"from_ns": int64(0), "until_ns": int64(50 * time.Second)},
							},
						},
						Entities: []verdict.Entity{
							{Entity: "ds/pg", Verdict: verdict.Inconclusive}, {Entity: "ds/pg2", Verdict: verdict.Inconclusive},
						},
					},
					{
						ID: "policy-bounds", Title: "Sizes stay in bounds", Promise: "A volume stays between request and limit.",
						Requirement: "invariant 2", Severity: "critical", View: "storage", ExercisedMin: 1, File: "a/p/p.rego", Line: 20,
						Findings: []verdict.Finding{
							{
								Code: "above_limit", Message: "The volume is larger than its limit.", Entity: "ds/pg/PG_DATA",
								Class: verdict.Product, Seq: []uint64{812, 813}, Got: int64(5 << 30), Want: int64(4 << 30), Unit: verdict.Bytes,
								Detail: map[string]any{"instance": "pg-1", "late_ns": int64(1834 * time.Second)}, Line: 24,
								Blame: []verdict.Blame{{
									Policy: "policy-bounds", Class: verdict.Infrastructure, Reason: "attach_wait",
									Message: "waited for a volume", NS: int64(1790 * time.Second), Seq: []uint64{800, 2204},
								}},
								WouldHold: &verdict.Remedy{
									Param: "policy-bounds.reach_ns", With: int64(31 * time.Minute), InsteadOf: int64(30 * time.Minute),
									Unit: verdict.Nanoseconds,
								},
								Slice: &verdict.Slice{
									Of: 214, Minimal: true,
									Points: []verdict.Point{{Path: "requests[3]", Seq: []uint64{812}}, {Path: "specs[0]", Seq: []uint64{4}}},
								},
								Windows: []verdict.Window{
									{
										Kind: verdict.WindowDisruption, Text: "pod deleted pg-1", From: int64(80 * time.Second),
										Until: int64(100 * time.Second), Seq: 800,
									},
									{
										Kind: verdict.WindowGap, Text: "pods in ds not seen", From: int64(85 * time.Second),
										Until: int64(412 * time.Second), Open: true, Seq: 811,
									},
								},
								Events: []verdict.Event{
									beside(at(4, 4, "spec.storage.limit: 4Gi")),
									at(812, 83, "spec.resources.requests.storage: 1Gi → 5Gi"),
									at(813, 90, "status.capacity.storage: 1Gi → 5Gi"),
								},
							},
							{
								Code: "shrunk", Message: "The volume became smaller.", Entity: "ds/pg/PG_DATA", Class: verdict.Test,
								Seq: []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, Got: []any{"a", int64(1)}, Want: nil, Line: 30,
								Events: []verdict.Event{
									at(1, 1, "a: 1 → 2", "b: 1 → 2"), at(2, 2, "a: 2 → 3"), at(3, 3, "a: 3 → 4"), at(4, 4, "a: 4 → 5"),
									at(7, 7, "a: 7 → 8"), at(8, 8, "a: 8 → 9"), at(9, 9, "a: 9 → 10"), at(10, 10, "a: 10 → 11"),
								},
							},
						},
						Entities: []verdict.Entity{{Entity: "ds/pg/PG_DATA", Verdict: verdict.Violated, Exercised: 1, Reached: 1}},
					},
					{
						ID: "replicas-equal", Title: "Volumes are equal", Promise: "All volumes of a group have one size.",
						Severity: "major", View: "storage", ExercisedMin: 1, File: "a/r/r.rego", Line: 3,
						Findings: []verdict.Finding{{
							Code: "unequal", Message: "unequal", Entity: "ds/pg/PG_DATA", Class: verdict.Product,
							Seq: []uint64{811, 812, 813}, Got: int64(5), Want: int64(4), Line: 9,
						}, {
							Code: "late", Message: "late", Entity: "ds/pg/PG_DATA", Class: verdict.Product,
							Seq: []uint64{820}, Got: int64(1834 * time.Second), Want: int64(1800 * time.Second),
							Unit: verdict.Nanoseconds, Line: 12,
							Detail: map[string]any{"from_ns": int64(0), "until_ns": int64(1834 * time.Second)},
						}},
						Entities: []verdict.Entity{{Entity: "ds/pg/PG_DATA", Verdict: verdict.Violated, Reached: 1, Exercised: 1}},
					},
					{
						ID: "scenario-drain", Title: "A drain", Promise: "A drain ends.", View: "episode",
						ExercisedMin: 1, File: "a/d/d.rego", Line: 3,
					},
					{
						ID: "status-coherence", Title: "The status tells the truth", Promise: "Status and PVCs agree.", View: "storage",
						ExercisedMin: 1, File: "a/s/s.rego", Line: 3,
						Entities: []verdict.Entity{
							{Entity: "ds/pg/PG_DATA", Verdict: verdict.Held, Exercised: 7, Reached: 2},
							{Entity: "ds/pg/tbs", Verdict: verdict.Vacuous, Reached: 1},
						},
					},
				},
				Diagnoses: []verdict.Diagnosis{
					{
						Title: "A volume was slow to attach", Entity: "ds/pg",
						Blame: verdict.Blame{
							Policy: "diagnosis-attach", Class: verdict.Infrastructure, Reason: "waiting_for_attach",
							Message: "the volume was attached late", From: int64(10 * time.Second),
							Until: int64(1800 * time.Second), Seq: []uint64{812, 2204}, Detail: map[string]any{"node": "n1"},
						},
					},
					{
						Title: "An image was pulled", Entity: "ds/pg2",
						Blame: verdict.Blame{
							Policy: "diagnosis-pull", Class: verdict.Infrastructure, Reason: "image_pull",
							Message: "the image was pulled", From: int64(20 * time.Second), Until: int64(60 * time.Second),
							Seq: []uint64{30},
						},
					},
				},
				Story: &verdict.Story{
					Setup: []string{"ds/pg: 3 instances, PG_DATA dynamic 1Gi to 4Gi"},
					Asked: []string{"the scenario node-drain T3"},
					Moments: []verdict.Moment{
						{
							Kind: "growth", Cluster: "ds/pg", Entity: "ds/pg/PG_DATA/op1", Text: "PG_DATA grows from 1Gi to 5Gi",
							From: int64(83 * time.Second), Until: int64(412 * time.Second), Open: true, Seq: 812,
						},
						{
							Kind: "node_drain", Cluster: "ds/pg", Entity: "ds/pg/node_drain#1", Text: "the node n1 is drained",
							From: int64(80 * time.Second), Until: int64(100 * time.Second), Seq: 800,
						},
						{Kind: "spec", Text: "spec \"drains\": failed", Failed: true, Seq: 3},
						{
							Kind: "failover", Cluster: "ds/pg", Cause: "ds/pg/node_drain#1", Text: "failover from pg-1",
							From: int64(85 * time.Second), Until: int64(85 * time.Second), Seq: 813,
						},
					},
				},
				Undiagnosed: []verdict.Failure{{Entity: "ds/pg", Text: "a/q/q.rego: gave no answer within 20s"}},
			},
			{File: "broken.db", Error: "open broken.db: not a readable trace: the file is empty"},
			{
				File: "quiet.db", Digest: "sha256:89ab",
				Run:         &trace.Run{ID: "r2", Origin: "attach", Start: start, Namespaces: []string{"ds"}},
				Certificate: &trace.Certificate{Sealed: true},
				Policies: []verdict.Policy{{
					ID: "idempotency", Title: "One intent, one action", Promise: "An action is not repeated.",
					View: "operation", ExercisedMin: 1,
				}},
			},
		},
	}
	for i := range run.Traces {
		t := &run.Traces[i]
		for j := range t.Policies {
			p := &t.Policies[j]
			p.Demand, p.Demanded = verdict.DemandAlways, true
			if p.ID == "scenario-drain" {
				p.Demand, p.Demanded = verdict.DemandDeclared, false
			}
			p.Judge()
		}
		t.Judge()
		t.Identify()
		t.Fold()
		t.Diagnose()
	}
	if err := run.Waive(run.Waivers, start); err != nil {
		panic(err)
	}
	run.Judge()
	return run
}

func beside(e verdict.Event) verdict.Event {
	e.Context = true
	return e
}

// held is a run in which all is well.
func held() verdict.Run {
	run := sample()
	run.Allowances, run.Waivers = nil, nil
	run.Traces = run.Traces[:1]
	t := &run.Traces[0]
	t.Assumptions, t.Diagnoses, t.Undiagnosed, t.Story = nil, nil, nil, nil
	t.Policies = t.Policies[6:]
	t.Judge()
	run.Judge()
	return run
}

func TestText(t *testing.T) {
	golden.Compare(t, "testdata/sample.txt", write(t, "text", sample(), report.Options{}))
	golden.Compare(t, "testdata/held.txt", write(t, "text", held(), report.Options{}))
}

func TestJSON(t *testing.T) {
	golden.Compare(t, "testdata/sample.json", write(t, "json", sample(), report.Options{}))
	golden.Compare(t, "testdata/held.json", write(t, "json", held(), report.Options{}))
}

func TestEachFormatGivesTheSameBytesForTheSameRun(t *testing.T) {
	o := report.Options{Open: emptyTrace(t)}
	for _, f := range report.Formats() {
		first := write(t, f.Name, sample(), o)
		for range 20 {
			if !bytes.Equal(first, write(t, f.Name, sample(), o)) {
				t.Fatalf("%s differs from one time to the next", f.Name)
			}
		}
	}
}

func TestFindingTakesAtMost25Lines(t *testing.T) {
	run := sample()
	f := &run.Traces[0].Policies[3].Findings[1]
	for i := range f.Events {
		f.Events[i].Changes = []string{"a", "b", "c", "d", "and 9 more fields"}
	}
	f.Detail = map[string]any{"a": strings.Repeat("word ", 100)}
	b := verdict.Blame{Class: verdict.Infrastructure, Reason: "x", Seq: []uint64{1}}
	f.Blame = []verdict.Blame{b, b, b, b, b}
	f.WouldHold, f.Slice = &verdict.Remedy{Param: "a.b"}, &verdict.Slice{Points: make([]verdict.Point, 9)}
	f.Windows = slices.Repeat([]verdict.Window{{Kind: verdict.WindowGap, From: 1, Until: 2}}, 9)
	out := string(write(t, "text", run, report.Options{}))
	_, after, _ := strings.Cut(out, "finding 2 of 2")
	told, _, found := strings.Cut(after, "  exercised ")
	if lines := strings.Count(told, "\n"); !found || lines > 25 || lines < 20 {
		t.Errorf("a finding takes %d lines:\n%s", lines, told)
	}
}

func TestManyFindingsAreCountedNotHidden(t *testing.T) {
	run := sample()
	p := &run.Traces[0].Policies[3]
	for range 30 {
		p.Findings = append(p.Findings, p.Findings[0])
	}
	out := string(write(t, "text", run, report.Options{}))
	if !strings.Contains(out, "12 more findings of this policy are in -o json") {
		t.Error("the findings that are left out are not counted")
	}
	if out := write(t, "json", run, report.Options{}); bytes.Count(out, []byte(`"above_limit"`)) != 31 {
		t.Error("the JSON report does not have all findings")
	}
}

func TestColourIsNeverTheOnlyMark(t *testing.T) {
	plain := write(t, "text", sample(), report.Options{})
	colored := string(write(t, "text", sample(), report.Options{Color: true}))
	if !strings.Contains(colored, "\x1b[1;31mVIOLATED\x1b[0m") {
		t.Error("no colour")
	}
	for _, code := range []string{"1;31", "1;35", "33", "36", "32", "0"} {
		colored = strings.ReplaceAll(colored, "\x1b["+code+"m", "")
	}
	if diff := cmp.Diff(string(plain), colored); diff != "" {
		t.Errorf("the reports differ by more than colour:\n%s", diff)
	}
}

func TestJSONMatchesItsSchemaAndTheSchemaKnowsEveryKey(t *testing.T) {
	for name, run := range map[string]verdict.Run{"sample": sample(), "held": held(), "empty": {SchemaVersion: "1"}} {
		out := write(t, "json", run, report.Options{})
		for _, schema := range []*jsonschema.Schema{golden.Schema(t, report.Schema), golden.Closed(t, report.Schema)} {
			if err := schema.Validate(golden.JSON(t, out)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestSchemaRefusesWhatIsNoReport(t *testing.T) {
	good := string(write(t, "json", sample(), report.Options{}))
	for name, change := range map[string][2]string{
		"another version":    {`"schema_version": "1"`, `"schema_version": "2"`},
		"an unknown verdict": {`"verdict": "violated"`, `"verdict": "green"`},
		"an unknown class":   {`"class": "product"`, `"class": "cloud"`},
		"no findings":        {`"findings":`, `"finds":`},
		"a seq in words":     {"\"seq\": [\n                812,", "\"seq\": [\n                \"812\","},
	} {
		bad := strings.Replace(good, change[0], change[1], 1)
		if bad == good {
			t.Errorf("%s: the report has no %s", name, change[0])
		} else if golden.Schema(t, report.Schema).Validate(golden.JSON(t, []byte(bad))) == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

// Scripts rely on this shape; see docs of the JSON report.
func TestKeysThatScriptsRelyOn(t *testing.T) {
	var out struct {
		SchemaVersion string `json:"schema_version"`
		Verdict       string
		Traces        []struct {
			File, Digest, Verdict string
			Certificate           map[string]any
			Policies              []struct {
				ID, Verdict string
				Exercised   int
				Findings    []struct {
					Code, Entity, Class string
					Seq                 []uint64
					Got, Want           any
				}
			}
		}
	}
	if err := json.Unmarshal(write(t, "json", sample(), report.Options{}), &out); err != nil {
		t.Fatal(err)
	}
	p := out.Traces[0].Policies[3]
	f := p.Findings[0]
	if out.SchemaVersion != "1" || out.Verdict != "violated" || out.Traces[0].File != "growth.db" ||
		out.Traces[0].Digest == "" || out.Traces[0].Certificate["sealed"] != true || p.ID != "policy-bounds" ||
		p.Verdict != "violated" || p.Exercised != 1 || f.Code != "above_limit" || f.Entity != "ds/pg/PG_DATA" ||
		f.Class != "product" || len(f.Seq) != 2 || f.Got != 5368709120.0 || f.Want != 4294967296.0 {
		t.Errorf("got %+v", out)
	}
}

func TestUnknownFormatNamesThoseThatExist(t *testing.T) {
	if _, err := report.Named("yaml"); err == nil || !strings.Contains(err.Error(), "text, explain, json") {
		t.Errorf("got %v", err)
	}
}

func TestFullDiskIsAnError(t *testing.T) {
	o := report.Options{Open: emptyTrace(t)}
	for _, f := range report.Formats() {
		if err := f.Write(full{}, sample(), o); !errors.Is(err, errFull) {
			t.Errorf("%s: got %v", f.Name, err)
		}
	}
}

// emptyTrace opens a trace without events, whatever it is asked for.
func emptyTrace(t *testing.T) func(string) (*trace.Reader, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "trace.db")
	w, err := trace.Create(path, trace.Run{ID: "empty", Origin: trace.OriginAttach, Start: time.Unix(0, 0), Tool: "test"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Seal("nothing happened"); err != nil {
		t.Fatal(err)
	}
	return func(string) (*trace.Reader, error) { return trace.Open(path) }
}

var errFull = errors.New("no space left on device")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }
