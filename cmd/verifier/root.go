package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/hindsight-project/hindsight/verifier/policy"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// exitInterrupted is what shells expect after Ctrl-C.
const exitInterrupted = 130

// streams are the standard streams: data goes to out, everything else to err.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// exitCode ends the program with a code and without a message: the report has
// said everything.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

// execute runs the command line and returns the exit code. It is the only
// place that prints errors.
func execute(ctx context.Context, args []string, s streams) int {
	root := newRoot(s)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var code exitCode
	var problems *policy.Problems
	switch {
	case err == nil:
		return verdict.ExitHeld
	case errors.As(err, &code):
		return int(code)
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(s.err, "verifier: interrupted, nothing was judged")
		return exitInterrupted
	case errors.As(err, &problems):
		fmt.Fprintf(s.err, "verifier: the policies cannot be used:\n%v\n", err)
	default:
		fmt.Fprintf(s.err, "verifier: %v\n", err)
	}
	return verdict.ExitFailed
}

func newRoot(s streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "verifier",
		Short: "Judge recordings of storage operators offline",
		Long: "verifier judges what recorder recorded. The same traces and policies always give the same verdict:\n" +
			"a policy can be corrected and asked again about every old trace.",
		Example:       "  verifier check growth.db\n  verifier explain policy-bounds",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w (see %s --help)", err, cmd.CommandPath())
	})
	root.AddCommand(
		newCheck(s), newDiff(s), newExplain(s), newExport(s), newLedger(s), newLint(s), newMutate(s),
		newRepro(s), newSchema(s), newServe(s), newShow(s), newTest(s), newVersion(s), newWorker(s),
	)
	return root
}
