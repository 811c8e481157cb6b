package bus

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// embedded is the NATS server inside this process. It can be started anew: after
// a write that failed, as on a full disk, its streams refuse all others.
type embedded struct {
	dir    string
	listen string // host:port on the loopback interface; empty: nothing
	token  string // of whoever connects, when it listens

	mu     sync.Mutex
	server *server.Server
}

// tokenFile is where the token is for those who may connect, in the directory of
// the server.
const tokenFile = "token"

// ValidateListen checks an address for the embedded server to listen on. What is
// recorded is nobody's business but that of this machine: it must be loopback.
func ValidateListen(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("--nats-listen %q is not like 127.0.0.1:4222", address)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("--nats-listen %s: the built-in server listens on the loopback interface only, such as "+
			"127.0.0.1:4222; for other machines run a NATS server and name it with --nats", address)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Errorf("--nats-listen %s: the port is a number from 1 to 65535", address)
	}
	return nil
}

// open makes the server ready to be started: with a token where it listens.
func (e *embedded) open() error {
	if e.listen == "" {
		return nil
	}
	free, err := net.Listen("tcp", e.listen)
	if err != nil {
		return fmt.Errorf("the built-in NATS server cannot listen: %w; choose another port with --nats-listen", err)
	}
	e.token = rand.Text()
	if err := errors.Join(free.Close(), os.MkdirAll(e.dir, 0o700)); err != nil {
		return err
	}
	path := filepath.Join(e.dir, tokenFile)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.WriteFile(path, []byte(e.token), 0o600)
}

func (e *embedded) options() *server.Options {
	o := &server.Options{
		ServerName: "hindsight", DontListen: true, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: e.dir, MaxPayload: embeddedMaxPayload,
	}
	if e.listen != "" {
		host, port, _ := net.SplitHostPort(e.listen) // ValidateListen has seen it
		o.DontListen, o.Host, o.Authorization = false, host, e.token
		o.Port, _ = strconv.Atoi(port)
	}
	return o
}

// start starts the server.
func (e *embedded) start() error {
	s, err := server.NewServer(e.options())
	if err != nil {
		return fmt.Errorf("cannot start the built-in NATS server in %s: %w", e.dir, err)
	}
	e.mu.Lock()
	e.server = s
	e.mu.Unlock()
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		return fmt.Errorf("the built-in NATS server in %s did not start: is the directory writable, "+
			"is there space on its disk?", e.dir)
	}
	return nil
}

// stop stops the server. What it has stored stays.
func (e *embedded) stop() {
	e.mu.Lock()
	s := e.server
	e.server = nil
	e.mu.Unlock()
	if s != nil {
		s.Shutdown()
		s.WaitForShutdown()
	}
}

// restart stops the server and starts it with what it has stored. Its connections
// come back by themselves.
func (e *embedded) restart() error {
	e.stop()
	return e.start()
}

// InProcessConn implements nats.InProcessConnProvider.
func (e *embedded) InProcessConn() (net.Conn, error) {
	e.mu.Lock()
	s := e.server
	e.mu.Unlock()
	if s == nil {
		return nil, errors.New("the built-in NATS server is being started")
	}
	return s.InProcessConn()
}
