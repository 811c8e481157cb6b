package redact

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Nearly all events have nothing to take out. Whether a rule can have an effect on
// one is found out here from the bytes, without taking the JSON apart: what says
// no is sure, what says yes is looked at closely.

// hides reports whether JSON has escapes behind which the plain text of a rule may
// be: not those of control characters, <, > and &, which plain text has none of.
func hides(data []byte) bool {
	for rest := data; ; {
		i := bytes.IndexByte(rest, '\\')
		if i < 0 || i+1 == len(rest) {
			return false
		}
		rest = rest[i+1:]
		switch rest[0] {
		case '/':
			return true
		case 'u':
			if len(rest) < 5 {
				return true
			}
			c, err := strconv.ParseUint(string(rest[1:5]), 16, 16)
			if err != nil || c >= ' ' && c != '<' && c != '>' && c != '&' {
				return true
			}
		}
	}
}

// mayMatch reports whether the pattern matches within any string of JSON that
// hides nothing. In an object that may be there twice, strings are within strings.
func (r *rule) mayMatch(data []byte, twice bool) bool {
	if len(r.needles) == 0 {
		return true
	}
	for at := 0; ; {
		i := index(data[at:], r.needles[0])
		if i < 0 {
			return false
		}
		if twice {
			return true
		}
		from := openingQuote(data, at+i)
		to := closingQuote(data, at+i)
		if from < 0 || to < 0 {
			return true
		}
		text, err := jsontext.AppendUnquote(nil, data[from:to+1])
		if err != nil || hasAll(string(text), r.needles) && r.pattern.Match(text) {
			return true
		}
		at = to
	}
}

// index is bytes.Index, quicker for a part with a byte that is rare in JSON.
func index(data, part []byte) int {
	rare := 0
	for i := range part {
		if rarity(part[i]) > rarity(part[rare]) {
			rare = i
		}
	}
	for at := rare; at < len(data); at++ {
		i := bytes.IndexByte(data[at:], part[rare])
		if i < 0 {
			return -1
		}
		if at += i; bytes.HasPrefix(data[at-rare:], part) {
			return at - rare
		}
	}
	return -1
}

// rarity says how rare a byte is in objects of Kubernetes, about.
func rarity(c byte) int {
	switch {
	case strings.IndexByte(`":,{} `, c) >= 0:
		return 0
	case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		return 1
	case c == '-', c == '/', c == '.':
		return 2
	default:
		return 3
	}
}

// openingQuote returns where the string begins that has position i, -1 if none does.
func openingQuote(data []byte, i int) int {
	for {
		if i = bytes.LastIndexByte(data[:i], '"'); i < 0 || !isEscaped(data, i) {
			return i
		}
	}
}

// closingQuote returns where the string ends that has position i, -1 if none does.
func closingQuote(data []byte, i int) int {
	for {
		n := bytes.IndexByte(data[i:], '"')
		if n < 0 {
			return -1
		}
		if i += n; !isEscaped(data, i) {
			return i
		}
		i++
	}
}

// isEscaped reports whether an odd number of backslashes is before position i.
func isEscaped(data []byte, i int) bool {
	n := i
	for n > 0 && data[n-1] == '\\' {
		n--
	}
	return (i-n)%2 == 1
}

// mayReach reports whether there is something at the path in JSON that hides
// nothing. Of a path that may begin at any level, all beginnings are tried.
func (r *rule) mayReach(data []byte) bool {
	if len(r.path) < 3 || !r.path[0].levels || !r.path[1].isName() {
		return bytes.Contains(data, r.literal)
	}
	name := strconv.AppendQuote(nil, r.path[1].glob)
	for rest := data; ; {
		i := bytes.Index(rest, name)
		if i < 0 {
			return false
		}
		rest = rest[i+len(name):]
		value, isKey := bytes.CutPrefix(bytes.TrimLeft(rest, " \t\r\n"), []byte{':'})
		if !isKey {
			continue
		}
		w := walker{in: value, probing: true}
		w.dec = jsontext.NewDecoder(bytes.NewBuffer(value), decoding)
		if err := w.value(w.passLevels([]place{{r, 2}})); err != nil || w.found {
			return true
		}
	}
}
