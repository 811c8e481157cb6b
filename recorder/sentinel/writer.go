package sentinel

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/hindsight-project/hindsight/recorder/source"
)

// waitingMax is how many connections of ours may be left in a server that does
// not answer: a commit that waits for a standby keeps one until it comes.
const waitingMax = 2

// reconnectRest is the least time between two attempts without a connection.
const reconnectRest = 250 * time.Millisecond

// writer inserts one number after the other, each once.
type writer struct {
	*session
	next  int64
	link  *link
	count summary
}

func (w *writer) run(ctx context.Context) {
	w.skip()
	every := time.Duration(float64(time.Second) / w.o.Rate)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		w.attempt()
		if w.link == nil && !source.Pause(ctx, max(0, reconnectRest-every)) {
			return
		}
	}
}

// skip leaves out what a recorder that was killed may have written after the
// last number that is in the trace: as much as it writes in a second.
func (w *writer) skip() {
	if w.o.After == 0 {
		return
	}
	for range 10 + int(w.o.Rate) {
		now := w.o.Now()
		w.emit(Unknown, now, now, outcome{
			Workload: Workload, N: w.next, Error: "the recorder was stopped: it may have been written before",
		})
		w.next++
	}
}

// attempt writes the next number and records what became of it. The end of the
// recording does not break it off: that would make its outcome unknown.
func (w *writer) attempt() {
	ctx, cancel := context.WithTimeout(w.o.Last(), w.o.Timeout)
	defer cancel()
	n := w.next
	w.next++
	w.count.Invoked++
	since := w.o.Now()
	w.emit(Invoked, since, since, invocation{Workload, n})
	result := outcome{Workload: Workload, N: n}
	if w.link != nil && w.link.old() {
		w.hangUp()
	}
	if w.link == nil {
		if err := w.connect(ctx); err != nil {
			w.count.Failed++
			result.Error = err.Error()
			w.emit(Failed, since, w.o.Now(), result)
			return
		}
	}
	result.Instance = w.link.instance
	until, err := w.insert(ctx, n, &result)
	var refused *refusal
	switch {
	case err == nil:
		w.count.Acknowledged++
		w.emit(Acknowledged, since, until, result)
	case errors.As(err, &refused):
		w.count.Failed++
		result.Error = err.Error()
		w.emit(Failed, since, until, result)
	default:
		w.count.Unknown++
		result.Error = err.Error()
		w.emit(Unknown, since, until, result)
	}
	if err != nil {
		w.dir.forget()
		w.hangUp()
	}
}

// refusal is an error after which it is certain that nothing was written.
type refusal struct{ error }

// insert writes n and, in the same round trip, asks for the position after it.
// These are two transactions: the acknowledgement is the server's word that it
// is idle again after the first; the position that follows is not needed for it.
func (w *writer) insert(ctx context.Context, n int64, result *outcome) (until time.Duration, err error) {
	l := w.link
	l.warning = ""
	text := strconv.FormatInt(n, 10)
	p := l.conn.StartPipeline(ctx)
	p.SendQueryParams("INSERT INTO "+w.table()+" (n, sum) VALUES ($1, md5($2))",
		[][]byte{[]byte(text), []byte(w.o.RunID + ":" + text)}, nil, nil, nil)
	p.SendPipelineSync()
	p.SendQueryParams(positionSQL, nil, nil, nil, nil)
	p.SendPipelineSync()
	err = p.Flush()
	if err == nil {
		err = committed(p)
	}
	until = w.o.Now()
	if err == nil && l.warning != "" {
		err = errors.New(l.warning) // committed here, but not as durably as was asked for
	} else if err != nil {
		err = judge(explain(ctx, err), err)
	}
	if err == nil {
		if row, err := pipelined(p); err == nil {
			result.LSN, result.Timeline = row[0], parseHex(row[1])
		}
	}
	if closed := p.Close(); closed != nil && err == nil {
		w.hangUp() // acknowledged, but it was the last of this connection
	}
	return until, err
}

// committed waits until the first transaction is over.
func committed(p *pgconn.Pipeline) error {
	results, err := p.GetResults()
	if err != nil {
		return err
	}
	if r, ok := results.(*pgconn.ResultReader); ok {
		if _, err := r.Close(); err != nil {
			return err
		}
	}
	results, err = p.GetResults()
	if err != nil {
		return err
	}
	if _, ok := results.(*pgconn.PipelineSync); !ok {
		return errors.New("the server did not end the transaction")
	}
	return nil
}

// pipelined returns the row of the next query of a pipeline.
func pipelined(p *pgconn.Pipeline) ([]string, error) {
	results, err := p.GetResults()
	if err != nil {
		return nil, err
	}
	r, ok := results.(*pgconn.ResultReader)
	if !ok {
		return nil, errors.New("the server did not answer the query")
	}
	read := r.Read()
	if read.Err != nil || len(read.Rows) != 1 {
		return nil, errors.Join(read.Err, errors.New("the server did not answer with one row"))
	}
	return texts(read.Rows)[0], nil
}

// judge tells what is certainly not written from what may be. An ERROR aborts a
// transaction; after FATAL, and without any answer, it may have been committed.
func judge(said, err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.SeverityUnlocalized == "ERROR" && pg.Code != "40003" {
		return &refusal{said}
	}
	if pgconn.SafeToRetry(err) {
		return &refusal{said}
	}
	return said
}

// connect finds the primary, and makes the table where there is none.
func (w *writer) connect(ctx context.Context) error {
	err := w.find(ctx)
	if err != nil {
		w.dir.forget()
		w.lost(roleWriter, "", "", err)
		return err
	}
	w.reached(roleWriter, "", w.link)
	return nil
}

func (w *writer) find(ctx context.Context) error {
	known, err := w.dir.list(ctx)
	if err != nil {
		return err
	}
	var reasons []string
	for k, i := range known.writers {
		// One that does not answer must not use up the time of those behind it.
		share := time.Until(deadline(ctx)) / time.Duration(len(known.writers)-k)
		err := w.open(ctx, share, i, known.names)
		if err == nil {
			return nil
		}
		reasons = append(reasons, err.Error())
	}
	return errors.New("there is no instance to write to: " + strings.Join(reasons, "; "))
}

func deadline(ctx context.Context) time.Time {
	d, _ := ctx.Deadline()
	return d
}

func (w *writer) open(ctx context.Context, share time.Duration, i instance, names map[string]string) error {
	ctx, cancel := context.WithTimeout(ctx, share)
	defer cancel()
	l, err := connect(ctx, i, names, w.application())
	if err != nil {
		return explain(ctx, err)
	}
	if err := w.prepare(ctx, l); err != nil {
		l.close()
		return fmt.Errorf("%s: %w", l.instance, err)
	}
	w.link = l
	return nil
}

// prepare makes a connection fit for writing.
func (w *writer) prepare(ctx context.Context, l *link) error {
	if !w.isPrimary(l.facts) {
		return fmt.Errorf("it is no primary (in recovery: %t, timeline %d)", l.facts.inRecovery, l.facts.timeline)
	}
	row, err := l.row(ctx, `SELECT to_regclass($2), count(*) FROM pg_stat_activity
		WHERE application_name = $1 AND pid <> pg_backend_pid()`, w.application(), w.table())
	if err != nil {
		return err
	}
	if waiting, _ := strconv.Atoi(row[1]); waiting > waitingMax {
		return fmt.Errorf("%d earlier writes still wait for an end in the server", waiting)
	}
	if row[0] == "" {
		if err := l.exec(ctx, w.createSQL()); err != nil {
			return fmt.Errorf("cannot make the schema of the sentinel: %w", err)
		}
	}
	w.setReady()
	return nil
}

func (w *writer) hangUp() {
	if w.link != nil {
		w.link.close()
		w.link = nil
	}
}

// clean removes the schema.
func (w *writer) clean() error {
	ctx, cancel := context.WithTimeout(w.o.Last(), cleanupTimeout)
	defer cancel()
	if w.link == nil {
		if err := w.find(ctx); err != nil {
			return err
		}
	}
	return w.link.exec(ctx, "DROP SCHEMA IF EXISTS "+quote(w.schema())+" CASCADE")
}

// createSQL makes the table. It has no key: a number that is there twice must be
// able to be seen.
func (w *writer) createSQL() string {
	return "CREATE SCHEMA IF NOT EXISTS " + quote(w.schema()) + `;
CREATE TABLE IF NOT EXISTS ` + w.table() + ` (
  n bigint NOT NULL, sum text NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON SCHEMA ` + quote(w.schema()) + ` IS 'made by the Hindsight recorder, which removes it when the run ends'`
}

func (s *session) table() string { return quote(s.schema()) + ".elements" }

// application tells the writer's own connections from others.
func (s *session) application() string { return "hindsight writer " + shorten(s.o.RunID, 40) }

const identifierMax = 63 // bytes, PostgreSQL's limit

// schemaOf is "hindsight_" and the run id in the characters of an identifier, its
// distinctive end when it is too long. What is known by its UID has a schema of its
// own: a Cluster made from another one's snapshot has the other one's schema too.
func schemaOf(runID, uid string) string {
	const prefix = "hindsight_"
	suffix := ""
	if uid != "" {
		sum := sha256.Sum256([]byte(uid))
		suffix = "_" + hex.EncodeToString(sum[:4])
	}
	return prefix + shorten(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '_'
	}, runID), identifierMax-len(prefix)-len(suffix)) + suffix
}

func shorten(s string, n int) string { return s[max(0, len(s)-n):] }

// quote makes an identifier of any name.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
