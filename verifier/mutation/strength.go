package mutation

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// KillRatioWanted is the least share of mutants that the tests of a policy must kill.
const KillRatioWanted = 0.95

// DefaultTimeout is how long all tests of one mutant may take; they take
// milliseconds where nothing is wrong.
const DefaultTimeout = 20 * time.Second

// Options says which policies to put to the test.
type Options struct {
	Only     []string                                     // ids; empty: all
	Timeout  time.Duration                                // of the tests of one mutant; 0: DefaultTimeout
	Progress func(done, all int, strength PolicyStrength) // called after each policy; may be nil
}

// PolicyStrength is how well the tests of one policy, or of one library, guard it.
type PolicyStrength struct {
	ID        string  `json:"id"`
	File      string  `json:"file"`
	Mutants   int     `json:"mutants"`   // the sum of the four below
	Killed    int     `json:"killed"`    // a test failed
	Survived  int     `json:"survived"`  // no test failed, and nobody said why that is right
	Accepted  int     `json:"accepted"`  // no test failed, for a reason that is written down
	Stillborn int     `json:"stillborn"` // did not compile
	Ratio     float64 `json:"ratio"`     // Killed of Killed and Survived; 1 when there are none

	Operators []OperatorCount `json:"operators"` // in the order of Operators
	Survivors []Survivor      `json:"survivors"` // accepted ones too, in the order of the source
}

// OperatorCount is what became of the mutants of one operator.
type OperatorCount struct {
	Operator string `json:"operator"`
	Killed   int    `json:"killed"`
	Lived    int    `json:"lived"` // survived or accepted
}

// Survivor is a mutant that no test noticed.
type Survivor struct {
	// ID stays the same while the changed expression and its rule do, wherever
	// in the file they stand.
	ID       string `json:"id"`
	Operator string `json:"operator"`
	File     string `json:"file"`
	Line     int    `json:"line"`
	Rule     string `json:"rule"`
	Before   string `json:"before"`
	After    string `json:"after"`            // empty: deleted
	Reason   string `json:"reason,omitempty"` // why it is accepted
}

// Strong reports whether the tests kill as many mutants as they must.
func (p PolicyStrength) Strong() bool { return p.Ratio >= KillRatioWanted }

// Measure makes every mutant of the policies below the root and runs the
// policies' own tests against each. The result is sorted by id and the same on
// every machine. An entry of the list of accepted mutants that is no survivor
// is an error.
func Measure(ctx context.Context, fsys fs.FS, o Options) ([]PolicyStrength, error) {
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	s, err := loadSuite(fsys)
	if err != nil {
		return nil, err
	}
	subjects, err := s.subjects(o.Only)
	if err != nil {
		return nil, err
	}
	accepted, err := loadAccepted(fsys)
	if err != nil {
		return nil, err
	}
	if len(o.Only) == 0 {
		if err := accepted.demandSubjects(subjects); err != nil {
			return nil, err
		}
	}
	out := make([]PolicyStrength, len(subjects))
	for i, of := range subjects {
		if out[i], err = s.measure(ctx, of, o.Timeout); err != nil {
			return nil, err
		}
		if err := accepted.apply(&out[i]); err != nil {
			return nil, err
		}
		if o.Progress != nil {
			o.Progress(i+1, len(subjects), out[i])
		}
	}
	return out, nil
}

// measure tries the mutants of one subject on all processors.
func (s *suite) measure(ctx context.Context, of subject, timeout time.Duration) (PolicyStrength, error) {
	t, err := s.newTrial(ctx, of, timeout)
	if err != nil {
		return PolicyStrength{}, err
	}
	var mutants []mutation
	generate(of.modules[of.file], func(m mutation) { mutants = append(mutants, m) })
	outcomes := make([]outcome, len(mutants))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, m := range mutants {
		group.Go(func() (err error) {
			outcomes[i], err = t.try(ctx, m.module)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return PolicyStrength{}, err
	}
	return summarize(of, mutants, outcomes), nil
}

// summarize counts what became of the mutants.
func summarize(of subject, mutants []mutation, outcomes []outcome) PolicyStrength {
	out := PolicyStrength{ID: of.id, File: of.file, Mutants: len(mutants), Survivors: []Survivor{}}
	seen := map[string]int{}
	for _, operator := range Operators() {
		out.Operators = append(out.Operators, OperatorCount{Operator: operator.Name})
	}
	for i, m := range mutants {
		id := identify(of, m, seen)
		at := slices.IndexFunc(out.Operators, func(c OperatorCount) bool { return c.Operator == m.operator })
		switch outcomes[i] {
		case stillborn:
			out.Stillborn++
		case survived:
			out.Operators[at].Lived++
			out.Survivors = append(out.Survivors, Survivor{
				ID: id, Operator: m.operator, File: of.file, Line: m.line, Rule: m.rule,
				Before: shorten(render(m.before)), After: shorten(render(m.after)),
			})
		default:
			out.Operators[at].Killed++
			out.Killed++
		}
	}
	out.count()
	return out
}

// count derives what depends on how many survivors are accepted.
func (p *PolicyStrength) count() {
	p.Accepted = 0
	for _, s := range p.Survivors {
		if s.Reason != "" {
			p.Accepted++
		}
	}
	p.Survived, p.Ratio = len(p.Survivors)-p.Accepted, 1
	if judged := p.Killed + p.Survived; judged > 0 {
		p.Ratio = float64(p.Killed) / float64(judged)
	}
}

// identify names a mutant by what it changes, not by where that stands; those
// that change the same in the same way are numbered.
func identify(of subject, m mutation, seen map[string]int) string {
	what := fmt.Sprintf("%s\n%s\n%s\n%s\n%s", of.id, m.rule, m.operator, render(m.before), render(m.after))
	seen[what]++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%d", what, seen[what]))
	return hex.EncodeToString(sum[:4])
}
