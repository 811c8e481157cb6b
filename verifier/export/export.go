package export

import (
	"fmt"
	"io"
	"strings"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// Format is one way to write a trace.
type Format struct {
	Name  string
	About string // in a few words, for the help
	Write func(w io.Writer, r *trace.Reader, judged verdict.Trace) error
}

// Formats returns all formats.
func Formats() []Format {
	return []Format{
		{"perfetto", "Chrome trace events, for Perfetto, chrome://tracing and speedscope", writePerfetto},
		{"otlp", "OpenTelemetry spans, as OTLP/JSON", writeOTLP},
		{"jsonl", "CloudEvents, one a line, with the findings", writeJSONL},
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
	return Format{}, fmt.Errorf("there is no export format %q (there are: %s)", name, strings.Join(names, ", "))
}

// program is how the exports name who wrote them.
const program = "hindsight"
