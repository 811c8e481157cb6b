package machine

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// FromGo turns structs with json tags, and what they are made of, into a value,
// as encoding/json/v2 would write them: a list that is nil is an empty one, and the
// fields of what is embedded are fields of the whole.
func FromGo(v any) (Value, error) {
	value := reflect.ValueOf(v)
	if !value.IsValid() {
		return Null{}, nil
	}
	encode, err := encoderOf(value.Type())
	if err != nil {
		return nil, err
	}
	return encode(value), nil
}

// encoder turns values of one type of Go into values.
type encoder func(v reflect.Value) Value

var encoders sync.Map // reflect.Type → encoder

func encoderOf(t reflect.Type) (encoder, error) {
	if known, ok := encoders.Load(t); ok {
		return known.(encoder), nil
	}
	made, err := newEncoder(t)
	if err != nil {
		return nil, err
	}
	encoders.Store(t, made)
	return made, nil
}

func newEncoder(t reflect.Type) (encoder, error) {
	switch t.Kind() {
	case reflect.Bool:
		return func(v reflect.Value) Value { return v.Bool() }, nil
	case reflect.Int, reflect.Int64, reflect.Int32:
		return func(v reflect.Value) Value { return v.Int() }, nil
	case reflect.Uint64, reflect.Uint32:
		return func(v reflect.Value) Value {
			if n := v.Uint(); n>>63 == 0 {
				return int64(n)
			}
			return Number(fmt.Sprint(v.Uint()))
		}, nil
	case reflect.String:
		return func(v reflect.Value) Value { return v.String() }, nil
	case reflect.Slice:
		return sliceEncoder(t)
	case reflect.Struct:
		return structEncoder(t)
	default:
		return nil, fmt.Errorf("a document cannot hold %s", t)
	}
}

func sliceEncoder(t reflect.Type) (encoder, error) {
	if t.Elem().Kind() == reflect.Struct {
		return structsEncoder(t.Elem())
	}
	element, err := encoderOf(t.Elem())
	if err != nil {
		return nil, err
	}
	return func(v reflect.Value) Value {
		elems := make([]Value, v.Len())
		for i := range elems {
			elems[i] = element(v.Index(i))
		}
		return &Array{elems}
	}, nil
}

// field is a field of a struct: its own, or one that holds an embedded struct's.
type field struct {
	index  int
	place  int // among the sorted names
	encode encoder
	inner  []field
}

func structEncoder(t reflect.Type) (encoder, error) {
	shape, members, err := layoutOf(t)
	return func(v reflect.Value) Value {
		vals := make([]Value, len(shape.keys))
		fill(members, v, vals)
		return shape.Object(vals)
	}, err
}

// structsEncoder is the encoder of lists of a struct: their objects are allocated
// together.
func structsEncoder(t reflect.Type) (encoder, error) {
	shape, members, err := layoutOf(t)
	return func(v reflect.Value) Value {
		n := v.Len()
		elems, objects := make([]Value, n), make([]Object, n)
		width := len(shape.keys)
		vals := make([]Value, n*width)
		for i := range n {
			of := vals[i*width : (i+1)*width : (i+1)*width]
			fill(members, v.Index(i), of)
			objects[i] = shape.object(of)
			elems[i] = &objects[i]
		}
		return &Array{elems}
	}, err
}

// layoutOf returns what the objects of a struct have in common, and how its fields
// become their values.
func layoutOf(t reflect.Type) (*Shape, []field, error) {
	var names []string
	members, err := membersOf(t, &names)
	if err != nil {
		return nil, nil, err
	}
	if n := len(slices.Compact(slices.Sorted(slices.Values(names)))); n != len(names) {
		return nil, nil, fmt.Errorf("%s has two fields of one name", t)
	}
	shape, places := NewShape(names)
	settle(members, places)
	return shape, members, nil
}

// membersOf lists the fields with a tag; place is the number of the name for now.
func membersOf(t reflect.Type, names *[]string) ([]field, error) {
	var out []field
	for i := range t.NumField() {
		of := t.Field(i)
		name, _, _ := strings.Cut(of.Tag.Get("json"), ",")
		m := field{index: i}
		var err error
		switch {
		case name == "" && of.Anonymous && of.Type.Kind() == reflect.Struct:
			m.inner, err = membersOf(of.Type, names)
		case name == "" || !of.IsExported():
			continue
		default:
			m.place = len(*names)
			*names = append(*names, name)
			m.encode, err = encoderOf(of.Type)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", of.Name, err)
		}
		out = append(out, m)
	}
	return out, nil
}

func settle(members []field, places []int) {
	for i := range members {
		if members[i].encode != nil {
			members[i].place = places[members[i].place]
		}
		settle(members[i].inner, places)
	}
}

func fill(members []field, v reflect.Value, vals []Value) {
	for i := range members {
		m := &members[i]
		if m.encode == nil {
			fill(m.inner, v.Field(m.index), vals)
		} else {
			vals[m.place] = m.encode(v.Field(m.index))
		}
	}
}
