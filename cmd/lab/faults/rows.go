package faults

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// row is one fault, to which all programs are exposed.
type row struct {
	id    string
	title string
	quick bool // is part of the reduced run

	// compared rows have the other programs in the reduced run too, in which they
	// only show that they still run.
	compared bool
	front    bool // the programs reach the server through the front, not the proxy

	// prepare changes what the programs are started with; nil: nothing.
	prepare func(*stage, *setup) error

	// fault does what goes wrong. It returns when everything is well again.
	fault func(context.Context, *stage) error
}

// setup is what the programs of a row are started with.
type setup struct {
	dir      string // of their files
	recorder string // path
	extra    []string
	env      []string
	spawn    func(*exec.Cmd) error
	cleanup  []func()
}

// rows are all faults, in the order of the table.
var rows = []row{
	{id: "none", title: "no fault", quick: true, fault: func(ctx context.Context, s *stage) error {
		return s.during(ctx, s.long(30*time.Second, 2*time.Second))
	}},
	{id: "cut-10s", title: "connections cut every 10 s", fault: func(ctx context.Context, s *stage) error {
		return s.cuts(ctx, 10*time.Second, s.times(6, 1))
	}},
	{id: "cut-1s", title: "connections cut every second", quick: true, compared: true,
		fault: func(ctx context.Context, s *stage) error { return s.cuts(ctx, time.Second, s.times(30, 4)) }},
	{id: "outage-30s", title: "no connection for 30 s", fault: func(ctx context.Context, s *stage) error {
		return s.outage(ctx, s.long(30*time.Second, 3*time.Second), 0)
	}},
	{id: "outage-150s", title: "no connection for 150 s, older history than 120 s compacted",
		fault: func(ctx context.Context, s *stage) error {
			return s.outage(ctx, s.long(150*time.Second, 5*time.Second), s.long(120*time.Second, time.Second))
		}},
	{id: "restart", title: "API server killed and started again", quick: true, fault: restartServer},
	{id: "denied", title: "rights taken away for 10 s", quick: true, prepare: withRights, fault: takeRights},
	{id: "expired", title: "watches expired: 410 while they are open", quick: true, compared: true, front: true,
		fault: expireWatches},
	{id: "broken", title: "watches broken: cut within an event, stalled, nonsense, 500", quick: true, front: true,
		fault: breakWatches},
	{id: "kill", title: "program killed at random points", quick: true, fault: func(ctx context.Context, s *stage) error {
		return s.kills(ctx, s.times(s.options.Kills, 4), nil)
	}},
	{id: "nats-lost", title: "killed, and the embedded NATS has lost its files", quick: true,
		fault: func(ctx context.Context, s *stage) error {
			return s.kills(ctx, s.times(10, 1), func() error { return os.RemoveAll(s.recorder().file + ".nats") })
		}},
	{id: "nats-restart", title: "external NATS killed and started again", quick: true, prepare: withNATS,
		fault: func(ctx context.Context, s *stage) error { return s.natsAway(ctx, s.times(5, 1), time.Second) }},
	{id: "nats-away", title: "external NATS away for 30 s", prepare: withNATS,
		fault: func(ctx context.Context, s *stage) error {
			return s.natsAway(ctx, 1, s.long(30*time.Second, 3*time.Second))
		}},
	{id: "disk-full", title: "disk full for 10 s, twice", quick: true, prepare: onSmallDisk, fault: fillDisk},
	{id: "disk-slow", title: "disk slow: every sync takes 200 ms longer", quick: true, prepare: onSlowDisk,
		fault: func(ctx context.Context, s *stage) error {
			return s.during(ctx, s.long(30*time.Second, 3*time.Second))
		}},
	{id: "clock", title: "clock set by +1 h and by −2 h, at work and while killed", quick: true, prepare: withSteppedClock,
		fault: setClocks},
}

// long is a duration of the full run or of the reduced one.
func (s *stage) long(full, quick time.Duration) time.Duration {
	if s.options.Quick {
		return quick
	}
	return full
}

func (s *stage) times(full, quick int) int {
	if s.options.Quick {
		return quick
	}
	return full
}

func (s *stage) cuts(ctx context.Context, every time.Duration, times int) error {
	for range times {
		if err := s.during(ctx, every); err != nil {
			return err
		}
		s.proxy.cut()
	}
	return nil
}

// outage takes the connection away. With remember above 0, etcd forgets what is
// older than that before the connection comes back.
func (s *stage) outage(ctx context.Context, d, remember time.Duration) error {
	if err := s.during(ctx, s.long(10*time.Second, time.Second)); err != nil {
		return err
	}
	since := time.Now()
	s.proxy.down()
	if err := s.during(ctx, d); err != nil {
		return err
	}
	if remember > 0 {
		s.compacted = s.revisionAt(time.Now().Add(-remember))
		if _, err := s.cluster.Etcd().Compact(ctx, int64(s.compacted)); err != nil {
			return fmt.Errorf("compact etcd: %w", err)
		}
	}
	s.proxy.up()
	// What the server forgets while the programs come back cannot be asked of them.
	if err := s.during(ctx, s.long(comeback, slack)); err != nil {
		return err
	}
	return s.expired(ctx, since, 0)
}

// restartServer kills the API server while objects go on changing, as others would
// let them, and starts it again.
func restartServer(ctx context.Context, s *stage) error {
	for range s.times(3, 1) {
		if err := s.during(ctx, s.long(10*time.Second, time.Second)); err != nil {
			return err
		}
		since := time.Now()
		s.cluster.APIServer().Stop()
		started := make(chan error, 1)
		go func() { started <- s.cluster.APIServer().Start(ctx) }()
		for alive := false; !alive; {
			if err := s.during(ctx, 100*time.Millisecond); err != nil {
				return err
			}
			select {
			case err := <-started:
				if err != nil {
					return err
				}
				alive = true
			default:
			}
		}
		if err := s.expired(ctx, since, 0); err != nil {
			return err
		}
	}
	return nil
}

// expireWatches lets open watches end with "410 Gone", and refuses those from
// before that moment.
func expireWatches(ctx context.Context, s *stage) error {
	for range s.times(5, 2) {
		if err := s.during(ctx, s.long(5*time.Second, time.Second)); err != nil {
			return err
		}
		since := time.Now()
		floor, err := s.truth.revision(ctx)
		if err != nil {
			return err
		}
		s.front.expire(floor)
		if err := s.expired(ctx, since, floor); err != nil {
			return err
		}
	}
	return nil
}

func breakWatches(ctx context.Context, s *stage) error {
	for range s.times(3, 1) {
		for _, harm := range []func(){
			func() { s.front.each((*tap).truncate) },
			func() { s.front.each(func(t *tap) { t.stall(s.long(3*time.Second, time.Second)) }) },
			func() { s.front.each(func(t *tap) { t.end([]byte("\x00{]nonsense\n"), nil) }) },
			func() {
				s.front.each(func(t *tap) { t.end([]byte(`{"type":"MODIFIED","object":"?"}`+"\n"), errBroken) })
			},
			func() {
				s.front.fail(true)
				s.front.each(func(t *tap) { t.end(nil, nil) })
			},
		} {
			if err := s.during(ctx, s.long(4*time.Second, time.Second)); err != nil {
				return err
			}
			harm()
		}
		if err := s.during(ctx, s.long(4*time.Second, time.Second)); err != nil {
			return err
		}
		s.front.fail(false)
	}
	return nil
}

// kills ends every program at random moments of its life and starts it again.
// Every tenth life comes to work, and has a moment: who is never let up to date
// cannot be. What was gone by then is noted.
func (s *stage) kills(ctx context.Context, times int, between func() error) error {
	since := time.Now()
	for i := range times {
		if i%10 == 9 {
			if err := s.recorder().ready(); err != nil {
				return err
			}
			if err := s.during(ctx, receipt); err != nil {
				return err
			}
			if err := s.expired(ctx, since, 0); err != nil {
				return err
			}
			since = time.Now()
		}
		if err := s.during(ctx, time.Duration(s.random.Int64N(int64(1200*time.Millisecond)))); err != nil {
			return err
		}
		if err := s.killAll(between); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) killAll(between func() error) error {
	for _, p := range s.programs {
		for _, q := range p.processes() {
			q.kill()
		}
	}
	if err := s.acknowledge(); err != nil {
		return err
	}
	if between != nil {
		if err := between(); err != nil {
			return err
		}
	}
	return s.revive()
}

// revive starts what is not running.
func (s *stage) revive() error {
	for _, p := range s.programs {
		for _, q := range p.processes() {
			if q.running() {
				continue
			}
			if err := q.start(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *stage) recorder() *recorder { return s.programs[0].(*recorder) }

// acknowledged is what a reader found in the trace of a recorder that was
// killed: all of it has to be there for ever.
type acknowledged struct {
	events uint64
	last   []string // the last events, in order
}

const lastEvents = 20

func (s *stage) acknowledge() error {
	a, err := readAcknowledged(s.recorder().file, 0)
	if err != nil {
		return fmt.Errorf("a killed recorder left a trace that cannot be read: %w", err)
	}
	s.acked = append(s.acked, a)
	return nil
}

// readAcknowledged reads how many events there are, and the last of them; of a
// trace that has gone on, those up to number upTo.
func readAcknowledged(file string, upTo uint64) (a acknowledged, err error) {
	if info, err := os.Stat(file); err != nil || info.Size() == 0 {
		return a, nil // killed before its first transaction
	}
	reader, err := trace.Open(file)
	if err != nil {
		return a, err
	}
	defer reader.Close()
	a.events = reader.Certificate().Events
	if upTo > 0 {
		a.events = min(a.events, upTo)
	}
	for e, err := range reader.Events(max(a.events, lastEvents) - lastEvents + 1) {
		if err != nil {
			return a, err
		}
		if e.Seq > a.events {
			break
		}
		a.last = append(a.last, fmt.Sprintf("%d %v %s %s %s", e.Seq, e.Time, e.Type, e.Object, e.ResourceVersion))
	}
	return a, nil
}

// withNATS makes the recorder go through a NATS server of its own process.
func withNATS(s *stage, with *setup) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	p := &process{
		args: []string{s.options.Programs.NATS, "-a", "127.0.0.1", "-p", strconv.Itoa(port), "-js",
			"-sd", filepath.Join(s.dir, "nats")},
		out: filepath.Join(s.dir, "nats.out"), ending: os.Interrupt,
	}
	if err := p.start(); err != nil {
		return err
	}
	with.cleanup = append(with.cleanup, p.kill)
	with.extra = append(with.extra, "--nats", fmt.Sprintf("nats://127.0.0.1:%d", port))
	s.nats = p
	return p.says("Server is ready", readyTimeout)
}

// freePort finds a free port of the loopback interface.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// natsAway kills the NATS server and starts it again after a while.
func (s *stage) natsAway(ctx context.Context, times int, away time.Duration) error {
	for range times {
		if err := s.during(ctx, s.long(5*time.Second, time.Second)); err != nil {
			return err
		}
		s.nats.kill()
		if err := s.during(ctx, away); err != nil {
			return err
		}
		if err := s.nats.start(); err != nil {
			return err
		}
	}
	return nil
}

// fillDisk fills the disk, makes room again, and starts again what has ended.
func fillDisk(ctx context.Context, s *stage) error {
	for range s.times(2, 1) {
		if err := s.during(ctx, s.long(5*time.Second, time.Second)); err != nil {
			return err
		}
		if err := s.disk.fill(); err != nil {
			return err
		}
		if err := s.during(ctx, s.long(10*time.Second, 3*time.Second)); err != nil {
			return err
		}
		for _, p := range s.programs {
			for _, q := range p.processes() {
				if !q.running() {
					s.note(p.name(), "%s", q.lastWords())
				}
			}
		}
		if err := s.acknowledge(); err != nil {
			return err
		}
		if err := s.disk.free(); err != nil {
			return err
		}
		if err := s.revive(); err != nil {
			return err
		}
	}
	return nil
}

// withSteppedClock starts the recorder with a wall clock that can be set.
func withSteppedClock(s *stage, with *setup) error {
	with.recorder = s.options.Programs.Stepped
	s.clock = filepath.Join(s.dir, "clock")
	with.env = append(with.env, "HINDSIGHT_CLOCK_STEP="+s.clock)
	return s.setClock(0)
}

func (s *stage) setClock(step time.Duration) error {
	return os.WriteFile(s.clock, []byte(step.String()), 0o600)
}

func setClocks(ctx context.Context, s *stage) error {
	for _, step := range []struct {
		to   time.Duration
		kill bool
	}{{time.Hour, false}, {-time.Hour, false}, {time.Hour, true}, {-time.Hour, true}, {0, false}} {
		if err := s.during(ctx, s.long(5*time.Second, time.Second)); err != nil {
			return err
		}
		set := func() error { return s.setClock(step.to) }
		if !step.kill {
			if err := set(); err != nil {
				return err
			}
			continue
		}
		if err := s.killAll(set); err != nil {
			return err
		}
	}
	return nil
}
