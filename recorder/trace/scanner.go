package trace

import (
	"bytes"
	"errors"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// scanner reads the tokens of JSON (RFC 8259), strictly. It is for objects that
// mostly have been seen before: their parts are recognised by their bytes, for
// which it is enough to know where they end.
type scanner struct {
	data []byte
	pos  int
}

var errSyntax = errors.New("a character that cannot be there")

func (s *scanner) peek() byte {
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

func (s *scanner) take(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.pos++
	return true
}

// space passes over white space.
func (s *scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return
		}
	}
}

// bracketed returns the object or array that comes, as far as its brackets tell:
// what is within is not checked. It is empty if there is no end.
func (s *scanner) bracketed() []byte {
	depth := 0
	for i := s.pos; i < len(s.data); i++ {
		switch s.data[i] {
		case '"':
			n := textEnd(s.data[i+1:])
			if n < 0 {
				return nil
			}
			i += n + 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return s.data[s.pos : i+1]
			}
		}
	}
	return nil
}

// textEnd returns where the quote is that ends a string, -1 if there is none.
func textEnd(data []byte) int {
	for at := 0; ; at++ {
		i := bytes.IndexByte(data[at:], '"')
		if i < 0 {
			return -1
		}
		at += i
		n := at
		for n > 0 && data[n-1] == '\\' {
			n--
		}
		if (at-n)%2 == 0 {
			return at
		}
	}
}

// text reads a string and returns its content.
func (s *scanner) text() ([]byte, error) {
	if s.peek() != '"' {
		return nil, errSyntax
	}
	inside := s.data[s.pos+1:]
	n := textEnd(inside)
	if n < 0 {
		return nil, errors.New("a string that does not end")
	}
	inside = inside[:n]
	plain := true
	for _, c := range inside {
		plain = plain && c >= ' ' && c < utf8.RuneSelf && c != '\\'
	}
	if plain {
		s.pos += n + 2
		return inside, nil
	}
	text, err := jsontext.AppendUnquote(nil, s.data[s.pos:s.pos+n+2])
	if err == nil {
		s.pos += n + 2
	}
	return text, err
}

// scalar reads a value that is neither object nor array.
func (s *scanner) scalar() (value, error) {
	switch s.peek() {
	case '"':
		text, err := s.text()
		return stringValue(text), err
	case 'n':
		return value{kind: kindNull}, s.literal("null")
	case 'f':
		return value{kind: kindFalse}, s.literal("false")
	case 't':
		return value{kind: kindTrue}, s.literal("true")
	}
	raw, err := s.number()
	return numberValue(raw), err
}

func (s *scanner) literal(text string) error {
	if !bytes.HasPrefix(s.data[s.pos:], []byte(text)) {
		return errSyntax
	}
	s.pos += len(text)
	return nil
}

// number reads a number and returns it as it is written.
func (s *scanner) number() ([]byte, error) {
	start := s.pos
	s.take('-')
	ok := s.take('0') || s.digits()
	if s.take('.') {
		ok = s.digits() && ok
	}
	if s.take('e') || s.take('E') {
		if !s.take('+') {
			s.take('-')
		}
		ok = s.digits() && ok
	}
	if !ok {
		return nil, errSyntax
	}
	return s.data[start:s.pos], nil
}

// digits passes over digits and reports whether there are any.
func (s *scanner) digits() bool {
	start := s.pos
	for s.pos < len(s.data) && s.data[s.pos] >= '0' && s.data[s.pos] <= '9' {
		s.pos++
	}
	return s.pos > start
}
