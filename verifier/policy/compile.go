package policy

import (
	"encoding/json"
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
)

// engine is what an evaluation needs beside the policy and the document.
type engine struct {
	compiler *ast.Compiler
	store    storage.Store // {"params": …}
}

// answer is the variable of a policy's query.
const answer = ast.Var("answer")

var paramsRef = ast.MustParseRef("data.params")

// compile compiles the files together and prepares the query of each policy.
func compile(sources []source, params map[string]any, o Options, problems *Problems) (engine, error) {
	compiler := newCompiler(sources, params, o, Capabilities())
	if compiler.Failed() {
		diagnose(sources, params, o, problems)
		if len(problems.List) == 0 {
			problems.addError("", compiler.Errors)
		}
		return engine{}, problems.err()
	}
	for _, s := range sources {
		if s.policy == nil {
			continue
		}
		query, err := compiler.QueryCompiler().Compile(s.policy.body())
		if err != nil {
			problems.addError(s.file, err)
		}
		s.policy.query = query
	}
	store := inmem.NewFromObjectWithOpts(map[string]any{"params": params}, inmem.OptRoundTripOnWrite(true))
	return engine{compiler: compiler, store: store}, problems.err()
}

// diagnose compiles every policy with the libraries only. The compiler stops at
// the first stage that fails, so that a mistake in one policy would hide those
// in the others.
func diagnose(sources []source, params map[string]any, o Options, problems *Problems) {
	var libs []source
	for _, s := range sources {
		if s.policy == nil {
			libs = append(libs, s)
		}
	}
	report := func(sources []source) {
		if c := newCompiler(sources, params, o, ast.CapabilitiesForThisVersion()); c.Failed() {
			problems.addError("", c.Errors)
		}
	}
	report(libs)
	for _, s := range sources {
		if s.policy != nil {
			report(append(libs[:len(libs):len(libs)], s))
		}
	}
}

// newCompiler compiles the files strictly, type-checked against the schemas of
// their views and of the parameters.
func newCompiler(sources []source, params map[string]any, o Options, c *ast.Capabilities) *ast.Compiler {
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
