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
	"k8s.io/klog/v2"

	"github.com/hindsight-project/hindsight/cmd/lab/cluster"
	"github.com/hindsight-project/hindsight/cmd/lab/faults"
)

func main() {
	cluster.RunComponent()
	faults.RunHelper()
	klog.LogToStderr(false) // our errors say it, once
	klog.SetOutput(io.Discard)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := newCommand().ExecuteContext(ctx)
	stop()
	os.Exit(report(err))
}

// newCommand returns the command tree.
func newCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "lab",
		Short: "A Kubernetes API to try things on, in which recorded histories happen again",
		Long: `A Kubernetes API to try things on, in which recorded histories happen again.

Runs etcd and kube-apiserver ` + cluster.Version + ` in one program, on the loopback
interface, with all state in one directory. There are no nodes: what happens is
what you do, or what a recording says.`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(newUpCommand(), newReplayCommand(), newDemoCommand(), newFaultsCommand(), newSizingCommand())
	return root
}

// Exit codes, the same as those of recorder and verifier.
const (
	exitViolated     = 1
	exitFailed       = 2
	exitInconclusive = 3
	exitInterrupted  = 130
)

// exitError ends the program with a code of somebody else; it was reported.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// report prints the error and returns the exit code.
func report(err error) int {
	var code exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(os.Stderr, "lab: interrupted")
		return exitInterrupted
	}
	fmt.Fprintln(os.Stderr, "lab:", err)
	return exitFailed
}
