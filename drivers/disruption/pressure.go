package disruption

import (
	"context"
	"fmt"
	"time"

	"github.com/hindsight-project/hindsight/drivers/target"
)

// oscillation fills a disk over the threshold and frees it, again and again.
type oscillation struct {
	Fill
	cycles, seen int
}

func (d *oscillation) Prepare(ctx context.Context, t *target.Target) error {
	if !t.Offers.Dynamic {
		return unavailable("sizing is static: there is no threshold around which usage could oscillate")
	}
	return d.Fill.Prepare(ctx, t)
}

// Observe goes on until usage was over the threshold as often as wanted. Each
// time it waits for the operator to have seen it: its status is written anew.
func (d *oscillation) Observe(ctx context.Context, t *target.Target, atMost time.Duration) (Done, error) {
	for d.seen = 1; ; d.seen++ {
		if err := d.noticed(ctx, t, atMost, "the full disk"); err != nil || d.seen == d.cycles {
			return d.done(), err
		}
		if err := d.Free(ctx, t); err != nil {
			return d.done(), err
		}
		if err := d.noticed(ctx, t, atMost, "the free disk"); err != nil {
			return d.done(), err
		}
		if _, err := d.Inject(ctx, t); err != nil {
			return d.done(), err
		}
	}
}

func (d *oscillation) done() Done {
	return Done{fmt.Sprintf("usage went over the threshold %d times", d.seen), map[string]any{"cycles": d.seen}}
}

// noticed waits for the operator's next two evaluations, in which nothing has to
// change, so that only time tells of them; and a little more.
func (d *oscillation) noticed(ctx context.Context, t *target.Target, atMost time.Duration, what string) error {
	evaluations := 2*t.Evaluation + t.Evaluation/6
	began := time.Now()
	return t.Until(ctx, max(atMost, 2*evaluations), "two evaluations of "+what,
		func(context.Context) (bool, string, error) {
			passed := time.Since(began)
			return passed > evaluations, fmt.Sprintf("%.0f s of %s", passed.Seconds(), evaluations), nil
		})
}

// budgetExhaustion fills a disk after each growth, until growth waits for the
// budget of the next day.
type budgetExhaustion struct {
	Fill
	cycles, grown int
}

func (d *budgetExhaustion) Prepare(ctx context.Context, t *target.Target) error {
	if !t.Offers.Budget {
		return unavailable("the operator has no daily budget of growth")
	}
	return d.Fill.Prepare(ctx, t)
}

// Observe fills again after each growth, until the status says that growth is
// pending with nothing left.
func (d *budgetExhaustion) Observe(ctx context.Context, t *target.Target, atMost time.Duration) (Done, error) {
	for {
		exhausted, err := d.untilGrownOrPending(ctx, t, atMost)
		if err != nil || exhausted {
			return d.done(exhausted), err
		}
		if d.grown++; d.grown > d.cycles {
			return d.done(false), fmt.Errorf("the volume grew %d times and the budget is not used up", d.grown)
		}
		if _, err := d.Inject(ctx, t); err != nil {
			return d.done(false), err
		}
	}
}

func (d *budgetExhaustion) untilGrownOrPending(
	ctx context.Context, t *target.Target, atMost time.Duration,
) (exhausted bool, err error) {
	err = t.Until(ctx, atMost, "growth, or the end of the budget", func(ctx context.Context) (bool, string, error) {
		s, err := t.State(ctx)
		if err != nil {
			return false, "", err
		}
		state, _ := s.Sizing["state"].(string)
		budget, _ := s.Sizing["budget"].(map[string]any)
		planned, _ := budget["availableForPlanned"].(int64) // absent is 0
		exhausted = state == "PendingGrowth" && planned == 0
		disk, err := d.disk(ctx, t)
		if err != nil {
			return false, "", err
		}
		grown := disk.Total > d.full.Total && len(s.InFlight()) == 0
		return exhausted || grown, fmt.Sprintf("state %s, %d planned actions left", state, planned), nil
	})
	return exhausted, err
}

func (d *budgetExhaustion) done(exhausted bool) Done {
	return Done{
		fmt.Sprintf("the volume grew %d times; budget used up: %t", d.grown, exhausted),
		map[string]any{"grown": d.grown, "exhausted": exhausted},
	}
}
