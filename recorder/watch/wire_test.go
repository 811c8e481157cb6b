package watch

import (
	"errors"
	"io"
	"strings"
	"testing"
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
				kind, raw, err := f.next()
				if err != nil || kind != "ADDED" || len(raw) == 0 {
					t.Fatalf("got %q, %q, %v", kind, raw, err)
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
		if _, raw, err := f.next(); err != nil || len(raw) < maxFrame/2 {
			t.Fatalf("got %d bytes, %v", len(raw), err)
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

func FuzzFrames(f *testing.F) {
	f.Add(`{"type":"ADDED","object":{"metadata":{"name":"a"}}}`)
	f.Add(`{"type":7,"object":[]}`)
	f.Add(`[`)
	f.Fuzz(func(_ *testing.T, stream string) {
		in := read(stream)
		for {
			_, raw, err := in.next()
			if err != nil {
				return
			}
			if _, err := decodeObject(raw); err != nil {
				continue
			}
		}
	})
}

func FuzzList(f *testing.F) {
	f.Add(`{"kind":"PodList","items":[{"metadata":{"name":"a"}}]}`)
	f.Add(`{"items":[null]}`)
	f.Fuzz(func(_ *testing.T, body string) { _, _ = decodeList([]byte(body)) })
}
