package lexer

import (
	"encoding/binary"
	"errors"
	"math/bits"

	"github.com/go-json-experiment/json/jsontext"
)

// ErrSyntax is a character that cannot be there.
var ErrSyntax = errors.New("a character that cannot be there")

var errOpenText = errors.New("a string that does not end")

// Lexer reads tokens of Data, the next one at Pos.
type Lexer struct {
	Data []byte
	Pos  int
}

// Peek returns the next byte, 0 at the end.
func (l *Lexer) Peek() byte {
	if l.Pos < len(l.Data) {
		return l.Data[l.Pos]
	}
	return 0
}

// Take passes over c, if that comes next.
func (l *Lexer) Take(c byte) bool {
	if l.Pos < len(l.Data) && l.Data[l.Pos] == c {
		l.Pos++
		return true
	}
	return false
}

// Space passes over white space.
func (l *Lexer) Space() {
	for l.Pos < len(l.Data) && isSpace(l.Data[l.Pos]) {
		l.Pos++
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// Text reads a string and returns its content. It is a part of Data unless
// something is escaped in it.
func (l *Lexer) Text() ([]byte, error) {
	if l.Peek() != '"' {
		return nil, ErrSyntax
	}
	inside := l.Data[l.Pos+1:]
	n := plain(inside)
	if n < len(inside) && inside[n] == '"' {
		l.Pos += n + 2
		return inside[:n], nil
	}
	rest := textEnd(inside[n:])
	if rest < 0 {
		return nil, errOpenText
	}
	end := l.Pos + n + rest + 2
	text, err := jsontext.AppendUnquote(nil, l.Data[l.Pos:end])
	if err == nil {
		l.Pos = end
	}
	return text, err
}

// Literal passes over null, true or false.
func (l *Lexer) Literal(text string) error {
	if end := l.Pos + len(text); end > len(l.Data) || string(l.Data[l.Pos:end]) != text {
		return ErrSyntax
	}
	l.Pos += len(text)
	return nil
}

// Number reads a number and returns it as it is written.
func (l *Lexer) Number() ([]byte, error) {
	start := l.Pos
	l.Take('-')
	ok := l.Take('0') || l.digits()
	if l.Take('.') {
		ok = l.digits() && ok
	}
	if l.Take('e') || l.Take('E') {
		if !l.Take('+') {
			l.Take('-')
		}
		ok = l.digits() && ok
	}
	if !ok {
		return nil, ErrSyntax
	}
	return l.Data[start:l.Pos], nil
}

// digits passes over digits and reports whether there are any.
func (l *Lexer) digits() bool {
	start := l.Pos
	for l.Pos < len(l.Data) && l.Data[l.Pos] >= '0' && l.Data[l.Pos] <= '9' {
		l.Pos++
	}
	return l.Pos > start
}

// Bytes are looked at eight at a time: in each of these is one of eight bytes.
const (
	each uint64 = 0x0101010101010101
	high uint64 = 0x8080808080808080
)

// plain returns how many bytes data begins with that stand for themselves within a
// string: neither a quote nor a backslash, no control character, ASCII.
func plain(data []byte) int {
	i := 0
	for ; i+8 <= len(data); i += 8 {
		x := binary.LittleEndian.Uint64(data[i:])
		// The subtractions set the highest bit of a byte below a space, and of one
		// that is a quote or a backslash. What they borrow from is a byte behind one
		// of these, and the first one counts.
		if m := (x | (x - each*' ') | ((x ^ each*'"') - each) | ((x ^ each*'\\') - each)) & high; m != 0 {
			return i + bits.TrailingZeros64(m)/8
		}
	}
	for i < len(data) && data[i] >= ' ' && data[i] < 0x80 && data[i] != '"' && data[i] != '\\' {
		i++
	}
	return i
}
