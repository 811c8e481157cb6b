package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hindsight-project/hindsight/verifier/ledger"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// ledgerOptions are the flags of ledger.
type ledgerOptions struct {
	policyFlags
	streams
	catalogue   string
	cache       string
	outputs     []string
	environment []string
	about       ledger.About
}

func newLedger(s streams) *cobra.Command {
	o := ledgerOptions{streams: s}
	cmd := &cobra.Command{
		Use:   "ledger DIR|FILE…",
		Short: "Fold many runs into a flakiness table and a regression ledger",
		Long: `ledger reads any number of traces (.db), which it judges, and of reports of suites
without a trace (JSON of Ginkgo, JUnit XML), and writes how each test did over all
runs: passes, failures and skips with an assessment, what regressed, what was fixed
and why, which requirements are covered, and whether the exit criteria are met.

A directory with a run.yaml is one run, with all reports and traces in it; run.yaml
says date, branch, commit, command and environment. Any other file is a run of its
own, of which the flags say the same. A ledger.yaml in a directory that is named
(or --catalogue) has other names of tests, notes and counts without a run. The
documentation of package verifier/ledger has these files and all rules.

With --cache, what was found in a trace is kept, by its digest and by the policies:
a new run costs its own time, other policies judge all of it anew, and the ledger
says which verdicts they changed.

Exit codes:
  0    the ledger was written
  2    could not run: usage, policies, catalogue; or a source could not be read:
       the ledger has all others, and says which and why
  130  interrupted`,
		Example: `  # the history of a suite, as Markdown to commit
  verifier ledger runs/ -o markdown=ledger.md

  # all forms at once, judging only what is new
  verifier ledger runs/ --cache .ledger -o markdown=ledger.md -o json=ledger.json -o html=ledger.html

  # some traces and an old report, by hand
  verifier ledger growth.db node-drain.db report.xml --date 2026-02-13 --commit 0cf8f93d1 --environment provider=azure`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("ledger needs traces, reports or directories of them, such as: verifier ledger runs/")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args) },
	}
	o.bind(cmd)
	f := cmd.Flags()
	f.StringArrayVarP(&o.outputs, "output", "o", []string{ledger.Formats()[0].Name},
		"form, and the file to write it to: `FORM[=FILE]`, FORM one of markdown, json, html; repeatable")
	f.StringVar(&o.catalogue, "catalogue", "",
		"`FILE` of tests, notes and thresholds (default: ledger.yaml of a directory that is named)")
	f.StringVar(&o.cache, "cache", "", "`DIR` in which what was found in traces is kept")
	f.StringVar(&o.about.Date, "date", "",
		"when files without run.yaml ran, such as 2026-02-12 or \"2026-02-12 21:34 UTC\"")
	f.StringVar(&o.about.Branch, "branch", "", "branch that files without run.yaml tested")
	f.StringVar(&o.about.Commit, "commit", "", "commit that files without run.yaml tested")
	f.StringVar(&o.about.Command, "command", "", "command that ran them")
	f.StringArrayVar(&o.environment, "environment", nil,
		"where files without run.yaml ran, as `KEY=VALUE`: provider, storage_class, kubernetes, operator …; repeatable")
	return cmd
}

// ledgerOutput is a form and where it goes.
type ledgerOutput struct {
	format ledger.Format
	file   string // empty: standard output
}

// complete turns the flags into what run needs, and refuses what makes no sense.
func (o *ledgerOptions) complete() ([]ledgerOutput, error) {
	var outputs []ledgerOutput
	stdout := 0
	for _, text := range o.outputs {
		name, file, _ := strings.Cut(text, "=")
		format, err := ledger.Named(name)
		if err != nil {
			return nil, err
		}
		if file == "" {
			stdout++
		}
		outputs = append(outputs, ledgerOutput{format, file})
	}
	if stdout > 1 {
		return nil, errors.New("only one form can go to standard output: name files, as in -o json=ledger.json")
	}
	o.about.Environment = map[string]string{}
	for _, text := range o.environment {
		key, value, ok := strings.Cut(text, "=")
		if !ok || key == "" || value == "" {
			return nil, fmt.Errorf("--environment %s: want KEY=VALUE, such as provider=azure", text)
		}
		o.about.Environment[key] = value
	}
	return outputs, nil
}

func (o *ledgerOptions) run(ctx context.Context, paths []string) error {
	outputs, err := o.complete()
	if err != nil {
		return err
	}
	catalogue, err := ledger.ReadCatalogue(o.catalogue, paths)
	if err != nil {
		return err
	}
	program, err := programDigest()
	if err != nil {
		return err
	}
	l, err := ledger.Make(ctx, paths, ledger.Options{
		Options: o.policyFlags.options(), Catalogue: catalogue, About: o.about, Cache: o.cache, Program: program,
	})
	if err != nil {
		return err
	}
	for _, out := range outputs {
		if err := out.write(o.out, l); err != nil {
			return fmt.Errorf("write the ledger: %w", err)
		}
	}
	for _, p := range l.Problems {
		fmt.Fprintf(o.err, "verifier: %s: %s\n", p.File, p.Text)
	}
	if len(l.Problems) > 0 {
		fmt.Fprintln(o.err, "verifier: the ledger is of all other sources")
		return exitCode(verdict.ExitFailed)
	}
	return nil
}

// write writes one form. A file is replaced only when all of it is there.
func (w ledgerOutput) write(stdout io.Writer, l *ledger.Ledger) error {
	if w.file == "" {
		return w.format.Write(stdout, l)
	}
	var text bytes.Buffer
	if err := w.format.Write(&text, l); err != nil {
		return err
	}
	return os.WriteFile(w.file, text.Bytes(), 0o644)
}

// programDigest identifies the program that judges: by its commit where that is
// known exactly, else by the program itself.
func programDigest() (string, error) {
	revision, modified := "", true
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				revision = s.Value
			case "vcs.modified":
				modified = s.Value != "false"
			}
		}
	}
	if revision != "" && !modified {
		return revision, nil
	}
	name, err := os.Executable()
	if err != nil {
		return "", err
	}
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	_, err = io.Copy(sum, f)
	return hex.EncodeToString(sum.Sum(nil)), errors.Join(err, f.Close())
}
