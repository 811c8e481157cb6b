package cluster

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// port is a TCP port of 127.0.0.1 that is ours until release: the socket is
// bound but does not listen, so clients are refused while no server runs, and
// nobody else is given the port. The server shares it by SO_REUSEPORT.
type port struct {
	number int
	socket int
}

// reservePort picks a free port.
func reservePort() (*port, error) {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, fmt.Errorf("reserve a port: %w", os.NewSyscallError("socket", err))
	}
	unix.CloseOnExec(socket)
	number, err := bind(socket)
	if err != nil {
		_ = unix.Close(socket)
		return nil, fmt.Errorf("reserve a port: %w", err)
	}
	return &port{number, socket}, nil
}

func bind(socket int) (int, error) {
	if err := unix.SetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		return 0, os.NewSyscallError("setsockopt", err)
	}
	if err := unix.Bind(socket, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return 0, os.NewSyscallError("bind", err)
	}
	address, err := unix.Getsockname(socket)
	if err != nil {
		return 0, os.NewSyscallError("getsockname", err)
	}
	inet, ok := address.(*unix.SockaddrInet4)
	if !ok {
		return 0, fmt.Errorf("getsockname: %T is no IPv4 address", address)
	}
	return inet.Port, nil
}

// release gives the port back.
func (p *port) release() { _ = unix.Close(p.socket) }
