package lag

import (
	"math"
	"time"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// lagSteps is how many buckets of a histogram a doubling of the delay spans: the
// upper bound of a bucket is 9 % above its lower one.
const lagSteps = 8

// histogram is one of the delays from the receipt of events to the moment at
// which they are durable.
type histogram struct {
	counts [lagSteps * 48]uint64 // bucket i: up to 2^(i/lagSteps) µs
	total  uint64
	max    time.Duration
}

func (l *histogram) add(d time.Duration) {
	i := 0
	if us := float64(d) / float64(time.Microsecond); us > 1 {
		i = min(int(math.Ceil(math.Log2(us)*lagSteps)), len(l.counts)-1)
	}
	l.counts[i]++
	l.total++
	l.max = max(l.max, d)
}

// quantile returns the upper bound of the bucket that holds the quantile q.
func (l *histogram) quantile(q float64) time.Duration {
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
func (l *histogram) certify(c *trace.StreamCert) {
	c.LagMax = max(c.LagMax, int64(l.max))
	c.LagP50, c.LagP99 = int64(l.quantile(0.5)), int64(l.quantile(0.99))
}

// Lags are the histograms of the streams of a trace.
type Lags map[Stream]*histogram

// Stream tells the streams of a trace apart.
type Stream struct {
	trace.Resource
	Namespace string
}

// New returns histograms for streams.
func New(streams []Stream) Lags {
	l := Lags{}
	for _, s := range streams {
		l[s] = &histogram{}
	}
	return l
}

// Measure notes how old the events of watches are that have become durable.
// Events of streams that are not measured are passed over.
func (l Lags) Measure(events []trace.Event, age func(*trace.Event) time.Duration) {
	for i := range events {
		e := &events[i]
		if e.Source != trace.SourceWatch || !e.Type.IsObject() {
			continue
		}
		h := l[Stream{e.Object.Resource, e.Object.Namespace}]
		if h == nil { // of a stream of the whole cluster
			h = l[Stream{Resource: e.Object.Resource}]
		}
		if h != nil {
			h.add(max(0, age(e)))
		}
	}
}

// Certify writes the figures into the certificate, to be written with the next
// transaction.
func (l Lags) Certify(w *trace.Writer) {
	for s, h := range l {
		if h.total > 0 {
			w.Certify(s.Resource, s.Namespace, h.certify)
		}
	}
}
