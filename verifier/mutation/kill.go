package mutation

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/tester"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// outcome is what became of a mutant.
type outcome uint8

const (
	survived  outcome = iota
	killed            // a test gives another answer
	stillborn         // it does not compile, so no author could have left it there
	endless           // a test does not end in time, which nobody would overlook
)

// trial runs the tests of one subject against its mutants, several at a time.
type trial struct {
	subject
	store   storage.Store
	timeout time.Duration // of all tests of one mutant
	answers []answer      // without any change

	mu    sync.Mutex
	order []int // indices of answers, those that killed last first
}

// answer is what a test says about the file as it is.
type answer struct {
	test  ast.Ref
	value ast.Value
}

// newTrial compiles the subject as it is and notes what its tests answer. Every
// test must pass: what fails anyway can kill nothing.
func (s *suite) newTrial(ctx context.Context, of subject, timeout time.Duration) (*trial, error) {
	t := &trial{subject: of, store: s.store, timeout: timeout}
	if err := s.pass(ctx, of, timeout); err != nil {
		return nil, err
	}
	compiler := t.compile(of.modules[of.file])
	for _, test := range testsOf(of) {
		value, err := t.ask(ctx, compiler, test, nil)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", of.file, test, err)
		}
		t.order = append(t.order, len(t.answers))
		t.answers = append(t.answers, answer{test, value})
	}
	return t, nil
}

// pass runs the tests with OPA's own runner.
func (s *suite) pass(ctx context.Context, of subject, timeout time.Duration) error {
	if len(of.tests) == 0 {
		return fmt.Errorf("%s has no tests beside it (want %s)", of.file, testFile(of.file))
	}
	txn, err := s.store.NewTransaction(ctx)
	if err != nil {
		return err
	}
	defer s.store.Abort(ctx, txn)
	results, err := tester.NewRunner().
		SetCompiler(newCompiler()).SetStore(s.store).SetModules(of.modules).
		SetPrefixMatchers(of.tests...).SetTimeout(timeout).RaiseBuiltinErrors(true).
		RunTests(ctx, txn)
	if err != nil {
		return fmt.Errorf("%s does not compile: %w", of.file, err)
	}
	for r := range results {
		if err == nil && (r.Fail || r.Error != nil) {
			err = fmt.Errorf("%s: its own test %s fails before anything is changed", of.file, r.Name)
		}
	}
	return err
}

// testsOf lists the tests of a subject by name.
func testsOf(of subject) []ast.Ref {
	var refs []ast.Ref
	for _, module := range of.modules {
		own := func(test ast.Ref) bool { return test.Equal(module.Package.Path) }
		if !slices.ContainsFunc(of.tests, own) {
			continue
		}
		for _, rule := range module.Rules {
			name := rule.Head.Ref()[0].Value.(ast.Var)
			if strings.HasPrefix(string(name), tester.TestPrefix) {
				refs = append(refs, module.Package.Path.Append(ast.StringTerm(string(name))))
			}
		}
	}
	slices.SortFunc(refs, func(a, b ast.Ref) int { return a.Compare(b) })
	return slices.CompactFunc(refs, func(a, b ast.Ref) bool { return a.Equal(b) })
}

func newCompiler() *ast.Compiler { return ast.NewCompiler().WithStrict(true) }

// with returns the modules of the subject with its file replaced.
func (t *trial) with(changed *ast.Module) map[string]*ast.Module {
	modules := maps.Clone(t.modules)
	modules[t.file] = changed
	return modules
}

func (t *trial) compile(changed *ast.Module) *ast.Compiler {
	compiler := newCompiler()
	compiler.Compile(t.with(changed))
	return compiler
}

// try says what becomes of a mutant.
func (t *trial) try(ctx context.Context, changed *ast.Module) (outcome, error) {
	compiler := t.compile(changed)
	if compiler.Failed() {
		return stillborn, nil
	}
	cancel := topdown.NewCancel()
	defer time.AfterFunc(t.timeout, cancel.Cancel).Stop()
	for _, i := range t.inOrder() {
		value, err := t.ask(ctx, compiler, t.answers[i].test, cancel)
		switch {
		case ctx.Err() != nil:
			return survived, ctx.Err()
		case topdown.IsCancel(err):
			return endless, nil
		case err != nil || value == nil || value.Compare(t.answers[i].value) != 0:
			t.promote(i)
			return killed, nil
		}
	}
	return survived, nil
}

// inOrder returns the tests in the order in which to run them.
func (t *trial) inOrder() []int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.order)
}

// promote lets a test that killed go first: the next mutant is a neighbour.
func (t *trial) promote(i int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := slices.Index(t.order, i)
	t.order = slices.Insert(slices.Delete(t.order, at, at+1), 0, i)
}

// ask evaluates one test; nil when it is undefined. A test of cases is an object
// of those that pass.
func (t *trial) ask(
	ctx context.Context, compiler *ast.Compiler, test ast.Ref, cancel topdown.Cancel,
) (value ast.Value, err error) {
	const answer = ast.Var("answer")
	txn, err := t.store.NewTransaction(ctx)
	if err != nil {
		return nil, err
	}
	defer t.store.Abort(ctx, txn)
	query := topdown.NewQuery(ast.NewBody(ast.Equality.Expr(ast.NewTerm(test), ast.NewTerm(answer)))).
		WithCompiler(compiler).
		WithStore(t.store).
		WithTransaction(txn).
		WithStrictBuiltinErrors(true).
		WithCancel(cancel)
	err = query.Iter(ctx, func(r topdown.QueryResult) error {
		value = r[answer].Value
		return nil
	})
	return value, err
}
