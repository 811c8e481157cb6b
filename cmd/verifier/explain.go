package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hindsight-project/hindsight/verifier"
	"github.com/hindsight-project/hindsight/verifier/policy"
	"github.com/hindsight-project/hindsight/verifier/verdict"
	"github.com/hindsight-project/hindsight/verifier/views"
)

func newExplain(s streams) *cobra.Command {
	var flags policyFlags
	cmd := &cobra.Command{
		Use:   "explain [POLICY]",
		Short: "Print the manual page of a policy, or list all policies",
		Long: "explain prints what a policy promises, what it reads, when it is violated, what makes it inconclusive\n" +
			"or vacuous, and its thresholds in every class of CI. Without a policy it lists all.",
		Example: `  # all policies
  verifier explain

  # one of them
  verifier explain policy-bounds

  # one of your own
  verifier explain --policies policies/ policy-bounds`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			set, err := verifier.LoadPolicies(flags.options())
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return list(s.out, set)
			}
			p := set.Policy(args[0])
			if p == nil {
				return set.NoSuch(args[0])
			}
			return manual(s.out, set, p)
		},
	}
	flags.bind(cmd)
	return cmd
}

// list prints one line per policy.
func list(w io.Writer, set *policy.Set) error {
	width := 0
	for _, p := range set.Policies {
		width = max(width, len(p.ID))
	}
	for _, p := range set.Policies {
		if _, err := fmt.Fprintf(w, "%-*s  %-9s  %s\n", width, p.ID, cmp.Or(p.Severity, p.Class), p.Title); err != nil {
			return err
		}
	}
	return nil
}

// classWords say what a soundness class means for someone who reads a verdict.
var classWords = map[string]string{
	"state":       "every recorded state is judged; a gap leaves room for a state that nobody saw",
	"transition":  "recorded neighbours are compared; a gap between them leaves room for a step that nobody saw",
	"response":    "something must follow in time; a gap or the end of the trace inside the time leaves it open",
	"convergence": "a state must be reached and kept; the trace must last long enough to show it",
	"idempotency": "the same intent must act once; a gap leaves room for a repetition that nobody saw",
	"diagnosis":   "it names a cause and judges nothing; what the trace does not prove is not named",
	"set":         "what was acknowledged must be found again; without a later reading nothing is known",
}

// demandWords say which traces have to exercise a policy.
var demandWords = map[verdict.Demand]string{
	verdict.DemandAlways:   "of every trace: vacuous is not a pass",
	verdict.DemandDeclared: "of a trace that declares it by a mark or a spec, and with --require",
}

// manual prints everything that METADATA, the rules, the view and the
// parameters say about a policy.
func manual(w io.Writer, set *policy.Set, p *policy.Policy) error {
	out := bufio.NewWriter(w)
	codes, reasons, exercised := p.Places()
	fmt.Fprintf(out, "%s — %s\n\n", p.ID, p.Title)
	for _, row := range [][2]string{
		{"Promise", p.Promise},
		{"Requirement", p.Requirement},
		{"Severity", p.Severity},
		{"Class", p.Class + ": " + classWords[p.Class]},
		{"Demanded", demandWords[p.Demand]},
		{"View", p.View},
		{"Policy", fmt.Sprintf("%s:%d", p.File, p.Line)},
	} {
		if row[1] != "" {
			fmt.Fprintf(out, "%-12s %s\n", row[0], row[1])
		}
	}
	fmt.Fprintf(out, "\n%s\n", p.Description)
	fields(out, p)
	if p.IsDiagnosis() {
		sentences(out, "Causes", p.Reasons, reasons)
	} else {
		sentences(out, "Violated, by code", p.Codes, codes)
		sentences(out, "Inconclusive, by reason", withMismatch(p.Reasons), reasons)
		vacuous(out, p, exercised)
	}
	parameters(out, set.Thresholds(p), set.CIClass)
	if len(p.Mutants) > 0 {
		fmt.Fprintf(out, "\nMutants of a trace that it must notice: %s\n", strings.Join(p.Mutants, ", "))
	}
	return out.Flush()
}

// fields lists what the policy reads of its view, in the words of the schema.
func fields(w io.Writer, p *policy.Policy) {
	var schema struct {
		Properties map[string]struct{ Description string }
	}
	text, _ := views.Schema(p.View)
	if json.Unmarshal(text, &schema) != nil || len(p.Fields) == 0 {
		return
	}
	fmt.Fprintf(w, "\nReads of the view %s\n", p.View)
	for _, name := range p.Fields {
		fmt.Fprintf(w, "  %s\n      %s\n", name, schema.Properties[name].Description)
	}
}

// sentences lists codes or reasons, each with the line that derives it.
func sentences(w io.Writer, title string, list map[string]string, lines map[string]int) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", title)
	for _, word := range slices.Sorted(maps.Keys(list)) {
		place := ""
		if lines[word] > 0 {
			place = fmt.Sprintf(" (line %d)", lines[word])
		}
		fmt.Fprintf(w, "  %s%s\n      %s\n", word, place, strings.Join(strings.Fields(list[word]), " "))
	}
}

// withMismatch adds the one reason that no policy gives.
func withMismatch(reasons map[string]string) map[string]string {
	out := map[string]string{"mismatch": "the recording contradicts its own final list, so that nothing on it is held"}
	maps.Copy(out, reasons)
	return out
}

// vacuous says when the policy proves nothing.
func vacuous(w io.Writer, p *policy.Policy, line int) {
	need := "at least once"
	if p.ExercisedMin > 1 {
		need = fmt.Sprintf("at least %d times", p.ExercisedMin)
	}
	if p.ExercisedIn != "" {
		need += ", and that during a " + p.ExercisedIn
	}
	fmt.Fprintf(w, "\nVacuous\n  not reached\n      the recording gives no document of the view %s\n", p.View)
	fmt.Fprintf(w, "  not exercised (line %d)\n      no entity put the policy to the test %s\n", line, need)
}

// parameters prints the thresholds that the policy reads, with the values of
// other classes of CI where they differ.
func parameters(w io.Writer, list []policy.Param, ciClass string) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(w, "\nThresholds (CI class %s; change one with --param)\n", ciClass)
	for _, p := range list {
		fmt.Fprintf(w, "  %s=%s%s\n", p.Name, plain(p.Value), readable(p.Name, p.Value))
		for _, class := range slices.Sorted(maps.Keys(p.Others)) {
			value := p.Others[class]
			fmt.Fprintf(w, "      CI class %s: %s%s\n", class, plain(value), readable(p.Name, value))
		}
		if p.Comment != "" {
			fmt.Fprintf(w, "      %s\n", p.Comment)
		}
	}
}

// plain writes a value as --param takes it.
func plain(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}

// readable adds a time in words to one in nanoseconds.
func readable(name string, v any) string {
	if n, ok := v.(int); ok && strings.HasSuffix(name, "_ns") {
		return " (" + time.Duration(n).String() + ")"
	}
	return ""
}
