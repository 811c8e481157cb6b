package drivers

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// Matrix carries out runs: first those that may run beside others, at most
// parallel at a time, then those that are serial, alone. done is told of each as
// it ends, by one goroutine at a time. When ctx ends, no further run begins.
// Results are in the order of the runs; those that never began are cut.
func Matrix(ctx context.Context, runs []*Run, parallel int, done func(*Run, *Result)) []Result {
	results := make([]Result, len(runs))
	ended := make(chan int)
	var serial, free []int
	for i, r := range runs {
		if r.Scenario.Serial || r.options.Namespace != "" {
			serial = append(serial, i)
		} else {
			free = append(free, i)
		}
	}
	do := func(i int) {
		if ctx.Err() != nil {
			results[i] = runs[i].result
			results[i].Outcome, results[i].Reason = Cut, "the driver was interrupted before it began"
		} else {
			results[i] = runs[i].Do(ctx)
		}
		ended <- i
	}
	go func() {
		defer close(ended)
		var group errgroup.Group
		group.SetLimit(max(parallel, 1))
		for _, i := range free {
			group.Go(func() error { do(i); return nil })
		}
		_ = group.Wait() // nothing of it returns an error
		for _, i := range serial {
			do(i)
		}
	}()
	for i := range ended {
		done(runs[i], &results[i])
	}
	return results
}
