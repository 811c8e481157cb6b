package source

import (
	"context"
	"time"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// Sink is the recording as a source sees it.
type Sink struct {
	// Abort, when it is done, ends everything at once. nil: never.
	Abort context.Context

	// Emit takes the next event; an error means that the recording has failed.
	Emit func(trace.Event) error

	// Now tells the time of the trace: since its start, monotonic.
	Now func() time.Duration

	// Notify tells people what they should know at once.
	Notify func(format string, args ...any)
}

// Last is the context of what a source does when its own has ended.
func (s *Sink) Last() context.Context {
	if s.Abort == nil {
		return context.Background()
	}
	return s.Abort
}

// Pause waits, and reports whether ctx still lives.
func Pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
