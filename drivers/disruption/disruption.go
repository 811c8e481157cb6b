package disruption

import (
	"context"
	"fmt"
	"time"

	"github.com/hindsight-project/hindsight/drivers/scenarios"
	"github.com/hindsight-project/hindsight/drivers/target"
)

// Disruption is one thing to do to a cluster.
type Disruption interface {
	// Prepare looks whether it can be done, and chooses to what.
	Prepare(ctx context.Context, t *target.Target) error

	// Inject does it. What it says is true also when it fails: it was done so far.
	Inject(ctx context.Context, t *target.Target) (Done, error)

	// Observe waits until it is over.
	Observe(ctx context.Context, t *target.Target, atMost time.Duration) (Done, error)

	// Undo takes back what would stay; it may be called after any failure.
	Undo(ctx context.Context, t *target.Target) error
}

// Done is what was really done, for the recording.
type Done struct {
	Note    string         // for people
	Details map[string]any // for machines: members of the mark
}

// over is what is said of an end that was observed; nothing of one that was not.
func over(done Done, err error) (Done, error) {
	if err != nil {
		return Done{}, err
	}
	return done, nil
}

// Unavailable says that a disruption cannot be done here.
type Unavailable struct{ Reason string }

// Error implements error.
func (u *Unavailable) Error() string { return u.Reason }

func unavailable(format string, args ...any) error {
	return &Unavailable{Reason: fmt.Sprintf(format, args...)}
}

// New returns the disruption of a step. Steps come from package scenarios, which
// has checked them; another kind is a mistake in the program.
func New(step scenarios.Step) Disruption {
	p := step.Params
	switch step.Kind {
	case scenarios.OperatorRestart:
		return &operatorRestart{}
	case scenarios.PrimaryRestart:
		return &primaryRestart{}
	case scenarios.Failover:
		return &failover{}
	case scenarios.Switchover:
		return &switchover{}
	case scenarios.NodeDrain:
		return &nodeDrain{role: p.Role}
	case scenarios.NodeLoss:
		return &nodeLoss{role: p.Role}
	case scenarios.Backup:
		return &backup{method: p.Method, class: p.Class, online: p.Online}
	case scenarios.SpecMutation:
		return &specMutation{static: p.Static, dynamic: p.Dynamic}
	case scenarios.ScaleUp:
		return &scaleUp{add: max(p.Add, 1)}
	case scenarios.RollingUpgrade:
		return &rollingUpgrade{}
	case scenarios.SnapshotRestore:
		return &snapshotRestore{backup: backup{method: volumeSnapshot, class: p.Class, online: p.Online}}
	case scenarios.Oscillation:
		return &oscillation{Fill: Fill{Percent: p.Percent}, cycles: max(p.Cycles, 3)}
	case scenarios.BudgetExhaustion:
		return &budgetExhaustion{Fill: Fill{Percent: p.Percent}, cycles: max(p.Cycles, 6)}
	case scenarios.DiskFill:
		return &Fill{Role: p.Role, SQL: p.Method == methodSQL, Percent: p.Percent}
	case scenarios.TablespaceFill:
		return &Fill{Role: p.Role, SQL: p.Method == methodSQL, Percent: p.Percent, Tablespace: p.Name}
	}
	panic("no disruption " + step.Kind)
}

// instanceOf returns the instance that has the role now.
func instanceOf(s *target.State, role string) (string, error) {
	if role != "replica" {
		if s.Primary == "" {
			return "", unavailable("the cluster has no primary")
		}
		return s.Primary, nil
	}
	if name := s.Replica(); name != "" {
		return name, nil
	}
	return "", unavailable("no replica is ready")
}
