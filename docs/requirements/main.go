package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/hindsight-project/hindsight/verifier"
	"github.com/hindsight-project/hindsight/verifier/policy"
)

//go:embed rows.yaml
var rowsText []byte

// document is one of the documents that the project grew from.
type document struct {
	Name   string
	Title  string
	Tables []table
}

// table is one table of a document. In one of scenarios each row has a column for
// every kind of assertion; the rows of one of specs are titles of specs.
type table struct {
	Title     string
	About     string
	Scenarios bool
	Specs     bool
	Rows      []row
}

// row is one requirement. Kept says what keeps it when no recording can.
type row struct {
	Text    string
	Promise string
	Kept    string
}

// assertions are the kinds of assertion in the order of the requirements.
var assertions = []string{"functional", "storage", "data", "controller", "timing"}

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "requirements:", err)
		os.Exit(1)
	}
}

func run(out io.Writer) error {
	documents, set, err := load()
	if err != nil {
		return err
	}
	if _, err := io.WriteString(out, write(documents, set)); err != nil {
		return err
	}
	return errors.Join(check(documents, set)...)
}

// load reads the rows and the built-in policies.
func load() ([]document, *policy.Set, error) {
	var all struct{ Documents []document }
	if err := yaml.Unmarshal(rowsText, &all); err != nil {
		return nil, nil, fmt.Errorf("rows.yaml: %w", err)
	}
	set, err := verifier.LoadPolicies(verifier.Options{})
	return all.Documents, set, err
}

// judges returns the ids of the policies that judge a row, sorted.
func judges(set *policy.Set, d document, t table, r row) []string {
	var ids []string
	for _, p := range set.Policies {
		claimed := slices.ContainsFunc(p.Rows, func(c policy.Row) bool { return c.Document == d.Name && c.Text == r.Text })
		if claimed || (t.Specs && p.IsOfSpec(r.Text)) {
			ids = append(ids, p.ID)
		}
	}
	return ids
}

// asserting returns the ids of the policies for one kind of assertion.
func asserting(set *policy.Set, kind string) []string {
	var ids []string
	for _, p := range set.Policies {
		if p.Assertion == kind {
			ids = append(ids, p.ID)
		}
	}
	return ids
}

// check returns what is missing: a row or a cell without a policy, a policy that
// names a row that there is not, or none at all.
func check(documents []document, set *policy.Set) []error {
	var missing []error
	known := map[policy.Row]bool{}
	for _, d := range documents {
		for _, t := range d.Tables {
			for _, r := range t.Rows {
				known[policy.Row{Document: d.Name, Text: r.Text}] = true
				if r.Kept == "" && len(judges(set, d, t, r)) == 0 {
					missing = append(missing, fmt.Errorf("%s, %s: no policy judges %q", d.Name, t.Title, r.Text))
				}
			}
		}
	}
	for _, kind := range assertions {
		if len(asserting(set, kind)) == 0 {
			missing = append(missing, fmt.Errorf("no policy makes the assertion %q of every scenario", kind))
		}
	}
	for _, p := range set.Policies {
		if len(p.Rows) == 0 {
			missing = append(missing, fmt.Errorf("%s: %s names no row of a requirement (METADATA custom rows)", p.File, p.ID))
		}
		for _, claimed := range p.Rows {
			if !known[claimed] {
				missing = append(missing, fmt.Errorf("%s: %s names the row %q of %q, which there is not",
					p.File, p.ID, claimed.Text, claimed.Document))
			}
		}
	}
	return missing
}

const preface = `# Requirements, and the policies that judge them

This document is generated: ` + "`make requirements`" + ` writes it anew from docs/requirements/rows.yaml and
from the METADATA of the policies. A test fails when a row has no policy.

A policy judges recordings: ` + "`verifier explain ID`" + ` is its manual page. What a trace does not contain is
vacuous, and what it cannot decide is inconclusive; neither is a pass.
`

func write(documents []document, set *policy.Set) string {
	var out strings.Builder
	out.WriteString(preface)
	for _, d := range documents {
		fmt.Fprintf(&out, "\n## %s\n", d.Title)
		for _, t := range d.Tables {
			fmt.Fprintf(&out, "\n### %s\n\n", t.Title)
			if t.About != "" {
				fmt.Fprintf(&out, "%s\n\n", t.About)
			}
			t.write(&out, set, d)
		}
	}
	return out.String()
}

func (t table) write(out io.Writer, set *policy.Set, d document) {
	promises := slices.ContainsFunc(t.Rows, func(r row) bool { return r.Promise != "" })
	header := []string{"Requirement"}
	if promises {
		header = append(header, "Promise")
	}
	header = append(header, "Judged by")
	if t.Scenarios {
		header = append(header, assertions...)
	}
	line(out, header)
	line(out, slices.Repeat([]string{"---"}, len(header)))
	for _, r := range t.Rows {
		cells := []string{r.Text}
		if promises {
			cells = append(cells, r.Promise)
		}
		judged := links(set, judges(set, d, t, r))
		if r.Kept != "" {
			judged = r.Kept
		}
		cells = append(cells, judged)
		if t.Scenarios {
			for _, kind := range assertions {
				cells = append(cells, links(set, asserting(set, kind)))
			}
		}
		line(out, cells)
	}
}

// line writes one line of a table.
func line(out io.Writer, cells []string) {
	fmt.Fprintf(out, "| %s |\n", strings.Join(cells, " | "))
}

// links renders ids as links to their policies.
func links(set *policy.Set, ids []string) string {
	parts := make([]string, len(ids))
	for i, id := range ids {
		parts[i] = fmt.Sprintf("[%s](../policies/%s)", id, set.Policy(id).File)
	}
	return strings.Join(parts, ", ")
}
