package report

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// tapDiagnostic is what stands below a test point that is not ok.
type tapDiagnostic struct {
	Verdict  string       `yaml:"verdict"`
	Message  string       `yaml:"message"`
	Severity string       `yaml:"severity,omitempty"` // of the policy
	Promise  string       `yaml:"promise,omitempty"`
	Findings []tapFinding `yaml:"findings,omitempty"`
	Unknown  []string     `yaml:"unknown,omitempty"`
	Errors   []string     `yaml:"errors,omitempty"`
}

type tapFinding struct {
	ID     string   `yaml:"id"`
	Entity string   `yaml:"entity"`
	Class  string   `yaml:"class"`
	Got    string   `yaml:"got"`
	Want   string   `yaml:"want"`
	Seq    []uint64 `yaml:"seq,flow"`
}

// tap writes test points. TAP has the words ok and not ok, and the directives
// SKIP and todo. Only what held is ok. SKIP would say "ok" of what nothing put to
// the test, so that what is vacuous and not asked for, or was let pass by name, is
// "not ok … # todo": harnesses show it, and do not count it as a failure.
type tap struct {
	w *bufio.Writer
	n int
}

func writeTAP(w io.Writer, run verdict.Run, o Options) error {
	t := tap{w: bufio.NewWriter(w)}
	points := 0
	for _, tr := range run.Traces {
		points += len(tr.Policies)
		if tr.Error != "" {
			points++
		}
	}
	fmt.Fprintf(t.w, "TAP version 14\n1..%d\n# Verdict: %s\n", points, strings.ToUpper(run.Verdict.String()))
	for i, name := range names(run) {
		tr := run.Traces[i]
		if tr.Error != "" {
			t.point(false, name+": "+caseReadable, "")
			if err := t.diagnostic(tapDiagnostic{Verdict: verdict.Error.String(), Message: tr.Error}); err != nil {
				return err
			}
		}
		for _, p := range tr.Policies {
			if err := t.policy(name, p, o); err != nil {
				return err
			}
		}
	}
	fmt.Fprintf(t.w, "# Exit code %d: %s\n", run.ExitCode, exits[run.ExitCode])
	return t.w.Flush()
}

func (t *tap) policy(trace string, p verdict.Policy, o Options) error {
	description := trace + ": " + p.ID
	switch outcomeOf(p, o) {
	case passed:
		t.point(true, description, "")
		return nil
	case skipped:
		t.point(false, description, "todo "+summary(p))
	default:
		t.point(false, description, "")
	}
	if !p.Counts() {
		return nil
	}
	d := tapDiagnostic{Verdict: p.Verdict.String(), Message: why(p), Severity: p.Severity, Promise: p.Promise}
	for _, f := range p.Findings[:min(len(p.Findings), findingsMax)] {
		d.Findings = append(d.Findings, tapFinding{
			ID: f.ID, Entity: f.Entity, Class: string(f.Class), Got: value(f.Got, f.Unit), Want: value(f.Want, f.Unit),
			Seq: f.Seq,
		})
	}
	for _, u := range p.Unknowns[:min(len(p.Unknowns), findingsMax)] {
		d.Unknown = append(d.Unknown, strings.TrimPrefix(u.Entity+": "+doubt(u), ": "))
	}
	for _, e := range p.Errors[:min(len(p.Errors), findingsMax)] {
		d.Errors = append(d.Errors, e.Entity+": "+shorten(e.Text))
	}
	return t.diagnostic(d)
}

// tapEscape escapes what would begin a directive.
var tapEscape = strings.NewReplacer(`\`, `\\`, `#`, `\#`)

func (t *tap) point(ok bool, description, directive string) {
	t.n++
	word := "not ok"
	if ok {
		word = "ok"
	}
	if directive != "" {
		directive = " # " + tapEscape.Replace(oneLine(directive))
	}
	fmt.Fprintf(t.w, "%s %d - %s%s\n", word, t.n, tapEscape.Replace(oneLine(description)), directive)
}

// diagnostic writes the YAML block below a test point.
func (t *tap) diagnostic(d tapDiagnostic) error {
	var text bytes.Buffer
	e := yaml.NewEncoder(&text)
	e.SetIndent(2)
	if err := e.Encode(d); err != nil {
		return err
	}
	fmt.Fprintln(t.w, "  ---")
	for line := range strings.Lines(text.String()) {
		fmt.Fprint(t.w, "  "+line)
	}
	fmt.Fprintln(t.w, "  ...")
	return nil
}

// oneLine makes one line of s.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
