package evidence

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// Change is one field in which two versions of an object differ.
type Change struct {
	Path   string          // such as spec.replicas, status.conditions[Ready].status
	Before json.RawMessage // nil where it was not there
	After  json.RawMessage // nil where it is not there any more
}

// Changes returns in which fields a modified object differs from its previous
// version in canonical JSON, see [Diff]; nil, other than empty, when there is no
// version to compare it with.
func Changes(e trace.Event, before json.RawMessage) []Change {
	if e.Type != trace.Modified || before == nil {
		return nil
	}
	return Diff(before, e.Data)
}

// Diff returns the fields in which two versions of an object differ, sorted by
// their keys at each level. Both are canonical JSON, as a trace.Reader returns it,
// so that what is equal as text needs no look inside. Elements of a list go by
// their type, name or index, so that a condition stays the same condition when
// another one moves it.
func Diff(before, after json.RawMessage) []Change {
	all := []Change{}
	compare("", before, after, &all)
	return all
}

// compare notes the differences below path.
func compare(path string, before, after json.RawMessage, out *[]Change) {
	switch {
	case bytes.Equal(before, after):
	case isObject(before) && isObject(after):
		compareObjects(path, before, after, out)
	case (isObject(before) || isList(before)) && (isObject(after) || isList(after)):
		compareLists(path, partsOf(before), partsOf(after), out)
	default:
		*out = append(*out, Change{path, before, after})
	}
}

func isObject(value json.RawMessage) bool { return len(value) >= 2 && value[0] == '{' }
func isList(value json.RawMessage) bool   { return len(value) >= 2 && value[0] == '[' }

// compareObjects walks through both at once, for their keys are sorted. Of what is
// equal only one side is looked at.
func compareObjects(path string, before, after json.RawMessage, out *[]Change) {
	a, b := inside(before), inside(after)
	for len(a) > 0 || len(b) > 0 {
		x, y := firstOf(a), member{}
		if n := len(x.text); n > 0 && bytes.HasPrefix(b, x.text) && (len(b) == n || b[n] == ',') {
			a, b = behind(a, n), behind(b, n)
			continue
		}
		y = firstOf(b)
		switch order := compareKeys(x.key, y.key); {
		case order < 0:
			*out = append(*out, Change{below(path, x.key), x.value, nil})
			a = behind(a, len(x.text))
		case order > 0:
			*out = append(*out, Change{below(path, y.key), nil, y.value})
			b = behind(b, len(y.text))
		default:
			compare(below(path, x.key), x.value, y.value, out)
			a, b = behind(a, len(x.text)), behind(b, len(y.text))
		}
	}
}

// below is the path of the member with the key, which has its quotes.
func below(path string, key json.RawMessage) string {
	name, _ := unquote(key)
	if path == "" {
		return name
	}
	return path + "." + name
}

// compareLists compares lists by what identifies their elements.
func compareLists(path string, before, after map[string]json.RawMessage, out *[]Change) {
	keys := maps.Clone(before)
	maps.Copy(keys, after)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		at, a, b := path+"["+key+"]", before[key], after[key]
		if a == nil || b == nil {
			*out = append(*out, Change{at, a, b})
			continue
		}
		compare(at, a, b, out)
	}
}

// partsOf returns the parts of a list by what identifies them, or of an object,
// where it stands for a list, by key.
func partsOf(value json.RawMessage) map[string]json.RawMessage {
	if isObject(value) {
		return Members(value)
	}
	elements := Elements(value)
	for _, key := range []string{"type", "name"} {
		if byKey := keyed(elements, key); byKey != nil {
			return byKey
		}
	}
	byIndex := make(map[string]json.RawMessage, len(elements))
	for i, element := range elements {
		byIndex[strconv.Itoa(i)] = element
	}
	return byIndex
}

// keyed indexes a list of objects by a key that all have and no two share; nil
// when there is no such list.
func keyed(elements []json.RawMessage, key string) map[string]json.RawMessage {
	var out map[string]json.RawMessage
	for _, element := range elements {
		name, isText := unquote(Member(element, key))
		if _, taken := out[name]; !isText || taken {
			return nil
		}
		if out == nil {
			out = make(map[string]json.RawMessage, len(elements))
		}
		out[name] = element
	}
	return out
}

// member is a member of an object as text, and its parts.
type member struct{ text, key, value json.RawMessage }

// inside is what stands between the outer brackets.
func inside(container json.RawMessage) json.RawMessage { return container[1 : len(container)-1] }

// firstOf returns the first of the members that stand between the brackets of an
// object; none when there is no more.
func firstOf(members json.RawMessage) member {
	if len(members) == 0 {
		return member{}
	}
	colon := valueEnd(members, 0)
	end := valueEnd(members, min(colon+1, len(members)))
	return member{members[:end], members[:colon], members[min(colon+1, end):end]}
}

// behind is what follows the first n bytes and a comma.
func behind(members json.RawMessage, n int) json.RawMessage { return members[min(n+1, len(members)):] }

// compareKeys orders keys, which have their quotes; what has none is behind all.
func compareKeys(a, b json.RawMessage) int {
	if len(a) == 0 || len(b) == 0 {
		return cmp.Compare(len(b), len(a))
	}
	x, _ := unquote(a)
	y, _ := unquote(b)
	return cmp.Compare(x, y)
}

// Member returns the value of one member of a JSON object in canonical form,
// without decoding it; nil when there is none.
func Member(object json.RawMessage, key string) json.RawMessage {
	if !isObject(object) {
		return nil
	}
	for rest := inside(object); len(rest) > 0; {
		m := firstOf(rest)
		name, _ := unquote(m.key)
		if name >= key { // they are sorted
			if name == key {
				return m.value
			}
			return nil
		}
		rest = behind(rest, len(m.text))
	}
	return nil
}

// Members returns the values of a JSON object in canonical form by their keys,
// without decoding them; nil when it is none.
func Members(object json.RawMessage) map[string]json.RawMessage {
	if !isObject(object) {
		return nil
	}
	out := map[string]json.RawMessage{}
	for rest := inside(object); len(rest) > 0; {
		m := firstOf(rest)
		if key, ok := unquote(m.key); ok {
			out[key] = m.value
		}
		rest = behind(rest, len(m.text))
	}
	return out
}

// Elements returns the elements of a JSON list in canonical form, without
// decoding them; nil when it is none.
func Elements(list json.RawMessage) []json.RawMessage {
	if !isList(list) {
		return nil
	}
	var elements []json.RawMessage
	for rest := inside(list); len(rest) > 0; {
		end := valueEnd(rest, 0)
		elements = append(elements, rest[:end])
		rest = behind(rest, end)
	}
	return elements
}

// valueEnd returns where the value that begins at from ends.
func valueEnd(text []byte, from int) int {
	depth := 0
	for i := from; i < len(text); i++ {
		switch text[i] {
		case '"':
			i = stringEnd(text, i)
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case ',', ':':
			if depth == 0 {
				return i
			}
		}
	}
	return len(text)
}

// stringEnd returns where the string that begins at from has its closing quote.
func stringEnd(text []byte, from int) int {
	for i := from + 1; i < len(text); i++ {
		n := bytes.IndexByte(text[i:], '"')
		if n < 0 {
			break
		}
		i += n
		escapes := 0
		for text[i-1-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return i
		}
	}
	return len(text)
}

// Text decodes a JSON string; "" for any other value.
func Text(value json.RawMessage) string {
	text, _ := unquote(value)
	return text
}

// unquote decodes a JSON string; false for any other value.
func unquote(value json.RawMessage) (text string, ok bool) {
	if len(value) < 2 || value[0] != '"' {
		return "", false
	}
	if bytes.IndexByte(value, '\\') < 0 {
		return string(value[1 : len(value)-1]), true
	}
	return text, json.Unmarshal(value, &text) == nil
}
