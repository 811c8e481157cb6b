package report

import (
	_ "embed"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// Schema is the JSON schema of the JSON report.
//
//go:embed schema.json
var Schema []byte

// writeJSON writes the run as one object.
func writeJSON(w io.Writer, run verdict.Run, _ Options) error {
	text, err := json.Marshal(run, verdict.JSON, jsontext.WithIndent("  "))
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}
