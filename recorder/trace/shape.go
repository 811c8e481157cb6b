package trace

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// shape is what events have in common that differ by values only: type, source,
// flags, and which paths changed to values of which kind. A block has the shapes
// of its events once each, and a number for each event.
type shape struct {
	typ    Type
	source Source
	flags  uint64
	rest   []byte // count, paths, kinds: read when it is needed

	read    bool
	total   int       // changes, also those that are not selected
	version uint32    // path of the object's own resourceVersion if it changed, else 0
	ops     []shapeOp // in the order of the states of the replay
}

// shapeOp is one change, without its value.
type shapeOp struct {
	column uint32 // path id
	path   uint32 // as in the states of the replay
	kind   kind
	rel    bool // the leaf had the same kind before: see relative
}

// relative marks the kind of a number that a number of the same kind was before.
const relative = 0x10

// appendShape appends the shape of an entry with these changes.
func appendShape(dst []byte, e *entry, flags uint64, ops []op) []byte {
	for _, s := range []string{string(e.typ), string(e.source)} {
		dst = append(binary.AppendUvarint(dst, uint64(len(s))), s...)
	}
	dst = binary.AppendUvarint(dst, flags)
	dst = binary.AppendUvarint(dst, uint64(len(ops)))
	last := uint32(0)
	for i := range ops {
		dst = binary.AppendUvarint(dst, uint64(ops[i].path-last))
		last = ops[i].path
	}
	for i := range ops {
		k := byte(ops[i].new.kind)
		if ops[i].new.kind.isNumeric() && ops[i].old.kind == ops[i].new.kind {
			k |= relative
		}
		dst = append(dst, k)
	}
	return dst
}

// readShape reads what there is before the changes.
func readShape(raw string) (*shape, error) {
	c := cursor{b: []byte(raw)}
	s := &shape{typ: Type(c.bytes()), source: Source(c.bytes()), flags: c.uvarint()}
	s.rest = c.b
	return s, c.err
}

// selected returns a shape with those of its changes that a replay selects.
func (p *replay) selected(s *shape) *shape {
	if p.mask == nil {
		return s
	}
	only := *s
	only.ops = slices.DeleteFunc(slices.Clone(s.ops), func(o shapeOp) bool { return !p.mask[o.column] })
	return &only
}

// expand reads the changes of a shape.
func (p *replay) expand(s *shape) error {
	c := cursor{b: s.rest}
	s.total = c.count()
	paths, ops := make([]uint32, 0, s.total), make([]shapeOp, 0, s.total)
	path := uint64(0)
	for range s.total {
		step := c.uvarint()
		path += step
		if step == 0 || path >= uint64(len(p.dict.entries)) || step > uint64(len(p.dict.entries)) {
			return fmt.Errorf("%w: a change of path %d, of %d", ErrFormat, path, len(p.dict.entries))
		}
		paths = append(paths, uint32(path))
	}
	kinds := c.take(s.total)
	if c.err != nil || len(c.b) != 0 {
		return fmt.Errorf("%w: a shape is not as long as it says", ErrFormat)
	}
	for i, id := range paths {
		k := kind(kinds[i] &^ relative)
		rel := kinds[i]&relative != 0
		if k > kindLast || rel && !k.isNumeric() || k == kindAbsent && s.flags&flagFresh != 0 {
			return fmt.Errorf("%w: a change of path %d is of kind %d", ErrFormat, id, kinds[i])
		}
		if k.isNumeric() && p.dict.isVersion(id) {
			s.version = id
		}
		o := shapeOp{column: id, path: id, kind: k, rel: rel && s.flags&flagFresh == 0}
		if p.ranks != nil {
			o.path = p.ranks.rank[id]
		}
		ops = append(ops, o)
	}
	if p.ranks != nil {
		slices.SortFunc(ops, func(a, b shapeOp) int { return int(a.path) - int(b.path) })
	}
	s.ops, s.rest, s.read = ops, nil, true
	return nil
}

// isVersion reports whether a path is metadata.resourceVersion of a resource.
func (d *dictionary) isVersion(path uint32) bool {
	e := d.entries[path]
	if e.step.key != "resourceVersion" || e.parent == 0 {
		return false
	}
	above := d.entries[e.parent]
	return above.step.key == "metadata" && above.parent != 0 && d.entries[above.parent].parent == 0
}
