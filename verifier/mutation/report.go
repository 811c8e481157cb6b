package mutation

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Report is both halves: how well the tests guard the policies, and how well
// the policies guard recordings.
type Report struct {
	Policies  []PolicyStrength `json:"policies"`
	Detection *Detection       `json:"detection,omitempty"` // nil when no recording was given
}

// Strong reports whether every policy is tested well enough, and whether every
// declared trace mutant was detected.
func (r Report) Strong() bool {
	if slices.ContainsFunc(r.Policies, func(p PolicyStrength) bool { return !p.Strong() }) {
		return false
	}
	return r.Detection == nil || !slices.ContainsFunc(r.Detection.Rows, func(row Row) bool { return !row.Detected() })
}

// Formats returns the names of the output formats, the default first.
func Formats() []string { return []string{"text", "markdown", "json"} }

// Write writes the report in a format. The same report gives the same bytes.
func (r Report) Write(w io.Writer, format string) error {
	switch format {
	case "json":
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(r)
	case "markdown":
		return r.write(w, markdown{})
	case "text":
		return r.write(w, plain{})
	default:
		return fmt.Errorf("there is no output format %q (there are: %s)", format, strings.Join(Formats(), ", "))
	}
}

// style is how a report looks.
type style interface {
	heading(text string) string
	table(rows [][]string) string // the first row is the header
	code(text string) string
}

func (r Report) write(w io.Writer, s style) error {
	var out strings.Builder
	if len(r.Policies) > 0 {
		r.writePolicies(&out, s)
	}
	if r.Detection != nil {
		r.Detection.write(&out, s)
	}
	_, err := io.WriteString(w, strings.TrimPrefix(out.String(), "\n"))
	return err
}

func (r Report) writePolicies(out *strings.Builder, s style) {
	out.WriteString(s.heading("Policy mutants"))
	rows := [][]string{{"policy", "mutants", "stillborn", "killed", "survived", "accepted", "kill ratio"}}
	for _, p := range r.Policies {
		rows = append(rows, []string{
			p.ID, fmt.Sprint(p.Mutants), fmt.Sprint(p.Stillborn), fmt.Sprint(p.Killed), fmt.Sprint(p.Survived),
			fmt.Sprint(p.Accepted), percent(p.Ratio) + p.mark(),
		})
	}
	out.WriteString(s.table(rows))
	out.WriteString(s.heading("By operator: killed / lived"))
	rows = [][]string{{"policy"}}
	for _, operator := range Operators() {
		rows[0] = append(rows[0], operator.Name)
	}
	for _, p := range r.Policies {
		row := []string{p.ID}
		for _, c := range p.Operators {
			row = append(row, c.String())
		}
		rows = append(rows, row)
	}
	out.WriteString(s.table(rows))
	r.writeSurvivors(out, s, "Survivors", func(v Survivor) bool { return v.Reason == "" })
	r.writeSurvivors(out, s, "Accepted survivors", func(v Survivor) bool { return v.Reason != "" })
}

func (r Report) writeSurvivors(out *strings.Builder, s style, title string, wanted func(Survivor) bool) {
	rows := [][]string{{"place", "operator", "original", "mutant", "id", "reason"}}
	for _, p := range r.Policies {
		for _, v := range p.Survivors {
			if wanted(v) {
				rows = append(rows, []string{
					fmt.Sprintf("%s:%d", v.File, v.Line), v.Operator, s.code(v.Before), s.code(v.After), v.ID, v.Reason,
				})
			}
		}
	}
	if len(rows) > 1 {
		out.WriteString(s.heading(fmt.Sprintf("%s: %d", title, len(rows)-1)))
		out.WriteString(s.table(rows))
	}
}

// mark makes a weak policy stand out.
func (p PolicyStrength) mark() string {
	if p.Strong() {
		return ""
	}
	return " (too few)"
}

// String renders "12 / 1", or "" when the operator found nothing to change.
func (c OperatorCount) String() string {
	if c.Killed+c.Lived == 0 {
		return ""
	}
	return fmt.Sprintf("%d / %d", c.Killed, c.Lived)
}

// percent renders a ratio with one decimal, rounded down: 94.99 % is not 95 %.
func percent(ratio float64) string { return fmt.Sprintf("%.1f %%", float64(int(ratio*1000))/10) }

func (d Detection) write(out *strings.Builder, s style) {
	out.WriteString(s.heading("Trace mutants"))
	rows := [][]string{append([]string{"policy", "fault", "must be"}, d.Recordings...)}
	rows[0] = append(rows[0], "")
	for _, row := range d.Rows {
		line := []string{row.Policy, row.Class, row.Want}
		for _, c := range row.Cells {
			line = append(line, c.String())
		}
		rows = append(rows, append(line, row.mark()))
	}
	out.WriteString(s.table(rows))
}

func (r Row) mark() string {
	missed := func(c Cell) bool { return c.Result == Missed }
	switch {
	case r.Detected():
		return "detected"
	case slices.ContainsFunc(r.Cells, missed):
		return "NOT DETECTED"
	default:
		return "NOT SHOWN" // by these recordings
	}
}

// String renders what was said at each place, and what that means where it is
// not plain.
func (c Cell) String() string {
	var said []string
	for i, got := range c.Got {
		if i == 0 || got != c.Got[i-1] {
			said = append(said, got)
		}
	}
	text := strings.Join(said, "; ")
	if len(c.Got) > 1 {
		text = fmt.Sprintf("%d places: %s", len(c.Got), text)
	}
	switch c.Result {
	case NoPlace:
		return "no place"
	case Open:
		return fmt.Sprintf("open (was %s) %s", c.Before, text)
	case Missed:
		return fmt.Sprintf("MISSED (was %s) %s", c.Before, text)
	default:
		return text
	}
}

// markdown is the style of documents.
type markdown struct{}

func (markdown) heading(text string) string { return "\n## " + text + "\n\n" }

func (markdown) code(text string) string {
	if text == "" {
		return "*deleted*"
	}
	return "`" + text + "`"
}

func (markdown) table(rows [][]string) string {
	var out strings.Builder
	for i, row := range rows {
		out.WriteString("|")
		for _, cell := range row {
			out.WriteString(" " + strings.ReplaceAll(cell, "|", `\|`) + " |")
		}
		out.WriteString("\n")
		if i == 0 {
			out.WriteString("|" + strings.Repeat("---|", len(row)) + "\n")
		}
	}
	return out.String()
}

// plain is the style of terminals.
type plain struct{}

func (plain) heading(text string) string { return "\n" + text + "\n\n" }

func (plain) code(text string) string {
	if text == "" {
		return "(deleted)"
	}
	return text
}

func (plain) table(rows [][]string) string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	var out strings.Builder
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			fmt.Fprintf(&line, "%-*s  ", widths[i], cell)
		}
		out.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return out.String()
}
