package faults

import (
	"fmt"
	"io"
	"strings"
)

// WriteTable writes the results as a table in Markdown.
func WriteTable(w io.Writer, results []Result) error {
	var b strings.Builder
	b.WriteString("| fault | program | versions | recorded | share | of those still held | missing, undeclared | " +
		"gaps declared / real / lossy | recall | precision | false events | twice | peak memory, MB |\n")
	b.WriteString("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, r := range results {
		if r.Skipped != "" {
			fmt.Fprintf(&b, "| %s | skipped: %s |%s\n", r.Title, r.Skipped, strings.Repeat(" |", 11))
			continue
		}
		if r.Broken != "" {
			fmt.Fprintf(&b, "| %s | came to no end |%s\n", r.Title, strings.Repeat(" |", 11))
			continue
		}
		for i, name := range r.Order {
			f, title := r.By[name], ""
			if i == 0 {
				title = r.Title
			}
			fmt.Fprintf(&b, "| %s | %s | %d | %d | %s | %s | %d | %d / %d / %d | %s | %s | %d | %d | %d |\n",
				title, name, f.Truth, f.Seen, percent(f.Seen, f.Truth), percent(f.HeldSeen, f.Held), f.Undeclared,
				f.Gaps, f.RealGaps, f.LossyGaps, ratio(f.Recall()), ratio(f.Precision()), f.False, f.Twice, f.Peak>>20)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// percent never rounds up to 100 %.
func percent(n, of int) string {
	if n == of {
		return "100 %"
	}
	return fmt.Sprintf("%.2f %%", float64(n*10000/of)/100)
}

// ratio never rounds up to 1.
func ratio(r float64) string {
	if r == 1 {
		return "1.0"
	}
	return fmt.Sprintf("%.3f", float64(int(r*1000))/1000)
}
