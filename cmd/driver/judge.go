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
	"slices"

	"github.com/hindsight-project/hindsight/drivers"
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
