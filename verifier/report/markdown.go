package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// CommentMax is how long a comment on a pull request may be, in characters. We
// count bytes, which are never fewer.
const CommentMax = 65536

// writeMarkdown writes a comment: the verdict, a table of what did not hold, and
// the details folded away.
func writeMarkdown(w io.Writer, run verdict.Run, _ Options) error {
	_, err := io.WriteString(w, markdown(run, CommentMax))
	return err
}

// signs stand beside the word of a verdict. Only what held has a green one.
var signs = map[verdict.Level]string{
	verdict.Violated: "❌", verdict.Error: "💥", verdict.Inconclusive: "❔", verdict.Vacuous: "⬜", verdict.Held: "✅",
}

func sign(l verdict.Level) string { return signs[l] + " " + strings.ToUpper(l.String()) }

// markdown puts together what fits into so many bytes, the most important parts
// first, and says what is left out.
func markdown(run verdict.Run, room int) string {
	parts := []string{markdownHead(run)}
	for i, name := range names(run) {
		parts = append(parts, markdownTrace(name, run.Traces[i]))
	}
	for i, name := range names(run) {
		parts = append(parts, markdownDetails(name, run.Traces[i])...)
	}
	note := "\n_%d parts do not fit here: see the text report._\n"
	room -= len(fmt.Sprintf(note, len(parts)))
	var out strings.Builder
	missing := 0
	for _, part := range parts {
		if out.Len()+len(part) > room {
			missing++
			continue
		}
		out.WriteString(part)
	}
	if missing > 0 {
		fmt.Fprintf(&out, note, missing)
	}
	return out.String()
}

func markdownHead(run verdict.Run) string {
	return fmt.Sprintf("## Hindsight: %s\n\n%s\n", sign(run.Verdict), totals(run))
}

// markdownTrace is the table of one trace.
func markdownTrace(name string, t verdict.Trace) string {
	var out strings.Builder
	fmt.Fprintf(&out, "\n### %s — %s\n\n", escape(name), sign(t.Verdict))
	if t.Error != "" {
		fmt.Fprintf(&out, "Could not be judged: %s\n", escape(t.Error))
		return out.String()
	}
	if t.Run != nil && t.Certificate != nil {
		fmt.Fprintf(&out, "Recorded %s, %s, %d events.\n", t.Run.Start.UTC().Format(stampLayout),
			seconds(t.Certificate.Duration), t.Certificate.Events)
	}
	for _, d := range t.Diagnoses[:min(len(t.Diagnoses), diagnosesMax)] {
		fmt.Fprintf(&out, "- **%s** (%s): %s, %s\n", escape(d.Title), d.Class, escape(d.Message), span(d.From, d.Until))
	}
	fmt.Fprint(&out, "\n| verdict | policy | why |\n|---|---|---|\n")
	var held, unasked []string
	for _, level := range verdict.Levels() {
		for _, p := range t.Policies {
			switch {
			case p.Verdict != level:
			case level == verdict.Held:
				held = append(held, p.ID)
			case !p.Counts():
				unasked = append(unasked, p.ID)
			default:
				fmt.Fprintf(&out, "| %s%s | `%s` | %s |\n", sign(level), allowed(p), p.ID, escape(why(p)))
			}
		}
	}
	if len(held) > 0 {
		fmt.Fprintf(&out, "| %s | %d: `%s` | put to the test, and stood |\n",
			sign(verdict.Held), len(held), strings.Join(held, "` `"))
	}
	if len(unasked) > 0 {
		fmt.Fprintf(&out, "| %s | %d more | not put to the test, and not asked of this trace |\n",
			sign(verdict.Vacuous), len(unasked))
	}
	return out.String()
}

func allowed(p verdict.Policy) string {
	if p.Allowed {
		return " (allowed)"
	}
	return ""
}

// markdownDetails are the policies of a trace that did not hold, one part each.
func markdownDetails(name string, t verdict.Trace) []string {
	var parts []string
	for _, level := range verdict.Levels() {
		for _, p := range t.Policies {
			if p.Verdict != level || level == verdict.Held || !p.Counts() {
				continue
			}
			text := told(p)
			summary := fmt.Sprintf("%s <code>%s</code> (%s)", sign(level), p.ID, escape(name))
			parts = append(parts, fmt.Sprintf("\n<details><summary>%s</summary>\n\n%s\n%s\n%s\n\n</details>\n",
				summary, fence(text), text, fence(text)))
		}
	}
	return parts
}

// fence is a code fence that the text does not contain.
func fence(text string) string {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence
}

// escape takes from a text what Markdown, a table or HTML would make of it.
func escape(s string) string { return markdownEscape.Replace(oneLine(s)) }

var markdownEscape = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "|", `\|`, "[", `\[`, "]", `\]`, "#", `\#`,
	"&", "&amp;", "<", "&lt;", ">", "&gt;", "@", "&#64;",
)
