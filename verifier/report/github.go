package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// What GitHub shows of one step: ten annotations of each level, fifty of the
// whole job, and a summary of one mebibyte. What is beyond is dropped without a
// word, so we stay below and say what is missing.
const (
	annotationsMax = 10
	SummaryMax     = 1 << 20 // bytes of the step summary
)

// annotation is one workflow command.
type annotation struct{ level, title, text string }

// The levels of annotations.
const (
	levelError   = "error"
	levelWarning = "warning"
	levelNotice  = "notice"
)

// writeGitHub writes annotations as workflow commands, which the runner reads
// from standard output, and the step summary where there is one. Nothing is
// annotated for what held.
func writeGitHub(w io.Writer, run verdict.Run, o Options) error {
	out := bufio.NewWriter(w)
	all := annotations(run)
	for _, level := range []string{levelError, levelWarning, levelNotice} {
		var list []annotation
		for _, a := range all {
			if a.level == level {
				list = append(list, a)
			}
		}
		for _, a := range capped(level, list) {
			fmt.Fprintf(out, "::%s title=%s::%s\n", a.level, property.Replace(a.title), message.Replace(a.text))
		}
	}
	fmt.Fprintf(out, "Verdict: %s. Exit code %d: %s.\n",
		strings.ToUpper(run.Verdict.String()), run.ExitCode, exits[run.ExitCode])
	if err := out.Flush(); err != nil || o.Summary == nil {
		return err
	}
	room := o.Room
	if room == 0 {
		room = SummaryMax
	}
	_, err := io.WriteString(o.Summary, markdown(run, room))
	return err
}

// What a workflow command cannot contain as it is.
var (
	message  = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// capped keeps as many annotations of one level as GitHub shows; the last one
// counts those that are missing.
func capped(level string, list []annotation) []annotation {
	if len(list) <= annotationsMax {
		return list
	}
	missing := list[annotationsMax-1:]
	var titles []string
	for _, a := range missing {
		titles = append(titles, a.title)
	}
	return append(list[:annotationsMax-1:annotationsMax-1], annotation{
		level, fmt.Sprintf("and %d more", len(missing)), strings.Join(titles, "\n"),
	})
}

// annotations lists what did not hold, the worst first: an error closes the gate
// for good, a warning says that nothing is proven, a notice that it was let pass.
func annotations(run verdict.Run) []annotation {
	var list []annotation
	for i, name := range names(run) {
		if t := run.Traces[i]; t.Error != "" {
			list = append(list, annotation{levelError, "ERROR " + name, "The trace could not be judged: " + t.Error})
		}
	}
	for _, verdicts := range verdict.Levels() {
		for i, name := range names(run) {
			for _, p := range run.Traces[i].Policies {
				if p.Verdict != verdicts || p.Verdict == verdict.Held || !p.Counts() {
					continue
				}
				title := fmt.Sprintf("%s %s (%s)", strings.ToUpper(p.Verdict.String()), p.ID, name)
				list = append(list, annotation{annotationLevel(p), title, annotationText(p)})
			}
		}
	}
	return list
}

func annotationLevel(p verdict.Policy) string {
	switch {
	case p.Allowed:
		return levelNotice
	case p.Verdict == verdict.Violated || p.Verdict == verdict.Error:
		return levelError
	default:
		return levelWarning
	}
}

// annotationText is short, as annotations are: the promise, the reason, and of
// the first finding what was got and wanted.
func annotationText(p verdict.Policy) string {
	lines := []string{p.Title + ". " + p.Promise, why(p)}
	if len(p.Findings) > 0 {
		f := p.Findings[0]
		lines = append(lines, "got "+value(f.Got, f.Unit)+difference(f), "want "+value(f.Want, f.Unit),
			"class "+string(f.Class)+numbers(", seq %s", f.Seq))
	}
	return strings.Join(lines, "\n")
}
