package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hindsight-project/hindsight/policies"
	"github.com/hindsight-project/hindsight/verifier/mutation"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// mutateOptions are the flags of mutate.
type mutateOptions struct {
	policyFlags
	streams
	only   []string
	output string
}

func newMutate(s streams) *cobra.Command {
	o := mutateOptions{streams: s}
	cmd := &cobra.Command{
		Use:   "mutate [TRACE…]",
		Short: "Measure how strong the policies and their tests are",
		Long: `mutate puts small mistakes into what should notice them.

Without a trace it changes the policies (a comparison, a constant, an expression
less …) and runs each policy's own tests against every mutant. At least 95 % must
be killed. Survivors that no test can kill are listed with their reason in
mutants.yaml at the root of the policies; the program names each by its id.

With traces it changes these (a request above limit, a lost write, a gap …) and
asks the policies. What a policy declares in its METADATA (custom mutants) it
must notice in one of the traces at least, and miss in none on which it held.

Exit codes:
  0    strong enough
  1    too many mutants survived, or a fault was not noticed or could not be shown
  2    could not run
  130  interrupted`,
		Example: `  # the policies that are built in
  verifier mutate

  # your own, and one of them only
  verifier mutate --policies policies/ --policy policy-bounds

  # faults in recordings
  verifier mutate growth.db node-drain.db

  # for a document
  verifier mutate -o markdown`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(mutation.Formats(), o.output) {
				return fmt.Errorf("there is no output format %q (there are: %s)",
					o.output, strings.Join(mutation.Formats(), ", "))
			}
			return o.run(cmd.Context(), args)
		},
	}
	o.bind(cmd)
	cmd.Flags().StringArrayVar(&o.only, "policy", nil, "this policy or library only, by its `ID`; repeatable")
	cmd.Flags().StringVarP(&o.output, "output", "o", mutation.Formats()[0],
		"output format: "+strings.Join(mutation.Formats(), ", "))
	return cmd
}

func (o *mutateOptions) run(ctx context.Context, paths []string) error {
	var report mutation.Report
	options := o.policyFlags.options()
	if len(paths) > 0 {
		options.Only = o.only
		detection, err := mutation.Detect(ctx, paths, options)
		if err != nil {
			return err
		}
		report.Detection = &detection
	} else {
		if options.Policies == nil {
			options.Policies = policies.FS
		}
		var err error
		report.Policies, err = mutation.Measure(ctx, options.Policies, mutation.Options{
			Only: o.only,
			Progress: func(done, all int, p mutation.PolicyStrength) {
				fmt.Fprintf(o.err, "%d of %d: %s: %d killed, %d survived\n", done, all, p.ID, p.Killed, p.Survived)
			},
		})
		if err != nil {
			return err
		}
	}
	if err := report.Write(o.out, o.output); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if !report.Strong() {
		return exitCode(verdict.ExitViolated)
	}
	return nil
}
