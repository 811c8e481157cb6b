package faults

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// helperEnv makes this program a helper of the suite; its value says which.
const helperEnv = "HINDSIGHT_LAB_FAULTS"

// RunHelper turns this process into a helper of the suite when it was started
// as one, and then never returns. Call it first in main, or in TestMain.
func RunHelper() {
	if dir := os.Getenv(helperEnv); dir != "" {
		os.Exit(holdDisk(dir))
	}
}

// diskSize is that of the small disk.
const diskSize = "512m"

// disk is a small file system that can be full. It is a tmpfs in namespaces of
// its own, for which nobody has to be root: a helper mounts it and stays, and
// everybody reaches it through the helper's root.
type disk struct {
	helper *exec.Cmd
	stdin  io.Closer
	path   string // of the disk, for us
}

func newDisk(dir string) (*disk, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	mount := filepath.Join(dir, "disk")
	if err := os.MkdirAll(mount, 0o700); err != nil {
		return nil, err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), helperEnv+"="+mount)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid:     true,
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoDisk, err)
	}
	d := &disk{cmd, stdin, fmt.Sprintf("/proc/%d/root%s", cmd.Process.Pid, mount)}
	said, _ := bufio.NewReader(stdout).ReadString('\n')
	if strings.TrimSpace(said) != "ready" {
		d.close()
		return nil, fmt.Errorf("%w: %s", errNoDisk, strings.TrimSpace(said))
	}
	return d, nil
}

// holdDisk is the helper: it mounts the disk and stays until nobody needs it.
func holdDisk(dir string) int {
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+diskSize); err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}

// fill leaves no room on the disk.
func (d *disk) fill() error {
	file, err := os.Create(filepath.Join(d.path, "ballast"))
	if err != nil {
		return err
	}
	block := make([]byte, 1<<20)
	for len(block) > 0 {
		if _, err := file.Write(block); errors.Is(err, syscall.ENOSPC) {
			block = block[:len(block)/2]
		} else if err != nil {
			return errors.Join(err, file.Close())
		}
	}
	return file.Close()
}

// free makes room again.
func (d *disk) free() error { return os.Remove(filepath.Join(d.path, "ballast")) }

func (d *disk) close() {
	_ = d.stdin.Close()
	_ = d.helper.Wait()
}

// onSmallDisk puts the files of the programs on a small disk.
func onSmallDisk(s *stage, with *setup) error {
	d, err := newDisk(s.dir)
	if err != nil {
		return err
	}
	s.disk, with.dir = d, d.path
	with.cleanup = append(with.cleanup, d.close)
	return nil
}
