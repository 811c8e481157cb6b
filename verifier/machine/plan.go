package machine

import (
	"context"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/ir"
	"github.com/open-policy-agent/opa/v1/rego"
)

// planner is how OPA hands over its plan of a query: as to a target of its own.
type planner struct{ rego.TargetPluginEval }

const plannerName = "hindsight"

func init() { rego.RegisterPlugin(plannerName, planner{}) }

// IsTarget implements rego.TargetPlugin.
func (planner) IsTarget(name string) bool { return name == plannerName }

// planned is the key of a context under which the plan is put.
type planned struct{}

// PrepareForEval implements rego.TargetPlugin.
func (p planner) PrepareForEval(
	ctx context.Context, plan *ir.Policy, _ ...rego.PrepareOption,
) (rego.TargetPluginEval, error) {
	*ctx.Value(planned{}).(**ir.Policy) = plan
	return p, nil
}

// Plan is how OPA would answer a query.
type Plan struct{ policy *ir.Policy }

// NewPlan plans a query over compiled modules. It has one variable.
func NewPlan(compiler *ast.Compiler, query ast.Body) (*Plan, error) {
	p := &Plan{}
	ctx := context.WithValue(context.Background(), planned{}, &p.policy)
	_, err := rego.New(rego.Compiler(compiler), rego.ParsedQuery(query), rego.Target(plannerName)).PrepareForEval(ctx)
	return p, err
}

// Build translates plans to one program, which has once what they share: rules of
// the same name must be the same rules. An evaluation gives the value of the
// variable of one query.
func Build(plans ...*Plan) (*Program, error) {
	c := newCompiler()
	for _, p := range plans {
		if err := c.plan(p.policy); err != nil {
			return nil, err
		}
	}
	c.program.markLoops()
	return c.program, nil
}
