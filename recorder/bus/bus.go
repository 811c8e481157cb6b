package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/hindsight-project/hindsight/recorder/broker"
	"github.com/hindsight-project/hindsight/recorder/trace"
)

// MaxObject is the size in bytes of the greatest object that etcd stores by
// default, with room for the headers.
const MaxObject = 2 << 20

// embeddedMaxPayload is more than any object can have.
const embeddedMaxPayload = 8 << 20

// Options say where the bus is.
type Options struct {
	// RunID names the stream and the subjects.
	RunID string

	// Dir is where the embedded server keeps its stream. It is not used with an external one.
	Dir string

	// NATS is an external server. Without URL: the embedded one.
	NATS broker.Options

	// Notify tells people what they should know at once.
	Notify func(format string, args ...any)
}

// Bus is one run's stream on a JetStream server.
type Bus struct {
	opts    Options
	server  *server.Server // nil: external
	nc      *nats.Conn
	js      jetstream.JetStream
	stream  jetstream.Stream
	out     *publisher
	closing sync.Once
}

// StreamName returns the name of the stream of a run.
func StreamName(runID string) string { return "hindsight-" + runID }

// subject is "hindsight.<run id>.<source>.<resource or type>".
func subject(runID string, e trace.Event) string {
	last := e.Object.Resource.Resource
	if last == "" {
		last = string(e.Type)
	} else if e.Object.Group != "" {
		last += "." + e.Object.Group
	}
	return "hindsight." + runID + "." + tokens(string(e.Source)+"."+last)
}

// tokens leaves of a name what a subject may have. Names of Kubernetes come out
// as they are.
func tokens(name string) string {
	var kept []string
	for part := range strings.SplitSeq(name, ".") {
		part = strings.Map(func(r rune) rune {
			if r <= ' ' || r >= 0x7f || r == '*' || r == '>' {
				return '_'
			}
			return r
		}, part)
		if part != "" {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, ".")
}

// Open connects to the bus and makes the stream of the run unless it exists.
// position is how far its trace has consumed it: the stream continues behind,
// even if it was lost.
func Open(ctx context.Context, opts Options, position trace.Position) (*Bus, error) {
	b := &Bus{opts: opts}
	if err := b.connect(); err != nil {
		b.Close()
		return nil, err
	}
	if err := b.open(ctx, position); err != nil {
		b.Close()
		return nil, fmt.Errorf("%s: %w", b.where(), err)
	}
	return b, nil
}

func (b *Bus) open(ctx context.Context, position trace.Position) error {
	js, err := jetstream.New(b.nc,
		jetstream.WithPublishAsyncMaxPending(2*windowMessages), jetstream.WithPublishAsyncTimeout(ackTimeout))
	if err != nil {
		return err
	}
	b.js = js
	if _, err := js.AccountInfo(ctx); err != nil {
		return fmt.Errorf("JetStream does not answer (is it enabled there, for this account?): %w", err)
	}
	last, err := b.openStream(ctx, position)
	if err != nil {
		return fmt.Errorf("cannot open the stream %s: %w", StreamName(b.opts.RunID), err)
	}
	b.out = newPublisher(b.js, b.stream, last, b.opts.Notify)
	return nil
}

// openStream returns the last sequence number in the stream. A stream that ends
// before position lost what was never written to its disk; all of that is in
// the trace, so it starts anew behind it.
func (b *Bus) openStream(ctx context.Context, position trace.Position) (uint64, error) {
	name := StreamName(b.opts.RunID)
	stream, err := b.js.Stream(ctx, name)
	switch {
	case err == nil:
		info, err := stream.Info(ctx)
		if err != nil {
			return 0, err
		}
		if info.State.LastSeq >= position.Seq {
			b.stream = stream
			return info.State.LastSeq, nil
		}
		if err := b.js.DeleteStream(ctx, name); err != nil {
			return 0, err
		}
	case !errors.Is(err, jetstream.ErrStreamNotFound):
		return 0, err
	}
	return position.Seq, b.createStream(ctx, name, position.Seq+1)
}

// streamCreateFailed is NATS's JSStreamCreateErrF, which its client has no name for.
const streamCreateFailed jetstream.ErrorCode = 10049

// createTries is how often a stream is tried to be created.
const createTries = 20

// createStream creates the stream. The server may still be removing the files of
// the one that was deleted a moment before, and fails then.
func (b *Bus) createStream(ctx context.Context, name string, first uint64) (err error) {
	for range createTries {
		b.stream, err = b.js.CreateStream(ctx, jetstream.StreamConfig{
			Name:        name,
			Description: "recording of Kubernetes by Hindsight",
			Subjects:    []string{"hindsight." + b.opts.RunID + ".>"},
			Storage:     jetstream.FileStorage,
			FirstSeq:    first,
		})
		var refused *jetstream.APIError
		if !errors.As(err, &refused) || refused.ErrorCode != streamCreateFailed {
			return err
		}
		sleep(ctx, retryPause)
	}
	return err
}

func (b *Bus) connect() error {
	options := []nats.Option{
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250 * time.Millisecond),
		// Nothing waits in the connection: the publisher keeps what is not
		// acknowledged, and sends it again in order.
		nats.ReconnectBufSize(-1),
	}
	nc, err := b.dial("hindsight recorder "+b.opts.RunID, options)
	if err != nil {
		return err
	}
	b.nc = nc
	if limit := nc.MaxPayload(); limit < MaxObject {
		b.opts.Notify("%s takes messages of at most %d bytes: greater objects will be gaps; set max_payload to %d there",
			b.where(), limit, MaxObject)
	}
	if broker.Plain(nc) {
		b.opts.Notify("%s is reached without encryption: others can read what is recorded; use tls:// or --nats-ca",
			b.where())
	}
	return nil
}

func (b *Bus) dial(name string, options []nats.Option) (*nats.Conn, error) {
	if b.opts.NATS.URL != "" {
		return b.opts.NATS.Connect(name, append(options,
			nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
				if err != nil {
					b.opts.Notify("%s is away: %v; waiting for it", b.where(), err)
				}
			}),
			nats.ReconnectHandler(func(*nats.Conn) { b.opts.Notify("%s is back", b.where()) }),
		)...)
	}
	if err := b.startServer(); err != nil {
		return nil, err
	}
	nc, err := nats.Connect("", append(options, nats.Name(name), nats.InProcessServer(b.server))...)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be used: %w", b.where(), err)
	}
	return nc, nil
}

func (b *Bus) where() string {
	if b.opts.NATS.URL == "" {
		return "the built-in NATS server"
	}
	return "the " + b.opts.NATS.String()
}

// startServer starts a server inside this process. It listens on nothing.
func (b *Bus) startServer() error {
	s, err := server.NewServer(&server.Options{
		ServerName: "hindsight", DontListen: true, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: b.opts.Dir, MaxPayload: embeddedMaxPayload,
	})
	if err != nil {
		return fmt.Errorf("cannot start the built-in NATS server in %s: %w", b.opts.Dir, err)
	}
	b.server = s
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		return fmt.Errorf("the built-in NATS server in %s did not start: is the directory writable, "+
			"is there space on its disk?", b.opts.Dir)
	}
	return nil
}

// Remove deletes the stream: its trace is sealed.
func (b *Bus) Remove(ctx context.Context) error {
	return b.js.DeleteStream(ctx, StreamName(b.opts.RunID))
}

// Close ends the connection, and the embedded server with it. What was
// published and not yet consumed stays in the stream.
func (b *Bus) Close() {
	b.closing.Do(func() {
		if b.out != nil {
			b.out.close()
		}
		if b.nc != nil {
			b.nc.Close()
		}
		if b.server != nil {
			b.server.Shutdown()
			b.server.WaitForShutdown()
		}
	})
}
