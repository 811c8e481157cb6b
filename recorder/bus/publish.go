package bus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// What may be on the way to the server: more makes Publish wait.
const (
	windowMessages = 2048
	windowBytes    = 16 << 20
)

const (
	ackTimeout = 3 * time.Second // asking what the server has, and sending again, does no harm
	retryPause = 250 * time.Millisecond
	retryMost  = 4 * time.Second // the pause doubles up to this while nothing gets through
)

// regainTimeout is how long a server may say that it has less than it has
// acknowledged: one of a cluster that has just started or been elected does not
// know everything yet.
const regainTimeout = 15 * time.Second

// stalledAfter is after how many attempts without success people are told.
const stalledAfter = 4

// ErrTooLarge is returned for an event that the server does not take.
var ErrTooLarge = errors.New("too large for the NATS server")

// Publish hands an event to the bus. Events arrive in the order of the calls,
// each exactly once. It waits while too much is on the way; it fails with
// ErrTooLarge, or when the bus cannot go on at all.
func (b *Bus) Publish(ctx context.Context, e trace.Event) error {
	m := encode(subject(b.opts.RunID, e), b.opts.RunID, e)
	size := m.Size() + headerReserve
	if limit := b.nc.MaxPayload(); int64(size) > limit {
		return fmt.Errorf("%s of %s has %d bytes: %w, which takes %d", e.Type, e.Object, size, ErrTooLarge, limit)
	}
	return b.out.publish(ctx, unconfirmed{m, e, size})
}

// headerReserve is the room for the headers that are added on sending.
const headerReserve = 256

// Flush waits until everything that is published by now is acknowledged, and
// returns the sequence number of the last event that is.
func (b *Bus) Flush(ctx context.Context) (uint64, error) { return b.out.flush(ctx) }

// publisher sends messages in order and exactly once over a connection that
// may break: a sliding window (go-back-N). Every message carries the sequence
// number that must come before it, so that the server refuses what follows a
// lost one; the window is then sent again from there. For the same reason an
// acknowledgement is one of all messages before it, and few of them ask for one.
// That works because a stream has one publisher.
type publisher struct {
	js       jetstream.JetStream
	stream   jetstream.Stream
	embedded *embedded // nil: the server is external
	notify   func(string, ...any)
	cancel   context.CancelFunc
	done     sync.WaitGroup

	mu      sync.Mutex
	changed chan struct{} // closed and replaced when the window shrinks or fails
	window  []unconfirmed // not acknowledged
	bytes   int           // of window
	first   uint64        // sequence number of window[0], or of the next message
	next    uint64        // of what is sent next
	asked   int           // acknowledgements that are due
	quiet   int           // messages sent since one was asked for
	silent  int           // bytes of these
	broken  bool          // nothing is sent until the window was sent again
	reached uint64        // first at the last attempt to send the window again
	stalled int           // attempts since then
	err     error         // the bus cannot go on
	futures chan sent
	relay   *relay
}

// unconfirmed is a message that the server may not have.
type unconfirmed struct {
	*nats.Msg
	event trace.Event
	size  int // bytes
}

// sent is an acknowledgement that is due, nil of what could not be sent.
type sent struct{ ack jetstream.PubAckFuture }

func newPublisher(
	js jetstream.JetStream, stream jetstream.Stream, last uint64, embedded *embedded, notify func(string, ...any),
) *publisher {
	ctx, cancel := context.WithCancel(context.Background())
	p := &publisher{
		js: js, stream: stream, embedded: embedded, notify: notify, cancel: cancel,
		changed: make(chan struct{}), first: last + 1, next: last + 1,
		futures: make(chan sent, windowMessages),
		relay:   newRelay(last + 1),
	}
	p.done.Go(func() { p.collect(ctx) })
	return p
}

func (p *publisher) close() {
	p.cancel()
	p.done.Wait()
}

func (p *publisher) publish(ctx context.Context, m unconfirmed) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.err == nil && len(p.window) > 0 && (len(p.window) >= windowMessages || p.bytes+m.size > windowBytes) {
		if err := p.wait(ctx); err != nil {
			return err
		}
	}
	if p.err != nil {
		return p.err
	}
	p.window = append(p.window, m)
	p.bytes += m.size
	p.pass()
	return nil
}

// One acknowledgement is asked for at least every so many messages and bytes.
const (
	askMessages = 32
	askBytes    = 1 << 20
)

// pass sends what is to be sent by now: all but the last message, which goes with
// the next one or when no acknowledgement is due any more. So the last one that
// was sent always asks for an acknowledgement, which is one of all before it. It
// is called with the lock held.
func (p *publisher) pass() {
	for end := p.first + uint64(len(p.window)); !p.broken && p.next < end; p.next++ {
		m := p.window[p.next-p.first]
		ask := p.quiet+1 >= askMessages || p.silent+m.size >= askBytes
		if p.next == end-1 && !ask {
			if p.asked > 0 {
				return
			}
			ask = true
		}
		p.send(m, ask)
	}
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

// send sends the next message. It is called with the lock held.
func (p *publisher) send(m unconfirmed, ask bool) {
	m.Header.Set(jetstream.ExpectedLastSeqHeader, strconv.FormatUint(p.next-1, 10))
	if !ask {
		p.quiet, p.silent = p.quiet+1, p.silent+m.size
		if p.js.Conn().PublishMsg(m.Msg) != nil {
			p.broken = true
			p.futures <- sent{}
		}
		return
	}
	p.quiet, p.silent = 0, 0
	future, err := p.js.PublishMsgAsync(m.Msg, jetstream.WithStallWait(ackTimeout), jetstream.WithRetryAttempts(0))
	if err != nil {
		p.broken = true
		future = nil
	}
	p.asked++
	p.futures <- sent{future}
}

// flush waits until the window is empty.
func (p *publisher) flush(ctx context.Context) (uint64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for next := p.first + uint64(len(p.window)); p.err == nil && p.first < next; {
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
				p.recover(ctx, err)
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
		p.asked--
		p.acknowledge(ack.Sequence)
		p.pass()
		return nil
	}
}

// acknowledge drops what the server has from the window.
func (p *publisher) acknowledge(seq uint64) {
	for len(p.window) > 0 && p.first <= seq {
		p.bytes -= p.window[0].size
		p.relay.offer(p.first, p.window[0].event)
		p.window[0] = unconfirmed{}
		p.window = p.window[1:]
		p.first++
	}
	p.wake()
}

// recover finds out what the server has, and sends the rest of the window again.
func (p *publisher) recover(ctx context.Context, cause error) {
	p.mu.Lock()
	p.broken = true
	p.mu.Unlock()
	began := time.Now()
	for ctx.Err() == nil {
		p.pause(ctx, cause)
		p.forget()
		last, err := p.lastSeq(ctx)
		if err == nil {
			err = p.checkOurs(ctx, last)
		}
		var lost *lostError
		switch {
		case errors.Is(err, errForeign):
			p.fail(err)
			return
		case errors.Is(err, jetstream.ErrStreamNotFound) && time.Since(began) > goneAfter:
			p.fail(fmt.Errorf("%w, though its run has not ended", ErrGone))
			return
		case err == nil:
			err = p.resend(last)
			if errors.As(err, &lost) && time.Since(began) > regainTimeout {
				p.fail(err)
				return
			}
			if err == nil {
				return
			}
		}
		cause = err
	}
}

// pause waits the longer, the more often the window was sent in vain.
func (p *publisher) pause(ctx context.Context, cause error) {
	p.mu.Lock()
	if p.first != p.reached {
		if p.stalled >= stalledAfter {
			p.notify("the NATS server takes events again")
		}
		p.stalled = 0
	}
	p.reached = p.first
	p.stalled++
	n, waiting := p.stalled, len(p.window)
	p.mu.Unlock()
	if n == stalledAfter {
		p.notify("the NATS server does not take events: %v; %d wait", cause, waiting)
	}
	if n >= stalledAfter && p.embedded != nil && ctx.Err() == nil {
		if err := p.embedded.restart(); err != nil {
			p.notify("%v", err)
		}
	}
	if n > 1 {
		sleep(ctx, min(retryPause<<min(n-2, 8), retryMost))
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
		ours = p.window[i].Msg
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

// lostError says that the server has less than it had acknowledged.
type lostError struct{ last, acknowledged uint64 }

// Error implements error.
func (e *lostError) Error() string {
	return fmt.Sprintf("the NATS server has lost events that it had acknowledged "+
		"(it has %d, acknowledged were %d): start the recorder again; with the same --output "+
		"it goes on from what is in the trace", e.last, e.acknowledged)
}

// resend fails if it has to be tried again.
func (p *publisher) resend(last uint64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if last+1 < p.first {
		return &lostError{last, p.first - 1}
	}
	p.acknowledge(last)
	p.broken, p.next, p.asked = false, p.first, 0
	p.quiet = askMessages // the first one asks, so that why it is refused becomes known
	p.pass()
	if p.broken {
		p.forget()
		return errNotSent
	}
	return nil
}

func (p *publisher) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
	p.notify("%v", err)
	p.wake()
}
