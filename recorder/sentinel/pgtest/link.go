package pgtest

import (
	"io"
	"net"
	"strconv"
	"sync"
	"testing"
)

// link is the way from a standby to its primary.
type link struct {
	port     int // where the standby connects to
	target   string
	listener net.Listener

	mu    sync.Mutex
	down  bool
	conns map[net.Conn]bool
	open  sync.WaitGroup
}

func newLink(t testing.TB, target int) *link {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &link{
		port: listener.Addr().(*net.TCPAddr).Port, target: net.JoinHostPort("127.0.0.1", strconv.Itoa(target)),
		listener: listener, conns: map[net.Conn]bool{},
	}
	l.open.Go(l.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		l.cut()
		l.open.Wait()
	})
	return l
}

func (l *link) accept() {
	for {
		near, err := l.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", l.target)
		if err != nil || !l.admit(near, far) {
			_ = near.Close()
			if err == nil {
				_ = far.Close()
			}
			continue
		}
		l.open.Go(func() { pour(near, far) })
		l.open.Go(func() { pour(far, near) })
	}
}

func (l *link) admit(conns ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return false
	}
	for _, c := range conns {
		l.conns[c] = true
	}
	return true
}

// pour copies until one side ends, and then ends the other.
func pour(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_ = to.Close()
	_ = from.Close()
}

func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = true
	for c := range l.conns {
		_ = c.Close()
	}
	clear(l.conns)
}

func (l *link) mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = false
}
