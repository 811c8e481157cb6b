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

// Build translates a query over compiled modules. The query has one variable; an
// evaluation gives its value.
func Build(compiler *ast.Compiler, query ast.Body) (*Program, error) {
	var plan *ir.Policy
	ctx := context.WithValue(context.Background(), planned{}, &plan)
	_, err := rego.New(rego.Compiler(compiler), rego.ParsedQuery(query), rego.Target(plannerName)).PrepareForEval(ctx)
	if err != nil {
		return nil, err
	}
	return compile(plan)
}
