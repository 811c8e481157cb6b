package replay

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"time"
)

// clock maps the time of the recording to that of the replay.
type clock struct {
	recorded time.Time // wall clock at time zero of the recording
	replayed time.Time // wall clock at that moment of the replay
	speed    float64
}

// at is when something recorded at t happens in the replay.
func (c clock) at(t time.Time) time.Time {
	return c.replayed.Add(time.Duration(float64(t.Sub(c.recorded)) / c.speed))
}

// stamp is a string that is a time, as Kubernetes and operators write it.
var stamp = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$`)

// moveTimes maps every time in an object. Their precision stays: a stamp in
// whole seconds is the second that has begun.
func moveTimes(data []byte, c clock) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var object any
	if err := decoder.Decode(&object); err != nil {
		return nil, err
	}
	return json.Marshal(c.moved(object))
}

func (c clock) moved(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key, part := range value {
			value[key] = c.moved(part)
		}
	case []any:
		for i, part := range value {
			value[i] = c.moved(part)
		}
	case string:
		if stamp.MatchString(value) {
			return c.movedStamp(value)
		}
	}
	return value
}

// movedStamp leaves what looks like a time and is none, such as the 31st of June.
func (c clock) movedStamp(text string) string {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return text
	}
	layout := "2006-01-02T15:04:05"
	if fraction := stamp.FindStringSubmatch(text)[1]; fraction != "" {
		layout += "." + strings.Repeat("0", len(fraction)-1)
	}
	return c.at(t).UTC().Format(layout + "Z07:00")
}
