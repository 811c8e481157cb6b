package watch

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// Of what an API server sends, a stream needs to know where an object begins and
// ends, and its identity. So nothing more is read here than that; the trace reads
// the rest, and refuses what is no JSON.

// splitter finds the end of a JSON object that comes piece by piece.
type splitter struct {
	pos   int // up to which it has looked
	depth int // open brackets
	text  int // behind the quote that opened the string it is in; 0: in none

	// The last object or array within it.
	innerFrom, innerTo int
}

// end returns the position behind the object that data begins with, 0 if that is
// not all there yet. Data only ever grows at its end between two calls.
func (s *splitter) end(data []byte) int {
	for s.pos < len(data) {
		if s.text > 0 {
			i := bytes.IndexByte(data[s.pos:], '"')
			if i < 0 {
				s.pos = len(data)
				return 0
			}
			s.pos += i + 1
			if !isEscaped(data[s.text : s.pos-1]) {
				s.text = 0
			}
			continue
		}
		switch data[s.pos] {
		case '"':
			s.text = s.pos + 1
		case '{', '[':
			if s.depth++; s.depth == 2 {
				s.innerFrom = s.pos
			}
		case '}', ']':
			if s.depth--; s.depth <= 0 {
				return s.pos + 1
			} else if s.depth == 1 {
				s.innerTo = s.pos + 1
			}
		}
		s.pos++
	}
	return 0
}

// isEscaped reports whether the character after a part of a string is.
func isEscaped(before []byte) bool {
	n := len(before)
	for n > 0 && before[n-1] == '\\' {
		n--
	}
	return (len(before)-n)%2 == 1
}

var errNoObject = errors.New("it is no JSON object")

// members calls visit with the name of each member of the object that data begins
// with, as it is written, and what comes from its value on. visit returns what
// comes behind the value, nil to end it all. What comes behind the object is
// returned.
func members(data []byte, visit func(name, value []byte) (rest []byte)) ([]byte, error) {
	rest, ok := bytes.CutPrefix(trim(data), []byte{'{'})
	for rest = trim(rest); ok && len(rest) > 0 && rest[0] != '}'; rest = trim(rest) {
		var name []byte
		name, rest = cutValue(rest)
		if len(name) == 0 || name[0] != '"' {
			return nil, errNoObject
		}
		if rest, ok = bytes.CutPrefix(trim(rest), []byte{':'}); !ok {
			return nil, errNoObject
		}
		if rest = visit(name[1:len(name)-1], trim(rest)); rest == nil {
			return nil, nil
		}
		if rest, ok = bytes.CutPrefix(trim(rest), []byte{','}); !ok {
			break
		}
	}
	rest, closed := bytes.CutPrefix(trim(rest), []byte{'}'})
	if !closed {
		return nil, errNoObject
	}
	return rest, nil
}

func trim(data []byte) []byte {
	for len(data) > 0 && (data[0] == ' ' || data[0] == '\t' || data[0] == '\r' || data[0] == '\n') {
		data = data[1:]
	}
	return data
}

// cutValue returns the value that data begins with, and what follows it, which is
// never nil where there is a value.
func cutValue(data []byte) (value, rest []byte) {
	end := 0
	switch {
	case len(data) == 0:
	case data[0] == '{', data[0] == '[':
		end = (&splitter{}).end(data)
	case data[0] == '"':
		for end = 1; end < len(data); end++ {
			i := bytes.IndexByte(data[end:], '"')
			if i < 0 {
				return nil, nil
			}
			if end += i; !isEscaped(data[1:end]) {
				return data[:end+1], data[end+1:]
			}
		}
		return nil, nil
	default:
		if end = bytes.IndexAny(data, ",]} \t\r\n"); end < 0 {
			end = len(data)
		}
	}
	return data[:end], data[end:]
}

// header is the part of an object that identifies it.
type header struct {
	kind, apiVersion                      string
	name, namespace, uid, resourceVersion string
	generation                            int64
}

// readHeader reads the identity of an object. Of members that are there twice the
// first counts; a trace does not take such an object.
func readHeader(object []byte) (h header, err error) {
	const wanted = 3
	found := 0
	_, broken := members(object, func(name, value []byte) (rest []byte) {
		found++
		switch string(name) {
		case "kind":
			rest, err = readString(value, &h.kind)
		case "apiVersion":
			rest, err = readString(value, &h.apiVersion)
		case "metadata":
			rest, err = h.readMetadata(value)
		default:
			found--
			_, rest = cutValue(value)
		}
		if err != nil || found == wanted {
			return nil
		}
		return rest
	})
	return h, errors.Join(err, broken)
}

func (h *header) readMetadata(data []byte) (rest []byte, err error) {
	if rest, null := bytes.CutPrefix(data, []byte("null")); null {
		return rest, nil
	}
	rest, broken := members(data, func(name, value []byte) (rest []byte) {
		switch string(name) {
		case "name":
			rest, err = readString(value, &h.name)
		case "namespace":
			rest, err = readString(value, &h.namespace)
		case "uid":
			rest, err = readString(value, &h.uid)
		case "resourceVersion":
			rest, err = readString(value, &h.resourceVersion)
		case "generation":
			rest, err = readInt(value, &h.generation)
		default:
			_, rest = cutValue(value)
		}
		if err != nil {
			return nil
		}
		return rest
	})
	return rest, errors.Join(err, broken)
}

func readString(data []byte, to *string) (rest []byte, err error) {
	value, rest := cutValue(data)
	if string(value) == "null" {
		return rest, nil
	}
	if len(value) == 0 || value[0] != '"' {
		return nil, fmt.Errorf("%.40s is no string", data)
	}
	text, err := jsontext.AppendUnquote(nil, value)
	*to = string(text)
	return rest, err
}

func readInt(data []byte, to *int64) (rest []byte, err error) {
	value, rest := cutValue(data)
	if string(value) == "null" {
		return rest, nil
	}
	*to, err = strconv.ParseInt(string(value), 10, 64)
	return rest, err
}
