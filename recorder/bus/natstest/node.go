package natstest

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// nodeEnv makes a process a node; its value is a node as JSON.
const nodeEnv = "HINDSIGHT_NATS_NODE"

// maxPayload lets every object of Kubernetes pass.
const maxPayload = 8 << 20

// node is one server of a cluster.
type node struct {
	Name   string
	Dir    string
	Client int    // port for clients
	Route  int    // port for the other nodes
	HTTP   int    // port that tells whether it is healthy
	Routes string // URLs of all nodes, separated by commas
}

// RunNode turns this process into a node when it was started as one, and then
// never returns. Call it first in main, or in TestMain.
func RunNode() {
	text := os.Getenv(nodeEnv)
	if text == "" {
		return
	}
	if err := runNode(text); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	os.Exit(0)
}

// runNode returns when the parent has ended.
func runNode(text string) error {
	var n node
	if err := json.Unmarshal([]byte(text), &n); err != nil {
		return err
	}
	o := &server.Options{
		ServerName: n.Name, Host: "127.0.0.1", Port: n.Client, HTTPHost: "127.0.0.1", HTTPPort: n.HTTP,
		JetStream: true, StoreDir: n.Dir, MaxPayload: maxPayload, NoSigs: true,
		LogFile: n.Dir + ".log", Logtime: true,
	}
	if n.Routes != "" {
		o.Cluster = server.ClusterOpts{Name: "hindsight", Host: "127.0.0.1", Port: n.Route}
		o.Routes = server.RoutesFromStr(n.Routes)
	}
	s, err := server.NewServer(o)
	if err != nil {
		return err
	}
	s.ConfigureLogger()
	s.Start()
	if !s.ReadyForConnections(30 * time.Second) {
		return fmt.Errorf("node %s does not start", n.Name)
	}
	// The parent never writes: reading ends when the parent does.
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
