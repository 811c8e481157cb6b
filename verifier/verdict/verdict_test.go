package verdict_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hindsight-project/hindsight/verifier/verdict"
)

func TestLatticeIsOrderedFromViolatedDownToHeld(t *testing.T) {
	levels := verdict.Levels()
	if len(levels) != 5 || levels[0] != verdict.Violated || levels[4] != verdict.Held {
		t.Fatalf("levels = %v", levels)
	}
	for i := 1; i < len(levels); i++ {
		if levels[i-1] <= levels[i] {
			t.Errorf("%s is not worse than %s", levels[i-1], levels[i])
		}
		if got := verdict.Worst(levels[i], levels[i-1], levels[i]); got != levels[i-1] {
			t.Errorf("worst of %s and %s is %s", levels[i], levels[i-1], got)
		}
	}
	if got := verdict.Worst(); got != verdict.Held {
		t.Errorf("the worst of nothing is %s", got)
	}
}

func TestLevelsSurviveJSON(t *testing.T) {
	for _, l := range verdict.Levels() {
		text, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		if string(text) != `"`+l.String()+`"` {
			t.Errorf("%s is written as %s", l, text)
		}
		var back verdict.Level
		if err := json.Unmarshal(text, &back); err != nil || back != l {
			t.Errorf("%s comes back as %s (%v)", l, back, err)
		}
	}
	if _, err := verdict.ParseLevel("green"); err == nil {
		t.Error("a verdict called green was accepted")
	}
}

func TestEntity(t *testing.T) {
	tests := []struct {
		name                         string
		violations, unknowns, errors int
		exercised, minimum           int
		want                         verdict.Level
	}{
		{"a violation wins over everything", 1, 1, 1, 0, 1, verdict.Violated},
		{"an error wins over what is unknown", 0, 1, 1, 9, 1, verdict.Error},
		{"what is unknown wins over exercise", 0, 1, 0, 9, 1, verdict.Inconclusive},
		{"nothing happened", 0, 0, 0, 0, 1, verdict.Vacuous},
		{"exercised once too little", 0, 0, 0, 2, 3, verdict.Vacuous},
		{"exercised exactly often enough", 0, 0, 0, 3, 3, verdict.Held},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := verdict.Entity{Exercised: test.exercised}
			p := verdict.Policy{ExercisedMin: test.minimum}
			e.Judge(test.violations, test.unknowns, test.errors, p.Meets(e))
			if e.Verdict != test.want {
				t.Errorf("got %s, want %s", e.Verdict, test.want)
			}
		})
	}
}

func TestPolicy(t *testing.T) {
	held := verdict.Entity{Exercised: 1, Verdict: verdict.Held}
	vacuous := verdict.Entity{Verdict: verdict.Vacuous}
	inconclusive := verdict.Entity{Exercised: 1, Verdict: verdict.Inconclusive}
	violated := verdict.Entity{Verdict: verdict.Violated}
	tests := []struct {
		name      string
		policy    verdict.Policy
		want      verdict.Level
		exercised int
	}{
		{"no entity at all", verdict.Policy{}, verdict.Vacuous, 0},
		{"no entity exercised it", policyOf(vacuous, vacuous), verdict.Vacuous, 0},
		{"one of two exercised it", policyOf(vacuous, held), verdict.Held, 1},
		{"one held, one inconclusive", policyOf(held, inconclusive), verdict.Inconclusive, 2},
		{"one vacuous, one inconclusive", policyOf(vacuous, inconclusive), verdict.Inconclusive, 1},
		{"one violated without exercise", policyOf(violated, held), verdict.Violated, 1},
		{
			"an unknown about the whole trace spoils what held",
			verdict.Policy{Entities: []verdict.Entity{held}, Unknowns: []verdict.Unknown{{Reason: "gap"}}},
			verdict.Inconclusive, 1,
		},
		{
			"an error spoils what held",
			verdict.Policy{Entities: []verdict.Entity{held}, Errors: []verdict.Failure{{Text: "conflict"}}},
			verdict.Error, 1,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.policy.ExercisedMin = 1
			test.policy.Judge()
			if test.policy.Verdict != test.want || test.policy.ExercisedBy != test.exercised {
				t.Errorf("got %s exercised by %d, want %s by %d",
					test.policy.Verdict, test.policy.ExercisedBy, test.want, test.exercised)
			}
		})
	}
}

type gateTest struct {
	name   string
	traces []verdict.Trace
	allow  []verdict.Allowance
	want   verdict.Level
	exit   int
}

func TestRunAndGate(t *testing.T) {
	tests := []gateTest{
		{"no trace", nil, nil, verdict.Vacuous, 3},
		{"no policy judged the trace", []verdict.Trace{{}}, nil, verdict.Vacuous, 3},
		{"all held", traces(verdict.Held, verdict.Held), nil, verdict.Held, 0},
		{"one vacuous", traces(verdict.Held, verdict.Vacuous), nil, verdict.Vacuous, 3},
		{"one inconclusive", traces(verdict.Vacuous, verdict.Inconclusive), nil, verdict.Inconclusive, 3},
		{"one error", traces(verdict.Held, verdict.Error), nil, verdict.Error, 2},
		{"violated beats error", traces(verdict.Error, verdict.Violated), nil, verdict.Violated, 1},
		{
			"an unreadable trace among good ones",
			append(traces(verdict.Held), verdict.Trace{Error: "damaged"}), nil, verdict.Error, 2,
		},
		{
			"an unreadable trace beside a violated one: both are told",
			append(traces(verdict.Violated), verdict.Trace{Error: "damaged"}), nil, verdict.Violated, 2,
		},
		{
			"an allowed vacuous policy opens the gate and stays vacuous",
			traces(verdict.Held, verdict.Vacuous), []verdict.Allowance{{Verdict: verdict.Vacuous, Policy: "p1"}},
			verdict.Vacuous, 0,
		},
		{
			"an allowance for another verdict does not count",
			traces(verdict.Held, verdict.Inconclusive), []verdict.Allowance{{Verdict: verdict.Vacuous, Policy: "p1"}},
			verdict.Inconclusive, 3,
		},
		{
			"an allowance for another policy does not count",
			traces(verdict.Held, verdict.Vacuous), []verdict.Allowance{{Verdict: verdict.Vacuous, Policy: "p0"}},
			verdict.Vacuous, 3,
		},
	}
	undemanded := traces(verdict.Held, verdict.Vacuous, verdict.Vacuous)
	undemanded[0].Policies[1].Demanded, undemanded[0].Policies[2].Demanded = false, false
	nothing := traces(verdict.Vacuous)
	nothing[0].Policies[0].Demanded = false
	doubted := traces(verdict.Held, verdict.Inconclusive)
	doubted[0].Policies[1].Demanded = false
	tests = append(tests, []gateTest{
		{"what is vacuous and not demanded does not count", undemanded, nil, verdict.Held, 0},
		{"nothing counts", nothing, nil, verdict.Vacuous, 3},
		{"what is exercised counts, demanded or not", doubted, nil, verdict.Inconclusive, 3},
	}...)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			run := verdict.Run{Traces: test.traces, Allowances: test.allow}
			for i := range run.Traces {
				run.Traces[i].Judge()
			}
			run.Judge()
			if run.Verdict != test.want || run.ExitCode != test.exit {
				t.Errorf("got %s and exit code %d, want %s and %d", run.Verdict, run.ExitCode, test.want, test.exit)
			}
		})
	}
}

func TestAllowanceSaysWhetherItWasNeeded(t *testing.T) {
	run := verdict.Run{
		Traces: traces(verdict.Held, verdict.Vacuous),
		Allowances: []verdict.Allowance{
			{Verdict: verdict.Vacuous, Policy: "p0"}, {Verdict: verdict.Vacuous, Policy: "p1"},
		},
	}
	run.Traces[0].Judge()
	run.Judge()
	if run.Allowances[0].Used || !run.Allowances[1].Used {
		t.Errorf("used = %v", run.Allowances)
	}
	if p := run.Traces[0].Policies; p[0].Allowed || !p[1].Allowed {
		t.Errorf("allowed = %v, %v", p[0].Allowed, p[1].Allowed)
	}
}

func TestPolicyCanDemandExerciseInADisruption(t *testing.T) {
	p := verdict.Policy{ExercisedMin: 2, ExercisedIn: verdict.InDisruption}
	for _, test := range []struct {
		exercised, disrupted int
		want                 bool
	}{{9, 1, false}, {2, 2, true}, {0, 0, false}} {
		if got := p.Meets(verdict.Entity{Exercised: test.exercised, Disrupted: test.disrupted}); got != test.want {
			t.Errorf("%d times, %d in a disruption: %t", test.exercised, test.disrupted, got)
		}
	}
}

// ---- findings

func finding(code, entity string, seq ...uint64) verdict.Finding {
	return verdict.Finding{Code: code, Entity: entity, Seq: seq}
}

func TestFindingsHaveStableAndUniqueIDs(t *testing.T) {
	of := func(findings ...verdict.Finding) (ids []string) {
		tr := verdict.Trace{Policies: []verdict.Policy{{ID: "p", Findings: findings}}}
		tr.Identify()
		for _, f := range tr.Policies[0].Findings {
			ids = append(ids, f.ID)
		}
		return ids
	}
	ids := of(
		finding("a", "ds/pg/x", 1), finding("a", "ds/pg/x", 2), finding("a", "ds/pg/y", 2), finding("b", "ds/pg/x", 1),
	)
	if ids[1] != ids[0]+"-2" || ids[2] == ids[0] || ids[3] == ids[0] || !strings.HasPrefix(ids[0], "p/a/") {
		t.Errorf("ids = %v", ids)
	}
	if again := of(finding("a", "ds/pg/x", 77)); again[0] != ids[0] {
		t.Errorf("the id depends on more than policy, code and entity: %s, %s", again[0], ids[0])
	}
}

func TestFindingsFoldUnderTheirRoot(t *testing.T) {
	tests := []struct {
		name  string
		left  verdict.Policy
		right verdict.Policy
		want  string // id of the policy whose finding folds; empty: none
	}{
		{"the least evidence is the root", folds("a", "minor", "ds/pg/x", 3, 7), folds("b", "minor", "ds/pg/x", 7), "a"},
		{"the more severe is the root before", folds("a", "minor", "ds/pg/x", 7), folds("b", "major", "ds/pg/x", 3, 7), "a"},
		{"context in common is not enough", folds("a", "minor", "ds/pg/x", 3), folds("b", "major", "ds/pg/x", 3, 7), ""},
		{"of equals the first is the root", folds("a", "major", "ds/pg/x", 7), folds("b", "major", "ds/pg/x", 7), "b"},
		{"another role of the cluster is the same family", folds("a", "", "ds/pg/x", 7), folds("b", "", "ds/pg/y", 7), "b"},
		{"another cluster is not", folds("a", "", "ds/pg/x", 7), folds("b", "", "ds/pg2/x", 7), ""},
		{"one shared event is not enough", folds("a", "", "ds/pg/x", 7, 9), folds("b", "", "ds/pg/x", 8, 9), ""},
		{"no evidence folds nothing", folds("a", "", "ds/pg/x"), folds("b", "", "ds/pg/x", 8), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tr := verdict.Trace{Policies: []verdict.Policy{test.left, test.right}}
			tr.Identify()
			tr.Fold()
			for i, p := range tr.Policies {
				want := ""
				if p.ID == test.want {
					want = tr.Policies[1-i].Findings[0].ID
				}
				if got := p.Findings[0].FoldedUnder; got != want {
					t.Errorf("the finding of %s is folded under %q, want %q", p.ID, got, want)
				}
			}
		})
	}
}

func folds(id, severity, entity string, seq ...uint64) verdict.Policy {
	return verdict.Policy{ID: id, Severity: severity, Findings: []verdict.Finding{finding("c", entity, seq...)}}
}

// ---- waivers

func TestWaiversOpenTheGateAndChangeNoVerdict(t *testing.T) {
	violated := verdict.Policy{
		ID: "p", Verdict: verdict.Violated,
		Findings: []verdict.Finding{finding("a", "ds/pg/x", 1), finding("b", "ds/pg2/x", 2)},
		Unknowns: []verdict.Unknown{{Reason: "gap", Code: "c", Entity: "ds/pg3/x"}},
	}
	vacuous := verdict.Policy{
		ID: "p", Verdict: verdict.Vacuous, Entities: []verdict.Entity{{Entity: "ds/pg/x"}, {Entity: "ds/pg/y"}},
	}
	waive := func(level verdict.Level, code, entity string) verdict.Waiver {
		return verdict.Waiver{Policy: "p", Verdict: level, Code: code, Entity: entity, Expires: "2026-03-01"}
	}
	all := waive(verdict.Violated, "", "")
	late := all
	late.Expires = "2026-02-28"
	tests := []struct {
		name    string
		policy  verdict.Policy
		waivers []verdict.Waiver
		exit    int
		used    []bool
	}{
		{"none", violated, nil, 1, nil},
		{"all violations: what is unknown is left", violated, []verdict.Waiver{all}, 3, []bool{true}},
		{
			"violations and the unknown, by its reason", violated,
			[]verdict.Waiver{all, waive(verdict.Inconclusive, "gap", "")}, 0, []bool{true, true},
		},
		{
			"violations and the unknown, by its code", violated,
			[]verdict.Waiver{all, waive(verdict.Inconclusive, "c", "ds/*/x")}, 0, []bool{true, true},
		},
		{"one code of two", violated, []verdict.Waiver{waive(verdict.Violated, "a", "")}, 1, []bool{true}},
		{"one entity of two", violated, []verdict.Waiver{waive(verdict.Violated, "", "ds/pg2/*")}, 1, []bool{true}},
		{"a star is no slash", violated, []verdict.Waiver{waive(verdict.Violated, "", "ds/*")}, 1, []bool{false}},
		{
			"another policy", violated,
			[]verdict.Waiver{{Policy: "q", Verdict: verdict.Violated, Expires: "2026-03-01"}}, 1, []bool{false},
		},
		{"the day after the last", violated, []verdict.Waiver{late}, 1, []bool{false}},
		{"a vacuous policy", vacuous, []verdict.Waiver{waive(verdict.Vacuous, "", "")}, 0, []bool{true}},
		{"all of its entities", vacuous, []verdict.Waiver{waive(verdict.Vacuous, "", "ds/pg/?")}, 0, []bool{true}},
		{"one of its entities", vacuous, []verdict.Waiver{waive(verdict.Vacuous, "", "ds/pg/x")}, 3, []bool{true}},
		{
			"nothing to look at", verdict.Policy{ID: "p", Verdict: verdict.Vacuous},
			[]verdict.Waiver{waive(verdict.Vacuous, "", "")}, 0, []bool{true},
		},
		{
			"an error cannot be waived",
			verdict.Policy{ID: "p", Verdict: verdict.Error, Errors: []verdict.Failure{{}}},
			[]verdict.Waiver{all}, 2, []bool{false},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := test.policy
			p.Demanded = true
			p.Findings, p.Unknowns, p.Entities = slices.Clone(p.Findings), slices.Clone(p.Unknowns), slices.Clone(p.Entities)
			run := verdict.Run{Traces: []verdict.Trace{{Policies: []verdict.Policy{p}, Verdict: p.Verdict}}}
			if err := run.Waive(test.waivers, time.Date(2026, 3, 1, 23, 59, 0, 0, time.UTC)); err != nil {
				t.Fatal(err)
			}
			run.Judge()
			if run.ExitCode != test.exit || run.Verdict != p.Verdict {
				t.Errorf("exit code %d and %s, want %d and %s", run.ExitCode, run.Verdict, test.exit, p.Verdict)
			}
			for i, w := range run.Waivers {
				if w.Used != test.used[i] {
					t.Errorf("waiver %d: used %t", i, w.Used)
				}
			}
			if run.Traces[0].Policies[0].Allowed != (test.exit == 0) {
				t.Error("the policy is marked wrongly as allowed")
			}
		})
	}
}

func TestAllowanceCoversWhatWaiversLeave(t *testing.T) {
	run := verdict.Run{
		Traces: []verdict.Trace{{Verdict: verdict.Violated, Policies: []verdict.Policy{{
			ID: "p", Verdict: verdict.Violated, Findings: []verdict.Finding{finding("a", "x", 1)},
			Unknowns: []verdict.Unknown{{Reason: "gap"}},
		}}}},
		Allowances: []verdict.Allowance{{Policy: "p", Verdict: verdict.Inconclusive}},
	}
	err := run.Waive([]verdict.Waiver{{Policy: "p", Verdict: verdict.Violated, Expires: "2026-03-01"}}, time.Time{})
	if run.Judge(); err != nil || run.ExitCode != 0 || run.Verdict != verdict.Violated {
		t.Errorf("exit code %d, %s, %v", run.ExitCode, run.Verdict, err)
	}
	if err := run.Waive([]verdict.Waiver{{Expires: "soon"}}, time.Time{}); err == nil {
		t.Error("a waiver without a day is accepted")
	}
}

func policyOf(entities ...verdict.Entity) verdict.Policy { return verdict.Policy{Entities: entities} }

// traces returns one trace on which the policies p0, p1, … have the levels.
func traces(levels ...verdict.Level) []verdict.Trace {
	var t verdict.Trace
	for i, l := range levels {
		t.Policies = append(t.Policies, verdict.Policy{ID: "p" + string(rune('0'+i)), Verdict: l, Demanded: true})
	}
	return []verdict.Trace{t}
}
