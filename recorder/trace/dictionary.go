package trace

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// A path is a chain of steps from a root; the root stands for a resource or,
// for events that are about no object, for their type. Paths are numbered in
// the order in which they were first met, and the numbers never change.

// step leads from a path to a longer one: a key of an object, or an index of an
// array when index is not negative.
type step struct {
	key   string
	index int32
}

// compare orders the steps below one path canonically: keys bytewise, then
// indices by number.
func (s step) compare(t step) int {
	if s.index != t.index {
		return int(s.index) - int(t.index)
	}
	return strings.Compare(s.key, t.key)
}

type pathEntry struct {
	parent uint32 // 0 for a root
	step   step
}

type pathKey struct {
	parent uint32
	step   step
}

// dictionary holds the paths. Path 0 is nothing, the parent of all roots.
type dictionary struct {
	entries  []pathEntry
	children map[pathKey]uint32
	written  int // entries that are in the file already
}

func newDictionary() *dictionary {
	return &dictionary{entries: make([]pathEntry, 1), children: map[pathKey]uint32{}, written: 1}
}

// crowded says that new paths should be avoided, full that nothing fits.
func (d *dictionary) crowded() bool { return len(d.entries) >= maxPaths/4 }
func (d *dictionary) full() bool    { return len(d.entries) >= maxPaths/2 }

// child returns the path one step below parent, adding it when it is new.
func (d *dictionary) child(parent uint32, key []byte) uint32 {
	if id, ok := d.children[pathKey{parent, step{key: string(key), index: -1}}]; ok {
		return id
	}
	return d.add(parent, step{key: string(key), index: -1})
}

// element returns the path of the array element with this index.
func (d *dictionary) element(parent uint32, index int) uint32 {
	s := step{index: int32(index)}
	if id, ok := d.children[pathKey{parent, s}]; ok {
		return id
	}
	return d.add(parent, s)
}

func (d *dictionary) add(parent uint32, s step) uint32 {
	id := uint32(len(d.entries))
	d.entries = append(d.entries, pathEntry{parent, s})
	d.children[pathKey{parent, s}] = id
	return id
}

// appendNew appends the entries that are not in the file yet:
// count, then for each the parent, and 0 with a key or 1+index.
func (d *dictionary) appendNew(dst []byte) []byte {
	fresh := d.entries[d.written:]
	dst = binary.AppendUvarint(dst, uint64(len(fresh)))
	for _, e := range fresh {
		dst = binary.AppendUvarint(dst, uint64(e.parent))
		if e.step.index >= 0 {
			dst = binary.AppendUvarint(dst, uint64(e.step.index)+1)
			continue
		}
		dst = append(dst, 0)
		dst = binary.AppendUvarint(dst, uint64(len(e.step.key)))
		dst = append(dst, e.step.key...)
	}
	return dst
}

func (d *dictionary) sizes() (all, written int) { return len(d.entries), d.written }

func (d *dictionary) rewrite(from int) { d.written = from }

// load adds the entries of one chunk, the first of which has the id first.
func (d *dictionary) load(first uint32, raw []byte) error {
	if int(first) != len(d.entries) {
		return fmt.Errorf("%w: path %d follows path %d: a chunk is missing", ErrFormat, first, len(d.entries)-1)
	}
	c := cursor{b: raw}
	for n := c.count(); n > 0 && c.err == nil; n-- {
		parent, index := c.uvarint(), c.uvarint()
		s := step{index: -1}
		if index == 0 {
			s.key = string(c.bytes())
		} else {
			s.index = int32(min(index-1, maxData))
		}
		if c.err != nil {
			break
		}
		if parent >= uint64(len(d.entries)) || len(d.entries) >= maxPaths || !utf8.ValidString(s.key) {
			return fmt.Errorf("%w: path %d below path %d is impossible", ErrFormat, len(d.entries), parent)
		}
		d.add(uint32(parent), s)
	}
	if c.err == nil && len(c.b) != 0 {
		return fmt.Errorf("%w: a chunk of paths is longer than it says", ErrFormat)
	}
	d.written = len(d.entries)
	return c.err
}

// ranking orders all paths so that a path is followed by everything below it,
// in canonical order. A state sorted by rank renders to canonical JSON in one
// walk, and what lies below a path is one contiguous range.
type ranking struct {
	rank   []uint32            // by path id
	id     []uint32            // by rank
	parent []uint32            // by rank, as a rank
	end    []uint32            // by rank: one past the last rank below
	step   []step              // by rank
	child  []map[string]uint32 // by rank: the ranks below by key; nil where there is none
	recent *[recentKeys]place  // what was looked up last; nil: this is not remembered
}

// recentKeys is how many places are remembered: a reader asks for the same few
// hundred again and again.
const recentKeys = 1 << 10

// place is what a key below a path was found to be.
type place struct {
	key    string
	at     uint32
	exists bool
	found  uint32
}

// remembering returns the ranking for one goroutine, which looks keys up faster that
// it has looked up before.
func (k *ranking) remembering() *ranking {
	own := *k
	own.recent = &[recentKeys]place{}
	return &own
}

// under returns the rank of a key below the path of this rank.
func (k *ranking) under(at uint32, key string) (uint32, bool) {
	if k.recent == nil || key == "" {
		found, ok := k.child[at][key]
		return found, ok
	}
	// Keys below one path seldom agree in their length, middle and end.
	n := uint32(len(key))
	hash := (at*31+n)*31 + uint32(key[n/2])*7 + uint32(key[n-1])
	p := &k.recent[(hash*0x9E3779B1)>>22]
	if p.at != at || p.key != key {
		found, ok := k.child[at][key]
		*p = place{key, at, ok, found}
	}
	return p.found, p.exists
}

// element returns the rank of an index below the path of this rank.
func (k *ranking) element(at uint32, index int32) (uint32, bool) {
	for c := at + 1; c < k.end[at]; c = k.end[c] {
		if k.step[c].index == index {
			return c, true
		}
	}
	return 0, false
}

// rank computes the order. It fails where paths are nested too deeply to be
// real.
func (d *dictionary) rank() (*ranking, error) {
	n := len(d.entries)
	k := &ranking{
		rank: make([]uint32, n), id: make([]uint32, n), parent: make([]uint32, n), end: make([]uint32, n),
		step: make([]step, n), child: make([]map[string]uint32, n),
	}
	// Children lists: the ids sorted by parent, then canonically.
	ids := make([]uint32, n-1)
	for i := range ids {
		ids[i] = uint32(i + 1)
	}
	slices.SortFunc(ids, func(a, b uint32) int {
		ea, eb := d.entries[a], d.entries[b]
		if ea.parent != eb.parent {
			return int(ea.parent) - int(eb.parent)
		}
		return ea.step.compare(eb.step)
	})
	first := make([]uint32, n+1) // of the children of a path, in ids
	for _, id := range ids {
		first[d.entries[id].parent+1]++
	}
	for i := 1; i <= n; i++ {
		first[i] += first[i-1]
	}
	next := uint32(0)
	var walk func(id, parent uint32, depth uint16) error
	walk = func(id, parent uint32, depth uint16) error {
		if depth > maxDepth+8 {
			return fmt.Errorf("%w: paths are nested more than %d deep", ErrFormat, maxDepth)
		}
		at := next
		next++
		k.rank[id], k.id[at], k.parent[at], k.step[at] = at, id, parent, d.entries[id].step
		if s := k.step[at]; at > 0 && s.index < 0 {
			if k.child[parent] == nil {
				k.child[parent] = map[string]uint32{}
			}
			k.child[parent][s.key] = at
		}
		for _, c := range ids[first[id]:first[id+1]] {
			if err := walk(c, at, depth+1); err != nil {
				return err
			}
		}
		k.end[at] = next
		return nil
	}
	return k, walk(0, 0, 0)
}
