package policy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"

	"github.com/hindsight-project/hindsight/verifier/machine"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// Ask asks one policy about one document once more and returns what it finds
// wrong there, in the same order as Evaluate.
func (s *Set) Ask(ctx context.Context, p *Policy, doc Document) ([]verdict.Finding, error) {
	answer, err := s.Answer(ctx, p, doc)
	if err != nil {
		return nil, err
	}
	r, err := p.read(answer, doc.Entity)
	return r.findings, err
}

// With returns the same policies with another value of one threshold, as they
// would be loaded with the override group.name=value.
func (s *Set) With(group, name string, value int64) (*Set, error) {
	values, ok := s.params[group].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("there is no group of parameters %s", group)
	}
	out := *s
	out.params = maps.Clone(s.params)
	changed := maps.Clone(values)
	changed[name], out.params[group] = value, changed
	var err error
	out.data, err = dataOf(out.params)
	return &out, err
}

// Params are the parameters in force: data.params.
func (s *Set) Params() map[string]any { return s.params }

// Same reports whether two findings are one and the same row of a policy.
func Same(a, b verdict.Finding) bool {
	row := func(f verdict.Finding) verdict.Finding {
		return verdict.Finding{
			Code: f.Code, Class: f.Class, Seq: f.Seq, Got: f.Got, Want: f.Want, Unit: f.Unit, Detail: f.Detail,
		}
	}
	return reflect.DeepEqual(row(a), row(b))
}

// Literal returns the row of a finding as Rego, to be compared in a test.
func (s *Set) Literal(ctx context.Context, p *Policy, doc Document, f verdict.Finding) (string, error) {
	answer, err := s.Answer(ctx, p, doc)
	if err != nil {
		return "", err
	}
	rows, ok := answer.Get(ruleViolation).(*machine.Set)
	if !ok {
		return "", errors.New("violation is no set")
	}
	for _, element := range rows.Elems() {
		var r result
		if err := p.readRow(&r, ruleViolation, element, doc.Entity); err == nil && Same(r.findings[0], f) {
			return machine.AST(element).String(), nil
		}
	}
	return "", fmt.Errorf("%s does not find it in this document", p.ID)
}

// File is one file of Rego.
type File struct {
	Name string // relative to the root of the set
	Text string
}

// Package is the path of the policy's package, such as data.invariants.policy_bounds.
func (p *Policy) Package() string { return p.path.String() }
