package verifier

import (
	"slices"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/verifier/policy"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// The fields of a mark by which a run declares what it claims to exercise.
const (
	markRequirement = "requirement" // id of a policy, or a list of them
	markSpec        = "spec"        // title of a spec of a suite
	markOutcome     = "outcome"     // how the spec ended
)

// claimsNothing are the outcomes of specs that were not run.
var claimsNothing = []string{"skipped", "pending"}

// demand notes which policies the trace had to exercise: those that were asked
// for by name, and those that its marks declare.
func demand(r *trace.Reader, set *policy.Set, judged []verdict.Policy, named []string) error {
	ids, specs := slices.Clone(named), []string(nil)
	err := r.Scan(trace.Selection{Types: []trace.Type{trace.Mark}}, func(c *trace.Change) error {
		if c.Type != trace.Mark {
			return nil
		}
		declared := c.State.At(markRequirement)
		ids = append(ids, declared.String())
		for _, id := range declared.Each() {
			ids = append(ids, id.String())
		}
		if !slices.Contains(claimsNothing, c.State.At(markOutcome).String()) {
			specs = append(specs, c.State.At(markSpec).String())
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range judged {
		p := &judged[i]
		p.Demanded = p.Demanded || slices.Contains(ids, p.ID) ||
			slices.ContainsFunc(specs, set.Policy(p.ID).IsOfSpec)
	}
	return nil
}
