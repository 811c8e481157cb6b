package suite

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hindsight-project/hindsight/recorder/marks"
)

// Limits on a report.
const (
	maxReport = 256 << 20 // bytes
	maxSpecs  = 100_000
	maxText   = 4 << 10 // bytes of a title or message
	maxLabels = 100
	maxLabel  = 200 // bytes
)

// The outcomes of a spec, as Ginkgo calls them. There are more; these mean
// something here.
const (
	passed  = "passed"
	failed  = "failed"
	skipped = "skipped"
	pending = "pending"
)

// Spec is one spec of a report, or one node of a suite.
type Spec struct {
	Suite    string
	Title    string // containers and spec; may be empty for a node
	Node     string // BeforeSuite and the like; empty for a spec
	Labels   []string
	Process  int // of a parallel run, from 1; 0: not known
	Attempt  int // the last one
	Outcome  string
	Failure  string // message; of what skipped itself, why
	Location string // of the failure: file:line
	Begin    Moment
	End      Moment
	Retries  []Retry
}

// Retry is the end of an attempt that another one follows.
type Retry struct {
	Attempt  int // that begins
	At       Moment
	Failure  string // why there is another one; empty where none was needed
	Location string
}

// Moment is when something happened: between two times, which are equal if it is
// known exactly.
type Moment struct{ Earliest, Latest time.Time }

func exactly(t time.Time) Moment { return Moment{t, t} }

// Read reads a report of either format.
func Read(r io.Reader) ([]Spec, error) { return readUpTo(r, maxReport, false) }

// ReadOutcomes reads a report of either format for those who do not ask when specs
// ran: JUnit XML without timestamps will do. Its specs begin at the zero time, and
// end as much later as they took.
func ReadOutcomes(r io.Reader) ([]Spec, error) { return readUpTo(r, maxReport, true) }

func readUpTo(r io.Reader, most int64, undated bool) ([]Spec, error) {
	limited := &io.LimitedReader{R: r, N: most + 1}
	in := bufio.NewReader(limited)
	first, err := firstByte(in)
	if err != nil {
		return nil, err
	}
	var specs []Spec
	switch first {
	case '[', '{':
		specs, err = readGinkgo(in)
	case '<':
		specs, err = readJUnit(in, time.Local, undated)
	default:
		err = errors.New("it is neither Ginkgo's JSON report nor JUnit XML")
	}
	switch {
	case limited.N <= 0:
		return nil, fmt.Errorf("the report has more than %d bytes", most)
	case err == nil && len(specs) > maxSpecs:
		return nil, fmt.Errorf("the report has %d specs, more than %d", len(specs), maxSpecs)
	}
	return specs, err
}

// firstByte returns the first that is no white space, and leaves it unread.
func firstByte(in *bufio.Reader) (byte, error) {
	if bom, err := in.Peek(3); err == nil && string(bom) == "\ufeff" {
		_, _ = in.Discard(3) // they are there
	}
	for {
		b, err := in.ReadByte()
		if errors.Is(err, io.EOF) {
			return 0, errors.New("the report is empty")
		}
		if err != nil {
			return 0, err
		}
		if !strings.ContainsRune(" \t\r\n", rune(b)) {
			return b, in.UnreadByte()
		}
	}
}

// Marks turns specs into marks, those of a spec one after another.
func Marks(specs []Spec) []marks.Mark {
	var all []marks.Mark
	for _, s := range specs {
		if s.ran() {
			all = append(all, s.mark(marks.Begin, s.Begin, 1))
			for _, r := range s.Retries {
				m := s.mark(marks.Retry, r.At, r.Attempt)
				addFailure(m.More, r.Failure, r.Location)
				all = append(all, m)
			}
		}
		m := s.mark(marks.End, s.End, s.Attempt)
		m.More["outcome"] = s.Outcome
		addFailure(m.More, s.Failure, s.Location)
		all = append(all, m)
	}
	return all
}

func (s *Spec) ran() bool { return s.Outcome != skipped && s.Outcome != pending }

// Overlaps reports whether the spec may have had to do with a time.
func (s *Spec) Overlaps(from, until time.Time) bool {
	return !s.End.Latest.Before(from) && !s.Begin.Earliest.After(until)
}

func (s *Spec) mark(side string, at Moment, attempt int) marks.Mark {
	m := marks.Mark{Phase: marks.Spec, Side: side, Time: at.Earliest.UTC(), More: map[string]any{"suite": s.Suite}}
	if !at.Latest.Equal(at.Earliest) {
		m.Until = at.Latest.UTC()
	}
	if s.Title != "" {
		m.More["spec"] = s.Title
	}
	if s.Node != "" {
		m.More["node"] = s.Node
	}
	if len(s.Labels) > 0 {
		m.More["labels"] = s.Labels
	}
	if s.Process > 0 {
		m.More["process"] = s.Process
	}
	if attempt > 0 {
		m.More["attempt"] = attempt
	}
	return m
}

func addFailure(more map[string]any, message, location string) {
	if message != "" {
		more["failure"] = message
	}
	if location != "" {
		more["location"] = location
	}
}

// cut shortens a text to what a mark may hold of it.
func cut(text string) string { return cutTo(text, maxText) }

func cutTo(text string, most int) string {
	text = strings.ToValidUTF8(strings.TrimSpace(text), "\uFFFD")
	if len(text) <= most {
		return text
	}
	end := most - len("…")
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

// cutAll shortens labels.
func cutAll(labels []string) []string {
	var all []string
	for _, l := range labels[:min(len(labels), maxLabels)] {
		if l = cutTo(l, maxLabel); l != "" {
			all = append(all, l)
		}
	}
	return all
}

// place names a line of source without the directories of somebody's machine.
func place(file string, line int) string {
	if file == "" {
		return ""
	}
	return fmt.Sprintf("%s:%d", cut(path.Base(strings.ReplaceAll(file, `\`, "/"))), line)
}
