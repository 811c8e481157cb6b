package trace

import (
	"bytes"
	"slices"
)

// Of the text of an object nearly everything was there in its last version. So the
// parser keeps that text and where its objects and arrays are. One that has the
// same path and the same bytes in the next text is taken over without being read:
// it was found to be valid JSON, it ends with its last bracket, and its leaves are
// the same. What is left are the containers that have something new in them: their
// own scalars, and those of what was in their place before, are the change.

// tree is a text, taken apart.
type tree struct {
	root  uint32
	raw   []byte
	nodes []node   // its objects and arrays, in the order of the text
	paths []uint32 // of its leaves, in the order of the text
}

// node is an object or an array in a text.
type node struct {
	path       uint32
	start, end uint32 // in the text
	nodes      uint32 // how many there are in it, with itself
	from, to   uint32 // its leaves
}

// minNode is the length in bytes of what is worth to be found again.
const minNode = 32

// maxAhead is how many siblings are passed over to find a node again.
const maxAhead = 8

// compared is how far the text before has been compared.
type compared struct {
	old   tree     // empty if there is none
	gone  []uint32 // leaves that it has and that were not taken over
	taken uint32   // leaves that are taken over or gone
	next  int      // node from which on the next one is looked for
	limit int      // and up to which
}

// below returns where the nodes in a node are.
func (c *compared) below(at int) (next, limit int) {
	if at < 0 {
		return 0, 0
	}
	return at + 1, at + int(c.old.nodes[at].nodes)
}

// match finds the node of the text before that has this path, -1 if there is none.
func (c *compared) match(path uint32) int {
	for i, n := c.next, 0; i < c.limit && n < maxAhead; n++ {
		at := i
		i += int(c.old.nodes[at].nodes)
		if c.old.nodes[at].path == path {
			c.next = i
			return at
		}
	}
	return -1
}

// takeOver takes over a node of the text before, if it comes.
func (p *parser) takeOver(at int) bool {
	n := p.old.nodes[at]
	pos := uint32(p.json.Pos)
	if !bytes.HasPrefix(p.json.Data[pos:], p.old.raw[n.start:n.end]) {
		return false
	}
	first := uint32(len(p.made.paths))
	for _, inner := range p.old.nodes[at : at+int(n.nodes)] {
		inner.start, inner.end = inner.start-n.start+pos, inner.end-n.start+pos
		inner.from, inner.to = inner.from-n.from+first, inner.to-n.from+first
		p.made.nodes = append(p.made.nodes, inner)
	}
	p.made.paths = append(p.made.paths, p.old.paths[n.from:n.to]...)
	p.gone = append(p.gone, p.old.paths[p.taken:n.from]...)
	p.taken = n.to
	p.json.Pos += int(n.end - n.start)
	return true
}

// open begins a node, close ends it.
func (p *parser) open(path uint32) int {
	p.made.nodes = append(p.made.nodes, node{path: path, start: uint32(p.json.Pos), from: uint32(len(p.made.paths))})
	return len(p.made.nodes) - 1
}

func (p *parser) close(i int) {
	n := &p.made.nodes[i]
	n.end, n.to, n.nodes = uint32(p.json.Pos), uint32(len(p.made.paths)), uint32(len(p.made.nodes)-i)
	if n.end-n.start < minNode {
		p.made.nodes = p.made.nodes[:i]
	}
}

// maxKnown bounds the bytes of the texts that a parser keeps; what it keeps of
// them beside takes a third of that.
const maxKnown = 16 << 20

// known has the last texts of objects.
type known struct {
	texts map[Object]*lastText
	bytes int
	count uint64 // of texts ever
}

// lastText is the last text of an object. Its version numbers it among all texts;
// applied is the version that the Writer holds as the state of the object.
type lastText struct {
	tree
	version, applied uint64

	// owned says that the leaves that the Writer holds are in no block that is
	// still to be written.
	owned bool
}

// keep remembers what was made for an object, in memory that is only for that: what
// all objects share would in the end be as large as the largest for each.
func (k *known) keep(o Object, t *lastText, made *tree) *lastText {
	if t == nil {
		t = &lastText{}
	} else {
		k.bytes -= len(t.raw)
	}
	if k.texts == nil {
		k.texts = map[Object]*lastText{}
	}
	k.count++
	t.version = k.count
	t.root = made.root
	t.raw = append(t.raw[:0], made.raw...)
	t.nodes, t.paths = append(t.nodes[:0], made.nodes...), append(t.paths[:0], made.paths...)
	k.texts[o] = t
	k.bytes += len(t.raw)
	for other := range k.texts {
		if k.bytes <= maxKnown {
			break
		}
		k.forget(other)
	}
	return t
}

// forget lets go what is known of an object.
func (k *known) forget(o Object) {
	if t := k.texts[o]; t != nil {
		k.bytes -= len(t.raw)
		delete(k.texts, o)
	}
}

// change is what a text says of the state of an object: either all of it, or what
// is different from the text before.
type change struct {
	text    *lastText
	version uint64
	leaves  []leaf   // the whole state, if base is 0
	base    uint64   // version of the text before
	gone    []uint32 // paths of leaves of that, sorted
	came    []leaf   // what is there now, sorted; some of it may not be new
}

// change parses the text of an object.
func (p *parser) change(o Object, root uint32, data []byte) (c change, err error) {
	t := p.known.texts[o]
	p.compared = compared{gone: p.gone[:0]}
	if t != nil && t.root == root {
		p.old, p.limit = t.tree, len(t.nodes)
	}
	if err := p.run(root, data); err != nil {
		return c, err
	}
	if p.limit > 0 {
		c.base = t.version
		p.gone = append(p.gone, p.old.paths[p.taken:]...)
		slices.Sort(p.gone)
		c.gone, c.came = slices.Clone(p.gone), p.sorted()
	} else {
		c.leaves = p.sorted()
	}
	c.text = p.known.keep(o, t, &p.made)
	c.version = c.text.version
	return c, nil
}

// isScalar reports whether the text is nothing but one leaf.
func (c *change) isScalar(root uint32) bool {
	leaves := c.leaves
	if c.base != 0 {
		leaves = c.came
	}
	return len(leaves) > 0 && leaves[0].path == root
}

// find returns the value at path of an object that was as previous says.
func (c *change) find(previous []leaf, path uint32) value {
	if c.base == 0 {
		return find(c.leaves, path)
	}
	if v := find(c.came, path); v.kind != kindAbsent {
		return v
	}
	if _, gone := slices.BinarySearch(c.gone, path); gone {
		return value{}
	}
	return find(previous, path)
}

// difference returns what leads from previous to the state after the change.
func (c *change) difference(previous []leaf) []op {
	if c.base == 0 {
		return diff(nil, previous, c.leaves)
	}
	const usual = 16 // changes of a version
	ops := make([]op, 0, usual)
	gone, came := c.gone, c.came
	for len(gone) > 0 || len(came) > 0 {
		var o op
		if len(came) == 0 || len(gone) > 0 && gone[0] < came[0].path {
			o.path = gone[0]
		} else {
			o.path, o.new = came[0].path, came[0].value
			came = came[1:]
		}
		if len(gone) > 0 && gone[0] == o.path {
			for len(previous) > 0 && previous[0].path < o.path {
				previous = previous[1:]
			}
			if len(previous) > 0 && previous[0].path == o.path {
				o.old = previous[0].value
			}
			gone = gone[1:]
		}
		if o.old != o.new {
			ops = append(ops, o)
		}
	}
	return ops
}

// after applies ops to leaves, both sorted, in place if they are owned and none
// comes or goes.
func after(leaves []leaf, ops []op, owned bool) []leaf {
	for _, o := range ops {
		owned = owned && o.old.kind != kindAbsent && o.new.kind != kindAbsent
	}
	if owned {
		for rest := leaves; len(ops) > 0; ops = ops[1:] {
			i := position(rest, ops[0].path)
			rest[i].value = ops[0].new
			rest = rest[i+1:]
		}
		return leaves
	}
	out := make([]leaf, 0, len(leaves)+len(ops))
	for _, o := range ops {
		i := position(leaves, o.path)
		out = append(out, leaves[:i]...)
		if leaves = leaves[i:]; o.old.kind != kindAbsent {
			leaves = leaves[1:]
		}
		if o.new.kind != kindAbsent {
			out = append(out, leaf{o.path, o.new})
		}
	}
	return append(out, leaves...)
}

// position returns where the path is in leaves, or would be.
func position(leaves []leaf, path uint32) int {
	i, _ := slices.BinarySearchFunc(leaves, path, func(l leaf, p uint32) int { return int(l.path) - int(p) })
	return i
}
