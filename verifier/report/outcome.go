package report

import (
	"bufio"
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// Undecided says what a format that knows only pass, fail, error and skip makes
// of a verdict that is inconclusive or vacuous and not allowed. Whatever it is,
// it is never a pass.
type Undecided string

// The choices. Failure is the default, because the exit code is not 0 either.
const (
	Failure Undecided = "failure"
	Errored Undecided = "error"
	Skipped Undecided = "skipped"
)

// ParseUndecided reads one of the words.
func ParseUndecided(word string) (Undecided, error) {
	for _, u := range []Undecided{Failure, Errored, Skipped} {
		if word == string(u) {
			return u, nil
		}
	}
	return "", fmt.Errorf("%q is none of failure, error and skipped", word)
}

// outcome is the word that such a format has for the verdict of a policy.
type outcome int

const (
	passed  outcome = iota // held, and nothing else
	failed                 // violated; by default also inconclusive and vacuous
	errored                // the question was not answered
	skipped                // not asked of this trace, or let pass by name
)

// outcomeOf returns the outcome of a policy. Whatever closes the gate is failed
// or errored, unless the options say otherwise of what is undecided.
func outcomeOf(p verdict.Policy, o Options) outcome {
	switch {
	case p.Verdict == verdict.Held:
		return passed
	case !p.Counts() || p.Allowed:
		return skipped
	case p.Verdict == verdict.Error:
		return errored
	case p.Verdict == verdict.Violated:
		return failed
	}
	switch o.Undecided {
	case Errored:
		return errored
	case Skipped:
		return skipped
	default:
		return failed
	}
}

// summary says in one line why a policy has its verdict.
func summary(p verdict.Policy) string {
	word := strings.ToUpper(p.Verdict.String())
	if p.Allowed {
		word += " (allowed)"
	}
	return word + ": " + why(p)
}

// why is the reason of a verdict: the first one, and how many more there are.
func why(p verdict.Policy) string {
	switch {
	case p.Verdict == verdict.Violated && len(p.Findings) > 0:
		f := p.Findings[max(0, slices.IndexFunc(p.Findings, isRoot))]
		return fmt.Sprintf("%s%s (%s)%s", f.Code, after(f.Code, f.Message), f.Entity, more(len(p.Findings), "finding"))
	case p.Verdict == verdict.Error && len(p.Errors) > 0:
		e := p.Errors[0]
		return fmt.Sprintf("%s: %s%s", e.Entity, shorten(e.Text), more(len(p.Errors), "error"))
	case p.Verdict == verdict.Inconclusive && len(p.Unknowns) > 0:
		return doubt(p.Unknowns[0]) + more(len(p.Unknowns), "doubt")
	case !p.Counts():
		return "nothing put it to the test, and it was not asked of this trace"
	case p.Verdict == verdict.Vacuous && p.Exercised > 0:
		return "not put to the test enough: exercised " + exercised(p)
	case p.Verdict == verdict.Vacuous:
		return "nothing put it to the test"
	default:
		return "exercised " + exercised(p)
	}
}

// more counts those beyond the first one.
func more(n int, noun string) string {
	if n <= 1 {
		return ""
	}
	return fmt.Sprintf(", and %d more %s", n-1, plural(n-1, noun, noun+"s"))
}

// told is a policy as the text report tells it.
func told(p verdict.Policy) string {
	return plainly(func(t text) { t.policy(p) })
}

// plainly renders a part of the text report, without colours.
func plainly(write func(text)) string {
	var out bytes.Buffer
	t := text{w: bufio.NewWriter(&out)}
	write(t)
	_ = t.w.Flush() // a buffer takes everything
	return strings.Trim(out.String(), "\n")
}

// names returns a short name for each trace, stable from run to run as far as
// the names of the files are: the last part of the path without its ending, or
// the whole path where two would be the same.
func names(run verdict.Run) []string {
	short := func(file string) string {
		base := path.Base(file)
		if name := strings.TrimSuffix(base, path.Ext(base)); name != "" {
			return name
		}
		return base
	}
	count := map[string]int{}
	for _, t := range run.Traces {
		count[short(t.File)]++
	}
	out := make([]string, len(run.Traces))
	for i, t := range run.Traces {
		if out[i] = short(t.File); count[out[i]] > 1 {
			out[i] = t.File
		}
	}
	return out
}
