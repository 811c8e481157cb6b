package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hindsight-project/hindsight/verifier"
	"github.com/hindsight-project/hindsight/verifier/policy"
)

func newExplain(s streams) *cobra.Command {
	var flags policyFlags
	cmd := &cobra.Command{
		Use:   "explain [POLICY]",
		Short: "Print the manual page of a policy, or list all policies",
		Long: "explain prints what a policy promises, when it is violated, what makes it inconclusive and which\n" +
			"thresholds it uses. Without a policy it lists all.",
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
			return manual(s.out, p, set.CIClass)
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
		if _, err := fmt.Fprintf(w, "%-*s  %-8s  %s\n", width, p.ID, p.Severity, p.Title); err != nil {
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
	"set":         "what was acknowledged must be found again; without a later reading nothing is known",
}

// manual prints everything that METADATA says about a policy.
func manual(w io.Writer, p *policy.Policy, ciClass string) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "%s — %s\n\n", p.ID, p.Title)
	for _, row := range [][2]string{
		{"Promise", p.Promise},
		{"Requirement", p.Requirement},
		{"Severity", p.Severity},
		{"Class", p.Class + ": " + classWords[p.Class]},
		{"View", p.View},
		{"Exercised", exercise(p)},
		{"Policy", fmt.Sprintf("%s:%d", p.File, p.Line)},
	} {
		fmt.Fprintf(out, "%-12s %s\n", row[0], row[1])
	}
	fmt.Fprintf(out, "\n%s\n", p.Description)
	sentences(out, "Violated", p.Codes)
	sentences(out, "Inconclusive", p.Reasons)
	parameters(out, p.Params, ciClass)
	if len(p.Mutants) > 0 {
		fmt.Fprintf(out, "\nMutants of a trace that it must notice: %s\n", strings.Join(p.Mutants, ", "))
	}
	return out.Flush()
}

func exercise(p *policy.Policy) string {
	text := "an entity counts when it puts the policy to the test at least once"
	if p.ExercisedMin > 1 {
		text = fmt.Sprintf("an entity counts when it puts the policy to the test at least %d times", p.ExercisedMin)
	}
	if p.ExercisedIn != "" {
		text += ", during a " + p.ExercisedIn
	}
	return text
}

func sentences(w io.Writer, title string, list map[string]string) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", title)
	for _, word := range slices.Sorted(maps.Keys(list)) {
		fmt.Fprintf(w, "  %s\n      %s\n", word, strings.Join(strings.Fields(list[word]), " "))
	}
}

// parameters prints the groups of thresholds that the policy reads.
func parameters(w io.Writer, groups map[string]any, ciClass string) {
	if len(groups) == 0 {
		return
	}
	fmt.Fprintf(w, "\nThresholds (CI class %s; change one with --param)\n", ciClass)
	for _, group := range slices.Sorted(maps.Keys(groups)) {
		values, ok := groups[group].(map[string]any)
		if !ok {
			values = map[string]any{"": groups[group]}
		}
		for _, name := range slices.Sorted(maps.Keys(values)) {
			text, err := json.Marshal(values[name])
			if err != nil {
				text = fmt.Append(nil, values[name])
			}
			fmt.Fprintf(w, "  %s=%s\n", strings.TrimSuffix(group+"."+name, "."), text)
		}
	}
}
