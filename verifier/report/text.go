package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/hindsight-project/hindsight/verifier/verdict"
)

const (
	findingsMax = 20 // findings of one policy that are told in full
	namesMax    = 4  // names in one line
	valueMax    = 96 // characters of one value
)

// writeText writes the run for a person who wants to know, in this order: is it
// good, what is wrong, what is not known, what held, what to do next.
func writeText(w io.Writer, run verdict.Run, o Options) error {
	t := text{w: bufio.NewWriter(w), color: o.Color}
	t.line("Verdict: %s", t.level(run.Verdict))
	for _, tr := range run.Traces {
		t.trace(tr)
	}
	t.allowances(run.Allowances)
	t.next(run)
	t.totals(run)
	return t.w.Flush()
}

// text collects the lines; bufio keeps the first error until Flush.
type text struct {
	w     *bufio.Writer
	color bool
}

func (t text) line(format string, args ...any) {
	fmt.Fprintln(t.w, strings.TrimRight(fmt.Sprintf(format, args...), " "))
}

// colors are ANSI codes, chosen to differ in brightness too.
var colors = map[verdict.Level]string{
	verdict.Violated: "1;31", verdict.Error: "1;35", verdict.Inconclusive: "33", verdict.Vacuous: "36", verdict.Held: "32",
}

// level is the word of a verdict in capitals, so that colour is never the only mark.
func (t text) level(l verdict.Level) string {
	word := strings.ToUpper(l.String())
	if t.color {
		return "\x1b[" + colors[l] + "m" + word + "\x1b[0m"
	}
	return word
}

func (t text) trace(tr verdict.Trace) {
	t.line("")
	t.line("%s — %s", tr.File, t.level(tr.Verdict))
	if tr.Error != "" {
		t.line("  could not be judged: %s", tr.Error)
	}
	t.recording(tr)
	t.assumptions(tr.Assumptions)
	for _, level := range verdict.Levels() {
		for _, p := range tr.Policies {
			if p.Verdict == level {
				t.policy(p)
			}
		}
	}
}

// recording says which recording this is.
func (t text) recording(tr verdict.Trace) {
	if tr.Run == nil || tr.Certificate == nil {
		return
	}
	from := tr.Run.Origin
	if tr.Run.Input != "" {
		from += " of " + tr.Run.Input
	}
	t.line("  recorded    %s, %s, %d events, %s",
		tr.Run.Start.UTC().Format(stampLayout), seconds(tr.Certificate.Duration), tr.Certificate.Events, from)
	t.line("  digest      %s", tr.Digest)
}

// assumptions lists what the certificate does not prove, one line per cause.
func (t text) assumptions(list []verdict.Assumption) {
	type group struct{ code, text string }
	var order []group
	subjects := map[group][]string{}
	for _, a := range list {
		g := group{a.Code, a.Text}
		if !slices.Contains(order, g) {
			order = append(order, g)
		}
		if a.Subject != "" {
			subjects[g] = append(subjects[g], a.Subject)
		}
	}
	for _, g := range order {
		t.line("  not proven  %s: %s", g.code, g.text)
		if names := subjects[g]; len(names) > 0 {
			t.line("              (%s)", some(names))
		}
	}
}

func (t text) policy(p verdict.Policy) {
	t.line("")
	allowed := ""
	if p.Allowed {
		allowed = " (allowed)"
	}
	t.line("%s%s  %s — %s", t.level(p.Verdict), allowed, p.ID, p.Title)
	t.line("  promise     %s", p.Promise)
	for i, f := range p.Findings[:min(len(p.Findings), findingsMax)] {
		t.finding(p, i, f)
	}
	if more := len(p.Findings) - findingsMax; more > 0 {
		t.line("  %d more findings of this policy are in -o json", more)
	}
	for _, e := range p.Errors[:min(len(p.Errors), findingsMax)] {
		t.line("  error       %s: %s", e.Entity, e.Text)
	}
	if more := len(p.Errors) - findingsMax; more > 0 {
		t.line("  %d more errors of this policy are in -o json", more)
	}
	t.unknowns(p.Unknowns)
	t.exercise(p)
}

// finding tells one violation in at most 25 lines.
func (t text) finding(p verdict.Policy, i int, f verdict.Finding) {
	t.line("  finding %d of %d: %s%s", i+1, len(p.Findings), f.Code, after(f.Code, f.Message))
	t.line("    entity    %s (%s)", f.Entity, f.Class)
	t.line("    got       %s", value(f.Got, f.Unit))
	t.line("    want      %s", value(f.Want, f.Unit))
	if len(f.Detail) > 0 {
		t.line("    detail    %s", value(f.Detail, ""))
	}
	t.blame(f.Blame)
	t.events(f)
	t.line("    rule      %s:%d", p.File, f.Line)
}

// after is the sentence of a code, unless it says no more than the code itself.
func after(code, message string) string {
	if message == words(code) {
		return ""
	}
	return " — " + message
}

// blame tells the first causes and counts the others.
func (t text) blame(list []verdict.Blame) {
	const told = 2
	for i, b := range list[:min(len(list), told)] {
		more := ""
		if i == told-1 && len(list) > told {
			more = fmt.Sprintf(", and %d more", len(list)-told)
		}
		t.line("    blame     %s: %s%s%s%s", b.Class, words(b.Reason), lasting(b.NS), numbers(" (seq %s)", b.Seq), more)
	}
}

func lasting(ns int64) string {
	if ns == 0 {
		return ""
	}
	return ", " + seconds(ns)
}

// events is the table of what happened. The more events, the fewer fields of each.
func (t text) events(f verdict.Finding) {
	if len(f.Events) == 0 {
		t.line("    events    %s", numbers("seq %s (not shown)", f.Seq))
		return
	}
	const lines = 16
	fields := max(1, lines/len(f.Events)-1)
	missing := len(f.Seq) - len(f.Events)
	for i, e := range f.Events {
		if missing > 0 && i == len(f.Events)/2 {
			t.line("              … %d more events …", missing)
		}
		inferred := ""
		if e.Inferred {
			inferred = " (inferred)"
		}
		t.line("    seq %-5d %9s  %s  %s %s%s",
			e.Seq, offset(e.Time), e.Wall.UTC().Format(clockLayout), e.Type, e.Object, inferred)
		for j, c := range e.Changes[:min(len(e.Changes), fields)] {
			more := ""
			if j == fields-1 && len(e.Changes) > fields {
				more = " …"
			}
			t.line("              %s%s", c, more)
		}
	}
}

// unknowns says why a policy is inconclusive, one line per reason.
func (t text) unknowns(list []verdict.Unknown) {
	var order []string
	entities := map[string][]string{}
	seqs := map[string][]uint64{}
	for _, u := range list {
		if !slices.Contains(order, u.Message) {
			order = append(order, u.Message)
		}
		if u.Entity != "" && !slices.Contains(entities[u.Message], u.Entity) {
			entities[u.Message] = append(entities[u.Message], u.Entity)
		}
		seqs[u.Message] = append(seqs[u.Message], u.Seq...)
	}
	for _, message := range order {
		slices.Sort(seqs[message])
		t.line("  unknown     %s%s", message, numbers(" (seq %s)", slices.Compact(seqs[message])))
		if names := entities[message]; len(names) > 0 {
			t.line("              %s", some(names))
		}
	}
}

// exercise says how much the policy was put to the test.
func (t text) exercise(p verdict.Policy) {
	if len(p.Entities) == 0 {
		if len(p.Errors) == 0 {
			t.line("  exercised   by nothing: the trace holds nothing that it looks at (view %s)", p.View)
		}
		return
	}
	times, reached := 0, 0
	var idle []string
	for _, e := range p.Entities {
		times += e.Exercised
		reached += e.Reached
		if e.Exercised < p.ExercisedMin {
			idle = append(idle, e.Entity)
		}
	}
	t.line("  exercised   %d %s, by %d of %d %s", times, plural(times, "time", "times"),
		p.Exercised, len(p.Entities), plural(len(p.Entities), "entity", "entities"))
	if p.ExercisedIn != "" && reached > times {
		t.line("              %d more outside of a %s, which does not count", reached-times, p.ExercisedIn)
	}
	if p.ExercisedMin > 1 {
		t.line("              an entity needs %d times", p.ExercisedMin)
	}
	if p.Verdict == verdict.Vacuous {
		t.line("              never put to the test by %s", some(idle))
	}
}

func (t text) allowances(list []verdict.Allowance) {
	if len(list) == 0 {
		return
	}
	t.line("")
	for _, a := range list {
		used := "used"
		if !a.Used {
			used = "not needed: remove it"
		}
		t.line("Allowed to be %s: %s (%s)", a.Verdict, a.Policy, used)
	}
}

// next names commands that lead further.
func (t text) next(run verdict.Run) {
	var lines []string
	for _, tr := range run.Traces {
		if tr.Error != "" || len(tr.Assumptions) > 0 {
			lines = append(lines, "recorder inspect "+tr.File)
		}
		for _, p := range tr.Policies {
			if p.Verdict != verdict.Held {
				lines = append(lines, "verifier explain "+p.ID)
			}
		}
	}
	slices.Sort(lines)
	lines = slices.Compact(lines)
	if len(lines) == 0 {
		return
	}
	t.line("")
	t.line("Next:")
	for _, line := range lines {
		t.line("  %s", line)
	}
}

// exits says what the exit codes mean.
var exits = map[int]string{
	verdict.ExitHeld:      "held",
	verdict.ExitViolated:  "violated",
	verdict.ExitFailed:    "a trace was unreadable, or a policy failed",
	verdict.ExitUndecided: "not violated, but not proven either",
}

func (t text) totals(run verdict.Run) {
	counts := map[verdict.Level]int{}
	all, unreadable := 0, 0
	for _, tr := range run.Traces {
		if tr.Error != "" {
			unreadable++
		}
		for _, p := range tr.Policies {
			counts[p.Verdict]++
			all++
		}
	}
	parts := make([]string, 0, len(counts))
	for _, l := range verdict.Levels() {
		parts = append(parts, fmt.Sprintf("%d %s", counts[l], l))
	}
	traces := fmt.Sprintf("%d %s", len(run.Traces), plural(len(run.Traces), "trace", "traces"))
	if unreadable > 0 {
		traces += fmt.Sprintf(", %d unreadable", unreadable)
	}
	t.line("")
	t.line("%s — %d %s, %s, CI class %s. Exit code %d: %s.", strings.Join(parts, ", "),
		all, plural(all, "judgement", "judgements"), traces, run.Policies.CIClass, run.ExitCode, exits[run.ExitCode])
}
