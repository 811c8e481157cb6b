package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hindsight-project/hindsight/cmd/lab/faults"
)

func newFaultsCommand() *cobra.Command {
	o := faults.Options{}
	var rows, programs, parts string
	cmd := &cobra.Command{
		Use:   "faults",
		Short: "Record under faults, and judge the records by etcd's own revisions",
		Long: `Record the same objects with recorder attach, kubectl get -w and a bare client-go
informer, under one fault after the other, and judge the records by what etcd
stored. Prints a table. What the programs wrote is kept where the recorder missed
a bar; then the exit code is 2.

Every row has a cluster of its own. The full run takes about 25 minutes.`,
		Example: `  # all of it, as make fault-suite does
  lab faults

  # some rows, quickly
  lab faults --quick --rows 'restart|kill'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if rows != "" {
				if o.Rows, err = regexp.Compile(rows); err != nil {
					return fmt.Errorf("--rows: %w", err)
				}
			}
			if o.Programs, err = findPrograms(programs); err != nil {
				return err
			}
			return runFaults(cmd, o, parts)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&rows, "rows", "", "regular expression of the ids of the rows to run (default: all)")
	flags.BoolVar(&o.Quick, "quick", false, "the reduced run")
	flags.IntVar(&o.Kills, "kills", 200, "how often the programs are killed")
	flags.Float64Var(&o.Rate, "rate", 100, "versions that are written in a second")
	flags.IntVar(&o.Parallel, "parallel", 1, "rows at a time")
	flags.Uint64Var(&o.Seed, "seed", 1, "of the random moments")
	flags.StringVar(&parts, "part", "", "only faults, only cost and rate, or only rate (default: all)")
	flags.BoolVar(&o.Keep, "keep", false, "keep what the programs wrote")
	flags.StringVar(&o.Dir, "dir", "", "directory for what is written; made when missing (default: a temporary one)")
	flags.StringVar(&programs, "programs", "",
		"directory of recorder, stepped, kubectl, informer and nats-server (default: that of lab)")
	return cmd
}

// findPrograms looks for what is put to the test.
func findPrograms(dir string) (p faults.Programs, err error) {
	if dir == "" {
		self, err := os.Executable()
		if err != nil {
			return p, err
		}
		dir = filepath.Dir(self)
	}
	for name, path := range map[string]*string{
		"recorder": &p.Recorder, "stepped": &p.Stepped, "kubectl": &p.Kubectl, "informer": &p.Informer,
		"nats-server": &p.NATS,
	} {
		if *path, err = exec.LookPath(filepath.Join(dir, name)); err != nil {
			return p, fmt.Errorf("%s is not there: `make fault-suite` builds all of them; or give --programs DIR: %w",
				name, err)
		}
	}
	return p, nil
}

func runFaults(cmd *cobra.Command, o faults.Options, parts string) (err error) {
	if o.Dir == "" {
		o.Dir, err = os.MkdirTemp("", "hindsight-faults-")
	} else {
		err = os.MkdirAll(o.Dir, 0o700)
	}
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return err
	}
	if err != nil {
		return err
	}
	o.Progress = cmd.ErrOrStderr()
	report := faults.Report{Options: o, Began: time.Now()}
	o.RateOnly = parts == "rate"
	if parts != "cost" && parts != "rate" {
		if report, err = faults.Run(cmd.Context(), o); err != nil {
			return err
		}
	}
	if parts != "faults" {
		costs, err := faults.Measure(cmd.Context(), o)
		if err != nil {
			return err
		}
		report.Costs = &costs
	}
	if err := report.Write(cmd.OutOrStdout()); err != nil {
		return err
	}
	if missed := report.Missed(); len(missed) > 0 {
		return errors.New("bars were missed:\n" + strings.Join(missed, "\n"))
	}
	if o.Keep {
		return nil
	}
	return os.RemoveAll(o.Dir)
}
