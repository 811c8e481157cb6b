package drivers

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Summary writes results for people at a terminal.
func Summary(w io.Writer, results []Result) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SCENARIO\tTOPOLOGY\tOUTCOME\tDEMANDED\tTRACE AS A WHOLE\tTIME\tEXIT")
	for _, r := range results {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%d\n", r.Scenario, r.Topology, strings.ToUpper(string(r.Outcome)),
			r.demanded(", "), r.verdict(), r.took(), r.Exit())
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, r := range results {
		if r.Outcome != Succeeded {
			if _, err := fmt.Fprintf(w, "%s/%s %s: %s\n", r.Scenario, r.Topology, r.Outcome, r.Reason); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r Result) took() string {
	if r.Seconds == 0 {
		return "-"
	}
	return time.Duration(r.Seconds * float64(time.Second)).Round(time.Second).String()
}

func (r Result) verdict() string {
	if r.Judgement == nil {
		return "-"
	}
	return r.Judgement.Verdict
}

// demanded lists the verdicts of the policies that the run had to put to the test.
func (r Result) demanded(separator string) string {
	if r.Judgement == nil {
		return "-"
	}
	var all []string
	for _, id := range slices.Sorted(maps.Keys(r.Judgement.Demanded)) {
		all = append(all, id+" "+r.Judgement.Demanded[id])
	}
	return strings.Join(all, separator)
}

// counts says how many policies have which verdict, the worst first.
func (r Result) counts() string {
	if r.Judgement == nil {
		return "-"
	}
	var all []string
	for _, verdict := range []string{"violated", "error", "inconclusive", "vacuous", "held"} {
		if n := r.Judgement.Counts[verdict]; n > 0 {
			all = append(all, fmt.Sprintf("%d %s", n, verdict))
		}
	}
	return strings.Join(all, ", ")
}

// Markdown writes results as the tables of docs/scenarios.md: by priority, in the
// order of the results.
func Markdown(w io.Writer, results []Result) error {
	var text strings.Builder
	last := ""
	for _, r := range results {
		if r.Priority != last {
			last = r.Priority
			fmt.Fprintf(&text, "\n### %s\n\n", heading(r.Priority))
			text.WriteString("| Scenario | Topology | Trigger that was met | What was done | " +
				"Policies that had to be put to the test | Policies of the whole trace | Time |\n")
			text.WriteString("| --- | --- | --- | --- | --- | --- | ---: |\n")
		}
		fmt.Fprintf(&text, "| %s: %s | %s | %s | %s | %s | %s | %s |\n", r.Scenario, r.Title, r.Topology,
			cell(r.Trigger), cell(r.story()), cell(r.demanded("; ")), cell(r.counts()), r.took())
	}
	_, err := io.WriteString(w, text.String())
	return err
}

func heading(priority string) string {
	if priority == "fault" {
		return "Faults, each with its diagnosis"
	}
	return priority + " scenarios"
}

// story is what was done, or why not.
func (r Result) story() string {
	parts := slices.Clone(r.Disruptions)
	if r.Outcome != Succeeded {
		parts = append([]string{"**" + string(r.Outcome) + "**: " + r.Reason}, parts...)
	}
	if r.Judgement != nil && len(r.Judgement.Diagnoses) > 0 {
		parts = append(parts, "diagnosed: "+strings.Join(r.Judgement.Diagnoses, ", "))
	}
	return strings.Join(parts, "; ")
}

// cell keeps a text in its cell.
func cell(text string) string {
	if text == "" {
		return "-"
	}
	return strings.NewReplacer("|", "\\|", "\n", " ").Replace(text)
}
