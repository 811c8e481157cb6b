package export

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"time"

	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	resourcev1 "go.opentelemetry.io/proto/otlp/resource/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/verifier/timeline"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// otlp collects the spans of one recording.
type otlp struct {
	start    time.Time
	duration int64 // µs
	trace    []byte
	spans    []*tracev1.Span
}

// writeOTLP writes one line: the recording as a root span, below it a span for
// each group of lanes, each lane, and each time on it. Findings are events of the
// root, whose status is ok only if all held.
func writeOTLP(w io.Writer, r *trace.Reader, judged verdict.Trace) error {
	t, err := timeline.Read(r, judged)
	if err != nil {
		return err
	}
	id := sha256.Sum256([]byte(t.Run + "\n" + t.Digest))
	o := otlp{start: r.Run().Start, duration: t.Duration, trace: id[:16]}
	root := o.span(nil, "recording "+t.Run, 0, t.Duration,
		"hindsight.verdict", t.Verdict, "hindsight.digest", t.Digest, "hindsight.file", t.File)
	root.Status = status(judged.Verdict)
	o.judged(root, t)
	for _, g := range t.Groups {
		group := o.span(root, g.Label, 0, t.Duration, "hindsight.kind", g.Kind)
		o.lane(group, timeline.Lane{Kind: "disruptions", Label: "disruptions", Spans: g.Bands})
		for _, l := range g.Lanes {
			o.lane(group, l)
		}
	}
	data := &tracev1.TracesData{ResourceSpans: []*tracev1.ResourceSpans{{
		Resource:   &resourcev1.Resource{Attributes: attributes("service.name", program, "hindsight.run", t.Run)},
		ScopeSpans: []*tracev1.ScopeSpans{{Scope: &commonv1.InstrumentationScope{Name: program}, Spans: o.spans}},
	}}}
	text, err := protojson.MarshalOptions{UseEnumNumbers: true}.Marshal(data)
	if err != nil {
		return err
	}
	if text, err = withHexIDs(text); err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

// status is that of the root span. Unset is what neither held nor broke.
func status(l verdict.Level) *tracev1.Status {
	switch l {
	case verdict.Held:
		return &tracev1.Status{Code: tracev1.Status_STATUS_CODE_OK}
	case verdict.Violated, verdict.Error:
		return &tracev1.Status{Code: tracev1.Status_STATUS_CODE_ERROR, Message: l.String()}
	default:
		return &tracev1.Status{Message: l.String()}
	}
}

// judged tells the findings as events of the root, and the diagnoses as spans.
func (o *otlp) judged(root *tracev1.Span, t timeline.Timeline) {
	for _, f := range t.Findings {
		root.Events = append(root.Events, &tracev1.Span_Event{
			TimeUnixNano: o.at(f.At), Name: f.Level + ": " + f.Policy, Attributes: attributes(
				"hindsight.id", f.ID, "hindsight.code", f.Code, "hindsight.entity", f.Entity, "hindsight.class", f.Class,
				"hindsight.message", f.Message, "hindsight.seq", fmt.Sprint(f.Seq),
			),
		})
	}
	for _, d := range t.Causes {
		o.span(root, d.Title, d.From, d.Until, "hindsight.kind", "diagnosis", "hindsight.entity", d.Entity,
			"hindsight.class", d.Class, "hindsight.message", d.Message, "hindsight.seq", fmt.Sprint(d.Seq))
	}
}

// lane tells a lane that has spans: one for itself, as long as they are, and
// theirs below it.
func (o *otlp) lane(group *tracev1.Span, l timeline.Lane) {
	if len(l.Spans) == 0 {
		return
	}
	from, until := l.Spans[0].From, int64(0)
	for _, s := range l.Spans {
		from, until = min(from, s.From), max(until, end(s, o.duration))
	}
	lane := o.span(group, laneName(l), from, until, "hindsight.kind", l.Kind)
	for _, s := range l.Spans {
		o.span(lane, cmp.Or(s.Text, s.State), s.From, end(s, o.duration), "hindsight.kind", l.Kind,
			"hindsight.state", s.State, "hindsight.seq", fmt.Sprint(s.Seq), "hindsight.open", fmt.Sprint(s.Open))
	}
}

// at is a time of the trace since 1970, ns.
func (o *otlp) at(us int64) uint64 { return uint64(o.start.UnixNano() + us*1000) }

// span appends a span. Its id follows from its place among the spans.
func (o *otlp) span(parent *tracev1.Span, name string, from, until int64, pairs ...string) *tracev1.Span {
	id := sha256.Sum256(fmt.Append(o.trace, len(o.spans)))
	s := &tracev1.Span{
		TraceId: o.trace, SpanId: id[:8], Name: cmp.Or(name, "unnamed"), Kind: tracev1.Span_SPAN_KIND_INTERNAL,
		StartTimeUnixNano: o.at(from), EndTimeUnixNano: o.at(max(from, until)), Attributes: attributes(pairs...),
	}
	if parent != nil {
		s.ParentSpanId = parent.SpanId
	}
	o.spans = append(o.spans, s)
	return s
}

// attributes makes attributes of pairs of key and value; empty ones are left out.
func attributes(pairs ...string) []*commonv1.KeyValue {
	var out []*commonv1.KeyValue
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			value := &commonv1.AnyValue{Value: &commonv1.AnyValue_StringValue{StringValue: pairs[i+1]}}
			out = append(out, &commonv1.KeyValue{Key: pairs[i], Value: value})
		}
	}
	return out
}

// withHexIDs writes the ids of traces and spans in hexadecimal, as OTLP/JSON has
// them (OpenTelemetry protocol specification, JSON Protobuf encoding), where the
// JSON of protobuf has base64; and in one form always, which protojson does not.
func withHexIDs(text []byte) ([]byte, error) {
	var v any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if err := hexIDs(v); err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

func hexIDs(v any) error {
	switch v := v.(type) {
	case []any:
		for _, element := range v {
			if err := hexIDs(element); err != nil {
				return err
			}
		}
	case map[string]any:
		for key, value := range v {
			id, isText := value.(string)
			if !isText || (key != "traceId" && key != "spanId" && key != "parentSpanId") {
				if err := hexIDs(value); err != nil {
					return err
				}
				continue
			}
			bytes, err := base64.StdEncoding.DecodeString(id)
			if err != nil {
				return fmt.Errorf("the %s of a span: %w", key, err)
			}
			v[key] = hex.EncodeToString(bytes)
		}
	}
	return nil
}
