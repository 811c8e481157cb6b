package trace

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// parser takes JSON apart into leaves. It is strict: invalid UTF-8, duplicate
// keys and anything behind the value are errors, because a recording that
// silently chose one of two readings would not be honest.
type parser struct {
	dict   *dictionary
	leaves []leaf
	dec    *jsontext.Decoder // one of the two below
	outer  source            // of what is parsed
	inner  source            // of a part of it

	// texts remembers canonical texts by what they were made from: the field
	// sets of an object are the same in nearly all of its versions.
	texts      map[string]string
	textsBytes int

	// parts remembers the leaves of parts of objects, for the same reason.
	parts      map[part][]leaf
	partsBytes int
}

// source is a decoder that is used again and again.
type source struct {
	dec jsontext.Decoder
	buf bytes.Reader
}

func (s *source) reset(data []byte) *jsontext.Decoder {
	s.buf.Reset(data)
	s.dec.Reset(&s.buf)
	return &s.dec
}

// part is a JSON value at a path.
type part struct {
	path uint32
	text string
}

// partDepth is where parts are remembered: spec.containers, status.conditions.
const partDepth = 3

// These bound the bytes of JSON that a parser remembers, as text and as leaves,
// which take several times as much.
const (
	maxTexts = 4 << 20
	maxParts = 1 << 20
)

// text returns the canonical form of one JSON value.
func (p *parser) text(raw []byte) (string, error) {
	if text, ok := p.texts[string(raw)]; ok {
		return text, nil
	}
	canon, err := canonical(raw)
	if err != nil {
		return "", err
	}
	if p.textsBytes += 2 * len(raw); p.texts == nil || p.textsBytes > maxTexts {
		p.texts, p.textsBytes = map[string]string{}, 2*len(raw)
	}
	text := string(canon)
	p.texts[string(raw)] = text
	return text, nil
}

// parse returns the leaves of data below root, sorted by path id. The result
// is valid until the next call.
func (p *parser) parse(root uint32, data []byte) ([]leaf, error) {
	if len(data) > maxData {
		return nil, fmt.Errorf("%d bytes of JSON are more than the limit of %d", len(data), maxData)
	}
	p.leaves = p.leaves[:0]
	p.dec = p.outer.reset(data)
	if err := p.value(root, 1); err != nil {
		return nil, fmt.Errorf("not valid JSON: %w", err)
	}
	if _, err := p.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("not valid JSON: something follows the value, at byte %d", p.dec.InputOffset())
	}
	slices.SortFunc(p.leaves, func(a, b leaf) int { return int(a.path) - int(b.path) })
	return p.leaves, nil
}

func (p *parser) value(path uint32, depth int) error {
	kind := p.dec.PeekKind()
	if (kind == '{' || kind == '[') && p.asText(path, depth) {
		raw, err := p.dec.ReadValue()
		if err != nil {
			return err
		}
		text, err := p.text(raw)
		if err != nil {
			return err
		}
		p.emit(path, value{kind: kindText, str: text})
		return nil
	}
	if (kind == '{' || kind == '[') && depth == partDepth && p.dict.entries[path].step.key != "managedFields" {
		return p.part(path)
	}
	switch kind {
	case '{':
		return p.object(path, depth)
	case '[':
		return p.array(path, depth)
	}
	raw, err := p.dec.ReadValue()
	if err != nil {
		return err
	}
	switch kind {
	case 'n':
		p.emit(path, value{kind: kindNull})
	case 'f':
		p.emit(path, value{kind: kindFalse})
	case 't':
		p.emit(path, value{kind: kindTrue})
	case '"':
		s, err := unquote(raw)
		if err != nil {
			return err
		}
		p.emit(path, stringValue(s))
	default:
		p.emit(path, numberValue(raw))
	}
	return nil
}

// part takes an object or array apart that may have been seen before.
func (p *parser) part(path uint32) error {
	raw, err := p.dec.ReadValue()
	if err != nil {
		return err
	}
	if known, ok := p.parts[part{path, string(raw)}]; ok {
		p.leaves = append(p.leaves, known...)
		return nil
	}
	first := len(p.leaves)
	p.dec = p.inner.reset(raw)
	if raw[0] == '{' {
		err = p.object(path, partDepth)
	} else {
		err = p.array(path, partDepth)
	}
	p.dec = &p.outer.dec
	if err != nil {
		return err
	}
	if p.partsBytes += len(raw); p.parts == nil || p.partsBytes > maxParts {
		p.parts, p.partsBytes = map[part][]leaf{}, len(raw)
	}
	p.parts[part{path, string(raw)}] = slices.Clone(p.leaves[first:])
	return nil
}

func (p *parser) object(path uint32, depth int) error {
	if _, err := p.dec.ReadToken(); err != nil {
		return err
	}
	if p.dec.PeekKind() == '}' {
		p.emit(path, value{kind: kindObject})
	}
	for p.dec.PeekKind() != '}' {
		name, err := p.dec.ReadValue()
		if err != nil {
			return err
		}
		key, err := unquote(name)
		if err != nil {
			return err
		}
		if err := p.value(p.dict.child(path, key), depth+1); err != nil {
			return err
		}
	}
	_, err := p.dec.ReadToken()
	return err
}

func (p *parser) array(path uint32, depth int) error {
	if _, err := p.dec.ReadToken(); err != nil {
		return err
	}
	if p.dec.PeekKind() == ']' {
		p.emit(path, value{kind: kindArray})
	}
	for i := 0; p.dec.PeekKind() != ']'; i++ {
		if err := p.value(p.dict.element(path, i), depth+1); err != nil {
			return err
		}
	}
	_, err := p.dec.ReadToken()
	return err
}

func (p *parser) emit(path uint32, v value) {
	p.leaves = append(p.leaves, leaf{path, v})
}

// asText says where a tree is kept as one text: where it is nested too deeply,
// where the dictionary is crowded, and the field sets of metadata.managedFields,
// which are deep, differ in every key from object to object, and are only ever
// read whole.
func (p *parser) asText(path uint32, depth int) bool {
	if depth > maxDepth || depth > 2 && p.dict.crowded() {
		return true
	}
	e := p.dict.entries[path]
	return e.step.key == "fieldsV1" && p.dict.entries[p.dict.entries[e.parent].parent].step.key == "managedFields"
}

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
