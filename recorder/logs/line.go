package logs

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"
)

// lineMax is how much of one line is kept, in bytes.
const lineMax = 16 << 10

// line is the Data of a log event.
type line struct {
	Namespace string                     `json:"namespace"`
	Pod       string                     `json:"pod"`
	Container string                     `json:"container"`
	Level     string                     `json:"level,omitempty"`
	Logger    string                     `json:"logger,omitempty"`
	Msg       string                     `json:"msg"`
	TS        string                     `json:"ts"`
	At        string                     `json:"at"`
	Truncated bool                       `json:"truncated,omitempty"`
	Fields    map[string]json.RawMessage `json:"fields,omitempty"`

	unparsed         bool
	severity, record string // of a line of PostgreSQL
}

// serious reports whether a line is a warning or an error.
func (l *line) serious() bool {
	switch l.Level {
	case "warning", "error", "dpanic", "panic", "fatal":
		return true
	}
	switch l.severity {
	case "WARNING", "ERROR", "FATAL", "PANIC":
		return true
	}
	return l.unparsed
}

// parse takes a line apart. ts is when the container runtime took it.
func (l line) parse(text []byte, ts time.Time) line {
	l.TS = stamp(ts)
	var fields map[string]json.RawMessage
	if len(text) == 0 || text[0] != '{' || len(text) > lineMax || json.Unmarshal(text, &fields) != nil {
		return l.plain(text)
	}
	take := func(names ...string) string {
		for _, name := range names {
			raw, ok := fields[name]
			if !ok {
				continue
			}
			delete(fields, name)
			var s string
			if json.Unmarshal(raw, &s) != nil {
				return string(raw)
			}
			return s
		}
		return ""
	}
	l.Level = normalLevel(take("level"))
	l.Logger = take("logger")
	l.Msg = take("msg", "message")
	if own, ok := parseStamp(take("ts", "time")); ok {
		l.TS = stamp(own)
	}
	var record struct {
		Severity string `json:"error_severity"`
		Message  string `json:"message"`
	}
	if raw, ok := fields["record"]; ok && json.Unmarshal(raw, &record) == nil {
		l.severity, l.record = record.Severity, record.Message
	}
	l.Fields = fields
	return l
}

// plain is for a line that is no JSON object. klog begins its lines with the
// level; the first line of a panic says so.
func (l line) plain(text []byte) line {
	l.unparsed = true
	if len(text) > lineMax {
		text, l.Truncated = text[:lineMax], true
	}
	l.Msg = strings.ToValidUTF8(string(text), string(utf8.RuneError))
	switch {
	case bytes.HasPrefix(text, []byte("panic: ")), bytes.HasPrefix(text, []byte("fatal error: ")):
		l.Level = "panic"
	case len(text) > 5 && isDigits(text[1:5]):
		l.Level = map[byte]string{'I': "info", 'W': "warning", 'E': "error", 'F': "fatal"}[text[0]]
	}
	return l
}

func isDigits(text []byte) bool {
	return bytes.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' }) < 0
}

// parseStamp reads the times that loggers write: RFC 3339, or seconds since 1970.
func parseStamp(text string) (time.Time, bool) {
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t, true
	}
	var seconds float64
	if json.Unmarshal([]byte(text), &seconds) == nil && seconds > 0 && seconds < 1e11 {
		return time.UnixMicro(int64(seconds * 1e6)), true
	}
	return time.Time{}, false
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// split takes the time off that the kubelet puts before a line.
func split(text []byte) (time.Time, []byte, bool) {
	first, rest, found := bytes.Cut(text, []byte(" "))
	if !found {
		first, rest = text, nil
	}
	t, err := time.Parse(time.RFC3339Nano, string(first))
	return t, rest, err == nil
}
