package logs

import "time"

// position is how far a log was read. The kubelet starts again only at a whole
// second, so what was read of it comes twice.
type position struct {
	last time.Time // of the last line
	same int       // lines with that time
}

// reader skips what was read before a stream was opened again.
type skipper struct {
	from position
	same int // lines with from.last so far
}

// fresh reports whether a line with this time was not read before.
func (s *skipper) fresh(t time.Time) bool {
	switch {
	case t.Before(s.from.last):
		return false
	case t.Equal(s.from.last):
		s.same++
		return s.same > s.from.same
	}
	return true
}

// advance notes that a line was read.
func (p *position) advance(t time.Time) {
	if t.Equal(p.last) {
		p.same++
		return
	}
	p.last, p.same = t, 1
}
