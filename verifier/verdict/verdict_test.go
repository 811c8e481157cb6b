package verdict_test

import (
	"encoding/json"
	"testing"

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
			e.Judge(test.violations, test.unknowns, test.errors, test.minimum)
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
			test.policy.Judge(1)
			if test.policy.Verdict != test.want || test.policy.Exercised != test.exercised {
				t.Errorf("got %s with %d exercised, want %s with %d",
					test.policy.Verdict, test.policy.Exercised, test.want, test.exercised)
			}
		})
	}
}

func TestRunAndGate(t *testing.T) {
	tests := []struct {
		name   string
		traces []verdict.Trace
		allow  []verdict.Allowance
		want   verdict.Level
		exit   int
	}{
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

func policyOf(entities ...verdict.Entity) verdict.Policy { return verdict.Policy{Entities: entities} }

// traces returns one trace on which the policies p0, p1, … have the levels.
func traces(levels ...verdict.Level) []verdict.Trace {
	var t verdict.Trace
	for i, l := range levels {
		t.Policies = append(t.Policies, verdict.Policy{ID: "p" + string(rune('0'+i)), Verdict: l})
	}
	return []verdict.Trace{t}
}
