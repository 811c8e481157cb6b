package lexer_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/hindsight-project/hindsight/recorder/lexer"
	"github.com/hindsight-project/hindsight/recorder/lexer/lexertest"
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
		`{"a":{"b":"}"},"c":[1,"]\\"],"d":-1}rest`, `[]`, `{}`, ` `, `{"a":1`, `{"a\"b":"\\"}`,
		`1,2`, `"x`, `{"a" : [ ] , "b":true }`, `{"long":"` + strings.Repeat("x", 100) + `\"}"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		end := lexer.End(data)
		if end < 0 || end > len(data) {
			t.Fatalf("%q ends at %d", data, end)
		}
		_ = (&lexer.Tree{Text: data}).Members(0, func([]byte, int, int) bool { return true })
		dec := jsontext.NewDecoder(bytes.NewReader(data), jsontext.AllowDuplicateNames(true))
		value, err := dec.ReadValue()
		if err != nil || bytes.ContainsAny(data[:1], " \t\r\n") {
			return
		}
		bracketed := bytes.ContainsAny(data[:1], `{["`)
		if end != len(value) && (bracketed || bytes.ContainsAny(data[len(value):len(value)+1], ",:]} \t\r\n")) {
			t.Fatalf("%q ends at %d, not at %d", data, end, len(value))
		}
		tree, _, err := lexer.Compare(value, nil, nil)
		if err != nil {
			t.Fatalf("%q: %v", value, err)
		}
		if value[0] == '{' {
			members(t, &lexer.Tree{Text: data}, value)
			members(t, tree, value)
		}
	})
}

func members(t *testing.T, tree *lexer.Tree, value []byte) {
	t.Helper()
	dec := jsontext.NewDecoder(bytes.NewReader(value), jsontext.AllowDuplicateNames(true))
	next := func() string {
		v, err := dec.ReadValue()
		if err != nil {
			t.Fatal(err)
		}
		return string(v)
	}
	if _, err := dec.ReadToken(); err != nil {
		t.Fatal(err)
	}
	err := tree.Members(0, func(name []byte, from, to int) bool {
		if want := next(); want != `"`+string(name)+`"` {
			t.Fatalf("%q has a member %s, not %s", value, want, name)
		}
		if got, want := string(value[from:to]), next(); got != want {
			t.Fatalf("%q: %s is %s, not %s", value, name, want, got)
		}
		return true
	})
	if err != nil || dec.PeekKind() != '}' {
		t.Fatalf("%q: %v, next %v", value, err, dec.PeekKind())
	}
}

// places lists the scalars of a text with the names that lead there.
func places(t *testing.T, text []byte) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	dec := jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowDuplicateNames(true))
	var walk func(path string)
	read := func() string {
		v, err := dec.ReadValue()
		if err != nil {
			t.Fatal(err)
		}
		return string(v)
	}
	walk = func(path string) {
		kind := dec.PeekKind()
		if kind != '{' && kind != '[' {
			all[path+"\x00"+read()] = true
			return
		}
		_, _ = dec.ReadToken()
		for dec.PeekKind() != '}' && dec.PeekKind() != ']' {
			name := ""
			if kind == '{' {
				name = read()
			}
			walk(path + "/" + name)
		}
		_, _ = dec.ReadToken()
	}
	walk("")
	return all
}

// Beside another text the same is found as without it, and what is not in that text
// at the same place is in what changed.
func FuzzWhatChangedHasWhatIsNew(f *testing.F) {
	object := `{"metadata":{"name":"pg-1","labels":{"app":"a long enough name","b":"c"},"resourceVersion":"10"},` +
		`"spec":{"containers":[{"name":"one","image":"registry.example/one:1"},{"name":"two","image":"x"}]}}`
	for _, next := range []string{
		object, `{}`, `[1]`, `7`, `{"spec":{"containers":[{"name":"one","image":"registry.example/one:1"}]}}`,
		`{"spec":{"containers":[{"name":"two","image":"x"},{"name":"one","image":"registry.example/one:1"}]},"metadata":{}}`,
	} {
		f.Add([]byte(object), []byte(next), uint64(1))
	}
	f.Fuzz(func(t *testing.T, first, second []byte, seed uint64) {
		random := rand.New(rand.NewPCG(seed, 0))
		tree, _, err := lexer.Compare(first, nil, nil)
		if err != nil || !jsontext.Value(first).IsValid(jsontext.AllowDuplicateNames(true)) {
			return
		}
		for _, text := range [][]byte{
			second, lexertest.Edited(first, random), lexertest.Edited(first, random), lexertest.Edited(second, random),
		} {
			beside, changed, err := lexer.Compare(text, tree, nil)
			alone, whole, aloneErr := lexer.Compare(text, nil, nil)
			if (err == nil) != (aloneErr == nil) {
				t.Fatalf("%q: %v beside %q, %v alone", text, err, first, aloneErr)
			}
			if err != nil || !jsontext.Value(text).IsValid(jsontext.AllowDuplicateNames(true)) {
				continue
			}
			if fmt.Sprint(beside) != fmt.Sprint(alone) || !bytes.Equal(whole, text) {
				t.Fatalf("%q is read in another way beside %q than alone", text, first)
			}
			before := places(t, first)
			for place := range places(t, text) {
				_, value, _ := strings.Cut(place, "\x00")
				if !before[place] && !bytes.Contains(changed, []byte(value)) {
					t.Fatalf("%q is new in %q beside %q, and not in %q", place, text, first, changed)
				}
			}
		}
	})
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
