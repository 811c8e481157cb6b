package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// Cost is what recording costs a program at a steady load.
type Cost struct {
	Program  string
	Events   int           // recorded while it was measured
	PerEvent time.Duration // processor time
	Peak     int64         // bytes, of all its processes
}

// Costs are what came of measuring cost, lag and rate.
type Costs struct {
	Rate   float64 // versions per second of the steady load
	Size   int     // mean size of a version, bytes of JSON
	Rounds [][]Cost

	// From etcd's word to the receipt by the recorder, and from there to the disk.
	ToReceipt, ToDisk Lag

	Backlog    int           // versions of the backlog
	Drained    time.Duration // from the receipt of the first to all of them durable
	Durable    float64       // versions per second
	BacklogCPU time.Duration // of the recorder, per version of the backlog
	Verified   bool          // every version of the backlog is in the trace
}

// Lag is a delay.
type Lag struct{ P50, P99 time.Duration }

// The measurements, in the full and in the reduced run.
const (
	costRounds  = 3
	costTime    = 20 * time.Second
	backlogSize = 20000
)

// Measure measures what recording costs, with nothing else at work but the
// cluster, whose processor time is not counted: it is in other processes.
func Measure(ctx context.Context, o Options) (c Costs, err error) {
	h, err := openHistory(ctx)
	if err != nil {
		return c, err
	}
	dir := filepath.Join(o.Dir, "cost")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return c, err
	}
	s, err := newStage(ctx, &o, dir, h)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, s.close(), os.RemoveAll(dir)) }()
	c.Rate, c.Size = o.Rate, h.size()
	kubeconfig, err := s.kubeconfig(s.proxy.address())
	if err != nil {
		return c, err
	}
	for i := range o.rounds() {
		var round []Cost
		for _, make := range []func(dir string) program{
			func(dir string) program { return newRecorder(o.Programs.Recorder, dir, kubeconfig, h.namespace) },
			func(dir string) program { return newKubectl(o.Programs.Kubectl, dir, kubeconfig, h.namespace) },
		} {
			cost, err := s.steady(ctx, make, &c)
			if err != nil {
				return c, err
			}
			fmt.Fprintf(o.Progress, "round %d: %s: %v an event, %d MB, of %d events\n",
				i+1, cost.Program, cost.PerEvent, cost.Peak>>20, cost.Events)
			round = append(round, cost)
		}
		c.Rounds = append(c.Rounds, round)
	}
	err = s.backlog(ctx, newRecorder(o.Programs.Recorder, dir, kubeconfig, h.namespace), &c)
	fmt.Fprintf(o.Progress, "backlog: %d versions durable in %v\n", c.Backlog, c.Drained)
	return c, err
}

// rounds is how often the programs are compared.
func (o *Options) rounds() int {
	switch {
	case o.RateOnly:
		return 0
	case o.Quick:
		return 1
	default:
		return costRounds
	}
}

// steady measures one program under the steady load.
func (s *stage) steady(ctx context.Context, make func(string) program, c *Costs) (cost Cost, err error) {
	dir, err := os.MkdirTemp(s.dir, "steady-")
	if err != nil {
		return cost, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	p := make(dir)
	if err := s.begin([]program{p}); err != nil {
		return cost, err
	}
	if err := s.during(ctx, receipt); err != nil {
		return cost, err
	}
	before, err := s.truth.revision(ctx)
	if err != nil {
		return cost, err
	}
	used := usedBy(p)
	if err := s.during(ctx, s.long(costTime, 2*time.Second)); err != nil {
		return cost, err
	}
	if err := s.load.end(); err != nil {
		return cost, err
	}
	after, err := s.truth.revision(ctx)
	if err != nil {
		return cost, err
	}
	if err := s.during(ctx, receipt); err != nil {
		return cost, err
	}
	used = usedBy(p) - used
	cost = Cost{Program: p.name()}
	for _, q := range p.processes() {
		q.measure(q.cmd.Process.Pid)
		cost.Peak += q.peak
	}
	if err := s.dismiss(ctx); err != nil {
		return cost, err
	}
	versions, err := s.truth.versions(s.history.namespace)
	if err != nil {
		return cost, err
	}
	at := map[uint64]time.Time{}
	for _, v := range versions {
		if v.rv > before && v.rv <= after {
			cost.Events++
			at[v.rv] = v.at
		}
	}
	cost.PerEvent = used / time.Duration(max(cost.Events, 1))
	if r, ok := p.(*recorder); ok {
		err = c.readLags(r.file, at)
	}
	return cost, err
}

func usedBy(p program) (sum time.Duration) {
	for _, q := range p.processes() {
		sum += q.used()
	}
	return sum
}

// readLags takes the delays from a trace. Those to the disk are the greatest of
// all streams.
func (c *Costs) readLags(file string, at map[uint64]time.Time) error {
	reader, err := trace.Open(file)
	if err != nil {
		return err
	}
	defer reader.Close()
	for _, s := range reader.Certificate().Streams {
		c.ToDisk.P50 = max(c.ToDisk.P50, time.Duration(s.LagP50))
		c.ToDisk.P99 = max(c.ToDisk.P99, time.Duration(s.LagP99))
	}
	var delays []time.Duration
	for e, err := range reader.Events(0) {
		if err != nil {
			return err
		}
		if known, ok := at[number(e.ResourceVersion)]; ok && e.Type.IsObject() {
			delays = append(delays, max(0, e.Wall.Sub(known)))
		}
	}
	if len(delays) == 0 {
		return errors.New("the trace has nothing of what was measured")
	}
	slices.Sort(delays)
	c.ToReceipt = Lag{delays[len(delays)/2], delays[len(delays)*99/100]}
	return nil
}

// backlog measures how fast the recorder takes what has happened while it was
// cut off: as fast as the API server sends it.
func (s *stage) backlog(ctx context.Context, r *recorder, c *Costs) error {
	s.programs = []program{r}
	if err := r.p.start(); err != nil {
		return err
	}
	if err := r.ready(); err != nil {
		return err
	}
	if err := s.during(ctx, receipt); err != nil {
		return err
	}
	before, err := s.truth.revision(ctx)
	if err != nil {
		return err
	}
	s.proxy.down()
	s.load = s.history.play(s.config, s.cluster.Etcd(), 0, s.times(backlogSize, 2000))
	<-s.load.done
	if err := s.load.end(); err != nil {
		return err
	}
	after, err := s.truth.revision(ctx)
	if err != nil {
		return err
	}
	if err := s.truth.upTo(ctx, after); err != nil {
		return err
	}
	versions, err := s.truth.versions(s.history.namespace)
	if err != nil {
		return err
	}
	versions = slices.DeleteFunc(versions, func(v version) bool { return v.rv <= before })
	c.Backlog = len(versions)
	had, err := objectEvents(r.file)
	if err != nil {
		return err
	}
	used := usedBy(r)
	up := time.Now()
	s.proxy.up()
	for has := 0; has < c.Backlog; {
		if err := s.during(ctx, untilNextLook(has, c.Backlog, time.Since(up))); err != nil {
			return err
		}
		if has, err = objectEvents(r.file); err != nil {
			return err
		}
		has -= had
	}
	durable := time.Now()
	c.BacklogCPU = (usedBy(r) - used) / time.Duration(c.Backlog)
	if err := s.dismiss(ctx); err != nil {
		return err
	}
	said, err := r.read(s.history.namespace)
	if err != nil {
		return err
	}
	f := judge(versions, said, nil, before, after)
	c.Verified = f.Seen == f.Truth && f.Gaps == 0
	first, err := firstReceipt(r.file, before)
	if err != nil {
		return err
	}
	c.Drained = durable.Sub(first)
	c.Durable = float64(c.Backlog) / c.Drained.Seconds()
	return nil
}

// untilNextLook is half of the time that the rest will take, about: to look into the
// trace takes processor time, which the recorder has to do without.
func untilNextLook(has, of int, took time.Duration) time.Duration {
	if has <= 0 {
		return 200 * time.Millisecond
	}
	left := time.Duration(float64(took) * float64(of-has) / float64(has))
	return min(max(left/2, 50*time.Millisecond), time.Second)
}

// objectEvents counts the versions in a trace that is being written.
func objectEvents(file string) (n int, err error) {
	reader, err := trace.Open(file)
	if err != nil {
		return 0, err
	}
	defer reader.Close()
	for _, s := range reader.Certificate().Streams {
		n += int(s.Added + s.Modified + s.Deleted)
	}
	return n, nil
}

// firstReceipt returns when the first version after one was received.
func firstReceipt(file string, after uint64) (time.Time, error) {
	reader, err := trace.Open(file)
	if err != nil {
		return time.Time{}, err
	}
	defer reader.Close()
	for e, err := range reader.Events(0) {
		if err != nil {
			return time.Time{}, err
		}
		if e.Type.IsObject() && number(e.ResourceVersion) > after {
			return e.Wall, nil
		}
	}
	return time.Time{}, errors.New("the trace has nothing of the backlog")
}
