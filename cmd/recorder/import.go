package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/hindsight-project/hindsight/recorder"
	"github.com/hindsight-project/hindsight/recorder/watchlog"
)

// rejectionsShown bounds what import prints line by line; the trace has more.
const rejectionsShown = 20

type importOptions struct {
	in      string
	out     string
	reports []string
}

func newImportCommand() *cobra.Command {
	var o importOptions
	cmd := &cobra.Command{
		Use:   "import FILE|- [-o TRACE] | import TRACE --report FILE... -o TRACE",
		Short: "Make a trace of a watch log, or add the report of a suite to a trace",
		Long: `import reads a watch log and writes it as a trace. A watch log has one JSON
object a line, plain or compressed with zstd:

  {"time": "2026-11-22T02:08:29.916259Z", "type": "ADDED", "object": {…}}

type is ADDED, MODIFIED, DELETED, BOOKMARK or ERROR as in the watch protocol of
Kubernetes, or MARK with "mark" instead of "object". The whole format is in the
documentation of package recorder/watchlog.

Lines that cannot be used are reported with number and reason, here and in the
trace, and passed over. Where the log shows that something was missed, the trace
gets a gap. An existing file is never overwritten.

With --report it takes a sealed trace instead, and writes a new one that has the
same events with the same numbers, and behind them a mark for the begin, each
retry and the end of every spec in the reports that ran while it was recorded.
Reports are JSON of Ginkgo or JUnit XML; the documentation of package
recorder/suite says what is read of them. The new trace says of which one it is a
copy. ("recorder attach --report" does this while it records.)`,
		Example: `  # A recording made by somebody else; writes growth.db
  recorder import growth.jsonl.zst

  # What kubectl sees, with the time of receipt put into each line
  kubectl get pvc -A --watch --output-watch-events -o json \
    | jq -c --unbuffered '{time: (now | todate)} + .' \
    | recorder import - -o live.db

  # which spec was running when? from the suite's own report
  recorder import run.db --report suite.json -o run-with-specs.db`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.in = args[0]
			return o.run(cmd)
		},
	}
	cmd.Flags().StringArrayVar(&o.reports, "report", nil,
		"add the specs of this report to a trace: JSON of Ginkgo or JUnit XML (repeatable)")
	cmd.Flags().StringVarP(&o.out, "output", "o", "", "trace to write (default: the input's name with .db, or trace.db)")
	return cmd
}

func (o *importOptions) run(cmd *cobra.Command) error {
	if len(o.reports) > 0 {
		return o.addReports(cmd.ErrOrStderr())
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	in, err := openInput(cmd, o.in)
	if err != nil {
		return err
	}
	defer in.Close()
	if o.out == "" {
		o.out = defaultTrace(o.in)
	}
	stderr := cmd.ErrOrStderr()
	report, err := watchlog.Import(ctx, in, watchlog.Options{
		Out:      o.out,
		Name:     inputName(o.in),
		Tool:     version(),
		Progress: progress(stderr),
	})
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("import %s: interrupted; nothing was written", o.in)
	}
	if err != nil {
		return fmt.Errorf("import %s: %w", o.in, err)
	}
	printRejected(stderr, report)
	fmt.Fprintf(stderr, "%s: %d events of %d lines (%.0f events/s), ",
		o.out, report.Events, report.Lines, report.Rate())
	fmt.Fprintf(stderr, "%d inferred, %d gaps, %d duplicates, %d lines unusable\n",
		report.Inferred, report.Gaps, report.Duplicates, report.Unusable)
	return nil
}

// addReports writes a trace with the specs of reports.
func (o *importOptions) addReports(stderr io.Writer) error {
	if o.out == "" {
		return fmt.Errorf("name the trace to write with -o: %s itself is never written again", o.in)
	}
	done, err := recorder.AddReports(o.in, o.out, o.reports, version())
	if err != nil {
		return fmt.Errorf("import --report: %w", err)
	}
	fmt.Fprintf(stderr, "%s: %d marks of %d specs added", o.out, done.Marks, done.Specs)
	if done.Others > 0 {
		fmt.Fprintf(stderr, "; %d specs left out, which did not run while %s was recorded", done.Others, o.in)
	}
	fmt.Fprintln(stderr)
	return nil
}

// inputName is how the trace calls its input: no directory, to tell nothing of
// the machine.
func inputName(in string) string {
	if in == "-" {
		return "stdin"
	}
	return filepath.Base(in)
}

// openInput opens a file, or stdin for "-".
func openInput(cmd *cobra.Command, name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(cmd.InOrStdin()), nil
	}
	return os.Open(name)
}

// defaultTrace names the trace after the log: growth.jsonl.zst becomes growth.db.
func defaultTrace(in string) string {
	if in == "-" {
		return "trace.db"
	}
	base := filepath.Base(in)
	for _, suffix := range []string{".zst", ".jsonl", ".json", ".log"} {
		base = strings.TrimSuffix(base, suffix)
	}
	return base + ".db"
}

// progress prints a line every ten seconds of a long import.
func progress(w io.Writer) func(watchlog.Report) {
	next := 10 * time.Second
	return func(r watchlog.Report) {
		if r.Elapsed < next {
			return
		}
		next = r.Elapsed + 10*time.Second
		fmt.Fprintf(w, "%d lines, %d events, %d unusable\n", r.Lines, r.Events, r.Unusable)
	}
}

func printRejected(w io.Writer, r watchlog.Report) {
	for i, rejected := range r.Rejected {
		if i == rejectionsShown {
			fmt.Fprintf(w, "… and %d more; see \"recorder inspect\"\n", r.RejectedTotal-rejectionsShown)
			return
		}
		fmt.Fprintf(w, "line %d: %s\n", rejected.Line, rejected.Reason)
	}
}
