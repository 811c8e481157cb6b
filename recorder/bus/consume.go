package bus

import (
	"context"
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
	batchBytes  = 16 << 20
	linger      = 10 * time.Millisecond
)

// pullMessages is how many messages the server sends ahead.
const pullMessages = 256

// purgeBytes is how much may lie in the stream that is in the trace already.
const purgeBytes = 64 << 20

// Batch is a piece of the stream.
type Batch struct {
	Position trace.Position // of its last message
	Events   []trace.Event
	Rejected []string // messages that are no events of ours
}

// Consume delivers everything after sequence number after, in order, until ctx
// ends or deliver fails; its error is that of deliver, or of ctx. When deliver
// returns, the batch is durable and may be removed from the stream.
func (b *Bus) Consume(ctx context.Context, after uint64, deliver func(Batch) error) error {
	c := consumer{bus: b, next: after + 1, messages: make(chan message, 256)}
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
		b.purge(ctx, &c, batch.Position.Seq, size)
	}
}

type consumer struct {
	bus      *Bus
	next     uint64 // only used by read
	messages chan message
	consumed int // bytes since the last purge
}

type message struct {
	seq    uint64
	header nats.Header
	data   []byte
}

// read feeds messages in order, without holes, whatever happens to the
// connection. It closes the channel when ctx ends.
func (c *consumer) read(ctx context.Context) {
	defer close(c.messages)
	for ctx.Err() == nil {
		if err := c.readOnce(ctx); err != nil && ctx.Err() == nil {
			sleep(ctx, retryPause)
		}
	}
}

// readOnce reads until something goes wrong. Nothing is acknowledged: where
// reading goes on is in the trace.
func (c *consumer) readOnce(ctx context.Context) error {
	source, err := c.bus.stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: c.next,
		AckPolicy: jetstream.AckNonePolicy, InactiveThreshold: time.Minute, MemoryStorage: true,
	})
	if err != nil {
		return err
	}
	iter, err := source.Messages(jetstream.PullMaxMessages(pullMessages),
		jetstream.PullExpiry(10*time.Second), jetstream.PullHeartbeat(time.Second))
	if err != nil {
		return err
	}
	defer iter.Stop()
	for {
		m, err := iter.Next(jetstream.NextContext(ctx))
		if err != nil {
			return err
		}
		meta, err := m.Metadata()
		if err != nil {
			return err
		}
		switch seq := meta.Sequence.Stream; {
		case seq < c.next:
			continue
		case seq > c.next:
			return fmt.Errorf("message %d came, %d was due", seq, c.next)
		}
		select {
		case c.messages <- message{c.next, m.Headers(), m.Data()}:
			c.next++
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

var errClosed = errors.New("the bus was closed")

// batch waits for a message and takes those that follow at once.
func (c *consumer) batch(ctx context.Context) (Batch, int, error) {
	var b Batch
	size := 0
	take := func(m message, open bool) bool {
		if !open {
			return false
		}
		b.Position = trace.Position{Stream: StreamName(c.bus.opts.RunID), Seq: m.seq}
		e, err := decode(m.header, m.data)
		if err != nil {
			b.Rejected = append(b.Rejected, fmt.Sprintf("message %d of the stream: %v", m.seq, err))
		} else {
			b.Events = append(b.Events, e)
		}
		size += len(m.data)
		return true
	}
	m, open := <-c.messages
	if !take(m, open) {
		if err := ctx.Err(); err != nil {
			return b, 0, err
		}
		return b, 0, errClosed
	}
	timer := time.NewTimer(linger)
	defer timer.Stop()
	for len(b.Events)+len(b.Rejected) < batchEvents && size < batchBytes {
		select {
		case m, open := <-c.messages:
			if !take(m, open) {
				return b, size, nil
			}
		case <-timer.C:
			return b, size, nil
		}
	}
	return b, size, nil
}

// purge removes from the stream what is durable in the trace, now and then.
// That it fails does no harm: the stream is a bit longer then.
func (b *Bus) purge(ctx context.Context, c *consumer, seq uint64, size int) {
	c.consumed += size
	if c.consumed < purgeBytes {
		return
	}
	c.consumed = 0
	_ = b.stream.Purge(ctx, jetstream.WithPurgeSequence(seq+1))
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
