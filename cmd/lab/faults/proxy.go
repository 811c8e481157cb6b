package faults

import (
	"net"
	"sync"
	"time"
)

// proxy passes TCP connections on to the API server, and is where they break.
type proxy struct {
	listener net.Listener
	target   string

	mu     sync.Mutex
	refuse bool
	open   map[*net.TCPConn]bool // both ends of what is passed on
}

// newProxy listens on a free port of the loopback interface.
func newProxy(target string) (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{listener: l, target: target, open: map[*net.TCPConn]bool{}}
	go p.accept()
	return p, nil
}

func (p *proxy) address() string { return p.listener.Addr().String() }

func (p *proxy) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		go p.pass(conn.(*net.TCPConn))
	}
}

func (p *proxy) pass(client *net.TCPConn) {
	if !p.enter(client) {
		return
	}
	defer p.leave(client)
	conn, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	server := conn.(*net.TCPConn)
	if !p.enter(server) {
		return
	}
	defer p.leave(server)
	done := make(chan struct{}, 2)
	for _, way := range [][2]*net.TCPConn{{client, server}, {server, client}} {
		go func() {
			copyBursts(way[0], way[1]) // whoever breaks first ends both
			done <- struct{}{}
		}()
	}
	<-done
}

// The proxy shares the processors with what it is between. So it pauses when it has
// just passed something on, and takes all that has come by then.
const (
	burstPause = time.Millisecond
	burstSize  = 256 << 10 // bytes
)

// copyBursts copies until one side fails or ends.
func copyBursts(to, from *net.TCPConn) {
	buf := make([]byte, burstSize)
	for last := (time.Time{}); ; last = time.Now() {
		if time.Since(last) < burstPause {
			time.Sleep(burstPause)
		}
		n, err := from.Read(buf)
		if _, failed := to.Write(buf[:n]); err != nil || failed != nil {
			return
		}
	}
}

// enter takes a connection in, unless there is an outage.
func (p *proxy) enter(c *net.TCPConn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse {
		reset(c)
		return false
	}
	p.open[c] = true
	return true
}

func (p *proxy) leave(c *net.TCPConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open[c] {
		delete(p.open, c)
		_ = c.Close()
	}
}

// cut resets every connection.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		reset(c)
	}
	clear(p.open)
}

// down begins an outage: what is open is reset, what is opened as well.
func (p *proxy) down() {
	p.mu.Lock()
	p.refuse = true
	p.mu.Unlock()
	p.cut()
}

// up ends an outage.
func (p *proxy) up() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = false
}

func (p *proxy) close() {
	_ = p.listener.Close()
	p.cut()
}

func reset(c *net.TCPConn) {
	_ = c.SetLinger(0) // a reset, not an orderly end
	_ = c.Close()
}
