package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/verifier/travel"
)

// diffOptions are the flags of diff.
type diffOptions struct {
	streams
	from, to, namespace string
	all                 bool
}

func newDiff(s streams) *cobra.Command {
	o := diffOptions{streams: s}
	cmd := &cobra.Command{
		Use:   "diff TRACE [TRACE]",
		Short: "Tell what differs between two moments of a trace, or between two runs",
		Long: `diff tells which objects came, went or changed between two moments of a trace, field
by field; bookkeeping does not count, and Kubernetes Events and Leases only with --all.

With two traces it lays the runs beside each other, from the trigger (the first rise of
a request), the disruption and the convergence on, and tells where they part: which
states of phase, primary, instances and volumes followed each other, whatever time they
took. How moments are written says verifier show --help.`,
		Example: `  # what the disruption did within a minute
  verifier diff trace.db --from @disruption --to @disruption+1m

  # a good run and a bad one
  verifier diff good.db bad.db`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 && len(args) != 2 {
				return errors.New("diff needs one trace, or two, such as: verifier diff trace.db --from @disruption")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 {
				if cmd.Flags().Changed("from") || cmd.Flags().Changed("to") {
					return errors.New("--from and --to are moments of one trace; two runs are compared as a whole")
				}
				return o.runs(args[0], args[1])
			}
			return o.moments(args[0])
		},
	}
	cmd.Flags().StringVar(&o.from, "from", "@start", "`MOMENT` before")
	cmd.Flags().StringVar(&o.to, "to", "@end", "`MOMENT` after")
	cmd.Flags().StringVarP(&o.namespace, "namespace", "n", "", "only this namespace (default: all)")
	cmd.Flags().BoolVar(&o.all, "all", false, "Kubernetes Events and Leases too")
	return cmd
}

func (o *diffOptions) moments(path string) (err error) {
	p, done, err := past(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	from, err := p.At(o.from)
	if err != nil {
		return err
	}
	to, err := p.At(o.to)
	if err != nil {
		return err
	}
	list, err := p.Diff(from, to, func(object trace.Object) bool {
		quiet := object.Resource.Resource == "events" || object.Resource.Resource == "leases"
		return (o.namespace == "" || object.Namespace == o.namespace) && (o.all || !quiet)
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(o.out, "from +%s (event %d) to +%s (event %d)\n", from.Time, from.Seq, to.Time, to.Seq)
	signs := map[string]string{travel.WasAdded: "+", travel.WasRemoved: "-", travel.WasChanged: "~"}
	for _, d := range list {
		fmt.Fprintf(o.out, "%s %s\n", signs[d.What], d.Object)
		for _, c := range d.Changes {
			if c.Before != nil {
				fmt.Fprintf(o.out, "    - %s: %s\n", c.Path, plainJSON(c.Before))
			}
			if c.After != nil {
				fmt.Fprintf(o.out, "    + %s: %s\n", c.Path, plainJSON(c.After))
			}
		}
	}
	if len(list) == 0 {
		fmt.Fprintln(o.out, "nothing differs")
	}
	return nil
}

// plainJSON writes a string bare, and everything else as it is.
func plainJSON(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil && text != "" && !strings.ContainsAny(text, "\n") {
		return text
	}
	return string(value)
}

func (o *diffOptions) runs(left, right string) (err error) {
	a, doneA, err := past(left)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, doneA()) }()
	b, doneB, err := past(right)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, doneB()) }()
	c, err := travel.Compare(a, b)
	if err != nil {
		return err
	}
	for _, note := range c.Notes {
		fmt.Fprintf(o.out, "note: %s\n", note)
	}
	parted := false
	for _, part := range c.Parts {
		if len(part.Partings) > 0 && !parted {
			parted = true
			p := part.Partings[0]
			fmt.Fprintf(o.out, "The runs part after @%s, in the lane %s: %s / %s\n", part.After, p.Lane,
				said(p, 0), said(p, 1))
		}
	}
	if !parted {
		fmt.Fprintln(o.out, "The runs went through the same states in the same order.")
	}
	w := tabwriter.NewWriter(o.out, 0, 0, 2, ' ', 0)
	for _, part := range c.Parts {
		fmt.Fprintf(w, "\n@%s to @%s\t%s\t%s\n", part.After, part.Until, lasted(part, 0), lasted(part, 1))
		for _, p := range part.Partings {
			fmt.Fprintf(w, "  %s\t%s\t%s\n", p.Lane, said(p, 0), said(p, 1))
		}
	}
	return w.Flush()
}

func lasted(p travel.Part, side int) string {
	return fmt.Sprintf("%s, from +%s", tenths(p.To[side]-p.From[side]), tenths(p.From[side]))
}

func said(p travel.Parting, side int) string {
	if p.Said[side] == "" {
		return "(nothing more)"
	}
	return fmt.Sprintf("%s at +%s", p.Said[side], tenths(p.At[side]))
}

func tenths(d time.Duration) time.Duration { return d.Round(100 * time.Millisecond) }

func marshalIndented(v any) ([]byte, error) {
	text, err := json.MarshalIndent(v, "", "    ")
	return append(text, '\n'), err
}
