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
	Color bool // text: mark verdicts with ANSI colours; never the only mark

	// Open opens a trace of the run anew, by its File, for formats that show more
	// than the verdict; whoever calls it closes the reader. nil: those formats fail.
	Open func(file string) (*trace.Reader, error)
}

// Format is one way to write a run.
type Format struct {
	Name  string
	About string // in a few words, for the help
	Write func(w io.Writer, run verdict.Run, o Options) error
}

// Formats returns all formats, the default first.
func Formats() []Format {
	return []Format{
		{"text", "for people, on a terminal", writeText},
		{"json", "for scripts, see verifier schema", writeJSON},
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
