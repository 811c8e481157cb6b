package watch

import (
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/hindsight-project/hindsight/recorder/lexer"
)

// Of what an API server sends, a stream needs to know where an object begins and
// ends, and its identity. So nothing more is read here than that; the trace reads
// the rest, and refuses what is no JSON.

// header is the part of an object that identifies it.
type header struct {
	kind, apiVersion                      string
	name, namespace, uid, resourceVersion string
	generation                            int64
}

// readHeader reads the identity of an object. Of members that are there twice the
// first counts; a trace does not take such an object.
func readHeader(object *lexer.Tree) (h header, err error) {
	const wanted = 3
	found := 0
	broken := object.Members(0, func(name []byte, from, to int) bool {
		found++
		switch string(name) {
		case "kind":
			err = readString(object.Text[from:to], &h.kind)
		case "apiVersion":
			err = readString(object.Text[from:to], &h.apiVersion)
		case "metadata":
			if string(object.Text[from:to]) != "null" {
				err = h.readMetadata(object, from)
			}
		default:
			found--
		}
		return err == nil && found < wanted
	})
	if err == nil {
		err = broken
	}
	return h, err
}

func (h *header) readMetadata(object *lexer.Tree, at int) (err error) {
	broken := object.Members(at, func(name []byte, from, to int) bool {
		value := object.Text[from:to]
		switch string(name) {
		case "name":
			err = readString(value, &h.name)
		case "namespace":
			err = readString(value, &h.namespace)
		case "uid":
			err = readString(value, &h.uid)
		case "resourceVersion":
			err = readString(value, &h.resourceVersion)
		case "generation":
			err = readInt(value, &h.generation)
		}
		return err == nil
	})
	if err == nil {
		err = broken
	}
	return err
}

func readString(value []byte, to *string) error {
	if string(value) == "null" {
		return nil
	}
	if value[0] != '"' {
		return fmt.Errorf("%.40s is no string", value)
	}
	text, err := jsontext.AppendUnquote(nil, value)
	*to = string(text)
	return err
}

func readInt(value []byte, to *int64) (err error) {
	if string(value) != "null" {
		*to, err = strconv.ParseInt(string(value), 10, 64)
	}
	return err
}
