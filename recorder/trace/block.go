package trace

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// blockMagic opens every block; the version of its layout follows.
const blockMagic = 0xB1

// Flags of an entry.
const (
	flagInferred  = 1 << iota // nobody observed it
	flagFresh                 // the object had no state before
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
	at       int32 // see patch
	old, new value
	rel      bool // the number of new is the difference from the value before, if that has the same kind
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
				dst = append(dst, op{path: old[0].path, old: old[0].value, new: new[0].value})
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
	version        int    // of the layout
	first          uint64 // seq
	count          int
	from, to       int64 // time of the first and the last entry, ns
	paths, objects section
	index, payload section
	dictionary     uint64 // version 1: first seq of the block that is the dictionary of the payload; 0: none
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
	magic := h.take(2)
	b := &block{first: first, version: int(magic[1])}
	if h.err != nil || magic[0] != blockMagic || b.version < 1 || b.version > formatVersion {
		return nil, fmt.Errorf("%w: block %d is not of a kind that this version knows", ErrFormat, first)
	}
	count := h.uvarint()
	b.from, b.to = h.varint(), h.varint()
	if b.version == 1 {
		b.dictionary = h.uvarint()
	}
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
	err = readSet(&c, func(id uint32) error {
		if !visit(id) {
			return ErrStop
		}
		return nil
	})
	if errors.Is(err, ErrStop) {
		return nil
	}
	return err
}

// readSet reads ids and calls visit until it fails.
func readSet(c *cursor, visit func(id uint32) error) error {
	id := uint64(0)
	for n := c.count(); n > 0 && c.err == nil; n-- {
		if id += c.uvarint(); id > maxObjects {
			return fmt.Errorf("%w: id %d is out of range", ErrFormat, id)
		}
		if err := visit(uint32(id)); err != nil {
			return err
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
