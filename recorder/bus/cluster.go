package bus

import (
	"context"
	"errors"
	"fmt"
	"regexp"

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

// Offers returns the published runs whose streams still exist.
func (c *Cluster) Offers(ctx context.Context) ([]Offer, error) {
	ctx, cancel := context.WithTimeout(ctx, ackTimeout)
	defer cancel()
	var offers []Offer
	streams := c.js.ListStreams(ctx, jetstream.WithStreamListSubject("hindsight.>"))
	for info := range streams.Info() {
		p, err := readPublished(info.Config.Metadata)
		if err == nil && p != nil {
			err = p.check(info.Config.Name)
		}
		if err != nil {
			c.opts.Notify("the stream %s is left alone: %v", info.Config.Name, err)
			continue
		}
		if p == nil {
			continue
		}
		stream, err := c.js.Stream(ctx, info.Config.Name)
		if err != nil {
			return nil, fmt.Errorf("%s: cannot open the stream %s: %w", c.where(), info.Config.Name, err)
		}
		offers = append(offers, Offer{*p, newSource(c.js, stream, p.Run.ID)})
	}
	if err := streams.Err(); err != nil {
		return nil, fmt.Errorf("%s: cannot list its streams: %w", c.where(), err)
	}
	return offers, nil
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
