package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// exitFailed is the exit code of everything that could not be done.
const exitFailed = 2

func main() {
	root := newRootCommand()
	err := root.ExecuteContext(context.Background())
	if err == nil {
		return
	}
	if text := err.Error(); text != "" {
		fmt.Fprintf(root.ErrOrStderr(), "recorder: %s\n", text)
	}
	os.Exit(exitCode(err))
}

// exitCode is 2 unless the error says otherwise, as that of a wrapped command
// does.
func exitCode(err error) int {
	var coded interface{ ExitCode() int }
	if errors.As(err, &coded) {
		return coded.ExitCode()
	}
	return exitFailed
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "recorder",
		Short: "Flight recorder for Kubernetes storage operators",
		Long: `recorder writes down what happens in a Kubernetes cluster, while it happens,
into one trace file, and says what it did not see. "verifier check" judges the
file afterwards, without the cluster.`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(newAttachCommand(), newCollectCommand(), newMarkCommand(), newImportCommand(),
		newExportCommand(), newInspectCommand(), newVersionCommand())
	return root
}

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  recorder version",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), version())
			return err
		},
	}
}

// version names the program, its version and the Go release that built it, for
// people and for Run.Tool: "recorder v0.1.0 go1.26.0".
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "recorder (unknown version)"
	}
	v := info.Main.Version
	if v == "" || v == "(devel)" {
		v = "development"
	}
	return fmt.Sprintf("recorder %s %s", v, info.GoVersion)
}
