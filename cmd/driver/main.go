package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/hindsight-project/hindsight/drivers"
)

func main() {
	root := newRootCommand()
	err := root.ExecuteContext(context.Background())
	if err == nil {
		return
	}
	if text := err.Error(); text != "" {
		fmt.Fprintf(root.ErrOrStderr(), "driver: %s\n", text)
	}
	os.Exit(exitCode(err))
}

// exit is an exit code for which everything was said already.
type exit int

// Error implements error.
func (exit) Error() string { return "" }

func exitCode(err error) int {
	var code exit
	if errors.As(err, &code) {
		return int(code)
	}
	return drivers.ExitCannot
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "driver",
		Short: "Puts clusters through the scenarios of the requirements",
		Long: `driver makes a cluster, waits for the moment that makes a scenario worth running,
does what the scenario says, and says every step into the recording that is under
way. It judges nothing: "verifier check" does.`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(newListCommand(), newRunCommand(), newCleanCommand(), newJudgeCommand(), newTableCommand(),
		newHoldCommand())
	return root
}
