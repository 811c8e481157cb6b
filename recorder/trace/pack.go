package trace

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// The columns of the index section, behind the shapes of the block.
const (
	colShape = iota
	colObject
	colMet
	colTime
	colNotBefore
	colWall
	colSeq
	indexColumns
)

// The columns of the payload section.
const (
	colPhrases  = iota // numbers of phrases that are texts of the block
	colLengths         // of its own texts
	colTexts           // its own texts
	colNumbers         // of each path: bytes of numbers, and what they differ from
	colRefs            // of each path: bytes of references to texts
	colNumberOf        // the numbers of all paths
	colRefOf           // the references of all paths
	payloadColumns
)

// What the numbers of a path are differences from, see packer.number.
const (
	fromBefore  = iota // what the leaf was; if it was none, the last such number
	fromLast           // the last number of the path
	fromContext        // the moment or the version of the event
	numberModes
)

// maxRecent is how many texts of a path, and maxRecentObjects how many objects,
// are named by how recently they were there.
const (
	maxRecent        = 32
	maxRecentObjects = 256
)

// packer makes blocks of entries.
type packer struct {
	*dictionaries
	start int64 // of the trace, ns of Unix

	of      templates
	columns []*column // by path; those that are not touched are nil
	touched []uint32  // paths
	local   locals    // texts of the block
	used    locals    // shapes of the block
	raw     []byte
	ops     []op
	version int64 // the last resourceVersion
}

// column is what a block has of one path.
type column struct {
	deltas        [numberModes][]int64
	last, lastNew value // the last number, and the last that replaced none
	recent        []uint32
	refs          []ref
	others        []int64
}

// ref names a text: by how recently its path had it, or else by its number.
type ref struct {
	rank   int32 // -1: by its number
	text   uint32
	others int // objects it refers to
}

// locals numbers strings of a block.
type locals struct {
	list []string
	ids  map[string]uint32
}

func (l *locals) id(s []byte) uint32 {
	if id, known := l.ids[string(s)]; known {
		return id
	}
	id, text := uint32(len(l.list)), string(s)
	l.list = append(l.list, text)
	l.ids[text] = id
	return id
}

// number gives the strings their numbers: phrases come first, in the order of
// their own numbers, then all others as they were met.
func (l *locals) number(known func(s string) (uint32, bool)) (numbers []uint32, wide []uint32, rest []string) {
	numbers, ids := make([]uint32, len(l.list)), make([]uint32, len(l.list))
	isWide := make([]bool, len(l.list))
	for i, s := range l.list {
		if ids[i], isWide[i] = known(s); isWide[i] {
			wide = append(wide, ids[i])
		}
	}
	slices.Sort(wide)
	for i, s := range l.list {
		if isWide[i] {
			at, _ := slices.BinarySearch(wide, ids[i])
			numbers[i] = uint32(at)
			continue
		}
		numbers[i] = uint32(len(wide) + len(rest))
		rest = append(rest, s)
	}
	return numbers, wide, rest
}

// packing says how a block is made.
type packing struct {
	ownSeq  bool // seqs are not consecutive, as in a checkpoint
	learn   bool // what other blocks had as well becomes a phrase
	encoder *zstd.Encoder
}

// pack makes a block of entries.
func (w *Writer) pack(entries []entry, how packing) []byte {
	w.packer.dictionaries, w.packer.start = &w.dictionaries, w.run.Start.UnixNano()
	return w.packer.pack(entries, how)
}

func (p *packer) pack(entries []entry, how packing) []byte {
	if missing := len(p.paths.entries) - len(p.columns); missing > 0 {
		p.columns = append(p.columns, make([]*column, missing)...)
	}
	p.touched, p.version = p.touched[:0], 0
	defer p.forget()
	p.local, p.used = locals{ids: map[string]uint32{}}, locals{ids: map[string]uint32{}}
	p.of.objects = p.objects
	known, knownShape := p.texts.find, p.shapes.find
	if how.learn {
		known, knownShape = p.texts.learn, p.shapes.learn
	}
	index, shapes := p.index(entries, how.ownSeq)
	numbers, wide, rest := p.used.number(knownShape)
	for _, s := range shapes {
		index.uvarint(colShape, uint64(numbers[s]))
	}
	rawIndex := appendSet(nil, wide)
	rawIndex = binary.AppendUvarint(rawIndex, uint64(len(rest)))
	for _, s := range rest {
		rawIndex = append(binary.AppendUvarint(rawIndex, uint64(len(s))), s...)
	}
	objects := make([]uint32, len(entries))
	for i := range entries {
		objects[i] = entries[i].object
	}
	dst := appendHead(entries)
	dst = appendSection(dst, how.encoder, appendSet(nil, p.touched)) // sorts it
	dst = appendSection(dst, how.encoder, appendSet(nil, objects))
	dst = appendSection(dst, how.encoder, index.join(rawIndex))
	return appendSection(dst, how.encoder, p.payload(known).join(nil))
}

// forget lets go of the columns of a block.
func (p *packer) forget() {
	for _, path := range p.touched {
		p.columns[path] = nil
	}
}

func appendHead(entries []entry) []byte {
	head := []byte{blockMagic, formatVersion}
	head = binary.AppendUvarint(head, uint64(len(entries)))
	head = binary.AppendVarint(head, entries[0].time)
	head = binary.AppendVarint(head, entries[len(entries)-1].time)
	dst := binary.LittleEndian.AppendUint32(nil, crc(head))
	return append(binary.AppendUvarint(dst, uint64(len(head))), head...)
}

// index fills the columns of the index, but for the shapes, which it returns.
func (p *packer) index(entries []entry, ownSeq bool) (index columns, shapes []uint32) {
	index = make(columns, indexColumns)
	unit := unitOf(entries)
	index.uvarint(colTime, uint64(unit))
	var recent recentObjects
	lastTime, lastWall := entries[0].time, int64(0)
	for i := range entries {
		e := &entries[i]
		flags := uint64(0)
		if e.inferred {
			flags |= flagInferred
		}
		if e.notBefore != e.time {
			flags |= flagNotBefore
			index.varint(colNotBefore, e.time-e.notBefore)
		}
		if e.wall != 0 {
			flags |= flagWall
			index.varint(colWall, e.wall-lastWall)
			lastWall = e.wall
		}
		if ownSeq {
			flags |= flagSeq
			index.uvarint(colSeq, e.seq)
		}
		if e.fresh {
			flags |= flagFresh
		}
		index.varint(colTime, (e.time-lastTime)/unit)
		lastTime = e.time
		rank, met := recent.rank(e.object)
		index.uvarint(colObject, uint64(rank))
		if rank == 0 {
			index.varint(colMet, met)
		}
		p.raw = appendShape(p.raw[:0], e, flags, p.changes(e))
		shapes = append(shapes, p.used.id(p.raw))
	}
	return index, shapes
}

// changes notes the values of an entry and returns its changes.
func (p *packer) changes(e *entry) []op {
	ops := e.ops
	if e.fresh {
		ops = p.ops[:0]
		for _, l := range e.leaves {
			ops = append(ops, op{path: l.path, new: l.value})
		}
		p.ops = ops
	}
	if e.fresh || e.typ == Deleted {
		p.column(e.root)
	}
	version := -1
	for i := range ops {
		if o := &ops[i]; o.new.kind.isNumeric() && p.paths.isVersion(o.path) {
			c := p.column(o.path)
			c.deltas[fromBefore] = append(c.deltas[fromBefore], o.new.num-p.version)
			p.version, version = o.new.num, i
		}
	}
	now := p.start + e.time + e.wall
	for i := range ops {
		o := &ops[i]
		switch {
		case i == version:
		case o.new.kind.isNumeric():
			p.column(o.path).number(o, context(o.new.kind, now, p.version))
		case o.new.kind.isBytes():
			p.text(p.column(o.path), o.new, e.object)
		default:
			p.column(o.path)
		}
	}
	return ops
}

func (p *packer) column(path uint32) *column {
	c := p.columns[path]
	if c == nil {
		c = &column{}
		p.columns[path] = c
		p.touched = append(p.touched, path)
	}
	return c
}

// context is what numbers of an event may be near to: its moment (ns of Unix) in
// their unit, or the last version.
func context(k kind, now, version int64) int64 {
	switch k {
	case kindSeconds:
		return floor(now, 1e9)
	case kindMicros:
		return floor(now, 1e3)
	case kindDecimal:
		return version
	}
	return 0
}

func floor(n, unit int64) int64 {
	q := n / unit
	if n%unit < 0 {
		q--
	}
	return q
}

// number notes a number as the differences from all that it may be near to.
func (c *column) number(o *op, context int64) {
	base := c.lastNew.sameKind(o.new)
	if o.old.kind == o.new.kind {
		base = o.old.num
	} else {
		c.lastNew = o.new
	}
	for mode, base := range [numberModes]int64{base, c.last.sameKind(o.new), context} {
		c.deltas[mode] = append(c.deltas[mode], o.new.num-base)
	}
	c.last = o.new
}

// sameKind returns the number of v if it is of the kind of w, else 0.
func (v value) sameKind(w value) int64 {
	if v.kind == w.kind {
		return v.num
	}
	return 0
}

// text notes a text.
func (p *packer) text(c *column, text value, object uint32) {
	template, others := p.of.of(text, object)
	r := ref{text: p.local.id(template), others: len(others)}
	r.rank = int32(slices.Index(c.recent, r.text))
	c.recent = moveToFront(c.recent, int(r.rank), r.text, maxRecent)
	for _, other := range others {
		c.others = append(c.others, int64(object)-int64(other))
	}
	c.refs = append(c.refs, r)
}

// moveToFront brings what is at this place, -1 for none, to the front of what is
// recent, of which there are at most limit.
func moveToFront(recent []uint32, at int, id uint32, limit int) []uint32 {
	if at == 0 {
		return recent
	}
	if at < 0 {
		if len(recent) < limit {
			recent = append(recent, 0)
		}
		at = len(recent) - 1
	}
	copy(recent[1:at+1], recent[:at])
	recent[0] = id
	return recent
}

// payload fills the columns of the payload.
func (p *packer) payload(known func(string) (uint32, bool)) columns {
	out := make(columns, payloadColumns)
	numbers, wide, rest := p.local.number(known)
	out[colPhrases] = appendSet(nil, wide)
	for _, s := range rest {
		out.uvarint(colLengths, uint64(len(s)))
		out[colTexts] = append(out[colTexts], s...)
	}
	for _, path := range p.touched {
		c := p.columns[path]
		mode, before := c.mode(), len(out[colNumberOf])
		for _, d := range c.deltas[mode] {
			out.varint(colNumberOf, d)
		}
		out.uvarint(colNumbers, uint64(len(out[colNumberOf])-before)*numberModes+uint64(mode))
		before = len(out[colRefOf])
		c.appendRefs(out, numbers)
		out.uvarint(colRefs, uint64(len(out[colRefOf])-before))
	}
	return out
}

// mode returns what the numbers are nearest to.
func (c *column) mode() int {
	best, least := fromBefore, -1
	for mode, deltas := range c.deltas {
		size := 0
		for _, d := range deltas {
			size += bits.Len64(uint64(d<<1) ^ uint64(d>>63))
		}
		if len(deltas) == len(c.deltas[fromBefore]) && (least < 0 || size < least) {
			best, least = mode, size
		}
	}
	return best
}

func (c *column) appendRefs(out columns, numbers []uint32) {
	others, next := c.others, int64(0)
	for _, r := range c.refs {
		if out.uvarint(colRefOf, uint64(r.rank+1)); r.rank < 0 {
			number := int64(numbers[r.text])
			out.varint(colRefOf, number-next)
			next = number + 1
		}
		for _, other := range others[:r.others] {
			out.varint(colRefOf, other)
		}
		others = others[r.others:]
	}
}

// unitOf returns the greatest of 1 ms, 1 µs and 1 ns that divides all times.
func unitOf(entries []entry) int64 {
	for _, unit := range []int64{1e6, 1e3} {
		first := entries[0].time
		if !slices.ContainsFunc(entries, func(e entry) bool { return (e.time-first)%unit != 0 }) {
			return unit
		}
	}
	return 1
}

// recentObjects names objects by how recently they were there.
type recentObjects struct {
	list []uint32
	next int64 // the one behind the last that was named by its id
}

// rank returns 1 and more for an object that was there recently, else 0 and the
// difference of its id from the next one.
func (r *recentObjects) rank(id uint32) (rank int, met int64) {
	at := slices.Index(r.list, id)
	r.list = moveToFront(r.list, at, id, maxRecentObjects)
	if at < 0 {
		met = int64(id) - r.next
		r.next = int64(id) + 1
	}
	return at + 1, met
}
