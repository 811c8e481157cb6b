package trace

import (
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf8"
)

// objectTable numbers the objects of a trace in the order in which they were
// first met. Object 0 is none.
type objectTable struct {
	list    []*Object
	ids     map[Object]uint32
	uids    map[string]uint32 // the first object with a UID
	written int
}

func newObjectTable() *objectTable {
	return &objectTable{list: []*Object{{}}, ids: map[Object]uint32{{}: 0}, uids: map[string]uint32{}, written: 1}
}

func (t *objectTable) id(o Object) uint32 {
	if id, ok := t.ids[o]; ok {
		return id
	}
	id := uint32(len(t.list))
	t.add(o)
	return id
}

// add appends an object that is not known.
func (t *objectTable) add(o Object) {
	id := uint32(len(t.list))
	t.list = append(t.list, &o)
	t.ids[o] = id
	if _, known := t.uids[o.UID]; !known && isUID(o.UID) {
		t.uids[o.UID] = id
	}
}

func (o *Object) fields() []*string {
	return []*string{&o.Group, &o.Version, &o.Resource.Resource, &o.Kind, &o.Namespace, &o.Name, &o.UID}
}

// appendNew appends the objects that are not in the file yet: count, then for
// each its seven strings in the order of fields.
func (t *objectTable) appendNew(dst []byte) []byte {
	fresh := t.list[t.written:]
	dst = binary.AppendUvarint(dst, uint64(len(fresh)))
	for _, o := range fresh {
		for _, s := range o.fields() {
			dst = append(binary.AppendUvarint(dst, uint64(len(*s))), *s...)
		}
	}
	return dst
}

func (t *objectTable) sizes() (all, written int) { return len(t.list), t.written }

func (t *objectTable) rewrite(from int) { t.written = from }

func (t *objectTable) count() int { return len(t.list) }

func (t *objectTable) object(id uint32) Object { return *t.list[id] }

// load adds the objects of one chunk, the first of which has the id first.
func (t *objectTable) load(first uint32, raw []byte) error {
	if int(first) != len(t.list) {
		return fmt.Errorf("%w: object %d follows object %d: a chunk is missing", ErrFormat, first, len(t.list)-1)
	}
	c := cursor{b: raw}
	for n := c.count(); n > 0 && c.err == nil; n-- {
		var o Object
		for _, s := range o.fields() {
			*s = string(c.bytes())
			if !utf8.ValidString(*s) {
				return fmt.Errorf("%w: the name of object %d is not UTF-8", ErrFormat, len(t.list))
			}
		}
		if len(t.list) >= maxObjects {
			return fmt.Errorf("%w: more than %d objects", ErrFormat, maxObjects)
		}
		t.add(o)
	}
	t.written = len(t.list)
	return c.err
}

// rootKey names the root of the paths of an event: the resource of an object,
// the type of anything else.
func rootKey(typ Type, r Resource) []byte {
	if !typ.IsObject() {
		return []byte("!" + string(typ))
	}
	return []byte(strings.Join([]string{r.Group, r.Version, r.Resource, r.Kind}, "/"))
}

// splitRoot takes the key of the root of a resource apart.
func splitRoot(key string) []string { return strings.Split(key, "/") }
