package ledger

import (
	"strings"
	"testing"

	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// past makes a history of letters, oldest first: P R V U F S - as in the tables, f a
// failure and s a skip for infrastructure.
func past(letters string) history {
	var h history
	for _, letter := range letters {
		t := trial{place: "T3/azure"}
		t.outcome = map[rune]Outcome{
			'P': Passed, 'R': Retried, 'V': Vacuous, 'U': Undecided, 'F': Failed, 'f': Failed,
			'S': Skipped, 's': Skipped, '-': NotRun,
		}[letter]
		t.infra = letter == 'f' || letter == 's'
		h.trials = append(h.trials, t)
	}
	return h
}

func thresholds(t *testing.T) Thresholds {
	t.Helper()
	c, err := NewCatalogue("", nil)
	if err != nil {
		t.Fatal(err)
	}
	return c.Thresholds
}

func TestEachRuleOfTheAssessment(t *testing.T) {
	for _, c := range []struct {
		says, past string
		want       Assessment
	}{
		{"nothing at all", "", IsNotRun},
		{"never reached", "---", IsNotRun},
		{"only for infrastructure", "ff", IsInfra},
		{"a skip and failures for infrastructure", "fsf", IsInfra},
		{"one of four for infrastructure, at equality", "PPPf", IsInfra},
		{"one of five for infrastructure is left out", "PPPPf", IsTooFew},
		{"infrastructure, and a failure that nobody explains", "fffF", IsTooFew},
		{"infrastructure, and a skip that says something else", "fffS", IsTooFew},
		{"passes that tested nothing", "VVV", IsVacuous},
		{"passes that tested nothing, and one that cannot tell", "VUV", IsVacuous},
		{"only runs that cannot tell", "UU", IsTooFew},
		{"passes that tested nothing decide nothing", "VVVVVP", IsTooFew},
		{"one retry is proof", "R", IsProven},
		{"one retry among many passes is proof", strings.Repeat("P", 28) + "R", IsProven},
		{"an old retry is no proof any more", "R" + strings.Repeat("P", 30), IsStable},
		{"four runs", "FFFF", IsTooFew},
		{"five failures", "FFFFF", IsBroken},
		{"the last three failed, at equality", "PPFFF", IsBroken},
		{"two failures at the end are no streak", "PPPFF", IsFlaky},
		{"one failure of five shows nothing", "FPPPP", IsUnclear},
		{"two of six, below 95 % with the whole interval", "FPPFPP", IsFlaky},
		{"two of thirty reach 95 %", strings.Repeat("P", 14) + "FF" + strings.Repeat("P", 14), IsMostly},
		{"one of ten", "FPPPPPPPPP", IsMostly},
		{"fifteen passes", strings.Repeat("P", 15), IsClean},
		{"sixteen passes", strings.Repeat("P", 16), IsStable},
		{"failures before the window are forgotten", "FFF" + strings.Repeat("P", 30), IsStable},
	} {
		if _, got, why := past(c.past).assess(thresholds(t)); got != c.want {
			t.Errorf("%s (%s): got %s (%s), want %s", c.says, c.past, got, why, c.want)
		}
	}
}

func TestOneBuildThatPassesAndFailsIsProof(t *testing.T) {
	for _, c := range []struct {
		says   string
		builds [2]string
		places [2]string
		want   Assessment
	}{
		{"the same build in the same place", [2]string{"1234567", "1234567"}, [2]string{"T3", "T3"}, IsProven},
		{"two builds", [2]string{"1234567", "7654321"}, [2]string{"T3", "T3"}, IsTooFew},
		{"nobody knows of which build", [2]string{}, [2]string{"T3", "T3"}, IsTooFew},
		{"the same build in two places", [2]string{"1234567", "1234567"}, [2]string{"T3", "T2"}, IsTooFew},
	} {
		h := past("PF")
		for i := range h.trials {
			h.trials[i].build, h.trials[i].place = c.builds[i], c.places[i]
		}
		if _, got, _ := h.assess(thresholds(t)); got != c.want {
			t.Errorf("%s: got %s, want %s", c.says, got, c.want)
		}
	}
}

func TestCountsWithoutRunsAreInTheIntervalAndInNoStreak(t *testing.T) {
	h := past("PP")
	h.baseline = Counts{Passes: 14}
	if n, got, _ := h.assess(thresholds(t)); got != IsStable || n.clean != 16 {
		t.Errorf("got %s of %d", got, n.clean)
	}
	h = past("FF")
	h.baseline = Counts{Passes: 1, Fails: 3}
	if _, got, _ := h.assess(thresholds(t)); got == IsBroken {
		t.Error("a failure without a run is part of a streak")
	}
}

func TestWhatTheRecordingTakesFromAPass(t *testing.T) {
	for _, c := range []struct {
		suite    Outcome
		asserted bool
		verdict  string
		want     Outcome
	}{
		{Passed, true, "", Passed}, {Passed, true, "held", Passed}, {Retried, true, "held", Retried},
		{Passed, true, "vacuous", Vacuous}, {Retried, true, "vacuous", Vacuous},
		{Passed, true, "inconclusive", Undecided}, {Passed, true, "error", Undecided},
		{Passed, true, "violated", Failed}, {Failed, true, "held", Failed}, {Failed, true, "violated", Failed},
		{Skipped, true, "held", Skipped}, {NotRun, true, "violated", NotRun},
		{Undecided, false, "held", Passed}, {Undecided, false, "violated", Failed}, {Undecided, false, "", Undecided},
	} {
		if got := combine(c.suite, c.asserted, level(t, c.verdict)); got != c.want {
			t.Errorf("the suite says %s, the recording %q: got %s, want %s", c.suite, c.verdict, got, c.want)
		}
	}
}

// A recording that contradicts itself holds nothing, whatever its entities say.
func TestInDoubtNothingIsHeld(t *testing.T) {
	clusters := []cluster{{Name: "ds/pg"}}
	p := promised{Entities: []entity{{"ds/pg/PG_DATA", verdict.Held}, {"ds/other", verdict.Violated}}}
	if got := levelOf(p, clusters); got != verdict.Held {
		t.Errorf("got %s", got)
	}
	p.Doubted = true
	if got := levelOf(p, clusters); got != verdict.Inconclusive {
		t.Errorf("in doubt: got %s", got)
	}
	p.Entities = p.Entities[1:]
	if got := levelOf(p, clusters); got != verdict.Vacuous {
		t.Errorf("of another cluster: got %s", got)
	}
}

func TestWhoseFaultItIs(t *testing.T) {
	finding := func(c verdict.Class) Cause { return Cause{By: "policy-bounds", Class: c, Until: 1} }
	diagnosis := func(c verdict.Class, ns int64) Cause { return Cause{By: "diagnosis-x", Class: c, Until: ns} }
	const product, infra = verdict.Product, verdict.Infrastructure
	for _, c := range []struct {
		says   string
		causes []Cause
		want   string
	}{
		{"nothing shows it", nil, ""},
		{"a finding goes before a diagnosis", []Cause{diagnosis(infra, 9), finding(product)}, "product"},
		{"the product's finding goes first", []Cause{finding(verdict.Test), finding(product)}, "product"},
		{"a finding of infrastructure", []Cause{finding(infra)}, "infrastructure"},
		{"what lasted longest", []Cause{diagnosis(product, 3), diagnosis(infra, 4)}, "infrastructure"},
		{"several that together lasted longest", []Cause{
			diagnosis(verdict.Test, 3), diagnosis(infra, 4), diagnosis(verdict.Test, 2),
		}, "test"},
		{"a diagnosis of a moment", []Cause{diagnosis(verdict.Test, 0)}, "test"},
	} {
		if got := classOf(c.causes); got != c.want {
			t.Errorf("%s: got %q, want %q", c.says, got, c.want)
		}
	}
}
