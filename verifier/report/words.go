package report

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hindsight-project/hindsight/verifier/verdict"
)

const (
	stampLayout = "2006-01-02T15:04:05Z"
	clockLayout = "15:04:05.000Z"
)

// offset renders a time since the start of the trace as "+83.2s".
func offset(d time.Duration) string { return fmt.Sprintf("+%.1fs", d.Seconds()) }

// seconds renders a duration as "1790.0s".
func seconds(ns int64) string { return fmt.Sprintf("%.1fs", time.Duration(ns).Seconds()) }

// value renders got, want or detail on one line, numbers in their unit.
func value(v any, unit verdict.Unit) string {
	switch v := v.(type) {
	case nil:
		return "nothing"
	case string:
		return shorten(v)
	case int64:
		return number(v, unit)
	case map[string]any:
		parts := make([]string, 0, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, key+"="+value(v[key], unitOf(key, unit)))
		}
		return shorten(strings.Join(parts, " "))
	case []any:
		parts := make([]string, len(v))
		for i, element := range v {
			parts[i] = value(element, unit)
		}
		return shorten("[" + strings.Join(parts, ", ") + "]")
	default:
		data, err := json.Marshal(v)
		if err != nil {
			return "?"
		}
		return shorten(string(data))
	}
}

// unitOf reads the unit off the name of a field.
func unitOf(key string, fallback verdict.Unit) verdict.Unit {
	for _, u := range verdict.Units() {
		if key == string(u) || strings.HasSuffix(key, "_"+string(u)) {
			return u
		}
	}
	return fallback
}

func number(n int64, unit verdict.Unit) string {
	switch unit {
	case verdict.Nanoseconds:
		return time.Duration(n).String()
	case verdict.Bytes:
		return quantity(n)
	default:
		return strconv.FormatInt(n, 10)
	}
}

// quantity renders bytes as Kubernetes does where that loses nothing: 5Gi, 6400Mi.
func quantity(n int64) string {
	suffixes := []string{"", "Ki", "Mi", "Gi", "Ti"}
	i := 0
	for i < len(suffixes)-1 && n != 0 && n%1024 == 0 {
		n /= 1024
		i++
	}
	return strconv.FormatInt(n, 10) + suffixes[i]
}

// words turns a code into words.
func words(code string) string { return strings.ReplaceAll(code, "_", " ") }

// some lists the first names and counts the others.
func some(names []string) string {
	if len(names) <= namesMax {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:namesMax], ", "), len(names)-namesMax)
}

// numbers renders sequence numbers into the format, "" when there are none.
func numbers(format string, seqs []uint64) string {
	if len(seqs) == 0 {
		return ""
	}
	names := make([]string, len(seqs))
	for i, n := range seqs {
		names[i] = strconv.FormatUint(n, 10)
	}
	return fmt.Sprintf(format, some(names))
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// shorten cuts s to valueMax characters on one line.
func shorten(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) <= valueMax {
		return s
	}
	return string([]rune(s)[:valueMax-1]) + "…"
}
