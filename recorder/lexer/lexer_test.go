package lexer_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/hindsight-project/hindsight/recorder/lexer"
)

// strings of all lengths around those that are read eight bytes at a time.
func texts() []string {
	all := []string{``, `"`, `\`, "\x00", "\x1f", "é", "\xff", `\"`, `\\`, "\u2028"}
	for n := range 80 {
		for _, special := range []string{"", `"`, `\`, `\\"`, "\n", "é", "\x7f"} {
			all = append(all, strings.Repeat("a", n)+special+"tail of it")
		}
	}
	return all
}

func TestTextsAreReadAsTheyWereWritten(t *testing.T) {
	for _, text := range texts() {
		quoted, err := jsontext.AppendQuote(nil, text)
		if err != nil {
			continue
		}
		l := lexer.Lexer{Data: append(quoted, `,"next"`...)}
		got, err := l.Text()
		if err != nil || string(got) != text || l.Pos != len(quoted) {
			t.Fatalf("%q became %q, %v, at %d", text, got, err, l.Pos)
		}
		if end := lexer.End(l.Data); end != len(quoted) {
			t.Fatalf("%s ends at %d, not at %d", quoted, end, len(quoted))
		}
	}
}

// The lexer takes a scalar when encoding/json does, but for the encoding of text.
func FuzzScalars(f *testing.F) {
	for _, text := range append(texts(), `"a"`, `"\ud800"`, `"\u00e9"`, `-0.5e+7`, `01`, `1.`, `null`,
		`tru`, `"\/"`, `-`) {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) == 0 || bytes.ContainsAny(data[:1], "{[ \t\r\n") {
			return
		}
		l := lexer.Lexer{Data: data}
		var got any
		var err error
		switch data[0] {
		case '"':
			var text []byte
			text, err = l.Text()
			got = string(text)
		case 'n':
			err = l.Literal("null")
		case 't':
			got, err = true, l.Literal("true")
		case 'f':
			got, err = false, l.Literal("false")
		default:
			var number []byte
			number, err = l.Number()
			got = json.Number(number)
		}
		valid := jsontext.Value(data).IsValid()
		whole := err == nil && len(bytes.TrimSpace(data[l.Pos:])) == 0
		if valid && !whole || whole && !valid && !bytes.ContainsAny(data[l.Pos:], "\v\f\u0085\u00a0") {
			t.Fatalf("%q: valid is %v, read as %v, %v, up to %d", data, valid, got, err, l.Pos)
		}
		if !valid {
			return
		}
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.UseNumber()
		var want any
		if err := dec.Decode(&want); err == nil && got != want {
			t.Fatalf("%q became %v, not %v", data, got, want)
		}
	})
}

// Where a value ends is where a decoder ends, and the members are those that it
// finds.
func FuzzEndsAndMembers(f *testing.F) {
	for _, seed := range []string{
		`{"a":{"b":"}"},"c":[1,"]\\"],"d":-1}rest`, `[]`, `{}`, ` `, `{"a":1`,
		`{"a\"b":"\\"}`, `1,2`, `"x`, `{"a" : [ ] , "b":true }`,
		`{"long":"` + strings.Repeat("x", 100) + `\"}"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		end := lexer.End(data)
		if end < 0 || end > len(data) {
			t.Fatalf("%q ends at %d", data, end)
		}
		_, _ = lexer.Members(data, func(_, _ []byte) bool { return true })
		dec := jsontext.NewDecoder(bytes.NewReader(data), jsontext.AllowDuplicateNames(true))
		value, err := dec.ReadValue()
		if err != nil || bytes.ContainsAny(data[:1], " \t\r\n") {
			return
		}
		if end != len(value) {
			t.Fatalf("%q ends at %d, not at %d", data, end, len(value))
		}
		if value[0] == '{' {
			members(t, data, value)
		}
	})
}

func members(t *testing.T, data, value []byte) {
	dec := jsontext.NewDecoder(bytes.NewReader(value), jsontext.AllowDuplicateNames(true))
	next := func() []byte {
		v, err := dec.ReadValue()
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Clone(v)
	}
	if _, err := dec.ReadToken(); err != nil {
		t.Fatal(err)
	}
	rest, err := lexer.Members(data, func(name, value []byte) bool {
		if want := next(); string(want) != `"`+string(name)+`"` {
			t.Fatalf("%q has a member %s, not %s", data, want, name)
		}
		if want := next(); !bytes.Equal(want, value) {
			t.Fatalf("%q: %s is %s, not %s", data, name, want, value)
		}
		return true
	})
	if err != nil || dec.PeekKind() != '}' || len(rest) != len(data)-len(value) {
		t.Fatalf("%q: %v, rest %q, next %v", data, err, rest, dec.PeekKind())
	}
}

func BenchmarkEnd(b *testing.B) {
	data := []byte(`{"metadata":{"managedFields":[` + strings.Repeat(`{"apiVersion":"v1","fieldsV1":{`+
		`"f:metadata":{"f:annotations":{".":{},"f:cnpg.io/x":{}},"k:{\"name\":\"a\"}":{".":{},"f:name":{}}},`+
		`"time":"2026-11-22T02:08:29Z"}},`, 80) + `1]}}`)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if lexer.End(data) != len(data) {
			b.Fatal("it does not end")
		}
	}
}
