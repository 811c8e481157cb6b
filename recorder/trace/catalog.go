package trace

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"go.etcd.io/bbolt"
)

// catalog is the objects of a trace as a reader keeps them: what many have in
// common is there once, and the rest is one text. Object 0 is none.
type catalog struct {
	kinds   []Object // without name and UID
	entries []catalogEntry
	text    string // name and UID of each object, behind their lengths
}

type catalogEntry struct {
	kind uint32 // index into kinds
	at   uint32 // offset in text, which is shorter than maxDictionary
}

// loadCatalog reads the objects.
func loadCatalog(tx *bbolt.Tx) (*catalog, error) {
	l := catalogLoader{known: map[string]uint32{}}
	l.kinds, l.entries = []Object{{}}, []catalogEntry{{}}
	l.names.Write([]byte{0, 0})
	if err := loadChunks(tx.Bucket(bucketObjects), l.load); err != nil {
		return nil, fmt.Errorf("objects: %w", err)
	}
	l.text = l.names.String()
	return &l.catalog, nil
}

type catalogLoader struct {
	catalog
	names strings.Builder
	known map[string]uint32 // a kind as it is written: its index
}

// load adds the objects of one chunk, the first of which has the id first.
func (l *catalogLoader) load(first uint32, raw []byte) error {
	if int(first) != len(l.entries) {
		return fmt.Errorf("%w: object %d follows object %d: a chunk is missing", ErrFormat, first, len(l.entries)-1)
	}
	c := cursor{b: raw}
	l.names.Grow(len(raw) / 2)
	for n := c.count(); n > 0 && c.err == nil; n-- {
		valid := true
		take := func(n int) []byte {
			from := c.b
			for range n {
				valid = valid && utf8.Valid(c.bytes())
			}
			return from[:len(from)-len(c.b)]
		}
		kind, name := take(5), take(2)
		switch {
		case c.err != nil:
			return c.err
		case !valid:
			return fmt.Errorf("%w: the name of object %d is not UTF-8", ErrFormat, len(l.entries))
		case len(l.entries) >= maxObjects:
			return fmt.Errorf("%w: more than %d objects", ErrFormat, maxObjects)
		}
		at, ok := l.known[string(kind)]
		if !ok {
			at = uint32(len(l.kinds))
			l.kinds, l.known[string(kind)] = append(l.kinds, kindFrom(kind)), at
		}
		l.entries = append(l.entries, catalogEntry{at, uint32(l.names.Len())})
		l.names.Write(name)
	}
	return c.err
}

// kindFrom reads the first five strings of an object.
func kindFrom(raw []byte) Object {
	var o Object
	c := cursor{b: raw}
	for _, s := range o.fields()[:5] {
		*s = string(c.bytes())
	}
	return o
}

// count is the number of ids, with that of none.
func (c *catalog) count() int { return len(c.entries) }

// object returns the object with an id.
func (c *catalog) object(id uint32) Object {
	e := c.entries[id]
	o := c.kinds[e.kind]
	text := c.text[e.at:]
	o.Name, text = cutText(text)
	o.UID, _ = cutText(text)
	return o
}

// cutText splits a string behind its length from a text that was checked when it
// was loaded.
func cutText(text string) (head, rest string) {
	n, shift, i := 0, 0, 0
	for ; text[i] >= 0x80; i++ {
		n |= int(text[i]&0x7f) << shift
		shift += 7
	}
	n |= int(text[i]) << shift
	text = text[i+1:]
	return text[:n], text[n:]
}
