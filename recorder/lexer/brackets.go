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
		return new(Splitter).End(data)
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

// Splitter finds the end of an object or array that comes piece by piece.
type Splitter struct {
	pos   int // up to which it has looked
	depth int // open brackets
}

// End returns the position behind the object or array that data begins with, 0 if
// that is not all there yet. Data only ever grows at its end between two calls.
func (s *Splitter) End(data []byte) int {
	for i := s.pos; i < len(data); i++ {
		switch data[i] {
		case '"':
			n := textEnd(data[i+1:])
			if n < 0 {
				s.pos = i
				return 0
			}
			i += n + 1
		case '{', '[':
			s.depth++
		case '}', ']':
			if s.depth--; s.depth <= 0 {
				return i + 1
			}
		}
	}
	s.pos = len(data)
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
