package drivers

import (
	"context"
	"time"

	"github.com/hindsight-project/hindsight/drivers/scenarios"
	"github.com/hindsight-project/hindsight/drivers/target"
	"github.com/hindsight-project/hindsight/recorder/marks"
)

// Options are what the user says about all runs.
type Options struct {
	Client            *target.Client
	Offers            target.Offers
	OperatorNamespace string

	// Namespace is used for all runs, one after the other; empty: a new one each.
	Namespace string

	Image, UpgradeImage         string
	StorageClass, SnapshotClass string
	Sizing                      scenarios.Sizing // what scenarios do not say
	Template                    map[string]any   // of the Cluster; nil: scenarios.Fixture
	Hooks                       map[string]string
	Timeouts                    map[string]Timeouts // by class of CI
	Keep                        bool                // what was made stays

	// Recorder starts a recording of a namespace. nil: there is one already, or none.
	Recorder func(ctx context.Context, r *Run) (Recording, error)

	// Progress is told what each run is doing.
	Progress func(r *Run, phase, text string)

	// Interval is how often facts are looked for; 0: every 500 ms.
	Interval time.Duration

	// Evaluation is how often the operator looks at a Cluster with dynamic sizing,
	// when nothing happens; 0: every 30 s, as documented.
	Evaluation time.Duration
}

// Recording is one that is under way.
type Recording interface {
	Send(ctx context.Context, m marks.Mark) error

	// End ends it in order, and returns the path of its trace; empty when it is
	// somebody else's.
	End(ctx context.Context) (trace string, err error)
}

// Timeouts bound the waiting of one class of CI.
type Timeouts struct {
	Healthy    time.Duration // until a new cluster is healthy
	Trigger    time.Duration // until the moment is observed
	Disruption time.Duration // until the end of a disruption is observed
	Settle     time.Duration // until all is over
	Cleanup    time.Duration // until what was made is gone
}

// DefaultTimeouts are those of the suite's timeouts that the verifier has, too.
func DefaultTimeouts() map[string]Timeouts {
	medium := Timeouts{
		Healthy: 10 * time.Minute, Trigger: 5 * time.Minute, Disruption: 15 * time.Minute,
		Settle: 40 * time.Minute, Cleanup: 5 * time.Minute,
	}
	return map[string]Timeouts{scenarios.Medium: medium, scenarios.Slow: {
		Healthy: 30 * time.Minute, Trigger: 10 * time.Minute, Disruption: 45 * time.Minute,
		Settle: 70 * time.Minute, Cleanup: 15 * time.Minute,
	}}
}

// DefaultSizing is small, and grows by a step that every provider can do.
func DefaultSizing() scenarios.Sizing {
	return scenarios.Sizing{Size: "1Gi", Grown: "1536Mi", Limit: "3Gi"}
}
