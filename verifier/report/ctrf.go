package report

import (
	"encoding/json"
	"io"
	"path"
	"time"

	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// The parts of a report in the Common Test Report Format that we write. Times
// are milliseconds, of the recording and not of the judgement.
type (
	ctrfReport struct {
		Format      string      `json:"reportFormat"`
		SpecVersion string      `json:"specVersion"`
		GeneratedBy string      `json:"generatedBy"`
		Results     ctrfResults `json:"results"`
	}
	ctrfResults struct {
		Tool    ctrfTool    `json:"tool"`
		Summary ctrfSummary `json:"summary"`
		Tests   []ctrfTest  `json:"tests"`
	}
	ctrfTool struct {
		Name    string `json:"name"`
		Version string `json:"version,omitempty"`
	}
	ctrfSummary struct {
		Tests   int            `json:"tests"`
		Passed  int            `json:"passed"`
		Failed  int            `json:"failed"`
		Skipped int            `json:"skipped"`
		Pending int            `json:"pending"`
		Other   int            `json:"other"`
		Suites  int            `json:"suites"`
		Start   int64          `json:"start"` // since 1970
		Stop    int64          `json:"stop"`
		Extra   map[string]any `json:"extra"`
	}
	ctrfTest struct {
		TestID    string         `json:"testId"`
		Name      string         `json:"name"`
		Status    string         `json:"status"`
		RawStatus string         `json:"rawStatus"` // the verdict
		Duration  int64          `json:"duration"`
		Suite     []string       `json:"suite"`
		Message   string         `json:"message,omitempty"`
		Trace     string         `json:"trace,omitempty"`
		FilePath  string         `json:"filePath,omitempty"`
		Line      int            `json:"line,omitempty"`
		Tags      []string       `json:"tags,omitempty"`
		Labels    map[string]any `json:"labels,omitempty"`
	}
)

// ctrfVersion is the version of the specification that we write.
const ctrfVersion = "0.0.0"

// ctrfStatus names an outcome. The format has a word other, which tools count
// neither as passed nor as failed; what was not answered is failed, as in the gate.
var ctrfStatus = map[outcome]string{passed: "passed", failed: "failed", errored: "failed", skipped: "skipped"}

// writeCTRF writes one test for each policy of each trace.
func writeCTRF(w io.Writer, run verdict.Run, o Options) error {
	out := ctrfReport{Format: "CTRF", SpecVersion: ctrfVersion, GeneratedBy: "verifier check"}
	out.Results.Tool = ctrfTool{toolName, o.Version}
	r := &out.Results
	r.Tests = []ctrfTest{}
	r.Summary.Suites = len(run.Traces)
	r.Summary.Extra = map[string]any{"verdict": run.Verdict.String(), "exitCode": run.ExitCode}
	for i, name := range names(run) {
		t := run.Traces[i]
		r.Summary.span(t)
		if t.Error != "" {
			r.add(errored, ctrfTest{
				TestID: path.Join(name, caseReadable), Name: caseReadable, RawStatus: verdict.Error.String(),
				Suite: []string{name}, Message: t.Error,
			})
		}
		for _, p := range t.Policies {
			r.add(outcomeOf(p, o), ctrfTestOf(name, p, o))
		}
	}
	text, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

func ctrfTestOf(trace string, p verdict.Policy, o Options) ctrfTest {
	test := ctrfTest{
		TestID: path.Join(trace, p.ID), Name: p.ID, RawStatus: p.Verdict.String(), Suite: []string{trace},
		FilePath: p.File, Line: p.Line, Labels: map[string]any{"title": p.Title, "exercised": p.Exercised},
	}
	if p.Severity != "" {
		test.Tags = []string{p.Severity}
	}
	if outcomeOf(p, o) != passed {
		test.Message = summary(p)
		if p.Counts() {
			test.Trace = told(p)
		}
	}
	return test
}

// add appends a test and counts it.
func (r *ctrfResults) add(result outcome, test ctrfTest) {
	test.Status = ctrfStatus[result]
	r.Tests = append(r.Tests, test)
	r.Summary.Tests++
	switch result {
	case passed:
		r.Summary.Passed++
	case skipped:
		r.Summary.Skipped++
	default:
		r.Summary.Failed++
	}
}

// span takes the time of a recording into that of the report.
func (s *ctrfSummary) span(t verdict.Trace) {
	if t.Run == nil || t.Certificate == nil {
		return
	}
	start := t.Run.Start.UnixMilli()
	stop := start + time.Duration(t.Certificate.Duration).Milliseconds()
	if s.Start == 0 || start < s.Start {
		s.Start = start
	}
	s.Stop = max(s.Stop, stop)
}
