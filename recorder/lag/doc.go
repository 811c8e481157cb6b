// Package lag measures how long events are under way: from their receipt by the
// recorder until they are durable in the trace. The certificate has the median,
// the 99th percentile and the greatest of each stream.
//
//	lags := lag.New(streams)
//	…                             // write a batch; when it is durable:
//	lags.Measure(events, func(e *trace.Event) time.Duration { return now() - e.Time })
//	lags.Certify(writer)          // with the next transaction
//
// The quantiles come out of a histogram of powers of 2^(1/8) microseconds: they
// are at most 9 % too great. They are of this process: whoever resumes a trace
// begins anew, but for the greatest.
package lag
