package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hindsight-project/hindsight/recorder/suite"
	"github.com/hindsight-project/hindsight/verifier"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// Options say what a ledger is made of.
type Options struct {
	verifier.Options
	Catalogue Catalogue
	About     About  // of files that no run.yaml speaks for
	Cache     string // directory; empty: nothing is kept
	Program   string // what judges beside the policies: its version
	Progress  func(done, all int)
}

// Make folds the files and directories into a ledger. A source that cannot be used
// is one of its problems and loses no other one; the error is about the question
// itself: policies, the cache, a cancelled context.
func Make(ctx context.Context, paths []string, o Options) (*Ledger, error) {
	set, err := verifier.LoadPolicies(o.Options)
	if err != nil {
		return nil, err
	}
	kept, err := openCache(o.Cache, set.Digest, o.Program)
	if err != nil {
		return nil, err
	}
	l := &Ledger{
		Runs:          []Run{},
		SchemaVersion: SchemaVersion, Title: o.Catalogue.Title, Thresholds: o.Catalogue.Thresholds,
		Policies:  verdict.PolicySet{Digest: set.Digest, Count: len(set.Policies), CIClass: set.CIClass},
		catalogue: o.Catalogue,
	}
	runs, problems := gather(paths, o.About)
	l.Problems = append([]Problem{}, problems...)
	runs, l.LeftOut = withoutDoubles(runs)
	m := maker{l, joiner{&l.catalogue, set}, bench{cache: kept, set: set, options: o.Options}}
	for i := range runs {
		if o.Progress != nil {
			o.Progress(i, len(runs))
		}
		if err := m.run(ctx, &runs[i]); err != nil {
			return nil, err
		}
	}
	l.Rejudged = m.bench.rejudged
	l.Rejudged.Before, l.Rejudged.Changes = kept.before, append([]Change{}, l.Rejudged.Changes...)
	l.fold()
	return l, nil
}

// withoutDoubles leaves out the traces that are there twice, and runs of nothing else.
func withoutDoubles(runs []gathering) (kept []gathering, left []Problem) {
	left = []Problem{}
	twice := doubles(runs)
	for _, g := range runs {
		g.sources = slices.DeleteFunc(slices.Clone(g.sources), func(s Source) bool {
			why, double := twice[s.File]
			if double {
				left = append(left, Problem{s.File, why})
			}
			return double
		})
		if len(g.sources) > 0 {
			kept = append(kept, g)
		}
	}
	return kept, left
}

// maker makes a ledger.
type maker struct {
	ledger *Ledger
	joiner joiner
	bench  bench
}

// run reads the sources of one run.
func (m *maker) run(ctx context.Context, g *gathering) error {
	r, err := g.run()
	if err != nil {
		m.problem(g.place(), err)
		return nil
	}
	var reported, recorded []Result
	used := []Source{}
	for _, s := range r.Sources {
		var results []Result
		var err error
		if s.Kind == kindTrace {
			results, err = m.trace(ctx, &r, &s)
			recorded = append(recorded, results...)
		} else {
			results, err = m.report(&r, s.File)
			reported = append(reported, results...)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			m.problem(s.File, err)
			continue
		}
		used = append(used, s)
	}
	if len(used) == 0 {
		return nil
	}
	if r.when.IsZero() {
		m.problem(g.place(), errors.New("nothing says when it was: put a date into "+RunFile+" beside it, or use --date"))
		return nil
	}
	r.Sources, r.Results = used, m.merge(reported, recorded)
	r.build = buildOf(g.about)
	r.Label = r.Environment.label(m.ledger.catalogue.EnvironmentBy)
	m.ledger.Runs = append(m.ledger.Runs, r)
	return nil
}

func (m *maker) problem(file string, err error) {
	m.ledger.Problems = append(m.ledger.Problems, Problem{file, err.Error()})
}

// place names the files of a run in a problem about all of them.
func (g *gathering) place() string { return g.sources[0].File }

// trace judges a trace and takes over what it says of the run.
func (m *maker) trace(ctx context.Context, r *Run, s *Source) ([]Result, error) {
	t, err := m.bench.judge(ctx, s.File)
	if err != nil {
		return nil, err
	}
	s.Digest = t.Digest
	if r.when.IsZero() || r.Date == "" {
		r.setDate(t.Start)
	}
	r.Command, r.Branch = cmp.Or(r.Command, t.Command), cmp.Or(r.Branch, t.Branch)
	r.Commit = cmp.Or(r.Commit, t.Commit)
	if r.Duration == 0 {
		r.Duration = t.Duration
	}
	for key, value := range t.Environment {
		r.Environment.set(key, value)
	}
	r.judged = append(r.judged, t.Policies...)
	return m.joiner.trace(t, s.File), nil
}

// report reads a report and takes over what it says of the run.
func (m *maker) report(r *Run, file string) ([]Result, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	specs, err := suite.ReadOutcomes(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	var from, until time.Time
	for _, s := range specs {
		if at := s.Begin.Earliest; at.Year() > 1 && (from.IsZero() || at.Before(from)) {
			from = at
		}
		if at := s.End.Earliest; at.Year() > 1 && at.After(until) {
			until = at
		}
	}
	if r.when.IsZero() && !from.IsZero() {
		r.setDate(from)
	}
	if r.Duration == 0 && !from.IsZero() {
		r.Duration = until.Sub(from)
	}
	results, others := m.joiner.report(specs, file)
	r.Others += others
	return results, nil
}

// merge joins what reports say with what recordings show. A spec that a recording
// tells of as well is the recording's. Tests that a recording without specs shows
// go to the report's spec of that test; where there are reports, others are no
// results of the run.
func (m *maker) merge(reported, recorded []Result) []Result {
	used := make([]bool, len(recorded))
	var out []Result
	for _, r := range reported {
		i := slices.IndexFunc(recorded, func(other Result) bool {
			return other.Test == r.Test && (other.Title == r.Title || other.Title == "")
		})
		if i < 0 {
			out = append(out, r)
			continue
		}
		used[i] = true
		if recorded[i].Title == "" {
			r = m.proofOf(r, recorded[i])
			out = append(out, r)
		}
	}
	for i, r := range recorded {
		if r.Title != "" || !used[i] && len(reported) == 0 {
			out = append(out, r)
		}
	}
	order := func(name string) int {
		i := slices.IndexFunc(m.ledger.catalogue.Tests, func(e Entry) bool { return e.Name == name })
		if i < 0 {
			return len(m.ledger.catalogue.Tests)
		}
		return i
	}
	slices.SortStableFunc(out, func(a, b Result) int {
		return cmp.Or(cmp.Compare(order(a.Test), order(b.Test)), cmp.Compare(a.Test, b.Test),
			cmp.Compare(a.Topology, b.Topology))
	})
	return append([]Result{}, out...)
}

// proofOf puts what a recording shows of a test to what a report says of its spec.
func (m *maker) proofOf(said, shown Result) Result {
	if said.Outcome != NotRun && said.Outcome != Skipped {
		said.Verdict, said.Outcome = shown.Verdict, combine(said.Outcome, true, shown.Verdict)
		said.Failure = cmp.Or(said.Failure, shown.Failure)
		said.Causes = shown.Causes
	}
	said.Topology = cmp.Or(shown.Topology, said.Topology)
	m.joiner.blame(&said)
	return said
}

// commitPattern is how a commit begins that says exactly what was tested.
var commitPattern = regexp.MustCompile(`^[0-9a-f]{7,40}\b`)

// buildOf is the commit of a run, shortened to what all of them have; empty where
// it is not known exactly.
func buildOf(a About) string {
	if a.Uncommitted {
		return ""
	}
	commit := commitPattern.FindString(a.Commit)
	return commit[:min(len(commit), 7)]
}

// fold makes the tables of the runs.
func (l *Ledger) fold() {
	slices.SortStableFunc(l.Runs, func(a, b Run) int {
		return cmp.Or(a.when.Compare(b.when), cmp.Compare(a.Title, b.Title),
			cmp.Compare(a.Sources[0].File, b.Sources[0].File))
	})
	for i := range l.Runs {
		l.Runs[i].total()
	}
	l.series()
	for i := range l.Tests {
		l.assess(&l.Tests[i])
	}
	l.deltas()
	l.promises()
	l.Requirements, l.Topologies = l.coverage(l.catalogue.Requirements), l.coverage(l.catalogue.Topologies)
	l.Criteria = l.criteria()
}

func (r *Run) total() {
	r.Totals = map[string]int{}
	for _, o := range Outcomes() {
		r.Totals[string(o)] = 0
	}
	for _, res := range r.Results {
		r.Totals[string(res.Outcome)]++
	}
	r.Totals[string(NotRun)] += r.Others
}

// series sorts the results of all runs by test, topology and environment.
func (l *Ledger) series() {
	l.Tests = []Test{}
	for _, e := range l.catalogue.Tests {
		l.Tests = append(l.Tests, Test{Name: e.Name, Spec: e.Spec, Note: e.Note, Since: e.Since})
	}
	known := len(l.Tests)
	for i, run := range l.Runs {
		for _, r := range run.Results {
			at := slices.IndexFunc(l.Tests, func(t Test) bool { return t.Name == r.Test })
			if at < 0 {
				at, l.Tests = len(l.Tests), append(l.Tests, Test{Name: r.Test})
			}
			l.Tests[at].add(i, run.Label, r)
		}
	}
	slices.SortFunc(l.Tests[known:], func(a, b Test) int { return cmp.Compare(a.Name, b.Name) })
}

func (t *Test) add(run int, environment string, r Result) {
	at := slices.IndexFunc(t.Series, func(s Series) bool {
		return s.Topology == r.Topology && s.Environment == environment
	})
	if at < 0 {
		at, t.Series = len(t.Series), append(t.Series, Series{Topology: r.Topology, Environment: environment})
	}
	t.Series[at].Results = append(t.Series[at].Results, Point{run, r})
}

// assess counts the results of a test and says what they mean.
func (l *Ledger) assess(t *Test) {
	slices.SortFunc(t.Series, func(a, b Series) int {
		return cmp.Or(cmp.Compare(a.Topology, b.Topology), cmp.Compare(a.Environment, b.Environment))
	})
	t.Counts = map[string]int{}
	for _, o := range Outcomes() {
		t.Counts[string(o)] = 0
	}
	for i := range t.Series {
		s := &t.Series[i]
		s.Counts = map[string]int{}
		clean, trials := 0, 0
		for _, p := range s.Results {
			s.Counts[string(p.Result.Outcome)]++
			t.Counts[string(p.Result.Outcome)]++
			if p.Result.Outcome.decides() && !p.Result.infra() {
				trials++
			}
			if p.Result.Outcome == Passed {
				clean++
			}
		}
		s.Rate = Wilson(clean, trials)
	}
	if t.Series == nil {
		t.Series = []Series{}
	}
	var h history
	if b, ok := l.catalogue.Baseline.Counts[t.Name]; ok {
		h.baseline, t.Baseline = b, &b
	}
	since := 0
	for _, p := range t.points() {
		run := l.Runs[p.Run]
		where := p.Result.Topology + "/" + run.Label
		h.trials = append(h.trials, trial{p.Result.Outcome, p.Result.infra(), run.build, where})
		if t.Since != nil && run.when.Before(t.Since.when()) {
			since = len(h.trials)
		}
	}
	t.assess(h, since, l.Thresholds)
}

// when is the date, which was checked when it was read.
func (s *Since) when() time.Time {
	at, _ := parseDate(s.Date) // a catalogue with another one was refused
	return at
}

// points are all results of a test, oldest first.
func (t *Test) points() []Point {
	var all []Point
	for _, s := range t.Series {
		all = append(all, s.Results...)
	}
	slices.SortStableFunc(all, func(a, b Point) int { return cmp.Compare(a.Run, b.Run) })
	return all
}

// promises counts what each policy found in all traces.
func (l *Ledger) promises() {
	l.Promises = []Promise{}
	for _, run := range l.Runs {
		for _, p := range run.judged {
			if !p.Counts {
				continue
			}
			at := slices.IndexFunc(l.Promises, func(known Promise) bool { return known.Policy == p.Policy })
			if at < 0 {
				at, l.Promises = len(l.Promises), append(l.Promises, Promise{Policy: p.Policy, Title: p.Title})
			}
			l.Promises[at].count(p.Verdict)
		}
	}
	for i := range l.Promises {
		p := &l.Promises[i]
		p.Rate = Wilson(p.Held, p.Held+p.Violated)
	}
	slices.SortFunc(l.Promises, func(a, b Promise) int { return strings.Compare(a.Policy, b.Policy) })
}

func (p *Promise) count(level verdict.Level) {
	switch level {
	case verdict.Held:
		p.Held++
	case verdict.Violated:
		p.Violated++
	case verdict.Vacuous:
		p.Vacuous++
	default:
		p.Inconclusive++
	}
}

// ReadCatalogue reads a catalogue: the file, or without one the ledger.yaml of the first
// directory among the paths that has one, or the built-in one alone.
func ReadCatalogue(file string, paths []string) (Catalogue, error) {
	candidates := []string{file}
	if file == "" {
		candidates = nil
		for _, path := range paths {
			candidates = append(candidates, path+string(os.PathSeparator)+ConfigFile)
		}
	}
	for _, name := range candidates {
		text, err := os.ReadFile(name)
		if err == nil {
			return NewCatalogue(name, text)
		}
		if file != "" {
			return Catalogue{}, fmt.Errorf("the catalogue cannot be read: %w", err)
		}
	}
	return NewCatalogue("built-in catalogue", nil)
}
