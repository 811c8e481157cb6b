package export

import (
	"bufio"
	"cmp"
	"encoding/json"
	"io"
	"slices"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/verifier/timeline"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// chromeEvent is an event of the Trace Event Format. Times are µs.
type chromeEvent struct {
	Name  string         `json:"name"`
	Phase string         `json:"ph"` // M metadata, X complete, i instant, C counter
	Cat   string         `json:"cat,omitempty"`
	Time  int64          `json:"ts"`
	Lasts *int64         `json:"dur,omitempty"`
	PID   int            `json:"pid"` // a group of lanes
	TID   int            `json:"tid"` // a track of a lane
	Scope string         `json:"s,omitempty"`
	Args  map[string]any `json:"args,omitempty"`
}

// chrome collects events.
type chrome struct {
	events   []chromeEvent
	duration int64 // of the trace
	pid, tid int
}

// tidFindings is the track of findings and diagnoses, above all others.
const tidFindings = 1

// writePerfetto writes the lanes as tracks of processes, quantities as counters
// and findings as instants.
func writePerfetto(w io.Writer, r *trace.Reader, judged verdict.Trace) error {
	t, err := timeline.Read(r, judged)
	if err != nil {
		return err
	}
	c := chrome{duration: t.Duration}
	c.judged(t)
	for _, g := range t.Groups {
		c.process(g.Label)
		c.lane(timeline.Lane{Kind: "disruptions", Label: "disruptions", Spans: g.Bands})
		for _, l := range g.Lanes {
			c.lane(l)
		}
	}
	return c.write(w, map[string]any{
		"file": t.File, "digest": t.Digest, "run": t.Run, "start": t.Start, "verdict": t.Verdict, "writer": program,
	})
}

// write writes the events, those of one time in the order in which they were put.
func (c *chrome) write(w io.Writer, about map[string]any) error {
	slices.SortStableFunc(c.events, func(a, b chromeEvent) int { return cmp.Compare(a.Time, b.Time) })
	out := bufio.NewWriterSize(w, 1<<16)
	head, err := json.Marshal(about)
	if err != nil {
		return err
	}
	_, _ = out.WriteString(`{"displayTimeUnit":"ms","otherData":` + string(head) + `,"traceEvents":[`)
	for i, e := range c.events {
		text, err := json.Marshal(e)
		if err != nil {
			return err
		}
		if i > 0 {
			_ = out.WriteByte(',')
		}
		_, _ = out.WriteString("\n" + string(text)) // the writer keeps the first error until Flush
	}
	_, _ = out.WriteString("\n]}\n")
	return out.Flush()
}

func (c *chrome) process(name string) {
	c.pid, c.tid = c.pid+1, 0
	c.meta("process_name", map[string]any{"name": name})
	c.meta("process_sort_index", map[string]any{"sort_index": c.pid})
}

// track begins a track of the process.
func (c *chrome) track(name string) {
	c.tid++
	c.meta("thread_name", map[string]any{"name": name})
	c.meta("thread_sort_index", map[string]any{"sort_index": c.tid})
}

func (c *chrome) meta(name string, args map[string]any) {
	c.events = append(c.events, chromeEvent{Name: name, Phase: "M", PID: c.pid, TID: c.tid, Args: args})
}

// judged tells what the policies say, as a process of its own: violations and
// doubts as instants, diagnoses as spans.
func (c *chrome) judged(t timeline.Timeline) {
	c.process("verdict: " + t.Verdict)
	c.track("findings")
	for _, f := range t.Findings {
		c.events = append(c.events, chromeEvent{
			Name: f.Level + ": " + f.Policy, Phase: "i", Cat: "finding", Time: f.At, PID: c.pid, TID: tidFindings, Scope: "g",
			Args: map[string]any{
				"code": f.Code, "message": f.Message, "entity": f.Entity, "class": f.Class, "seq": f.Seq, "id": f.ID,
			},
		})
	}
	var spans []timeline.Span
	for _, d := range t.Causes {
		spans = append(spans, timeline.Span{From: d.From, Until: d.Until, State: d.Class, Text: d.Title + ": " + d.Message})
	}
	c.lane(timeline.Lane{Kind: "diagnosis", Label: "diagnoses", Spans: spans})
}

// lane writes the spans of a lane, on as many tracks as it takes that none
// overlaps another, and its series as a counter.
func (c *chrome) lane(l timeline.Lane) {
	name := laneName(l)
	for _, spans := range layers(l.Spans, c.duration) {
		c.track(name)
		for _, s := range spans {
			c.span(l.Kind, s)
		}
	}
	for _, s := range l.Series {
		for i := 0; i+1 < len(s.Points); i += 2 {
			c.events = append(c.events, chromeEvent{
				Name: name + " " + s.Name, Phase: "C", Cat: l.Kind, Time: s.Points[i], PID: c.pid, TID: 0,
				Args: map[string]any{cmp.Or(s.Unit, s.Name): s.Points[i+1]},
			})
		}
	}
}

func (c *chrome) span(kind string, s timeline.Span) {
	e := chromeEvent{
		Name: cmp.Or(s.Text, s.State), Phase: "X", Cat: kind, Time: s.From, PID: c.pid, TID: c.tid,
		Args: map[string]any{"state": s.State, "seq": s.Seq},
	}
	if s.Open {
		e.Args["open"] = true
	}
	if lasts := end(s, c.duration) - s.From; lasts > 0 {
		e.Lasts = &lasts
	} else {
		e.Phase, e.Scope = "i", "t"
	}
	c.events = append(c.events, e)
}

// laneName names a lane with its section: "pg-1 volumes" is not "pg-1 instances".
func laneName(l timeline.Lane) string {
	if l.Section == "" || l.Section == l.Label {
		return l.Label
	}
	return l.Section + " " + l.Label
}

// end is when a span ends; one that is open lasts as long as the trace.
func end(s timeline.Span, duration int64) int64 {
	if s.Open {
		return duration
	}
	return max(s.Until, s.From)
}

// layers divides spans so that in none of the parts two overlap.
func layers(spans []timeline.Span, duration int64) [][]timeline.Span {
	sorted := slices.Clone(spans)
	slices.SortStableFunc(sorted, func(a, b timeline.Span) int { return cmp.Compare(a.From, b.From) })
	var out [][]timeline.Span
	var busy []int64 // until when each layer is taken
	for _, s := range sorted {
		i := slices.IndexFunc(busy, func(until int64) bool { return until <= s.From })
		if i < 0 {
			i, out, busy = len(out), append(out, nil), append(busy, 0)
		}
		out[i], busy[i] = append(out[i], s), end(s, duration)
	}
	return out
}
