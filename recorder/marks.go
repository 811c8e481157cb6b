package recorder

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/hindsight-project/hindsight/recorder/bus"
	"github.com/hindsight-project/hindsight/recorder/marks"
	"github.com/hindsight-project/hindsight/recorder/trace"
)

// moment moves a time of this machine's clock onto that of the trace. If the
// clock was stepped since the start, its start and the present disagree: the
// earlier answer is taken, so that it is no later than the truth.
func (r *recording) moment(t time.Time) time.Duration {
	byStart := t.Sub(r.began)
	byNow := r.now() - r.wall().Round(0).Sub(t)
	return max(min(byStart, byNow), 1)
}

// markEvent makes an event of what somebody says now.
func (r *recording) markEvent(m marks.Mark) (trace.Event, error) {
	data, err := json.Marshal(m)
	now := r.now()
	e := trace.Event{Time: now, NotBefore: now, Source: trace.SourceMark, Type: trace.Mark, Data: data}
	if !m.Time.IsZero() {
		e.NotBefore = min(r.moment(m.Time), now)
	}
	return e, err
}

// mark records what somebody says and returns when it is durable.
func (r *recording) mark(ctx context.Context, m marks.Mark) (marks.Receipt, error) {
	receipt := marks.Receipt{Run: r.runID}
	e, err := r.markEvent(m)
	if err != nil {
		return receipt, err
	}
	if r.writer == nil {
		return r.publishMark(ctx, e)
	}
	at, durable, err := r.announce(e)
	if err != nil {
		return receipt, err
	}
	receipt.Time = at
	select {
	case err := <-durable:
		return receipt, err
	case <-ctx.Done():
		err = ctx.Err()
	case <-r.ctx.Done():
		err = fmt.Errorf("the recording ended: %w", context.Cause(r.ctx))
	}
	r.writing.Lock()
	defer r.writing.Unlock()
	delete(r.announced, at)
	return receipt, err
}

// publishMark is mark where somebody else writes the trace: as durable as the
// stream is.
func (r *recording) publishMark(ctx context.Context, e trace.Event) (marks.Receipt, error) {
	r.emitting.Lock()
	err := r.publish(e)
	receipt := marks.Receipt{Run: r.runID, Time: r.last}
	r.emitting.Unlock()
	if err == nil {
		_, err = r.bus.Flush(ctx)
	}
	return receipt, err
}

// announce emits an event whose fate comes through the channel: nil when it is
// durable, or why it never will be.
func (r *recording) announce(e trace.Event) (time.Duration, <-chan error, error) {
	r.emitting.Lock()
	defer r.emitting.Unlock()
	at := max(e.Time, r.last+1)
	if e.NotBefore == e.Time {
		e.NotBefore = at
	}
	e.Time = at
	fate := make(chan error, 1)
	r.writing.Lock()
	r.announced[at] = fate
	r.writing.Unlock()
	err := r.publish(e)
	if err != nil && !errors.Is(err, bus.ErrTooLarge) {
		r.fail(err)
	}
	if err != nil {
		r.writing.Lock()
		delete(r.announced, at)
		r.writing.Unlock()
	}
	return at, fate, err
}

// settle tells those who wait for an event what became of it. The lock of
// writing is held.
func (r *recording) settle(e trace.Event, fate error) {
	if waiting := r.announced[e.Time]; waiting != nil {
		waiting <- fate
		delete(r.announced, e.Time)
	}
}

// listener receives marks while the recording is under way.
type listener struct {
	socket       *marks.Server
	subscription *marks.Subscription
	reports      *reports
}

// listen begins to receive marks, and to look for reports. Where marks cannot be
// received, the recording goes on without.
func (a *attachment) listen(resumed bool) (*listener, error) {
	var l listener
	var err error
	if l.reports, err = a.watchReports(resumed); err != nil {
		return nil, err
	}
	if l.socket, err = marks.Listen(a.marksBeside(), a.rec.mark); err != nil {
		a.warn("%v; \"recorder mark\" does not work here", err)
	}
	if a.o.NATS.URL == "" && a.o.NATSListen == "" {
		return &l, nil
	}
	if l.subscription, err = marks.Subscribe(a.rec.bus.Conn(), a.rec.runID, a.rec.mark); err != nil {
		a.warn("%v; \"recorder mark --nats\" does not work", err)
		return &l, nil
	}
	a.rec.show.notify("marks through NATS: recorder mark --nats URL --run %s", a.rec.runID)
	return &l, nil
}

// marksBeside is what the socket lies beside: the trace, if there is one.
func (a *attachment) marksBeside() string {
	if a.o.PublishOnly {
		return filepath.Join(os.TempDir(), a.rec.runID)
	}
	return a.o.Output
}

// environment is what a wrapped command finds its recorder with.
func (l *listener) environment() []string {
	if l.socket == nil {
		return nil
	}
	return []string{marks.EnvSocket + "=" + l.socket.Path()}
}

// farewell bounds how long marks under way at the end are waited for.
const farewell = 10 * time.Second

// close receives no more marks; those under way come to the trace first. Reports
// are read for the last time.
func (a *attachment) close(l *listener) {
	l.reports.close()
	ctx, cancel := context.WithTimeout(a.rec.ctx, farewell)
	defer cancel()
	var err error
	if l.socket != nil {
		err = l.socket.Close(ctx)
	}
	if l.subscription != nil {
		err = cmp.Or(err, l.subscription.Close(ctx))
	}
	if err != nil && a.rec.ctx.Err() == nil {
		a.warn("some marks may be missing: %v", err)
	}
}
