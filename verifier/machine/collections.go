package machine

import (
	"slices"
	"strings"
)

// elementsOf returns the elements of an array or a set.
func elementsOf(v Value) ([]Value, bool) {
	switch v := v.(type) {
	case *Array:
		return v.elems, true
	case *Set:
		return v.sortedKeys(), true
	default:
		return nil, false
	}
}

// flatten puts the elements of the arrays in an array in their place.
func flatten(args []Value) (Value, bool) {
	a, ok := args[0].(*Array)
	if !ok {
		return nil, false
	}
	n, nested := len(a.elems), false
	for _, e := range a.elems {
		if inner, ok := e.(*Array); ok {
			n, nested = n+len(inner.elems)-1, true
		}
	}
	if !nested {
		return a, true
	}
	out := make([]Value, 0, n)
	for _, e := range a.elems {
		if inner, ok := e.(*Array); ok {
			out = append(out, inner.elems...)
		} else {
			out = append(out, e)
		}
	}
	return &Array{out}, true
}

// uniteAll is the union of a set of sets.
func uniteAll(args []Value) (Value, bool) {
	all, ok := args[0].(*Set)
	if !ok {
		return nil, false
	}
	out := &Set{}
	for _, e := range all.sortedKeys() {
		s, ok := e.(*Set)
		if !ok {
			return nil, false
		}
		for _, k := range s.sortedKeys() {
			out.add(k)
		}
	}
	return out, true
}

// join puts texts together, with another one between them.
func join(args []Value) (Value, bool) {
	separator, ok := args[0].(string)
	elements, isList := elementsOf(args[1])
	if !ok || !isList {
		return nil, false
	}
	texts := make([]string, len(elements))
	for i, e := range elements {
		if texts[i], ok = e.(string); !ok {
			return nil, false
		}
	}
	return strings.Join(texts, separator), true
}

// most is how many numbers are made without looking at the clock.
const most = 1 << 16

// numbersFromTo lists the numbers from one to another, up or down.
func numbersFromTo(args []Value) (Value, bool) {
	from, ok1 := args[0].(int64)
	to, ok2 := args[1].(int64)
	if !ok1 || !ok2 || max(from, to, -from, -to) > most || min(from, to, -from, -to) < -most {
		return nil, false
	}
	var out []Value
	for n := min(from, to); n <= max(from, to); n++ {
		out = append(out, n)
	}
	if from > to {
		slices.Reverse(out)
	}
	return &Array{out}, true
}

// filter leaves the fields of an object that are named in a list or set.
func filter(args []Value) (Value, bool) {
	o, ok := args[0].(*Object)
	names, isList := elementsOf(args[1])
	if !ok || !isList {
		return nil, false
	}
	out := &Object{}
	for _, name := range names {
		if v := o.Get(name); v != nil {
			out.insert(name, v)
		}
	}
	return out, true
}
