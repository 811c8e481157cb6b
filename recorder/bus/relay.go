package bus

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// relay hands what the server has acknowledged to the consumer in the same
// process: that needs not be read from the stream again. It keeps no more than it
// can hold; what does not fit is in the stream.
type relay struct {
	mu     sync.Mutex
	open   bool          // somebody takes
	filled chan struct{} // something came
	queue  []message     // without holes
	bytes  int
	next   uint64 // sequence number of the message that is acknowledged next
}

// How much a relay holds, beside one message.
const (
	relayMessages = 2048
	relayBytes    = 8 << 20
)

func newRelay(next uint64) *relay { return &relay{filled: make(chan struct{}, 1), next: next} }

// offer takes the message that follows the one before.
func (r *relay) offer(seq uint64, e trace.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next = seq + 1
	full := len(r.queue) >= relayMessages || len(r.queue) > 0 && r.bytes+len(e.Data) > relayBytes
	hole := len(r.queue) > 0 && r.queue[len(r.queue)-1].seq != seq-1
	if !r.open || full || hole {
		return
	}
	r.queue = append(r.queue, message{seq: seq, event: &e})
	r.bytes += len(e.Data)
	select {
	case r.filled <- struct{}{}:
	default:
	}
}

// listen says whether somebody takes.
func (r *relay) listen(open bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open, r.queue, r.bytes = open, nil, 0
}

// has reports whether the message is here, or is the one that is acknowledged next.
func (r *relay) has(seq uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drop(seq)
	if len(r.queue) == 0 {
		return seq == r.next
	}
	return r.queue[0].seq == seq
}

// take returns the message if it is here.
func (r *relay) take(seq uint64) (m message, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drop(seq)
	if len(r.queue) == 0 || r.queue[0].seq != seq {
		return m, false
	}
	m = r.queue[0]
	r.drop(seq + 1)
	return m, true
}

// drop lets go what comes before a message.
func (r *relay) drop(seq uint64) {
	for len(r.queue) > 0 && r.queue[0].seq < seq {
		r.bytes -= len(r.queue[0].event.Data)
		r.queue[0] = message{}
		r.queue = r.queue[1:]
	}
}

// takeOver feeds what comes through the relay as long as what is due does.
func (c *consumer) takeOver(ctx context.Context) error {
	if c.relay == nil {
		return nil
	}
	ask := time.NewTicker(quiet)
	defer ask.Stop()
	for c.relay.has(c.next) {
		m, here := c.relay.take(c.next)
		if here {
			if err := c.feed(ctx, m); err != nil {
				return err
			}
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-c.relay.filled:
		case <-ask.C:
			if c.isThere(ctx) {
				return nil
			}
		}
	}
	return nil
}

// isThere reports whether the stream has the message that is due, though it was
// not acknowledged: somebody else may have written it.
func (c *consumer) isThere(ctx context.Context) bool {
	asking, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	info, err := c.source.stream.Info(asking)
	return err == nil && info.State.LastSeq >= c.next || errors.Is(err, jetstream.ErrStreamNotFound)
}
