package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hindsight-project/hindsight/drivers"
	"github.com/hindsight-project/hindsight/drivers/scenarios"
	"github.com/hindsight-project/hindsight/drivers/target"
)

// answer is what is read of the verifier's JSON.
type answer struct {
	Verdict string
	Traces  []answered
}

// answered is what the verifier says of one trace.
type answered struct {
	Policies  []struct{ ID, Verdict string }
	Diagnoses []struct{ Policy string }
}

func newJudgeCommand() *cobra.Command {
	var dir, verifier string
	var flags []string
	cmd := &cobra.Command{
		Use:   "judge DIR",
		Short: "Ask the verifier anew about the traces that driver run --record DIR left",
		Long: `judge asks the verifier about every trace in a folder that has a result there, as
driver run --check does, and writes the judgements into the results: after the
policies have changed, or where nobody has asked yet.`,
		Example: `  driver judge traces && driver table traces >docs/scenarios.md`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if verifier, err = program("verifier", verifier); err != nil {
				return err
			}
			all, err := known(dir)
			if err != nil {
				return err
			}
			return judgeAll(cmd, args[0], all, verifier, flags)
		},
	}
	cmd.Flags().StringVar(&dir, "scenarios", "", "folder with further scenarios")
	cmd.Flags().StringVar(&verifier, "verifier", "",
		"program of the verifier (default: beside the driver, else in the path)")
	cmd.Flags().StringArrayVar(&flags, "verifier-flag", nil, "further flag of verifier check (repeatable)")
	return cmd
}

func judgeAll(cmd *cobra.Command, dir string, all []*scenarios.Scenario, verifier string, flags []string) error {
	found, err := resultsIn(dir)
	if err != nil {
		return err
	}
	for _, file := range slices.Sorted(maps.Keys(found)) {
		result := found[file]
		at := slices.IndexFunc(all, func(s *scenarios.Scenario) bool { return s.Name == result.Scenario })
		if at < 0 {
			return fmt.Errorf("%s: there is no scenario %s: name its folder with --scenarios", file, result.Scenario)
		}
		if result.Trace == "" {
			continue
		}
		run := drivers.New(all[at], result.Topology, &drivers.Options{
			Offers: target.Offers{Dynamic: result.Sizing == "dynamic"},
		})
		trace := filepath.Join(dir, filepath.Base(result.Trace))
		base := strings.TrimSuffix(trace, ".trace.db")
		if result.Judgement, err = judge(cmd.Context(), verifier, flags, run, trace, base); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if err := result.Write(file); err != nil {
			return err
		}
		cmd.PrintErrf("%s: %s\n", run.Name(), result.Judgement.Verdict)
	}
	return nil
}

// judge asks the verifier about the trace of a run, and keeps its report as text
// and as JSON beside the trace.
func judge(ctx context.Context, verifier string, flags []string, r *drivers.Run, trace, base string,
) (*drivers.Judgement, error) {
	args := append([]string{"check", trace, "--ci-class", r.Scenario.Class}, flags...)
	allowed := r.Allowed()
	for _, id := range slices.Sorted(maps.Keys(allowed)) {
		args = append(args, "--allow", "vacuous="+id)
	}
	text, _, err := run(ctx, verifier, args)
	if err == nil {
		err = os.WriteFile(base+".verdict.txt", text, 0o644)
	}
	if err != nil {
		return nil, err
	}
	out, code, err := run(ctx, verifier, append(args, "-o", "json"))
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(base+".verdict.json", out, 0o644); err != nil {
		return nil, err
	}
	var said answer
	if err := json.Unmarshal(out, &said); err != nil || len(said.Traces) != 1 {
		return nil, fmt.Errorf("the verifier said something else than a verdict about one trace: %w", err)
	}
	j := judgement(said, code, r.Scenario.Demands(r.Topology))
	j.Allowed = allowed
	return j, nil
}

func judgement(said answer, code int, demanded []string) *drivers.Judgement {
	j := &drivers.Judgement{
		Exit: code, Verdict: said.Verdict, Demanded: map[string]string{}, Counts: map[string]int{},
	}
	for _, p := range said.Traces[0].Policies {
		j.Counts[p.Verdict]++
		if slices.Contains(demanded, p.ID) {
			j.Demanded[p.ID] = p.Verdict
		}
	}
	for _, d := range said.Traces[0].Diagnoses {
		if !slices.Contains(j.Diagnoses, d.Policy) {
			j.Diagnoses = append(j.Diagnoses, d.Policy)
		}
	}
	return j
}

// run returns what a verifier printed and its exit code. That it could not judge
// is an error.
func run(ctx context.Context, verifier string, args []string) ([]byte, int, error) {
	cmd := exec.CommandContext(context.WithoutCancel(ctx), verifier, args...)
	var out, failure bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &failure
	err := cmd.Run()
	var exited *exec.ExitError
	if errors.As(err, &exited) && exited.ExitCode() != drivers.ExitCannot {
		return out.Bytes(), exited.ExitCode(), nil
	}
	if err != nil {
		err = fmt.Errorf("the verifier could not judge: %w: %s", err, bytes.TrimSpace(failure.Bytes()))
	}
	return out.Bytes(), drivers.ExitDone, err
}
