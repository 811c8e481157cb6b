package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// contender is a command that takes part.
type contender struct {
	name  string
	args  []string // the program first
	codes []int    // exit codes besides 0 that are answers
	// found reads what it found from its output; nil: it is not asked.
	found func(path string) ([]finding, error)
}

// errSlow is about a contender that was ended; its figure has no runs.
var errSlow = errors.New("was not ready in time")

// contest lets all take turns. It returns their figures, by name, and what they
// found in the first round.
func (b *bench) contest(all []contender) (map[string]figure, map[string][]finding, error) {
	samples, found := map[string][]sample{}, map[string][]finding{}
	spent := map[string]float64{}
	for round := range b.plan.rounds {
		if round%2 == 1 {
			slices.Reverse(all)
		}
		for _, c := range all {
			if spent[c.name] > b.plan.patience {
				continue
			}
			out := filepath.Join(b.dir, "stdout")
			s, err := b.time(c, out)
			if errors.Is(err, errSlow) {
				fmt.Fprintf(os.Stderr, "performance: %v\n", err)
				spent[c.name], samples[c.name] = math.Inf(1), nil
				continue
			}
			if err != nil {
				return nil, nil, err
			}
			spent[c.name] += s.Wall
			samples[c.name] = append(samples[c.name], s)
			if round == 0 && c.found != nil {
				if found[c.name], err = c.found(out); err != nil {
					return nil, nil, fmt.Errorf("%s: %w", c.name, err)
				}
			}
		}
	}
	figures := map[string]figure{}
	for name, s := range samples {
		figures[name] = figure{}
		if len(s) > 0 {
			figures[name] = figureOf(s)
		}
	}
	return figures, found, nil
}

// time runs a contender once; its output goes to a file. A small process of its own
// starts it, because a process inherits the peak memory of who starts it.
func (b *bench) time(c contender, out string) (sample, error) {
	into := filepath.Join(b.dir, "sample.json")
	args := append([]string{stepWord, "time", into, out}, c.args...)
	ctx, cancel := context.WithTimeout(b.ctx, b.plan.limit)
	defer cancel()
	cmd := b.command(ctx, b.tools.self, args...)
	if err := cmd.Run(); ctx.Err() == context.DeadlineExceeded {
		return sample{}, fmt.Errorf("%s %w (%s)", c.name, errSlow, b.plan.limit)
	} else if err != nil {
		return sample{}, fmt.Errorf("%s: %w", c.name, err)
	}
	text, err := os.ReadFile(into)
	if err != nil {
		return sample{}, err
	}
	var s sample
	if err := json.Unmarshal(text, &s); err != nil {
		return s, err
	}
	if s.Code != 0 && !slices.Contains(c.codes, s.Code) {
		return s, fmt.Errorf("%s ended with exit code %d: %v", c.name, s.Code, c.args)
	}
	return s, nil
}

// command is a child that is ended with all of its children.
func (b *bench) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	return cmd
}

// stepTime runs a command, and writes what it took.
func stepTime(ctx context.Context, args []string) (err error) {
	if len(args) < 3 {
		return errors.New("time needs a file for the sample, one for the output, and a command")
	}
	out, err := os.Create(args[1])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	cmd := exec.CommandContext(ctx, args[2], args[3:]...)
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	start := time.Now()
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err
	}
	s := sample{Wall: time.Since(start).Seconds(), Code: cmd.ProcessState.ExitCode()}
	s.CPU = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		s.Peak = float64(usage.Maxrss)
		if runtime.GOOS != "darwin" { // where it is in bytes already
			s.Peak *= 1024
		}
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return os.WriteFile(args[0], text, 0o644)
}
