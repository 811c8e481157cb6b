package lexer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/bits"
)

// End returns the position behind the value that data begins with, as far as
// brackets and quotes tell; 0 if it does not end in data, or is none.
func End(data []byte) int {
	if len(data) == 0 {
		return 0
	}
	switch data[0] {
	case '{', '[':
		return bracketsEnd(data)
	case '"':
		if n := textEnd(data[1:]); n >= 0 {
			return n + 2
		}
		return 0
	}
	end := 0
	for end < len(data) && !delimits(data[end]) {
		end++
	}
	return end
}

// delimits reports whether a number or a literal ends before a byte.
func delimits(c byte) bool { return c == ',' || c == ']' || c == '}' || c == ':' || isSpace(c) }

// bracketsEnd returns the position behind the object or array that data begins
// with, 0 if it does not end.
func bracketsEnd(data []byte) int {
	depth := 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			n := textEnd(data[i+1:])
			if n < 0 {
				return 0
			}
			i += n + 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}

// Texts that are longer than this many bytes are left to bytes.IndexByte.
const shortText = 64

// textEnd returns where the quote is that ends a string, -1 if there is none.
func textEnd(data []byte) int {
	for i := 0; i+8 <= len(data) && i < shortText; i += 8 {
		x := binary.LittleEndian.Uint64(data[i:])
		q, s := x^each*'"', x^each*'\\'
		m := ((q-each)&^q | (s-each)&^s) & high
		if m == 0 {
			continue
		}
		at := i + bits.TrailingZeros64(m)/8
		if data[at] == '"' {
			return at
		}
		return quote(data, at)
	}
	return quote(data, 0)
}

// quote returns the first quote from a position within a string on that is not
// escaped, -1 if there is none. What is at the position is not escaped.
func quote(data []byte, from int) int {
	for at := from; ; at++ {
		i := bytes.IndexByte(data[at:], '"')
		if i < 0 {
			return -1
		}
		at += i
		n := at
		for n > from && data[n-1] == '\\' {
			n--
		}
		if (at-n)%2 == 0 {
			return at
		}
	}
}

// ErrNoObject is what is no object of JSON, as far as brackets and quotes tell.
var ErrNoObject = errors.New("it is no JSON object")

// Members calls visit with the name of each member of the object that data begins
// with, as it is written between its quotes, and with its value. It ends without
// an error when visit returns false. It returns what comes behind the object, nil
// if visit has ended it.
func Members(data []byte, visit func(name, value []byte) bool) (rest []byte, err error) {
	l := Lexer{Data: data}
	l.Space()
	if !l.Take('{') {
		return nil, ErrNoObject
	}
	if l.Space(); l.Take('}') {
		return data[l.Pos:], nil
	}
	for {
		if l.Peek() != '"' {
			return nil, ErrNoObject
		}
		name := l.skip()
		if l.Space(); len(name) == 0 || !l.Take(':') {
			return nil, ErrNoObject
		}
		l.Space()
		value := l.skip()
		if len(value) == 0 {
			return nil, ErrNoObject
		}
		if !visit(name[1:len(name)-1], value) {
			return nil, nil
		}
		if l.Space(); !l.Take(',') {
			break
		}
		l.Space()
	}
	if !l.Take('}') {
		return nil, ErrNoObject
	}
	return data[l.Pos:], nil
}

// skip passes over the value that comes and returns it.
func (l *Lexer) skip() []byte {
	value := l.Data[l.Pos:]
	value = value[:End(value)]
	l.Pos += len(value)
	return value
}
