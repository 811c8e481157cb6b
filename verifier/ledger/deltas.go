package ledger

import (
	"fmt"
	"slices"
)

// place is where a test has a history of its own.
type place struct{ test, topology, environment string }

// latest is the last result that decided something, and when.
type latest struct {
	run    int
	result Result
}

// deltas compares each run with what was before it.
func (l *Ledger) deltas() {
	last := map[place]latest{}
	var order []place // in which they were first met
	for i := range l.Runs {
		run := &l.Runs[i]
		run.Deltas = Deltas{
			Regression: []Regression{}, Fixed: []string{}, UnchangedFailing: []string{}, NewFailing: []string{},
			NowSkipped: []string{}, NotTested: []string{},
		}
		tested, skipped := map[place]bool{}, map[place]bool{}
		var compared []place
		for _, r := range run.Results {
			at := place{r.Test, r.Topology, run.Label}
			skipped[at] = skipped[at] || r.Outcome == Skipped
			if !r.Outcome.decides() {
				continue
			}
			tested[at] = true
			before, known := last[at]
			run.Deltas.add(r, before.result, known)
			if known {
				compared = append(compared, at)
			} else {
				order = append(order, at)
			}
			last[at] = latest{i, r}
		}
		for _, at := range order {
			if tested[at] || last[at].result.Outcome != Failed {
				continue
			}
			if skipped[at] {
				run.Deltas.NowSkipped = append(run.Deltas.NowSkipped, at.test)
			} else {
				run.Deltas.NotTested = append(run.Deltas.NotTested, at.test)
			}
		}
		l.weigh(i, compared)
	}
}

// add compares a result with the one before.
func (d *Deltas) add(r, before Result, known bool) {
	name := func(list *[]string) { *list = append(*list, r.Test) }
	switch failed := r.Outcome == Failed; {
	case !known && failed:
		name(&d.NewFailing)
	case !known:
	case failed && before.Outcome == Failed:
		name(&d.UnchangedFailing)
	case failed:
		d.Regression = append(d.Regression, Regression{Test: r.Test, Topology: r.Topology})
	case before.Outcome == Failed:
		name(&d.Fixed)
	default:
		d.UnchangedPassing++
	}
}

// weigh says of each regression of a run whether chance explains it as well: all
// runs of its build so far against those of other builds before. As many tests as
// were compared share the level.
func (l *Ledger) weigh(run int, compared []place) {
	weighed := make([]Regression, len(compared))
	p := make([]float64, len(compared))
	for i, at := range compared {
		weighed[i] = l.contrast(run, at)
		p[i] = weighed[i].P
	}
	adjusted := Holm(p)
	list := l.Runs[run].Deltas.Regression
	for i := range list {
		at := slices.IndexFunc(compared, func(p place) bool {
			return p.test == list[i].Test && p.topology == list[i].Topology
		})
		list[i] = weighed[at]
		list[i].Adjusted = adjusted[at]
		infra := slices.ContainsFunc(l.Runs[run].Results, func(r Result) bool {
			return r.Test == list[i].Test && r.Topology == list[i].Topology && r.infra()
		})
		list[i].conclude(l.Thresholds, len(compared), infra)
	}
}

// contrast counts the failures of this build and of those before.
func (l *Ledger) contrast(run int, at place) Regression {
	out := Regression{Test: at.test, Topology: at.topology}
	for i := run; i >= 0; i-- {
		other := &l.Runs[i]
		same := i == run || other.build != "" && other.build == l.Runs[run].build
		for _, r := range other.Results {
			if r.Test != at.test || r.Topology != at.topology || other.Label != at.environment ||
				!r.Outcome.decides() || r.infra() {
				continue
			}
			failed := 0
			if r.Outcome == Failed {
				failed = 1
			}
			switch {
			case same:
				out.Runs, out.Failed = out.Runs+1, out.Failed+failed
			case out.Before < l.Thresholds.Window:
				out.Before, out.FailedBefore = out.Before+1, out.FailedBefore+failed
			}
		}
	}
	out.P = Fisher(out.FailedBefore, out.Before, out.Failed, out.Runs)
	return out
}

// conclude puts into words what the figures say. infra says that evidence explains
// the failure.
func (r *Regression) conclude(th Thresholds, tests int, infra bool) {
	counts := fmt.Sprintf("%d of %d runs of this build failed, %d of %d before",
		r.Failed, r.Runs, r.FailedBefore, r.Before)
	p := fmt.Sprintf("p = %.4f, %.4f for %s", r.P, r.Adjusted, plural(tests, "test", "tests"))
	switch {
	case infra:
		r.Says = "infrastructure, by evidence; " + counts
	case r.Failed < th.MinFailures:
		r.Says = fmt.Sprintf("%s: no verdict below %d failures", counts, th.MinFailures)
	case r.Adjusted <= th.Alpha:
		r.Significant = true
		r.Says = counts + ": hardly chance, " + p
	default:
		r.Says = counts + ": may be chance, " + p
	}
}
