package natstest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// startTimeout is generous: several tests may share the machine.
const startTimeout = time.Minute

// Cluster is a running cluster. It is not safe for concurrent use.
type Cluster struct {
	nodes     []node
	processes []*process // nil: not running
}

type process struct {
	cmd      *exec.Cmd
	lifeline io.Closer
}

// Start starts n nodes that keep their data below dir and waits until they are
// healthy.
func Start(ctx context.Context, dir string, n int) (*Cluster, error) {
	ports, err := freePorts(3 * n)
	if err != nil {
		return nil, err
	}
	c := &Cluster{processes: make([]*process, n)}
	var routes []string
	for i := range n {
		name := fmt.Sprintf("node-%d", i)
		c.nodes = append(c.nodes, node{
			Name: name, Dir: filepath.Join(dir, name), Client: ports[3*i], Route: ports[3*i+1], HTTP: ports[3*i+2],
		})
		routes = append(routes, fmt.Sprintf("nats://127.0.0.1:%d", c.nodes[i].Route))
	}
	for i := range n {
		if n > 1 {
			c.nodes[i].Routes = strings.Join(routes, ",")
		}
		err = errors.Join(err, c.spawn(i))
	}
	for i := range n {
		err = errors.Join(err, c.healthy(ctx, i))
	}
	if err != nil {
		c.Stop()
		return nil, err
	}
	return c, nil
}

// freePorts returns ports that nobody listens on at this moment.
func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // not before all are chosen, so that they differ
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// URL names all nodes, for clients.
func (c *Cluster) URL() string {
	var urls []string
	for _, n := range c.nodes {
		urls = append(urls, fmt.Sprintf("nats://127.0.0.1:%d", n.Client))
	}
	return strings.Join(urls, ",")
}

// Node returns the number of the node with a name, as the server gives the
// leader of a stream; -1: there is none.
func (c *Cluster) Node(name string) int {
	for i, n := range c.nodes {
		if n.Name == name {
			return i
		}
	}
	return -1
}

// Kill ends a node as kill -9 does.
func (c *Cluster) Kill(i int) {
	p := c.processes[i]
	if p == nil {
		return
	}
	_ = p.cmd.Process.Kill()
	_ = p.lifeline.Close()
	_ = p.cmd.Wait() // how it ended is known
	c.processes[i] = nil
}

// Restart starts a node that was killed, and waits until it is healthy: it has
// caught up with the others.
func (c *Cluster) Restart(ctx context.Context, i int) error {
	if err := c.spawn(i); err != nil {
		return err
	}
	return c.healthy(ctx, i)
}

// Stop ends all nodes.
func (c *Cluster) Stop() {
	for i := range c.nodes {
		c.Kill(i)
	}
}

func (c *Cluster) spawn(i int) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	config, err := json.Marshal(c.nodes[i])
	if err != nil {
		return err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), nodeEnv+"="+string(config))
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C on the terminal is for us
	lifeline, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", c.nodes[i].Name, err)
	}
	c.processes[i] = &process{cmd, lifeline}
	return nil
}

// healthy waits until a node says so of itself, and knows a leader.
func (c *Cluster) healthy(ctx context.Context, i int) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		said := c.complaint(ctx, i)
		if said == "" {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is not healthy after %s: %s", c.nodes[i].Name, startTimeout, said)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// complaint says what is wrong with a node, or nothing.
func (c *Cluster) complaint(ctx context.Context, i int) string {
	if _, err := c.ask(ctx, i, "healthz"); err != nil {
		return err.Error()
	}
	text, err := c.ask(ctx, i, "jsz")
	if err != nil {
		return err.Error()
	}
	var state struct {
		Meta struct {
			Leader string `json:"leader"`
			Size   int    `json:"cluster_size"`
		} `json:"meta_cluster"`
	}
	if err := json.Unmarshal(text, &state); err != nil {
		return err.Error()
	}
	if len(c.nodes) > 1 && (state.Meta.Leader == "" || state.Meta.Size != len(c.nodes)) {
		return fmt.Sprintf("it knows %d nodes, and as their leader %q", state.Meta.Size, state.Meta.Leader)
	}
	return ""
}

// ask returns what a node answers with success.
func (c *Cluster) ask(ctx context.Context, i int, path string) ([]byte, error) {
	url := fmt.Sprintf("http://127.0.0.1:%d/%s", c.nodes[i].HTTP, path)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, body)
	}
	return body, err
}
