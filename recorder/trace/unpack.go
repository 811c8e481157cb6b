package trace

import (
	"fmt"
	"sync"
	"unicode/utf8"
)

// maxChanges bounds the changes in a block, and maxSection all their texts: a few
// bytes may stand for many of them.
const maxChanges = 8 << 20

// shape returns a shape that many blocks have.
func (p *replay) shape(id uint32) (s *shape, err error) {
	if int(id) >= len(p.shapes.list) {
		return nil, fmt.Errorf("%w: shape %d of %d", ErrFormat, id, len(p.shapes.list))
	}
	if s = p.known[id]; s != nil {
		return s, nil
	}
	if s, err = p.shared.shape(p, id); err != nil {
		return nil, err
	}
	if p.known == nil {
		p.known = map[uint32]*shape{}
	}
	s = p.selected(s)
	p.known[id] = s
	return s, nil
}

// unpacking decodes a block of version 2 event by event.
type unpacking struct {
	events  *events
	changes *changes
}

// unpacking opens a block. The caller closes it, whatever the error.
func (p *replay) unpacking(b *block) (in unpacking, err error) {
	in.changes = &p.unpack
	if in.events, err = p.events(b); err != nil {
		return in, err
	}
	return in, in.changes.open(p, b)
}

func (in unpacking) close() { in.changes.close() }

// next decodes one event, with its changes appended to ops, and tells whether its
// object is wanted. Behind the event limit it ends with ErrStop.
func (in unpacking) next(r *record, ops []op) (wanted bool, err error) {
	p := in.events.replay
	s, err := in.events.next(r)
	if err != nil {
		return false, err
	}
	if p.limit > 0 && r.seq > p.limit {
		return false, ErrStop
	}
	wanted = p.wanted == nil || p.wanted(r.object)
	r.ops, err = in.changes.next(r, s, wanted, ops)
	return wanted, err
}

// events decodes the index of a block.
type events struct {
	replay *replay
	block  *block
	shapes []*shape // by their number in the block
	index  []cursor
	unit   int64
	recent recentObjects
	time   int64 // of the last event
	wall   int64 // of the last event that had one
	at     int   // index of the next event
}

func (p *replay) events(b *block) (*events, error) {
	raw, err := b.index.open()
	if err != nil {
		return nil, err
	}
	c := cursor{b: raw}
	ev := &events{replay: p, block: b}
	err = readSet(&c, func(id uint32) error {
		s, err := p.shape(id)
		ev.shapes = append(ev.shapes, s)
		return err
	})
	if err != nil {
		return nil, err
	}
	for n := c.count(); n > 0 && c.err == nil; n-- {
		s, err := readShape(string(c.bytes()))
		if err == nil {
			err = p.expand(s)
		}
		if err != nil {
			return nil, err
		}
		ev.shapes = append(ev.shapes, p.selected(s))
	}
	ev.index = splitColumns(&c, indexColumns)
	ev.unit = int64(min(ev.index[colTime].uvarint(), 1e9))
	if b.count > len(ev.index[colShape].b) {
		return nil, errShort
	}
	return ev, c.err
}

var errShort = fmt.Errorf("%w: the columns of the block are cut short", ErrFormat)

// next decodes one event, but for its changes. It returns its shape.
func (ev *events) next(r *record) (*shape, error) {
	x := ev.index
	n := x[colShape].uvarint()
	if n >= uint64(len(ev.shapes)) {
		return nil, fmt.Errorf("%w: an event has a shape that does not exist", ErrFormat)
	}
	s := ev.shapes[n]
	if ev.at == 0 {
		ev.time = ev.block.from
	}
	r.seq = ev.block.first + uint64(ev.at)
	ev.at++
	ev.time += x[colTime].varint() * ev.unit
	r.time, r.notBefore, r.wall, r.typ, r.source = ev.time, ev.time, 0, s.typ, s.source
	r.inferred, r.fresh = s.flags&flagInferred != 0, s.flags&flagFresh != 0
	if s.flags&flagNotBefore != 0 {
		r.notBefore -= x[colNotBefore].varint()
	}
	if s.flags&flagWall != 0 {
		ev.wall += x[colWall].varint()
		r.wall = ev.wall
	}
	if s.flags&flagSeq != 0 {
		r.seq = x[colSeq].uvarint()
	}
	object, ok := ev.recent.at(x[colObject].uvarint(), &x[colMet])
	if !ok || object >= int64(ev.replay.objects.count()) || object < 0 {
		return nil, fmt.Errorf("%w: an event names an object that does not exist", ErrFormat)
	}
	r.object = uint32(object)
	for i := range x {
		if x[i].err != nil {
			return nil, x[i].err
		}
	}
	return s, nil
}

// at returns the object with this rank; met has the ids of those without one.
func (r *recentObjects) at(rank uint64, met *cursor) (int64, bool) {
	if rank > uint64(len(r.list)) {
		return 0, false
	}
	if rank > 0 {
		id := r.list[rank-1]
		moveToFront(r.list, int(rank)-1, id, maxRecentObjects)
		return int64(id), true
	}
	id := r.next + met.varint()
	if id < 0 || id > maxObjects {
		return 0, false
	}
	r.next = id + 1
	r.list = moveToFront(r.list, -1, uint32(id), maxRecentObjects)
	return id, true
}

// changes decodes the payloads of blocks, one after the other.
type changes struct {
	replay  *replay
	memory  *[]byte // of the payload
	at      []int32 // by path id: index in columns, +1
	columns []readColumn
	texts   []template // of the block; those of its own are made when they are first needed
	own     [][]byte   // the last of texts as they are stored; nil: made
	version int64
	total   int // changes until now
	size    int // bytes of their texts
}

// readColumn is what a block has of one path.
type readColumn struct {
	path          uint32
	numbers, refs cursor
	mode          int
	last, lastNew value
	recent        []uint32
	next          int64
}

// payloads has the memory of payloads that were read: what a record has of them
// is copied.
var payloads = sync.Pool{New: func() any { return new([]byte) }}

// open opens the payload of a block. The caller closes it, whatever the error.
func (ch *changes) open(p *replay, b *block) error {
	if ch.at == nil {
		ch.at = make([]int32, len(p.dict.entries))
	}
	ch.replay, ch.memory = p, payloads.Get().(*[]byte)
	ch.columns, ch.texts, ch.own = ch.columns[:0], ch.texts[:0], ch.own[:0]
	ch.version, ch.total, ch.size = 0, 0, 0
	raw, err := b.payload.openWith(sectionDecoder, *ch.memory)
	if err != nil {
		return err
	}
	if len(raw) > len(b.payload.stored) { // else it may be the file's own bytes
		*ch.memory = raw
	}
	c := cursor{b: raw}
	x := splitColumns(&c, payloadColumns)
	if err := ch.readTexts(x); err != nil {
		return err
	}
	paths, err := b.paths.open()
	if err != nil {
		return err
	}
	set := cursor{b: paths}
	err = readSet(&set, func(id uint32) error { return ch.readColumn(x, id) })
	return firstOf(err, c.err, firstError(x))
}

func firstError(cursors []cursor) error {
	for _, c := range cursors {
		if c.err != nil {
			return c.err
		}
	}
	return nil
}

// close gives back the memory, if a block was opened.
func (ch *changes) close() {
	if ch.memory == nil {
		return
	}
	payloads.Put(ch.memory)
	ch.memory = nil
	for i := range ch.columns {
		ch.at[ch.columns[i].path] = 0
	}
}

// readTexts locates the texts of the block.
func (ch *changes) readTexts(x []cursor) error {
	known := ch.replay.texts.list
	err := readSet(&x[colPhrases], func(id uint32) error {
		if int(id) >= len(known) {
			return fmt.Errorf("%w: text %d of %d", ErrFormat, id, len(known))
		}
		ch.texts = append(ch.texts, known[id])
		return nil
	})
	for err == nil && len(x[colLengths].b) > 0 {
		text := x[colTexts].take(int(min(x[colLengths].uvarint(), maxSection)))
		ch.own = append(ch.own, text)
		ch.texts = append(ch.texts, template{})
		err = firstError(x)
	}
	return err
}

// readColumn locates what there is of one path.
func (ch *changes) readColumn(x []cursor, path uint32) error {
	numbers, refs := x[colNumbers].uvarint(), x[colRefs].uvarint()
	c := readColumn{path: path, mode: int(numbers % numberModes)}
	c.numbers.b = x[colNumberOf].take(int(min(numbers/numberModes, maxSection)))
	c.refs.b = x[colRefOf].take(int(min(refs, maxSection)))
	if int(path) >= len(ch.at) {
		return fmt.Errorf("%w: path %d of %d", ErrFormat, path, len(ch.at))
	}
	if numbers < numberModes && refs == 0 {
		return nil
	}
	n := len(ch.columns)
	if n < cap(ch.columns) { // there is memory of an earlier block
		c.recent = ch.columns[:n+1][n].recent[:0]
	}
	ch.columns = append(ch.columns, c)
	ch.at[path] = int32(n + 1)
	return nil
}

func (ch *changes) column(path uint32) (*readColumn, error) {
	at := ch.at[path]
	if at == 0 {
		return nil, fmt.Errorf("%w: path %d changes without values", ErrFormat, path)
	}
	return &ch.columns[at-1], nil
}

// next decodes the changes of one event, of those that are selected.
func (ch *changes) next(r *record, s *shape, wanted bool, dst []op) ([]op, error) {
	p := ch.replay
	if ch.total += s.total; ch.total > maxChanges {
		return nil, fmt.Errorf("%w: a block claims more than %d changes", ErrFormat, maxChanges)
	}
	if s.version != 0 {
		c, err := ch.column(s.version)
		if err != nil {
			return nil, err
		}
		ch.version += c.numbers.varint()
	}
	now := p.start + r.time + r.wall
	for i := range s.ops {
		o := &s.ops[i]
		change := op{path: o.path, new: value{kind: o.kind}}
		if o.kind.isNumeric() || o.kind.isBytes() {
			c, err := ch.column(o.column)
			if err != nil {
				return nil, err
			}
			switch {
			case o.column == s.version:
				change.new.num = ch.version
			case o.kind.isNumeric():
				c.number(&change, o.rel, now, ch.version)
			default:
				change.new.str, err = ch.text(c, r.object, wanted)
			}
			if err = firstOf(err, c.numbers.err, c.refs.err); err != nil {
				return nil, err
			}
		}
		dst = append(dst, change)
	}
	return dst, nil
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// number reads a number, see column.number.
func (c *readColumn) number(o *op, rel bool, now, version int64) {
	o.new.num = c.numbers.varint()
	switch c.mode {
	case fromLast:
		o.new.num += c.last.sameKind(o.new)
		c.last = o.new
	case fromContext:
		o.new.num += context(o.new.kind, now, version)
	default:
		if o.rel = rel; !rel {
			o.new.num += c.lastNew.sameKind(o.new)
			c.lastNew = o.new
		}
	}
}

// text reads a reference and returns its text, which is about an object, if it is
// wanted.
func (ch *changes) text(c *readColumn, object uint32, wanted bool) (string, error) {
	rank := c.refs.uvarint()
	number := c.next
	switch {
	case rank > uint64(len(c.recent)):
		return "", errText
	case rank > 0:
		number = int64(c.recent[rank-1])
	default:
		number += c.refs.varint()
		if number < 0 || number >= int64(len(ch.texts)) {
			return "", errText
		}
		c.next = number + 1
	}
	c.recent = moveToFront(c.recent, int(rank)-1, uint32(number), maxRecent)
	t := &ch.texts[number]
	if own := int(number) - len(ch.texts) + len(ch.own); own >= 0 && ch.own[own] != nil {
		if !utf8.Valid(ch.own[own]) {
			return "", fmt.Errorf("%w: a string is not UTF-8", ErrFormat)
		}
		*t, ch.own[own] = newTemplate(string(ch.own[own])), nil
	}
	if !wanted {
		c.refs.skipVarints(t.others)
		return "", nil
	}
	text, err := ch.replay.fill(*t, object, &c.refs)
	if ch.size += len(text); ch.size > maxSection {
		return "", fmt.Errorf("%w: the texts of a block are longer than %d bytes", ErrFormat, maxSection)
	}
	return text, err
}
