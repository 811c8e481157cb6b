package report_test

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/hindsight-project/hindsight/recorder/golden"
	"github.com/hindsight-project/hindsight/verifier/report"
)

func TestTAP(t *testing.T) {
	golden.Compare(t, "testdata/sample.tap", write(t, "tap", sample(), report.Options{}))
	golden.Compare(t, "testdata/held.tap", write(t, "tap", held(), report.Options{}))
}

func TestTAPSaysOKOnlyOfWhatHeld(t *testing.T) {
	for _, undecided := range []report.Undecided{report.Failure, report.Skipped} {
		out := string(write(t, "tap", sample(), report.Options{Undecided: undecided}))
		for line := range strings.Lines(out) {
			if strings.HasPrefix(line, "ok ") && !strings.Contains(line, "status-coherence") {
				t.Errorf("%q is not what held", line)
			}
		}
		todo := strings.Contains(out, "growth: no-data-loss # todo INCONCLUSIVE")
		if todo != (undecided == report.Skipped) {
			t.Errorf("undecided %s: inconclusive is wrong in\n%s", undecided, out)
		}
	}
}

func TestTAPDiagnosticsAreYAMLAndTheirDescriptionsOneLine(t *testing.T) {
	run := sample()
	p := &run.Traces[0].Policies[3]
	p.Findings[0].Message, p.ID = "two\nlines # and a hash\n  ...\nnot ok 99", "policy # SKIP \\ bounds"
	out := string(write(t, "tap", run, report.Options{}))
	if !strings.Contains(out, `policy \# SKIP \\ bounds`+"\n") {
		t.Errorf("a name becomes a directive:\n%s", out)
	}
	blocks := strings.Split(out, "  ---\n")[1:]
	for _, block := range blocks {
		text, _, closed := strings.Cut(block, "\n  ...\n")
		var v map[string]any
		err := yaml.Unmarshal([]byte(strings.ReplaceAll("\n"+text, "\n  ", "\n")), &v)
		if err != nil || !closed || v["verdict"] == "" {
			t.Errorf("%v in\n%s", err, text)
		}
	}
	if len(blocks) != 7 || strings.Contains(out, "\nnot ok 99") {
		t.Errorf("%d blocks in\n%s", len(blocks), out)
	}
}
