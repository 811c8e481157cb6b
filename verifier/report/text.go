package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/hindsight-project/hindsight/verifier/verdict"
)

const (
	findingsMax = 20 // findings of one policy that are told in full
	namesMax    = 4  // names in one line
	valueMax    = 96 // characters of one value

	diagnosesMax = 8 // diagnoses of one trace that are told
	idsInLine    = 4 // ids of policies
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
	t.waivers(run)
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
	t.diagnoses(tr)
	for _, level := range verdict.Levels() {
		for _, p := range tr.Policies {
			if p.Verdict == level && level != verdict.Held && p.Counts() {
				t.policy(p)
			}
		}
	}
	t.held(tr.Policies)
	t.uncounted(tr.Policies)
}

// held tells in a line of each policy that held how much it was put to the test.
func (t text) held(list []verdict.Policy) {
	list = slices.DeleteFunc(slices.Clone(list), func(p verdict.Policy) bool { return p.Verdict != verdict.Held })
	if len(list) > 0 {
		t.line("")
	}
	for _, p := range list {
		t.line("%s  %s — %s; exercised %s", t.level(p.Verdict), p.ID, p.Title, exercised(p))
	}
}

// exercised says how often a policy was exercised, and by how many entities.
func exercised(p verdict.Policy) string {
	return fmt.Sprintf("%s, by %d of %d %s", times(p.Exercised, p.Disrupted),
		p.ExercisedBy, len(p.Entities), plural(len(p.Entities), "entity", "entities"))
}

// diagnoses names the causes that were found, the longest ones first.
func (t text) diagnoses(tr verdict.Trace) {
	list := slices.Clone(tr.Diagnoses)
	slices.SortStableFunc(list, func(a, b verdict.Diagnosis) int {
		return cmp.Compare(b.Until-b.From, a.Until-a.From)
	})
	for i, d := range list[:min(len(list), diagnosesMax)] {
		if i == 0 {
			t.line("")
		}
		t.line("DIAGNOSIS  %s — %s", d.Policy, d.Title)
		t.line("  cause       %s (%s)", d.Message, d.Class)
		t.line("  where       %s, %s%s", d.Entity, span(d.From, d.Until), numbers(" (seq %s)", d.Seq))
		if len(d.Detail) > 0 {
			t.line("  detail      %s", value(d.Detail, ""))
		}
		if len(d.Explains) > 0 {
			t.line("  explains    %s", some(d.Explains))
		}
	}
	if more := len(list) - diagnosesMax; more > 0 {
		t.line("  %d more diagnoses are in -o json", more)
	}
	for _, f := range tr.Undiagnosed[:min(len(tr.Undiagnosed), diagnosesMax)] {
		t.line("  no diagnosis of %s: %s", f.Entity, f.Text)
	}
}

// span is a time of the trace and how long it is.
func span(from, until int64) string {
	return fmt.Sprintf("%s to %s (%s)", offset(time.Duration(from)), offset(time.Duration(until)), seconds(until-from))
}

// uncounted names the policies that the trace did not exercise and did not have to.
func (t text) uncounted(list []verdict.Policy) {
	var ids []string
	for _, p := range list {
		if !p.Counts() {
			ids = append(ids, p.ID)
		}
	}
	if len(ids) == 0 {
		return
	}
	t.line("")
	t.line("%s, and not asked of this trace: %d %s (ask with --require ID)",
		t.level(verdict.Vacuous), len(ids), plural(len(ids), "policy", "policies"))
	for part := range slices.Chunk(ids, idsInLine) {
		t.line("  %s", strings.Join(part, ", "))
	}
}

// recording says which recording this is.
func (t text) recording(tr verdict.Trace) {
	if tr.Run == nil || tr.Certificate == nil {
		return
	}
	t.line("  recorded    %s", recording(tr))
	t.line("  digest      %s", tr.Digest)
}

// recording says in a line when, how long and how a trace was recorded.
func recording(tr verdict.Trace) string {
	from := tr.Run.Origin
	if tr.Run.Input != "" {
		from += " of " + tr.Run.Input
	}
	return fmt.Sprintf("%s, %s, %d events, %s",
		tr.Run.Start.UTC().Format(stampLayout), seconds(tr.Certificate.Duration), tr.Certificate.Events, from)
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
	t.findings(p)
	for _, e := range p.Errors[:min(len(p.Errors), findingsMax)] {
		t.line("  error       %s: %s", e.Entity, e.Text)
	}
	if more := len(p.Errors) - findingsMax; more > 0 {
		t.line("  %d more errors of this policy are in -o json", more)
	}
	t.unknowns(p.Unknowns)
	t.exercise(p)
}

// unknowns says why a policy is inconclusive, one line per reason.
func (t text) unknowns(list []verdict.Unknown) {
	var order []string
	entities := map[string][]string{}
	seqs := map[string][]uint64{}
	for _, u := range list {
		why := doubt(u)
		if !slices.Contains(order, why) {
			order = append(order, why)
		}
		if u.Entity != "" && !slices.Contains(entities[why], u.Entity) {
			entities[why] = append(entities[why], u.Entity)
		}
		seqs[why] = append(seqs[why], u.Seq...)
	}
	for _, why := range order {
		slices.Sort(seqs[why])
		t.line("  unknown     %s%s", why, numbers(" (seq %s)", slices.Compact(seqs[why])))
		if names := entities[why]; len(names) > 0 {
			t.line("              %s", some(names))
		}
	}
	for _, u := range list[:min(len(list), findingsMax)] {
		if u.Took != nil {
			t.line("  so far      %s: %s", u.Entity, took(u.Took))
		}
	}
}

// doubt says why something is not known, and which violation it may be.
func doubt(u verdict.Unknown) string {
	why := u.Message
	if u.Code != "" {
		why = u.Code + ": " + why
	}
	if u.Waived != "" {
		why += " (waived by " + shorten(u.Waived) + ")"
	}
	return why
}

// exercise says how much the policy was put to the test, on all three levels,
// and by which entities.
func (t text) exercise(p verdict.Policy) {
	if len(p.Entities) == 0 {
		if len(p.Errors) == 0 {
			t.line("  exercised   by nothing: the trace holds nothing that it looks at (view %s)", p.View)
		}
		return
	}
	t.line("  exercised   %s", exercised(p))
	if demand := demand(p); demand != "" {
		t.line("              an entity needs %s", demand)
	}
	told := 0
	for _, e := range p.Entities {
		if p.Meets(e) && len(p.Entities) == 1 {
			continue
		}
		if told++; told <= namesMax {
			t.line("              %s: %s%s", e.Entity, level(p, e), waived(e.Waived))
		}
	}
	if told > namesMax {
		t.line("              and %d more entities", told-namesMax)
	}
}

// times renders both counts of exercise.
func times(exercised, disrupted int) string {
	out := fmt.Sprintf("%d %s", exercised, plural(exercised, "time", "times"))
	if exercised > 0 {
		out += fmt.Sprintf(" (%d in a disruption)", disrupted)
	}
	return out
}

// level says how far one entity came.
func level(p verdict.Policy, e verdict.Entity) string {
	switch {
	case e.Exercised == 0:
		return "reached, not exercised"
	case p.Meets(e):
		return "exercised " + times(e.Exercised, e.Disrupted)
	default:
		return "exercised " + times(e.Exercised, e.Disrupted) + ", which is not enough"
	}
}

func waived(by string) string {
	if by == "" {
		return ""
	}
	return " (waived by " + shorten(by) + ")"
}

// demand says what a policy asks for beyond being exercised once.
func demand(p verdict.Policy) string {
	out := ""
	if p.ExercisedMin > 1 || p.ExercisedIn != "" {
		out = fmt.Sprintf("%d %s", p.ExercisedMin, plural(p.ExercisedMin, "time", "times"))
	}
	if p.ExercisedIn != "" {
		out += " in a " + p.ExercisedIn
	}
	return out
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

// waivers lists every one, those that no longer serve too.
func (t text) waivers(run verdict.Run) {
	if len(run.Waivers) == 0 {
		return
	}
	t.line("")
	t.line("Waivers as of %s:", run.WaiversAsOf)
	for _, w := range run.Waivers {
		state := "used"
		switch {
		case w.Expired:
			state = "EXPIRED, it covers nothing: renew or remove it"
		case !w.Used:
			state = "not needed: remove it"
		}
		what := []string{w.Policy}
		for _, part := range []string{w.Code, w.Entity} {
			if part != "" {
				what = append(what, part)
			}
		}
		t.line("  line %d  %s %s — %s", w.Line, w.Verdict, strings.Join(what, " "), state)
		t.line("          %s", shorten(w.String()))
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
			if p.Verdict != verdict.Held && p.Counts() {
				lines = append(lines, "verifier explain "+p.ID)
			}
			if i := slices.IndexFunc(p.Findings, isRoot); i >= 0 {
				lines = append(lines, fmt.Sprintf("verifier repro %s --finding %s -o repro", tr.File, p.Findings[i].ID))
			}
		}
	}
	slices.Sort(lines)
	lines = slices.Compact(lines)
	if len(lines) == 0 {
		return
	}
	t.line("")
	t.line("Next (with the same --policies, --ci-class and --param):")
	for _, line := range lines {
		t.line("  %s", line)
	}
}

func isRoot(f verdict.Finding) bool { return f.FoldedUnder == "" }

// exits says what the exit codes mean.
var exits = map[int]string{
	verdict.ExitHeld:      "held",
	verdict.ExitViolated:  "violated",
	verdict.ExitFailed:    "a trace was unreadable, or a policy failed",
	verdict.ExitUndecided: "not violated, but not proven either",
}

func (t text) totals(run verdict.Run) {
	t.line("")
	t.line("%s", totals(run))
}

// totals counts the judgements by verdict and says what the exit code means.
func totals(run verdict.Run) string {
	counts := map[verdict.Level]int{}
	all, unreadable := 0, 0
	for _, tr := range run.Traces {
		if tr.Error != "" {
			unreadable++
		}
		for _, p := range tr.Policies {
			if p.Counts() {
				counts[p.Verdict]++
				all++
			}
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
	return fmt.Sprintf("%s — %d %s, %s, CI class %s. Exit code %d: %s.", strings.Join(parts, ", "),
		all, plural(all, "judgement", "judgements"), traces, run.Policies.CIClass, run.ExitCode, exits[run.ExitCode])
}
