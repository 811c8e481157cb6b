package drivers

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/hindsight-project/hindsight/drivers/disruption"
	"github.com/hindsight-project/hindsight/drivers/scenarios"
	"github.com/hindsight-project/hindsight/drivers/target"
	"github.com/hindsight-project/hindsight/recorder/marks"
)

// Run is one scenario in one topology.
type Run struct {
	Scenario *scenarios.Scenario
	Topology string
	ID       string
	Target   *target.Target

	options   *Options
	times     Timeouts
	sizing    scenarios.Sizing
	steps     []*step
	recording Recording
	result    Result
	created   bool              // there is something to remove
	slowed    bool              // storage behaves as the scenario wants it
	largest   resource.Quantity // highest request that was seen
	phase     string
	mutex     sync.Mutex // of result.Disruptions
}

// step is a disruption at work.
type step struct {
	scenarios.Step
	disruption.Disruption
	number   int
	injected bool
}

// New prepares a run; nothing happens yet.
func New(s *scenarios.Scenario, topology string, o *Options) *Run {
	id := strings.ToLower(rand.Text()[:6])
	r := &Run{Scenario: s, Topology: topology, ID: id, options: o, times: o.Timeouts[s.Class]}
	r.sizing = sizingOf(s.Sizing, o.Sizing)
	r.result = Result{
		Scenario: s.Name, Title: s.Title, Priority: s.Priority, Topology: topology, Requirement: s.Requirement,
	}
	namespace := o.Namespace
	if namespace == "" {
		namespace = fmt.Sprintf("hs-%s-%s-%s", s.Name, strings.ToLower(topology), id)
	}
	r.Target = &target.Target{
		Client: o.Client, Namespace: namespace, Name: "pg", Run: id, OperatorNamespace: o.OperatorNamespace,
		Hooks: o.Hooks, Offers: o.Offers, SnapshotClass: o.SnapshotClass, UpgradeImage: o.UpgradeImage,
		Interval: cmp.Or(o.Interval, 500*time.Millisecond), Evaluation: cmp.Or(o.Evaluation, 30*time.Second),
		Waiting: func(what, detail string) {
			text := "waiting for " + what
			if detail != "" {
				text += ": " + detail
			}
			o.Progress(r, r.phase, text)
		},
	}
	if o.Namespace != "" {
		r.Target.Name = "pg-" + id // several runs in one namespace, and one trace
	}
	for i, one := range s.Disruptions {
		r.steps = append(r.steps, &step{Step: one, Disruption: disruption.New(one), number: i + 1})
	}
	return r
}

func sizingOf(s, otherwise scenarios.Sizing) scenarios.Sizing {
	for _, pair := range [][2]*string{
		{&s.Size, &otherwise.Size}, {&s.Grown, &otherwise.Grown}, {&s.Limit, &otherwise.Limit},
	} {
		if *pair[0] == "" {
			*pair[0] = *pair[1]
		}
	}
	return s
}

// Name is scenario and topology.
func (r *Run) Name() string { return r.Scenario.Name + "/" + r.Topology }

// Unfit says why the run cannot take place here; empty when it can.
func (r *Run) Unfit() string {
	topology, there := r.Scenario.Topologies[r.Topology]
	switch {
	case !there:
		return "the scenario has no topology " + r.Topology
	case topology.Skip != "":
		return topology.Skip
	}
	return r.options.Offers.Lacks(r.Scenario.Needs)
}

// Allowed are the policies that every trace has to exercise and this run cannot,
// with the reason: the verifier is told of them, and shows them.
func (r *Run) Allowed() map[string]string {
	all := map[string]string{}
	if !r.options.Offers.Dynamic {
		all["status-coherence"] = "with static sizing there is no status of it"
	}
	if g := r.Scenario.Growth; g != nil && g.Wait {
		all["convergence-resumes"] = "nothing is done before the expansion is complete"
	}
	grows := slices.ContainsFunc(r.steps, func(s *step) bool { return s.Kind == scenarios.ScaleUp })
	if r.Topology == scenarios.T1 && !grows {
		all["replica-consistency"] = "one instance has no replica"
	}
	if r.Scenario.Growth == nil && r.Scenario.Priority == scenarios.Fault {
		all["convergence-resumes"] = "nothing grows in this scenario"
		all["idempotency"] = all["convergence-resumes"]
		all["policy-bounds"] = all["convergence-resumes"]
		all["replica-consistency"] = all["convergence-resumes"]
	}
	return all
}

// notExercised says that a trigger was not met.
type notExercised struct{ error }

// Do carries the run out and removes what it made. When ctx ends the run is cut:
// what has to be undone is undone all the same.
func (r *Run) Do(ctx context.Context) Result {
	r.result.Started = time.Now().UTC()
	r.result.Sizing = map[bool]string{true: "dynamic", false: "static"}[r.options.Offers.Dynamic]
	if why := r.Unfit(); why != "" {
		r.result.Outcome, r.result.Reason = Skipped, why
		return r.result
	}
	err := r.carryOut(ctx)
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.times.Cleanup)
	defer cancel()
	err = errors.Join(err, r.undo(ending))
	r.conclude(ctx, err)
	err = errors.Join(r.endRecording(ending), r.cleanUp(ending))
	if err != nil {
		r.result.Outcome = Failed
		r.result.Reason = strings.TrimPrefix(r.result.Reason+"; "+err.Error(), "; ")
	}
	r.result.Seconds = time.Since(r.result.Started).Seconds()
	return r.result
}

// conclude gives the outcome its name, and says it into the recording.
func (r *Run) conclude(ctx context.Context, err error) {
	var unavailable *disruption.Unavailable
	var unmet *notExercised
	r.result.Outcome = Succeeded
	switch {
	case ctx.Err() != nil:
		r.result.Outcome = Cut
	case errors.As(err, &unavailable):
		r.result.Outcome = Skipped
	case errors.As(err, &unmet):
		r.result.Outcome = NotExercised
	case err != nil:
		r.result.Outcome = Failed
	}
	if err != nil {
		r.result.Reason = err.Error()
	}
	if err := r.say(ctx, marks.Mark{Phase: marks.Scenario, Side: marks.End, More: map[string]any{
		"outcome": string(r.result.Outcome), "failure": r.result.Reason,
	}}); err != nil && r.result.Outcome == Succeeded {
		r.result.Outcome, r.result.Reason = Failed, err.Error()
	}
}

func (r *Run) endRecording(ctx context.Context) error {
	if r.recording == nil {
		return nil
	}
	r.enter("recording", "the run is over")
	path, err := r.recording.End(ctx)
	r.result.Trace = path
	return err
}

// carryOut is the run from its setup to the settled cluster.
func (r *Run) carryOut(ctx context.Context) error {
	for _, phase := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"setup", r.setUp}, {"load", r.load}, {"prepare", r.prepare}, {"growth", r.grow},
		{"trigger", r.trigger}, {"disruption", r.disrupt}, {"settle", r.settle},
	} {
		r.enter(phase.name, "")
		err := phase.do(ctx)
		if err != nil && ctx.Err() != nil {
			return fmt.Errorf("interrupted in the phase %s", phase.name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *Run) enter(phase, text string) {
	r.phase = phase
	r.options.Progress(r, phase, text)
}

// say sends a mark about this run, if anybody records.
func (r *Run) say(ctx context.Context, m marks.Mark) error {
	if r.recording == nil {
		return nil
	}
	m.Cluster = r.Target.Namespace + "/" + r.Target.Name
	more := map[string]any{"scenario": r.Scenario.Name, "topology": r.Topology}
	maps.Copy(more, m.More)
	for key, value := range more {
		if value == "" || value == nil {
			delete(more, key)
		}
	}
	m.More = more
	// A run that is cut still says what it does.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), marks.Timeout)
	defer cancel()
	if err := r.recording.Send(ctx, m); err != nil {
		return fmt.Errorf("the recording does not take the mark %s: %w", m.Phase, err)
	}
	return nil
}
