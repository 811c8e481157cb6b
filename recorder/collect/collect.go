package collect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/hindsight-project/hindsight/recorder/broker"
	"github.com/hindsight-project/hindsight/recorder/bus"
	"github.com/hindsight-project/hindsight/recorder/trace"
)

// Options say what Run collects, and where to.
type Options struct {
	NATS broker.Options // how the cluster is reached

	// Dir is where the traces are written; it is made when missing.
	Dir string

	// Runs are the ids of the runs to collect, and Run ends when all of them are
	// sealed. Empty: every run that is published.
	Runs []string

	// UntilIdle ends Run when nothing has come for so long; 0: never.
	UntilIdle time.Duration

	// Sealed is called for every run that was sealed, one at a time; nil: not.
	Sealed func(File)

	Stderr io.Writer // progress
}

// File is one sealed trace.
type File struct {
	Path        string
	Run         trace.Run
	Certificate trace.Certificate
}

const (
	pollInterval = time.Second // new runs are looked for
	lineInterval = 30 * time.Second
)

// Validate checks what can be checked without the cluster.
func (o *Options) Validate() error {
	switch {
	case o.NATS.URL == "":
		return errors.New("no NATS server to collect from: name it with --nats URL")
	case o.UntilIdle < 0:
		return errors.New("--until-idle cannot be negative")
	}
	return o.NATS.Validate()
}

// Unfinished is the error of a Run that ended by itself although runs have not.
type Unfinished struct{ Runs []string }

// Error implements error.
func (e *Unfinished) Error() string {
	return fmt.Sprintf("not ended by their recorders: %s; what has come is in their files, which are not sealed; "+
		"collect again into the same directory to go on", strings.Join(e.Runs, ", "))
}

// collector is one call of Run.
type collector struct {
	o       Options
	cluster *bus.Cluster
	start   time.Time
	running sync.WaitGroup
	wake    chan struct{} // holds one when the state of a run changed

	mu     sync.Mutex
	runs   map[string]state // that were met
	last   time.Time        // when something came, from whatever run
	events uint64
	err    error // of the runs that failed
}

type state int

const (
	following state = iota
	sealed
	failed
)

// Run collects until ctx ends, which is no error, or until what the options name
// has come. A run that cannot be written does not end the others; its error is
// returned at the end.
func Run(ctx context.Context, o Options) error {
	if err := o.Validate(); err != nil {
		return err
	}
	release, err := lock(o.Dir)
	if err != nil {
		return err
	}
	defer release()
	c := &collector{
		o: o, start: time.Now(), last: time.Now(), runs: map[string]state{}, wake: make(chan struct{}, 1),
	}
	if c.cluster, err = bus.Dial(ctx, bus.Options{NATS: o.NATS, Notify: c.notify}); err != nil {
		return err
	}
	defer c.cluster.Close()
	c.passOver()
	collecting, cancel := context.WithCancel(ctx)
	defer cancel()
	c.attend(collecting)
	cancel()
	c.running.Wait()
	if ctx.Err() != nil {
		return c.err
	}
	return errors.Join(c.err, c.unfinished())
}

// passOver notes which of the runs that are asked for are sealed already: their
// streams are gone.
func (c *collector) passOver() {
	for _, id := range c.o.Runs {
		if f, err := readSealed(c.path(id)); err == nil {
			c.notify("%s is sealed already", f.Path)
			c.runs[id] = sealed
		}
	}
}

func (c *collector) path(id string) string { return filepath.Join(c.o.Dir, id+".trace.db") }

// attend starts to follow every run that appears, until there is no more to do.
func (c *collector) attend(ctx context.Context) {
	poll, line := time.NewTicker(pollInterval), time.NewTicker(lineInterval)
	defer poll.Stop()
	defer line.Stop()
	complaint := ""
	for !c.done() {
		ids, err := c.wanted(ctx)
		for _, id := range ids {
			if c.meet(id) {
				c.running.Go(func() { c.collect(ctx, id) })
			}
		}
		if err != nil && ctx.Err() == nil && err.Error() != complaint {
			complaint = err.Error()
			c.notify("%v; trying again", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-line.C:
			c.line()
		case <-c.wake:
		case <-poll.C:
		}
	}
}

// wanted returns the runs that are asked for, or all that there are.
func (c *collector) wanted(ctx context.Context) ([]string, error) {
	if len(c.o.Runs) > 0 {
		return c.o.Runs, nil
	}
	return c.cluster.Runs(ctx)
}

// meet returns true for a run that is new.
func (c *collector) meet(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, met := c.runs[id]; met {
		return false
	}
	c.runs[id], c.last = following, time.Now()
	return true
}

// collect follows one run to its end, if it has one.
func (c *collector) collect(ctx context.Context, id string) {
	offer, err := c.offer(ctx, id)
	var f File
	if err == nil {
		f, err = c.writeWithRoom(ctx, offer)
	}
	if err != nil && ctx.Err() != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if errors.Is(err, errWithdrawn) {
		delete(c.runs, id)
		return
	}
	if err != nil && !errors.Is(err, bus.ErrNotOffered) {
		err = fmt.Errorf("run %s: %w", id, err)
		c.err = errors.Join(c.err, err)
	}
	if err != nil {
		c.runs[id] = failed
		c.say("%v", err)
	} else {
		c.runs[id] = sealed
		c.say("%s is sealed: %d events", f.Path, f.Certificate.Events)
		if c.o.Sealed != nil {
			c.o.Sealed(f)
		}
	}
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// errWithdrawn is returned for a run that was there when runs were listed, and
// has been collected elsewhere since.
var errWithdrawn = errors.New("the stream is gone")

// offer waits for a run to be published, if it was asked for by its id.
func (c *collector) offer(ctx context.Context, id string) (bus.Offer, error) {
	for {
		offer, err := c.cluster.Offer(ctx, id)
		switch {
		case err == nil || errors.Is(err, bus.ErrNotOffered):
			return offer, err
		case errors.Is(err, jetstream.ErrStreamNotFound) && len(c.o.Runs) == 0:
			return offer, errWithdrawn
		}
		select {
		case <-ctx.Done():
			return offer, ctx.Err()
		case <-time.After(pollInterval):
		}
	}
}

// wrote notes that n events are durable.
func (c *collector) wrote(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events += uint64(n)
	c.last = time.Now()
}

// done reports whether Run is to end by itself.
func (c *collector) done() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.o.UntilIdle > 0 && time.Since(c.last) >= c.o.UntilIdle {
		return true
	}
	return len(c.o.Runs) > 0 && len(c.open()) == 0
}

// open returns the ids of the runs that are wanted and have not ended.
func (c *collector) open() []string {
	ids := c.o.Runs
	if len(ids) == 0 {
		ids = slices.Sorted(maps.Keys(c.runs))
	}
	var open []string
	for _, id := range ids {
		if s, met := c.runs[id]; !met || s == following {
			open = append(open, id)
		}
	}
	return open
}

func (c *collector) unfinished() error {
	if open := c.open(); len(open) > 0 {
		return &Unfinished{open}
	}
	return nil
}

// line tells how the collection goes.
func (c *collector) line() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.say("%d runs, %d of them not ended, %d events", len(c.runs), len(c.open()), c.events)
}

func (c *collector) notify(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.say(format, args...)
}

// say is notify with the lock held.
func (c *collector) say(format string, args ...any) {
	fmt.Fprintf(c.o.Stderr, "%6.1fs  %s\n", time.Since(c.start).Seconds(), fmt.Sprintf(format, args...))
}
