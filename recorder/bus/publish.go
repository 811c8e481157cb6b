package bus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// What may be on the way to the server: more makes Publish wait.
const (
	windowMessages = 2048
	windowBytes    = 32 << 20
)

const (
	ackTimeout = 10 * time.Second
	retryPause = 250 * time.Millisecond
)

// ErrTooLarge is returned for an event that the server does not take.
var ErrTooLarge = errors.New("too large for the NATS server")

// Publish hands an event to the bus. Events arrive in the order of the calls,
// each exactly once. It waits while too much is on the way; it fails with
// ErrTooLarge, or when the bus cannot go on at all.
func (b *Bus) Publish(ctx context.Context, e trace.Event) error {
	m, err := encode(subject(b.opts.RunID, e), b.opts.RunID, e)
	if err != nil {
		return err
	}
	if size := int64(m.Size()) + headerReserve; size > b.nc.MaxPayload() {
		return fmt.Errorf("%s of %s has %d bytes: %w, which takes %d", e.Type, e.Object, size, ErrTooLarge, b.nc.MaxPayload())
	}
	return b.out.publish(ctx, m)
}

// headerReserve is the room for the headers that are added on sending.
const headerReserve = 256

// Flush waits until everything published is acknowledged and returns the
// sequence number of the last event.
func (b *Bus) Flush(ctx context.Context) (uint64, error) { return b.out.flush(ctx) }

// publisher sends messages in order and exactly once over a connection that
// may break: a sliding window (go-back-N). Every message carries the sequence
// number that must come before it, so that the server refuses what follows a
// lost one; the window is then sent again from there. That works because a
// stream has one publisher.
type publisher struct {
	js     jetstream.JetStream
	stream jetstream.Stream
	notify func(string, ...any)
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu      sync.Mutex
	changed chan struct{} // closed and replaced when the window shrinks or fails
	window  []*nats.Msg   // not acknowledged
	bytes   int           // of window
	first   uint64        // sequence number of window[0], or of the next message
	broken  bool          // nothing is sent until the window was sent again
	err     error         // the bus cannot go on
	futures chan sent
}

type sent struct {
	seq uint64
	ack jetstream.PubAckFuture
}

func newPublisher(
	js jetstream.JetStream, stream jetstream.Stream, last uint64, notify func(string, ...any),
) *publisher {
	ctx, cancel := context.WithCancel(context.Background())
	p := &publisher{
		js: js, stream: stream, notify: notify, cancel: cancel,
		changed: make(chan struct{}), first: last + 1,
		futures: make(chan sent, windowMessages),
	}
	p.done.Go(func() { p.collect(ctx) })
	return p
}

func (p *publisher) close() {
	p.cancel()
	p.done.Wait()
}

func (p *publisher) publish(ctx context.Context, m *nats.Msg) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.err == nil && len(p.window) > 0 && (len(p.window) >= windowMessages || p.bytes+m.Size() > windowBytes) {
		if err := p.wait(ctx); err != nil {
			return err
		}
	}
	if p.err != nil {
		return p.err
	}
	p.window = append(p.window, m)
	p.bytes += m.Size()
	if !p.broken {
		p.send(m, p.first+uint64(len(p.window))-1)
	}
	return nil
}

// wait releases the lock until something changed.
func (p *publisher) wait(ctx context.Context) error {
	changed := p.changed
	p.mu.Unlock()
	defer p.mu.Lock()
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *publisher) wake() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// send is called with the lock held.
func (p *publisher) send(m *nats.Msg, seq uint64) {
	future, err := p.js.PublishMsgAsync(m,
		jetstream.WithExpectLastSequence(seq-1), jetstream.WithStallWait(ackTimeout), jetstream.WithRetryAttempts(0))
	if err != nil {
		p.broken = true
		future = nil
	}
	p.futures <- sent{seq, future}
}

// flush waits until the window is empty.
func (p *publisher) flush(ctx context.Context) (uint64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.err == nil && len(p.window) > 0 {
		if err := p.wait(ctx); err != nil {
			return 0, err
		}
	}
	return p.first - 1, p.err
}

// collect takes the acknowledgements in order.
func (p *publisher) collect(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-p.futures:
			if err := p.await(ctx, s); err != nil && ctx.Err() == nil {
				p.recover(ctx)
			}
		}
	}
}

var errNotSent = errors.New("not sent")

func (p *publisher) await(ctx context.Context, s sent) error {
	if s.ack == nil {
		return errNotSent
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-s.ack.Err():
		return err
	case ack := <-s.ack.Ok():
		p.mu.Lock()
		defer p.mu.Unlock()
		p.acknowledge(ack.Sequence)
		return nil
	}
}

// acknowledge drops what the server has from the window.
func (p *publisher) acknowledge(seq uint64) {
	for len(p.window) > 0 && p.first <= seq {
		p.bytes -= p.window[0].Size()
		p.window[0] = nil
		p.window = p.window[1:]
		p.first++
	}
	p.wake()
}

// recover finds out what the server has, and sends the rest of the window again.
func (p *publisher) recover(ctx context.Context) {
	p.mu.Lock()
	p.broken = true
	p.mu.Unlock()
	for {
		p.forget()
		last, err := p.lastSeq(ctx)
		if err == nil {
			err = p.checkOurs(ctx, last)
		}
		if errors.Is(err, errForeign) {
			p.fail(err)
			return
		}
		if err == nil && p.resend(last) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(retryPause):
		}
	}
}

// forget drops the acknowledgements that are still due: those that come will be
// found by lastSeq.
func (p *publisher) forget() {
	for {
		select {
		case <-p.futures:
		default:
			return
		}
	}
}

func (p *publisher) lastSeq(ctx context.Context) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, ackTimeout)
	defer cancel()
	info, err := p.stream.Info(ctx)
	if err != nil {
		return 0, err
	}
	return info.State.LastSeq, nil
}

var errForeign = errors.New("somebody else writes to the NATS stream of this run: two recorders must not share a trace")

// checkOurs makes sure that the last message of the stream, if it is not
// acknowledged, is the one in the window.
func (p *publisher) checkOurs(ctx context.Context, last uint64) error {
	p.mu.Lock()
	var ours *nats.Msg
	i := last - p.first // wraps around for last < first
	if i < uint64(len(p.window)) {
		ours = p.window[i]
	}
	foreign := last >= p.first && ours == nil
	p.mu.Unlock()
	if foreign {
		return errForeign
	}
	if ours == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, ackTimeout)
	defer cancel()
	m, err := p.stream.GetMsg(ctx, last)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound): // in the trace and purged
		return nil
	case err != nil:
		return err
	case m.Subject != ours.Subject || m.Header.Get(headerPrefix+"id") != ours.Header.Get(headerPrefix+"id"):
		return errForeign
	}
	return nil
}

// resend returns false if it has to be tried again.
func (p *publisher) resend(last uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if last+1 < p.first {
		p.failLocked(fmt.Errorf("the NATS server has lost events that it had acknowledged "+
			"(it has %d, acknowledged were %d): start the recorder again with the same --output; "+
			"it resumes from what is in the trace", last, p.first-1))
		return true
	}
	p.acknowledge(last)
	p.broken = false
	for i, m := range p.window {
		p.send(m, p.first+uint64(i))
		if p.broken {
			p.forget()
			return false
		}
	}
	return true
}

func (p *publisher) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failLocked(err)
}

func (p *publisher) failLocked(err error) {
	p.err = err
	p.notify("%v", err)
	p.wake()
}
