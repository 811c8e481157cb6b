package ledger

import (
	_ "embed"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

// Schema is the JSON schema of the JSON form.
//
//go:embed schema.json
var Schema []byte

// writeJSON writes the ledger as one object. Empty lists are [], keys of objects
// have a fixed order, durations are nanoseconds.
func writeJSON(w io.Writer, l *Ledger) error {
	text, err := json.Marshal(l,
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
