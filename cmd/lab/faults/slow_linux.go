package faults

import (
	"fmt"
	"os/exec"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// syncDelay is how much longer a sync takes on the slow disk.
const syncDelay = 200 * time.Millisecond

// onSlowDisk holds up every fsync and fdatasync of the recorder. The kernel asks
// us before it lets them through (seccomp user notification, seccomp_unotify(2)),
// so the recorder is the real one, and nobody has to be root.
func onSlowDisk(_ *stage, with *setup) error {
	with.spawn = spawnSlow
	return nil
}

// spawnSlow starts a program whose syncs are slow. A filter holds for the thread
// that sets it and what it starts; so a thread is given up for it.
func spawnSlow(cmd *exec.Cmd) error {
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		listener, err := installFilter()
		if err != nil {
			started <- fmt.Errorf("%w: %w", errNoSlowDisk, err)
			return
		}
		err = cmd.Start()
		started <- err
		if err == nil {
			go holdUp(listener)
		}
	}()
	return <-started
}

// installFilter makes the kernel ask about the syncs of this thread, and returns
// the descriptor on which it does.
func installFilter() (int, error) {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return 0, err
	}
	// struct seccomp_data begins with the number of the system call.
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_FSYNC, Jt: 1},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_FDATASYNC, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_USER_NOTIF},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
		unix.SECCOMP_FILTER_FLAG_NEW_LISTENER, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return 0, errno
	}
	return int(fd), nil
}

// notification and reply are struct seccomp_notif and seccomp_notif_resp.
type notification struct {
	id    uint64
	pid   uint32
	flags uint32
	data  [64]byte // struct seccomp_data
}

type reply struct {
	id    uint64
	value int64
	errno int32
	flags uint32
}

// The requests of ioctl(2) for them, and the flag that lets a call through.
const (
	ioctlReceive = 0xc0502100
	ioctlSend    = 0xc0182101
	letThrough   = 1
)

// holdUp lets every sync through after the delay, until the program has ended.
func holdUp(listener int) {
	defer unix.Close(listener)
	for {
		poll := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}
		if _, err := unix.Poll(poll, -1); err != nil && err != unix.EINTR {
			return
		}
		if poll[0].Revents&unix.POLLHUP != 0 {
			return
		}
		if poll[0].Revents&unix.POLLIN == 0 {
			continue
		}
		var n notification
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(listener), ioctlReceive,
			uintptr(unsafe.Pointer(&n))); errno != 0 {
			continue // the caller was killed meanwhile
		}
		time.AfterFunc(syncDelay, func() {
			r := reply{id: n.id, flags: letThrough}
			_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(listener), ioctlSend, uintptr(unsafe.Pointer(&r)))
		})
	}
}
