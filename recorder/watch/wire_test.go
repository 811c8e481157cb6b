package watch

import (
	"errors"
	"io"
	"strings"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/hindsight-project/hindsight/recorder/lexer"
)

func read(stream string) *frames {
	return newFrames(io.NopCloser(strings.NewReader(stream)))
}

func TestFrames(t *testing.T) {
	const added = `{"type":"ADDED","object":{"kind":"Pod","metadata":{"name":"a","resourceVersion":"7"}}}`
	for _, c := range []struct {
		says, stream string
		events       int
		end          error
	}{
		{"events follow each other line by line", added + "\n" + added + "\n", 2, io.EOF},
		{"or without lines", added + added, 2, io.EOF},
		{"an end between two events is an end", added + "\n", 1, io.EOF},
		{"an end within an event is a break", added + added[:40], 1, io.ErrUnexpectedEOF},
		{"members may come in any order", `{"object":{},"type":"ADDED"}`, 1, io.EOF},
		{"unknown members are passed over", `{"x":[1,{"y":2}],"type":"ADDED","object":{}}`, 1, io.EOF},
	} {
		t.Run(c.says, func(t *testing.T) {
			f := read(c.stream)
			for range c.events {
				kind, object, err := f.next()
				if err != nil || kind != "ADDED" || len(object.Text) == 0 {
					t.Fatalf("got %q, %v, %v", kind, object, err)
				}
			}
			if _, _, err := f.next(); !errors.Is(err, c.end) {
				t.Errorf("the end is %v, want %v", err, c.end)
			}
		})
	}
}

func TestAnEventWithoutEndIsABreak(t *testing.T) {
	large := `{"type":"ADDED","object":{"x":"` + strings.Repeat("x", maxFrame/2) + `"}}`
	f := read(large + large + large + `{"type":"ADDED","object":{"x":"` + strings.Repeat("x", 2*maxFrame) + `"}}`)
	for range 3 {
		if _, object, err := f.next(); err != nil || len(object.Text) < maxFrame/2 {
			t.Fatalf("got %v, %v", object, err)
		}
	}
	if _, _, err := f.next(); err == nil || !strings.Contains(err.Error(), "more than 16777216 bytes") {
		t.Errorf("got %v", err)
	}
}

func TestItemsOfAListGetTheirType(t *testing.T) {
	l, err := decodeList([]byte(`{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"9","continue":"x"},
		"items":[{"metadata":{"name":"a"}},{ },{"kind":"Own","apiVersion":"g/v1","metadata":{"name":"b"}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if l.ResourceVersion != "9" || l.Continue != "x" {
		t.Errorf("got %+v", l.ListMeta)
	}
	for i, want := range []string{
		`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"}}`,
		`{"apiVersion":"v1","kind":"Pod"}`,
		`{"kind":"Own","apiVersion":"g/v1","metadata":{"name":"b"}}`,
	} {
		if got := string(l.Items[i].raw); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// However a stream is cut into pieces, the events are those of a JSON decoder, and
// so are the identities of their objects.
func FuzzFrames(f *testing.F) {
	f.Add(`{"type":"ADDED","object":{"metadata":{"name":"a"}}}`, 1)
	f.Add(`{"type":7,"object":[]}`, 3)
	f.Add(`{"object":{"x":"\\\"}{","kind":"\u0050od","metadata":{"labels":{"uid":"}"},"uid":"u\\\\","generation":3}},`+
		`"type":"MODIFIED"} {"type":"DELETED","object":{"metadata":null,"kind":null}}`, 7)
	const version = `{"type":"MODIFIED","object":{"kind":"Pod",` +
		`"metadata":{"name":"a","labels":{"app":"a long enough name"}},"x":`
	f.Add(version+"1}}\n"+version+"2}}\n"+version+"{\n}}}\n"+version+"4}}"+version+"5}}\n", 9)
	f.Add(`[`, 1)
	f.Fuzz(func(t *testing.T, stream string, piece int) {
		in := newFrames(io.NopCloser(&pieces{stream, max(piece, 1)}))
		decoder := jsontext.NewDecoder(strings.NewReader(stream))
		for {
			var want struct {
				Type   string         `json:"type"`
				Object jsontext.Value `json:"object"`
			}
			value, broken := decoder.ReadValue()
			valid := broken == nil && jsonv2.Unmarshal(value, &want) == nil && want.Object.Kind() == '{'
			kind, object, err := in.next()
			if object == nil {
				object = &lexer.Tree{}
			}
			raw := object.Text
			if valid && (err != nil || kind != strings.Trim(want.Type, `"`) && !strings.Contains(string(value), `\`) ||
				string(raw) != string(want.Object)) {
				t.Fatalf("got %q %s, %v; want %q %s", kind, raw, err, want.Type, want.Object)
			}
			if err != nil || broken != nil {
				return
			}
			sameIdentity(t, object, want.Object)
		}
	})
}

// pieces reads a text in pieces of a size.
type pieces struct {
	text string
	size int
}

// Read implements io.Reader.
func (p *pieces) Read(to []byte) (int, error) {
	if p.text == "" {
		return 0, io.EOF
	}
	n := copy(to[:min(len(to), p.size)], p.text)
	p.text = p.text[n:]
	return n, nil
}

func sameIdentity(t *testing.T, raw *lexer.Tree, object jsontext.Value) {
	t.Helper()
	var want struct {
		Kind       string `json:"kind"`
		APIVersion string `json:"apiVersion"`
		Metadata   struct {
			Name            string `json:"name"`
			Namespace       string `json:"namespace"`
			UID             string `json:"uid"`
			ResourceVersion string `json:"resourceVersion"`
			Generation      int64  `json:"generation"`
		} `json:"metadata"`
	}
	got, err := readHeader(raw)
	if object.Kind() != '{' || jsonv2.Unmarshal(object, &want) != nil || strings.Contains(string(object), `\`) {
		return // the names of members are compared as they are written
	}
	m := want.Metadata
	id := header{want.Kind, want.APIVersion, m.Name, m.Namespace, m.UID, m.ResourceVersion, m.Generation}
	if err != nil || got != id {
		t.Fatalf("of %s: got %+v, %v", raw.Text, got, err)
	}
}

func FuzzList(f *testing.F) {
	f.Add(`{"kind":"PodList","items":[{"metadata":{"name":"a"}}]}`)
	f.Add(`{"items":[null]}`)
	f.Fuzz(func(_ *testing.T, body string) { _, _ = decodeList([]byte(body)) })
}
