package evidence

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

const (
	changesMax = 4  // changed fields shown of one event
	valueMax   = 72 // characters of one value
)

// words says in a few short lines what an event did. before is the object's
// previous version, nil when there is none.
func words(e trace.Event, before map[string]any) []string {
	after := decode(e.Data)
	switch {
	case e.Type.IsObject() && e.Object.Resource.Resource == "events":
		return kubernetesEvent(after)
	case e.Type == trace.Modified && before != nil:
		return limit(differences(before, after))
	case e.Type.IsObject():
		return headline(e.Object.Kind, after)
	case e.Type == trace.Gap:
		return []string{fmt.Sprintf("%s of gap %s: %s", text(after["side"]), text(after["id"]), text(after["reason"]))}
	case e.Type == trace.Stream:
		return []string{strings.TrimSuffix(text(after["state"])+": "+plainText(after["reason"]), ": ")}
	default:
		return []string{shorten(string(e.Data))}
	}
}

// kubernetesEvent renders "Resizing: External resizer is resizing volume pvc-1 (×3)".
func kubernetesEvent(object map[string]any) []string {
	line := plainText(object["reason"]) + ": " + plainText(object["message"])
	if count := text(object["count"]); count != "" && count != "1" && count != "null" {
		line += " (×" + count + ")"
	}
	lines := []string{shorten(line)}
	if about, ok := object["involvedObject"].(map[string]any); ok {
		lines = append(lines, "about "+plainText(about["kind"])+" "+plainText(about["name"]))
	}
	return lines
}

// headlines are the fields that say most about an object of a kind when there
// is no earlier version to compare it with.
var headlines = map[string][][]string{
	"PersistentVolumeClaim": {
		{"spec", "resources", "requests", "storage"}, {"status", "capacity", "storage"}, {"status", "phase"},
	},
	"Pod":     {{"status", "phase"}, {"spec", "nodeName"}},
	"Cluster": {{"status", "phase"}, {"status", "currentPrimary"}, {"status", "readyInstances"}},
	"Job":     {{"status", "succeeded"}, {"status", "failed"}},
	"Node":    {{"spec", "unschedulable"}},
}

func headline(kind string, object map[string]any) []string {
	paths, ok := headlines[kind]
	if !ok {
		paths = [][]string{{"status", "phase"}}
	}
	lines := []string{}
	for _, path := range paths {
		var at any = object
		for _, key := range path {
			nested, _ := at.(map[string]any)
			at = nested[key]
		}
		if at != nil {
			lines = append(lines, strings.Join(path, ".")+": "+text(at))
		}
	}
	return lines
}

// change is one difference between two versions.
type change struct {
	path string
	line string
}

// differences compares two versions of an object, the telling ones first: spec,
// then status, then the rest, then metadata. Bookkeeping only appears when
// there is nothing else.
func differences(before, after map[string]any) []string {
	var all []change
	compare("", before, after, &all)
	telling := slices.DeleteFunc(slices.Clone(all), func(c change) bool { return bookkeeping(c.path) })
	if len(telling) == 0 {
		if len(all) == 0 {
			return []string{"no field changed"}
		}
		return []string{"only bookkeeping changed (" + all[0].path + ")"}
	}
	slices.SortStableFunc(telling, func(a, b change) int {
		return cmp.Or(cmp.Compare(rank(a.path), rank(b.path)), cmp.Compare(a.path, b.path))
	})
	lines := make([]string, len(telling))
	for i, c := range telling {
		lines[i] = c.line
	}
	return lines
}

func rank(path string) int {
	top, _, _ := strings.Cut(path, ".")
	switch top {
	case "spec":
		return 0
	case "status":
		return 1
	case "metadata":
		return 3
	default:
		return 2
	}
}

// bookkeepingNames end the paths that change with every write or heartbeat.
var bookkeepingNames = []string{
	"lastTransitionTime", "lastUpdateTime", "lastProbeTime", "lastHeartbeatTime", "renewTime", "observedGeneration",
}

func bookkeeping(path string) bool {
	for _, prefix := range []string{"metadata.managedFields", "metadata.resourceVersion", "metadata.generation"} {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return slices.Contains(bookkeepingNames, path[strings.LastIndex(path, ".")+1:])
}

// compare notes the differences below path.
func compare(path string, before, after any, out *[]change) {
	a, aIsMap := fields(before)
	b, bIsMap := fields(after)
	if !aIsMap || !bIsMap {
		if x, y := text(before), text(after); x != y {
			*out = append(*out, change{path, path + ": " + x + " → " + y})
		} else if !same(before, after) {
			*out = append(*out, change{path, path + " changed"})
		}
		return
	}
	keys := maps.Clone(a.members)
	maps.Copy(keys, b.members)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		at := strings.TrimPrefix(path+"."+key, ".")
		if a.list || b.list {
			at = path + "[" + key + "]"
		}
		x, inBefore := a.members[key]
		y, inAfter := b.members[key]
		switch {
		case !inBefore:
			*out = append(*out, change{at, at + " appeared: " + text(y)})
		case !inAfter:
			*out = append(*out, change{at, at + " vanished (was " + text(x) + ")"})
		default:
			compare(at, x, y, out)
		}
	}
}

func same(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// members are the parts of an object, or of a list by what identifies them.
type members struct {
	members map[string]any
	list    bool
}

// fields returns the parts of v: the values of an object; the elements of a
// list under their type, name or index, so that a condition stays the same
// condition when another one moves it.
func fields(v any) (members, bool) {
	switch v := v.(type) {
	case map[string]any:
		return members{members: v}, true
	case []any:
		for _, key := range []string{"type", "name"} {
			if byKey, ok := keyed(v, key); ok {
				return members{members: byKey, list: true}, true
			}
		}
		byIndex := make(map[string]any, len(v))
		for i, element := range v {
			byIndex[strconv.Itoa(i)] = element
		}
		return members{members: byIndex, list: true}, true
	}
	return members{}, false
}

// keyed indexes a list of objects by a key that all have and no two share.
func keyed(list []any, key string) (map[string]any, bool) {
	out := make(map[string]any, len(list))
	for _, element := range list {
		object, ok := element.(map[string]any)
		name, isText := object[key].(string)
		if _, taken := out[name]; !ok || !isText || taken {
			return nil, false
		}
		out[name] = object
	}
	return out, len(list) > 0
}

// text renders a value on one line: strings bare, everything else as JSON.
func text(v any) string {
	if s, ok := v.(string); ok && s != "" {
		return shorten(s)
	}
	data, err := json.Marshal(v)
	if err != nil {
		return "?"
	}
	return shorten(string(data))
}

// plainText is text without the word null for what is absent.
func plainText(v any) string {
	if v == nil {
		return ""
	}
	return text(v)
}

// shorten makes one line of s and cuts it.
func shorten(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) <= valueMax {
		return s
	}
	return string([]rune(s)[:valueMax-1]) + "…"
}

// limit cuts the list and says how much is missing.
func limit(lines []string) []string {
	if len(lines) <= changesMax {
		return lines
	}
	return append(lines[:changesMax:changesMax], fmt.Sprintf("and %d more fields", len(lines)-changesMax))
}
