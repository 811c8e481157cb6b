package faults

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a program under test that may be started again and again. What it
// writes is appended to files.
type process struct {
	args   []string
	env    []string
	out    string                // file for standard output
	spawn  func(*exec.Cmd) error // starts it; nil: as usual
	ending os.Signal             // asks it to end in order

	mu     sync.Mutex
	cmd    *exec.Cmd
	stderr *output
	gone   chan struct{} // closed when it has ended
	err    error         // of its end
	peak   int64         // bytes, over all its lives
	cpu    time.Duration // of its lives that have ended
}

// output keeps what a program says.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func (p *process) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	file, err := os.OpenFile(p.out, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.Size() > 0 {
		_, _ = file.WriteString("\n") // ends what a kill has cut; a full disk refuses it
	}
	p.stderr = &output{}
	p.cmd = exec.Command(p.args[0], p.args[1:]...)
	p.cmd.Env = append(os.Environ(), p.env...)
	p.cmd.Stdout, p.cmd.Stderr = file, p.stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C is for us
	spawn := p.spawn
	if spawn == nil {
		spawn = (*exec.Cmd).Start
	}
	if err := spawn(p.cmd); err != nil {
		return fmt.Errorf("start %s: %w", p.args[0], err)
	}
	p.gone = make(chan struct{})
	go p.attend(p.cmd, p.gone)
	return nil
}

// attend follows a life of the process to its end.
func (p *process) attend(cmd *exec.Cmd, gone chan struct{}) {
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.measure(cmd.Process.Pid)
		case err := <-ended:
			p.mu.Lock()
			p.err = err
			p.cpu += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
			keep(p.out+".stderr", p.stderr.String())
			p.mu.Unlock()
			close(gone)
			return
		}
	}
}

// keep appends what a program has said to a file, for who looks into a failure.
func keep(path, text string) {
	if file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err == nil {
		_, _ = file.WriteString(text + "--- ended\n")
		_ = file.Close()
	}
}

// measure takes the high-water mark of the memory, which the kernel keeps.
func (p *process) measure(pid int) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			p.mu.Lock()
			p.peak = max(p.peak, kib<<10)
			p.mu.Unlock()
		}
	}
}

// used returns the processor time so far.
func (p *process) used() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil || !p.alive() {
		return p.cpu
	}
	return p.cpu + cpuOf(p.cmd.Process.Pid)
}

// cpuOf reads the processor time of a living process: fields 14 and 15 of
// proc(5) stat, in hundredths of a second.
func cpuOf(pid int) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond
}

// alive is called with the lock held.
func (p *process) alive() bool {
	select {
	case <-p.gone:
		return false
	default:
		return true
	}
}

// running reports whether it has not ended.
func (p *process) running() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gone != nil && p.alive()
}

// says waits until the process has said something on standard error.
func (p *process) says(text string, timeout time.Duration) error {
	for deadline := time.Now().Add(timeout); ; time.Sleep(10 * time.Millisecond) {
		if strings.Contains(p.stderr.String(), text) {
			return nil
		}
		if !p.running() {
			return fmt.Errorf("%s ended: %w; it said:\n%s", p.args[0], p.err, p.stderr)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s did not say %q within %v; it said:\n%s", p.args[0], text, timeout, p.stderr)
		}
	}
}

// kill ends it at once.
func (p *process) kill() {
	if p.running() {
		p.measure(p.cmd.Process.Pid)
	}
	_ = p.cmd.Process.Kill() // it may have ended by itself
	<-p.gone
}

// end asks it to end in order, and waits for that.
func (p *process) end(timeout time.Duration) error {
	if !p.running() {
		return nil
	}
	_ = p.cmd.Process.Signal(p.ending) // it may have ended by itself
	select {
	case <-p.gone:
	case <-time.After(timeout):
		p.kill()
		return fmt.Errorf("%s did not end within %v; it said:\n%s", p.args[0], timeout, p.stderr)
	}
	return nil
}

// lastWords is how it ended, and the last line that it has said.
func (p *process) lastWords() string {
	lines := strings.Split(strings.TrimSpace(p.stderr.String()), "\n")
	last := lines[len(lines)-1]
	if last == "" {
		last = "without a word"
	}
	return fmt.Sprintf("%v, %s", p.cmd.ProcessState, last)
}
