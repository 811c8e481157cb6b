package report_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/hindsight-project/hindsight/recorder/golden"
	"github.com/hindsight-project/hindsight/verifier/report"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

func TestGitHub(t *testing.T) {
	golden.Compare(t, "testdata/sample.github.txt", write(t, "github", sample(), report.Options{}))
	golden.Compare(t, "testdata/held.github.txt", write(t, "github", held(), report.Options{}))
}

// many is a run with so many policies of each verdict.
func many(n int) verdict.Run {
	run := sample()
	t := &run.Traces[0]
	list := t.Policies
	for i := range n {
		for _, p := range list {
			p.ID = fmt.Sprintf("%s-%03d", p.ID, i)
			t.Policies = append(t.Policies, p)
		}
	}
	run.Judge()
	return run
}

func TestGitHubStaysBelowWhatIsShown(t *testing.T) {
	out := string(write(t, "github", many(30), report.Options{}))
	all := 0
	for _, level := range []string{"error", "warning", "notice"} {
		n := strings.Count(out, "::"+level+" ")
		if all += n; n > 10 {
			t.Errorf("%d annotations of the level %s", n, level)
		}
	}
	if all > 50 || !strings.Contains(out, "::error title=and 85 more::") {
		t.Errorf("%d annotations in\n%s", all, out)
	}
}

func TestGitHubEscapesWhatEndsACommand(t *testing.T) {
	run := sample()
	p := &run.Traces[0].Policies[3]
	p.ID, p.Promise = "a:b,c%d\n::error::x", "100 %\r\n::warning::y"
	for line := range strings.Lines(string(write(t, "github", run, report.Options{}))) {
		if strings.HasPrefix(line, "::error::") || strings.HasPrefix(line, "::warning::") {
			t.Errorf("a command that is not ours: %s", line)
		}
		ours := strings.Contains(line, "a%3Ab%2Cc%25d%0A%3A%3Aerror%3A%3Ax")
		if ours && !strings.Contains(line, "100 %25%0D%0A::warning::y") {
			t.Errorf("the message is %s", line)
		}
	}
}

func TestStepSummaryFitsIntoTheRoomThatIsLeft(t *testing.T) {
	for _, room := range []int{0, 100_000, 3_000} {
		var summary bytes.Buffer
		write(t, "github", many(300), report.Options{Summary: &summary, Room: room})
		most := room
		if room == 0 {
			most = 1 << 20
		}
		if summary.Len() > most || summary.Len() < most/10 || !strings.Contains(summary.String(), "do not fit here") {
			t.Errorf("room for %d bytes: the summary has %d and ends with %q", most, summary.Len(),
				summary.String()[max(0, summary.Len()-200):])
		}
	}
}
