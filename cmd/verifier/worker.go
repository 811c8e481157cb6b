package main

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"

	"github.com/hindsight-project/hindsight/recorder/broker"
	"github.com/hindsight-project/hindsight/verifier/fleet"
)

// fleetFlags say which JetStream cluster a fleet meets on.
type fleetFlags struct {
	nats     broker.Options
	replicas int
}

func (f *fleetFlags) bind(cmd *cobra.Command, usage string) {
	f.nats.AddFlags(cmd.Flags(), usage)
	cmd.Flags().IntVar(&f.replicas, "nats-replicas", 1, "copies of what has to be made on the servers, 1 to 5")
}

// connect returns the cluster, which may go away and come back.
func (f *fleetFlags) connect(s streams, name string) (jetstream.JetStream, func(), error) {
	if f.replicas < 1 || f.replicas > 5 {
		return nil, nil, fmt.Errorf("--nats-replicas is %d, must be from 1 to 5", f.replicas)
	}
	nc, err := f.nats.Connect(name, nats.MaxReconnects(-1))
	if err != nil {
		return nil, nil, err
	}
	if broker.Plain(nc) {
		fmt.Fprintf(s.err, "verifier: the connection to the %s is not encrypted: others may read traces\n", f.nats)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		nc.Close()
		return nil, nil, err
	}
	return js, nc.Close, nil
}

// notify prints what a fleet tells.
func (s streams) notify(format string, args ...any) {
	fmt.Fprintf(s.err, "verifier: "+format+"\n", args...)
}

func newWorker(s streams) *cobra.Command {
	var flags fleetFlags
	var o fleet.WorkOptions
	cmd := &cobra.Command{
		Use:   "worker",
		Short: "Judge traces for others, over a JetStream cluster",
		Long: `worker takes traces from a work queue on a JetStream cluster and judges them, until it is
ended. "verifier check --nats URL" puts them there and prints the result, which is what
check says on one machine. Start as many workers as you like, wherever you like: a
trace goes to one of them, and to another one when that one is gone; exactly one verdict
counts. Policies come with the question.

Exit codes:
  0  ended by a signal, or idle for --until-idle
  2  could not run: usage, or the servers cannot be reached`,
		Example: `  # work until Ctrl-C
  verifier worker --nats tls://nats.example.com:4222 --nats-creds worker.creds

  # a job of a batch system: end when there is nothing left to do
  verifier worker --nats nats://localhost:4222 --until-idle 1m`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if flags.nats.URL == "" {
				return fmt.Errorf("a worker needs --nats URL: where the traces come from")
			}
			return work(cmd.Context(), s, flags, o)
		},
	}
	flags.bind(cmd, "URL of a NATS server with JetStream; several are separated by commas")
	cmd.Flags().IntVar(&o.Parallel, "parallel", runtime.GOMAXPROCS(0), "traces at a time")
	cmd.Flags().DurationVar(&o.UntilIdle, "until-idle", 0, "end when there was no trace for so long, 0 for never")
	cmd.Flags().DurationVar(&o.Silence, "silence", fleet.DefaultSilence,
		"after what time without a word another worker takes over; the last worker to start decides for all")
	return cmd
}

func work(ctx context.Context, s streams, flags fleetFlags, o fleet.WorkOptions) error {
	if o.Parallel < 1 || o.UntilIdle < 0 || o.Silence < time.Second {
		return fmt.Errorf("--parallel is at least 1, --until-idle not negative, --silence at least 1s")
	}
	js, closeConnection, err := flags.connect(s, "hindsight worker")
	if err != nil {
		return err
	}
	defer closeConnection()
	o.Replicas, o.Notify = flags.replicas, s.notify
	return fleet.Work(ctx, js, o)
}
