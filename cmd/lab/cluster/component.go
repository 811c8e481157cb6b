package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/grpclog"
	apimachineryversion "k8s.io/apimachinery/pkg/version"
	"k8s.io/apiserver/pkg/util/compatibility"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/component-base/cli"
	basecompatibility "k8s.io/component-base/compatibility"
	_ "k8s.io/component-base/logs/json/register" // --logging-format=json
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

// Version is the release of Kubernetes that the cluster runs: the version of
// k8s.io/kubernetes in go.mod.
const Version = "v1.36.3"

// componentEnv names the component a child process is to become.
const componentEnv = "HINDSIGHT_LAB_COMPONENT"

// The components, by the name that RunComponent understands.
const (
	apiServerName         = "kube-apiserver"
	controllerManagerName = "kube-controller-manager"
)

// RunComponent turns this process into a component of a cluster when it was
// started as one, and then never returns. In every other process it does
// little: it silences gRPC. Call it first in main, or in TestMain.
func RunComponent() {
	prepared = true
	name := os.Getenv(componentEnv)
	if name == "" {
		// What matters of etcd's connections is in its own log, or an error.
		grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, io.Discard))
		return
	}
	go func() {
		// The parent never writes: reading ends when the parent does.
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	var command *cobra.Command
	switch name {
	case apiServerName:
		announceVersion()
		command = apiserver.NewAPIServerCommand()
	case controllerManagerName:
		command = controllermanager.NewControllerManagerCommand()
	default:
		fmt.Fprintf(os.Stderr, "%s=%s: no such component\n", componentEnv, name)
		os.Exit(2)
	}
	os.Exit(cli.Run(command))
}

// prepared says that RunComponent was called. Without it a child would run the
// whole program, which would start children.
var prepared bool

// release is the effective version of the linked code, with the name of the
// release that link-time flags would otherwise supply.
type release struct {
	basecompatibility.MutableEffectiveVersion
}

// Info is what /version serves.
func (r release) Info() *apimachineryversion.Info {
	info := r.MutableEffectiveVersion.Info()
	info.GitVersion, info.GitCommit = Version, ""
	return info
}

// announceVersion makes the API server of this process say Version.
func announceVersion() {
	registry := basecompatibility.NewComponentGlobalsRegistry()
	version := release{compatibility.DefaultBuildEffectiveVersion()}
	err := registry.Register(basecompatibility.DefaultKubeComponent, version, utilfeature.DefaultMutableFeatureGate)
	if err != nil {
		fmt.Fprintln(os.Stderr, "registering the version of kube-apiserver:", err)
		os.Exit(1)
	}
	compatibility.DefaultComponentGlobalsRegistry = registry
}

// Component is one component of a cluster: a process that can be ended, and
// started again with the same arguments. It is safe for concurrent use.
type Component struct {
	name string
	args []string
	log  string // path; appended to over restarts
	wait func(context.Context) error

	mu       sync.Mutex
	process  *os.Process
	lifeline io.Closer
	ended    chan struct{} // closed when the process is gone
}

// Start runs the component and waits until it is ready. It fails when the
// component runs already, ends before it is ready, or ctx is done.
func (c *Component) Start(ctx context.Context) error {
	ended, err := c.spawn()
	if err != nil {
		return fmt.Errorf("start %s: %w", c.name, err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-ended:
			cancel(errors.New("it ended"))
		case <-ctx.Done():
		}
	}()
	if err := c.wait(ctx); err != nil {
		c.Stop()
		return fmt.Errorf("%s did not become ready: %w; its log ends with:\n%s",
			c.name, errors.Join(context.Cause(ctx), err), tail(c.log))
	}
	return nil
}

// spawn starts the process and returns a channel that is closed when it ended.
func (c *Component) spawn() (<-chan struct{}, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process != nil {
		return nil, errors.New("it is running")
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(c.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(self, c.args...)
	cmd.Args[0] = c.name // what ps shows
	cmd.Dir = filepath.Dir(c.log)
	cmd.Env = append(os.Environ(), componentEnv+"="+c.name)
	cmd.Stdout, cmd.Stderr = log, log
	// A Ctrl-C on the terminal is for us: we decide when components end.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	lifeline, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	c.process, c.lifeline, c.ended = cmd.Process, lifeline, ended
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		c.mu.Lock()
		c.process = nil
		c.mu.Unlock()
		close(ended)
	}()
	return ended, nil
}

// Signal sends a signal to the component, such as SIGSTOP and SIGCONT.
func (c *Component) Signal(signal os.Signal) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process == nil {
		return fmt.Errorf("signal %s: it is not running", c.name)
	}
	return c.process.Signal(signal)
}

// Stop kills the component and waits until it is gone. A component that is not
// running is no error: it holds nothing that an orderly end would save.
func (c *Component) Stop() {
	c.mu.Lock()
	process, lifeline, ended := c.process, c.lifeline, c.ended
	c.mu.Unlock()
	if process == nil {
		return
	}
	_ = process.Kill()
	_ = lifeline.Close()
	<-ended
}

// tail returns the last 2 KiB of a file, or says why it cannot.
func tail(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-2048):])
}
