package watchlog

import (
	"bytes"
	"strconv"
)

// scanHeader reads the header of an object that is known to be valid JSON, passing
// over everything else by its brackets. False means that something about it is
// unusual, and that nothing is known.
func scanHeader(object []byte) (h header, ok bool) {
	plain, missing := true, 3
	whole := members(object, func(key, value []byte) bool {
		missing--
		switch string(key) {
		case "apiVersion":
			plain = plainText(&h.APIVersion, value)
		case "kind":
			plain = plainText(&h.Kind, value)
		case "metadata":
			plain = h.scanMetadata(value)
		default:
			missing++
		}
		return plain && missing > 0
	})
	return h, plain && (whole || missing == 0)
}

func (h *header) scanMetadata(metadata []byte) bool {
	m := &h.Metadata
	return members(metadata, func(key, value []byte) bool {
		switch string(key) {
		case "name":
			return plainText(&m.Name, value)
		case "namespace":
			return plainText(&m.Namespace, value)
		case "uid":
			return plainText(&m.UID, value)
		case "resourceVersion":
			return plainText(&m.ResourceVersion, value)
		case "generation":
			n, err := strconv.ParseInt(string(value), 10, 64)
			m.Generation = n
			return err == nil
		}
		return true
	})
}

// plainText takes a string without escapes.
func plainText(into *string, value []byte) bool {
	if value[0] != '"' || bytes.IndexByte(value, '\\') >= 0 {
		return false
	}
	*into = string(value[1 : len(value)-1])
	return true
}

// members visits the members of a valid object, until visit returns false. It
// returns false then, for a key with escapes, and for what is no object.
func members(object []byte, visit func(key, value []byte) bool) bool {
	rest := trimSpace(object)
	if len(rest) == 0 || rest[0] != '{' {
		return false
	}
	for rest = trimSpace(rest[1:]); len(rest) > 0 && rest[0] != '}'; {
		key := rest[:valueEnd(rest)]
		if bytes.IndexByte(key, '\\') >= 0 {
			return false
		}
		rest = trimSpace(trimSpace(rest[len(key):])[1:]) // over the colon
		value := rest[:valueEnd(rest)]
		if !visit(key[1:len(key)-1], value) {
			return false
		}
		if rest = trimSpace(rest[len(value):]); rest[0] == ',' {
			rest = trimSpace(rest[1:])
		}
	}
	return true
}

func trimSpace(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t' || b[0] == '\r' || b[0] == '\n') {
		b = b[1:]
	}
	return b
}

// valueEnd returns the length of the value that valid JSON begins with.
func valueEnd(b []byte) int {
	if b[0] != '"' && b[0] != '{' && b[0] != '[' {
		if i := bytes.IndexAny(b, ",}] \t\r\n"); i >= 0 {
			return i
		}
		return len(b)
	}
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			i += textEnd(b[i+1:]) + 1
		case '{', '[':
			depth++
			continue
		case '}', ']':
			depth--
		default:
			continue
		}
		if depth == 0 {
			return i + 1
		}
	}
	return len(b)
}

// textEnd returns where the quote is that ends a string.
func textEnd(b []byte) int {
	for at := 0; ; at++ {
		at += bytes.IndexByte(b[at:], '"')
		n := at
		for n > 0 && b[n-1] == '\\' {
			n--
		}
		if (at-n)%2 == 0 {
			return at
		}
	}
}
