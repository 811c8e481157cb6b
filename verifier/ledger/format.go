package ledger

import (
	"fmt"
	"io"
	"strings"
)

// Format is one way to write a ledger.
type Format struct {
	Name  string
	Write func(w io.Writer, l *Ledger) error
}

// Formats returns all formats, the default first.
func Formats() []Format {
	return []Format{
		{"markdown", writeMarkdown},
		{"json", writeJSON},
		{"html", writeHTML},
	}
}

// Named returns the format with the name.
func Named(name string) (Format, error) {
	var names []string
	for _, f := range Formats() {
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	return Format{}, fmt.Errorf("there is no form %q of a ledger (there are: %s)", name, strings.Join(names, ", "))
}
