package ledger

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (m markdown) regressionLedger() {
	m.title(2, "Regression Ledger")
	m.line("Oldest first. A test is compared with its last result before, in the same topology and environment.")
	for i := range m.Runs {
		m.run(&m.Runs[i])
	}
}

func (m markdown) run(r *Run) {
	name := r.Date
	if r.Title != "" {
		name += " (" + r.Title + ")"
	}
	m.title(3, "Run: %s", name)
	fact := func(name, value string) {
		if value != "" {
			m.line("- %s: %s", name, value)
		}
	}
	fact("Branch", r.Branch)
	fact("Commit", r.Commit)
	if r.Command != "" {
		m.prose("- Command: `" + strings.Join(strings.Fields(strings.ReplaceAll(r.Command, "`", "'")), " ") + "`")
	}
	fact("Totals", r.totals())
	if r.Duration > 0 {
		fact("Duration", r.Duration.Round(100*time.Millisecond).String())
	}
	fact("Environment", r.Environment.String())
	var files []string
	for _, s := range r.Sources {
		text := s.Kind + " " + filepath.Base(s.File)
		if s.Digest != "" {
			text += " (" + short(s.Digest) + ")"
		}
		files = append(files, text)
	}
	fact("Sources", strings.Join(files, ", "))
	if len(r.Changes) > 0 {
		m.title(4, "Changes in this run")
		for _, c := range r.Changes {
			m.prose("- " + c)
		}
	}
	m.deltas(r.Deltas)
	m.rootCause(r)
	m.results(r)
	if r.Notes != "" {
		m.title(4, "Notes")
		m.prose(r.Notes)
	}
}

// totals has the four figures that were kept by hand, and what they left out.
func (r *Run) totals() string {
	n := func(o Outcome) int { return r.Totals[string(o)] }
	ran := 0
	for _, o := range Outcomes() {
		if o != NotRun {
			ran += n(o)
		}
	}
	text := fmt.Sprintf("Total=%d Passed=%d Failed=%d Skipped=%d", ran, n(Passed)+n(Retried), n(Failed), n(Skipped))
	for _, more := range []struct {
		word string
		n    int
	}{{"NotRun", n(NotRun)}, {"Retried", n(Retried)}, {"Vacuous", n(Vacuous)}, {"Undecided", n(Undecided)}} {
		if more.n > 0 {
			text += fmt.Sprintf(" %s=%d", more.word, more.n)
		}
	}
	return text
}

// String lists what is known of an environment, by name.
func (e Environment) String() string {
	var parts []string
	for key, value := range e {
		parts = append(parts, key+" "+value)
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

func short(digest string) string { return digest[:min(len(digest), len("sha256:")+12)] }

func (m markdown) deltas(d Deltas) {
	m.title(4, "Deltas vs previous run")
	quoted := func(list []string) string {
		if len(list) == 0 {
			return "none"
		}
		return `"` + strings.Join(list, `", "`) + `"`
	}
	if len(d.Regression) == 0 {
		m.line("- REGRESSION: none")
	}
	for _, r := range d.Regression {
		m.line("- REGRESSION: %q (%s)", r.Test, r.Says)
	}
	m.line("- FIXED: %s", quoted(d.Fixed))
	m.line("- UNCHANGED FAILING: %s", quoted(d.UnchangedFailing))
	if len(d.NewFailing) > 0 {
		m.line("- FAILING, WITHOUT A RESULT BEFORE: %s", quoted(d.NewFailing))
	}
	if d.UnchangedPassing > 0 {
		m.line("- UNCHANGED PASSING: %d", d.UnchangedPassing)
	}
	if len(d.NowSkipped) > 0 {
		m.line("- FAILED WHEN LAST RUN, NOW SKIPPED: %s", quoted(d.NowSkipped))
	}
	if len(d.NotTested) > 0 {
		m.line("- FAILED WHEN LAST RUN, NOT TESTED: %s", quoted(d.NotTested))
	}
}

// rootCause is what a person wrote, and what the evidence says of each test.
func (m markdown) rootCause(r *Run) {
	var told []string
	for _, res := range r.Results {
		told = append(told, res.told()...)
	}
	if r.RootCause == "" && len(told) == 0 {
		return
	}
	m.title(4, "Root cause analysis")
	if r.RootCause != "" {
		m.prose(r.RootCause)
	}
	if r.RootCause != "" && len(told) > 0 {
		m.line("")
	}
	for _, line := range told {
		m.line("%s", line)
	}
}

// told says why a test did not pass, with the evidence.
func (r Result) told() []string {
	if r.Outcome != Failed && len(r.Causes) == 0 {
		return nil
	}
	class := r.Class
	if class == "" {
		class = "undiagnosed"
		if r.Outcome != Failed {
			class = r.Outcome.status()
		}
	}
	head := fmt.Sprintf("- %s (%s)", r.Test, strings.ToLower(class))
	if r.Failure != "" {
		head += ": " + firstLine(r.Failure)
	}
	out := []string{head}
	for _, c := range r.Causes[:min(len(r.Causes), causesMax)] {
		out = append(out, "  - "+c.String())
	}
	if more := len(r.Causes) - causesMax; more > 0 {
		out = append(out, fmt.Sprintf("  - and %d more in the JSON form", more))
	}
	return out
}

func firstLine(text string) string {
	text, _, _ = strings.Cut(strings.TrimSpace(text), "\n")
	if runes := []rune(text); len(runes) > 160 {
		return string(runes[:159]) + "…"
	}
	return text
}

// String tells a cause with its evidence on one line.
func (c Cause) String() string {
	if c.By == "message" {
		return fmt.Sprintf("%s, %s: the message says %q", c.Class, c.Reason, c.Text)
	}
	text := fmt.Sprintf("%s, %s %s: %s", c.Class, c.By, c.Reason, c.Text)
	if c.Entity != "" {
		from, until := time.Duration(c.From), time.Duration(c.Until)
		text += fmt.Sprintf("; %s, +%.1fs to +%.1fs", c.Entity, from.Seconds(), until.Seconds())
	}
	if len(c.Seq) > 0 {
		var numbers []string
		for _, n := range c.Seq[:min(len(c.Seq), causesMax)] {
			numbers = append(numbers, strconv.FormatUint(n, 10))
		}
		text += " (seq " + strings.Join(numbers, ", ")
		if len(c.Seq) > causesMax {
			text += fmt.Sprintf(" and %d more", len(c.Seq)-causesMax)
		}
		text += ")"
	}
	if c.Shared {
		text += "; another spec was going on as well"
	}
	return text
}

// results lists how each test of a run ended.
func (m markdown) results(r *Run) {
	if len(r.Results) == 0 {
		return
	}
	m.title(4, "Test Results")
	m.header("Test", "Topology", "Status", "Suite", "Recording", "Took")
	for _, res := range r.Results {
		verdict, took := "–", "–"
		if res.Verdict != nil {
			verdict = res.Verdict.String()
		}
		if res.Took > 0 {
			took = fmt.Sprintf("%.1fs", res.Took.Seconds())
		}
		status := res.Outcome.status()
		if res.Outcome == Retried {
			status += " (retried)"
		}
		if res.infra() {
			status += " (infrastructure)"
		}
		m.row(res.Test, orNothing(res.Topology), status, orNothing(res.Suite), verdict, took)
	}
}

func (m markdown) rejudged() {
	r := m.Rejudged
	if r.Traces == 0 {
		return
	}
	m.title(2, "Verdicts that other policies changed")
	if len(r.Changes) == 0 {
		m.line("%s judged by other policies or another program before; no verdict changed.",
			plural(r.Traces, "trace was", "traces were"))
		return
	}
	m.line("The same traces, judged anew: here the policies changed and not the product.")
	m.line("")
	m.header("Trace", "Policy", "Before", "Now")
	for _, c := range r.Changes {
		m.row(filepath.Base(c.File), c.Policy, c.Before.String(), c.After.String())
	}
}

func (m markdown) unused() {
	for _, list := range []struct {
		title    string
		problems []Problem
	}{{"Left out", m.LeftOut}, {"Sources that could not be used", m.Problems}} {
		if len(list.problems) > 0 {
			m.title(2, "%s", list.title)
		}
		for _, p := range list.problems {
			m.line("- %s: %s", p.File, p.Text)
		}
	}
}
