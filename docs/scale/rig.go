package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/hindsight-project/hindsight/recorder/broker"
	"github.com/hindsight-project/hindsight/recorder/bus"
	"github.com/hindsight-project/hindsight/recorder/bus/natstest"
	"github.com/hindsight-project/hindsight/recorder/collect"
)

// nodes is how many servers the cluster has, each with every stream.
const nodes = 3

// roleEnv makes a process of this program a recorder or a collector; what it is
// to do is its standard input.
const roleEnv = "HINDSIGHT_SCALE_ROLE"

const (
	recorderRole  = "recorder"
	collectorRole = "collector"
)

// collection is what a collector process does.
type collection struct {
	URL  string
	Dir  string
	Runs []string
}

// becomeRole runs the role that this process was started for, if any, and then
// never returns.
func becomeRole() {
	var err error
	switch os.Getenv(roleEnv) {
	case "":
		return
	case recorderRole:
		var t task
		var o outcome
		if err = json.NewDecoder(os.Stdin).Decode(&t); err == nil {
			if o, err = record(context.Background(), t); err == nil {
				err = json.NewEncoder(os.Stdout).Encode(o)
			}
		}
	case collectorRole:
		var c collection
		if err = json.NewDecoder(os.Stdin).Decode(&c); err == nil {
			err = collect.Run(context.Background(), collect.Options{
				NATS: broker.Options{URL: c.URL}, Dir: c.Dir, Runs: c.Runs, Stderr: os.Stderr,
			})
		}
	default:
		err = errors.New("no such role")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	os.Exit(0)
}

// scenario is one run on the cluster, and one row of the table.
type scenario struct {
	name      string
	recorders int
	rate      float64 // events per second of each
	length    time.Duration
	down      int           // nodes that are killed at the same time; 0: none
	outage    time.Duration // how long they stay away
	collector bool          // is killed with every node
}

// result is what came of a scenario.
type result struct {
	scenario
	published      int
	nodeKills      int
	collectorKills int
	tally
	longest time.Duration // that publishing one event took
	took    time.Duration // from the first event until the last trace was sealed
}

// run runs a scenario below dir. Progress goes to log.
func run(ctx context.Context, s scenario, dir string, log io.Writer) (r result, err error) {
	r.scenario = s
	c, err := natstest.Start(ctx, dir, nodes)
	if err != nil {
		return r, err
	}
	defer c.Stop()
	g := &rig{cluster: c, traces: filepath.Join(dir, "traces"), log: log}
	start := time.Now()
	recorders, err := g.startRecorders(ctx, s)
	if err != nil {
		return r, err
	}
	if err := g.startCollector(ctx); err != nil {
		return r, err
	}
	defer func() { g.killCollector() }()
	recording := make(chan struct{})
	var outcomes []outcome
	var failed error
	go func() {
		defer close(recording)
		outcomes, failed = recorders()
	}()
	if err := g.torment(ctx, s, recording, &r); err != nil {
		return r, err
	}
	<-recording
	if failed != nil {
		return r, failed
	}
	if err := g.collector.Wait(); err != nil {
		return r, fmt.Errorf("the collector: %w", err)
	}
	r.took = time.Since(start)
	for _, o := range outcomes {
		r.published += o.Published
		r.longest = max(r.longest, o.Longest)
	}
	r.tally, err = count(g.traces, g.runs, outcomes)
	return r, err
}

type rig struct {
	cluster   *natstest.Cluster
	traces    string // directory
	runs      []string
	collector *exec.Cmd
	log       io.Writer
}

// startRecorders starts them and returns a function that waits for their ends.
func (g *rig) startRecorders(ctx context.Context, s scenario) (wait func() ([]outcome, error), err error) {
	outcomes, errs := make([]outcome, s.recorders), make([]error, s.recorders)
	var running sync.WaitGroup
	for i := range s.recorders {
		id := fmt.Sprintf("run-%d", i)
		g.runs = append(g.runs, id)
		t := task{URL: g.cluster.URL(), RunID: id, Rate: s.rate, Events: int(s.rate * s.length.Seconds())}
		cmd, err := g.process(ctx, recorderRole, t)
		if err != nil {
			return nil, err
		}
		var said bytes.Buffer
		cmd.Stdout = &said
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		running.Go(func() {
			if errs[i] = cmd.Wait(); errs[i] == nil {
				errs[i] = json.Unmarshal(said.Bytes(), &outcomes[i])
			}
		})
	}
	return func() ([]outcome, error) {
		running.Wait()
		return outcomes, errors.Join(errs...)
	}, nil
}

func (g *rig) process(ctx context.Context, role string, input any) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(input)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), roleEnv+"="+role)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(text), g.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd, nil
}

func (g *rig) startCollector(ctx context.Context) (err error) {
	g.collector, err = g.process(ctx, collectorRole, collection{g.cluster.URL(), g.traces, g.runs})
	if err != nil {
		return err
	}
	return g.collector.Start()
}

// killCollector ends it as kill -9 does.
func (g *rig) killCollector() {
	if g.collector != nil && g.collector.ProcessState == nil {
		_ = g.collector.Process.Kill()
		_ = g.collector.Wait() // how it ended is known
	}
}

// pause lies between a cluster that is healthy again and the next kill.
const pause = 2 * time.Second

// torment kills and restarts until the recorders have ended: first the leader of
// the first run's stream, then another node, and so on.
func (g *rig) torment(ctx context.Context, s scenario, recording <-chan struct{}, r *result) error {
	if s.down == 0 {
		return nil
	}
	if err := g.begun(ctx, recording); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-recording:
			return nil
		case <-time.After(pause):
		}
		victim := g.leader(ctx, g.runs[0])
		if r.nodeKills/s.down%2 == 1 {
			victim = (victim + 1) % nodes
		}
		fmt.Fprintf(g.log, "killing %d of %d nodes, the first is %d\n", s.down, nodes, victim)
		for i := range s.down {
			g.cluster.Kill((victim + i) % nodes)
			r.nodeKills++
		}
		if s.collector {
			g.killCollector()
			r.collectorKills++
			if err := g.startCollector(ctx); err != nil {
				return err
			}
		}
		time.Sleep(s.outage)
		for i := range s.down {
			if err := g.cluster.Restart(ctx, (victim+i)%nodes); err != nil {
				return err
			}
		}
	}
}

// begun waits until every run has its file: recorders and collector are at work.
func (g *rig) begun(ctx context.Context, recording <-chan struct{}) error {
	for {
		files, err := filepath.Glob(filepath.Join(g.traces, "*.trace.db"))
		if err != nil || len(files) == len(g.runs) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-recording:
			return errors.New("the recorders ended before the collector began")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// leader returns the node that leads the stream of a run, 0 if none says so.
func (g *rig) leader(ctx context.Context, run string) int {
	nc, err := nats.Connect(g.cluster.URL())
	if err != nil {
		return 0
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return 0
	}
	stream, err := js.Stream(ctx, bus.StreamName(run))
	if err != nil || stream.CachedInfo().Cluster == nil {
		return 0
	}
	return max(g.cluster.Node(stream.CachedInfo().Cluster.Leader), 0)
}
