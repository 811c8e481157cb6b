package verdict

import "slices"

// Judge sets the verdict of the entity from what its rules derived. met says
// whether it put the policy to the test as the policy demands.
func (e *Entity) Judge(violations, unknowns, errors int, met bool) {
	switch {
	case violations > 0:
		e.Verdict = Violated
	case errors > 0:
		e.Verdict = Error
	case unknowns > 0:
		e.Verdict = Inconclusive
	case !met:
		e.Verdict = Vacuous
	default:
		e.Verdict = Held
	}
}

// Judge sets the verdict and the counts of exercise from the entities and from
// what concerns the whole trace.
func (p *Policy) Judge() {
	p.Reached, p.Exercised, p.Disrupted, p.ExercisedBy = 0, 0, 0, 0
	worst := Held
	for _, e := range p.Entities {
		p.Reached += e.Reached
		p.Exercised += e.Exercised
		p.Disrupted += e.Disrupted
		if p.Meets(e) {
			p.ExercisedBy++
		}
		if e.Verdict != Vacuous {
			worst = max(worst, e.Verdict)
		}
	}
	if p.ExercisedBy == 0 {
		worst = max(worst, Vacuous)
	}
	for _, u := range p.Unknowns {
		if u.Entity == "" {
			worst = max(worst, Inconclusive)
		}
	}
	if len(p.Errors) > 0 {
		worst = max(worst, Error)
	}
	p.Verdict = worst
}

// Counts reports whether the policy's verdict is part of the trace's. One that
// was not exercised, and that nobody asked of this trace, is not: a recording of
// a drain says nothing about backups and need not.
func (p *Policy) Counts() bool { return p.Verdict != Vacuous || p.Demanded }

// Judge sets the verdict of the trace: the worst of its policies that count,
// Error when it could not be judged, Vacuous when no policy judged it.
func (t *Trace) Judge() {
	if t.Error != "" {
		t.Verdict = Error
		return
	}
	t.Verdict = Vacuous
	if slices.ContainsFunc(t.Policies, func(p Policy) bool { return p.Verdict != Vacuous }) {
		t.Verdict = Held
	}
	for _, p := range t.Policies {
		if p.Counts() {
			t.Verdict = max(t.Verdict, p.Verdict)
		}
	}
}

// Judge sets the verdict of the run, applies waivers and allowances and sets
// the exit code. The traces are judged already.
func (r *Run) Judge() {
	r.Verdict = Held
	if len(r.Traces) == 0 {
		r.Verdict = Vacuous
	}
	gate, unreadable := r.Verdict, false
	for i := range r.Traces {
		t := &r.Traces[i]
		r.Verdict = max(r.Verdict, t.Verdict)
		gate = max(gate, r.allow(t))
		unreadable = unreadable || t.Error != ""
	}
	r.ExitCode = exitCode(gate, unreadable)
}

// allow marks what a waiver or an allowance lets pass and returns the worst
// verdict of what is left of the trace.
func (r *Run) allow(t *Trace) Level {
	if !slices.ContainsFunc(t.Policies, func(p Policy) bool { return p.Counts() }) {
		return t.Verdict
	}
	worst := Held
	for i := range t.Policies {
		p := &t.Policies[i]
		if !p.Counts() {
			continue
		}
		left := r.waive(p)
		p.Allowed = left == Held && p.Verdict != Held
		for j := range r.Allowances {
			if a := &r.Allowances[j]; left != Held && a.Policy == p.ID && a.Verdict == left {
				a.Used, p.Allowed, left = true, true, Held
			}
		}
		worst = max(worst, left)
	}
	return worst
}

// The exit codes of a judgement.
const (
	ExitHeld      = 0
	ExitViolated  = 1
	ExitFailed    = 2 // could not run
	ExitUndecided = 3 // not violated, but inconclusive or vacuous
)

func exitCode(gate Level, unreadable bool) int {
	switch {
	case unreadable:
		return ExitFailed
	case gate == Violated:
		return ExitViolated
	case gate == Error:
		return ExitFailed
	case gate == Held:
		return ExitHeld
	default:
		return ExitUndecided
	}
}
