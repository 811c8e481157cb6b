package sentinel

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/hindsight-project/hindsight/recorder/source"
)

// positionEvery is how often it is recorded how far each standby has come: what
// it had before a crash decides what may be lost.
const positionEvery = time.Second

// finalRest is the pause between two tries of the final read.
const finalRest = 500 * time.Millisecond

// setReader reads the set back.
type setReader struct {
	*session

	mu      sync.Mutex
	full    map[string]time.Duration // when an instance was last read in full, by key
	ending  bool                     // everything is read in full
	primary bool                     // a primary was, since ending
}

// elementsSQL reads the numbers as intervals, so that an answer is short however
// long the run is. A row whose checksum is wrong is damaged, and not found.
func (s *session) elementsSQL() string {
	return `WITH found AS (
  SELECT n, count(*) AS copies, bool_and(sum = md5($1 || ':' || n)) AS sound FROM ` + s.table() + ` GROUP BY n
), numbered AS (
  SELECT n, copies, sound, n - row_number() OVER (PARTITION BY sound ORDER BY n) AS island FROM found
), islands AS (
  SELECT min(n) AS low, max(n) AS high FROM numbered WHERE sound GROUP BY island
)
SELECT
  (SELECT string_agg(low || CASE WHEN high > low THEN '-' || high ELSE '' END, ',' ORDER BY low) FROM islands),
  string_agg(n::text, ',' ORDER BY n) FILTER (WHERE copies > 1),
  string_agg(n::text, ',' ORDER BY n) FILTER (WHERE NOT sound)
FROM numbered`
}

// round reads the whole set when it is time to, else the position of a standby.
func (r *setReader) round(ctx context.Context, l *link) error {
	if !r.isReady() {
		return nil
	}
	since := r.o.Now()
	full := r.due(l.key, since)
	standby := l.facts.inRecovery
	if !full && !standby {
		return nil
	}
	// What the server is comes first: a primary stays one as long as it lives, so
	// what is read afterwards was read from a primary.
	if err := l.learn(ctx); err != nil {
		return err
	}
	full = full || l.facts.inRecovery != standby // promoted just now
	d := reading{
		Workload: Workload, Instance: l.instance, Primary: r.isPrimary(l.facts), InRecovery: l.facts.inRecovery,
		Timeline: l.facts.timeline, LSN: l.facts.lsn, ReplayLSN: l.facts.replayLSN, RecoveryEnd: l.facts.recoveryEnd,
		SyncNames: l.facts.syncNames,
	}
	if full {
		if err := r.elements(ctx, l, &d); err != nil {
			return err
		}
		r.done(l.key, since, d)
	}
	r.emit(Read, since, r.o.Now(), d)
	return nil
}

// elements reads the set. Where there is no table there are no elements: it was
// there once.
func (r *setReader) elements(ctx context.Context, l *link, d *reading) error {
	row, err := l.row(ctx, r.elementsSQL(), r.o.RunID)
	var pg *pgconn.PgError
	switch text, refused := answered(err); {
	case err == nil:
		d.Complete, d.Elements, d.Duplicates, d.Damaged = true, row[0], row[1], row[2]
	case errors.As(err, &pg) && pg.Code == undefinedTable:
		d.Complete, d.Error = true, text
	case refused:
		d.Error = text
	default:
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	d.Final = r.ending
	return nil
}

const undefinedTable = "42P01"

func (r *setReader) due(key string, now time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	last, read := r.full[key]
	return r.ending || !read || now-last >= r.o.ReadEvery
}

func (r *setReader) done(key string, now time.Duration, d reading) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.full == nil {
		r.full = map[string]time.Duration{}
	}
	r.full[key] = now
	r.primary = r.primary || (r.ending && d.Primary && d.Complete)
}

// final reads everything once more, until a primary has answered or the time is
// over; it reports which.
func (r *setReader) final(ctx context.Context, all *reader) bool {
	r.mu.Lock()
	r.ending = true
	r.mu.Unlock()
	for {
		all.round()
		r.mu.Lock()
		read := r.primary
		r.mu.Unlock()
		if read {
			return true
		}
		r.dir.forget()
		if !source.Pause(ctx, finalRest) {
			return false
		}
	}
}
