package trace

import (
	"slices"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// The parser takes what is JSON and nothing else, and what it remembers of parts
// changes nothing.
func FuzzParserTakesWhatIsJSON(f *testing.F) {
	for _, seed := range []string{
		`{"a":{"b":{"c":[1,{"d":2}],"e":{"x":null}}}}`, `{"a":{"b":{"c":{"k":1,"k":2}}}}`, `{"a":1,"\u0061":2}`,
		`[0,-0,1.5e+7,01,-,1.,.5,1e]`, `["2026-02-30T00:00:00Z","2026-02-28T23:59:59.000001Z","007","7"]`,
		`"\ud800"`, "\"\x01\"", "\"\xff\"", `{"a":{"b":{"c":{]}}}`, `{"a":{"b":{"c":"\\\"}]"}}} `, `tru`, `truefalse`,
		`{"metadata":{"managedFields":[{"fieldsV1":{"f:a":{},"f:a":{}}}]}}`, `{"a":,}`, `[1,]`, `{"a" 1}`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p := parser{dict: newDictionary()}
		root := p.dict.child(0, []byte("!fuzz"))
		leaves, err := p.parse(root, data)
		if valid := jsontext.Value(data).IsValid(); valid != (err == nil) && len(data) < maxNesting {
			t.Fatalf("valid is %v, and the parser says %v", valid, err)
		}
		again, errAgain := p.parse(root, data)
		if !slices.Equal(leaves, again) || (err == nil) != (errAgain == nil) {
			t.Fatalf("%v, %v became %v, %v", leaves, err, again, errAgain)
		}
		if !slices.IsSortedFunc(leaves, func(a, b leaf) int { return int(a.path) - int(b.path) }) {
			t.Fatalf("not sorted: %v", leaves)
		}
	})
}

func TestTimesAreOnlyWhatRendersTheSameAgain(t *testing.T) {
	for text, want := range map[string]kind{
		"2026-11-22T02:08:31Z": kindSeconds, "2024-02-29T00:00:00Z": kindSeconds, "0000-01-01T00:00:00Z": kindSeconds,
		"2026-02-29T00:00:00Z": kindString, "2026-13-01T00:00:00Z": kindString, "2026-00-01T00:00:00Z": kindString,
		"2026-11-22T24:00:00Z": kindString, "2026-11-22T23:59:60Z": kindString, "2026-11-22 02:08:31Z": kindString,
		"2026-11-22T02:08:3xZ": kindString, "2026-11-22T02:08:31.493647Z": kindMicros,
		"2026-11-22T02:08:31.49364xZ": kindString, "12": kindDecimal, "012": kindString, "-1": kindString,
	} {
		v := stringValue([]byte(text))
		if back, _ := v.text(); v.kind != want || back != text {
			t.Errorf("%s is of kind %d and renders to %s", text, v.kind, back)
		}
	}
}
