package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// Options says how a report is to look, where its format leaves a choice.
type Options struct {
	Color bool // mark verdicts with ANSI colours; never the only mark
}

// Format is one way to write a run.
type Format struct {
	Name  string
	Write func(w io.Writer, run verdict.Run, o Options) error
}

// Formats returns all formats, the default first.
func Formats() []Format {
	return []Format{
		{"text", writeText},
		{"json", writeJSON},
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
