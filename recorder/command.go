package recorder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// CommandError says that everything was recorded and that the command failed.
type CommandError struct{ Code int }

// Error implements error.
func (e *CommandError) Error() string {
	return fmt.Sprintf("the command ended with exit code %d", e.Code)
}

// ExitCode is that of the command: the recorder passes it on.
func (e *CommandError) ExitCode() int { return e.Code }

// runCommand runs the command to its end and returns its exit code, as a shell
// has it: 128 and the signal if it was killed. When ctx ends, the command gets
// one SIGINT and is waited for; when abort ends, it is killed.
//
// It has a process group of its own. A Ctrl-C at the terminal would otherwise
// reach it twice, once from the terminal and once from here; and without it one
// that was sent to the recorder alone would never arrive. A process outside the
// terminal's foreground group cannot read from it, so it gets no terminal.
func runCommand(ctx, abort context.Context, o *Options, env []string) (int, error) {
	cmd := exec.Command(o.Command[0], o.Command[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = withoutTerminal(o.Stdin), o.Stdout, o.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("cannot run the command: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) // it may have ended by itself
		select {
		case err = <-ended:
		case <-abort.Done():
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			err = <-ended
		}
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 0, fmt.Errorf("the command's input or output failed: %w", err)
	}
	status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return cmd.ProcessState.ExitCode(), nil
}

func withoutTerminal(in io.Reader) io.Reader {
	f, ok := in.(*os.File)
	if !ok {
		return in
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice != 0 {
		return nil
	}
	return in
}
