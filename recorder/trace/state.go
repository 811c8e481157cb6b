package trace

import (
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"
)

// State gives access to the fields of an object without building JSON. Array
// elements are addressed by their index in decimal. The zero State is empty.
type State struct {
	ranks  *ranking
	node   uint32
	leaves []leaf // all below node, sorted by rank
}

// At returns the part below path; whether there is anything, Exists tells.
func (s State) At(path ...string) State {
	if len(s.leaves) == 0 || len(path) == 0 {
		return s
	}
	at := s.node
	for i, key := range path {
		next, ok := s.ranks.under(at, key)
		switch {
		case isDigit(key): // a key or an index, whatever there is
			return s.below(at).element(key, next, ok).At(path[i+1:]...)
		case !ok:
			return State{}
		}
		at = next
	}
	return s.below(at)
}

func isDigit(key string) bool { return key != "" && '0' <= key[0] && key[0] <= '9' }

// element returns the part below a key, which has this rank if it is known, or below
// the index that it stands for.
func (s State) element(key string, at uint32, known bool) State {
	if known {
		if below := s.below(at); len(below.leaves) > 0 {
			return below
		}
	}
	if i, err := strconv.ParseUint(key, 10, 31); err == nil && s.ranks != nil {
		if at, ok := s.ranks.element(s.node, int32(i)); ok {
			return s.below(at)
		}
	}
	return State{}
}

func (s State) below(at uint32) State {
	lo := seek(s.leaves, 0, at)
	if lo == len(s.leaves) {
		return State{}
	}
	hi := seek(s.leaves, lo, s.ranks.end[at])
	return State{ranks: s.ranks, node: at, leaves: s.leaves[lo:hi]}
}

// Exists reports whether there is anything here; null counts.
func (s State) Exists() bool { return len(s.leaves) > 0 }

// here returns the value at this very path.
func (s State) here() value {
	if len(s.leaves) > 0 && s.leaves[0].path == s.node {
		return s.leaves[0].value
	}
	return value{}
}

// String returns the string here, "" when it is none.
func (s State) String() string {
	text, _ := s.here().text()
	return text
}

// Int returns the integer here.
func (s State) Int() (int64, bool) {
	v := s.here()
	return v.num, v.kind == kindInt
}

// Bool returns the boolean here, false when it is none.
func (s State) Bool() bool { return s.here().kind == kindTrue }

// Time returns the time that is written here as in RFC 3339.
func (s State) Time() (time.Time, bool) {
	switch v := s.here(); v.kind {
	case kindSeconds:
		return time.Unix(v.num, 0).UTC(), true
	case kindMicros:
		return time.UnixMicro(v.num).UTC(), true
	case kindString:
		t, err := time.Parse(time.RFC3339Nano, v.str)
		return t, err == nil
	}
	return time.Time{}, false
}

// Len returns the number of keys or elements here.
func (s State) Len() int {
	n := 0
	for range s.Each() {
		n++
	}
	return n
}

// Each yields the keys (or indices in decimal) here, in canonical order, with
// the part below.
func (s State) Each() iter.Seq2[string, State] {
	return func(yield func(string, State) bool) {
		for rest := s.leaves; len(rest) > 0; {
			at := rest[0].path
			if at == s.node {
				return
			}
			for s.ranks.parent[at] != s.node {
				at = s.ranks.parent[at]
			}
			n := seek(rest, 0, s.ranks.end[at])
			key := s.ranks.step[at].key
			if i := s.ranks.step[at].index; i >= 0 {
				key = strconv.Itoa(int(i))
			}
			if !yield(key, State{ranks: s.ranks, node: at, leaves: rest[:n]}) {
				return
			}
			rest = rest[n:]
		}
	}
}

// Value decodes what is here as encoding/json does with UseNumber; nil when
// there is nothing.
func (s State) Value() any {
	raw := s.JSON()
	if raw == nil {
		return nil
	}
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil // unreachable: the text was rendered by us
	}
	return v
}

// JSON returns what is here as canonical JSON, nil when there is nothing.
func (s State) JSON() json.RawMessage {
	raw, err := render(nil, s)
	if err != nil {
		return nil // such a state is refused when it is read
	}
	return raw
}

// render appends the canonical JSON of a state. The leaves are in rank order,
// so one walk with a stack of open containers is enough.
func render(dst []byte, s State) ([]byte, error) {
	if len(s.leaves) == 0 {
		return nil, nil
	}
	if s.leaves[0].path == s.node {
		if len(s.leaves) > 1 {
			return nil, errConflict
		}
		return s.leaves[0].appendJSON(dst), nil
	}
	r := renderer{ranks: s.ranks, dst: dst}
	var chain [maxDepth + 16]uint32
	for i, l := range s.leaves {
		path := chain[:0]
		for at := l.path; at != s.node; at = s.ranks.parent[at] {
			path = append(path, at)
		}
		slices.Reverse(path)
		if err := r.leaf(path, l.value, i == 0); err != nil {
			return nil, err
		}
	}
	r.closeTo(0)
	return r.dst, nil
}

var errConflict = fmt.Errorf("%w: a value lies below another value", ErrFormat)

type renderer struct {
	ranks *ranking
	dst   []byte
	open  []uint32 // the steps of the last leaf, its own last
	ends  []byte   // closing brackets of the open containers
}

func (r *renderer) leaf(path []uint32, v value, first bool) error {
	common := 0
	for common < len(path) && common < len(r.open) && path[common] == r.open[common] {
		common++
	}
	if !first && (common == len(r.open) || common == len(path)) {
		return errConflict
	}
	r.closeTo(common + 1)
	for i := common; i < len(path); i++ {
		s := r.ranks.step[path[i]]
		array := s.index >= 0
		if i == len(r.ends) { // the container of this step is not open yet
			r.openContainer(array)
		} else if array != (r.ends[i] == ']') {
			return errConflict
		} else {
			r.dst = append(r.dst, ',')
		}
		if !array {
			r.dst = append(appendQuoted(r.dst, s.key), ':')
		}
	}
	r.dst = v.appendJSON(r.dst)
	r.open = append(r.open[:0], path...)
	return nil
}

func (r *renderer) openContainer(array bool) {
	if array {
		r.dst, r.ends = append(r.dst, '['), append(r.ends, ']')
	} else {
		r.dst, r.ends = append(r.dst, '{'), append(r.ends, '}')
	}
}

// closeTo closes containers until n are open.
func (r *renderer) closeTo(n int) {
	for len(r.ends) > n {
		r.dst = append(r.dst, r.ends[len(r.ends)-1])
		r.ends = r.ends[:len(r.ends)-1]
	}
}
