package report

import (
	_ "embed"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"

	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// Schema is the JSON schema of the JSON report.
//
//go:embed schema.json
var Schema []byte

// writeJSON writes the run as one object. Empty lists are [], keys of objects
// have a fixed order, durations are nanoseconds.
func writeJSON(w io.Writer, run verdict.Run, _ Options) error {
	text, err := json.Marshal(run,
		json.Deterministic(true),
		jsonv1.FormatDurationAsNano(true),
		jsonv1.OmitEmptyWithLegacySemantics(true),
		jsontext.WithIndent("  "),
		jsontext.EscapeForHTML(false),
		jsontext.AllowInvalidUTF8(true),
	)
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}
