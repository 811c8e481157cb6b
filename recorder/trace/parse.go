package trace

import (
	"errors"
	"fmt"
	"slices"

	"github.com/hindsight-project/hindsight/recorder/lexer"
)

// parser takes JSON apart into leaves. It is strict: invalid UTF-8, duplicate
// keys and anything behind the value are errors, because a recording that
// silently chose one of two readings would not be honest.
//
// Of an object whose text before this one is known only what changed is taken
// apart, see change.
type parser struct {
	dict *dictionary
	json lexer.Lexer
	raw  []leaf   // in the order of the text
	keys []uint64 // of raw: path and index, to be sorted
	free []uint64 // to sort with

	// seen has, by path, the number of the parse that met it last: who meets it
	// twice has a duplicate key before it.
	seen   []uint32
	number uint32

	// follow has, by path, the one that came behind it below the same parent, and
	// first, by parent, the one that came first: objects of a kind have the same
	// keys, so that few have to be looked up.
	follow, first []uint32

	// texts remembers canonical texts by what they were made from: the field
	// sets of an object are the same in nearly all of its versions.
	texts      map[string]string
	textsBytes int

	// parts remembers the leaves of parts of objects, for the same reason.
	parts      map[part][]leaf
	partsBytes int

	known known
	made  tree // of what is parsed
	compared
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
	p.compared = compared{gone: p.gone[:0]}
	if err := p.run(root, data); err != nil {
		return nil, err
	}
	return p.sorted(), nil
}

// run parses data as far as it is not the same as before.
func (p *parser) run(root uint32, data []byte) error {
	if len(data) > maxData {
		return fmt.Errorf("%d bytes of JSON are more than the limit of %d", len(data), maxData)
	}
	p.json = lexer.Lexer{Data: data}
	p.raw, p.made.nodes, p.made.paths = p.raw[:0], p.made.nodes[:0], p.made.paths[:0]
	if p.number++; p.number == 0 { // it came around
		clear(p.seen)
		p.number = 1
	}
	p.json.Space()
	if err := p.value(root, 1); err != nil {
		return fmt.Errorf("not valid JSON: %w, at byte %d", err, p.json.Pos)
	}
	if p.json.Space(); p.json.Pos < len(data) {
		return fmt.Errorf("not valid JSON: something follows the value, at byte %d", p.json.Pos)
	}
	p.made.root, p.made.raw = root, data
	return nil
}

// sorted returns the leaves that were met by path id, in memory of their own. Ids
// are given in the order of the text, so that most leaves
// are in order already: runs of them are merged.
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
	if int(path) >= len(p.seen) {
		more := make([]uint32, len(p.dict.entries)+64-len(p.seen))
		p.seen, p.follow, p.first = append(p.seen, more...), append(p.follow, more...), append(p.first, more...)
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
	if c := p.json.Peek(); c == '{' || c == '[' {
		return p.container(path, depth)
	}
	v, err := p.scalar()
	if err != nil {
		return err
	}
	p.emit(path, v)
	return nil
}

// scalar reads a value that is neither object nor array.
func (p *parser) scalar() (value, error) {
	switch p.json.Peek() {
	case '"':
		text, err := p.json.Text()
		return stringValue(text), err
	case 'n':
		return value{kind: kindNull}, p.json.Literal("null")
	case 'f':
		return value{kind: kindFalse}, p.json.Literal("false")
	case 't':
		return value{kind: kindTrue}, p.json.Literal("true")
	}
	raw, err := p.json.Number()
	return numberValue(raw), err
}

func (p *parser) container(path uint32, depth int) error {
	at := p.match(path)
	if at >= 0 && p.takeOver(at) {
		return nil
	}
	node := p.open(path)
	err := p.inside(path, depth, at)
	p.close(node)
	return err
}

// inside reads an object or an array, which was the node at of the text before if
// that is not negative.
func (p *parser) inside(path uint32, depth, at int) error {
	if p.asText(path, depth) {
		raw := p.bracketed()
		text, err := p.text(raw)
		p.emit(path, value{kind: kindText, str: text})
		p.json.Pos += len(raw)
		return err
	}
	if at < 0 && depth == partDepth && p.dict.entries[path].step.key != "managedFields" {
		return p.part(path, depth)
	}
	return p.members(path, depth, at)
}

// bracketed returns the object or array that comes, as far as its brackets tell.
func (p *parser) bracketed() []byte {
	rest := p.json.Data[p.json.Pos:]
	return rest[:lexer.End(rest)]
}

// part reads a part that another object may have had already.
func (p *parser) part(path uint32, depth int) error {
	raw := p.bracketed()
	if known, ok := p.parts[part{path, string(raw)}]; ok {
		p.raw = append(p.raw, known...)
		for i := range known {
			p.made.paths = append(p.made.paths, known[i].path)
		}
		p.json.Pos += len(raw)
		return nil
	}
	first := len(p.raw)
	if err := p.members(path, depth, -1); err != nil { // else raw was what it seemed to be
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

// members reads what is in an object or array.
func (p *parser) members(path uint32, depth, at int) error {
	next, limit := p.next, p.limit
	p.next, p.limit = p.below(at)
	defer func() { p.next, p.limit = next, limit }()
	if p.json.Take('[') {
		return p.array(path, depth)
	}
	p.json.Pos++
	return p.object(path, depth)
}

func (p *parser) object(path uint32, depth int) error {
	if p.json.Space(); p.json.Take('}') {
		p.emit(path, value{kind: kindObject})
		return nil
	}
	for last := uint32(0); ; {
		key, err := p.json.Text()
		if err != nil {
			return err
		}
		last = p.child(path, last, key)
		if p.json.Space(); !p.json.Take(':') {
			return lexer.ErrSyntax
		}
		p.json.Space()
		if err := p.value(last, depth+1); err != nil {
			return err
		}
		if p.json.Space(); !p.json.Take(',') {
			break
		}
		p.json.Space()
	}
	if !p.json.Take('}') {
		return lexer.ErrSyntax
	}
	return nil
}

// child returns the path of a key below parent that comes behind the path last, 0
// if it is the first.
func (p *parser) child(parent, last uint32, key []byte) uint32 {
	guess := &p.first[parent]
	if last != 0 {
		guess = &p.follow[last]
	}
	if e := &p.dict.entries[*guess]; e.parent == parent && e.step.index < 0 && e.step.key == string(key) {
		return *guess
	}
	id := p.dict.child(parent, key)
	*guess = id
	return id
}

func (p *parser) array(path uint32, depth int) error {
	if p.json.Space(); p.json.Take(']') {
		p.emit(path, value{kind: kindArray})
		return nil
	}
	for i := 0; ; i++ {
		if err := p.value(p.dict.element(path, i), depth+1); err != nil {
			return err
		}
		if p.json.Space(); !p.json.Take(',') {
			break
		}
		p.json.Space()
	}
	if !p.json.Take(']') {
		return lexer.ErrSyntax
	}
	return nil
}

func (p *parser) emit(path uint32, v value) {
	p.raw = append(p.raw, leaf{path, v})
	p.made.paths = append(p.made.paths, path)
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
