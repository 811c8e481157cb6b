package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// A screen, on which the whole story of a run has to fit.
const (
	screenLines   = 24
	screenColumns = 100
	labelColumns  = 10
)

// writeExplain tells the story of the run on one screen: what was asked, what
// happened, what broke first, whose fault it was, what to do next. Of several
// traces it tells the worst one.
func writeExplain(w io.Writer, run verdict.Run, o Options) error {
	s := screen{text: text{w: bufio.NewWriter(w), color: o.Color}}
	if len(run.Traces) == 0 {
		s.text.line("no trace was judged")
		return s.text.w.Flush()
	}
	worst := 0
	for i, t := range run.Traces {
		if t.Verdict > run.Traces[worst].Verdict {
			worst = i
		}
	}
	t := run.Traces[worst]
	// What a violation shows comes before what is not known.
	doubtful, open := 2, 4
	if _, f := first(t); f != nil {
		doubtful, open = 1, 2
	}
	s.add("recorded", recorded(t), 1)
	s.add("but", doubts(t.Assumptions), doubtful)
	s.add("asked", asked(t, run), 3)
	happened := len(s.parts)
	s.add("broke", broke(t), 4)
	s.add(fault(t))
	s.add("unknown", unknown(t), open)
	s.add("held", standing(t), 1)
	s.insert(len(s.parts), "next", cut(following(t), 3))
	s.add("besides", besides(run, worst), 1)
	s.insert(happened, "happened", moments(t, screenLines-1-s.height()))
	exit := fmt.Sprintf(" — exit code %d: %s", run.ExitCode, exits[run.ExitCode])
	room := screenColumns - len(t.Verdict.String()) - 2 - utf8.RuneCountInString(exit)
	s.text.line("%s  %s%s", s.text.level(t.Verdict), ending(t.File, room), exit)
	s.write()
	return s.text.w.Flush()
}

// ending keeps the end of a path, which tells more than its beginning.
func ending(path string, room int) string {
	if r := []rune(path); len(r) > room {
		return "…" + string(r[len(r)-room+1:])
	}
	return path
}

// besides counts the traces that are not told.
func besides(run verdict.Run, told int) []string {
	counts := map[verdict.Level]int{}
	for i, t := range run.Traces {
		if i != told {
			counts[t.Verdict]++
		}
	}
	var parts []string
	for _, l := range verdict.Levels() {
		if counts[l] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[l], l))
		}
	}
	if len(parts) == 0 {
		return nil
	}
	others := len(run.Traces) - 1
	return []string{fmt.Sprintf("%d more %s: %s", others, plural(others, "trace", "traces"), strings.Join(parts, ", "))}
}

// screen collects the parts of the story. A part is a label and its lines.
type screen struct {
	text  text
	parts []part
}

type part struct {
	label string
	lines []string
}

// add appends a part, wrapped and cut to so many lines; one without lines is left out.
func (s *screen) add(label string, lines []string, most int) {
	s.insert(len(s.parts), label, cut(wrap(lines), most))
}

func (s *screen) insert(at int, label string, lines []string) {
	if len(lines) > 0 {
		s.parts = slices.Insert(s.parts, at, part{label, lines})
	}
}

func (s *screen) height() int {
	n := 0
	for _, p := range s.parts {
		n += len(p.lines)
	}
	return n
}

func (s *screen) write() {
	for _, p := range s.parts {
		label := p.label
		for _, line := range p.lines {
			s.text.line("%-*s%s", labelColumns, label, line)
			label = ""
		}
	}
}

// wrap breaks lines at spaces so that they fit; what goes on is indented.
func wrap(lines []string) []string {
	var out []string
	for _, line := range lines {
		now, room := "", screenColumns-labelColumns
		for word := range strings.FieldsSeq(line) {
			if now != "" && utf8.RuneCountInString(now)+1+utf8.RuneCountInString(word) > room {
				out, now = append(out, now), " "
			}
			if now != "" {
				now += " "
			}
			now += word
		}
		out = append(out, now)
	}
	return out
}

// cut keeps the first lines and says so when there are more.
func cut(lines []string, most int) []string {
	if len(lines) > most {
		lines = slices.Clone(lines[:most])
		lines[most-1] += " …"
	}
	for i, line := range lines {
		if r := []rune(line); len(r) > screenColumns-labelColumns {
			lines[i] = string(r[:screenColumns-labelColumns-1]) + "…"
		}
	}
	return lines
}

func recorded(t verdict.Trace) []string {
	if t.Error != "" {
		return []string{"could not be judged: " + t.Error}
	}
	if t.Run == nil || t.Certificate == nil {
		return nil
	}
	return []string{recording(t)}
}

// doubts is what the certificate does not prove, each kind once. That an import
// is as complete as its log is said by the word import.
func doubts(list []verdict.Assumption) []string {
	count := map[string]int{}
	var first []verdict.Assumption
	for _, a := range list {
		if a.Code == "imported" {
			continue
		}
		if count[a.Code]++; count[a.Code] == 1 {
			first = append(first, a)
		}
	}
	var out []string
	for _, a := range first {
		line := a.Code + ": " + a.Text
		if a.Subject != "" {
			line += " (" + a.Subject + moreOf(count[a.Code]) + ")"
		}
		out = append(out, line)
	}
	return out
}

func moreOf(n int) string {
	if n <= 1 {
		return ""
	}
	return fmt.Sprintf(" and %d more", n-1)
}

// asked is what there was, what the run was for, and what was demanded of it.
func asked(t verdict.Trace, run verdict.Run) []string {
	if t.Error != "" {
		return nil
	}
	var out []string
	if t.Story != nil {
		out = append(out, cut(slices.Clone(t.Story.Asked), 2)...)
		out = append(out, cut(slices.Clone(t.Story.Setup), 1)...)
	}
	demanded := 0
	for _, p := range t.Policies {
		if p.Demanded {
			demanded++
		}
	}
	return append(out, fmt.Sprintf("%d %s, of which it has to put %d to the test; CI class %s",
		len(t.Policies), plural(len(t.Policies), "policy", "policies"), demanded, run.Policies.CIClass))
}

// ranks order moments by how much they matter; what is not named is what was
// done to a cluster.
var ranks = map[string]int{"gap": 1, "setup": 4, "mark": 6, "deleted": 3, "spec": 5, "phase": 3}

func rank(m verdict.Moment) int {
	switch {
	case m.Failed, m.Kind == "phase" && m.Open:
		return 1
	case m.Cause != "":
		return 2
	default:
		return ranks[m.Kind]
	}
}

// moments tells as many moments as there is room for, those that matter most, in
// order of time; the first violation has its place among them.
func moments(t verdict.Trace, room int) []string {
	if t.Story == nil {
		return nil
	}
	list := slices.Clone(t.Story.Moments)
	slices.SortStableFunc(list, func(a, b verdict.Moment) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(b.Until-b.From, a.Until-a.From))
	})
	p, f := first(t)
	if f != nil {
		list = slices.Insert(list, 0, verdict.Moment{
			Text: "✗ " + p.ID + ": " + words(f.Code), From: at(*f), Until: at(*f), Seq: f.Seq[len(f.Seq)-1],
		})
	}
	missing := 0
	if len(list) > room {
		room = max(room-1, 0)
		missing, list = len(list)-room, list[:room]
	}
	slices.SortStableFunc(list, func(a, b verdict.Moment) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.Seq, b.Seq))
	})
	clusters := map[string]bool{}
	for _, m := range t.Story.Moments {
		clusters[m.Cluster] = m.Cluster != ""
	}
	delete(clusters, "")
	var out []string
	for _, m := range list {
		if m.Cluster != "" && len(clusters) > 1 {
			m.Text = m.Cluster + ": " + m.Text
		}
		out = append(out, momentLine(m))
	}
	if missing > 0 {
		out = append(out, fmt.Sprintf("%d lesser moments are in -o json", missing))
	}
	return cut(out, len(out))
}

// momentLine renders "   +86.1s     8.1s  PG_DATA grows from 1Gi to 2Gi (seq 358)".
func momentLine(m verdict.Moment) string {
	lasted := ""
	switch {
	case m.Open:
		lasted = "to the end"
	case m.Until-m.From >= int64(50*time.Millisecond):
		lasted = seconds(m.Until - m.From)
	}
	follows := ""
	if m.Cause != "" {
		follows = "└ "
	}
	return fmt.Sprintf("%9s  %-10s  %s%s (seq %d)",
		offset(time.Duration(m.From)), lasted, follows, oneLine(m.Text), m.Seq)
}

// first returns the finding that came first in time, with its policy; nil when
// there is none. One that is folded under another one is not the first.
func first(t verdict.Trace) (p verdict.Policy, f *verdict.Finding) {
	least := uint64(math.MaxUint64)
	for _, policy := range t.Policies {
		for i := range policy.Findings {
			candidate := &policy.Findings[i]
			if n := len(candidate.Seq); n > 0 && isRoot(*candidate) && candidate.Seq[n-1] < least {
				least, p, f = candidate.Seq[n-1], policy, candidate
			}
		}
	}
	return p, f
}

// at is when a finding was complete: the time of the last event of its evidence.
func at(f verdict.Finding) int64 {
	last := f.Seq[len(f.Seq)-1]
	for _, e := range f.Events {
		if e.Seq == last {
			return int64(e.Time)
		}
	}
	return 0
}

// broke tells the first violation, what was got instead of what was wanted, and
// how many more there are.
func broke(t verdict.Trace) []string {
	p, f := first(t)
	if f == nil {
		return brokeNothing(t)
	}
	head := fmt.Sprintf("%s %s%s", p.ID+":", f.Code, after(f.Code, f.Message))
	out := []string{
		head,
		fmt.Sprintf("%s, at %s%s: got %s, want %s", f.Entity, offset(time.Duration(at(*f))), numbers(" (seq %s)", f.Seq),
			value(f.Got, f.Unit)+difference(*f), value(f.Want, f.Unit)),
	}
	violated, findings := 0, 0
	for _, other := range t.Policies {
		if len(other.Findings) > 0 {
			violated, findings = violated+1, findings+len(other.Findings)
		}
	}
	if findings > 1 {
		out = append(out, fmt.Sprintf("and %d more %s; %d %s violated", findings-1,
			plural(findings-1, "finding", "findings"), violated, plural(violated, "policy is", "policies are")))
	}
	return out
}

func brokeNothing(t verdict.Trace) []string {
	switch t.Verdict {
	case verdict.Held:
		return []string{"nothing"}
	case verdict.Error:
		var out []string
		for _, p := range t.Policies {
			if p.Verdict == verdict.Error {
				out = append(out, p.ID+" could not be asked: "+why(p))
			}
		}
		return out
	default:
		return []string{"nothing that was seen, but that proves nothing: see what is unknown"}
	}
}

// fault says whose doing it was, as far as the recording proves it, and in how
// many lines at most. Where nothing broke, a cause is nobody's fault.
func fault(t verdict.Trace) (label string, out []string, most int) {
	label = "cause"
	if _, f := first(t); f != nil {
		label = "fault"
		switch {
		case f.Took != nil:
			out = append(out, fmt.Sprintf("%s: took %s", f.Class, took(f.Took)))
		case len(f.Blame) > 0:
			b := f.Blame[0]
			out = append(out, fmt.Sprintf("%s: %s%s%s", b.Class, b.Message, lasting(cmp.Or(b.NS, b.Until-b.From)),
				numbers(" (seq %s)", b.Seq)))
		default:
			out = append(out, fmt.Sprintf("%s, and nothing else that was recorded explains it", f.Class))
		}
	}
	list := slices.Clone(t.Diagnoses)
	slices.SortStableFunc(list, func(a, b verdict.Diagnosis) int { return cmp.Compare(b.Until-b.From, a.Until-a.From) })
	for _, d := range list[:min(len(list), 2)] {
		out = append(out, fmt.Sprintf("%s (%s): %s, %s%s", d.Title, d.Class, d.Entity, span(d.From, d.Until),
			numbers(" (seq %s)", d.Seq[:min(len(d.Seq), 1)])))
	}
	return label, out, 3
}
