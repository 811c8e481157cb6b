package bus

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// A batch is one transaction of the trace: as much as there is, up to these.
const (
	batchEvents = 1000
	batchBytes  = 8 << 20
	linger      = 25 * time.Millisecond
)

// pullMessages is how many messages the server sends ahead.
const pullMessages = 256

// purgeBytes is how much may lie in the stream that is in the trace already, or
// a quarter of what the stream may hold at all.
const purgeBytes = 16 << 20

// quiet is how long nothing may come until the server is asked whether something
// that was due has gone.
const quiet = 2 * time.Second

// askTimeout is how long an answer about a stream is waited for. While a leader
// is elected there is none, so it pays to ask again soon.
const askTimeout = 2 * time.Second

// goneAfter is how long the server may say that there is no such stream until it
// is believed: one that starts or elects does not know of all its streams.
const goneAfter = 15 * time.Second

// ErrGone is returned when the stream was deleted.
var ErrGone = errors.New("the stream was deleted")

// Batch is a piece of the stream: events, or a loss.
type Batch struct {
	Position trace.Position // of its last message, but before End
	Events   []trace.Event
	Rejected []string // messages that are no events of ours
	Lost     *Loss    // nothing else in this batch
	End      *End     // what comes after the events
}

// Loss are messages that the server does not have any more, though they were not
// consumed: both ends included.
type Loss struct{ First, Last uint64 }

// Source is the stream of a run, to be consumed.
type Source struct {
	js         jetstream.JetStream
	stream     jetstream.Stream
	runID      string
	replicas   int
	purgeBytes int
}

func newSource(js jetstream.JetStream, stream jetstream.Stream, runID string) *Source {
	config := stream.CachedInfo().Config
	s := &Source{js: js, stream: stream, runID: runID, replicas: config.Replicas, purgeBytes: purgeBytes}
	if config.MaxBytes > 0 {
		s.purgeBytes = int(min(purgeBytes, config.MaxBytes/4))
	}
	return s
}

// Remove deletes the stream: everything in it is in a sealed trace.
func (s *Source) Remove(ctx context.Context) error {
	err := s.js.DeleteStream(ctx, StreamName(s.runID))
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil // a cluster may have done it without saying so
	}
	return err
}

// Consume delivers everything after sequence number after, in order, until ctx
// ends or deliver fails; its error is that of deliver, or of ctx, or ErrGone.
// When deliver returns, everything up to Batch.Position is durable and may be
// removed from the stream.
func (s *Source) Consume(ctx context.Context, after uint64, deliver func(Batch) error) error {
	return s.consume(ctx, after, nil, deliver)
}

// consume is Consume with the relay of the publisher, if that is in this process.
func (s *Source) consume(ctx context.Context, after uint64, relay *relay, deliver func(Batch) error) error {
	c := consumer{source: s, next: after + 1, relay: relay, messages: make(chan message, 256)}
	if relay != nil {
		relay.listen(true)
		defer relay.listen(false)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer func() { // read has ended when its channel is closed
		cancel()
		for range c.messages {
			continue
		}
	}()
	go c.read(ctx)
	for {
		batch, size, err := c.batch(ctx)
		if err != nil {
			return err
		}
		if err := deliver(batch); err != nil {
			return err
		}
		if c.consumed += size; c.consumed >= s.purgeBytes {
			c.consumed = 0
			s.purge(ctx, batch.Position.Seq)
		}
	}
}

type consumer struct {
	source   *Source
	next     uint64 // only used by read
	relay    *relay // nil: everything is read from the stream
	messages chan message
	end      error    // why messages was closed, if not by ctx
	held     *message // taken, and not part of the batch before it
	consumed int      // bytes since the last purge
}

// message is one of the stream, or the place of some that are lost.
type message struct {
	seq    uint64
	header nats.Header
	data   []byte
	event  *trace.Event // through the relay, in place of header and data
	lost   *Loss
}

// read feeds messages in order, with every hole declared, whatever happens to
// the connection. It closes the channel when ctx ends or the stream is gone.
func (c *consumer) read(ctx context.Context) {
	defer close(c.messages)
	var missing time.Time // since when there is no such stream
	for ctx.Err() == nil {
		err := c.takeOver(ctx)
		if err == nil {
			err = c.readOnce(ctx)
		}
		switch {
		case !errors.Is(err, jetstream.ErrStreamNotFound):
			missing = time.Time{}
		case missing.IsZero():
			missing = time.Now()
		case time.Since(missing) > goneAfter:
			c.end = ErrGone
			return
		}
		if err != nil {
			sleep(ctx, retryPause)
		}
	}
}

// declareLost finds out whether the message that is due still exists, and
// passes over those that do not. Both ends of the stream and its holes come from
// one answer, so that a server that lags behind cannot make up a loss.
func (c *consumer) declareLost(ctx context.Context) error {
	asking, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	info, err := c.source.stream.Info(asking, jetstream.WithDeletedDetails(true))
	if err != nil {
		return err
	}
	next := firstAfter(info.State, c.next)
	if next == c.next {
		return nil
	}
	return c.feed(ctx, message{seq: next - 1, lost: &Loss{c.next, next - 1}})
}

// firstAfter returns the first sequence number from next on that the stream has
// or will have.
func firstAfter(state jetstream.StreamState, next uint64) uint64 {
	next = max(next, min(state.FirstSeq, state.LastSeq+1))
	for _, deleted := range state.Deleted { // ascending
		if deleted == next {
			next++
		}
	}
	return next
}

// feed hands a message on; what is due after it is the next one.
func (c *consumer) feed(ctx context.Context, m message) error {
	select {
	case c.messages <- m:
		c.next = m.seq + 1
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// readOnce reads the stream until something goes wrong, or until what is due comes
// through the relay. Nothing is acknowledged: where reading goes on is in the trace.
func (c *consumer) readOnce(ctx context.Context) error {
	if err := c.declareLost(ctx); err != nil {
		return err
	}
	asking, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	source, err := c.source.stream.CreateConsumer(asking, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: c.next,
		AckPolicy: jetstream.AckNonePolicy, InactiveThreshold: time.Minute, MemoryStorage: true,
		Replicas: c.source.replicas, // one that is on a single server is gone with it
	})
	if err != nil {
		return err
	}
	defer c.done(ctx, source)
	iter, err := source.Messages(jetstream.PullMaxMessages(pullMessages),
		jetstream.PullExpiry(10*time.Second), jetstream.PullHeartbeat(time.Second))
	if err != nil {
		return err
	}
	defer iter.Stop()
	for {
		m, err := receive(ctx, iter)
		if err != nil {
			return err
		}
		if m == nil {
			if err := c.declareLost(ctx); err != nil {
				return err
			}
			continue
		}
		meta, err := m.Metadata()
		if err != nil {
			return err
		}
		switch seq := meta.Sequence.Stream; {
		case seq < c.next:
			continue
		case seq > c.next: // either lost, or only not delivered: read again from there
			return fmt.Errorf("message %d came, %d was due", seq, c.next)
		}
		if err := c.feed(ctx, message{seq: c.next, header: m.Headers(), data: m.Data()}); err != nil {
			return err
		}
		if c.relay != nil && c.relay.has(c.next) {
			return nil
		}
	}
}

// done tells the server that a consumer is not needed any more; one that it does
// not hear about it removes by itself.
func (c *consumer) done(ctx context.Context, source jetstream.Consumer) {
	asking, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	_ = c.source.stream.DeleteConsumer(asking, source.CachedInfo().Name)
}

// receive returns nil when nothing came for a while.
func receive(ctx context.Context, iter jetstream.MessagesContext) (jetstream.Msg, error) {
	waiting, cancel := context.WithTimeout(ctx, quiet)
	defer cancel()
	m, err := iter.Next(jetstream.NextContext(waiting))
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil, nil
	}
	return m, err
}

var errClosed = errors.New("the bus was closed")

// receive returns the next message, and false when there will be none.
func (c *consumer) receive() (message, bool) {
	if c.held != nil {
		m := *c.held
		c.held = nil
		return m, true
	}
	m, open := <-c.messages
	return m, open
}

// batch waits for a message and takes those that follow at once.
func (c *consumer) batch(ctx context.Context) (b Batch, size int, err error) {
	m, open := c.receive()
	if !open {
		return b, 0, cmp.Or(ctx.Err(), c.end, errClosed)
	}
	size = b.take(c.source.runID, m)
	timer := time.NewTimer(linger)
	defer timer.Stop()
	for b.Lost == nil && b.End == nil && len(b.Events)+len(b.Rejected) < batchEvents && size < batchBytes {
		select {
		case m, open := <-c.messages:
			if !open {
				return b, size, nil
			}
			if m.lost != nil {
				c.held = &m
				return b, size, nil
			}
			size += b.take(c.source.runID, m)
		case <-timer.C:
			return b, size, nil
		}
	}
	return b, size, nil
}

// take adds a message and returns its size in bytes, about.
func (b *Batch) take(runID string, m message) int {
	b.Position = trace.Position{Stream: StreamName(runID), Seq: m.seq}
	if m.lost != nil {
		b.Lost = m.lost
		return 0
	}
	e, err := m.read()
	if err == nil && e.Type == TypeEnd {
		b.End = &End{Time: e.Time}
		err = json.Unmarshal(e.Data, b.End)
	}
	switch {
	case err != nil:
		b.End = nil
		b.Rejected = append(b.Rejected, fmt.Sprintf("message %d of the stream: %v", m.seq, err))
	case b.End != nil: // taken only when the trace is sealed with it
		b.Position.Seq--
	default:
		b.Events = append(b.Events, e)
	}
	return len(e.Data) + headerSize
}

// read returns the event of a message.
func (m *message) read() (trace.Event, error) {
	if m.event != nil {
		return *m.event, nil
	}
	return decode(m.header, m.data)
}

// headerSize is what the attributes of a message take, about.
const headerSize = 700

// purge removes from the stream what is durable in the trace. That it fails does
// no harm: the stream is a bit longer then.
func (s *Source) purge(ctx context.Context, seq uint64) {
	_ = s.stream.Purge(ctx, jetstream.WithPurgeSequence(seq+1))
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
