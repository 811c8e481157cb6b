package bus

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// embedded is the NATS server inside this process. It can be started anew: after
// a write that failed, as on a full disk, its streams refuse all others.
type embedded struct {
	dir string

	mu     sync.Mutex
	server *server.Server
}

// start starts the server. It listens on nothing.
func (e *embedded) start() error {
	s, err := server.NewServer(&server.Options{
		ServerName: "hindsight", DontListen: true, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: e.dir, MaxPayload: embeddedMaxPayload,
	})
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
