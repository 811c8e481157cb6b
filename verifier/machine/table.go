package machine

import (
	"slices"
	"sort"
)

// few is up to how many keys are looked at one by one.
const few = 8

// table finds keys: few of them one by one, sorted ones by bisection, others by hash.
type table struct {
	keys   []Value
	sorted bool
	index  map[uint64]int32 // hash → the latest key with it
	older  []int32          // of each key, the one before with the same hash, or -1
}

// Len is the number of keys.
func (t *table) Len() int { return len(t.keys) }

// find returns the place of a key, -1 when there is none.
func (t *table) find(key Value) int {
	switch {
	case len(t.keys) <= few:
		if s, ok := key.(string); ok {
			for i, k := range t.keys {
				if name, ok := k.(string); ok && name == s {
					return i
				}
			}
			return -1
		}
		for i, k := range t.keys {
			if equal(k, key) {
				return i
			}
		}
		return -1
	case t.sorted:
		i, found := sort.Find(len(t.keys), func(i int) int { return compare(key, t.keys[i]) })
		if !found {
			return -1
		}
		return i
	}
	if t.index == nil {
		t.index, t.older = make(map[uint64]int32, 2*len(t.keys)), t.older[:0]
		for i, k := range t.keys {
			t.enter(hash(k), int32(i))
		}
	}
	for i, ok := t.index[hash(key)]; ok && i >= 0; i = t.older[i] {
		if equal(t.keys[i], key) {
			return int(i)
		}
	}
	return -1
}

func (t *table) enter(h uint64, at int32) {
	before, ok := t.index[h]
	if !ok {
		before = -1
	}
	t.index[h], t.older = at, append(t.older, before)
}

// add appends a key that is not there.
func (t *table) add(key Value) {
	if t.index != nil {
		t.enter(hash(key), int32(len(t.keys)))
	}
	t.sorted = len(t.keys) == 0 || t.sorted && compare(t.keys[len(t.keys)-1], key) < 0
	t.keys = append(t.keys, key)
}

// Set is a set.
type Set struct{ table }

func (s *Set) add(key Value) {
	if s.find(key) < 0 {
		s.table.add(key)
	}
}

// sortedKeys are the elements in order. A set that is in order is not touched: it
// may be read by several goroutines.
func (s *Set) sortedKeys() []Value {
	if !s.sorted {
		slices.SortFunc(s.keys, compare)
		s.index, s.sorted = nil, true
	}
	return s.keys
}

// Elems are the elements in order; they must not be changed.
func (s *Set) Elems() []Value { return s.sortedKeys() }

// Has reports whether an element is in the set.
func (s *Set) Has(element Value) bool { return s.find(element) >= 0 }

func (s *Set) equal(o *Set) bool {
	if s == o {
		return true
	}
	if s.Len() != o.Len() {
		return false
	}
	for _, k := range s.keys {
		if o.find(k) < 0 {
			return false
		}
	}
	return true
}

// Object is an object. Those of documents share the keys of their shape.
type Object struct {
	table
	vals  []Value
	shape *Shape // nil, or what the keys are those of
}

// Shape is the keys of objects that are alike.
type Shape struct {
	keys  []Value // sorted
	index map[string]int
}

// NewShape makes a shape of names. The second result says where each of them is
// among the sorted keys.
func NewShape(names []string) (*Shape, []int) {
	sorted := slices.Sorted(slices.Values(names))
	s := &Shape{index: make(map[string]int, len(names))}
	for i, name := range sorted {
		s.keys = append(s.keys, name)
		s.index[name] = i
	}
	places := make([]int, len(names))
	for i, name := range names {
		places[i] = s.index[name]
	}
	return s, places
}

// Object makes an object of the shape with its values, in the order of the
// sorted keys, which it keeps.
func (s *Shape) Object(vals []Value) *Object {
	o := s.object(vals)
	return &o
}

func (s *Shape) object(vals []Value) Object {
	return Object{table: table{keys: s.keys, sorted: true}, vals: vals, shape: s}
}

// Get returns the value under a key, nil when there is none.
func (o *Object) Get(key Value) Value {
	if o.shape != nil {
		name, _ := key.(string)
		if i, ok := o.shape.index[name]; ok {
			return o.vals[i]
		}
		return nil
	}
	if i := o.find(key); i >= 0 {
		return o.vals[i]
	}
	return nil
}

// insert sets the value under a key.
func (o *Object) insert(key, value Value) {
	if o.shape != nil { // its keys are shared
		o.keys, o.shape = slices.Clone(o.keys), nil
	}
	if i := o.find(key); i >= 0 {
		o.vals[i] = value
		return
	}
	o.add(key)
	o.vals = append(o.vals, value)
}

// sort brings the keys in order. An object that is in order is not touched: it may
// be read by several goroutines.
func (o *Object) sort() {
	if !o.sorted {
		sort.Sort(byKey{o})
		o.index, o.sorted = nil, true
	}
}

type byKey struct{ *Object }

func (b byKey) Less(i, j int) bool { return compare(b.keys[i], b.keys[j]) < 0 }
func (b byKey) Swap(i, j int) {
	b.keys[i], b.keys[j] = b.keys[j], b.keys[i]
	b.vals[i], b.vals[j] = b.vals[j], b.vals[i]
}

// Each calls do for every key and value, in the order of the keys.
func (o *Object) Each(do func(key, value Value)) {
	o.sort()
	for i, k := range o.keys {
		do(k, o.vals[i])
	}
}

// Without returns the object without a key.
func (o *Object) Without(key Value) *Object {
	out := &Object{}
	o.Each(func(k, v Value) {
		if !equal(k, key) {
			out.add(k)
			out.vals = append(out.vals, v)
		}
	})
	return out
}

// copy makes one that can be changed.
func (o *Object) copy() *Object {
	return &Object{table: table{keys: slices.Clone(o.keys), sorted: o.sorted}, vals: slices.Clone(o.vals)}
}

func (o *Object) compare(p *Object) int {
	o.sort()
	p.sort()
	for i := range min(len(o.keys), len(p.keys)) {
		if c := compare(o.keys[i], p.keys[i]); c != 0 {
			return c
		}
		if c := compare(o.vals[i], p.vals[i]); c != 0 {
			return c
		}
	}
	return len(o.keys) - len(p.keys)
}

func (o *Object) equal(p *Object) bool {
	if o == p {
		return true
	}
	if o.Len() != p.Len() {
		return false
	}
	if o.shape != nil && o.shape == p.shape {
		for i := range o.vals {
			if !equal(o.vals[i], p.vals[i]) {
				return false
			}
		}
		return true
	}
	for i, k := range o.keys {
		if other := p.Get(k); other == nil || !equal(o.vals[i], other) {
			return false
		}
	}
	return true
}
