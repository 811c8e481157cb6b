package history

import (
	"bufio"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"strconv"
	"time"
)

// Options say what is written.
type Options struct {
	Seed   uint64
	Events int // lines of the log
	Lanes  int // clusters at the same time; 0: 1
	Quiet  int // heartbeats of an idle cluster, for each event of its recording
}

const (
	restart   = 20 * time.Second // at most, until the next copy of a lane begins
	heartbeat = 2 * time.Second  // between two heartbeats of a lane
)

// Write writes the log.
func Write(w io.Writer, parts []*Recording, o Options) error {
	if len(parts) == 0 {
		return errors.New("there is no recording to make a history of")
	}
	g := &generator{
		out: bufio.NewWriterSize(w, 1<<20), parts: parts, quiet: o.Quiet,
		random: rand.New(rand.NewPCG(o.Seed, o.Seed)), version: 1000,
	}
	for i := range max(1, o.Lanes) {
		l := &lane{number: i, free: parts[0].began.Add(time.Duration(i) * 7 * time.Second)}
		g.next(l)
		g.lanes = append(g.lanes, l)
	}
	for g.written < o.Events {
		l := g.lanes[0]
		for _, other := range g.lanes {
			if other.due().Before(l.due()) {
				l = other
			}
		}
		if err := g.step(l); err != nil {
			return err
		}
	}
	return g.out.Flush()
}

// generator writes the lines of all lanes in the order of their times.
type generator struct {
	out     *bufio.Writer
	parts   []*Recording
	lanes   []*lane
	quiet   int
	random  *rand.Rand
	version uint64 // the last resourceVersion
	copies  int
	written int
	buffer  []byte
}

// lane is where one cluster lives at a time.
type lane struct {
	number int
	copies int
	free   time.Time // when the present copy is over

	part  *Recording
	copy  int           // number of the present copy, over all lanes
	shift time.Duration // whole seconds from the recording to the copy
	at    int           // index of the next line
	idle  int           // heartbeats until then
	uids  map[string]string
}

// next begins the next copy of a lane.
func (g *generator) next(l *lane) {
	l.part = g.parts[g.random.IntN(len(g.parts))]
	l.free = l.free.Add(time.Duration(g.random.Int64N(int64(restart)))).Truncate(time.Second)
	l.shift = l.free.Sub(l.part.began.Truncate(time.Second))
	l.copy, l.at, l.uids = g.copies, 0, map[string]string{}
	l.idle = g.quiet * len(l.part.lines)
	if len(l.part.heartbeat) == 0 || l.part.idleAt == len(l.part.lines) {
		l.idle = 0
	}
	g.copies++
}

// isIdle reports whether the next line is a heartbeat.
func (l *lane) isIdle() bool { return l.at == l.part.idleAt && l.idle > 0 }

// due is when the next line of a lane was received.
func (l *lane) due() time.Time { return l.part.lines[l.at].at.Add(l.shift) }

// step writes the next line of a lane.
func (g *generator) step(l *lane) error {
	part := l.part
	if l.isIdle() {
		beat := part.lines[part.heartbeat[l.idle%len(part.heartbeat)]]
		shift := l.due().Truncate(time.Second).Sub(beat.at.Truncate(time.Second)) - time.Second
		l.idle--
		l.shift += heartbeat
		return g.write(l, beat, shift)
	}
	text := part.lines[l.at]
	if err := g.write(l, text, l.shift); err != nil {
		return err
	}
	l.free = l.due()
	if l.at++; l.at == len(part.lines) {
		l.copies++
		g.next(l)
	}
	return nil
}

// write renders a line for its lane. What all lanes share is told by the first.
func (g *generator) write(l *lane, t line, shift time.Duration) error {
	if t.operator && l.number > 0 {
		return nil
	}
	g.version++
	b := g.buffer[:0]
	for i, p := range t.pieces {
		switch p.kind {
		case isAdded:
			word := p.text
			if t.lasting && l.copies > 0 && i == t.added {
				word = "MODIFIED"
			}
			b = append(b, word...)
		case isVersion:
			b = strconv.AppendUint(b, g.version, 10)
		case isUID:
			b = append(b, l.uid(p.text)...)
		case isStamp:
			b = p.at.Add(shift).AppendFormat(b, stampLayout)
		case isNamespace:
			b = fmt.Appendf(b, "%s-%d", p.text, l.copy)
		case isNode:
			b = append(b, p.text...)
			if l.number > 0 {
				b = fmt.Appendf(b, "-lane%d", l.number)
			}
		default:
			b = append(b, p.text...)
		}
	}
	g.buffer = b
	g.written++
	_, err := g.out.Write(b)
	return err
}

// uid derives another UID from one, the same wherever the copy names it.
func (l *lane) uid(old string) string {
	if known, ok := l.uids[old]; ok {
		return known
	}
	h := fnv.New128a()
	fmt.Fprintf(h, "%s %d", old, l.copy)
	s := h.Sum(nil)
	made := fmt.Sprintf("%x-%x-%x-%x-%x", s[:4], s[4:6], s[6:8], s[8:10], s[10:16])
	l.uids[old] = made
	return made
}
