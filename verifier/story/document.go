package story

import (
	"github.com/hindsight-project/hindsight/verifier/machine"
)

// object is a part of a document of a view. What is absent, or of another type,
// reads as zero.
type object struct{ content *machine.Object }

// document is one document of a view.
type document struct {
	entity string
	object
}

func (o object) value(key string) machine.Value {
	if o.content == nil {
		return nil
	}
	return o.content.Get(key)
}

func (o object) text(key string) string {
	s, _ := o.value(key).(string)
	return s
}

func (o object) truth(key string) bool {
	b, _ := o.value(key).(bool)
	return b
}

func (o object) number(key string) int64 {
	n, _ := o.value(key).(int64) // a view has integers only
	return n
}

// at returns a part by its key.
func (o object) at(key string) object {
	part, _ := o.value(key).(*machine.Object)
	return object{part}
}

// elements returns a list.
func (o object) elements(key string) []machine.Value {
	if list, ok := o.value(key).(*machine.Array); ok {
		return list.Elems()
	}
	return nil
}

// list returns the objects of a list.
func (o object) list(key string) []object {
	var out []object
	for _, e := range o.elements(key) {
		if part, ok := e.(*machine.Object); ok {
			out = append(out, object{part})
		}
	}
	return out
}

// texts returns the strings of a list.
func (o object) texts(key string) []string {
	var out []string
	for _, e := range o.elements(key) {
		if s, ok := e.(string); ok {
			out = append(out, s)
		}
	}
	return out
}
