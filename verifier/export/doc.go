// Package export writes a judged trace for tools that know nothing of Hindsight.
//
//	f, err := export.Named("perfetto")
//	err = f.Write(w, r, judged)
//
//	perfetto  Chrome trace events (JSON), for ui.perfetto.dev, chrome://tracing and
//	          speedscope
//	otlp      OpenTelemetry spans (OTLP/JSON, one TracesData), for a collector's
//	          otlpjsonfile receiver and what stands behind it
//	jsonl     CloudEvents 1.0, one JSON object a line: every event of the trace with
//	          the attributes of the package recorder/envelope, then the findings and
//	          diagnoses
//
// A format is a function of the trace and its judgement: no clock, no path of the
// machine, the same bytes for the same input.
//
// # Lanes
//
// perfetto and otlp show the lanes of the package timeline, which draws the HTML
// page: a process, or a span, for each group of lanes; a track, or a span, for
// each lane; and what was so from when to when on it. Findings are instants, or
// events of the root span. Sizes and usage are counters in Perfetto; OpenTelemetry
// traces have none. Times are exact to a microsecond.
//
// A track of Chrome nests what overlaps and misreads what overlaps without being
// nested. So spans of a lane that overlap go to further tracks of that lane.
//
// # Which lines of JSON
//
// recorder export writes a watch log: what kubectl get --watch would have said,
// and what recorder import reads again, losing nothing. It is the way to hand a
// recording on. The lines of jsonl here are for pipelines: each is an envelope
// that says by itself what it is about, and the verdict is among them. Nothing of
// ours reads them again.
package export
