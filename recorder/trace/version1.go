package trace

import (
	"fmt"
	"slices"
	"unicode/utf8"
)

// Blocks of version 1 are read and never written: see the package documentation.

// The columns of their index section.
const (
	col1Type = iota
	col1Source
	col1Flags
	col1Object
	col1Root
	col1Time
	col1NotBefore
	col1Wall
	col1Seq
	col1Ops
	indexColumns1
)

// The columns of their payload section.
const (
	col1Path = iota
	col1Kind
	col1Num
	col1Len
	col1Bytes
	payloadColumns1
)

func readTable(c *cursor) []string {
	t := make([]string, 0, 8)
	for n := c.count(); n > 0 && c.err == nil; n-- {
		t = append(t, string(c.bytes()))
	}
	return t
}

func (p *replay) decode1(b *block, visit func(*record) error) error {
	rawIndex, err := b.index.open()
	if err != nil {
		return err
	}
	decoder, err := p.shared.decoder(b.dictionary)
	if err != nil {
		return err
	}
	free := payloads.Get().(*[]byte)
	defer payloads.Put(free)
	rawPayload, err := b.payload.openWith(decoder, *free)
	if err != nil {
		return err
	}
	if len(rawPayload) > len(b.payload.stored) { // else it may be the file's own bytes
		*free = rawPayload
	}
	c := cursor{b: rawIndex}
	types, sources := readTable(&c), readTable(&c)
	index := splitColumns(&c, indexColumns1)
	c2 := cursor{b: rawPayload}
	payload := splitColumns(&c2, payloadColumns1)
	if c.err != nil || c2.err != nil || b.count > len(index[col1Flags].b) {
		return errShort
	}
	p.chain = map[uint32][]leaf{}
	rec := record{}
	for i := range b.count {
		rec.seq = b.first + uint64(i)
		if err := p.entry1(&rec, index, types, sources); err != nil {
			return err
		}
		if p.limit > 0 && rec.seq > p.limit {
			return ErrStop
		}
		n := index[col1Ops].uvarint()
		if n > uint64(len(payload[col1Kind].b)) {
			return fmt.Errorf("%w: an event claims %d changes", ErrFormat, n)
		}
		wanted := p.wanted == nil || p.wanted(rec.object)
		if err := p.apply1(&rec, payload, int(n), wanted); err != nil {
			return err
		}
		for j := range index {
			if index[j].err != nil {
				return index[j].err
			}
		}
		if wanted {
			if err := visit(&rec); err != nil {
				return err
			}
		}
		p.end(&rec)
	}
	return nil
}

// outline1 decodes the index.
func (p *replay) outline1(b *block, visit func(i int, r *record)) error {
	rawIndex, err := b.index.open()
	if err != nil {
		return err
	}
	c := cursor{b: rawIndex}
	types, sources := readTable(&c), readTable(&c)
	index := splitColumns(&c, indexColumns1)
	if c.err != nil || b.count > len(index[col1Flags].b) {
		return errShort
	}
	rec := record{}
	for i := range b.count {
		if err := p.entry1(&rec, index, types, sources); err != nil {
			return err
		}
		visit(i, &rec)
	}
	return nil
}

// entry1 decodes the index columns of one event.
func (p *replay) entry1(r *record, index []cursor, types, sources []string) error {
	flags := index[col1Flags].uvarint()
	typ, source := index[col1Type].uvarint(), index[col1Source].uvarint()
	object := index[col1Object].uvarint()
	if typ >= uint64(len(types)) || source >= uint64(len(sources)) || object >= uint64(p.objects.count()) {
		return fmt.Errorf("%w: an event names a type, source or object that does not exist", ErrFormat)
	}
	r.typ, r.source, r.object = Type(types[typ]), Source(sources[source]), uint32(object)
	r.inferred, r.fresh = flags&flagInferred != 0, flags&flagFresh != 0
	r.time += index[col1Time].varint()
	r.notBefore, r.wall, r.root = r.time, 0, 0
	if r.fresh {
		root := index[col1Root].uvarint()
		if root >= uint64(len(p.dict.entries)) {
			return fmt.Errorf("%w: an event has a root that does not exist", ErrFormat)
		}
		r.root = uint32(root)
	}
	if flags&flagNotBefore != 0 {
		r.notBefore -= index[col1NotBefore].varint()
	}
	if flags&flagWall != 0 {
		r.wall = index[col1Wall].varint()
	}
	if flags&flagSeq != 0 {
		r.seq = index[col1Seq].uvarint()
	}
	return nil
}

// apply1 decodes n changes and applies them to the state that they belong to.
func (p *replay) apply1(r *record, payload []cursor, n int, wanted bool) error {
	base := p.live[r.object]
	if r.fresh {
		base = p.chain[r.root]
	}
	if !wanted && !r.fresh {
		r.ops, r.leaves = nil, nil
		return skip(payload, n)
	}
	p.ops = p.ops[:0]
	path := uint64(0)
	for range n {
		path += payload[col1Path].uvarint()
		k := kind(payload[col1Kind].take(1)[0])
		if path >= uint64(len(p.dict.entries)) || path == 0 || k > kindLast {
			return fmt.Errorf("%w: a change of path %d is of kind %d", ErrFormat, path, k)
		}
		o := op{path: uint32(path), new: value{kind: k}, rel: k.isNumeric()}
		selected := p.mask == nil || p.mask[path]
		switch {
		case k.isNumeric():
			o.new.num = payload[col1Num].varint()
		case k.isBytes():
			s := payload[col1Bytes].take(int(min(payload[col1Len].uvarint(), maxSection)))
			if selected {
				if !utf8.Valid(s) {
					return fmt.Errorf("%w: a string is not UTF-8", ErrFormat)
				}
				o.new.str = string(s)
			}
		}
		if !selected {
			continue
		}
		if p.ranks != nil {
			o.path = p.ranks.rank[path]
		}
		p.ops = append(p.ops, o)
	}
	for i := range payload {
		if payload[i].err != nil {
			return payload[i].err
		}
	}
	r.ops = p.ops
	if p.ranks != nil {
		slices.SortFunc(p.ops, func(a, b op) int { return int(a.path) - int(b.path) })
	}
	if r.fresh { // the chain goes on from it
		base = slices.Clone(base)
	}
	r.leaves = patch(base, p.ops)
	if r.fresh {
		p.chain[r.root] = slices.Clone(r.leaves)
	}
	if r.typ.IsObject() && wanted {
		p.live[r.object] = r.leaves
		if p.stamp != nil {
			p.stamp(r)
		}
	}
	return nil
}

// skip passes over n changes.
func skip(payload []cursor, n int) error {
	numbers, texts, size := 0, 0, 0
	for _, k := range payload[col1Kind].take(n) {
		if kind(k).isNumeric() {
			numbers++
		} else if kind(k).isBytes() {
			texts++
		}
	}
	payload[col1Path].skipVarints(n)
	payload[col1Num].skipVarints(numbers)
	for range texts {
		size += int(min(payload[col1Len].uvarint(), maxSection))
	}
	payload[col1Bytes].take(size)
	for i := range payload {
		if payload[i].err != nil {
			return payload[i].err
		}
	}
	return nil
}
