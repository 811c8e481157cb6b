package judgement

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
)

// Inject copies a watch log of clusters whose volumes grow from 1Gi to 2Gi with a
// limit of 4Gi, and makes faults in it: of every four claims, one by the hash of its
// uid grows beyond the limit, and is late therefore; one is never given what it
// requests; one shrinks again. It returns how many versions it changed.
func Inject(w io.Writer, log io.Reader) (int, error) {
	text, err := io.ReadAll(log)
	if err != nil {
		return 0, err
	}
	changed := 0
	for line := range bytes.Lines(text) {
		if bytes.Contains(line, []byte(`"kind":"PersistentVolumeClaim"`)) {
			faulty, err := spoil(line)
			if err != nil {
				return changed, fmt.Errorf("a line of the log: %w", err)
			}
			if faulty != nil {
				line = faulty
				changed++
			}
		}
		if _, err := w.Write(line); err != nil {
			return changed, err
		}
	}
	return changed, nil
}

// spoil returns a line with a fault; nil when its claim stays as it is.
func spoil(line []byte) ([]byte, error) {
	var event map[string]any
	if err := json.Unmarshal(line, &event); err != nil {
		return nil, err
	}
	object := at(event, "object")
	uid, _ := at(object, "metadata")["uid"].(string)
	requests, capacity := at(object, "spec", "resources", "requests"), at(object, "status", "capacity")
	if uid == "" || requests["storage"] != "2Gi" {
		return nil, nil
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(uid)) // a hash takes everything
	switch h.Sum32() % 4 {
	case 0:
		requests["storage"] = "5Gi"
	case 1:
		if capacity["storage"] != "2Gi" {
			return nil, nil
		}
		capacity["storage"] = "1Gi"
	case 2:
		if capacity["storage"] != "2Gi" {
			return nil, nil
		}
		requests["storage"] = "1Gi"
	default:
		return nil, nil
	}
	spoiled, err := json.Marshal(event)
	return append(spoiled, '\n'), err
}

// at returns the object below the keys, an empty one when there is none.
func at(v map[string]any, keys ...string) map[string]any {
	for _, key := range keys {
		v, _ = v[key].(map[string]any)
	}
	if v == nil {
		return map[string]any{}
	}
	return v
}
