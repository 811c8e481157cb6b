package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/hindsight-project/hindsight/drivers"
	"github.com/hindsight-project/hindsight/recorder/marks"
)

// program finds another program of ours: beside this one, else in the path.
func program(name, given string) (string, error) {
	if given != "" {
		return given, nil
	}
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	beside := filepath.Join(filepath.Dir(self), name)
	if _, err := os.Stat(beside); err == nil {
		return beside, nil
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("there is no %s beside %s and none in the path: make build, or name it with --%s",
			name, self, name)
	}
	return path, nil
}

// around is the recording that somebody else has started around this process.
type around struct{ client *marks.Client }

// Send implements drivers.Recording.
func (a around) Send(ctx context.Context, m marks.Mark) error {
	_, err := a.client.Send(ctx, m)
	return err
}

// End implements drivers.Recording: it goes on.
func (a around) End(context.Context) (string, error) {
	a.client.Close()
	return "", nil
}

// own is a recorder that the driver has started for one run.
type own struct {
	around
	process *exec.Cmd
	hold    io.WriteCloser // what the held command waits for
	log     *os.File
	trace   string
}

// startup is how long a recorder may take until it takes marks.
const startup = 2 * time.Minute

// sayDone is what "driver hold" waits for.
const sayDone = "done\n"

// record starts a recorder for a run.
func record(
	ctx context.Context, recorder string, flags []string, r *drivers.Run, base string,
) (drivers.Recording, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	o := &own{trace: base + ".trace.db"}
	if o.log, err = os.Create(base + ".recorder.log"); err != nil {
		return nil, err
	}
	// A Cluster that is restored from a snapshot has the sentinel's rows of the other one.
	args := append([]string{
		"attach", "-n", r.Target.Namespace, "-o", o.trace, "--sentinel-cluster=" + r.Target.Name,
	}, flags...)
	o.process = exec.Command(recorder, append(args, "--", self, "hold")...)
	// A Ctrl-C at the terminal is for the driver, which ends the recorder in order.
	o.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	o.process.Stdout, o.process.Stderr = o.log, o.log
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	o.process.Stdin, o.hold = read, write
	if err := o.process.Start(); err != nil {
		return nil, fmt.Errorf("cannot start the recorder: %w", err)
	}
	if err := read.Close(); err != nil {
		return nil, err
	}
	return o, o.untilReady(ctx)
}

// untilReady waits until the recorder takes marks: then it watches.
func (o *own) untilReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startup)
	defer cancel()
	client, err := marks.Find(marks.Where{Trace: o.trace})
	if err != nil {
		return err
	}
	o.client = client
	for {
		err := o.Send(ctx, marks.Mark{Phase: marks.RunStart, Note: "driver run"})
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the recorder does not start, see %s: %w", o.log.Name(), err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// End implements drivers.Recording.
func (o *own) End(ctx context.Context) (string, error) {
	said := o.Send(ctx, marks.Mark{Phase: marks.RunEnd, Note: "driver run"})
	o.client.Close()
	_, err := io.WriteString(o.hold, sayDone)
	err = errors.Join(said, err, o.hold.Close(), o.process.Wait(), o.log.Close())
	if err != nil {
		return o.trace, fmt.Errorf("the recording did not end in order, see %s: %w", o.log.Name(), err)
	}
	return o.trace, nil
}

func newHoldCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "hold",
		Short:  "What a recorder runs for a driver: ends when the driver has, and marks a run that was cut",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// Whoever ends the recorder by a signal ends this as well.
			line, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
			if line == sayDone || err != nil && !errors.Is(err, io.EOF) {
				return err
			}
			client, err := marks.Find(marks.Where{})
			if err != nil {
				return err
			}
			defer client.Close()
			ctx, cancel := context.WithTimeout(cmd.Context(), marks.Timeout)
			defer cancel()
			_, err = client.Send(ctx, marks.Mark{
				Phase: marks.RunEnd, Note: "the driver died: what it was doing was cut",
				More: map[string]any{"outcome": string(drivers.Cut)},
			})
			return err
		},
	}
}
