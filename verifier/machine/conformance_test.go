package machine_test

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/test/cases"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/hindsight-project/hindsight/verifier/machine"
)

// answer is the variable of the queries here.
const answer = ast.Var("answer")

// collected is a query for the set of what the variables of another one can be.
func collected(query string) (ast.Body, error) {
	body, err := ast.ParseBodyWithOpts(query, ast.ParserOptions{RegoVersion: ast.RegoV1})
	if err != nil {
		return nil, err
	}
	var pairs [][2]*ast.Term
	visitor := ast.NewVarVisitor().WithParams(ast.SafetyCheckVisitorParams)
	visitor.WalkBody(body)
	for _, v := range visitor.Vars().Sorted() {
		if name := string(v); !v.IsWildcard() && !v.IsGenerated() && name != "data" && name != "input" {
			pairs = append(pairs, ast.Item(ast.StringTerm(name), ast.VarTerm(name)))
		}
	}
	all := ast.SetComprehensionTerm(ast.ObjectTerm(pairs...), body)
	return ast.NewBody(ast.Equality.Expr(ast.NewTerm(answer), all)), nil
}

// problem is one evaluation, by OPA and by the machine.
type problem struct {
	compiler    *ast.Compiler
	query       ast.Body
	input, data any // as decoded JSON; input may be an ast.Value or missing
}

// opa asks OPA. Errors are told by their code.
func (p problem) opa() (string, error) {
	data, _ := p.data.(map[string]any)
	options := []func(*rego.Rego){
		rego.Compiler(p.compiler), rego.ParsedQuery(p.query), rego.Store(inmem.NewFromObject(data)),
		rego.StrictBuiltinErrors(true), rego.GenerateJSON(func(t *ast.Term, _ *rego.EvalContext) (any, error) {
			return t.Value, nil
		}),
	}
	switch input := p.input.(type) {
	case nil:
	case ast.Value:
		options = append(options, rego.ParsedInput(input))
	default:
		value, err := ast.InterfaceToValue(input)
		if err != nil {
			return "", err
		}
		options = append(options, rego.ParsedInput(value))
	}
	results, err := rego.New(options...).Eval(context.Background())
	if err != nil || len(results) == 0 {
		return "undefined", err
	}
	return results[0].Bindings[string(answer)].(ast.Value).String(), nil
}

// machine asks the machine.
func (p problem) machine() (text string, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v", cause)
		}
	}()
	plan, err := machine.NewPlan(p.compiler, p.query)
	if err != nil {
		return "", err
	}
	built, err := machine.Build(plan, plan)
	if err != nil {
		return "", err
	}
	bytes, err := built.AppendBinary(nil)
	if err != nil {
		return "", err
	}
	program := &machine.Program{}
	if err := program.UnmarshalBinary(bytes); err != nil {
		return "", err
	}
	var input machine.Value
	switch value := p.input.(type) {
	case nil:
	case ast.Value:
		input = machine.FromAST(value)
	default:
		if input, err = machine.FromJSON(value); err != nil {
			return "", err
		}
	}
	data, err := machine.FromJSON(p.data)
	if err != nil {
		return "", err
	}
	m := machine.New(program)
	found, err := m.Eval(context.Background(), 0, input, data, time.Minute)
	if err != nil || found == nil {
		return "undefined", err
	}
	// The second query may be answered with what the first one found out; about other
	// data, nothing is known.
	other, err := machine.FromJSON(p.data)
	if err != nil {
		return "", err
	}
	for query, data := range []machine.Value{other, data, data} {
		again, err := m.Eval(context.Background(), query%2, input, data, time.Minute)
		if err != nil || machine.AST(found).Compare(machine.AST(again)) != 0 {
			return "", fmt.Errorf("it gave %v, and then %v, %w", machine.AST(found), machine.AST(again), err)
		}
	}
	return machine.AST(found).String(), nil
}

// codeOf is by what errors are compared: their kind.
func codeOf(err error) string {
	var e *topdown.Error
	if errors.As(err, &e) {
		return e.Code
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// different are the cases in which data has names that are no words, or are those
// of rules: parameters have neither.
var different = []string{
	"baseandvirtualdocs/base/virtual: conflicts", "data/nested integer", "data/toplevel integer",
}

func TestTheMachineSaysWhatOPASays(t *testing.T) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/open-policy-agent/opa").Output()
	if err != nil {
		t.Fatal(err)
	}
	suite := cases.MustLoad(filepath.Join(strings.TrimSpace(string(dir)), "v1", "test", "cases", "testdata", "v1"))
	asked := 0
	for _, test := range suite.Sorted().Cases {
		if test.Env != nil || isForeign(test) || slices.Contains(different, test.Note) {
			continue
		}
		p, err := problemOf(test)
		if err != nil {
			continue // it is about the compiler
		}
		asked++
		t.Run(test.Note, func(t *testing.T) {
			want, wantErr := p.opa()
			got, gotErr := p.machine()
			if codeOf(gotErr) != codeOf(wantErr) || wantErr == nil && got != want {
				t.Errorf("got %s, %v\nwant %s, %v", got, gotErr, want, wantErr)
			}
		})
	}
	if asked < 2000 {
		t.Errorf("only %d cases could be asked", asked)
	}
}

// isForeign reports whether the case calls what policies may not: functions whose
// answer may differ from run to run, and the network.
func isForeign(test cases.TestCase) bool {
	text := strings.Join(append(slices.Clone(test.Modules), test.Query), "\n")
	for _, name := range []string{
		"http.send", "net.", "rand.", "uuid.", "time.now_ns", "opa.runtime", "trace(", "print(",
		"io.jwt.decode_verify",
	} {
		if strings.Contains(text, name) {
			return true
		}
	}
	return false
}

func problemOf(test cases.TestCase) (problem, error) {
	modules := map[string]*ast.Module{}
	for i, text := range test.Modules {
		name := fmt.Sprintf("test-%d.rego", i)
		module, err := ast.ParseModuleWithOpts(name, text, ast.ParserOptions{RegoVersion: ast.RegoV1})
		if err != nil {
			return problem{}, err
		}
		modules[name] = module
	}
	compiler := ast.NewCompiler()
	compiler.Compile(modules)
	if compiler.Failed() {
		return problem{}, compiler.Errors
	}
	p := problem{compiler: compiler, data: map[string]any{}}
	var err error
	if p.query, err = collected(test.Query); err != nil {
		return problem{}, err
	}
	if test.Data != nil {
		p.data = *test.Data
	}
	if test.Input != nil {
		p.input = *test.Input
	}
	if test.InputTerm != nil {
		term, err := ast.ParseTerm(*test.InputTerm)
		if err != nil {
			return problem{}, err
		}
		p.input = term.Value
	}
	if _, err := compiler.QueryCompiler().Compile(p.query); err != nil {
		return problem{}, err
	}
	return p, nil
}
