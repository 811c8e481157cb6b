package policy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/loader"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"
)

// testTimeout is how long one test may take. opa test gives 5 s, which a table of
// cases can need on a busy machine.
const testTimeout = time.Minute

// TestReport is the result of the tests of a set of policies.
type TestReport struct {
	Results  []*tester.Result // in the order of the files
	Coverage []FileCoverage   // of what is tested, in the order of the files
}

// FileCoverage says which lines of a file were evaluated by some test.
type FileCoverage struct {
	File    string
	Covered int      // lines
	Missed  []string // lines and ranges that no test evaluates, such as 12 or 14-16
	missed  int
}

// Test runs the tests of a set of policies as opa test does, with OPA's own
// runner and on the same data: every rule that starts with test_ in every file.
// Only names that match run are run; empty: all. It is an error when there are
// none: a set without tests must not look like one whose tests pass.
func Test(ctx context.Context, fsys fs.FS, root, run string) (TestReport, error) {
	if _, err := regexp.Compile(run); err != nil {
		return TestReport{}, fmt.Errorf("the names of tests: %w", err)
	}
	modules, store, err := loadTests(fsys, root)
	if err != nil {
		return TestReport{}, err
	}
	txn, err := store.NewTransaction(ctx)
	if err != nil {
		return TestReport{}, err
	}
	defer store.Abort(ctx, txn)
	covered := cover.New()
	results, err := tester.NewRunner().
		SetCompiler(ast.NewCompiler().WithEnablePrintStatements(true)).
		SetStore(store).
		CapturePrintOutput(true).
		StackTraces(true).
		SetCoverageQueryTracer(covered).
		SetModules(modules).
		SetTimeout(testTimeout).
		SetParallel(runtime.GOMAXPROCS(0)).
		Filter(run).
		RunTests(ctx, txn)
	if err != nil {
		return TestReport{}, err
	}
	report := TestReport{}
	for r := range results {
		report.Results = append(report.Results, r)
	}
	if err := ctx.Err(); err != nil {
		return TestReport{}, err
	}
	if len(report.Results) == 0 {
		return TestReport{}, errors.New("no tests were run: want rules that start with test_ in files *_test.rego")
	}
	slices.SortStableFunc(report.Results, func(a, b *tester.Result) int {
		return cmp.Or(cmp.Compare(a.Location.File, b.Location.File), cmp.Compare(a.Location.Row, b.Location.Row))
	})
	report.Coverage = coverage(covered.Report(modules))
	return report, nil
}

// loadTests reads all files as opa test does, data files too.
func loadTests(fsys fs.FS, root string) (map[string]*ast.Module, storage.Store, error) {
	if _, err := fs.Stat(fsys, "."); err != nil {
		return nil, nil, fmt.Errorf("%s: cannot read the policies: %w", root, unwrapPath(err))
	}
	loaded, err := loader.NewFileLoader().WithFS(fsys).WithProcessAnnotation(true).
		Filtered([]string{"."}, func(_ string, info fs.FileInfo, _ int) bool {
			return info.IsDir() && strings.HasPrefix(info.Name(), ".") && info.Name() != "."
		})
	if err != nil {
		return nil, nil, err
	}
	modules := make(map[string]*ast.Module, len(loaded.Modules))
	for _, m := range loaded.Modules {
		name := path.Join(root, m.Name)
		options := ast.ParserOptions{ProcessAnnotation: true, RegoVersion: ast.RegoV1}
		if modules[name], err = ast.ParseModuleWithOpts(name, string(m.Raw), options); err != nil {
			return nil, nil, err
		}
	}
	return modules, inmem.NewFromObject(loaded.Documents), nil
}

// unwrapPath leaves out the path within the file system, which is no help to users.
func unwrapPath(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// coverage reads OPA's report, without the tests themselves.
func coverage(report cover.Report) []FileCoverage {
	var out []FileCoverage
	for _, file := range slices.Sorted(maps.Keys(report.Files)) {
		if isTest(file) {
			continue
		}
		f := FileCoverage{File: file}
		for _, r := range report.Files[file].Covered {
			f.Covered += r.End.Row - r.Start.Row + 1
		}
		for _, r := range report.Files[file].NotCovered {
			f.missed += r.End.Row - r.Start.Row + 1
			text := fmt.Sprint(r.Start.Row)
			if r.End.Row > r.Start.Row {
				text = fmt.Sprintf("%d-%d", r.Start.Row, r.End.Row)
			}
			f.Missed = append(f.Missed, text)
		}
		out = append(out, f)
	}
	return out
}

// Passed reports whether every test passed. One that is skipped did not.
func (r TestReport) Passed() bool {
	return !slices.ContainsFunc(r.Results, func(t *tester.Result) bool { return !t.Pass() })
}

// Percent is how much of the lines of policies and libraries the tests evaluate.
func (r TestReport) Percent() float64 {
	covered, all := 0, 0
	for _, f := range r.Coverage {
		covered += f.Covered
		all += f.Covered + f.missed
	}
	if all == 0 {
		return 100
	}
	return float64(covered) * 100 / float64(all)
}

// Write writes the results in the form of opa test, then the coverage and the
// lines that no test evaluates.
func (r TestReport) Write(w io.Writer, verbose bool) error {
	results := make(chan *tester.Result, len(r.Results))
	for _, result := range r.Results {
		results <- result
	}
	close(results)
	if err := (tester.PrettyReporter{Output: w, Verbose: verbose}).Report(results); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "COVERAGE: %.1f %% of the lines of policies\n", r.Percent()); err != nil {
		return err
	}
	for _, f := range r.Coverage {
		if len(f.Missed) == 0 {
			continue
		}
		if _, err := fmt.Fprintf(w, "  %s: not evaluated: %s\n", f.File, strings.Join(f.Missed, ", ")); err != nil {
			return err
		}
	}
	return nil
}
