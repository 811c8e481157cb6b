package machine

import (
	"cmp"
	"hash/maphash"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Value is a value of Rego: Null, bool, int64, Number, string, *Array, *Object or
// *Set. nil is no value: undefined. What is part of a document or of a program is
// never changed; everything else is changed only by who made it.
type Value any

// Null is the value null.
type Null struct{}

// Number is a number that is no int64, as it was written.
type Number = ast.Number

// Array is a list.
type Array struct{ elems []Value }

// NewArray makes an array of the elements, which it keeps.
func NewArray(elems []Value) *Array { return &Array{elems} }

// Elems are the elements; they must not be changed.
func (a *Array) Elems() []Value { return a.elems }

// kindOf orders the types as ast.Compare does.
func kindOf(v Value) int {
	switch v.(type) {
	case nil:
		return 0
	case Null:
		return 1
	case bool:
		return 2
	case int64, Number:
		return 3
	case string:
		return 4
	case *Array:
		return 5
	case *Object:
		return 6
	default:
		return 7
	}
}

// compare is the order of ast.Compare.
func compare(a, b Value) int {
	switch a := a.(type) {
	case int64:
		if b, ok := b.(int64); ok {
			return cmp.Compare(a, b)
		}
	case string:
		if b, ok := b.(string); ok {
			return strings.Compare(a, b)
		}
	}
	if c := cmp.Compare(kindOf(a), kindOf(b)); c != 0 {
		return c
	}
	switch a := a.(type) {
	case bool:
		return boolToInt(a) - boolToInt(b.(bool))
	case int64, Number:
		return AST(a).Compare(AST(b))
	case *Array:
		return compareLists(a.elems, b.(*Array).elems)
	case *Object:
		return a.compare(b.(*Object))
	case *Set:
		return compareLists(a.sortedKeys(), b.(*Set).sortedKeys())
	default:
		return 0
	}
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func compareLists(a, b []Value) int {
	for i := range min(len(a), len(b)) {
		if c := compare(a[i], b[i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}

// equal reports whether two values are the same.
func equal(a, b Value) bool {
	switch a := a.(type) {
	case int64:
		if b, ok := b.(int64); ok {
			return a == b
		}
		return compare(a, b) == 0
	case string:
		b, ok := b.(string)
		return ok && a == b
	case bool:
		b, ok := b.(bool)
		return ok && a == b
	case *Array:
		b, ok := b.(*Array)
		if !ok || a == b {
			return ok
		}
		if len(a.elems) != len(b.elems) {
			return false
		}
		for i := range a.elems {
			if !equal(a.elems[i], b.elems[i]) {
				return false
			}
		}
		return true
	case *Object:
		b, ok := b.(*Object)
		return ok && a.equal(b)
	case *Set:
		b, ok := b.(*Set)
		return ok && a.equal(b)
	default:
		return compare(a, b) == 0
	}
}

var seed = maphash.MakeSeed()

// hash is the same for equal values.
func hash(v Value) uint64 {
	switch v := v.(type) {
	case string:
		return maphash.String(seed, v)
	case int64:
		return mix(uint64(v))
	case Number: // 1.0 equals 1
		if f, ok := v.Float64(); ok && f == float64(int64(f)) {
			return mix(uint64(int64(f)))
		}
		return 7
	case bool:
		return mix(uint64(boolToInt(v)) + 3)
	case *Array:
		sum := uint64(len(v.elems)) + 11
		for _, e := range v.elems {
			sum = mix(sum ^ hash(e))
		}
		return sum
	case *Object:
		sum := uint64(v.Len()) + 13
		for i, k := range v.keys {
			sum += mix(hash(k) ^ mix(hash(v.vals[i])))
		}
		return sum
	case *Set:
		sum := uint64(v.Len()) + 17
		for _, k := range v.keys {
			sum += mix(hash(k))
		}
		return sum
	default:
		return 5
	}
}

// mix spreads the bits of a number (the finalizer of MurmurHash3).
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
