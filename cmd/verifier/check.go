package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hindsight-project/hindsight/verifier"
	"github.com/hindsight-project/hindsight/verifier/fleet"
	"github.com/hindsight-project/hindsight/verifier/verdict"
	"github.com/hindsight-project/hindsight/verifier/waiver"
)

// policyFlags choose the policies and their parameters.
type policyFlags struct {
	dir     string
	ciClass string
	params  []string
}

func (f *policyFlags) bind(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.dir, "policies", "", "directory of policies (default: those built in)")
	cmd.Flags().StringVar(&f.ciClass, "ci-class", "", "profile of the thresholds: medium or slow (default medium)")
	cmd.Flags().StringArrayVar(&f.params, "param", nil, "override one threshold, as `POLICY.NAME=VALUE`; repeatable")
}

// options returns the options that the flags stand for.
func (f *policyFlags) options() verifier.Options {
	o := verifier.Options{CIClass: f.ciClass, Params: f.params}
	if dir, err := os.UserCacheDir(); err == nil {
		o.Cache = filepath.Join(dir, "hindsight")
	}
	if f.dir != "" {
		o.Policies, o.Root = os.DirFS(f.dir), f.dir
	}
	return o
}

// checkOptions are the flags of check.
type checkOptions struct {
	policyFlags
	streams
	only    []string
	require []string
	allow   []string
	waivers string
	outputFlags
	fleet fleetFlags

	allowances []verdict.Allowance
	waived     []verdict.Waiver
}

func newCheck(s streams) *cobra.Command {
	o := checkOptions{streams: s}
	cmd := &cobra.Command{
		Use:   "check TRACE…",
		Short: "Judge traces and print the verdict",
		Long: `check asks the policies about every trace and prints what it found: first what is
violated, with the events that show it; then what the recording cannot decide;
then what held, and how often it was put to the test. Policies of single scenarios
count only if the trace exercises them, or declares that it does (a mark with
"requirement", a spec of a suite, --require): a drain says nothing about backups.
- reads a trace from standard input, a directory is all traces (*.db) below it.

Output formats:
` + formatTable() + `

Exit codes:
  0    every policy held, or what did not was allowed or waived by name
  1    violated
  2    could not run: usage, policies or a trace that cannot be read, a policy that failed
  3    not violated, but inconclusive or vacuous
  130  interrupted`,
		Example: `  # one trace, by the policies that are built in
  verifier check growth.db

  # the story of a run: what happened, what broke first, whose fault, what next
  verifier check --explain growth.db

  # several traces, for a script
  verifier check -o json growth.db node-drain.db

  # your own policies, and one of them only
  verifier check --policies policies/ --policy policy-bounds growth.db

  # slow storage, one threshold of your own
  verifier check --ci-class slow --param policy-bounds.reach_ns=600000000000 growth.db

  # a run that claims to have drained a node while a volume grew
  verifier check --require scenario-node-drain node-drain.db

  # a run that is known to have no disruption
  verifier check --allow vacuous=convergence-resumes growth.db

  # what is known and owned by somebody, until a day
  verifier check --waivers waivers.yaml growth.db

  # for people, and for the CI system
  verifier check growth.db -o text -o junit=report.xml -o markdown=comment.md

  # all traces of a year, on as many machines as there are workers
  verifier check --nats tls://nats.example.com:4222 --nats-creds check.creds -o json=year.json runs/2026/

  # from a pipe
  verifier check - < growth.db`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("check needs a trace file, such as: verifier check growth.db")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.complete(args); err != nil {
				return err
			}
			return o.run(cmd.Context(), args)
		},
	}
	o.policyFlags.bind(cmd)
	cmd.Flags().StringArrayVar(&o.only, "policy", nil, "ask this policy only, by its `ID`; repeatable")
	cmd.Flags().StringArrayVar(&o.require, "require", nil,
		"demand of every trace that it exercises this policy, by its `ID`; repeatable")
	cmd.Flags().StringArrayVar(&o.allow, "allow", nil,
		"let a policy pass that is vacuous or inconclusive, as `VERDICT=ID`; repeatable, shown in the report")
	cmd.Flags().StringVar(&o.waivers, "waivers", "",
		"`FILE` of waivers, each with policy, verdict, owner, reason and expires; shown in the report")
	o.outputFlags.bind(cmd)
	o.fleet.bind(cmd, "let workers judge (verifier worker), over the JetStream cluster at this `URL`")
	return cmd
}

// complete turns the flags into what run needs, and refuses what makes no sense.
func (o *checkOptions) complete(paths []string) error {
	if err := o.outputFlags.complete(); err != nil {
		return err
	}
	for _, a := range o.allow {
		allowance, err := parseAllowance(a)
		if err != nil {
			return err
		}
		o.allowances = append(o.allowances, allowance)
	}
	if err := o.readWaivers(); err != nil {
		return err
	}
	stdin := 0
	for _, path := range paths {
		if path == verifier.Stdin {
			stdin++
		}
	}
	if stdin > 1 {
		return errors.New("standard input (-) holds one trace, it is named twice")
	}
	return nil
}

func (o *checkOptions) readWaivers() error {
	if o.waivers == "" {
		return nil
	}
	text, err := os.ReadFile(o.waivers)
	if err != nil {
		return fmt.Errorf("waivers: %w", err)
	}
	if o.waived, err = waiver.Parse(o.waivers, text); err != nil {
		return fmt.Errorf("the waivers cannot be used:\n%w", err)
	}
	return nil
}

func parseAllowance(text string) (verdict.Allowance, error) {
	word, id, ok := strings.Cut(text, "=")
	level, err := verdict.ParseLevel(word)
	if !ok || id == "" || err != nil || (level != verdict.Vacuous && level != verdict.Inconclusive) {
		return verdict.Allowance{}, fmt.Errorf("--allow %s: want vacuous=ID or inconclusive=ID", text)
	}
	return verdict.Allowance{Verdict: level, Policy: id}, nil
}

func (o *checkOptions) run(ctx context.Context, paths []string) error {
	options := o.policyFlags.options()
	options.Require = o.require
	options.Only, options.Allow, options.Stdin = o.only, o.allowances, o.in
	options.Waivers, options.Today = o.waived, time.Now()
	options.Story = o.outputFlags.tellsStory()
	paths, err := verifier.Find(paths)
	if err != nil {
		return err
	}
	limitMemory(paths)
	run, err := o.judge(ctx, paths, options)
	if err != nil {
		return err
	}
	if err := o.outputFlags.write(o.streams, run); err != nil {
		return err
	}
	if run.ExitCode != verdict.ExitHeld {
		return exitCode(run.ExitCode)
	}
	return nil
}

// judge judges here, or lets a fleet do it.
func (o *checkOptions) judge(ctx context.Context, paths []string, options verifier.Options) (verdict.Run, error) {
	if o.fleet.nats.URL == "" {
		return verifier.Check(ctx, paths, options)
	}
	js, closeConnection, err := o.fleet.connect(o.streams, "hindsight check")
	if err != nil {
		return verdict.Run{}, err
	}
	defer closeConnection()
	return fleet.Check(ctx, js, paths, options, fleet.CheckOptions{Replicas: o.fleet.replicas, Notify: o.streams.notify})
}
