package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // logins of managed clusters

	"github.com/hindsight-project/hindsight/drivers"
	"github.com/hindsight-project/hindsight/drivers/scenarios"
	"github.com/hindsight-project/hindsight/drivers/target"
	"github.com/hindsight-project/hindsight/recorder/marks"
)

// runFlags are the flags of driver run.
type runFlags struct {
	cluster       *genericclioptions.ConfigFlags
	topologies    []string
	scenarios     string
	template      string
	assume, hooks []string
	dir           string
	check         bool
	parallel      int
	recorder      string
	verifier      string
	recorderFlags []string
	verifierFlags []string
	medium, slow  drivers.Timeouts
	drivers.Options
}

func newRunCommand() *cobra.Command {
	f := &runFlags{cluster: genericclioptions.NewConfigFlags(true)}
	cmd := &cobra.Command{
		Use:   "run SCENARIO... [--topology T1,T2,T3] [--record DIR [--check]]",
		Short: "Carry scenarios out on the current cluster",
		Long: `run makes a cluster for each scenario and topology, waits for the moment that the
scenario is about, does what it says, waits until all is over, and removes what it
made. SCENARIO is a name of driver list, P0, P1, all (both) or faults.

Every step is said into the recording around it: run it inside of "recorder attach
-n NAMESPACE -- driver run … -n NAMESPACE", or let it start a recorder for each run
with --record DIR, one trace each; --check asks the verifier about each. Without
either nobody records.

Whether growth is dynamic (a disk is filled) or static (the size is raised) is
decided by what the Cluster's CRD offers. What the cluster cannot do is skipped,
with the reason. Before anything is created, run looks whether the CRD, rights,
nodes, the operator and a StorageClass that can expand are there.

Runs have namespaces of their own, and run beside each other with --parallel;
scenarios that would disturb others run alone, and so do all with --namespace.
What runs that died have left is removed first. The first Ctrl-C undoes what was
done, ends the recording in order and removes what was made; the second stops at once.

Hooks do what the API cannot: --hook node-down=COMMAND, node-up, storage-slow,
storage-fail, storage-normal. They run by sh -c with HINDSIGHT_NODE,
HINDSIGHT_VOLUMES (PersistentVolumes), HINDSIGHT_NAMESPACE and HINDSIGHT_CLUSTER.
Expansions that are made slow give the trigger "expansion-in-flight" room; without
such a hook they last as long as they last.

Exit codes, of several runs the worst in the order 130, 2, 1, 6, 4, 3, 5, 0:
  0    every run was carried out; with --check: and every policy held
  1    a policy is violated
  2    could not run
  3    not violated, but inconclusive or vacuous
  4    a trigger was not met: not exercised
  5    skipped: the cluster or its operator cannot do it
  6    a step could not be done, or had no end in time
  130  interrupted`,
		Example: `  # one scenario in one topology, recorded and judged
  driver run operator-restart --topology T3 --record traces --check

  # all of the requirements, three at a time where they do not disturb each other
  driver run all --record traces --check --parallel 3

  # inside of a recording of one's own
  recorder attach -n ds-e2e --sentinel write -- driver run failover --topology T2 -n ds-e2e

  # with a machine that can be switched off, and slow storage
  driver run all --hook node-down='virsh destroy $HINDSIGHT_NODE' --hook node-up='virsh start $HINDSIGHT_NODE'`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	f.cluster.AddFlags(cmd.Flags())
	f.bind(cmd.Flags())
	return cmd
}

func (f *runFlags) bind(flags *pflag.FlagSet) {
	times, sizes := drivers.DefaultTimeouts(), drivers.DefaultSizing()
	flags.StringSliceVar(&f.topologies, "topology", []string{scenarios.T1, scenarios.T2, scenarios.T3},
		"number of instances: T1, T2 or T3")
	flags.StringVar(&f.scenarios, "scenarios", "", "folder with further scenarios")
	flags.StringVar(&f.template, "cluster-template", "", "YAML of a Cluster to start from, instead of the built-in one")
	flags.StringArrayVar(&f.assume, "assume", nil, "what the operator can do and no API tells: shrink (repeatable)")
	flags.StringArrayVar(&f.hooks, "hook", nil, "NAME=COMMAND that does what the API cannot (repeatable)")
	flags.StringVar(&f.dir, "record", "", "folder for one trace a run: start a recorder for each")
	flags.BoolVar(&f.check, "check", false, "ask the verifier about each trace of --record")
	flags.IntVar(&f.parallel, "parallel", 1, "runs at the same time, of those that do not disturb each other")
	flags.StringVar(&f.recorder, "recorder", "", "program of the recorder (default: beside the driver, else in the path)")
	flags.StringVar(&f.verifier, "verifier", "", "program of the verifier (default: beside the driver, else in the path)")
	flags.StringArrayVar(&f.recorderFlags, "recorder-flag", []string{"--sentinel=write"},
		"further flag of recorder attach (repeatable)")
	flags.StringArrayVar(&f.verifierFlags, "verifier-flag", nil, "further flag of verifier check (repeatable)")
	flags.StringVar(&f.OperatorNamespace, "operator-namespace", "cnpg-system", "namespace of the operator")
	flags.StringVar(&f.Image, "image", "", "image of PostgreSQL (default: the operator's)")
	flags.StringVar(&f.UpgradeImage, "upgrade-image", "",
		"image to upgrade to (default: none, and pods are replaced for another reason)")
	flags.StringVar(&f.StorageClass, "storage-class", "", "StorageClass of the volumes (default: the cluster's)")
	flags.StringVar(&f.SnapshotClass, "snapshot-class", "", "VolumeSnapshotClass of backups (default: the cluster's)")
	flags.StringVar(&f.Sizing.Size, "size", sizes.Size, "size of volumes at first, where the scenario does not say")
	flags.StringVar(&f.Sizing.Grown, "grown", sizes.Grown, "size that they are to grow to, where sizing is static")
	flags.StringVar(&f.Sizing.Limit, "limit", sizes.Limit, "ceiling, where sizing is dynamic")
	flags.BoolVar(&f.Keep, "keep", false, "leave what was made")
	for class, t := range map[string]*drivers.Timeouts{scenarios.Medium: &f.medium, scenarios.Slow: &f.slow} {
		*t = times[class]
		flags.DurationVar(&t.Healthy, class+"-healthy", t.Healthy, "class "+class+": until a new cluster is healthy")
		flags.DurationVar(&t.Trigger, class+"-trigger", t.Trigger, "class "+class+": until a trigger is met")
		flags.DurationVar(&t.Disruption, class+"-disruption", t.Disruption, "class "+class+": until a disruption is over")
		flags.DurationVar(&t.Settle, class+"-settle", t.Settle, "class "+class+": until all is over")
		flags.DurationVar(&t.Cleanup, class+"-cleanup", t.Cleanup, "class "+class+": until what was made is gone")
	}
}

func (f *runFlags) run(cmd *cobra.Command, names []string) error {
	ctx, stop := interruptible(cmd.Context())
	defer stop()
	progress := newProgress(cmd.ErrOrStderr())
	all, err := known(f.scenarios)
	if err != nil {
		return err
	}
	chosen, err := choose(all, names)
	if err != nil {
		return err
	}
	if err := f.complete(ctx, progress); err != nil {
		return err
	}
	runs, err := f.runs(chosen)
	if err != nil {
		return err
	}
	if err := f.preflight(ctx, runs, progress); err != nil {
		return err
	}
	var failed []error
	results := drivers.Matrix(ctx, runs, f.parallel, func(r *drivers.Run, result *drivers.Result) {
		failed = append(failed, f.after(ctx, r, result))
		progress.say(r.Name(), string(result.Outcome), result.Reason)
	})
	if err := errors.Join(append(failed, drivers.Summary(cmd.OutOrStdout(), results))...); err != nil {
		return err
	}
	if code := drivers.Exit(results); code != drivers.ExitDone {
		return exit(code)
	}
	return nil
}

// interruptible ends its context at the first Ctrl-C, and the program at the second.
func interruptible(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		<-signals
		os.Exit(drivers.ExitCut)
	}()
	return ctx, cancel
}

// complete finds the cluster and what it offers.
func (f *runFlags) complete(ctx context.Context, progress *progress) (err error) {
	if f.Client, f.Namespace, err = connect(f.cluster); err != nil {
		return err
	}
	if f.Hooks, err = hooksOf(f.hooks); err != nil {
		return err
	}
	for _, one := range f.assume {
		if one != scenarios.NeedsShrink {
			return fmt.Errorf("--assume %s: the only thing to assume is %s", one, scenarios.NeedsShrink)
		}
	}
	if f.Offers, err = f.Client.Discover(ctx, f.Hooks, f.assume); err != nil {
		return err
	}
	if f.template != "" {
		if f.Template, err = readTemplate(f.template); err != nil {
			return err
		}
	}
	f.Timeouts = map[string]drivers.Timeouts{scenarios.Medium: f.medium, scenarios.Slow: f.slow}
	f.Progress = func(r *drivers.Run, phase, text string) { progress.say(r.Name(), phase, text) }
	return f.recording(progress)
}

// recording decides who records.
func (f *runFlags) recording(progress *progress) error {
	inside := os.Getenv(marks.EnvSocket) != ""
	switch {
	case f.check && f.dir == "":
		return errors.New("--check needs --record DIR: there is no trace to ask about otherwise")
	case inside && f.dir != "":
		return errors.New("a recorder runs around this driver already: leave --record away, or the recorder")
	case inside && f.Namespace == "":
		return errors.New("a recorder runs around this driver: name the namespace that it records with --namespace")
	case inside:
		f.Recorder = func(context.Context, *drivers.Run) (drivers.Recording, error) {
			client, err := marks.Find(marks.Where{})
			return around{client}, err
		}
		return nil
	case f.dir == "":
		progress.say("driver", "note", "nobody records: use --record DIR, or recorder attach -- driver run")
		return nil
	}
	if err := os.MkdirAll(f.dir, 0o755); err != nil {
		return err
	}
	recorder, err := program("recorder", f.recorder)
	if err != nil {
		return err
	}
	if f.check {
		if f.verifier, err = program("verifier", f.verifier); err != nil {
			return err
		}
	}
	flags := append([]string{"--operator-namespace=" + f.OperatorNamespace}, f.clusterFlags()...)
	flags = append(flags, f.recorderFlags...)
	f.Recorder = func(ctx context.Context, r *drivers.Run) (drivers.Recording, error) {
		return record(ctx, recorder, flags, r, f.base(r)+"-"+r.ID)
	}
	return nil
}

// clusterFlags are the flags with which the recorder finds the same cluster.
func (f *runFlags) clusterFlags() []string {
	var flags []string
	for name, value := range map[string]*string{
		"kubeconfig": f.cluster.KubeConfig, "context": f.cluster.Context, "cluster": f.cluster.ClusterName,
		"user": f.cluster.AuthInfoName, "server": f.cluster.APIServer, "as": f.cluster.Impersonate,
	} {
		if value != nil && *value != "" {
			flags = append(flags, "--"+name+"="+*value)
		}
	}
	slices.Sort(flags)
	return flags
}

// base is the path of the files of a run, without what follows its name.
func (f *runFlags) base(r *drivers.Run) string {
	return filepath.Join(f.dir, r.Scenario.Name+"-"+r.Topology)
}

func (f *runFlags) runs(chosen []*scenarios.Scenario) ([]*drivers.Run, error) {
	var runs []*drivers.Run
	for _, s := range chosen {
		for _, topology := range f.topologies {
			if scenarios.Instances(topology) == 0 {
				return nil, fmt.Errorf("there is no topology %q: use T1, T2 or T3", topology)
			}
			if _, there := s.Topologies[topology]; there {
				runs = append(runs, drivers.New(s, topology, &f.Options))
			}
		}
	}
	if len(runs) == 0 {
		return nil, fmt.Errorf("none of the scenarios has the topology %s", strings.Join(f.topologies, " or "))
	}
	return runs, nil
}

// preflight removes what dead runs left and looks whether all is there.
func (f *runFlags) preflight(ctx context.Context, runs []*drivers.Run, progress *progress) error {
	missing, err := drivers.Preflight(ctx, runs, &f.Options)
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		return fmt.Errorf("nothing was created, because something is missing:\n  %s", strings.Join(missing, "\n  "))
	}
	return clean(ctx, f.Client, f.Hooks, f.medium.Cleanup, progress)
}

// after judges a run that has a trace, and keeps its result.
func (f *runFlags) after(ctx context.Context, r *drivers.Run, result *drivers.Result) error {
	if f.dir == "" {
		return nil
	}
	var err error
	if f.check && result.Trace != "" {
		result.Judgement, err = judge(ctx, f.verifier, f.verifierFlags, r, result.Trace, f.base(r)+"-"+r.ID)
	}
	return errors.Join(err, result.Write(f.base(r)+".result.json"))
}

// connect makes the clients of the cluster that the flags name. The namespace is
// empty unless a flag names one.
func connect(flags *genericclioptions.ConfigFlags) (*target.Client, string, error) {
	config, err := flags.ToRESTConfig()
	if err != nil {
		return nil, "", fmt.Errorf("no cluster to drive: %w; name one with --kubeconfig or --context", err)
	}
	// Many facts are looked for twice a second; the default of 5 requests a second is for others.
	config.QPS, config.Burst = 100, 200
	c := &target.Client{Config: config}
	if c.Kube, err = kubernetes.NewForConfig(config); err != nil {
		return nil, "", err
	}
	if c.Dynamic, err = dynamic.NewForConfig(config); err != nil {
		return nil, "", err
	}
	if c.Mapper, err = flags.ToRESTMapper(); err != nil {
		return nil, "", err
	}
	return c, *flags.Namespace, nil
}

func hooksOf(given []string) (map[string]string, error) {
	hooks := map[string]string{}
	for _, one := range given {
		name, command, is := strings.Cut(one, "=")
		if !is || !slices.Contains(target.HookNames(), name) {
			return nil, fmt.Errorf("--hook %q is no NAME=COMMAND with a NAME of %s",
				one, strings.Join(target.HookNames(), ", "))
		}
		hooks[name] = command
	}
	return hooks, nil
}

func readTemplate(path string) (map[string]any, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var c map[string]any
	if err := yaml.Unmarshal(text, &c); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if c["kind"] != "Cluster" {
		return nil, fmt.Errorf("%s is no Cluster: its kind is %v", path, c["kind"])
	}
	return c, nil
}

func newCleanCommand() *cobra.Command {
	flags := genericclioptions.NewConfigFlags(true)
	var given []string
	var atMost time.Duration
	cmd := &cobra.Command{
		Use:   "clean",
		Short: "Undo and remove what dead runs have left; driver run does it first of all",
		Example: `  driver clean
  driver clean --hook node-up='virsh start $HINDSIGHT_NODE'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, _, err := connect(flags)
			if err != nil {
				return err
			}
			hooks, err := hooksOf(given)
			if err != nil {
				return err
			}
			return clean(cmd.Context(), client, hooks, atMost, newProgress(cmd.ErrOrStderr()))
		},
	}
	flags.AddFlags(cmd.Flags())
	cmd.Flags().StringArrayVar(&given, "hook", nil, "NAME=COMMAND, as of the runs (repeatable)")
	cmd.Flags().DurationVar(&atMost, "timeout", drivers.DefaultTimeouts()[scenarios.Medium].Cleanup,
		"until what is left is gone")
	return cmd
}

func clean(
	ctx context.Context, c *target.Client, hooks map[string]string, atMost time.Duration, progress *progress,
) error {
	done, err := c.Leftovers(ctx, hooks, atMost)
	for _, what := range done {
		progress.say("driver", "leftovers", what)
	}
	return err
}
