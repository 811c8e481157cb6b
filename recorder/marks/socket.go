package marks

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
)

// EnvSocket is the environment variable in which a wrapped command finds the
// socket of its recorder.
const EnvSocket = "HINDSIGHT_MARKS"

// SocketPath returns where the recorder that writes a trace listens.
func SocketPath(trace string) string { return filepath.Join(trace+".marks", "socket") }

// maxSocket is what every Unix takes as the path of a socket, in bytes.
const maxSocket = 103

// withShortPath calls use with a path of the socket that the system takes,
// however long its real one is.
func withShortPath(path string, use func(path string) error) error {
	if len(path) <= maxSocket {
		return use(path)
	}
	if runtime.GOOS != "linux" {
		return fmt.Errorf("the path %s is longer than the %d bytes that a socket may have here: "+
			"put the trace into a directory with a shorter name", path, maxSocket)
	}
	directory, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(use(fmt.Sprintf("/proc/self/fd/%d/%s", directory.Fd(), filepath.Base(path))), directory.Close())
}

// listenSocket makes the socket in a directory of its own: whoever may not enter
// that cannot connect, not even before the socket has its mode.
func listenSocket(path string) (net.Listener, error) {
	directory := filepath.Dir(path)
	if err := os.RemoveAll(directory); err != nil { // of a recorder that was killed: ours holds the trace
		return nil, err
	}
	if err := os.Mkdir(directory, 0o700); err != nil {
		return nil, err
	}
	var l net.Listener
	err := withShortPath(path, func(short string) (err error) {
		l, err = net.Listen("unix", short)
		return err
	})
	if err == nil {
		l.(*net.UnixListener).SetUnlinkOnClose(false) // its short path means nothing any more
		err = os.Chmod(path, 0o600)
	}
	if err != nil {
		return nil, errors.Join(err, closeListener(l), os.RemoveAll(directory))
	}
	return l, nil
}

func closeListener(l net.Listener) error {
	if l == nil {
		return nil
	}
	return l.Close()
}

// dialSocket connects to the socket of a recorder.
func dialSocket(ctx context.Context, path string) (net.Conn, error) {
	var c net.Conn
	err := withShortPath(path, func(short string) (err error) {
		var d net.Dialer
		c, err = d.DialContext(ctx, "unix", short)
		return err
	})
	return c, err
}
