package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// Options says how a report is to look, where its format leaves a choice, and
// what it may read beside the run.
type Options struct {
	Version   string    // of the program, for formats that name their tool; empty: not told
	Undecided Undecided // what formats without a word for it make of inconclusive and vacuous; empty: Failure
	Summary   io.Writer // github: takes the step summary; nil: there is none
	Room      int       // github: bytes that the step summary may still have; 0: SummaryMax
	Color     bool      // text: mark verdicts with ANSI colours; never the only mark

	// Open opens a trace of the run anew, by its File, for formats that show more
	// than the verdict; whoever calls it closes the reader. nil: those formats fail.
	Open func(file string) (*trace.Reader, error)
}

// toolName is how formats name the program.
const toolName = "hindsight verifier"

// Format is one way to write a run.
type Format struct {
	Name  string
	About string // in a few words, for the help
	Write func(w io.Writer, run verdict.Run, o Options) error
	Story bool // it tells the story of a run
}

// Formats returns all formats, the default first.
func Formats() []Format {
	return []Format{
		{"text", "for people, on a terminal", writeText, false},
		{"explain", "the story of a run on one screen; --explain for short", writeExplain, true},
		{"json", "for scripts; verifier schema prints its schema", writeJSON, true},
		{"junit", "JUnit XML, for CI systems", writeJUnit, false},
		{"sarif", "SARIF 2.1.0, for code scanning", writeSARIF, false},
		{"github", "annotations of GitHub Actions, and the step summary", writeGitHub, false},
		{"tap", "Test Anything Protocol 14", writeTAP, false},
		{"ctrf", "Common Test Report Format", writeCTRF, false},
		{"markdown", "for a comment on a pull request", writeMarkdown, false},
		{"html", "a timeline to look at: one page, no network", writeHTML, false},
	}
}

// Named returns the format with the name.
func Named(name string) (Format, error) {
	var names []string
	for _, f := range Formats() {
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	return Format{}, fmt.Errorf("there is no output format %q (there are: %s)", name, strings.Join(names, ", "))
}
