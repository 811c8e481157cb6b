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
	t.line("")
	t.line("%s — %d %s, %s, CI class %s. Exit code %d: %s.", strings.Join(parts, ", "),
		all, plural(all, "judgement", "judgements"), traces, run.Policies.CIClass, run.ExitCode, exits[run.ExitCode])
}
