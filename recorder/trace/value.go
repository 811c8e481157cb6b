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
	case len(s) == len(layoutSeconds) && s[10] == 'T' && s[19] == 'Z':
		if t, err := time.Parse(layoutSeconds, string(s)); err == nil && t.Format(layoutSeconds) == string(s) {
			return value{kind: kindSeconds, num: t.Unix()}
		}
	case len(s) == len(layoutMicros) && s[10] == 'T' && s[19] == '.' && s[26] == 'Z':
		if t, err := time.Parse(layoutMicros, string(s)); err == nil && t.Format(layoutMicros) == string(s) {
			return value{kind: kindMicros, num: t.UnixMicro()}
		}
	case len(s) > 0 && len(s) <= 18 && isDecimal(s):
		n, _ := strconv.ParseInt(string(s), 10, 64)
		return value{kind: kindDecimal, num: n}
	}
	return value{kind: kindString, str: string(s)}
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
