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

// demand is which policies the trace had to exercise: those that were asked for by
// name, and those that its marks declare.
type demand struct{ ids, specs []string }

// mark takes in what a mark declares.
func (d *demand) mark(c *trace.Change) {
	declared := c.State.At(markRequirement)
	d.ids = append(d.ids, declared.String())
	for _, id := range declared.Each() {
		d.ids = append(d.ids, id.String())
	}
	if !slices.Contains(claimsNothing, c.State.At(markOutcome).String()) {
		d.specs = append(d.specs, c.State.At(markSpec).String())
	}
}

// note notes it in the judgements.
func (d *demand) note(set *policy.Set, judged []verdict.Policy) {
	for i := range judged {
		p := &judged[i]
		p.Demanded = p.Demanded || slices.Contains(d.ids, p.ID) ||
			slices.ContainsFunc(d.specs, set.Policy(p.ID).IsOfSpec)
	}
}
