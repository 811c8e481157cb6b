package views

import (
	"time"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// moment is when something was recorded: it happened in (NotBefore, NS].
type moment struct {
	Seq       uint64 `json:"seq"`
	NS        int64  `json:"ns"`            // since the start of the trace
	NotBefore int64  `json:"not_before_ns"` // equal to NS for what a live watch delivered
}

func momentOf(c *trace.Change) moment {
	return moment{Seq: c.Seq, NS: int64(c.Time), NotBefore: int64(c.NotBefore)}
}

// isZero reports whether the moment never came: sequence numbers begin with 1.
func (m moment) isZero() bool { return m.Seq == 0 }

// before reports whether m was recorded before o; a moment that never came is after all others.
func (m moment) before(o moment) bool { return !m.isZero() && (o.isZero() || m.Seq < o.Seq) }

// earliest returns the first of the moments that came, zero when none did.
func earliest(moments ...moment) moment {
	var first moment
	for _, m := range moments {
		if m.before(first) {
			first = m
		}
	}
	return first
}

// timeOf reads a stamp of the API; false when it is none.
func timeOf(s trace.State) (time.Time, bool) {
	t, ok := s.Time()
	return t, ok && !t.IsZero()
}
