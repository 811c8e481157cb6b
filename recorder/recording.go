package recorder

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/hindsight-project/hindsight/recorder/bus"
	"github.com/hindsight-project/hindsight/recorder/lag"
	"github.com/hindsight-project/hindsight/recorder/redact"
	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/recorder/watch"
)

// recording is one run under way: its clock, its way through the bus, and its
// trace. Sources call emit; everything behind the bus happens in deliver.
type recording struct {
	runID   string
	began   time.Time     // Run.Start
	start   time.Time     // with a monotonic reading
	elapsed time.Duration // of the run, at start
	wall    func() time.Time
	bus     *bus.Bus
	ctx     context.Context         // ends when everything must end
	fail    context.CancelCauseFunc // ends ctx with an error
	show    *progress
	gaps    atomic.Int64

	rules         *redact.Rules
	redacted      []trace.Redaction // by earlier recorders of the trace
	stopConsuming func()

	emitting sync.Mutex
	last     time.Duration // Time of the last event

	writing sync.Mutex
	path    string
	writer  *trace.Writer // nil when somebody else writes what is published
	streams []*watch.Stream
	lags    lag.Lags
	durable uint64        // sequence number of the bus up to which the trace has all
	goal    uint64        // drained is closed when durable comes here
	drained chan struct{} // nil when nobody waits

	announced map[time.Duration]chan<- error // those who wait for an event, by its Time
}

// now is the monotonic time of the trace.
func (r *recording) now() time.Duration { return r.elapsed + time.Since(r.start) }

// untilQuiet returns a context that ends when nothing has been recorded for a while.
func (r *recording) untilQuiet(d time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(r.ctx)
	last := func() time.Duration {
		r.emitting.Lock()
		defer r.emitting.Unlock()
		return r.last
	}
	go func() {
		for before := last(); ; {
			select {
			case <-time.After(d):
			case <-ctx.Done():
				return
			}
			now := last()
			if now == before {
				cancel()
				return
			}
			before = now
		}
	}()
	return ctx, cancel
}

func (r *recording) nextGap() int { return int(r.gaps.Add(1)) }

// emit gives an event its place: the times of a trace never decrease, and no
// two events have the same.
func (r *recording) emit(e trace.Event) error {
	r.emitting.Lock()
	defer r.emitting.Unlock()
	err := r.publish(e)
	if errors.Is(err, bus.ErrTooLarge) {
		err = r.declareLost(e, err)
	}
	if err != nil {
		r.fail(err)
	}
	return err
}

func (r *recording) publish(e trace.Event) error {
	live := e.NotBefore == e.Time
	e.Time = max(e.Time, r.last+1)
	if live {
		e.NotBefore = e.Time
	}
	r.last = e.Time
	e.Data = r.rules.Apply(e)
	e.Wall = r.wall().UTC()
	err := r.bus.Publish(r.ctx, e)
	if err == nil && r.writer == nil {
		r.show.wrote(1, 0) // when it is durable only the collector knows
	}
	return err
}

// declareLost puts a gap in the place of a version that the bus does not take.
func (r *recording) declareLost(e trace.Event, cause error) error {
	gap := trace.GapRecord{
		ID: r.nextGap(), Side: trace.GapBegin, FromRV: e.ResourceVersion, ToRV: e.ResourceVersion, Reason: cause.Error(),
	}
	r.show.notify("GAP: %v", cause)
	e.Object.Name, e.Object.UID, e.ResourceVersion, e.Generation, e.Inferred = "", "", "", 0, false
	e.Type = trace.Gap
	for _, gap.Side = range []string{trace.GapBegin, trace.GapEnd} {
		data, err := json.Marshal(gap)
		if err != nil {
			return err
		}
		e.Data = data
		if err := r.publish(e); err != nil {
			return err
		}
	}
	return nil
}

// deliver writes what came out of the bus into the trace, in one transaction.
func (r *recording) deliver(b bus.Batch) error {
	r.writing.Lock()
	defer r.writing.Unlock()
	r.certifyProgress()
	r.countRedactions()
	n, refused, err := r.write(b)
	if err != nil {
		return err
	}
	for _, e := range refused {
		r.settle(e.Event, e.Err)
	}
	for _, e := range b.Events {
		r.settle(e, nil)
	}
	if n > 0 {
		r.show.wrote(n, r.now()-b.Events[0].Time)
		now := r.now()
		r.lags.Measure(b.Events, func(e *trace.Event) time.Duration { return now - e.Time })
	}
	r.durable = b.Position.Seq
	if r.drained != nil && r.durable >= r.goal {
		close(r.drained)
		r.drained = nil
	}
	return nil
}

// roomPause is the time between two attempts to write on a disk that is full.
const roomPause = time.Second

// write puts a batch into the trace. While its disk is full it waits for room:
// what has been published is in the bus as long as that has room, and the rest
// of history in the API server.
func (r *recording) write(b bus.Batch) (n int, refused []bus.Refused, err error) {
	for waiting := false; ; waiting = true {
		attempt := b
		attempt.Events = slices.Clone(b.Events)
		n, refused, err = bus.Write(r.writer, attempt, r.show.notify)
		if !isFull(err) {
			if waiting && err == nil {
				r.show.notify("there is room again")
			}
			return n, refused, err
		}
		if !waiting {
			r.show.notify("the disk is full: %v; waiting for room", err)
		}
		select {
		case <-time.After(roomPause):
		case <-r.ctx.Done():
			return 0, nil, context.Cause(r.ctx)
		}
		if err := r.reopen(); err != nil {
			return 0, nil, err
		}
	}
}

func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// reopen goes on with what is in the file: a writer that has failed writes no more.
func (r *recording) reopen() error {
	failed := r.writer
	if err := failed.Close(); err != nil {
		return err
	}
	w, err := trace.Resume(r.path)
	if err != nil {
		return err
	}
	for _, s := range failed.Certificate().Streams { // what only the recorder has counted
		w.Certify(s.Resource, s.Namespace, func(c *trace.StreamCert) { c.Coalesced = s.Coalesced })
	}
	w.SetRun(failed.Run())
	r.writer = w
	return nil
}

// certifyProgress amends the certificate by what the trace does not see, to be
// written with the next transaction.
func (r *recording) certifyProgress() {
	for _, s := range r.streams {
		if n := s.TakeCoalesced(); n > 0 {
			t := s.Target()
			r.writer.Certify(t.Resource, t.Namespace, func(c *trace.StreamCert) { c.Coalesced += n })
		}
	}
	r.lags.Certify(r.writer)
}

// consume starts to write into the trace what comes out of the bus.
func (r *recording) consume(after uint64) {
	ctx, cancel := context.WithCancel(r.ctx)
	var consuming sync.WaitGroup
	consuming.Go(func() {
		if err := r.bus.Consume(ctx, after, r.deliver); ctx.Err() == nil {
			r.fail(fmt.Errorf("the recording cannot go on: %w", err))
		}
	})
	r.stopConsuming = func() {
		cancel()
		consuming.Wait()
	}
}

// drain waits until everything that was emitted is durable in the trace.
func (r *recording) drain() error {
	last, err := r.bus.Flush(r.ctx)
	if err != nil {
		return cmp.Or(context.Cause(r.ctx), err)
	}
	r.writing.Lock()
	if r.durable >= last {
		r.writing.Unlock()
		return nil
	}
	drained := make(chan struct{})
	r.goal, r.drained = last, drained
	r.writing.Unlock()
	select {
	case <-drained:
		return nil
	case <-r.ctx.Done():
		return context.Cause(r.ctx)
	}
}

// restore lets the streams go on where the trace ends. What the bus still held
// must be in the trace already.
func (r *recording) restore(path string) error {
	r.writing.Lock()
	defer r.writing.Unlock()
	reader, err := trace.Open(path)
	if err != nil {
		return err
	}
	points, err := watch.Checkpoints(reader)
	if err := errors.Join(err, reader.Close()); err != nil {
		return err
	}
	live, err := r.live()
	if err != nil {
		return err
	}
	for _, s := range r.streams {
		p := points[s.Target().Key()]
		if p == nil {
			p = &watch.Checkpoint{}
		}
		if err := s.Resume(*p, live[s]); err != nil {
			return err
		}
	}
	return nil
}

// live returns the objects at the end of the trace by the stream they come from.
func (r *recording) live() (map[*watch.Stream][]trace.Version, error) {
	live := map[*watch.Stream][]trace.Version{}
	err := r.writer.Live(func(o trace.Object, rv string, data json.RawMessage) error {
		for _, s := range r.streams {
			t := s.Target()
			if t.Resource == o.Resource && (t.Namespace == "" || t.Namespace == o.Namespace) {
				live[s] = append(live[s], trace.Version{Object: o, ResourceVersion: rv, Data: data})
			}
		}
		return nil
	})
	return live, err
}

// certify writes what the end of the streams proves into the certificate. A
// stream is complete only if the trace itself, not just the watch, ends with
// what the final list holds.
func (r *recording) certify(outcomes map[*watch.Stream]watch.Outcome, notes map[watch.StreamKey]string) error {
	r.writing.Lock()
	defer r.writing.Unlock()
	live, err := r.live()
	if err != nil {
		return err
	}
	r.certifyProgress()
	for s, outcome := range outcomes {
		if outcome.Proof == trace.ProofComplete {
			outcome = compareTrace(s.Recorded(), live[s])
		}
		t := s.Target()
		r.writer.Certify(t.Resource, t.Namespace, func(c *trace.StreamCert) {
			c.Conclude(outcome.Proof, join(outcome.Reason, notes[t.Key()]))
		})
	}
	return nil
}

func compareTrace(want map[types.NamespacedName][2]string, live []trace.Version) watch.Outcome {
	for _, v := range live {
		key := types.NamespacedName{Namespace: v.Namespace, Name: v.Name}
		if want[key] != [2]string{v.UID, v.ResourceVersion} {
			return watch.Outcome{Proof: trace.ProofMismatch, Reason: fmt.Sprintf(
				"the trace ends with version %s of %s, seen was %s", v.ResourceVersion, v.Object, cmp.Or(want[key][1], "its end"))}
		}
		delete(want, key)
	}
	for key := range want {
		return watch.Outcome{Proof: trace.ProofMismatch, Reason: "the trace lacks " + key.String()}
	}
	return watch.Outcome{Proof: trace.ProofComplete}
}

// reasonSeparator stands between two reasons of one stream.
const reasonSeparator = "; "

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + reasonSeparator + b
}

// adopt takes over the streams, and gives each of them a place in the
// certificate.
func (r *recording) adopt(streams []*watch.Stream) {
	r.writing.Lock()
	defer r.writing.Unlock()
	r.streams = streams
	r.show.setStreams(len(streams))
	if r.writer == nil {
		return
	}
	var measured []lag.Stream
	for _, s := range streams {
		t := s.Target()
		measured = append(measured, lag.Stream{Resource: t.Resource, Namespace: t.Namespace})
		r.writer.Certify(t.Resource, t.Namespace, func(*trace.StreamCert) {})
	}
	r.lags = lag.New(measured)
}

// resumeGaps continues to number the gaps of a trace.
func (r *recording) resumeGaps() {
	for _, g := range r.writer.Certificate().Gaps {
		r.gaps.Store(max(r.gaps.Load(), int64(g.ID)))
	}
}

// seal ends the trace.
func (r *recording) seal(end string, code *int) (trace.Certificate, error) {
	r.writing.Lock()
	defer r.writing.Unlock()
	r.countRedactions()
	run := r.writer.Run()
	run.ExitCode = code
	r.writer.SetRun(run)
	return r.writer.Seal(end)
}

// countRedactions notes in the header what the rules have taken out, beside what
// an earlier recorder of the trace had counted. The lock of writing is held.
func (r *recording) countRedactions() {
	run := r.writer.Run()
	run.Redactions = addRedactions(r.rules.Redactions(), r.redacted)
	r.writer.SetRun(run)
}

// addRedactions adds what was taken out before by the same rules.
func addRedactions(now, before []trace.Redaction) []trace.Redaction {
	for i, b := range before {
		now[i].Values += b.Values
	}
	return now
}

// deniedEvent says that discovery refused a resource.
func deniedEvent(d watch.Denial, now time.Duration) (trace.Event, error) {
	data, err := json.Marshal(trace.StreamRecord{State: trace.StreamDenied, Reason: d.Reason})
	return trace.Event{
		Time: now, NotBefore: now, Source: trace.SourceWatch, Type: trace.Stream,
		Object: trace.Object{Resource: d.Resource, Namespace: d.Namespace}, Data: data,
	}, err
}
