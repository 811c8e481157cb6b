package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/hindsight-project/hindsight/recorder"
	"github.com/hindsight-project/hindsight/recorder/collect"
)

func newCollectCommand() *cobra.Command {
	var o collect.Options
	cmd := &cobra.Command{
		Use:   "collect --nats URL [-o DIR] [flags]",
		Short: "Write the traces of recorders that publish to NATS",
		Long: `collect writes the traces of runs that "recorder attach --publish-only" publishes:
<run id>.trace.db for each, as many at a time as there are. It follows until
Ctrl-C, or ends by itself with --run or --until-idle.

A run that its recorder has ended is sealed with what the recorder has proven,
and is then deleted from NATS; a line with file and summary goes to stdout. The
file of any other run stays unsealed: it can be read and judged, and the next
collect with the same directory goes on with it. That is so after kill -9 as
well: a message counts as received only when the file has it on disk, so nothing
is lost and nothing written twice. What NATS itself has lost (a limit of the
stream, a purge) becomes a gap of every kind.

Exit codes:
  0  interrupted, or all that was asked for is sealed
  2  could not collect, or ended by itself with runs that have not ended`,
		Example: `  # everything that is published, until Ctrl-C
  recorder collect --nats nats://nats.example.com -o traces

  # one run, to its end
  recorder collect --nats nats://nats.example.com --run ds-e2e-20261122t020829z-7q2pd

  # in a pipeline: until nothing has come for a minute
  recorder collect --nats nats://nats.example.com -o traces --until-idle 1m`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			o.Stderr = cmd.ErrOrStderr()
			o.Sealed = func(f collect.File) {
				fmt.Fprintf(cmd.OutOrStdout(), "%s  %s\n", f.Path, recorder.Summary(f.Certificate))
			}
			return collect.Run(ctx, o)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.Dir, "output", "o", ".", "directory to write into; one collector at a time")
	f.StringArrayVar(&o.Runs, "run", nil, "collect only this run, and end when it is sealed (repeatable)")
	f.DurationVar(&o.UntilIdle, "until-idle", 0, "end when nothing has come for so long, 0 for never")
	o.NATS.AddFlags(f, "URL of the NATS server that recorders publish to; several are separated by commas")
	return cmd
}
