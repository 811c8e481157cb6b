package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // logins of managed clusters

	"github.com/hindsight-project/hindsight/recorder"
	"github.com/hindsight-project/hindsight/recorder/logs"
	"github.com/hindsight-project/hindsight/recorder/sentinel"
	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/recorder/usage"
)

func newAttachCommand() *cobra.Command {
	flags := genericclioptions.NewConfigFlags(true)
	var o recorder.Options
	var all bool
	budget := resource.NewQuantity(logs.DefaultBudget, resource.BinarySI)
	limit := resource.NewQuantity(0, resource.BinarySI)
	cmd := &cobra.Command{
		Use:   "attach [-o FILE] [flags] [-- COMMAND [ARG...]]",
		Short: "Record a namespace of a running cluster into a trace",
		Long: `attach records the history of a namespace, and of what its storage depends on,
until the given command ends or until Ctrl-C. It only reads, unless --sentinel
write is given. At the end it lists
everything once more, compares that with what it recorded, seals the trace and
prints the certificate: what is proven to be complete, and what is not.

Recorded are the Clusters, Backups and ScheduledBackups of CloudNativePG, PVCs,
Pods, Events, Jobs and VolumeSnapshots of the namespace; PersistentVolumes,
VolumeAttachments, Nodes, StorageClasses, VolumeSnapshotContents and -Classes of
the cluster; the Pods and Leases of the operator; and what can block the drain of
a node: PodDisruptionBudgets of all namespaces, and names, labels and owners of
the foreign pods on a node while it is unschedulable. With -A it is all namespaces,
with -l those that carry the labels when something in them is seen first, which are
recorded to the end then; both need the right to read in all namespaces.
What the API server denies, or does not serve when the recording begins (an operator
that is installed later), is left out, and the certificate says so. Secrets are never
recorded. Passwords in URLs and behind password=, private keys, JSON web
tokens, and environment variables that sound like secrets are replaced by
[redacted] wherever they stand; --redact does the same with more, by a path such
as pods:spec.containers[*].env[*].value or *:metadata.annotations[example.com/*],
or by a regular expression such as ~(?i)bearer +(\S+). The header of the trace
has the rules. (Documentation of package recorder/redact.)

Beside the API it records how full the volumes are (from kubelets, or from the
instances), what operator and instances log (--log-rules), and the data itself:
--sentinel read, the default, takes count and checksum of tables whose name
begins with "sentinel", where there are any, on every instance; --sentinel write
inserts numbers at a steady rate into a schema of its own, reads them back
everywhere, and removes the schema at the end. It connects with --sentinel-url,
or with the Secret <cluster>-app of each Cluster, of which nothing is recorded,
through Services in the cluster or through the API server's port forwarding.

A trace that was not sealed, because its recorder was killed, is resumed by
attaching with the same --output: what the API server still remembers is not
lost.

With --publish-only the events stay in a stream of the JetStream cluster that
--nats names, and "recorder collect" writes the trace, wherever it runs. While
the cluster is away or the stream is full, the recorder keeps 2048 events or
32 MiB and then waits, and the watches with it: what the API server forgets
meanwhile becomes a gap. A recorder that only publishes cannot be resumed.

The command runs in a process group of its own, with HINDSIGHT_TRACE,
HINDSIGHT_RUN_ID and HINDSIGHT_MARKS in its environment; by the last "recorder
mark" finds its recorder, in whatever script or process. The first Ctrl-C is
passed to it and ends the recording in order; the second stops everything at once.

Exit codes: that of the command if it is not 0; otherwise
  0    recorded and sealed
  2    could not record
  130  stopped at once by a second Ctrl-C`,
		Example: `  # until Ctrl-C
  recorder attach -n ds-e2e

  # as long as a test suite runs
  recorder attach -n ds-e2e -o run.trace.db -- go test ./tests/e2e/...

  # and with the begin, end and outcome of each spec
  recorder attach -n ds-e2e --report suite.json -- ginkgo --json-report=suite.json ./tests/e2e

  # write into the databases as well, so that lost data is noticed
  recorder attach -n ds-e2e --sentinel write -- go test ./tests/e2e/...

  # something more, and the operator is elsewhere
  recorder attach -n ds-e2e --resource services --resource poolers.postgresql.cnpg.io \
    --operator-namespace postgres-operator

  # no values of environment variables at all, and no hosts of a domain
  recorder attach -n ds-e2e --redact pods:spec.containers[*].env[*].value --redact ~[a-z]+\.example\.com

  # a suite that makes a namespace for each spec, and labels them
  recorder attach -l e2e-run=1234 -o run.trace.db -- ginkgo ./tests/e2e

  # through your own NATS
  recorder attach -n ds-e2e --nats tls://nats.example.com:4222 --nats-creds recorder.creds

  # no file here: kept on three servers until "recorder collect" has written the trace
  recorder attach -n ds-e2e --nats nats://nats.example.com --nats-replicas 3 --publish-only`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.ArgsLenAtDash() != 0 && len(args) > 0 {
				return fmt.Errorf("unexpected argument %q: a command to run comes after --", args[0])
			}
			if err := completeAttach(&o, flags, all); err != nil {
				return err
			}
			o.Logs.Budget, o.Stream.MaxBytes = budget.Value(), limit.Value()
			o.Command, o.Tool = args, version()
			o.Stdin, o.Stdout, o.Stderr = cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
			o.Terminal = isTerminal(o.Stderr)
			return attach(cmd.Context(), o)
		},
	}
	flags.AddFlags(cmd.Flags())
	f := cmd.Flags()
	f.StringVarP(&o.Output, "output", "o", "", `trace file (default "<namespace>-<UTC start>-<id>.trace.db")`)
	f.BoolVarP(&all, "all-namespaces", "A", false, "record all namespaces")
	f.StringVarP(&o.Selector, "selector", "l", "",
		"record the namespaces with these labels, such as suite=e2e, those that are made later included")
	f.StringVar(&o.OperatorNamespace, "operator-namespace", "cnpg-system", `namespace of the operator, "" for none`)
	f.StringArrayVar(&o.Resources, "resource", nil,
		"record this as well: plural, plural.group or plural.version.group (repeatable)")
	f.BoolVar(&o.KeepHeartbeats, "keep-heartbeats", false,
		"record Lease renewals and Node status stamps that say nothing but \"still alive\"")
	f.StringArrayVar(&o.Reports, "report", nil,
		"file in which the suite reports, JSON of Ginkgo or JUnit XML: its specs become marks (repeatable)")
	f.StringArrayVar(&o.Redact, "redact", nil,
		"take this out before it is recorded: [WHAT:]PATH or [WHAT]~REGEXP (repeatable)")
	f.BoolVar(&o.WithoutDefaults, "no-default-redactions", false, "take out only what --redact says")
	addSourceFlags(f, &o, budget)
	f.BoolVar(&o.PublishOnly, "publish-only", false,
		"write no file: publish to --nats, for \"recorder collect\" to write the trace")
	f.StringVar(&o.NATSListen, "nats-listen", "",
		"let the built-in NATS server listen on this loopback address and port, for those who have its token")
	o.NATS.AddFlags(f, "URL of a NATS server with JetStream to go through instead of the built-in one")
	f.IntVar(&o.Stream.Replicas, "nats-replicas", 0, "servers of the cluster that keep the stream of this run (default 1)")
	f.Var(flagOf{limit}, "nats-max-bytes", "how large the stream of this run may grow, 0 for no limit; "+
		"while it is full, the recorder waits")
	return cmd
}

// addSourceFlags adds the flags of what is recorded beside the API.
func addSourceFlags(f *pflag.FlagSet, o *recorder.Options, budget *resource.Quantity) {
	o.Sentinel.Mode = sentinel.ModeRead
	f.Var(&o.Sentinel.Mode, "sentinel", "what to do in the databases: off, read or write")
	f.StringVar(&o.Sentinel.URL, "sentinel-url", "",
		"PostgreSQL URL of the instances, one host each (default: the Secret <cluster>-app of each Cluster)")
	f.StringVar(&o.Sentinel.Cluster, "sentinel-cluster", "", "the Cluster to watch over (default: all in the namespace)")
	f.StringVar(&o.Sentinel.Table, "sentinel-table", "",
		`table that --sentinel read reads, schema.table or table (default: every one that begins with "sentinel")`)
	f.Float64Var(&o.Sentinel.Rate, "sentinel-rate", sentinel.DefaultRate, "writes per second of --sentinel write")
	f.DurationVar(&o.UsageInterval, "usage-interval", usage.DefaultInterval,
		"how often to ask how full the volumes are, 0 for never")
	f.BoolVar(&o.Logs.Record, "logs", true, "record what the operator and the instances log")
	f.StringVar(&o.Logs.Rules, "log-rules", "", "file that says which lines are recorded (default: built-in rules)")
	f.Var(flagOf{budget}, "log-budget", "how much may be recorded of logs, such as 32Mi")
}

// flagOf is a quantity as a flag.
type flagOf struct{ *resource.Quantity }

// Set implements pflag.Value.
func (q flagOf) Set(text string) error {
	parsed, err := resource.ParseQuantity(text)
	if err == nil {
		*q.Quantity = parsed
	}
	return err
}

// Type implements pflag.Value.
func (flagOf) Type() string { return "quantity" }

// completeAttach takes from the kubeconfig what flags do not say.
func completeAttach(o *recorder.Options, flags *genericclioptions.ConfigFlags, all bool) error {
	loader := flags.ToRawKubeConfigLoader()
	config, err := loader.ClientConfig()
	if err != nil {
		return fmt.Errorf("no cluster to attach to: %w; name one with --kubeconfig or --context", err)
	}
	namespace, explicit, err := loader.Namespace()
	if err != nil {
		return err
	}
	switch {
	case all && explicit && *flags.Namespace != "":
		return errors.New("--namespace and --all-namespaces exclude each other")
	case o.Selector != "" && explicit && *flags.Namespace != "":
		return errors.New("--namespace and --selector exclude each other: the selector chooses among all namespaces")
	case o.Selector != "" && all:
		return errors.New("--all-namespaces and --selector exclude each other: the selector chooses some of them")
	case all, o.Selector != "":
		namespace = ""
	}
	o.Config, o.Namespace = config, namespace
	return nil
}

// attach records, with Ctrl-C as its end, and prints the certificate.
func attach(ctx context.Context, o recorder.Options) error {
	soft, stop := context.WithCancel(ctx)
	defer stop()
	abort, stopAtOnce := context.WithCancel(ctx)
	defer stopAtOnce()
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	go func() {
		for _, end := range []func(){stop, stopAtOnce} {
			select {
			case <-signals:
				end()
			case <-ctx.Done():
				return
			}
		}
	}()
	o.Abort = abort
	o.Complete()
	cert, err := recorder.Attach(soft, o)
	var failed *recorder.CommandError
	if err != nil && !errors.As(err, &failed) {
		return err
	}
	if o.PublishOnly {
		if _, failed := fmt.Fprintf(o.Stdout, "%s\n%s\n", o.RunID(), recorder.Summary(cert)); failed != nil {
			return failed
		}
		return err
	}
	if unreported := report(o.Stdout, o.Output); unreported != nil {
		return unreported
	}
	return err
}

func report(out io.Writer, path string) error {
	reader, err := trace.Open(path)
	if err != nil {
		return err
	}
	defer reader.Close()
	return recorder.WriteCertificate(out, reader.Run(), reader.Certificate())
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
