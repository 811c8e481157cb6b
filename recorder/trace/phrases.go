package trace

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"strings"
	"unicode/utf8"
)

// phrases are strings that many blocks have, numbered from 0: they are in the
// file once, and the blocks name them by number.
type phrases struct {
	list    []template
	written int // of the list, those that are in the file already

	// Of a Writer only.
	ids   map[string]uint32
	bytes int
	once  map[uint64]struct{} // hashes of what one block had
	seed  maphash.Seed
}

// A Writer takes no more phrases than this, so that its memory and the reader's
// have a bound: what is new then stays in its blocks.
const (
	maxPhrases      = 1 << 16
	maxPhrasesBytes = 8 << 20
	maxOnce         = 1 << 16
)

func newPhrases() *phrases {
	return &phrases{ids: map[string]uint32{}, once: map[uint64]struct{}{}, seed: maphash.MakeSeed()}
}

// learn takes a string as a phrase if it comes for the second time, and reports
// whether it is one.
func (p *phrases) learn(s string) (id uint32, known bool) {
	if id, known = p.ids[s]; known {
		return id, true
	}
	sum := maphash.String(p.seed, s)
	if _, again := p.once[sum]; !again {
		if len(p.once) >= maxOnce {
			clear(p.once)
		}
		p.once[sum] = struct{}{}
		return 0, false
	}
	if len(p.list) >= maxPhrases || p.bytes+len(s) > maxPhrasesBytes {
		return 0, false
	}
	delete(p.once, sum)
	return p.add(s), true
}

func (p *phrases) add(s string) uint32 {
	id := uint32(len(p.list))
	p.list, p.bytes = append(p.list, newTemplate(s)), p.bytes+len(s)
	p.ids[s] = id
	return id
}

func (p *phrases) sizes() (all, written int) { return len(p.list), p.written }

func (p *phrases) rewrite(from int) { p.written = from }

// appendNew appends the phrases that are not in the file yet: count, then each
// behind its length.
func (p *phrases) appendNew(dst []byte) []byte {
	fresh := p.list[p.written:]
	dst = binary.AppendUvarint(dst, uint64(len(fresh)))
	for _, t := range fresh {
		dst = append(binary.AppendUvarint(dst, uint64(len(t.text))), t.text...)
	}
	return dst
}

// load adds the phrases of one chunk, the first of which has the number first.
func (p *phrases) load(first uint32, raw []byte) error {
	if int(first) != len(p.list) {
		return fmt.Errorf("%w: phrase %d follows phrase %d: a chunk is missing", ErrFormat, first, len(p.list)-1)
	}
	c := cursor{b: raw}
	text := string(raw) // all of them in one piece
	for n := c.count(); n > 0 && c.err == nil; n-- {
		size := len(c.bytes())
		end := len(text) - len(c.b)
		s := text[end-size : end]
		if p.list = append(p.list, newTemplate(s)); p.ids != nil {
			p.ids[strings.Clone(s)] = uint32(len(p.list) - 1)
			p.bytes += size
		}
	}
	p.written = len(p.list)
	return c.err
}

// checkTexts makes sure that phrases are UTF-8.
func (p *phrases) checkTexts() error {
	for i, t := range p.list {
		if !utf8.ValidString(t.text) {
			return fmt.Errorf("%w: text %d is not UTF-8", ErrFormat, i)
		}
	}
	return nil
}

// find reports whether a string is a phrase.
func (p *phrases) find(s string) (id uint32, known bool) {
	id, known = p.ids[s]
	return id, known
}
