package watchlog

import (
	"bytes"
	"strconv"

	"github.com/hindsight-project/hindsight/recorder/lexer"
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
	whole := true
	err := (&lexer.Tree{Text: object}).Members(0, func(name []byte, from, to int) bool {
		whole = bytes.IndexByte(name, '\\') < 0 && visit(name, object[from:to])
		return whole
	})
	return whole && err == nil
}
