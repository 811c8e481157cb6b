package ledger

import (
	"fmt"
	"slices"
	"strings"
)

// Assessment is what the history says about a test. The package documentation has
// the rules.
type Assessment string

// The assessments, in the order in which their rules are tried.
const (
	IsNotRun  Assessment = "NOT RUN"
	IsVacuous Assessment = "VACUOUS"
	IsInfra   Assessment = "INFRA"
	IsProven  Assessment = "FLAKY (proven)"
	IsTooFew  Assessment = "Too few runs"
	IsBroken  Assessment = "BROKEN"
	IsFlaky   Assessment = "FLAKY"
	IsStable  Assessment = "Stable"
	IsClean   Assessment = "No failure yet"
	IsMostly  Assessment = "Mostly stable"
	IsUnclear Assessment = "Undecided"
)

// alarming reports whether people have to look after the test.
func (a Assessment) alarming() bool {
	return a == IsVacuous || a == IsInfra || a == IsProven || a == IsBroken || a == IsFlaky
}

// trial is a result as the assessment sees it.
type trial struct {
	outcome Outcome
	infra   bool
	build   string // empty: not known exactly
	place   string // topology and environment
}

// history is what is assessed: the results of a test, oldest first.
type history struct {
	trials   []trial
	baseline Counts
}

// within returns the newest results that decide something, and others among them.
func (h history) within(window int) []trial {
	deciding := 0
	for i, t := range slices.Backward(h.trials) {
		if t.outcome.decides() && !t.infra {
			deciding++
		}
		if deciding > window {
			return h.trials[i+1:]
		}
	}
	return h.trials
}

// tally is what the rules look at.
type tally struct {
	clean, retried, failed, infra, vacuous, undecided, skipped int
	streak                                                     int // failures at the end
	proof                                                      string
}

// trials are the runs that tell how reliable the test is.
func (n tally) trials() int { return n.clean + n.retried + n.failed }

func (h history) tally(window int) tally {
	recent := h.within(window)
	var n tally
	if len(recent) == len(h.trials) { // the baseline is older than all of them
		n = tally{clean: h.baseline.Passes, failed: h.baseline.Fails, skipped: h.baseline.Skips}
	}
	for _, t := range recent {
		n.add(t)
	}
	n.proof = proofOf(recent)
	if n.retried > 0 {
		n.proof = "it failed and passed within one run"
	}
	return n
}

func (n *tally) add(t trial) {
	switch {
	case t.infra:
		n.infra++
	case t.outcome == Passed:
		n.clean, n.streak = n.clean+1, 0
	case t.outcome == Retried:
		n.retried, n.streak = n.retried+1, 0
	case t.outcome == Failed:
		n.failed, n.streak = n.failed+1, n.streak+1
	case t.outcome == Vacuous:
		n.vacuous++
	case t.outcome == Undecided:
		n.undecided++
	case t.outcome == Skipped:
		n.skipped++
	}
}

// proofOf finds a build that passed and failed in one place.
func proofOf(trials []trial) string {
	type code struct{ build, place string }
	seen := map[code]map[bool]bool{}
	for _, t := range trials {
		if t.build == "" || t.infra || !t.outcome.decides() {
			continue
		}
		c := code{t.build, t.place}
		if seen[c] == nil {
			seen[c] = map[bool]bool{}
		}
		seen[c][t.outcome.passes()] = true
		if len(seen[c]) == 2 {
			return "commit " + t.build[:min(len(t.build), 9)] + " passed and failed in the same environment"
		}
	}
	return ""
}

// assess applies the rules, in their order; why names the one that applied.
func (h history) assess(th Thresholds) (n tally, a Assessment, why string) {
	n = h.tally(th.Window)
	rate := Wilson(n.clean, n.trials())
	switch total := n.trials(); {
	case total+n.infra+n.vacuous+n.undecided+n.skipped == 0:
		return n, IsNotRun, "no run got to it"
	case n.infra > 0 && n.failed+n.retried+n.skipped == 0 && share(n.infra, n.infra+total) >= th.InfraShare:
		return n, IsInfra, fmt.Sprintf("by evidence it is for infrastructure that %d of %d runs did not pass; "+
			"nothing else failed", n.infra, n.infra+total)
	case total == 0 && n.vacuous > 0:
		return n, IsVacuous, "where it passed, the recording shows that it put nothing to the test"
	case n.proof != "":
		return n, IsProven, n.proof
	case total < th.MinRuns:
		return n, IsTooFew, fmt.Sprintf("%s, and no verdict below %d",
			plural(total, "run decides", "runs decide"), th.MinRuns)
	case n.streak >= th.BrokenStreak:
		return n, IsBroken, fmt.Sprintf("the last %d deciding runs failed", n.streak)
	case n.failed >= th.MinFailures && rate.High < th.Flaky:
		return n, IsFlaky, fmt.Sprintf("%d failures, and the rate is below %s", n.failed, percent(th.Flaky))
	case n.failed == 0 && rate.Low >= th.Stable:
		return n, IsStable, fmt.Sprintf("no failure, and the rate is above %s", percent(rate.Low))
	case n.failed == 0:
		return n, IsClean, fmt.Sprintf("no failure, but %d runs show no more than %s; Stable takes %s",
			total, percent(rate.Low), percent(th.Stable))
	case rate.Low >= th.Mostly && rate.High >= th.Flaky:
		return n, IsMostly, fmt.Sprintf("some failures, and the rate is above %s", percent(rate.Low))
	}
	return n, IsUnclear, fmt.Sprintf("%d of %d, which is %s: neither FLAKY nor Mostly stable is shown",
		n.clean, n.trials(), rate)
}

func share(part, all int) float64 {
	if all == 0 {
		return 0
	}
	return float64(part) / float64(all)
}

// String writes an interval as 57–100 %.
func (i Interval) String() string {
	return fmt.Sprintf("%.0f–%.0f %%", 100*i.Low, 100*i.High)
}

func percent(rate float64) string { return fmt.Sprintf("%.0f %%", 100*rate) }

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// assess fills in what the history of a test says.
func (t *Test) assess(h history, since int, th Thresholds) {
	counted := history{h.trials[since:], h.baseline}
	if since > 0 {
		counted.baseline = Counts{}
	}
	n, a, why := counted.assess(th)
	t.Clean, t.Trials, t.Rate = n.clean, n.trials(), Wilson(n.clean, n.trials())
	t.Assessment, t.Why = a, why
	t.Passes, t.Fails, t.Skips = h.baseline.Passes, h.baseline.Fails, h.baseline.Skips
	for _, tr := range h.trials {
		switch {
		case tr.outcome.passes():
			t.Passes++
		case tr.outcome == Failed:
			t.Fails++
		case tr.outcome == Skipped:
			t.Skips++
		}
		if tr.infra {
			t.Infra++
		}
	}
	t.Facts = t.facts(h.baseline, len(h.trials)-since)
}

// facts are what the columns of the table leave out.
func (t *Test) facts(baseline Counts, assessed int) []string {
	facts := []string{}
	say := func(n int, format string) {
		if n > 0 {
			facts = append(facts, fmt.Sprintf(format, n))
		}
	}
	say(t.Counts[string(Retried)], "%d passed only when retried")
	say(t.Counts[string(Vacuous)], "%d more passed without putting anything to the test")
	say(t.Counts[string(Undecided)], "%d more could not be decided")
	say(t.Infra, "%d for infrastructure, by evidence")
	say(t.Fails-baseline.Fails-t.Infra-t.diagnosed(), "%d undiagnosed")
	var without []string
	for _, c := range []struct {
		n         int
		one, many string
	}{{baseline.Passes, "pass", "passes"}, {baseline.Fails, "failure", "failures"}, {baseline.Skips, "skip", "skips"}} {
		if c.n > 0 {
			without = append(without, plural(c.n, c.one, c.many))
		}
	}
	if len(without) > 0 {
		facts = append(facts, strings.Join(without, " and ")+" without a run")
	}
	if t.Since != nil {
		facts = append(facts, fmt.Sprintf("assessed since %s, %s", t.Since.Date, plural(assessed, "result", "results")))
	}
	return facts
}

// diagnosed counts the failures of which evidence says that they are for something
// else than infrastructure, and takes back infrastructure's skips.
func (t *Test) diagnosed() int {
	n := 0
	for _, s := range t.Series {
		for _, p := range s.Results {
			switch r := p.Result; {
			case r.Outcome == Failed && r.Class != "" && !r.infra():
				n++
			case r.Outcome == Skipped && r.infra():
				n--
			}
		}
	}
	return n
}
