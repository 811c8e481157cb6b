package evidence

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
)

// Change is one field in which two versions of an object differ.
type Change struct {
	Path   string          // such as spec.replicas, status.conditions[Ready].status
	Before json.RawMessage // nil where it was not there
	After  json.RawMessage // nil where it is not there any more
}

// Diff returns the fields in which two versions of an object differ, sorted by
// their keys at each level. Both are canonical JSON, as a trace.Reader returns it,
// so that what is equal as text needs no look inside. Elements of a list go by
// their type, name or index, so that a condition stays the same condition when
// another one moves it.
func Diff(before, after json.RawMessage) []Change {
	var all []Change
	compare("", before, after, &all)
	return all
}

// compare notes the differences below path.
func compare(path string, before, after json.RawMessage, out *[]Change) {
	if bytes.Equal(before, after) {
		return
	}
	a, b := membersOf(before), membersOf(after)
	if a == nil || b == nil {
		*out = append(*out, Change{path, before, after})
		return
	}
	list := before[0] == '[' || after[0] == '['
	keys := maps.Clone(a)
	maps.Copy(keys, b)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		at := key
		if list {
			at = path + "[" + key + "]"
		} else if path != "" {
			at = path + "." + key
		}
		compareMember(at, a[key], b[key], out)
	}
}

func compareMember(at string, before, after json.RawMessage, out *[]Change) {
	if before == nil || after == nil {
		*out = append(*out, Change{at, before, after})
		return
	}
	compare(at, before, after, out)
}

// membersOf returns the parts of an object by key, or of a list by what
// identifies them; nil for what has no parts.
func membersOf(value json.RawMessage) map[string]json.RawMessage {
	if len(value) < 2 {
		return nil
	}
	switch value[0] {
	case '{':
		return Members(value)
	case '[':
		elements := split(value)
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
	return nil
}

// keyed indexes a list of objects by a key that all have and no two share; nil
// when there is no such list.
func keyed(elements []json.RawMessage, key string) map[string]json.RawMessage {
	out := make(map[string]json.RawMessage, len(elements))
	for _, element := range elements {
		name, isText := unquote(Members(element)[key])
		if _, taken := out[name]; !isText || taken {
			return nil
		}
		out[name] = element
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// Members returns the values of a JSON object in canonical form by their keys,
// without decoding them; nil when it is none.
func Members(object json.RawMessage) map[string]json.RawMessage {
	if len(object) < 2 || object[0] != '{' {
		return nil
	}
	parts := split(object)
	out := make(map[string]json.RawMessage, len(parts))
	for _, part := range parts {
		end := valueEnd(part, 0)
		key, ok := unquote(part[:end])
		if ok && end < len(part) {
			out[key] = part[end+1:]
		}
	}
	return out
}

// Elements returns the elements of a JSON list in canonical form, without
// decoding them; nil when it is none.
func Elements(list json.RawMessage) []json.RawMessage {
	if len(list) < 2 || list[0] != '[' {
		return nil
	}
	return split(list)
}

// split cuts what stands between the outer brackets at its commas.
func split(container json.RawMessage) []json.RawMessage {
	var parts []json.RawMessage
	inside := container[1 : len(container)-1]
	for at := 0; at < len(inside); {
		end := valueEnd(inside, at)
		if end < len(inside) && inside[end] == ':' {
			end = valueEnd(inside, end+1)
		}
		parts = append(parts, inside[at:end])
		at = end + 1
	}
	return parts
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
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(text)
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
