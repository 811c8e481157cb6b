package trace

import (
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// kind is the type of a leaf. The numbers are part of the format.
type kind uint8

const (
	kindAbsent  kind = iota // in a difference: the leaf went away
	kindNull                // null
	kindFalse               // false
	kindTrue                // true
	kindInt                 // a number that int64 renders with the same digits
	kindNumber              // any other number, as it was written
	kindString              // a string
	kindSeconds             // a string: RFC 3339 in UTC, whole seconds
	kindMicros              // a string: RFC 3339 in UTC, six digits of a second
	kindDecimal             // a string: a decimal integer, such as a resourceVersion
	kindObject              // {}
	kindArray               // []
	kindText                // any value, kept as canonical JSON text
	kindLast    = kindText
)

// isNumeric says that a value lies in the integer column, as the difference
// from the previous value when that has the same kind.
func (k kind) isNumeric() bool {
	return k == kindInt || k == kindSeconds || k == kindMicros || k == kindDecimal
}

// isBytes says that a value lies in the bytes column.
func (k kind) isBytes() bool { return k == kindNumber || k == kindString || k == kindText }

// value is a leaf's value.
type value struct {
	kind kind
	num  int64
	str  string
}

// leaf is a value at a path. Its path is an id in the writer and a rank in the
// reader (see dictionary).
type leaf struct {
	path uint32
	value
}

const (
	layoutSeconds = "2006-01-02T15:04:05Z"
	layoutMicros  = "2006-01-02T15:04:05.000000Z"
)

// stringValue types a string: a time or a decimal number only when it renders
// to exactly the same text again.
func stringValue(s []byte) value {
	switch {
	case len(s) == len(layoutSeconds) && s[19] == 'Z':
		if t, ok := readSeconds(s); ok {
			return value{kind: kindSeconds, num: t}
		}
	case len(s) == len(layoutMicros) && s[19] == '.' && s[26] == 'Z':
		t, ok := readSeconds(s)
		if micros, digits := readDigits(s[20:26]); ok && digits {
			return value{kind: kindMicros, num: t*1e6 + int64(micros)}
		}
	case len(s) > 0 && len(s) <= 18 && isDecimal(s):
		n, _ := readDigits(s)
		return value{kind: kindDecimal, num: int64(n)}
	}
	return value{kind: kindString, str: string(s)}
}

// readSeconds reads the date and time that a text begins with, in seconds of Unix.
func readSeconds(s []byte) (seconds int64, ok bool) {
	if s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':' {
		return 0, false
	}
	var n [6]int
	for i, at := range [6][2]int{{0, 4}, {5, 7}, {8, 10}, {11, 13}, {14, 16}, {17, 19}} {
		if n[i], ok = readDigits(s[at[0]:at[1]]); !ok {
			return 0, false
		}
	}
	t := time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], 0, time.UTC)
	// What does not exist was moved to another day or minute.
	same := t.Month() == time.Month(n[1]) && t.Day() == n[2] && n[3] < 24 && n[4] < 60 && n[5] < 60
	return t.Unix(), same
}

// readDigits reads at most 18 decimal digits.
func readDigits(s []byte) (n int, ok bool) {
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, true
}

// isDecimal reports whether s is a non-negative integer without leading zeros.
func isDecimal(s []byte) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s[0] != '0' || len(s) == 1
}

// numberValue types a number literal.
func numberValue(s []byte) value {
	if len(s) > 0 && len(s) <= 18 && isDecimal(s) {
		n, _ := readDigits(s)
		return value{kind: kindInt, num: int64(n)}
	}
	if n, err := strconv.ParseInt(string(s), 10, 64); err == nil && strconv.FormatInt(n, 10) == string(s) {
		return value{kind: kindInt, num: n}
	}
	return value{kind: kindNumber, str: string(s)}
}

// text returns the string that v stands for, if it is one.
func (v value) text() (string, bool) {
	switch v.kind {
	case kindString:
		return v.str, true
	case kindSeconds:
		return time.Unix(v.num, 0).UTC().Format(layoutSeconds), true
	case kindMicros:
		return time.UnixMicro(v.num).UTC().Format(layoutMicros), true
	case kindDecimal:
		return strconv.FormatInt(v.num, 10), true
	}
	return "", false
}

// appendJSON appends v as canonical JSON.
func (v value) appendJSON(dst []byte) []byte {
	switch v.kind {
	case kindNull:
		return append(dst, "null"...)
	case kindFalse:
		return append(dst, "false"...)
	case kindTrue:
		return append(dst, "true"...)
	case kindInt:
		return strconv.AppendInt(dst, v.num, 10)
	case kindNumber, kindText:
		return append(dst, v.str...)
	case kindObject:
		return append(dst, "{}"...)
	case kindArray:
		return append(dst, "[]"...)
	}
	s, _ := v.text()
	return appendQuoted(dst, s)
}

// appendQuoted appends s as a JSON string. Strings come from a strict decoder
// or are checked when a block is read, so that they are valid UTF-8.
func appendQuoted(dst []byte, s string) []byte {
	dst, _ = jsontext.AppendQuote(dst, s)
	return dst
}
