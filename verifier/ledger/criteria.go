package ledger

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// stallPolicy judges whether what goes wrong says so.
const stallPolicy = "no-silent-stall"

// topologies are the classes in which each P0 scenario has to pass.
var topologies = []string{"T1", "T2", "T3"}

// status is how tables call an outcome.
func (o Outcome) status() string {
	switch o {
	case Passed, Retried:
		return "PASS"
	case Failed:
		return "FAIL"
	case Skipped:
		return "SKIP"
	case NotRun:
		return "NOT RUN"
	}
	return strings.ToUpper(string(o))
}

// last returns the newest result of a test that was run, among those that match.
func (l *Ledger) last(test string, match func(Run, Result) bool) (Run, Result, bool) {
	for _, run := range slices.Backward(l.Runs) {
		for _, r := range run.Results {
			if r.Test == test && r.Outcome != NotRun && match(run, r) {
				return run, r, true
			}
		}
	}
	return Run{}, Result{}, false
}

func anywhere(Run, Result) bool { return true }

// coverage is the table of requirements with the last status of their tests.
func (l *Ledger) coverage(of []Tested) []Coverage {
	out := []Coverage{}
	for _, q := range of {
		c := Coverage{Requirement: q.Requirement, Test: q.Test, Status: NotRun.status()}
		if run, r, ok := l.last(q.Test, anywhere); ok {
			c.Status, c.Run = r.Outcome.status(), run.Date
		}
		out = append(out, c)
	}
	return out
}

// criteria evaluates the exit criteria of the requirements, as of the last result
// of each test.
func (l *Ledger) criteria() []Criterion {
	return []Criterion{l.scenariosPass(), l.failuresSpeak(), l.noGaps()}
}

// findings collects why a criterion is not met or not decided.
type findings struct{ against, open []string }

func (f findings) criterion(text, otherwise string) Criterion {
	switch {
	case len(f.against) > 0:
		return Criterion{text, NotMet, append(f.against, f.open...)}
	case len(f.open) > 0:
		return Criterion{text, UndecidedWord, f.open}
	}
	return Criterion{text, Met, []string{otherwise}}
}

// look judges the last result of a test at some place. That infrastructure failed
// shows no gap of the product, and no pass either.
func (l *Ledger) look(f *findings, scenario Scenario, where string, gaps bool,
	match func(Run, Result) bool,
) {
	run, r, ok := l.last(scenario.Test, match)
	told := fmt.Sprintf("%s %s: ", scenario.Scenario, where)
	switch {
	case !ok:
		f.open = append(f.open, told+"never run")
	case r.infra() && gaps:
		f.open = append(f.open, told+"failed on "+run.Date+whose(r))
	case r.Outcome == Failed:
		f.against = append(f.against, told+"failed on "+run.Date+whose(r))
	case r.Outcome == Retried:
		f.open = append(f.open, told+"passed only when retried, on "+run.Date)
	case r.Outcome != Passed:
		f.open = append(f.open, told+strings.ToLower(r.Outcome.status())+" on "+run.Date)
	}
}

func whose(r Result) string {
	if r.Class == "" {
		return " (undiagnosed)"
	}
	return " (" + r.Class + ")"
}

func (l *Ledger) scenariosPass() Criterion {
	var f findings
	for _, target := range l.catalogue.Targets {
		for _, s := range l.catalogue.Scenarios {
			l.look(&f, s, "on "+target, false, func(run Run, _ Result) bool { return run.Environment["provider"] == target })
		}
	}
	if len(l.catalogue.Targets) == 0 {
		f.open = append(f.open, "the catalogue names no target CI provider (targets)")
	}
	return f.criterion("All applicable P0 scenarios pass on target CI providers ("+
		strings.Join(l.catalogue.Targets, ", ")+").", "the last result of each is a pass")
}

// failuresSpeak looks, in each environment, at the last recording and at the last one
// of a run in which not all went well; and at failures that nobody recorded.
func (l *Ledger) failuresSpeak() Criterion {
	var f findings
	last, ill := map[string]bool{}, map[string]bool{}
	for _, run := range slices.Backward(l.Runs) {
		for _, p := range run.judged {
			wanted := !last[run.Label] || !ill[run.Label] && run.ill()
			if p.Policy != stallPolicy || p.Verdict == verdict.Vacuous || !wanted {
				continue
			}
			last[run.Label], ill[run.Label] = true, ill[run.Label] || run.ill()
			told := fmt.Sprintf("%s was %s on %s", stallPolicy, p.Verdict, run.Date)
			switch p.Verdict {
			case verdict.Violated:
				f.against = append(f.against, told)
			case verdict.Held:
			default:
				f.open = append(f.open, told)
			}
		}
	}
	if n := l.unrecorded(); n > 0 {
		f.open = append(f.open, plural(n, "failure has", "failures have")+" no recording: a report cannot tell")
	}
	if len(last) == 0 {
		f.open = append(f.open, "no recording has anything that could stall")
	}
	return f.criterion("Failures produce actionable conditions/events (no silent stalls).",
		"the recordings show it, and every failure was recorded")
}

// ill reports whether a test failed, or could not be decided.
func (r *Run) ill() bool {
	return slices.ContainsFunc(r.Results, func(res Result) bool {
		return res.Outcome == Failed || res.Outcome == Undecided
	})
}

// unrecorded counts failures of which there is no recording.
func (l *Ledger) unrecorded() int {
	n := 0
	for _, run := range l.Runs {
		for _, r := range run.Results {
			if r.Outcome == Failed && len(run.judged) == 0 {
				n++
			}
		}
	}
	return n
}

func (l *Ledger) noGaps() Criterion {
	var f findings
	for _, s := range l.catalogue.Scenarios {
		for _, topology := range topologies {
			if len(s.Topologies) == 0 || slices.Contains(s.Topologies, topology) {
				l.look(&f, s, "in "+topology, true, func(_ Run, r Result) bool { return r.Topology == topology })
			}
		}
	}
	return f.criterion("No unresolved P0 correctness gaps remain for any topology class (T1, T2, T3).",
		"the last result of each scenario in each topology is a pass")
}
