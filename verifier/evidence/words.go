package evidence

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

const (
	changesMax = 4  // changed fields shown of one event
	valueMax   = 72 // characters of one value
)

// Words says in a few short lines what an event did. changes are those of
// [Changes], nil when there is no version to compare it with.
func Words(e trace.Event, changes []Change) []string {
	switch {
	case e.Type.IsObject() && e.Object.Resource.Resource == "events":
		return kubernetesEvent(decode(e.Data))
	case e.Type == trace.Modified && changes != nil:
		return limit(differences(changes))
	case e.Type.IsObject():
		return headline(e.Object.Kind, e.Data)
	case e.Type == trace.Gap:
		after := decode(e.Data)
		return []string{fmt.Sprintf("%s of gap %s: %s", text(after["side"]), text(after["id"]), text(after["reason"]))}
	case e.Type == trace.Stream:
		after := decode(e.Data)
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

func headline(kind string, object json.RawMessage) []string {
	paths, ok := headlines[kind]
	if !ok {
		paths = [][]string{{"status", "phase"}}
	}
	lines := []string{}
	for _, path := range paths {
		at := object
		for _, key := range path {
			at = Member(at, key)
		}
		if at != nil && string(at) != "null" {
			lines = append(lines, strings.Join(path, ".")+": "+rawText(at))
		}
	}
	return lines
}

// differences says what differs between two versions of an object, the telling
// ones first: spec, then status, then the rest, then metadata. Bookkeeping only
// appears when there is nothing else.
func differences(all []Change) []string {
	telling := Telling(all)
	if len(telling) == 0 {
		if len(all) == 0 {
			return []string{"no field changed"}
		}
		return []string{"only bookkeeping changed (" + all[0].Path + ")"}
	}
	lines := make([]string, len(telling))
	for i, c := range telling {
		lines[i] = c.String()
	}
	return lines
}

// Telling returns the changes that are more than bookkeeping, those of the spec
// first, then of the status, of the rest, of the metadata.
func Telling(all []Change) []Change {
	telling := slices.DeleteFunc(slices.Clone(all), func(c Change) bool { return bookkeeping(c.Path) })
	slices.SortStableFunc(telling, func(a, b Change) int {
		return cmp.Or(cmp.Compare(rank(a.Path), rank(b.Path)), cmp.Compare(a.Path, b.Path))
	})
	return telling
}

// String says in a line what became of the field; values are cut.
func (c Change) String() string {
	switch x, y := rawText(c.Before), rawText(c.After); {
	case c.Before == nil:
		return c.Path + " appeared: " + y
	case c.After == nil:
		return c.Path + " vanished (was " + x + ")"
	case x == y: // as far as it is shown
		return c.Path + " changed"
	default:
		return c.Path + ": " + x + " → " + y
	}
}

// rawText is text of a value that is not decoded.
func rawText(value json.RawMessage) string {
	if s, ok := unquote(value); ok && s != "" {
		return shorten(s)
	}
	return shorten(string(value))
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
