package sentinel

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// surveyAnyway is after how long a checksum that has not changed is recorded
// again.
const surveyAnyway = time.Minute

// surveyBytes is the size of the largest table that is read.
const surveyBytes = 64 << 20

// survey reads count and checksum of the tables that a test suite guards itself
// with.
type survey struct {
	*session

	mu   sync.Mutex
	last map[string]surveyed // by instance and table
}

type surveyed struct {
	sum checksum
	at  time.Duration
}

const tablesSQL = `SELECT n.nspname, c.relname, pg_table_size(c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND has_schema_privilege(n.oid, 'USAGE')
  AND has_table_privilege(c.oid, 'SELECT')
  AND CASE WHEN $2 = '' THEN c.relname LIKE 'sentinel%' AND n.nspname !~ '^(pg_|information_schema$|hindsight_)'
      ELSE c.relname = $2 AND ($1 = '' OR n.nspname = $1) END
ORDER BY 1, 2`

func (s *survey) round(ctx context.Context, l *link) error {
	if err := l.learn(ctx); err != nil {
		return err
	}
	schema, table, qualified := strings.Cut(s.o.Table, ".")
	if !qualified {
		schema, table = "", s.o.Table
	}
	tables, err := l.rows(ctx, tablesSQL, schema, table)
	if err != nil {
		return err
	}
	for _, t := range tables {
		if err := s.read(ctx, l, t[0], t[1], t[2]); err != nil {
			return err
		}
	}
	return nil
}

// read takes the checksum of one table: the sum of the hashes of its rows as
// text, which does not depend on their order.
func (s *survey) read(ctx context.Context, l *link, schema, table, size string) error {
	since := s.o.Now()
	sum := checksum{
		Instance: l.instance, Primary: s.isPrimary(l.facts), Table: schema + "." + table,
		Timeline: l.facts.timeline, LSN: l.facts.lsn, ReplayLSN: l.facts.replayLSN,
	}
	if bytes, err := strconv.ParseInt(size, 10, 64); err != nil || bytes > surveyBytes {
		sum.Error = fmt.Sprintf("it has %s bytes: more than %d are not read", size, surveyBytes)
	} else {
		row, err := l.row(ctx, "SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)), 0) FROM "+
			quote(schema)+"."+quote(table)+" t")
		text, refused := answered(err)
		switch {
		case err == nil:
			sum.Complete, sum.Checksum = true, row[1]
			sum.Count, _ = strconv.ParseInt(row[0], 10, 64)
		case refused:
			sum.Error = text
		default:
			return err
		}
	}
	if s.news(l.key, sum, since) {
		s.emit(Checksum, since, s.o.Now(), sum)
	}
	return nil
}

// news reports whether a checksum says something that was not said a short while
// ago. The position is no news.
func (s *survey) news(key string, sum checksum, now time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	key += "/" + sum.Table
	last, known := s.last[key]
	sum.LSN, sum.ReplayLSN = "", ""
	if known && last.sum == sum && now-last.at < surveyAnyway {
		return false
	}
	if s.last == nil {
		s.last = map[string]surveyed{}
	}
	s.last[key] = surveyed{sum, now}
	return true
}
