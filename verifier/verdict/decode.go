package verdict

import (
	"errors"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

// JSON are the options of the JSON form: empty lists are [], keys of objects have
// a fixed order, durations are nanoseconds.
var JSON = json.JoinOptions(
	json.Deterministic(true),
	jsonv1.FormatDurationAsNano(true),
	jsonv1.OmitEmptyWithLegacySemantics(true),
	jsontext.EscapeForHTML(false),
	jsontext.AllowInvalidUTF8(true),
)

// whole are those of reading it: whole numbers stay whole.
var whole = json.JoinOptions(JSON, json.WithUnmarshalers(json.UnmarshalFromFunc(wholeNumber)))

// Encode writes the judgement of a trace as the JSON report has it.
func (t *Trace) Encode() ([]byte, error) { return json.Marshal(t, JSON) }

// DecodeTrace is the inverse of Encode: a report about what it returns is, byte for
// byte, the report about what was encoded.
func DecodeTrace(text []byte) (t Trace, err error) {
	err = json.Unmarshal(text, &t, whole)
	return t, err
}

// wholeNumber reads a number of any type as the policies give it: int64 where it
// is one.
func wholeNumber(d *jsontext.Decoder, v *any) error {
	if d.PeekKind() != '0' {
		return errors.ErrUnsupported
	}
	number, err := d.ReadValue()
	if err != nil {
		return err
	}
	if whole, err := strconv.ParseInt(string(number), 10, 64); err == nil {
		*v = whole
		return nil
	}
	*v, err = strconv.ParseFloat(string(number), 64)
	return err
}
