package story

import (
	"encoding/json"
)

// object is a part of a document of a view. What is absent, or of another type,
// reads as zero.
type object map[string]any

// document is one document of a view.
type document struct {
	entity string
	object
}

func (o object) text(key string) string {
	s, _ := o[key].(string)
	return s
}

func (o object) truth(key string) bool {
	b, _ := o[key].(bool)
	return b
}

func (o object) number(key string) int64 {
	n, _ := o[key].(json.Number)
	i, _ := n.Int64() // a view has integers only
	return i
}

// at returns a part by its key.
func (o object) at(key string) object {
	m, _ := o[key].(map[string]any)
	return m
}

// list returns the objects of a list.
func (o object) list(key string) []object {
	elements, _ := o[key].([]any)
	out := make([]object, 0, len(elements))
	for _, e := range elements {
		if m, ok := e.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

// texts returns the strings of a list.
func (o object) texts(key string) []string { return texts(o[key]) }
