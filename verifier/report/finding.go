package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// findings tells the first ones in full and counts the others. One that is
// folded under another one takes one line.
func (t text) findings(p verdict.Policy) {
	for i, f := range p.Findings[:min(len(p.Findings), findingsMax)] {
		if f.FoldedUnder != "" {
			t.line("  finding %d of %d: %s%s", i+1, len(p.Findings), f.Code, after(f.Code, f.Message))
			t.line("    folded    under %s, which has the same evidence (id %s)", f.FoldedUnder, f.ID)
			continue
		}
		t.finding(p, i, f)
	}
	if more := len(p.Findings) - findingsMax; more > 0 {
		t.line("  %d more findings of this policy are in -o json", more)
	}
}

// findingLines is how long a finding may be, so that one screen shows all of it.
const findingLines = 25

// finding tells one violation in at most findingLines. The table of events takes
// what the other parts leave.
func (t text) finding(p verdict.Policy, i int, f verdict.Finding) {
	t.line("  finding %d of %d: %s%s", i+1, len(p.Findings), f.Code, after(f.Code, f.Message))
	head := []string{
		"id        " + f.ID,
		fmt.Sprintf("entity    %s (%s)", f.Entity, f.Class),
	}
	if f.Waived != "" {
		head = append(head, "waived    by "+shorten(f.Waived))
	}
	head = append(head, "got       "+value(f.Got, f.Unit)+difference(f), "want      "+value(f.Want, f.Unit))
	if r := f.WouldHold; r != nil {
		head = append(head, fmt.Sprintf("holds     with %s=%s instead of %s (--param %s=%d)",
			r.Param, number(r.With, r.Unit), number(r.InsteadOf, r.Unit), r.Param, r.With))
	}
	if len(f.Detail) > 0 {
		head = append(head, "detail    "+value(f.Detail, ""))
	}
	if f.Took != nil {
		head = append(head, "took      "+took(f.Took))
	}
	head = append(head, blame(f.Blame)...)
	foot := append(sliceLine(f.Slice), fmt.Sprintf("rule      %s:%d", p.File, f.Line))
	table := events(f, findingLines-1-len(head)-len(foot))
	for _, line := range slices.Concat(head, table, foot) {
		t.line("    %s", line)
	}
}

// difference says by how much a number is off.
func difference(f verdict.Finding) string {
	got, isNumber := f.Got.(int64)
	want, areNumbers := f.Want.(int64)
	switch {
	case !isNumber || !areNumbers || f.Unit == "" || got == want:
		return ""
	case got > want:
		return " (" + number(got-want, f.Unit) + " more than wanted)"
	default:
		return " (" + number(want-got, f.Unit) + " less than wanted)"
	}
}

// after is the sentence of a code, unless it says no more than the code itself.
func after(code, message string) string {
	if message == words(code) {
		return ""
	}
	return " — " + message
}

// blame tells the first causes and counts the others.
func blame(list []verdict.Blame) []string {
	const told = 2
	var lines []string
	for i, b := range list[:min(len(list), told)] {
		more := ""
		if i == told-1 && len(list) > told {
			more = fmt.Sprintf(", and %d more", len(list)-told)
		}
		lines = append(lines, fmt.Sprintf("blame     %s: %s%s%s%s",
			b.Class, b.Message, lasting(cmp.Or(b.NS, b.Until-b.From)), numbers(" (seq %s)", b.Seq), more))
	}
	return lines
}

// took says where a time went: "1834s = 1790s waiting for a volume (seq 812, 2204) + 44s operator".
func took(b *verdict.Breakdown) string {
	var parts []string
	for _, p := range b.Parts {
		parts = append(parts, fmt.Sprintf("%s %s%s", seconds(p.NS), words(p.Reason), numbers(" (seq %s)", p.Seq)))
	}
	parts = append(parts, seconds(b.Rest)+" operator")
	return seconds(b.Until-b.From) + " = " + strings.Join(parts, " + ")
}

func lasting(ns int64) string {
	if ns == 0 {
		return ""
	}
	return ", " + seconds(ns)
}

// sliceLine says what of the document is enough for the finding.
func sliceLine(s *verdict.Slice) []string {
	if s == nil {
		return nil
	}
	paths := make([]string, len(s.Points))
	for i, p := range s.Points {
		paths[i] = p.Path + numbers(" (seq %s)", p.Seq)
	}
	line := fmt.Sprintf("slice     %d of %d change points are enough", len(s.Points), s.Of)
	if !s.Minimal {
		line += " (perhaps fewer)"
	}
	if len(paths) > 0 {
		line += ": " + some(paths)
	}
	return []string{line}
}

// windowsMax is how many disruptions and gaps are placed between the events.
const windowsMax = 4

// events is the table of what happened, in at most so many lines. The more
// events, the fewer fields of each; disruptions and gaps stand where they begin.
func events(f verdict.Finding, lines int) []string {
	if len(f.Events) == 0 {
		return []string{"events    " + numbers("seq %s (not shown)", f.Seq)}
	}
	windows := f.Windows[:min(len(f.Windows), windowsMax)]
	list, missing := middleOut(f, (lines-len(windows)-1)/2)
	fields := max(1, (lines-len(windows)-1)/len(list)-1)
	var out []string
	for i, e := range list {
		for len(windows) > 0 && windows[0].From <= int64(e.Time) {
			out, windows = append(out, windowLine(windows[0])), windows[1:]
		}
		if missing > 0 && i == len(list)/2 {
			out = append(out, fmt.Sprintf("          … %d more events …", missing))
		}
		out = append(out, event(e, fields)...)
	}
	for _, w := range windows {
		out = append(out, windowLine(w))
	}
	return out
}

// middleOut returns the first and the last events, at most n, and how many of
// the finding's are missing between them.
func middleOut(f verdict.Finding, n int) (list []verdict.Event, missing int) {
	list = f.Events
	if n = max(n, 2); len(list) > n {
		list = append(slices.Clone(list[:n/2]), list[len(list)-(n-n/2):]...)
	}
	missing = len(f.Seq)
	for _, e := range list {
		if !e.Context {
			missing--
		}
	}
	return list, missing
}

func event(e verdict.Event, fields int) []string {
	note := ""
	if e.Inferred {
		note = " (inferred)"
	}
	if e.Context {
		note += " (context)"
	}
	out := []string{fmt.Sprintf("seq %-5d %9s  %s  %s %s%s",
		e.Seq, offset(e.Time), e.Wall.UTC().Format(clockLayout), e.Type, e.Object, note)}
	for j, c := range e.Changes[:min(len(e.Changes), fields)] {
		more := ""
		if j == fields-1 && len(e.Changes) > fields {
			more = " …"
		}
		out = append(out, "          "+c+more)
	}
	return out
}

func windowLine(w verdict.Window) string {
	until := "to " + offset(time.Duration(w.Until))
	if w.Open {
		until = "to the end"
	}
	return fmt.Sprintf("~ %s: %s, from %s %s (seq %d)",
		w.Kind, shorten(w.Text), offset(time.Duration(w.From)), until, w.Seq)
}
