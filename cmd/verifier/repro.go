package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/hindsight-project/hindsight/verifier"
)

// reproOptions are the flags of repro.
type reproOptions struct {
	policyFlags
	streams
	finding string
	dir     string
	whole   bool
}

func newRepro(s streams) *cobra.Command {
	o := reproOptions{streams: s}
	cmd := &cobra.Command{
		Use:   "repro TRACE --finding ID -o DIR",
		Short: "Write a finding as input, data, test and command for OPA alone",
		Long: `repro writes what is needed to derive one finding of a trace again without the
verifier: the smallest part of the view's document that still shows it
(input.json), the parameters in force (data.json), the policy with what it needs
(policies/), the finding as a test (repro_test.rego), and the commands of OPA
(run.sh). The ids of findings are in the report of check.`,
		Example: `  # the smallest document, into a new directory
  verifier repro growth.db --finding policy-bounds/above_limit/bd77ba81 -o repro

  # the whole document, by policies of your own
  verifier repro growth.db --policies policies/ --whole --finding policy-bounds/above_limit/bd77ba81 -o repro`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("repro needs one trace file, such as: verifier repro growth.db --finding ID -o DIR")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args[0]) },
	}
	o.bind(cmd)
	cmd.Flags().StringVar(&o.finding, "finding", "", "`ID` of the finding, as the report of check has it")
	cmd.Flags().StringVarP(&o.dir, "output", "o", "", "`DIR`ectory to write, new or empty")
	cmd.Flags().BoolVar(&o.whole, "whole", false, "keep the whole document instead of its smallest part")
	return cmd
}

func (o *reproOptions) run(ctx context.Context, path string) error {
	switch entries, err := os.ReadDir(o.dir); {
	case o.dir == "":
		return errors.New("repro needs a directory to write: -o DIR")
	case len(entries) > 0:
		return fmt.Errorf("the directory %s is not empty, and repro overwrites nothing", o.dir)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	files, err := verifier.Repro(ctx, path, o.options(), o.finding, o.whole)
	if err != nil {
		return err
	}
	for _, f := range files {
		name, mode := filepath.Join(o.dir, filepath.FromSlash(f.Name)), fs.FileMode(0o644)
		if f.Executable {
			mode = 0o755
		}
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, f.Content, mode); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(o.out, name); err != nil {
			return err
		}
	}
	return nil
}
