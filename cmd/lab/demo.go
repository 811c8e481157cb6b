package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/hindsight-project/hindsight/cmd/lab/cluster"
)

// sealTime is how long an interrupted recorder has for its certificate.
const sealTime = 20 * time.Second

// demo is the demonstration.
type demo struct {
	recording string
	speed     float64
	recorder  string // paths of programs
	verifier  string
	out       string // directory

	cmd *cobra.Command
	lab string // path of this program
}

func newDemoCommand() *cobra.Command {
	d := &demo{}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Record a replay and judge the recording",
		Long: `Start a cluster, replay a recording of a real storage operator into it, record
what its API server says with ` + "`recorder attach`, judge the trace with `verifier check`" + `.
The times in the objects are moved along, as if all of it happened now, at that
speed. Your own kubeconfig is not used. An older demo.trace.db is replaced.

Exit code: 0 when all of it worked and nothing is violated, be the verdict held,
vacuous or inconclusive; otherwise that of verifier check.`,
		Example: `  lab demo

  # another history, as fast as it happened, the trace in ./traces
  lab demo --recording mine.jsonl.zst --speed 1 --out traces`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d.cmd = cmd
			if err := d.complete(); err != nil {
				return err
			}
			return d.run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&d.recording, "recording", "primary-restart", "recording to replay: a file, or a shipped one")
	flags.Float64Var(&d.speed, "speed", 20, "seconds of the recording that pass in a second")
	flags.StringVar(&d.recorder, "recorder", "", "path of recorder (default: next to lab)")
	flags.StringVar(&d.verifier, "verifier", "", "path of verifier (default: next to lab)")
	flags.StringVar(&d.out, "out", ".", "directory for the trace; made when missing")
	return cmd
}

// short is a path as one would type it here: relative when it leads down.
func short(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	relative, err := filepath.Rel(here, path)
	if err != nil || strings.HasPrefix(relative, "..") {
		return path
	}
	if filepath.Base(relative) == relative {
		return "." + string(filepath.Separator) + relative
	}
	return relative
}

// complete finds the programs, before anything is started.
func (d *demo) complete() (err error) {
	if d.lab, err = os.Executable(); err != nil {
		return err
	}
	for name, path := range map[string]*string{"recorder": &d.recorder, "verifier": &d.verifier} {
		if *path == "" {
			*path = short(filepath.Join(filepath.Dir(d.lab), name))
		}
		if *path, err = exec.LookPath(*path); err != nil {
			return fmt.Errorf("%s is not there: build it next to lab (`make build`) or give --%s PATH: %w", name, name, err)
		}
	}
	d.lab = short(d.lab)
	return os.MkdirAll(d.out, 0o755)
}

func (d *demo) run(ctx context.Context) (err error) {
	scope, err := d.scope(ctx)
	if err != nil {
		return err
	}
	file := filepath.Join(d.out, "demo.trace.db")
	for _, old := range []string{file, file + ".nats"} { // a recorder that was killed leaves both
		if err := os.RemoveAll(old); err != nil {
			return err
		}
	}
	d.say("Starting etcd and kube-apiserver %s …", cluster.Version)
	c, err := cluster.Start(ctx, cluster.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Stop()) }()
	if err := scope.create(ctx, c); err != nil {
		return err
	}
	if err := d.record(ctx, c, scope, file); err != nil {
		return err
	}
	return d.judge(ctx, file)
}

// scope is where a recording takes place.
type scope struct{ namespace, operatorNamespace string }

// create makes the namespaces: a recorder is attached to what is there.
func (s scope) create(ctx context.Context, c *cluster.Cluster) error {
	config, err := c.RESTConfig()
	if err != nil {
		return err
	}
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	for _, name := range []string{s.namespace, s.operatorNamespace} {
		if name == "" {
			continue
		}
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if _, err := kube.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	return nil
}

// scope finds the namespace of the database clusters and that of the operator,
// which holds a Lease.
func (d *demo) scope(ctx context.Context) (s scope, err error) {
	recording, err := openRecording(ctx, d.recording)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, recording.Close()) }()
	for _, o := range recording.Objects() {
		switch {
		case o.Group == "postgresql.cnpg.io" && o.Kind == "Cluster":
			s.namespace = o.Namespace
		case o.Group == "coordination.k8s.io" && o.Kind == "Lease":
			s.operatorNamespace = o.Namespace
		}
	}
	if s.namespace == "" {
		return s, fmt.Errorf("%s has no Cluster of postgresql.cnpg.io: there would be nothing to judge", d.recording)
	}
	return s, nil
}

func (d *demo) record(ctx context.Context, c *cluster.Cluster, s scope, file string) error {
	args := []string{"attach", "-n", s.namespace}
	if s.operatorNamespace != "" {
		args = append(args, "--operator-namespace", s.operatorNamespace)
	}
	speed := strconv.FormatFloat(d.speed, 'g', -1, 64)
	args = append(args, "-o", file, "--", d.lab, "replay", d.recording, "--speed", speed, "--move-times")
	d.say("\n$ %s %s", d.recorder, strings.Join(args, " "))
	cmd := d.command(ctx, d.recorder, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+c.Kubeconfig())
	cmd.Stdout = d.cmd.ErrOrStderr() // here, the certificate is progress
	if err := cmd.Run(); err != nil {
		return errors.Join(context.Cause(ctx), fmt.Errorf("recorder attach: %w", err))
	}
	return nil
}

func (d *demo) judge(ctx context.Context, file string) error {
	d.say("\n$ %s check %s", d.verifier, file)
	cmd := d.command(ctx, d.verifier, "check", file)
	cmd.Stdout = d.cmd.OutOrStdout()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return fmt.Errorf("verifier check: %w", err)
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	switch code := cmd.ProcessState.ExitCode(); code {
	case 0:
		d.say("\nEvery policy holds, and the recording shows that each was put to the test.")
	case exitInconclusive:
		d.say("\nNothing is violated. Where the recording does not show enough, the verdict says so\n" +
			"(inconclusive, vacuous): neither is a pass.")
	case exitViolated:
		d.say("\nThe recording violates a policy: see above.")
		defer d.next(file)
		return exitError(code)
	default:
		return exitError(code)
	}
	d.next(file)
	return nil
}

// next says what can be done now.
func (d *demo) next(file string) {
	d.say(`
The trace:                 %[1]s
What it proves to contain: %[2]s inspect %[1]s

On a cluster of your own (kubectl's current context, or --context):
  %[2]s attach -n NAMESPACE -o run.trace.db -- YOUR-TEST-COMMAND
  %[3]s check run.trace.db`, file, d.recorder, d.verifier)
}

// command runs a program that ctx interrupts, once, as Ctrl-C would: it has a
// process group of its own, so that it does not get that of the terminal too.
func (d *demo) command(ctx context.Context, path string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stderr = d.cmd.ErrOrStderr()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = sealTime
	return cmd
}

func (d *demo) say(format string, args ...any) { d.cmd.PrintErrf(format+"\n", args...) }
