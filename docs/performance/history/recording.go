package history

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Recording is a watch log, taken apart into what is the same in every copy and
// what is not.
type Recording struct {
	lines     []line
	idleAt    int   // the line before which a cluster can stay idle
	heartbeat []int // lines that may be repeated while it does
	began     time.Time
}

// line is one event of the log.
type line struct {
	at       time.Time
	pieces   []piece
	lasting  bool // about an object that outlives a copy
	operator bool // and that the lanes share
	added    int  // index of the piece with the type ADDED; -1: another type
}

// piece is a part of a line: text that stays, or a token that is replaced.
type piece struct {
	kind pieceKind
	text string
	at   time.Time // of a stamp
}

type pieceKind int

const (
	stays pieceKind = iota
	isUID
	isVersion // a resourceVersion, digits only
	isStamp   // "2006-01-02T15:04:05", without its fraction
	isNamespace
	isNode
	isAdded // the word ADDED as the type
)

const (
	stampLayout = "2006-01-02T15:04:05"
	// endMark is what the driver of a recording says before it takes the cluster down.
	endMark = "run-end"
)

// systemNamespace is where the operator lives.
const systemNamespace = "cnpg-system"

// head is what Parse looks at in a line.
type head struct {
	Time   time.Time
	Type   string
	Object struct {
		Kind     string
		Metadata struct{ Name, Namespace string }
	}
	Mark struct{ Phase string }
}

// Parse takes a watch log apart.
func Parse(log []byte) (*Recording, error) {
	var heads []head
	var texts []string
	names := map[pieceKind][]string{}
	for text := range bytes.Lines(log) {
		var h head
		if err := json.Unmarshal(text, &h); err != nil {
			return nil, fmt.Errorf("line %d: %w", len(heads)+1, err)
		}
		heads, texts = append(heads, h), append(texts, string(text))
		if m := h.Object.Metadata; h.Object.Kind == "Node" && m.Name != "" {
			names[isNode] = append(names[isNode], m.Name)
		} else if m.Namespace != "" && m.Namespace != systemNamespace {
			names[isNamespace] = append(names[isNamespace], m.Namespace)
		}
	}
	if len(heads) == 0 {
		return nil, fmt.Errorf("the log is empty")
	}
	r := &Recording{began: heads[0].Time, idleAt: len(heads)}
	cut := newCutter(names)
	for i, h := range heads {
		l := line{at: h.Time, added: -1}
		kind, namespace := h.Object.Kind, h.Object.Metadata.Namespace
		l.operator = kind == "StorageClass" || namespace == systemNamespace
		l.lasting = l.operator || kind == "Node"
		l.pieces = cut.pieces(texts[i], l.lasting)
		l.added = slices.IndexFunc(l.pieces, func(p piece) bool { return p.kind == isAdded })
		r.lines = append(r.lines, l)
		if h.Mark.Phase == endMark {
			r.idleAt = i
		}
		if h.Type == "MODIFIED" && (kind == "Node" || kind == "Lease") && i < r.idleAt {
			r.heartbeat = append(r.heartbeat, i)
		}
	}
	return r, nil
}

// cutter finds the tokens in the lines of one recording.
type cutter struct {
	pattern *regexp.Regexp
	kinds   []pieceKind // by group of the pattern
}

func newCutter(names map[pieceKind][]string) cutter {
	groups := []string{
		`"type":"(ADDED)"`,
		`"resourceVersion":"(\d+)"`,
		`([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})`,
		`(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)`,
	}
	c := cutter{kinds: []pieceKind{stays, isAdded, isVersion, isUID, isStamp}}
	for _, kind := range []pieceKind{isNamespace, isNode} {
		list := slices.Compact(slices.Sorted(slices.Values(names[kind])))
		if len(list) > 0 {
			for i := range list {
				list[i] = regexp.QuoteMeta(list[i])
			}
			groups = append(groups, `\b(`+strings.Join(list, "|")+`)\b`)
			c.kinds = append(c.kinds, kind)
		}
	}
	c.pattern = regexp.MustCompile(strings.Join(groups, "|"))
	return c
}

// pieces cuts a line. UIDs of objects that outlive a copy stay.
func (c cutter) pieces(text string, lasting bool) []piece {
	var out []piece
	at := 0
	for _, match := range c.pattern.FindAllStringSubmatchIndex(text, -1) {
		group := 1
		for match[2*group] < 0 {
			group++
		}
		from, to := match[2*group], match[2*group+1]
		p := piece{kind: c.kinds[group], text: text[from:to]}
		if p.kind == isUID && lasting {
			continue
		}
		if p.kind == isStamp {
			var err error
			if p.at, err = time.Parse(stampLayout, p.text); err != nil {
				continue
			}
		}
		out = append(out, piece{text: text[at:from]}, p)
		at = to
	}
	return append(out, piece{text: text[at:]})
}
