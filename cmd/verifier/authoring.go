package main

import (
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/hindsight-project/hindsight/policies"
	"github.com/hindsight-project/hindsight/verifier/policy"
	"github.com/hindsight-project/hindsight/verifier/views"
)

// set returns the directory of policies that an argument names, or those that
// are built in.
func set(args []string) (fsys fs.FS, root string) {
	if len(args) == 0 {
		return policies.FS, ""
	}
	return os.DirFS(args[0]), args[0]
}

func newLint(s streams) *cobra.Command {
	return &cobra.Command{
		Use:   "lint [DIR]",
		Short: "Check how policies are written",
		Long: `lint refuses what check refuses (METADATA, ids, views, fields that a view does not
have, parameters that do not exist, functions that look outside of the recording)
and further: files that are not formatted, tests that do not compile, codes and
reasons that no test names, and partial rules that are looked up by a computed
key, which takes time with the square of the length of a recording.

Without a directory it checks the policies that are built in. The exit code is 0
when nothing is wrong, and 2 with everything that is.`,
		Example: `  # those that are built in
  verifier lint

  # your own
  verifier lint policies/`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			fsys, root := set(args)
			n, err := policy.Lint(fsys, policy.Options{Root: root, Views: views.Names(), Schema: views.Schema})
			if err != nil {
				return err
			}
			word := "policies"
			if n == 1 {
				word = "policy"
			}
			_, err = fmt.Fprintf(s.out, "%d %s, nothing is wrong\n", n, word)
			return err
		},
	}
}

func newTest(s streams) *cobra.Command {
	var run string
	var verbose bool
	var least float64
	cmd := &cobra.Command{
		Use:   "test [DIR]",
		Short: "Run the tests of policies, with coverage",
		Long: `test runs the tests of a directory of policies with OPA's own runner: the results
are those of opa test. Below them it says how many of the lines of policies the
tests evaluate, and which they do not. A directory without tests is an error.

Exit codes:
  0    every test passed
  1    a test failed, or the coverage is below --coverage-min
  2    could not run`,
		Example: `  # those that are built in
  verifier test

  # your own: some tests, each with its name
  verifier test policies/ --run bounds --verbose

  # for a pipeline
  verifier test policies/ --coverage-min 95`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			fsys, root := set(args)
			report, err := policy.Test(cmd.Context(), fsys, root, run)
			if err != nil {
				return err
			}
			if err := report.Write(s.out, verbose); err != nil {
				return fmt.Errorf("write the report: %w", err)
			}
			if report.Percent() < least {
				fmt.Fprintf(s.err, "verifier: the coverage is below %v %%\n", least)
			}
			if !report.Passed() || report.Percent() < least {
				return exitCode(exitTestsFailed)
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&run, "run", "r", "", "run only tests whose names match this regular `EXPRESSION`")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "tell every test, not only those that fail")
	cmd.Flags().Float64Var(&least, "coverage-min", 0, "fail when less of the lines are evaluated, in `PERCENT`")
	return cmd
}

// exitTestsFailed is the exit code of test for a failure: the policies are
// there and are wrong.
const exitTestsFailed = 1
