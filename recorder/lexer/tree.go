package lexer

import (
	"bytes"
	"cmp"
	"slices"
)

// Tree is a text of one JSON value and where its objects and arrays are, as far as
// brackets and quotes tell. The text must not change. A Tree that has only a Text
// can be read as well, more slowly.
type Tree struct {
	Text  []byte
	nodes []node // in the order of the text
}

// node is an object or an array in a text. Short ones are left out.
type node struct {
	name, nameEnd uint32 // its name as it is written, empty if it is in no object
	start, end    uint32
	nodes         uint32 // how many there are in it, with itself
}

const (
	minNode  = 32 // bytes, what is worth to be found again
	maxAhead = 8  // siblings that are passed over to find one again
	maxDepth = 1000
)

// Compare reads a text that mostly is what was before, which may be nil: what is at
// the same place with the same bytes is not read again. A place is a path of names,
// and any place in an array. To changed it appends the text without what is there
// again: whole objects and arrays, one inside of another as far as they are new or
// have something new in them. That which is there again was there before at the same
// place; so whatever depends on a value and the names that lead there, and was true of
// all of before, is true of all of the text if it is true of changed.
func Compare(text []byte, before *Tree, changed []byte) (made *Tree, _ []byte, err error) {
	c := comparison{Lexer: Lexer{Data: text}, changed: changed}
	if before != nil {
		c.old, c.limit = before, len(before.nodes)
		c.nodes = make([]node, 0, len(before.nodes)+8)
	}
	c.Space()
	if err := c.value(c.Pos, c.Pos, 1); err != nil {
		return nil, changed, err
	}
	if c.Space(); c.Pos < len(text) {
		return nil, changed, ErrSyntax
	}
	return &Tree{Text: text, nodes: c.nodes}, append(c.changed, text[c.copied:]...), nil
}

// comparison reads a text beside the one before.
type comparison struct {
	Lexer
	nodes       []node // of the text
	old         *Tree
	next, limit int // nodes of old among which the next one is looked for
	changed     []byte
	copied      int // how much of the text is in changed, or was there before
}

func (c *comparison) value(name, nameEnd, depth int) error {
	if b := c.Peek(); b != '{' && b != '[' {
		n := End(c.Data[c.Pos:])
		if c.Pos += n; n == 0 {
			return ErrSyntax
		}
		return nil
	}
	at := c.match(name, nameEnd)
	if at >= 0 && c.takeOver(at, name, nameEnd) {
		return nil
	}
	if depth > maxDepth {
		return ErrSyntax
	}
	i := len(c.nodes)
	c.nodes = append(c.nodes, node{name: uint32(name), nameEnd: uint32(nameEnd), start: uint32(c.Pos)})
	if err := c.inside(at, depth); err != nil {
		return err
	}
	n := &c.nodes[i]
	if n.end, n.nodes = uint32(c.Pos), uint32(len(c.nodes)-i); n.end-n.start < minNode {
		c.nodes = c.nodes[:i]
	}
	return nil
}

// match finds the node of the text before that is at the same place, -1 if there is
// none. In an array it is the next one that comes, or the next one at all.
func (c *comparison) match(name, nameEnd int) int {
	i := c.next
	for n := 0; i < c.limit && n < maxAhead; n++ {
		o := &c.old.nodes[i]
		same := bytes.Equal(c.old.Text[o.name:o.nameEnd], c.Data[name:nameEnd])
		if same && name == nameEnd {
			same = c.comes(o)
		}
		if same {
			c.next = i + int(o.nodes)
			return i
		}
		i += int(o.nodes)
	}
	if name == nameEnd && c.next < c.limit {
		at := c.next
		c.next += int(c.old.nodes[at].nodes)
		return at
	}
	return -1
}

// comes reports whether a node of the text before comes.
func (c *comparison) comes(o *node) bool {
	return bytes.HasPrefix(c.Data[c.Pos:], c.old.Text[o.start:o.end])
}

// takeOver takes over a node of the text before, if it comes.
func (c *comparison) takeOver(at, name, nameEnd int) bool {
	o := c.old.nodes[at]
	if !c.comes(&o) {
		return false
	}
	shift := uint32(c.Pos) - o.start
	first := len(c.nodes)
	c.nodes = append(c.nodes, c.old.nodes[at:at+int(o.nodes)]...)
	for i := first; i < len(c.nodes); i++ {
		n := &c.nodes[i]
		n.name, n.nameEnd, n.start, n.end = n.name+shift, n.nameEnd+shift, n.start+shift, n.end+shift
	}
	c.nodes[first].name, c.nodes[first].nameEnd = uint32(name), uint32(nameEnd)
	c.changed = append(c.changed, c.Data[c.copied:c.Pos]...)
	c.Pos += int(o.end - o.start)
	c.copied = c.Pos
	return true
}

// inside reads an object or array, in the place of the node at of the text before.
func (c *comparison) inside(at, depth int) error {
	next, limit := c.next, c.limit
	c.next, c.limit = 0, 0
	if at >= 0 {
		c.next, c.limit = at+1, at+int(c.old.nodes[at].nodes)
	}
	defer func() { c.next, c.limit = next, limit }()
	closing := byte('}')
	if c.Peek() == '[' {
		closing = ']'
	}
	c.Pos++
	if c.Space(); c.Take(closing) {
		return nil
	}
	for {
		name, nameEnd := c.Pos, c.Pos
		if closing == '}' {
			var err error
			if name, nameEnd, err = c.name(); err != nil {
				return err
			}
		}
		if err := c.value(name, nameEnd, depth+1); err != nil {
			return err
		}
		if c.Space(); !c.Take(',') {
			break
		}
		c.Space()
	}
	if !c.Take(closing) {
		return ErrSyntax
	}
	return nil
}

// name reads the name of a member and its colon. A name has its quotes, so that it
// is never empty.
func (c *comparison) name() (from, to int, err error) {
	if c.Peek() != '"' {
		return 0, 0, ErrSyntax
	}
	from = c.Pos
	to = from + End(c.Data[from:])
	c.Pos = to
	if c.Space(); to == from || !c.Take(':') {
		return 0, 0, ErrSyntax
	}
	c.Space()
	return from, to, nil
}

// Members calls visit with the name of each member of the object at a position of
// the text, as it is written between its quotes, and with where its value is. It ends
// when visit returns false.
func (t *Tree) Members(at int, visit func(name []byte, from, to int) bool) error {
	l := Lexer{Data: t.Text, Pos: at}
	l.Space()
	if !l.Take('{') {
		return ErrNoObject
	}
	if l.Space(); l.Take('}') {
		return nil
	}
	for {
		name := l.Pos + 1
		if l.Peek() != '"' {
			return ErrNoObject
		}
		end := t.end(l.Pos)
		l.Pos = end
		if l.Space(); end <= name || !l.Take(':') {
			return ErrNoObject
		}
		l.Space()
		from := l.Pos
		if l.Pos = t.end(from); l.Pos == from {
			return ErrNoObject
		}
		if !visit(t.Text[name:end-1], from, l.Pos) {
			return nil
		}
		if l.Space(); !l.Take(',') {
			break
		}
		l.Space()
	}
	if !l.Take('}') {
		return ErrNoObject
	}
	return nil
}

// end returns where the value at a position ends, the position itself if it does not.
func (t *Tree) end(at int) int {
	if at < len(t.Text) && (t.Text[at] == '{' || t.Text[at] == '[') {
		i, found := slices.BinarySearchFunc(t.nodes, at, func(n node, at int) int { return cmp.Compare(int(n.start), at) })
		if found {
			return int(t.nodes[i].end)
		}
	}
	return at + End(t.Text[min(at, len(t.Text)):])
}

// Known keeps the last text of some things, within bounds.
type Known[K comparable] struct {
	Max   int // bytes of texts; what is kept beside takes about a quarter of that
	trees map[K]*Tree
	bytes int
}

// Get returns the last text, nil if it is not known.
func (k *Known[K]) Get(key K) *Tree { return k.trees[key] }

// Put keeps a text.
func (k *Known[K]) Put(key K, t *Tree) {
	if k.trees == nil {
		k.trees = map[K]*Tree{}
	}
	k.Forget(key)
	k.trees[key] = t
	k.bytes += len(t.Text)
	for other := range k.trees {
		if k.bytes <= k.Max {
			break
		}
		k.Forget(other)
	}
}

// Forget lets go a text.
func (k *Known[K]) Forget(key K) {
	if t := k.trees[key]; t != nil {
		k.bytes -= len(t.Text)
		delete(k.trees, key)
	}
}
