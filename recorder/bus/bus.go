package bus

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

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

	// Listen is where the embedded server listens, for whoever has its token: a
	// loopback address and a port. Empty: it listens on nothing.
	Listen string

	// Stream is for external servers, when the stream is made.
	Stream StreamOptions

	// Published, if not nil, makes the stream one to be collected by another
	// program, see Cluster.
	Published *Published

	// Notify tells people what they should know at once.
	Notify func(format string, args ...any)
}

// StreamOptions say how a stream is kept. The zero value is a good one.
type StreamOptions struct {
	Replicas int   // servers of the cluster that keep it; 0: one
	MaxBytes int64 // while it is full, Publish waits; 0: as long as the server lets it grow
}

const (
	maxReplicas = 5             // of NATS
	minStream   = 8 * MaxObject // bytes
)

// Validate checks what can be checked without the server.
func (o StreamOptions) Validate() error {
	switch {
	case o.Replicas < 0 || o.Replicas > maxReplicas:
		return fmt.Errorf("--nats-replicas %d: NATS keeps a stream on 1 to %d servers", o.Replicas, maxReplicas)
	case o.MaxBytes != 0 && o.MaxBytes < minStream:
		return fmt.Errorf("--nats-max-bytes %d: a stream must hold a few of the greatest objects, at least %d bytes",
			o.MaxBytes, minStream)
	}
	return nil
}

// link is a connection to a JetStream server.
type link struct {
	opts     Options
	embedded *embedded // nil: external
	nc       *nats.Conn
	js       jetstream.JetStream
	closing  sync.Once
}

// Bus is one run's stream on a JetStream server.
type Bus struct {
	link
	in  *Source
	out *publisher
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
	b := &Bus{link: link{opts: opts}}
	if err := b.connect(ctx, "hindsight recorder "+opts.RunID); err != nil {
		b.Close()
		return nil, err
	}
	if err := b.open(ctx, position); err != nil {
		b.Close()
		return nil, fmt.Errorf("%s: cannot open the stream %s: %w", b.where(), StreamName(opts.RunID), err)
	}
	return b, nil
}

func (b *Bus) open(ctx context.Context, position trace.Position) error {
	var stream jetstream.Stream
	var last uint64
	err := eventually(ctx, func() (err error) {
		stream, last, err = b.openStream(ctx, position)
		return err
	})
	if err != nil {
		return err
	}
	if limit := b.nc.MaxPayload(); limit < MaxObject {
		b.opts.Notify("%s takes messages of at most %d bytes: greater objects will be gaps; set max_payload to %d there",
			b.where(), limit, MaxObject)
	}
	b.in = newSource(b.js, stream, b.opts.RunID)
	b.out = newPublisher(b.js, stream, last, b.embedded, b.opts.Notify)
	return nil
}

// openStream returns the last sequence number in the stream. A stream that ends
// before position lost what was never written to its disk; all of that is in
// the trace, so it starts anew behind it.
func (b *Bus) openStream(ctx context.Context, position trace.Position) (jetstream.Stream, uint64, error) {
	name := StreamName(b.opts.RunID)
	stream, err := b.js.Stream(ctx, name)
	switch {
	case err == nil:
		info, err := stream.Info(ctx)
		if err != nil {
			return nil, 0, err
		}
		if info.State.LastSeq >= position.Seq {
			return stream, info.State.LastSeq, nil
		}
		if err := b.js.DeleteStream(ctx, name); err != nil {
			return nil, 0, err
		}
	case !errors.Is(err, jetstream.ErrStreamNotFound):
		return nil, 0, err
	}
	config, err := b.streamConfig(position.Seq + 1)
	if err != nil {
		return nil, 0, err
	}
	stream, err = b.createStream(ctx, config)
	return stream, position.Seq, err
}

// streamConfig describes the stream of the run. A full one refuses what is new,
// so that the publisher waits; it never drops what is old.
func (b *Bus) streamConfig(first uint64) (jetstream.StreamConfig, error) {
	c := jetstream.StreamConfig{
		Name:        StreamName(b.opts.RunID),
		Description: "recording of Kubernetes by Hindsight",
		Subjects:    []string{"hindsight." + b.opts.RunID + ".>"},
		Storage:     jetstream.FileStorage,
		Discard:     jetstream.DiscardNew,
		Replicas:    max(b.opts.Stream.Replicas, 1),
		MaxBytes:    b.opts.Stream.MaxBytes,
		FirstSeq:    first,
	}
	if b.opts.Published == nil {
		return c, nil
	}
	var err error
	c.Metadata, err = b.opts.Published.metadata()
	return c, err
}

// streamCreateFailed is NATS's JSStreamCreateErrF, which its client has no name for.
const streamCreateFailed jetstream.ErrorCode = 10049

// createTries is how often a stream is tried to be created.
const createTries = 20

// createStream creates the stream. The server may still be removing the files of
// the one that was deleted a moment before, and fails then.
func (b *Bus) createStream(ctx context.Context, config jetstream.StreamConfig) (stream jetstream.Stream, err error) {
	for range createTries {
		stream, err = b.js.CreateStream(ctx, config)
		var refused *jetstream.APIError
		if !errors.As(err, &refused) || refused.ErrorCode != streamCreateFailed {
			return stream, err
		}
		sleep(ctx, retryPause)
	}
	return stream, err
}

func (b *link) connect(ctx context.Context, name string) error {
	options := []nats.Option{
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250 * time.Millisecond),
		// Nothing waits in the connection: the publisher keeps what is not
		// acknowledged, and sends it again in order.
		nats.ReconnectBufSize(-1),
	}
	nc, err := b.dial(name, options)
	if err != nil {
		return err
	}
	b.nc = nc
	b.js, err = jetstream.New(nc,
		jetstream.WithPublishAsyncMaxPending(2*windowMessages), jetstream.WithPublishAsyncTimeout(ackTimeout))
	if err != nil {
		return err
	}
	err = eventually(ctx, func() error {
		_, err := b.js.AccountInfo(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: JetStream does not answer (is it enabled there, for this account?): %w", b.where(), err)
	}
	if broker.Plain(nc) {
		b.opts.Notify("%s is reached without encryption: others can read what is recorded; use tls:// or --nats-ca",
			b.where())
	}
	return nil
}

// patience is how long a cluster may take to elect a leader.
const patience = 30 * time.Second

// eventually asks again while the cluster has nobody who could answer.
func eventually(ctx context.Context, ask func() error) error {
	for began := time.Now(); ; sleep(ctx, retryPause) {
		err := ask()
		if !leaderless(err) || ctx.Err() != nil || time.Since(began) > patience {
			return err
		}
	}
}

// leaderless reports whether an error means that nobody can answer yet.
func leaderless(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout) {
		return true
	}
	var refused *jetstream.APIError
	return errors.As(err, &refused) && refused.Code == http.StatusServiceUnavailable &&
		refused.ErrorCode != jetstream.JSErrCodeJetStreamNotEnabled &&
		refused.ErrorCode != jetstream.JSErrCodeJetStreamNotEnabledForAccount
}

func (b *link) dial(name string, options []nats.Option) (*nats.Conn, error) {
	if b.opts.NATS.URL != "" {
		return b.opts.NATS.Connect(name, append(options,
			nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
				if err != nil {
					b.opts.Notify("%s is away: %v; waiting for it", b.where(), err)
				}
			}),
			nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
				b.opts.Notify("%s refuses: %v", b.where(), err)
			}),
			nats.ReconnectHandler(func(*nats.Conn) { b.opts.Notify("%s is back", b.where()) }),
		)...)
	}
	b.embedded = &embedded{dir: b.opts.Dir, listen: b.opts.Listen}
	if err := b.embedded.open(); err != nil {
		return nil, err
	}
	if err := b.embedded.start(); err != nil {
		return nil, err
	}
	if b.opts.Listen != "" {
		b.opts.Notify("the built-in NATS server listens on nats://%s; its token is in %s",
			b.opts.Listen, filepath.Join(b.opts.Dir, tokenFile))
	}
	nc, err := nats.Connect("", append(options, nats.Name(name), nats.Token(b.embedded.token),
		nats.InProcessServer(b.embedded))...)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be used: %w", b.where(), err)
	}
	return nc, nil
}

// Conn is the connection to the server, for what does not go through the stream.
func (b *Bus) Conn() *nats.Conn { return b.nc }

func (b *link) where() string {
	if b.opts.NATS.URL == "" {
		return "the built-in NATS server"
	}
	return "the " + b.opts.NATS.String()
}

// Consume is Source.Consume of the run's own stream.
func (b *Bus) Consume(ctx context.Context, after uint64, deliver func(Batch) error) error {
	return b.in.consume(ctx, after, b.out.relay, deliver)
}

// Remove deletes the stream: its trace is sealed.
func (b *Bus) Remove(ctx context.Context) error { return b.in.Remove(ctx) }

// Close ends the connection, and the embedded server with it. What was
// published and not yet consumed stays in the stream.
func (b *Bus) Close() {
	if b.out != nil {
		b.out.close()
	}
	b.close()
}

func (b *link) close() {
	b.closing.Do(func() {
		if b.nc != nil {
			b.nc.Close()
		}
		if b.embedded != nil {
			b.embedded.stop()
		}
	})
}
