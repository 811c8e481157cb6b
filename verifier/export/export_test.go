package export_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/hindsight-project/hindsight/recorder/envelope"
	"github.com/hindsight-project/hindsight/recorder/golden"
	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/recorder/watchlog/watchlogtest"
	"github.com/hindsight-project/hindsight/verifier"
	"github.com/hindsight-project/hindsight/verifier/export"
	"github.com/hindsight-project/hindsight/verifier/policy"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// policies are compiled once for all tests.
var policies = sync.OnceValues(func() (*policy.Set, error) { return verifier.LoadPolicies(verifier.Options{}) })

// judged imports a recording and judges it.
func judged(t *testing.T, log string) (*trace.Reader, verdict.Trace) {
	t.Helper()
	path := watchlogtest.Import(t, log)
	set, err := policies()
	if err != nil {
		t.Fatal(err)
	}
	v, err := verifier.CheckTrace(context.Background(), path, set, verifier.Options{})
	if err != nil || v.Error != "" {
		t.Fatal(err, v.Error)
	}
	v.File, v.Digest = "t.db", "sha256:of-t.db" // which covers how the file is compressed
	return watchlogtest.Open(t, path), v
}

func write(t *testing.T, format string, r *trace.Reader, v verdict.Trace) []byte {
	t.Helper()
	f, err := export.Named(format)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := f.Write(&out, r, v); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

const (
	deadlock = "../../policies/testdata/diagnosis/resize-deadlock.jsonl.zst"
	drain    = "../../recorder/testdata/node-drain.jsonl.zst"
)

func TestTheSameTraceGivesTheSameBytes(t *testing.T) {
	r, v := judged(t, deadlock)
	golden.Compare(t, "testdata/resize-deadlock.perfetto.json", write(t, "perfetto", r, v))
	for _, f := range export.Formats() {
		if !bytes.Equal(write(t, f.Name, r, v), write(t, f.Name, r, v)) {
			t.Errorf("%s differs from one time to the next", f.Name)
		}
	}
}

// The rules of the Trace Event Format for what we write: every event has a phase
// with its fields, and the complete events of a track never overlap, which viewers
// would show as nested or drop.
func TestPerfettoKeepsTheRulesOfItsFormat(t *testing.T) {
	for _, log := range []string{deadlock, drain} {
		r, v := judged(t, log)
		var doc struct {
			Unit   string `json:"displayTimeUnit"`
			Events []struct {
				Name     string         `json:"name"`
				Phase    string         `json:"ph"`
				Time     *int64         `json:"ts"`
				Lasts    *int64         `json:"dur"`
				PID, TID int            `json:",omitempty"`
				Scope    string         `json:"s"`
				Args     map[string]any `json:"args"`
			} `json:"traceEvents"`
		}
		d := json.NewDecoder(bytes.NewReader(write(t, "perfetto", r, v)))
		if err := d.Decode(&doc); err != nil {
			t.Fatal(err)
		}
		type track struct{ pid, tid int }
		busy, count, tracks := map[track]int64{}, map[string]int{}, map[string]bool{}
		for _, e := range doc.Events {
			count[e.Phase]++
			at := track{e.PID, e.TID}
			if e.Name == "" || e.Time == nil || *e.Time < 0 || e.PID == 0 {
				t.Errorf("%+v lacks something", e)
			}
			switch e.Phase {
			case "M":
				name, _ := e.Args["name"].(string)
				tracks[name] = true
			case "X":
				if e.Lasts == nil || *e.Lasts <= 0 || *e.Time < busy[at] {
					t.Errorf("%+v overlaps, or lasts nothing", e)
				} else {
					busy[at] = *e.Time + *e.Lasts
				}
			case "i":
				if !strings.Contains("gpt", e.Scope) || e.Scope == "" {
					t.Errorf("%+v has no scope", e)
				}
			case "C":
				for _, value := range e.Args {
					if _, ok := value.(float64); !ok {
						t.Errorf("%+v does not count", e)
					}
				}
			default:
				t.Errorf("%+v has a phase that we do not write", e)
			}
		}
		for _, want := range []string{"cluster phase", "volumes pg-1", "instances pg-1", "disruptions", "findings"} {
			if !tracks[want] {
				t.Errorf("%s: there is no track %q among %v", log, want, tracks)
			}
		}
		if doc.Unit != "ms" || count["X"] == 0 || count["C"] == 0 || count["i"] == 0 {
			t.Errorf("%s: %s, %v", log, doc.Unit, count)
		}
	}
}

// The consumer is the one of the OpenTelemetry collector.
func TestOTLPIsReadByTheCollector(t *testing.T) {
	r, v := judged(t, deadlock)
	out := write(t, "otlp", r, v)
	if bytes.Count(out, []byte("\n")) != 1 {
		t.Error("the receiver otlpjsonfile reads one message a line")
	}
	traces, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(out)
	if err != nil {
		t.Fatal(err)
	}
	resource := traces.ResourceSpans().At(0)
	if name, _ := resource.Resource().Attributes().Get("service.name"); name.Str() != "hindsight" {
		t.Errorf("the service is called %q", name.Str())
	}
	spans := resource.ScopeSpans().At(0).Spans()
	root := spans.At(0)
	known, names := map[string]ptrace.Span{}, map[string]bool{}
	for i := range spans.Len() {
		s := spans.At(i)
		known[s.SpanID().String()], names[s.Name()] = s, true
		if s.TraceID() != root.TraceID() || s.TraceID().IsEmpty() || s.EndTimestamp() < s.StartTimestamp() {
			t.Errorf("%s: trace %s, from %d to %d", s.Name(), s.TraceID(), s.StartTimestamp(), s.EndTimestamp())
		}
		parent, found := known[s.ParentSpanID().String()]
		if (s == root) != s.ParentSpanID().IsEmpty() || (s != root && !found) {
			t.Errorf("%s has the parent %q", s.Name(), s.ParentSpanID())
		}
		if found && (s.StartTimestamp() < parent.StartTimestamp() || s.EndTimestamp() > parent.EndTimestamp()) {
			t.Errorf("%s is not within %s", s.Name(), parent.Name())
		}
	}
	if len(known) != spans.Len() || !names["cluster phase"] || !names["A volume waits for a pod that is not created"] {
		t.Errorf("%d ids of %d spans; names %v", len(known), spans.Len(), names)
	}
	if root.StartTimestamp().AsTime() != r.Run().Start.UTC() || root.Status().Code() != ptrace.StatusCodeUnset {
		t.Errorf("the root begins at %v, its status is %v", root.StartTimestamp().AsTime(), root.Status().Code())
	}
	if root.Events().Len() == 0 || root.Events().At(0).Name() != "inconclusive: no-data-loss" && root.Events().Len() < 3 {
		t.Errorf("the root has %d events", root.Events().Len())
	}
}

func TestOTLPIsOKOnlyWhenAllHeld(t *testing.T) {
	r, v := judged(t, deadlock)
	for level, want := range map[verdict.Level]ptrace.StatusCode{
		verdict.Held: ptrace.StatusCodeOk, verdict.Vacuous: ptrace.StatusCodeUnset,
		verdict.Inconclusive: ptrace.StatusCodeUnset, verdict.Error: ptrace.StatusCodeError,
		verdict.Violated: ptrace.StatusCodeError,
	} {
		v.Verdict = level
		traces, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(write(t, "otlp", r, v))
		if err != nil {
			t.Fatal(err)
		}
		if got := traces.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Status().Code(); got != want {
			t.Errorf("%s is %s, want %s", level, got, want)
		}
	}
}

// The consumer is the SDK of CloudEvents.
func TestJSONLIsReadByCloudEvents(t *testing.T) {
	r, v := judged(t, drain)
	v.Policies[0].Findings = []verdict.Finding{{ID: "p/c/1", Code: "c", Entity: "ds/pg", Seq: []uint64{358}}}
	types, last := map[string]int{}, event.Event{}
	next := r.Events(0)
	var recorded []trace.Event
	for e, err := range next {
		if err != nil {
			t.Fatal(err)
		}
		recorded = append(recorded, e)
	}
	lines := bytes.Split(bytes.TrimSuffix(write(t, "jsonl", r, v), []byte("\n")), []byte("\n"))
	for i, line := range lines {
		var ce event.Event
		if err := json.Unmarshal(line, &ce); err != nil {
			t.Fatal(err)
		}
		if err := ce.Validate(); err != nil {
			t.Errorf("line %d: %v", i+1, err)
		}
		types[ce.Type()]++
		last = ce
		if i < len(recorded) {
			got, err := envelope.Unwrap(ce)
			want := recorded[i]
			want.Seq = 0 // an attribute of its own
			if diff := cmp.Diff(want, got); err != nil || diff != "" || ce.Extensions()["sequence"] == nil {
				t.Fatalf("line %d is another event: %v\n%s", i+1, err, diff)
			}
		}
	}
	if types["dev.hindsight.mark"] == 0 || types["dev.hindsight.modified"] == 0 || types["dev.hindsight.finding"] != 1 ||
		last.Type() != "dev.hindsight.verdict" || len(lines) != len(recorded)+2+len(v.Diagnoses) {
		t.Errorf("%d lines of %d events: %v", len(lines), len(recorded), types)
	}
}

func TestUnknownFormatNamesThoseThatExist(t *testing.T) {
	if _, err := export.Named("csv"); err == nil || !strings.Contains(err.Error(), "perfetto, otlp, jsonl") {
		t.Errorf("got %v", err)
	}
}

func TestFullDiskIsAnError(t *testing.T) {
	r, v := judged(t, deadlock)
	for _, f := range export.Formats() {
		if err := f.Write(full{}, r, v); !errors.Is(err, errFull) {
			t.Errorf("%s: got %v", f.Name, err)
		}
	}
}

var errFull = errors.New("no space left on device")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }
