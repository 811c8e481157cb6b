package trace

import (
	"errors"
	"fmt"
	"slices"
)

// parser takes JSON apart into leaves. It is strict: invalid UTF-8, duplicate
// keys and anything behind the value are errors, because a recording that
// silently chose one of two readings would not be honest.
type parser struct {
	dict *dictionary
	json scanner
	raw  []leaf   // in the order of the text
	keys []uint64 // of raw: path and index, to be sorted
	free []uint64 // to sort with

	// seen has, by path, the number of the parse that met it last: who meets it
	// twice has a duplicate key before it.
	seen   []uint32
	number uint32

	// texts remembers canonical texts by what they were made from: the field
	// sets of an object are the same in nearly all of its versions.
	texts      map[string]string
	textsBytes int

	// parts remembers the leaves of parts of objects, for the same reason.
	parts      map[part][]leaf
	partsBytes int
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

// parse returns the leaves of data below root, sorted by path id.
func (p *parser) parse(root uint32, data []byte) ([]leaf, error) {
	if len(data) > maxData {
		return nil, fmt.Errorf("%d bytes of JSON are more than the limit of %d", len(data), maxData)
	}
	p.raw, p.json = p.raw[:0], scanner{data: data}
	if p.number++; p.number == 0 { // it came around
		clear(p.seen)
		p.number = 1
	}
	p.json.space()
	if err := p.value(root, 1); err != nil {
		return nil, fmt.Errorf("not valid JSON: %w, at byte %d", err, p.json.pos)
	}
	if p.json.space(); p.json.pos < len(data) {
		return nil, fmt.Errorf("not valid JSON: something follows the value, at byte %d", p.json.pos)
	}
	return p.sorted(), nil
}

// sorted returns the leaves by path id, in memory of their own. Ids are given in
// the order of the text, so that most leaves are in order already: runs of them
// are merged.
func (p *parser) sorted() []leaf {
	keys := p.keys[:0]
	for i := range p.raw {
		keys = append(keys, uint64(p.raw[i].path)<<32|uint64(i))
	}
	p.free = slices.Grow(p.free[:0], len(keys))[:len(keys)]
	p.keys, p.free = mergeRuns(keys, p.free)
	leaves := make([]leaf, len(p.keys))
	for i, key := range p.keys {
		leaves[i] = p.raw[uint32(key)]
	}
	return leaves
}

// mergeRuns sorts keys by merging ascending runs, two at a time, from one slice
// into the other. It returns the sorted one first.
func mergeRuns(keys, free []uint64) (sorted, other []uint64) {
	for {
		runs, out := 0, free[:0]
		for rest := keys; len(rest) > 0; runs++ {
			var a, b []uint64
			a, rest = cutRun(rest)
			b, rest = cutRun(rest)
			out = merge(out, a, b)
		}
		if runs <= 1 {
			return out, keys
		}
		keys, free = out, keys
	}
}

func cutRun(keys []uint64) (run, rest []uint64) {
	n := min(1, len(keys))
	for n < len(keys) && keys[n-1] < keys[n] {
		n++
	}
	return keys[:n], keys[n:]
}

func merge(out, a, b []uint64) []uint64 {
	for len(a) > 0 && len(b) > 0 {
		if a[0] < b[0] {
			out, a = append(out, a[0]), a[1:]
		} else {
			out, b = append(out, b[0]), b[1:]
		}
	}
	return append(append(out, a...), b...)
}

var errDuplicate = errors.New("a key is there twice")

// enter notes that a path is met.
func (p *parser) enter(path uint32) error {
	for int(path) >= len(p.seen) {
		p.seen = append(p.seen, make([]uint32, len(p.dict.entries)+64)...)
	}
	if p.seen[path] == p.number {
		return errDuplicate
	}
	p.seen[path] = p.number
	return nil
}

func (p *parser) value(path uint32, depth int) error {
	if err := p.enter(path); err != nil {
		return err
	}
	c := p.json.peek()
	if c == '{' || c == '[' {
		return p.container(path, depth)
	}
	v, err := p.json.scalar()
	if err != nil {
		return err
	}
	p.emit(path, v)
	return nil
}

func (p *parser) container(path uint32, depth int) error {
	if p.asText(path, depth) {
		raw := p.json.bracketed()
		text, err := p.text(raw)
		p.emit(path, value{kind: kindText, str: text})
		p.json.pos += len(raw)
		return err
	}
	if depth != partDepth || p.dict.entries[path].step.key == "managedFields" {
		return p.inside(path, depth)
	}
	raw := p.json.bracketed()
	if known, ok := p.parts[part{path, string(raw)}]; ok {
		p.raw = append(p.raw, known...)
		p.json.pos += len(raw)
		return nil
	}
	first := len(p.raw)
	if err := p.inside(path, depth); err != nil { // else raw was what it seemed to be
		return err
	}
	if p.partsBytes += len(raw); p.parts == nil || p.partsBytes > maxParts {
		p.parts, p.partsBytes = map[part][]leaf{}, len(raw)
	}
	p.parts[part{path, string(raw)}] = slices.Clone(p.raw[first:])
	return nil
}

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

func (p *parser) inside(path uint32, depth int) error {
	if p.json.peek() == '[' {
		return p.array(path, depth)
	}
	return p.object(path, depth)
}

func (p *parser) object(path uint32, depth int) error {
	p.json.pos++
	if p.json.space(); p.json.take('}') {
		p.emit(path, value{kind: kindObject})
		return nil
	}
	for {
		key, err := p.json.text()
		if err != nil {
			return err
		}
		child := p.dict.child(path, key)
		if p.json.space(); !p.json.take(':') {
			return errSyntax
		}
		p.json.space()
		if err := p.value(child, depth+1); err != nil {
			return err
		}
		if p.json.space(); !p.json.take(',') {
			break
		}
		p.json.space()
	}
	if !p.json.take('}') {
		return errSyntax
	}
	return nil
}

func (p *parser) array(path uint32, depth int) error {
	p.json.pos++
	if p.json.space(); p.json.take(']') {
		p.emit(path, value{kind: kindArray})
		return nil
	}
	for i := 0; ; i++ {
		if err := p.value(p.dict.element(path, i), depth+1); err != nil {
			return err
		}
		if p.json.space(); !p.json.take(',') {
			break
		}
		p.json.space()
	}
	if !p.json.take(']') {
		return errSyntax
	}
	return nil
}

func (p *parser) emit(path uint32, v value) {
	p.raw = append(p.raw, leaf{path, v})
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
