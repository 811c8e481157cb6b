package trace

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// unquote returns the content of a JSON string that a decoder has checked.
func unquote(raw []byte) ([]byte, error) {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1], nil
	}
	return jsontext.AppendUnquote(nil, raw)
}

// canonical returns the canonical form of one JSON value: keys sorted bytewise,
// no white space, strings escaped only where they must be, numbers as written.
func canonical(raw []byte) ([]byte, error) {
	dec := jsontext.NewDecoder(bytes.NewReader(raw))
	return appendCanonical(make([]byte, 0, len(raw)), dec, 1)
}

func appendCanonical(dst []byte, dec *jsontext.Decoder, depth int) ([]byte, error) {
	if depth > maxNesting {
		return nil, fmt.Errorf("nested more than %d deep", maxNesting)
	}
	switch dec.PeekKind() {
	case '{':
		return appendCanonicalObject(dst, dec, depth)
	case '[':
		if _, err := dec.ReadToken(); err != nil {
			return nil, err
		}
		dst = append(dst, '[')
		for first := true; dec.PeekKind() != ']'; first = false {
			if !first {
				dst = append(dst, ',')
			}
			var err error
			if dst, err = appendCanonical(dst, dec, depth+1); err != nil {
				return nil, err
			}
		}
		_, err := dec.ReadToken()
		return append(dst, ']'), err
	case '"':
		raw, err := dec.ReadValue()
		if err != nil {
			return nil, err
		}
		s, err := unquote(raw)
		if err != nil {
			return nil, err
		}
		return jsontext.AppendQuote(dst, s)
	default:
		raw, err := dec.ReadValue()
		return append(dst, raw...), err
	}
}

func appendCanonicalObject(dst []byte, dec *jsontext.Decoder, depth int) ([]byte, error) {
	type member struct {
		key        string
		start, end int // of the rendered value in body
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	var members []member
	var body []byte
	for dec.PeekKind() != '}' {
		name, err := dec.ReadValue()
		if err != nil {
			return nil, err
		}
		key, err := unquote(name)
		if err != nil {
			return nil, err
		}
		m := member{key: string(key), start: len(body)}
		if body, err = appendCanonical(body, dec, depth+1); err != nil {
			return nil, err
		}
		m.end = len(body)
		members = append(members, m)
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	slices.SortFunc(members, func(a, b member) int { return bytes.Compare([]byte(a.key), []byte(b.key)) })
	dst = append(dst, '{')
	for i, m := range members {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendQuoted(dst, m.key), ':')
		dst = append(dst, body[m.start:m.end]...)
	}
	return append(dst, '}'), nil
}
