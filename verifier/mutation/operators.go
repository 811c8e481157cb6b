package mutation

import "github.com/open-policy-agent/opa/v1/ast"

// The mutation operators. Each makes one small mistake of the kind that authors
// of policies make.
const (
	opBoundary   = "boundary"
	opRelation   = "relation"
	opArithmetic = "arithmetic"
	opExtreme    = "extreme"
	opUnion      = "union"
	opConstant   = "constant"
	opElement    = "element"
	opDrop       = "drop"
	opNegate     = "negate"
	opNot        = "not"
	opRule       = "rule"
)

// Operator is one kind of mistake, for reports.
type Operator struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Operators returns the mutation operators in the order of reports.
func Operators() []Operator {
	return []Operator{
		{opBoundary, "`<` becomes `<=`, `>=` becomes `>` …"},
		{opRelation, "`<` becomes `>`, `==` becomes `!=` …"},
		{opArithmetic, "`+` becomes `-`, `*` becomes `/` …"},
		{opExtreme, "`min` becomes `max` …"},
		{opUnion, "`|` becomes `&` …"},
		{opConstant, "`1` becomes `2` and `0`, `true` becomes `false`"},
		{opElement, "a set literal loses an element"},
		{opDrop, "a body loses an expression"},
		{opNegate, "an expression gets a `not`"},
		{opNot, "a negated expression loses its `not`"},
		{opRule, "a rule, or one branch of it, is deleted"},
	}
}

// replacement is what an operator makes of a call of a built-in function.
type replacement struct {
	operator string
	by       *ast.Builtin
}

var replacements = map[string][]replacement{
	ast.LessThan.Name:      {{opBoundary, ast.LessThanEq}, {opRelation, ast.GreaterThan}},
	ast.LessThanEq.Name:    {{opBoundary, ast.LessThan}, {opRelation, ast.GreaterThanEq}},
	ast.GreaterThan.Name:   {{opBoundary, ast.GreaterThanEq}, {opRelation, ast.LessThan}},
	ast.GreaterThanEq.Name: {{opBoundary, ast.GreaterThan}, {opRelation, ast.LessThanEq}},
	ast.Equal.Name:         {{opRelation, ast.NotEqual}},
	ast.NotEqual.Name:      {{opRelation, ast.Equal}},
	ast.Plus.Name:          {{opArithmetic, ast.Minus}},
	ast.Minus.Name:         {{opArithmetic, ast.Plus}},
	ast.Multiply.Name:      {{opArithmetic, ast.Divide}},
	ast.Divide.Name:        {{opArithmetic, ast.Multiply}},
	ast.Min.Name:           {{opExtreme, ast.Max}},
	ast.Max.Name:           {{opExtreme, ast.Min}},
	ast.Or.Name:            {{opUnion, ast.And}},
	ast.And.Name:           {{opUnion, ast.Or}},
}

// binds reports whether the call gives variables their values: a rule has no
// meaning without it, or with its negation.
func binds(name string) bool { return name == ast.Assign.Name || name == ast.Equality.Name }

// relates reports whether opRelation replaces the call; its negation would be
// the same mistake once more.
func relates(name string) bool {
	for _, r := range replacements[name] {
		if r.operator == opRelation {
			return true
		}
	}
	return false
}
