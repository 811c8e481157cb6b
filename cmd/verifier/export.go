package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/verifier"
	"github.com/hindsight-project/hindsight/verifier/export"
)

// exportOptions are the flags of export.
type exportOptions struct {
	policyFlags
	streams
	output string
}

func newExport(s streams) *cobra.Command {
	o := exportOptions{streams: s}
	var lines []string
	for _, f := range export.Formats() {
		lines = append(lines, fmt.Sprintf("  %-8s  %s", f.Name, f.About))
	}
	cmd := &cobra.Command{
		Use:   "export TRACE -o FORMAT[=FILE]",
		Short: "Write a judged trace for other tools",
		Long: `export judges a trace and writes it, with what was found, for tools that know
nothing of Hindsight: phases, instances, volumes, disruptions, gaps as spans,
sizes as counters, findings as instants.

Formats:
` + strings.Join(lines, "\n") + `

To hand a recording on, so that it can be judged elsewhere, copy the trace, or
write a watch log: recorder export.`,
		Example: `  # to be opened in ui.perfetto.dev, chrome://tracing or speedscope
  verifier export growth.db -o perfetto=growth.json

  # to an OpenTelemetry collector
  verifier export growth.db -o otlp=growth.otlp.json

  # every event on one line, and the findings
  verifier export growth.db -o jsonl`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args[0]) },
	}
	o.policyFlags.bind(cmd)
	cmd.Flags().StringVarP(&o.output, "output", "o", "",
		"`FORMAT[=FILE]`: perfetto, otlp or jsonl; without a file to stdout")
	return cmd
}

func (o *exportOptions) run(ctx context.Context, path string) (err error) {
	name, file, named := strings.Cut(o.output, "=")
	if name == "" || (named && file == "") {
		return errors.New("export needs a format, such as: verifier export growth.db -o perfetto=growth.json")
	}
	format, err := export.Named(name)
	if err != nil {
		return err
	}
	run, err := verifier.Check(ctx, []string{path}, o.policyFlags.options())
	if err != nil {
		return err
	}
	if text := run.Traces[0].Error; text != "" {
		return errors.New(text)
	}
	r, err := trace.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	var text bytes.Buffer
	if err := format.Write(&text, r, run.Traces[0]); err != nil {
		return fmt.Errorf("export %s: %w", path, err)
	}
	if file == "" {
		_, err = o.out.Write(text.Bytes())
		return err
	}
	return os.WriteFile(file, text.Bytes(), 0o644)
}
