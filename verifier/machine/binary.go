package machine

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The tags of constants.
const (
	constNull = iota
	constFalse
	constTrue
	constInt
	constNumber
	constString
	constArray
	constSet
)

// errBinary says that bytes are no program.
var errBinary = errors.New("not a program")

// AppendBinary appends the program as bytes, for the same build of the same
// program to read.
func (p *Program) AppendBinary(b []byte) ([]byte, error) {
	b = appendList(b, p.queries, appendNumber)
	b = binary.AppendVarint(b, int64(p.dots))
	b = appendList(b, p.files, appendText)
	b = appendList(b, p.builtins, appendText)
	b = appendList(b, p.consts, appendConst)
	b = appendList(b, p.shapes, func(b []byte, s *Shape) []byte { return appendList(b, s.keys, appendConst) })
	return appendList(b, p.funcs, func(b []byte, f function) []byte {
		b = appendText(b, f.path)
		for _, n := range []int32{f.params, f.locals, f.iters, int32(boolToInt(f.loops))} {
			b = binary.AppendVarint(b, int64(n))
		}
		b = appendList(b, f.args, appendNumber)
		b = appendList(b, f.calls, appendNumber)
		b = appendList(b, f.places, func(b []byte, at place) []byte {
			return appendNumber(appendNumber(appendNumber(appendNumber(b, at.PC), at.File), at.Row), at.Col)
		})
		return appendList(b, f.code, func(b []byte, in instr) []byte {
			b = append(b, byte(in.op))
			return appendNumber(appendNumber(appendNumber(appendNumber(appendNumber(b, in.a), in.b), in.c), in.d), in.fail)
		})
	}), nil
}

func appendList[T any](b []byte, list []T, one func([]byte, T) []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, element := range list {
		b = one(b, element)
	}
	return b
}

func appendNumber(b []byte, n int32) []byte { return binary.AppendVarint(b, int64(n)) }

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendConst(b []byte, v Value) []byte {
	switch v := v.(type) {
	case bool:
		return append(b, byte(constFalse+boolToInt(v)))
	case int64:
		return binary.AppendVarint(append(b, constInt), v)
	case Number:
		return appendText(append(b, constNumber), string(v))
	case string:
		return appendText(append(b, constString), v)
	case *Array:
		return appendList(append(b, constArray), v.elems, appendConst)
	case *Set:
		return appendList(append(b, constSet), v.sortedKeys(), appendConst)
	default:
		return append(b, constNull)
	}
}

// UnmarshalBinary reads what AppendBinary wrote.
func (p *Program) UnmarshalBinary(data []byte) (err error) {
	defer func() {
		if recover() != nil { // the bytes end early, or a length is too great
			err = fmt.Errorf("%w: it is cut off", errBinary)
		}
	}()
	s := &scanner{b: data}
	p.queries, p.dots = readList(s, s.number), s.number()
	p.files, p.builtins, p.consts = readList(s, s.text), readList(s, s.text), readList(s, s.constant)
	p.shapes = readList(s, func() *Shape {
		shape, _ := NewShape(readList(s, func() string { return s.constant().(string) }))
		return shape
	})
	p.funcs = readList(s, func() function {
		f := function{path: s.text(), params: s.number(), locals: s.number(), iters: s.number(), loops: s.number() == 1}
		f.args, f.calls = readList(s, s.number), readList(s, s.number)
		f.places = readList(s, func() place { return place{s.number(), s.number(), s.number(), s.number()} })
		f.code = readList(s, func() instr {
			return instr{op(s.byte()), s.number(), s.number(), s.number(), s.number(), s.number()}
		})
		return f
	})
	for _, query := range p.queries {
		if query < 0 || int(query) >= len(p.funcs) {
			return errBinary
		}
	}
	if len(s.b) > 0 {
		return errBinary
	}
	return nil
}

// scanner reads numbers and texts; it panics at the end.
type scanner struct{ b []byte }

func (s *scanner) byte() byte {
	c := s.b[0]
	s.b = s.b[1:]
	return c
}

func (s *scanner) int() int64 {
	v, n := binary.Varint(s.b)
	if n <= 0 {
		panic(errBinary)
	}
	s.b = s.b[n:]
	return v
}

func (s *scanner) number() int32 { return int32(s.int()) }

func (s *scanner) length() int {
	v, n := binary.Uvarint(s.b)
	if n <= 0 || v > uint64(len(s.b)) {
		panic(errBinary)
	}
	s.b = s.b[n:]
	return int(v)
}

func (s *scanner) text() string {
	n := s.length()
	text := string(s.b[:n])
	s.b = s.b[n:]
	return text
}

func (s *scanner) constant() Value {
	switch s.byte() {
	case constFalse:
		return false
	case constTrue:
		return true
	case constInt:
		return s.int()
	case constNumber:
		return Number(s.text())
	case constString:
		return s.text()
	case constArray:
		return &Array{readList(s, s.constant)}
	case constSet:
		return &Set{table{keys: readList(s, s.constant), sorted: true}}
	default:
		return Null{}
	}
}

func readList[T any](s *scanner, one func() T) []T {
	out := make([]T, s.length())
	for i := range out {
		out[i] = one()
	}
	return out
}
