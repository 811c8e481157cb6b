package sentinel

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/hindsight-project/hindsight/recorder/source"
)

// reader works on all instances in rounds, side by side. It keeps a connection
// no longer than linkLifetime.
type reader struct {
	*session
	work  func(ctx context.Context, l *link) error // an error ends the connection
	links map[string]*link
	every time.Duration // from round to round
}

func newReader(s *session, work func(context.Context, *link) error) *reader {
	return &reader{session: s, work: work, links: map[string]*link{}}
}

func (r *reader) run(ctx context.Context, every time.Duration) {
	r.every = every
	for {
		begin := time.Now()
		r.round()
		if !source.Pause(ctx, max(0, every-time.Since(begin))) {
			return
		}
	}
}

// round works once on every instance that can be reached. The end of the
// recording does not break it off.
func (r *reader) round() {
	ctx, cancel := context.WithTimeout(r.o.Last(), r.o.Timeout)
	defer cancel()
	known, err := r.dir.list(ctx)
	if err != nil {
		r.lost(roleReader, "", "", err)
		return
	}
	links := make([]*link, len(known.readers))
	var working sync.WaitGroup
	for k, i := range known.readers {
		l := r.links[i.key]
		delete(r.links, i.key)
		working.Go(func() { links[k] = r.visit(ctx, i, l, known.names) })
	}
	working.Wait()
	r.close() // what is left belongs to instances that are gone
	for _, l := range links {
		switch {
		case l == nil:
		case r.every > linkLifetime || l.old():
			l.close()
		default:
			r.links[l.key] = l
		}
	}
}

// visit works on one instance and returns the connection if it can be used again.
func (r *reader) visit(ctx context.Context, i instance, l *link, names map[string]string) *link {
	var err error
	if l == nil {
		if l, err = r.open(ctx, i, names); err != nil {
			r.dir.forget()
			r.lost(roleReader, i.key, i.name, explain(ctx, err))
			return nil
		}
		r.reached(roleReader, i.key, l)
	}
	if err := r.work(ctx, l); err != nil {
		r.dir.forget()
		r.lost(roleReader, i.key, l.instance, explain(ctx, err))
		l.close()
		return nil
	}
	return l
}

// open connects so that nothing can be changed and nobody is kept waiting.
func (r *reader) open(ctx context.Context, i instance, names map[string]string) (*link, error) {
	l, err := connect(ctx, i, names, "hindsight reader "+shorten(r.o.RunID, 40))
	if err != nil {
		return nil, err
	}
	err = l.exec(ctx, "SET default_transaction_read_only = on; SET statement_timeout = '5s'; SET lock_timeout = '1s'")
	if err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (r *reader) close() {
	for _, l := range r.links {
		l.close()
	}
	clear(r.links)
}

// answered reports whether the server itself refused, so that the connection can
// be used again, and says how.
func answered(err error) (string, bool) {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.SeverityUnlocalized == "ERROR" {
		return pg.Message, true
	}
	return "", false
}
