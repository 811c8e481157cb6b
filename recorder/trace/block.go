package trace

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"
)

// blockMagic opens every block; its second byte is the version of the layout.
var blockMagic = [2]byte{0xB1, 1}

// Flags of an entry.
const (
	flagInferred  = 1 << iota // nobody observed it
	flagFresh                 // the object had no state before: ops are against the chain
	flagNotBefore             // NotBefore differs from Time
	flagWall                  // the wall clock is not Run.Start + Time
	flagSeq                   // a seq of its own: entries of a checkpoint
)

// entry is one event on its way into a block.
type entry struct {
	seq       uint64
	time      int64 // ns since the start of the trace
	notBefore int64
	wall      int64 // ns that the wall clock is ahead of start + time
	source    Source
	typ       Type
	inferred  bool
	object    uint32 // 0: none
	root      uint32
	fresh     bool
	leaves    []leaf // fresh: the whole state, sorted by path id
	ops       []op   // otherwise: what changed, sorted by path id

	// Of the state of an object in the Writer: see link.
	links  int
	linked uint64
}

// weight is how much there is for a block.
type weight struct{ events, leaves, bytes int }

func (w *weight) add(e *entry) {
	w.events++
	w.leaves += len(e.ops)
	for i := range e.ops {
		w.bytes += len(e.ops[i].new.str)
	}
	if !e.fresh {
		return
	}
	w.leaves += len(e.leaves)
	for i := range e.leaves {
		w.bytes += len(e.leaves[i].str)
	}
}

func (w *weight) full() bool {
	return w.events >= blockEvents || w.leaves >= blockLeaves || w.bytes >= blockBytes
}

// op is the change of one leaf; a kindAbsent stands for no leaf on that side.
type op struct {
	path     uint32
	old, new value
}

// diff appends what leads from the leaves old to the leaves new, both sorted.
func diff(dst []op, old, new []leaf) []op {
	for len(old) > 0 || len(new) > 0 {
		switch {
		case len(new) == 0 || len(old) > 0 && old[0].path < new[0].path:
			dst = append(dst, op{path: old[0].path, old: old[0].value})
			old = old[1:]
		case len(old) == 0 || new[0].path < old[0].path:
			dst = append(dst, op{path: new[0].path, new: new[0].value})
			new = new[1:]
		default:
			if old[0].value != new[0].value {
				dst = append(dst, op{old[0].path, old[0].value, new[0].value})
			}
			old, new = old[1:], new[1:]
		}
	}
	return dst
}

// columns are byte streams that are compressed together: what is alike lies
// side by side.
type columns [][]byte

func (c columns) uvarint(i int, v uint64) { c[i] = binary.AppendUvarint(c[i], v) }
func (c columns) varint(i int, v int64)   { c[i] = binary.AppendVarint(c[i], v) }

func (c columns) join(dst []byte) []byte {
	for _, col := range c {
		dst = binary.AppendUvarint(dst, uint64(len(col)))
		dst = append(dst, col...)
	}
	return dst
}

func splitColumns(c *cursor, n int) []cursor {
	cols := make([]cursor, n)
	for i := range cols {
		cols[i].b = c.bytes()
	}
	return cols
}

// The columns of the index section.
const (
	colType = iota
	colSource
	colFlags
	colObject
	colRoot
	colTime
	colNotBefore
	colWall
	colSeq
	colOps
	indexColumns
)

// The columns of the payload section.
const (
	colPath = iota
	colKind
	colNum
	colLen
	colBytes
	payloadColumns
)

// codec is how a block is compressed.
type codec struct {
	sections   *zstd.Encoder
	payload    *zstd.Encoder
	dictionary uint64 // first seq of the block whose payload is the dictionary; 0: none
}

var tailCodec = codec{sections: tailEncoder, payload: tailEncoder}

// encodeBlock encodes entries. Their seqs are consecutive unless ownSeq is set,
// as in a checkpoint. It returns the payload as well, which may become a
// dictionary.
func encodeBlock(entries []entry, ownSeq bool, c codec) (encoded, raw []byte) {
	var types, sources table
	index, payload := make(columns, indexColumns), make(columns, payloadColumns)
	var paths, objects []uint32
	chain := map[uint32][]leaf{}
	var ops []op
	lastTime := int64(0)
	for i := range entries {
		e := &entries[i]
		ops = e.ops
		if e.fresh {
			ops = diff(nil, chain[e.root], e.leaves)
			chain[e.root] = e.leaves
			paths = append(paths, e.root)
			for _, l := range e.leaves {
				paths = append(paths, l.path)
			}
		}
		if e.typ == Deleted {
			paths = append(paths, e.root)
		}
		for _, o := range ops {
			paths = append(paths, o.path)
			encodeOp(payload, o)
		}
		objects = append(objects, e.object)
		index.uvarint(colType, types.id(string(e.typ)))
		index.uvarint(colSource, sources.id(string(e.source)))
		index.uvarint(colObject, uint64(e.object))
		index.varint(colTime, e.time-lastTime)
		lastTime = e.time
		index.uvarint(colOps, uint64(len(ops)))
		encodeFlags(index, e, ownSeq)
		encodePaths(payload, ops)
	}
	first, last := entries[0], entries[len(entries)-1]
	head := append([]byte{}, blockMagic[:]...)
	head = binary.AppendUvarint(head, uint64(len(entries)))
	head = binary.AppendVarint(head, first.time)
	head = binary.AppendVarint(head, last.time)
	head = binary.AppendUvarint(head, c.dictionary)
	dst := binary.LittleEndian.AppendUint32(nil, crc(head))
	dst = append(binary.AppendUvarint(dst, uint64(len(head))), head...)
	dst = appendSection(dst, c.sections, appendSet(nil, paths))
	dst = appendSection(dst, c.sections, appendSet(nil, objects))
	dst = appendSection(dst, c.sections, index.join(sources.append(types.append(nil))))
	raw = payload.join(nil)
	return appendSection(dst, c.payload, raw), raw
}

func encodeFlags(index columns, e *entry, ownSeq bool) {
	flags := uint64(0)
	if e.inferred {
		flags |= flagInferred
	}
	if e.fresh {
		flags |= flagFresh
		index.uvarint(colRoot, uint64(e.root))
	}
	if e.notBefore != e.time {
		flags |= flagNotBefore
		index.varint(colNotBefore, e.time-e.notBefore)
	}
	if e.wall != 0 {
		flags |= flagWall
		index.varint(colWall, e.wall)
	}
	if ownSeq {
		flags |= flagSeq
		index.uvarint(colSeq, e.seq)
	}
	index.uvarint(colFlags, flags)
}

// encodePaths appends the paths of one event, each as the difference from the
// one before.
func encodePaths(payload columns, ops []op) {
	last := uint32(0)
	for _, o := range ops {
		payload.uvarint(colPath, uint64(o.path-last))
		last = o.path
	}
}

func encodeOp(payload columns, o op) {
	payload[colKind] = append(payload[colKind], byte(o.new.kind))
	switch {
	case o.new.kind.isNumeric():
		base := int64(0)
		if o.old.kind == o.new.kind {
			base = o.old.num
		}
		payload.varint(colNum, o.new.num-base)
	case o.new.kind.isBytes():
		payload.uvarint(colLen, uint64(len(o.new.str)))
		payload[colBytes] = append(payload[colBytes], o.new.str...)
	}
}

// table numbers the few strings of a block.
type table struct{ strings []string }

func (t *table) id(s string) uint64 {
	i := slices.Index(t.strings, s)
	if i < 0 {
		i = len(t.strings)
		t.strings = append(t.strings, s)
	}
	return uint64(i)
}

func (t *table) append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(t.strings)))
	for _, s := range t.strings {
		dst = append(binary.AppendUvarint(dst, uint64(len(s))), s...)
	}
	return dst
}

func readTable(c *cursor) []string {
	t := make([]string, 0, 8)
	for n := c.count(); n > 0 && c.err == nil; n-- {
		t = append(t, string(c.bytes()))
	}
	return t
}

// appendSet appends ids, sorted and without repetition, as differences.
func appendSet(dst []byte, ids []uint32) []byte {
	slices.Sort(ids)
	ids = slices.Compact(ids)
	dst = binary.AppendUvarint(dst, uint64(len(ids)))
	last := uint32(0)
	for _, id := range ids {
		dst = binary.AppendUvarint(dst, uint64(id-last))
		last = id
	}
	return dst
}

// block is a block that has been located but not decompressed.
type block struct {
	first          uint64 // seq
	count          int
	from, to       int64 // time of the first and the last entry, ns
	paths, objects section
	index, payload section
	dictionary     uint64 // first seq of the block that is the dictionary of the payload; 0: none
}

func (b *block) last() uint64 { return b.first + uint64(b.count) - 1 }

// parseBlock reads the head of a block and locates its sections.
func parseBlock(first uint64, raw []byte) (*block, error) {
	c := cursor{b: raw}
	sum := binary.LittleEndian.Uint32(c.take(4))
	head := c.bytes()
	if c.err != nil {
		return nil, c.err
	}
	if crc(head) != sum {
		return nil, fmt.Errorf("%w: the checksum of block %d does not match: the file is damaged", ErrFormat, first)
	}
	h := cursor{b: head}
	if magic := h.take(2); h.err != nil || magic[0] != blockMagic[0] || magic[1] != blockMagic[1] {
		return nil, fmt.Errorf("%w: block %d is not of a kind that this version knows", ErrFormat, first)
	}
	b := &block{first: first}
	count := h.uvarint()
	b.from, b.to, b.dictionary = h.varint(), h.varint(), h.uvarint()
	if h.err != nil || count == 0 || count > maxSection {
		return nil, fmt.Errorf("%w: block %d claims %d events", ErrFormat, first, count)
	}
	b.count = int(count)
	rest := c.b
	for _, s := range []*section{&b.paths, &b.objects, &b.index, &b.payload} {
		var err error
		if *s, rest, err = cutSection(rest); err != nil {
			return nil, fmt.Errorf("block %d: %w", first, err)
		}
	}
	return b, nil
}

// set decodes a section of ids and calls visit until it returns false.
func (s section) set(visit func(id uint32) bool) error {
	raw, err := s.open()
	if err != nil {
		return err
	}
	c := cursor{b: raw}
	id := uint64(0)
	for n := c.count(); n > 0 && c.err == nil; n-- {
		id += c.uvarint()
		if id > maxObjects {
			return fmt.Errorf("%w: id %d is out of range", ErrFormat, id)
		}
		if !visit(uint32(id)) {
			return nil
		}
	}
	return c.err
}

// intersects reports whether the set holds an id that wanted accepts.
func (s section) intersects(wanted func(id uint32) bool) (bool, error) {
	found := false
	err := s.set(func(id uint32) bool {
		found = wanted(id)
		return !found
	})
	return found, err
}

// record is one event as it comes out of a block.
type record struct {
	seq             uint64
	time, notBefore int64
	wall            int64
	source          Source
	typ             Type
	inferred, fresh bool
	object          uint32
	root            uint32 // path id; fresh only
	ops             []op   // those selected; paths as in leaves; old is not filled
	leaves          []leaf // the state after the event; valid until the next one
}

// replay decodes blocks one after the other and keeps the state of the objects.
type replay struct {
	shared  *shared
	paths   int                  // number of path ids
	ranks   *ranking             // nil: states keep path ids
	mask    []bool               // by path id; nil: every path is kept
	wanted  func(id uint32) bool // by object id; nil: every object is kept
	roots   map[uint32]bool      // those of new objects that are wanted, path ids; nil: all
	objects int                  // number of object ids
	stamp   func(*record)        // called for every version that becomes live, if set
	limit   uint64               // seq of the last event to apply; 0: all
	last    []uint64             // seq of the last event, by object id, after which its state is let go; nil: kept
	live    map[uint32][]leaf
	chain   map[uint32][]leaf
	ops     []op
}

// touches reports whether a block is about an object that is wanted.
func (p *replay) touches(b *block) (bool, error) {
	if p.wanted == nil {
		return true, nil
	}
	return b.objects.intersects(p.wanted)
}

// run decodes one block. Events of objects that are not wanted are not visited.
// It ends with ErrStop after the event limit.
func (p *replay) run(b *block, visit func(*record) error) error {
	var visited error
	err := p.decode(b, func(r *record) error {
		visited = visit(r)
		return visited
	})
	if err != nil && visited == nil && !errors.Is(err, ErrStop) {
		return fmt.Errorf("events %d to %d: %w", b.first, b.last(), err)
	}
	return err
}

// payloads has the memory of payloads that were read: what a record has of them
// is copied.
var payloads = sync.Pool{New: func() any { return new([]byte) }}

func (p *replay) decode(b *block, visit func(*record) error) error {
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
	index := splitColumns(&c, indexColumns)
	c2 := cursor{b: rawPayload}
	payload := splitColumns(&c2, payloadColumns)
	if c.err != nil || c2.err != nil || b.count > len(index[colFlags].b) {
		return fmt.Errorf("%w: the columns of the block are cut short", ErrFormat)
	}
	p.chain = map[uint32][]leaf{}
	rec := record{}
	for i := range b.count {
		rec.seq = b.first + uint64(i)
		if err := p.entry(&rec, index, types, sources); err != nil {
			return err
		}
		if p.limit > 0 && rec.seq > p.limit {
			return ErrStop
		}
		n := index[colOps].uvarint()
		if n > uint64(len(payload[colKind].b)) {
			return fmt.Errorf("%w: an event claims %d changes", ErrFormat, n)
		}
		wanted := p.wanted == nil || p.wanted(rec.object)
		if err := p.apply(&rec, payload, int(n), wanted); err != nil {
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
		if rec.typ == Deleted || p.isLast(&rec) {
			delete(p.live, rec.object)
		}
	}
	return nil
}

// isLast reports whether an event is known to be the last of its object.
func (p *replay) isLast(r *record) bool { return p.last != nil && p.last[r.object] == r.seq }

// outline decodes the index of a block: which event is about which object.
func (p *replay) outline(b *block, visit func(i int, r *record)) error {
	rawIndex, err := b.index.open()
	if err != nil {
		return fmt.Errorf("events %d to %d: %w", b.first, b.last(), err)
	}
	c := cursor{b: rawIndex}
	types, sources := readTable(&c), readTable(&c)
	index := splitColumns(&c, indexColumns)
	if c.err != nil || b.count > len(index[colFlags].b) {
		return fmt.Errorf("%w: the columns of block %d are cut short", ErrFormat, b.first)
	}
	rec := record{}
	for i := range b.count {
		if err := p.entry(&rec, index, types, sources); err != nil {
			return fmt.Errorf("events %d to %d: %w", b.first, b.last(), err)
		}
		visit(i, &rec)
	}
	return nil
}

// entry decodes the index columns of one event.
func (p *replay) entry(r *record, index []cursor, types, sources []string) error {
	flags := index[colFlags].uvarint()
	typ, source := index[colType].uvarint(), index[colSource].uvarint()
	object := index[colObject].uvarint()
	if typ >= uint64(len(types)) || source >= uint64(len(sources)) || object >= uint64(p.objects) {
		return fmt.Errorf("%w: an event names a type, source or object that does not exist", ErrFormat)
	}
	r.typ, r.source, r.object = Type(types[typ]), Source(sources[source]), uint32(object)
	r.inferred, r.fresh = flags&flagInferred != 0, flags&flagFresh != 0
	r.time += index[colTime].varint()
	r.notBefore, r.wall, r.root = r.time, 0, 0
	if r.fresh {
		root := index[colRoot].uvarint()
		if root >= uint64(p.paths) {
			return fmt.Errorf("%w: an event has a root that does not exist", ErrFormat)
		}
		r.root = uint32(root)
	}
	if flags&flagNotBefore != 0 {
		r.notBefore -= index[colNotBefore].varint()
	}
	if flags&flagWall != 0 {
		r.wall = index[colWall].varint()
	}
	if flags&flagSeq != 0 {
		r.seq = index[colSeq].uvarint()
	}
	return nil
}

// apply decodes n changes and applies them to the state that they belong to.
func (p *replay) apply(r *record, payload []cursor, n int, wanted bool) error {
	base := p.live[r.object]
	if r.fresh {
		base = p.chain[r.root]
	}
	if keep := wanted || r.fresh && (p.roots == nil || p.roots[r.root]); !keep {
		r.ops, r.leaves = nil, nil
		return skip(payload, n)
	}
	p.ops = p.ops[:0]
	path := uint64(0)
	for range n {
		path += payload[colPath].uvarint()
		k := kind(payload[colKind].take(1)[0])
		if path >= uint64(p.paths) || path == 0 || k > kindLast {
			return fmt.Errorf("%w: a change of path %d is of kind %d", ErrFormat, path, k)
		}
		o := op{path: uint32(path), new: value{kind: k}}
		selected := p.mask == nil || p.mask[path]
		switch {
		case k.isNumeric():
			o.new.num = payload[colNum].varint()
		case k.isBytes():
			s := payload[colBytes].take(int(min(payload[colLen].uvarint(), maxSection)))
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
	r.leaves = patch(base, p.ops, r.fresh)
	lives := r.typ.IsObject() && wanted && !p.isLast(r)
	if r.fresh {
		p.chain[r.root] = r.leaves
		if lives { // it is changed in place
			r.leaves = slices.Clone(r.leaves)
		}
	}
	if lives {
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
	for _, k := range payload[colKind].take(n) {
		if kind(k).isNumeric() {
			numbers++
		} else if kind(k).isBytes() {
			texts++
		}
	}
	payload[colPath].skipVarints(n)
	payload[colNum].skipVarints(numbers)
	for range texts {
		size += int(min(payload[colLen].uvarint(), maxSection))
	}
	payload[colBytes].take(size)
	for i := range payload {
		if payload[i].err != nil {
			return payload[i].err
		}
	}
	return nil
}

// patch applies changes to leaves, both sorted. It works in place unless fresh
// is set or leaves come or go.
func patch(base []leaf, ops []op, fresh bool) []leaf {
	inPlace := !fresh
	for at, i := 0, 0; i < len(ops); i++ {
		for at < len(base) && base[at].path < ops[i].path {
			at++
		}
		found := at < len(base) && base[at].path == ops[i].path
		if found && ops[i].new.kind == base[at].kind && ops[i].new.kind.isNumeric() {
			ops[i].new.num += base[at].num
		}
		if found == (ops[i].new.kind == kindAbsent) {
			inPlace = false
		}
		if found {
			ops[i].old = base[at].value
		}
	}
	if inPlace {
		at := 0
		for _, o := range ops {
			for base[at].path < o.path {
				at++
			}
			base[at].value = o.new
		}
		return base
	}
	dst := make([]leaf, 0, len(base)+len(ops))
	for _, o := range ops {
		for len(base) > 0 && base[0].path < o.path {
			dst = append(dst, base[0])
			base = base[1:]
		}
		if len(base) > 0 && base[0].path == o.path {
			base = base[1:]
		}
		if o.new.kind != kindAbsent {
			dst = append(dst, leaf{o.path, o.new})
		}
	}
	return append(dst, base...)
}
