package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/hindsight-project/hindsight/verifier/mutation"
)

const intro = `# How strong the policies are

This document is generated: ` + "`make mutate`" + ` writes it anew, and the same sources give the same bytes.

A policy that is green may be green because nothing is wrong, or because it notices nothing. Two
measurements tell the difference.

**Policy mutants.** Each policy is changed in one place at a time and its own tests are run. A mutant is
*killed* when a test fails, *stillborn* when it does not compile under OPA's strict rules (not counted),
and *survives* otherwise. %s of the mutants that compile must be killed. Survivors that mean the same as
the original are *accepted*, with the reason, in [policies/mutants.yaml](../policies/mutants.yaml).

    verifier mutate --policies policies/ [--policy ID]

**Trace mutants.** Faults are put into recordings of a real cluster, each at up to four places where it
can matter, and the policies are asked again. What a policy declares in its METADATA (custom mutants) must
turn *held* into *violated*, or into *inconclusive* where the recording was made to show less. A policy
that was vacuous or inconclusive on a recording owes no answer there (*open*); it must have given one on
another recording.

    verifier mutate TRACE…

The recordings are those of recorder/testdata; node-drain-sentinel is node-drain with the events of a
sentinel that lost nothing.

## Operators of policy mutants

| operator | mistake |
|---|---|
`

const faults = `
## Faults of trace mutants

| fault | what is done to the recording | a policy must be |
|---|---|---|
`

// write writes the document.
func write(w io.Writer, report mutation.Report) error {
	if _, err := fmt.Fprintf(w, intro, fmt.Sprintf("%.0f %%", 100*mutation.KillRatioWanted)); err != nil {
		return err
	}
	for _, o := range mutation.Operators() {
		if _, err := fmt.Fprintf(w, "| %s | %s |\n", o.Name, escape(o.Text)); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(w, faults); err != nil {
		return err
	}
	for _, c := range mutation.Classes() {
		if _, err := fmt.Fprintf(w, "| %s | %s | %s |\n", c.Name, c.Text, c.Want); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(w, "\n"); err != nil {
		return err
	}
	return report.Write(w, "markdown")
}

// escape keeps a text inside of its cell of a table.
func escape(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
