package sentinel

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// How long the end of a session may take.
const (
	finalReadTimeout = 12 * time.Second
	cleanupTimeout   = 5 * time.Second
)

// session is the sentinel of one cluster.
type session struct {
	o      *Options
	object trace.Object
	dir    directory

	mu       sync.Mutex
	timeline int64                 // the highest that a primary was on
	ready    bool                  // the table of the workload exists
	down     map[string]bool       // what is unreachable and was said to be
	up       map[string]connection // what is reached, as it was last said to be
}

func (s *session) label() string {
	if s.object.Name == "" {
		return "the cluster"
	}
	return s.object.Namespace + "/" + s.object.Name
}

// run works until ctx ends. If its cause is errGone, nothing is left to end
// properly.
func (s *session) run(ctx context.Context) {
	if s.o.Mode == ModeWrite {
		s.runWorkload(ctx)
		return
	}
	r := newReader(s, (&survey{session: s}).round)
	defer r.close()
	r.run(ctx, s.o.ReadEvery)
	s.end(ctx, summary{})
}

// runWorkload writes and reads, then reads once more and cleans up.
func (s *session) runWorkload(ctx context.Context) {
	w := &writer{session: s, next: s.o.After + 1}
	defer w.hangUp()
	set := &setReader{session: s}
	r := newReader(s, set.round)
	defer r.close()
	var working sync.WaitGroup
	working.Go(func() { w.run(ctx) })
	working.Go(func() { r.run(ctx, positionEvery) })
	working.Wait()
	end := w.count
	end.Workload, end.Schema = Workload, s.schema()
	if context.Cause(ctx) == errGone || !s.isReady() {
		s.end(ctx, end)
		return
	}
	final, cancel := context.WithTimeout(s.o.Last(), finalReadTimeout)
	defer cancel()
	end.FinalRead = set.final(final, r)
	if err := w.clean(); err != nil {
		end.Error = err.Error()
		s.o.Notify("sentinel of %s: its schema is left behind: %v; remove it with DROP SCHEMA %s CASCADE",
			s.label(), err, quote(s.schema()))
	} else {
		end.Cleaned = true
	}
	s.end(ctx, end)
}

func (s *session) end(ctx context.Context, e summary) {
	e.Reason = cmp.Or(context.Cause(ctx), context.Canceled).Error()
	if context.Cause(ctx) == context.Canceled {
		e.Reason = "the recording ends"
	}
	now := s.o.Now()
	s.emit(Ended, now, now, e)
}

// schema is where the workload lives.
func (s *session) schema() string { return schemaOf(s.o.RunID, s.object.UID) }

func (s *session) setReady() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready = true
}

func (s *session) isReady() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ready
}

// isPrimary reports whether what a server said of itself makes it the primary:
// it takes writes, and nobody was seen to do so on a later timeline. A former
// primary that has not noticed is none.
func (s *session) isPrimary(f facts) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.inRecovery || f.timeline < s.timeline {
		return false
	}
	s.timeline = f.timeline
	return true
}

// reached records that an instance answers: once, until it is lost, or is
// another than before.
func (s *session) reached(role, key string, l *link) {
	is := l.connection(role)
	same := is
	same.LSN = ""
	s.mu.Lock()
	delete(s.down, role+key)
	known := s.up[role+key] == same
	s.up[role+key] = same
	s.mu.Unlock()
	if known {
		return
	}
	now := s.o.Now()
	s.emit(Connected, now, now, is)
}

// lost records that an instance, or the cluster, cannot be reached: once, until
// it can be again.
func (s *session) lost(role, key, name string, err error) {
	s.mu.Lock()
	known := s.down[role+key]
	s.down[role+key] = true
	delete(s.up, role+key)
	s.mu.Unlock()
	if known {
		return
	}
	now := s.o.Now()
	s.emit(Unreachable, now, now, connection{Role: role, Instance: name, Error: err.Error()})
}
