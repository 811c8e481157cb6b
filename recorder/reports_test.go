package recorder

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// ginkgoReport is a report of specs that each ended at a time and took 10 ms.
func ginkgoReport(ended map[string]time.Time) string {
	var specs []string
	for title, at := range ended {
		specs = append(specs, fmt.Sprintf(`{"LeafNodeType":"It","LeafNodeText":%q,"State":"passed","NumAttempts":1,`+
			`"ParallelProcess":1,"StartTime":%q,"EndTime":%q}`, title, at.Add(-10*time.Millisecond).Format(time.RFC3339Nano),
			at.Format(time.RFC3339Nano)))
	}
	return fmt.Sprintf(`[{"SuitePath":"/s","SuiteDescription":"S","StartTime":%q,"SpecReports":[%s]}]`,
		time.Now().Format(time.RFC3339Nano), strings.Join(specs, ","))
}

// put replaces a file as a careful program does.
func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// specMarks renders the marks of specs, in the order of the trace.
func specMarks(t *testing.T, path string) []string {
	t.Helper()
	lines := []string{}
	for _, e := range said(t, path) {
		var m struct{ Phase, Side, Spec, Outcome string }
		if err := json.Unmarshal(e.Data, &m); err != nil {
			t.Fatal(err)
		}
		if m.Phase == "spec" {
			lines = append(lines, strings.TrimSpace(fmt.Sprint(m.Spec, " ", m.Side, " ", m.Outcome)))
		}
	}
	return lines
}

func TestTheReportOfASuiteIsRecordedWhileItComes(t *testing.T) {
	report := filepath.Join(t.TempDir(), "suite.json")
	old := map[string]time.Time{"old": time.Now().Add(-time.Hour)}
	put(t, report, ginkgoReport(old)) // of the run before
	a := attachTo(t, newAPIServer(t), func(o *Options) { o.Reports = []string{report} })
	ended := map[string]time.Time{"old": old["old"], "one": time.Now()}
	text := ginkgoReport(ended)
	if err := os.WriteFile(report, []byte(text[:len(text)/2]), 0o600); err != nil { // half written
		t.Fatal(err)
	}
	put(t, report, text)
	a.until("first spec", func() bool { return len(specMarks(t, a.path)) == 2 })
	ended["two"] = time.Now()
	put(t, report, ginkgoReport(ended))
	a.end("pods")
	same(t, specMarks(t, a.path), []string{"one begin", "one end passed", "two begin", "two end passed"})
	for _, e := range said(t, a.path) {
		var m struct{ Time time.Time }
		if err := json.Unmarshal(e.Data, &m); err != nil {
			t.Fatal(err)
		}
		started := a.run(t).Start
		if off := started.Add(e.NotBefore).Sub(m.Time).Abs(); off > time.Second || e.NotBefore >= e.Time {
			t.Errorf("%s happened in (%v, %v] of a trace from %v", e.Data, e.NotBefore, e.Time, started)
		}
	}
	if !strings.Contains(a.stderr.String(), "1 spec left out") {
		t.Errorf("nothing was said of the old spec:\n%s", a.stderr)
	}
	if len(a.cert.Rejected) != 0 {
		t.Errorf("rejected were %+v", a.cert.Rejected)
	}
}

func (a *attached) run(t *testing.T) trace.Run {
	t.Helper()
	r, err := trace.Open(a.path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	return r.Run()
}

func TestAReportThatNeverComesIsSaidToBeMissing(t *testing.T) {
	for says, text := range map[string]string{"no such file": "", "no complete JSON report": `[{"SuitePath":"/s"`} {
		report := filepath.Join(t.TempDir(), "suite.json")
		if text != "" {
			put(t, report, text)
		}
		a := attachTo(t, newAPIServer(t), func(o *Options) { o.Reports = []string{report} })
		a.end("pods")
		if r := a.cert.Rejected; len(r) != 1 || !strings.Contains(r[0].Reason, says) {
			t.Errorf("rejected are %+v, want %q", r, says)
		}
	}
}

func TestAReportIsNotRecordedTwiceWhenItsTraceIsResumed(t *testing.T) {
	report := filepath.Join(t.TempDir(), "suite.json")
	first := attachTo(t, newAPIServer(t), func(o *Options) { o.Reports = []string{report} })
	put(t, report, ginkgoReport(map[string]time.Time{"<one> & topsecret": time.Now()}))
	first.until("spec", func() bool { return len(specMarks(t, first.path)) == 2 })
	first.breakOff()
	second := attachTo(t, first.server, func(o *Options) { o.Output, o.Reports = first.path, []string{report} })
	second.end("pods")
	same(t, specMarks(t, first.path), []string{"<one> & topsecret begin", "<one> & topsecret end passed"})
}

func TestReportsAreAddedToACopyOfATrace(t *testing.T) {
	s := newAPIServer(t)
	s.put(pods, "ds/a", nil)
	a := attachTo(t, s, func(o *Options) { o.Redact = []string{"mark:suite"} })
	at := time.Now()
	a.sees("added pods/ds/a u101 at 101")
	a.end("pods")
	dir := t.TempDir()
	report, to := filepath.Join(dir, "suite.json"), filepath.Join(dir, "with.db")
	put(t, report, ginkgoReport(map[string]time.Time{"one": at, "old": at.Add(-time.Hour)}))
	done, err := AddReports(a.path, to, []string{report}, "test")
	if err != nil {
		t.Fatal(err)
	}
	same(t, done, Amended{Specs: 1, Others: 1, Marks: 2})
	before, after := events(t, a.path), events(t, to)
	same(t, after[:len(before)], before)
	same(t, specMarks(t, to), []string{"one begin", "one end passed"})
	for _, e := range said(t, to) {
		redacted := strings.Contains(string(e.Data), "[redacted]")
		if e.Time != time.Duration(a.cert.Duration) || e.NotBefore >= e.Time || !redacted {
			t.Errorf("got %+v with %s", e, e.Data)
		}
	}
	a.path = to
	if run := a.run(t); run.Amendments[0].Added != "2 marks of 1 spec" {
		t.Errorf("the header says %+v", run.Amendments)
	}
	put(t, report, ginkgoReport(map[string]time.Time{"old": at.Add(-time.Hour)}))
	if _, err := AddReports(to, filepath.Join(dir, "none.db"), []string{report}, ""); err == nil ||
		!strings.Contains(err.Error(), "none of 1 spec ran while") {
		t.Errorf("got %v", err)
	}
}
