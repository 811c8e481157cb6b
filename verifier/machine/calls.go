package machine

import "unsafe"

// remembered is how many arguments a call may have besides input and data.
const remembered = 3

// call is a call of a function whose result is remembered. Arguments are the same
// when they are the same scalars, the very same composites, or small objects and
// sets of the same: policies make those anew, to say the same.
type call struct {
	age    uint32
	f      int32
	older  int32 // the call before with the same place in the index, or -1
	hash   uint64
	args   [remembered]Value
	result Value
}

func newCall(age uint32, f int32, args []Value) call {
	c := call{age: age, f: f, hash: uint64(age)<<32 | uint64(f)}
	for i, a := range args {
		c.args[i] = a
		c.hash = mix(c.hash) ^ identity(a)
	}
	c.hash = mix(c.hash)
	return c
}

// calls finds calls by their hash.
type calls struct {
	list  []call
	index []int32 // by hash: the number of the latest call, and one
}

// find returns what a call gave.
func (c *calls) find(key *call) (Value, bool) {
	if len(c.index) == 0 {
		return nil, false
	}
	for i := c.index[key.hash&uint64(len(c.index)-1)] - 1; i >= 0; i = c.list[i].older {
		if known := &c.list[i]; known.hash == key.hash && known.same(key) {
			return known.result, true
		}
	}
	return nil, false
}

func (c *call) same(other *call) bool {
	if c.f != other.f || c.age != other.age {
		return false
	}
	for i := range c.args {
		if !identical(c.args[i], other.args[i]) {
			return false
		}
	}
	return true
}

// leastIndex is how many places the index has at first, a power of two.
const leastIndex = 256

// add remembers a call that is not there.
func (c *calls) add(key call) {
	c.list = append(c.list, key)
	if len(c.list) > len(c.index) {
		c.index = make([]int32, max(leastIndex, 4*len(c.index)))
		for i := range c.list {
			c.enter(i)
		}
		return
	}
	c.enter(len(c.list) - 1)
}

func (c *calls) enter(i int) {
	place := &c.index[c.list[i].hash&uint64(len(c.index)-1)]
	c.list[i].older, *place = *place-1, int32(i)+1
}

// forget lets go of all calls. An index that is much too large is let go too.
func (c *calls) forget() {
	if len(c.index) > leastIndex && len(c.list) < len(c.index)/16 {
		*c = calls{}
		return
	}
	clear(c.list)
	clear(c.index)
	c.list = c.list[:0]
}

// small is up to how many elements objects and sets are compared.
const small = 32

// identity is the same for identical values.
func identity(v Value) uint64 {
	switch v := v.(type) {
	case *Array:
		return mix(uint64(uintptr(unsafe.Pointer(v))))
	case *Object:
		if v.Len() > small || v.shape != nil {
			return mix(uint64(uintptr(unsafe.Pointer(v))))
		}
		sum := uint64(v.Len())
		for i, k := range v.keys {
			sum += mix(hash(k) + scalar(v.vals[i]))
		}
		return sum
	case *Set:
		if v.Len() > small {
			return mix(uint64(uintptr(unsafe.Pointer(v))))
		}
		sum := uint64(v.Len()) + 3
		for _, k := range v.keys {
			sum += mix(scalar(k))
		}
		return sum
	default:
		return hash(v)
	}
}

// scalar is the hash of a part that is no composite.
func scalar(v Value) uint64 {
	switch v.(type) {
	case *Array, *Object, *Set:
		return 1
	default:
		return hash(v)
	}
}

// identical reports whether a function cannot tell two values from each other, as
// far as that is found out in no time. Numbers that are equal may be written in two ways.
func identical(a, b Value) bool {
	if a == b {
		return true
	}
	switch a := a.(type) {
	case *Object:
		b, ok := b.(*Object)
		if !ok || a.Len() != b.Len() || a.Len() > small || a.shape != nil || b.shape != nil {
			return false
		}
		for i, k := range a.keys {
			if at := b.find(k); at < 0 || a.vals[i] != b.vals[at] || b.keys[at] != k {
				return false
			}
		}
		return true
	case *Set:
		b, ok := b.(*Set)
		if !ok || a.Len() != b.Len() || a.Len() > small {
			return false
		}
		for _, k := range a.keys {
			if at := b.find(k); at < 0 || b.keys[at] != k {
				return false
			}
		}
		return true
	default:
		return false
	}
}
