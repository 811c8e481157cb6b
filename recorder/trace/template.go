package trace

import (
	"fmt"
	"strings"
)

// A text is kept as a template: what the trace knows by other means is left out
// of it, so that what is the same in every cluster but for names is one text.
// These bytes stand for what is left out.
const (
	markUID       = 1 + iota // the UID of the event's object
	markName                 // its name
	markNamespace            // its namespace
	markOther                // the UID of another object, by a reference
	markPlain                // at the beginning: nothing is left out of the rest
)

// minMarked is the length of the shortest name that is left out: shorter ones
// are parts of too many words.
const minMarked = 3

const uidLength = 36

// template is a text as blocks have it.
type template struct {
	text   string
	marked bool // something is left out
	others int  // references that it needs
}

func newTemplate(text string) template {
	t := template{text: text}
	for i := range len(text) {
		t.marked = t.marked || isMark(text[i])
		if text[i] == markOther {
			t.others++
		}
	}
	if t.marked && text[0] == markPlain {
		t.others = 0
	}
	return t
}

// fill puts in what is left out for an object.
func (p *replay) fill(t template, object uint32, refs *cursor) (string, error) {
	if !t.marked {
		return t.text, nil
	}
	if t.text[0] == markPlain {
		return t.text[1:], nil
	}
	o := p.objects.object(object)
	filled := p.filled[:0]
	for i := range len(t.text) {
		switch c := t.text[i]; c {
		case markUID:
			filled = append(filled, o.UID...)
		case markName:
			filled = append(filled, o.Name...)
		case markNamespace:
			filled = append(filled, o.Namespace...)
		case markOther:
			other := int64(object) - refs.varint()
			if other < 0 || other >= int64(p.objects.count()) {
				return "", errText
			}
			filled = append(filled, p.objects.object(uint32(other)).UID...)
		default:
			filled = append(filled, c)
		}
		if len(filled) > maxData {
			return "", fmt.Errorf("%w: a text is longer than %d bytes", ErrFormat, maxData)
		}
	}
	p.filled = filled
	return string(filled), nil
}

var errText = fmt.Errorf("%w: a change names a text or an object that does not exist", ErrFormat)

// isMark reports whether a byte stands for something in a template.
func isMark(b byte) bool { return b >= markUID && b <= markPlain }

// templates makes templates of the texts of one object after the other.
type templates struct {
	objects *objectTable
	buffer  []byte
	others  []uint32 // objects whose UIDs the last template leaves out
}

// of returns the template of a text of an object, valid until the next call, and
// the objects that it refers to.
func (t *templates) of(v value, id uint32) ([]byte, []uint32) {
	t.buffer, t.others = t.buffer[:0], t.others[:0]
	if v.kind != kindText && hasMark(v.str) { // JSON has no such bytes
		return append(append(t.buffer, markPlain), v.str...), nil
	}
	o := t.objects.list[id]
	for rest := v.str; ; {
		at := nextUID(rest)
		if at < 0 {
			t.names(rest, o)
			return t.buffer, t.others
		}
		t.names(rest[:at], o)
		uid := rest[at : at+uidLength]
		if other, known := t.objects.uids[uid]; uid == o.UID {
			t.buffer = append(t.buffer, markUID)
		} else if known && id != 0 {
			t.buffer, t.others = append(t.buffer, markOther), append(t.others, other)
		} else {
			t.buffer = append(t.buffer, uid...)
		}
		rest = rest[at+uidLength:]
	}
}

// names appends a text without the name and the namespace of an object.
func (t *templates) names(text string, o *Object) {
	for text != "" {
		at, mark, size := len(text), byte(0), 0
		if len(o.Namespace) >= minMarked {
			if i := strings.Index(text, o.Namespace); i >= 0 {
				at, mark, size = i, markNamespace, len(o.Namespace)
			}
		}
		if len(o.Name) >= minMarked {
			if i := strings.Index(text[:min(len(text), at+len(o.Name))], o.Name); i >= 0 && i < at {
				at, mark, size = i, markName, len(o.Name)
			}
		}
		t.buffer = append(t.buffer, text[:at]...)
		if mark == 0 {
			return
		}
		t.buffer = append(t.buffer, mark)
		text = text[at+size:]
	}
}

// nextUID returns where the next UID begins, as the API server writes them: 8, 4,
// 4, 4 and 12 hexadecimal digits; -1 if there is none.
func nextUID(text string) int {
	for from := 8; ; {
		if from > len(text) {
			return -1
		}
		i := strings.IndexByte(text[from:], '-')
		if i < 0 {
			return -1
		}
		at := from + i - 8
		if at+uidLength <= len(text) && isUID(text[at:at+uidLength]) {
			return at
		}
		from += i + 1
	}
}

func hasMark(text string) bool {
	for i := range len(text) {
		if isMark(text[i]) {
			return true
		}
	}
	return false
}

func isUID(text string) bool {
	if len(text) != uidLength {
		return false
	}
	for i := range len(text) {
		c := text[i]
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
				return false
			}
		}
	}
	return true
}
