package report_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/hindsight-project/hindsight/recorder/golden"
	"github.com/hindsight-project/hindsight/verifier/report"
)

func TestMarkdown(t *testing.T) {
	golden.Compare(t, "testdata/sample.md", write(t, "markdown", sample(), report.Options{}))
	golden.Compare(t, "testdata/held.md", write(t, "markdown", held(), report.Options{}))
}

func TestMarkdownFitsIntoAComment(t *testing.T) {
	out := write(t, "markdown", many(200), report.Options{})
	if n := utf8.RuneCount(out); n > 65536 || n < 20000 || !strings.Contains(string(out), "do not fit here") {
		t.Errorf("%d characters, ending with %s", n, out[len(out)-200:])
	}
	if !strings.HasPrefix(string(out), "## Hindsight: ❌ VIOLATED") {
		t.Errorf("it begins with %s", out[:100])
	}
}

func TestMarkdownIsGreenOnlyForWhatHeld(t *testing.T) {
	for line := range strings.Lines(string(write(t, "markdown", sample(), report.Options{}))) {
		if strings.Contains(line, "✅") != strings.Contains(line, "HELD") {
			t.Errorf("a sign that its word does not say: %s", line)
		}
	}
}

func TestMarkdownIsNotChangedByWhatATraceSays(t *testing.T) {
	run := sample()
	f := &run.Traces[0].Policies[3].Findings[0]
	f.Message, f.Entity = "| a | <script> @everyone [x](y)", "ds/`pg`"
	f.Events[0].Changes = []string{"``` ends here"}
	out := string(write(t, "markdown", run, report.Options{}))
	table, _, _ := strings.Cut(out, "<details>")
	if strings.Contains(table, "<script>") || strings.Contains(table, "@everyone") || strings.Contains(table, "| a |") {
		t.Errorf("what a trace says is not escaped:\n%s", table)
	}
	if !strings.Contains(out, "\n````\n") {
		t.Error("the fence ends too early")
	}
}
