package recorder

import (
	"math"
	"time"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/recorder/watch"
)

// lagSteps is how many buckets of a histogram a doubling of the delay spans: the
// upper bound of a bucket is 9 % above its lower one.
const lagSteps = 8

// lags is a histogram of the delays from the receipt of events to the moment at
// which they are durable.
type lags struct {
	counts [lagSteps * 48]uint64 // bucket i: up to 2^(i/lagSteps) µs
	total  uint64
	max    time.Duration
}

func (l *lags) add(d time.Duration) {
	i := 0
	if us := float64(d) / float64(time.Microsecond); us > 1 {
		i = min(int(math.Ceil(math.Log2(us)*lagSteps)), len(l.counts)-1)
	}
	l.counts[i]++
	l.total++
	l.max = max(l.max, d)
}

// quantile returns the upper bound of the bucket that holds the quantile q.
func (l *lags) quantile(q float64) time.Duration {
	due := uint64(math.Ceil(q * float64(l.total)))
	var sum uint64
	for i, n := range l.counts {
		if sum += n; n > 0 && sum >= due {
			us := math.Exp2(float64(i) / lagSteps)
			return min(l.max, time.Duration(us*float64(time.Microsecond)))
		}
	}
	return 0
}

// certify writes the figures into the certificate of a stream.
func (l *lags) certify(c *trace.StreamCert) {
	c.LagMax = max(c.LagMax, int64(l.max))
	c.LagP50, c.LagP99 = int64(l.quantile(0.5)), int64(l.quantile(0.99))
}

// measure notes how long it took until events of streams were durable. It is
// called with writing held, right after they became so.
func (r *recording) measure(events []trace.Event) {
	now := r.now()
	for i := range events {
		e := &events[i]
		if e.Source != trace.SourceWatch || !e.Type.IsObject() {
			continue
		}
		l := r.lags[watch.StreamKey{Resource: e.Object.Resource, Namespace: e.Object.Namespace}]
		if l == nil { // of a stream of the whole cluster
			l = r.lags[watch.StreamKey{Resource: e.Object.Resource}]
		}
		if l != nil { // nil: what a recorder before us was asked for, and we are not
			l.add(now - e.Time)
		}
	}
}
