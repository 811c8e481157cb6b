package policy

import (
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
	"golang.org/x/sync/errgroup"

	"github.com/hindsight-project/hindsight/verifier/machine"
)

// answer is the variable of a policy's query.
const answer = ast.Var("answer")

var paramsRef = ast.MustParseRef("data.params")

// compile compiles every policy with the libraries that it needs and prepares
// its query. Each has a compiler of its own: OPA stops at the first stage that
// fails, so that a mistake in one policy would hide those in the others, and
// separate ones compile side by side. Of a set that was checked before, a policy is
// compiled when it is first asked: most traces ask a part only.
func compile(sources []source, params map[string]any, o Options, problems *Problems) {
	capabilities := Capabilities()
	if len(problems.List) > 0 { // forbidden calls are told already, with better words
		capabilities = ast.CapabilitiesForThisVersion()
	}
	var libs []source
	var units [][]source
	for _, s := range sources {
		if s.isLib() {
			libs = append(libs, s)
		}
	}
	for _, s := range sources {
		units = append(units, closure(s, libs))
	}
	ready := make([]func() Problems, len(units))
	for i, unit := range units {
		ready[i] = sync.OnceValue(func() (found Problems) {
			compiler := newCompiler(unit, params, o, capabilities)
			if compiler.Failed() {
				found.addError("", compiler.Errors)
			} else if p := unit[0].policy; p != nil {
				p.prepare(compiler, &found)
			}
			_ = found.err() // brings them in order, once
			return found
		})
		if p := unit[0].policy; p != nil {
			p.ready = ready[i]
			for _, s := range unit {
				p.Sources = append(p.Sources, File{Name: s.file, Text: string(s.text)})
			}
		}
	}
	if o.Checked && o.Cache == "" && len(problems.List) == 0 {
		return
	}
	inParallel(len(units), func(i int) { ready[i]() })
	for i := range units {
		problems.List = append(problems.List, ready[i]().List...)
	}
}

// closure returns the file and the libraries that it needs, directly or not.
func closure(s source, libs []source) []source {
	out := []source{s}
	for i := 0; i < len(out); i++ {
		for _, lib := range libs {
			taken := slices.ContainsFunc(out, func(t source) bool { return t.file == lib.file })
			if !taken && names(out[i].module, lib.module.Package.Path) {
				out = append(out, lib)
			}
		}
	}
	return out
}

// names reports whether a module refers to anything below a path.
func names(m *ast.Module, path ast.Ref) bool {
	found := false
	ast.WalkRefs(m, func(ref ast.Ref) bool {
		found = found || ref.HasPrefix(path)
		return found
	})
	return found
}

// prepare translates the query of the policy.
func (p *Policy) prepare(compiler *ast.Compiler, problems *Problems) {
	var err error
	if p.program, err = machine.Build(compiler, p.body()); err != nil {
		problems.addError(p.File, err)
	}
}

// inParallel calls do for 0 … n-1, as many at a time as there are processors.
func inParallel(n int, do func(i int)) {
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range n {
		group.Go(func() error {
			do(i)
			return nil
		})
	}
	_ = group.Wait()
}

// newCompiler compiles the files strictly, type-checked against the schemas of
// their views and of the parameters, unless that was done before.
func newCompiler(sources []source, params map[string]any, o Options, c *ast.Capabilities) *ast.Compiler {
	if o.Checked {
		modules := make(map[string]*ast.Module, len(sources))
		for _, s := range sources {
			modules[s.file] = s.module
		}
		compiler := ast.NewCompiler().WithCapabilities(c)
		compiler.Compile(modules)
		return compiler
	}
	schemas := ast.NewSchemaSet()
	schemas.Put(schemaRef(paramsSchemaName), paramsSchema(params))
	modules := make(map[string]*ast.Module, len(sources))
	for _, s := range sources {
		if p := s.policy; p != nil {
			text, known := o.Schema(p.View)
			var schema any
			if !known || json.Unmarshal(text, &schema) != nil {
				schema = map[string]any{}
			}
			schemas.Put(schemaRef(p.View), schema)
		}
		modules[s.file] = s.withParams()
	}
	compiler := ast.NewCompiler().
		WithCapabilities(c).
		WithSchemas(schemas).
		WithUseTypeCheckAnnotations(true).
		WithStrict(true).
		SetErrorLimit(0)
	compiler.Compile(modules)
	return compiler
}

const paramsSchemaName = "hindsight/params"

// withParams returns the module with a schema for data.params beside the one
// for the input, so that a misspelt parameter is an error and not undefined.
func (s source) withParams() *ast.Module {
	if s.policy == nil {
		return s.module
	}
	m := s.module.Copy()
	for _, a := range m.Annotations {
		if a.Scope == "package" {
			a.Schemas = []*ast.SchemaAnnotation{
				{Path: ast.InputRootRef.Copy(), Schema: schemaRef(s.policy.View)},
				{Path: paramsRef.Copy(), Schema: schemaRef(paramsSchemaName)},
			}
		}
	}
	return m
}

// body is the query of a policy: its public rules as one object, so that one
// evaluation shares what they have in common.
func (p *Policy) body() ast.Body {
	var rows [][2]*ast.Term
	for _, name := range publicRules {
		if p.rules[name] {
			ref := append(p.path.Copy(), ast.StringTerm(name))
			rows = append(rows, ast.Item(ast.StringTerm(name), ast.NewTerm(ref)))
		}
	}
	return ast.NewBody(ast.Equality.Expr(ast.NewTerm(answer), ast.ObjectTerm(rows...)))
}

// String names the policy and its place.
func (p *Policy) String() string { return fmt.Sprintf("%s (%s:%d)", p.ID, p.File, p.Line) }
