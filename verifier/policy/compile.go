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

// program is what the policies of one view are compiled to, together: what they
// have in common is there once, and is found out once about a document.
type program struct {
	code     *machine.Program
	machines sync.Pool
	ready    func() Problems // compiles it, or reads it, once
}

// unit is a policy, or a library, with the libraries that it needs.
type unit struct {
	sources []source // itself, and these
	plan    *machine.Plan
}

func (u *unit) policy() *Policy { return u.sources[0].policy }

// compile compiles every policy with the libraries that it needs and prepares
// its query. Of a set that was checked before, the policies of a view are compiled
// together, when one of them is first asked: most traces ask a part only.
func compile(sources []source, params map[string]any, o Options, problems *Problems) {
	var libs []source
	for _, s := range sources {
		if s.isLib() {
			libs = append(libs, s)
		}
	}
	var units []*unit
	views := map[string][]*unit{}
	for _, s := range sources {
		u := &unit{sources: closure(s, libs)}
		units = append(units, u)
		if p := u.policy(); p != nil {
			views[p.View] = append(views[p.View], u)
			p.Reads = readsOf(u.sources)
			for _, s := range u.sources {
				p.Sources = append(p.Sources, File{Name: s.file, Text: string(s.text)})
			}
		}
	}
	if !o.Checked || len(problems.List) > 0 {
		checkAll(units, params, o, problems)
	}
	if len(problems.List) > 0 {
		return
	}
	var programs []*program
	for _, units := range views {
		made := &program{}
		made.ready = sync.OnceValue(func() (found Problems) {
			if err := made.build(units); err != nil {
				found.addError("", err)
				_ = found.err() // brings them in order, once
			}
			return found
		})
		for i, u := range units {
			u.policy().program, u.policy().query = made, i
		}
		programs = append(programs, made)
	}
	if o.Checked && o.Cache == "" {
		return
	}
	inParallel(len(programs), func(i int) { programs[i].ready() })
	for _, made := range programs {
		problems.List = append(problems.List, made.ready().List...)
	}
}

// checkAll compiles and plans the units one by one: OPA stops at the first stage
// that fails, so that a mistake in one policy would hide those in the others, and
// separate ones compile side by side.
func checkAll(units []*unit, params map[string]any, o Options, problems *Problems) {
	capabilities := Capabilities()
	if len(problems.List) > 0 { // forbidden calls are told already, with better words
		capabilities = ast.CapabilitiesForThisVersion()
	}
	found := make([]Problems, len(units))
	inParallel(len(units), func(i int) {
		u := units[i]
		compiler := checked(u.sources, params, o, capabilities)
		if compiler.Failed() {
			found[i].addError("", compiler.Errors)
		} else if p := u.policy(); p != nil {
			var err error
			if u.plan, err = machine.NewPlan(compiler, p.body()); err != nil {
				found[i].addError(p.File, err)
			}
		}
	})
	for i := range found {
		problems.List = append(problems.List, found[i].List...)
	}
}

// build makes the program of units, and plans them if that was not done when they
// were checked.
func (p *program) build(units []*unit) (err error) {
	if units[0].plan == nil {
		if err := planTogether(units); err != nil {
			return err
		}
	}
	var plans []*machine.Plan
	for _, u := range units {
		plans = append(plans, u.plan)
		u.plan = nil // it is large
	}
	p.code, err = machine.Build(plans...)
	return err
}

// planTogether compiles units with one compiler, which is quicker, and plans them.
func planTogether(units []*unit) (err error) {
	modules := map[string]*ast.Module{}
	for _, u := range units {
		for _, s := range u.sources {
			modules[s.file] = s.module
		}
	}
	compiler := ast.NewCompiler().WithCapabilities(Capabilities())
	if compiler.Compile(modules); compiler.Failed() {
		return compiler.Errors
	}
	for _, u := range units {
		if u.plan, err = machine.NewPlan(compiler, u.policy().body()); err != nil {
			return err
		}
	}
	return nil
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

// checked compiles the files strictly, type-checked against the schemas of their
// views and of the parameters.
func checked(sources []source, params map[string]any, o Options, c *ast.Capabilities) *ast.Compiler {
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
