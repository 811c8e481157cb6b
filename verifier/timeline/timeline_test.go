package timeline_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hindsight-project/hindsight/recorder/golden"
	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/recorder/watchlog/watchlogtest"
	"github.com/hindsight-project/hindsight/verifier/timeline"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// read makes the timeline of a judged trace.
func read(t testing.TB, path string, v verdict.Trace) timeline.Timeline {
	t.Helper()
	r, err := trace.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	line, err := timeline.Read(r, v)
	if err != nil {
		t.Fatal(err)
	}
	return line
}

// told writes a timeline as text: what stands in which lane, from when to when.
func told(line timeline.Timeline) string {
	var out strings.Builder
	at := func(us int64) string { return fmt.Sprintf("%8.3f", float64(us)/1e6) }
	in := map[int]int{}
	for _, l := range line.Events.Lane {
		in[l]++
	}
	n := 0
	for _, g := range line.Groups {
		fmt.Fprintf(&out, "%s %s\n", g.Kind, g.Label)
		for _, l := range g.Lanes {
			fmt.Fprintf(&out, "  %s / %s %s: %d events\n", l.Section, l.Kind, l.Label, in[n])
			n++
			for _, s := range l.Spans {
				open := map[bool]string{true: " …"}[s.Open]
				fmt.Fprintf(&out, "    %s to %s%s %-8s %s (event %d)\n", at(s.From), at(s.Until), open, s.State, s.Text, s.Seq)
			}
			for _, s := range l.Series {
				fmt.Fprintf(&out, "    %s:", s.Name)
				for i := 0; i+1 < len(s.Points) && i < 8; i += 2 {
					fmt.Fprintf(&out, " %s=%d", strings.TrimSpace(at(s.Points[i])), s.Points[i+1])
				}
				fmt.Fprintln(&out)
			}
		}
	}
	fmt.Fprintf(&out, "%d events in no lane\n", in[-1])
	for _, f := range line.Findings {
		if f.Level == verdict.Violated.String() {
			fmt.Fprintf(&out, "finding %s %s %s: got %v, want %v %v\n", at(f.At), f.Policy, f.Entity, f.Got, f.Want, f.Seq)
		}
	}
	for _, d := range line.Causes {
		fmt.Fprintf(&out, "diagnosis %s to %s %s\n", at(d.From), at(d.Until), d.Title)
	}
	return out.String()
}

func TestLanesAreWhatTheRecordingsSay(t *testing.T) {
	tests := []struct{ name, path string }{
		{"violated", violated(t)},
		{"growth", watchlogtest.Import(t, recordings+"growth.jsonl.zst")},
		{"node-drain", watchlogtest.Import(t, recordings+"node-drain.jsonl.zst")},
		{"resize-deadlock", watchlogtest.Import(t, "../../policies/testdata/diagnosis/resize-deadlock.jsonl.zst")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := told(read(t, test.path, check(t, test.path).Traces[0]))
			golden.Compare(t, "testdata/"+test.name+".golden", got)
		})
	}
}

func TestEveryEventIsInThePage(t *testing.T) {
	path := watchlogtest.Import(t, recordings+"growth.jsonl.zst")
	line := read(t, path, check(t, path).Traces[0])
	if n := uint64(len(line.Events.Seq)); n != line.Total || len(line.LeftOut) != 0 {
		t.Errorf("%d of %d events, left out: %v", n, line.Total, line.LeftOut)
	}
	for name, n := range map[string]int{
		"times": len(line.Events.Time), "objects": len(line.Events.Object), "types": len(line.Events.Type),
		"flags": len(line.Events.Flags), "lanes": len(line.Events.Lane),
	} {
		if n != len(line.Events.Seq) {
			t.Errorf("%d %s for %d events", n, name, len(line.Events.Seq))
		}
	}
}

func TestSameRunGivesSameBytes(t *testing.T) {
	path := violated(t)
	if !bytes.Equal(drawn(t, path), drawn(t, path)) {
		t.Error("two pages of the same trace differ")
	}
}

func TestPageForbidsItselfTheNetwork(t *testing.T) {
	html := string(drawn(t, watchlogtest.Import(t, recordings+"growth.jsonl.zst")))
	if !strings.Contains(html, "default-src &#39;none&#39;") || strings.Contains(html, "unsafe-inline") {
		t.Error("the content security policy does not forbid what it should")
	}
	for _, host := range []string{"http://", "https://", "//cdn", "@import", "url("} {
		if strings.Contains(html, host) {
			t.Errorf("the page has %q", host)
		}
	}
}

func TestATraceThatCannotBeReadIsToldInThePage(t *testing.T) {
	run := verdict.Run{Verdict: verdict.Error, Traces: []verdict.Trace{{
		File: "broken.db", Error: "not a readable trace", Verdict: verdict.Error,
	}}}
	var page bytes.Buffer
	if err := timeline.Write(&page, run, nil); err != nil {
		t.Fatal(err)
	}
	p := browse(t, page.Bytes(), 1000, 700, "", false)
	p.heading("broken.db")
	if text := p.eval(`document.body.textContent`); !strings.Contains(text, "not a readable trace") {
		t.Error("the page does not say why")
	}
	p.key("f", "n", "p", "+", "0")
	p.quiet()
}

// long repeats what happens in a recording until there are n events, each time
// with other objects, as the clusters of a soak follow each other.
func long(t testing.TB, n int) string {
	t.Helper()
	source := watchlogtest.Import(t, recordings+"primary-restart.jsonl.zst")
	r, err := trace.Open(source)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var events []trace.Event
	for e, err := range r.Events(0) {
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	out := filepath.Join(t.TempDir(), "long.db")
	w, err := trace.Create(out, r.Run())
	if err != nil {
		t.Fatal(err)
	}
	last := events[len(events)-1].Time + time.Second
	for round := 0; round*len(events) < n; round++ {
		batch := make([]trace.Event, 0, len(events))
		for _, e := range events {
			e.Time += time.Duration(round) * last
			e.NotBefore = e.Time
			e.Wall = e.Wall.Add(time.Duration(round) * last)
			if e.Type.IsObject() {
				again(&e, round)
			} else if e.Type == trace.Bookmark {
				continue
			}
			batch = append(batch, e)
		}
		if _, err := w.Append(nil, batch...); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Seal("long"); err != nil {
		t.Fatal(err)
	}
	return out
}

// again makes the objects of a round others: by their uid and version, and their
// namespace by that of ten clusters.
func again(e *trace.Event, round int) {
	namespace := fmt.Sprintf("%s-%d", e.Object.Namespace, round%10)
	uid := fmt.Sprintf("%s-%d", e.Object.UID, round)
	replace := func(before, after string) {
		e.Data = bytes.ReplaceAll(e.Data, []byte(`"`+before+`"`), []byte(`"`+after+`"`))
	}
	replace(e.Object.UID, uid)
	version, _ := json.Marshal(e.ResourceVersion)
	e.Data = bytes.ReplaceAll(e.Data, []byte(`"resourceVersion":`+string(version)),
		[]byte(fmt.Sprintf(`"resourceVersion":"%d%s"`, round+1, e.ResourceVersion)))
	e.Object.UID = uid
	if e.Object.Namespace != "" {
		replace(e.Object.Namespace, namespace)
		e.Object.Namespace = namespace
	}
}

// BenchmarkPage measures a page of 100,000 events: its size, how long it takes to
// write it, and until a browser has drawn it.
//
//	go test -run '^$' -bench Page -benchtime 3x ./verifier/timeline
func BenchmarkPage(b *testing.B) {
	path := long(b, 100_000)
	run := check(b, path)
	var html bytes.Buffer
	start := time.Now()
	if err := timeline.Write(&html, run, trace.Open); err != nil {
		b.Fatal(err)
	}
	written := time.Since(start)
	if dir := os.Getenv("HINDSIGHT_SCREENSHOTS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, "long.html"), html.Bytes(), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	var drawn, paint float64
	for b.Loop() {
		p := browse(b, html.Bytes(), 1440, 900, "", false)
		var d, f float64
		text := p.eval(`performance.getEntriesByName("drawn")[0].startTime + " " +
			(performance.getEntriesByName("first-contentful-paint")[0] || { startTime: 0 }).startTime`)
		if _, err := fmt.Sscan(text, &d, &f); err != nil {
			b.Fatal(err)
		}
		drawn, paint = drawn+d, paint+f
		b.Log(p.eval(`performance.getEntriesByType("mark").map((e) => e.name + " " + Math.round(e.startTime)).join(", ")`))
		p.picture("long")
	}
	b.ReportMetric(written.Seconds(), "s/write")
	b.ReportMetric(float64(html.Len()), "bytes/page")
	b.ReportMetric(drawn/float64(b.N), "ms/drawn")
	b.ReportMetric(paint/float64(b.N), "ms/first-paint")
	b.ReportMetric(0, "ns/op")
}
