package bus

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// Cluster is a JetStream server, or a cluster of them, to which recorders
// publish.
type Cluster struct{ link }

// Dial connects to the server of opts.NATS; of the other options it uses Notify.
func Dial(ctx context.Context, opts Options) (*Cluster, error) {
	if opts.NATS.URL == "" {
		return nil, errors.New("no NATS server to collect from: name it with --nats URL")
	}
	c := &Cluster{link{opts: opts}}
	if err := c.connect(ctx, "hindsight collector"); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// Close ends the connection.
func (c *Cluster) Close() { c.close() }

// Offer is a run that a recorder has published, or still publishes.
type Offer struct {
	Published
	Source *Source
}

// Runs returns the ids of the runs that have a stream, published or not.
func (c *Cluster) Runs(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, ackTimeout)
	defer cancel()
	var ids []string
	names := c.js.StreamNames(ctx, jetstream.WithStreamListSubject("hindsight.>"))
	for name := range names.Name() {
		if id, ours := strings.CutPrefix(name, StreamName("")); ours {
			ids = append(ids, id)
		}
	}
	if err := names.Err(); err != nil {
		return nil, fmt.Errorf("%s: cannot list its streams: %w", c.where(), err)
	}
	return ids, nil
}

// ErrNotOffered is returned for a run that is not to be collected: its recorder
// writes the trace itself, or the stream is not one of ours.
var ErrNotOffered = errors.New("not published by a recorder")

// Offer looks at one run. It fails with ErrNotOffered, or when the stream cannot
// be reached at this moment.
func (c *Cluster) Offer(ctx context.Context, id string) (Offer, error) {
	name := StreamName(id)
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	stream, err := c.js.Stream(ctx, name)
	if err != nil {
		return Offer{}, fmt.Errorf("%s: the stream %s cannot be reached: %w", c.where(), name, err)
	}
	p, err := readPublished(stream.CachedInfo().Config.Metadata)
	if err == nil {
		err = p.check(name)
	}
	if err != nil {
		return Offer{}, fmt.Errorf("the stream %s is left alone: %w: %w", name, ErrNotOffered, err)
	}
	return Offer{*p, newSource(c.js, stream, id)}, nil
}

// runID is what recorders call their runs. Files are named after it.
var runID = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,199}$`)

// check makes sure that metadata that anybody could have written can be used.
func (p *Published) check(stream string) error {
	switch {
	case !runID.MatchString(p.Run.ID):
		return fmt.Errorf("its run is called %q, which is no name of a run", p.Run.ID)
	case StreamName(p.Run.ID) != stream:
		return fmt.Errorf("it says that it is of the run %s", p.Run.ID)
	case p.Run.Start.IsZero():
		return errors.New("it does not say when its run began")
	}
	return nil
}
