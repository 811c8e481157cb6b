package sentinel

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
)

// The roles of connections.
const (
	roleWriter = "writer"
	roleReader = "reader"
)

// link is a connection to one instance.
type link struct {
	conn     *pgconn.PgConn
	since    time.Time
	key      string // of the instance
	instance string // its name
	facts    facts
	warning  string // the last one that the server sent
}

// linkLifetime is how long a connection is kept. A server that is told to shut
// down waits for its clients first, up to three minutes under CloudNativePG: an
// observer that stayed connected would hold up the failover that it observes.
const linkLifetime = 2 * time.Second

func (l *link) old() bool { return time.Since(l.since) >= linkLifetime }

// facts are what a server says about itself.
type facts struct {
	inRecovery  bool
	lsn         string // primary: written; standby: flushed or replayed, whichever is further
	replayLSN   string // standby only
	recoveryEnd string // primary: where the recovery ended from which it came, such as a promotion
	timeline    int64
	syncNames   string
	syncCommit  string
	clusterName string
	systemID    string
	server      string
	address     string
}

// A server that has been promoted still knows how far it had replayed. The
// timeline of a primary is in the name of its log file at once; pg_control, which
// is all that a standby may tell a plain user, follows with the next checkpoint.
const factsSQL = `SELECT r,
  CASE WHEN r THEN greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) ELSE pg_current_wal_lsn() END,
  CASE WHEN r THEN pg_last_wal_replay_lsn() END,
  CASE WHEN r THEN NULL ELSE pg_last_wal_replay_lsn() END,
  CASE WHEN r THEN to_hex(coalesce((SELECT received_tli FROM pg_stat_wal_receiver), c.timeline_id))
    ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END,
  current_setting('synchronous_standby_names'), current_setting('synchronous_commit'),
  current_setting('cluster_name'), s.system_identifier, current_setting('server_version'),
  host(inet_server_addr())
FROM pg_is_in_recovery() r, pg_control_checkpoint() c, pg_control_system() s`

// position is what an acknowledged write is told of. It is asked for after the
// commit: the position of the commit is at most this.
const positionSQL = `SELECT pg_current_wal_lsn(), left(pg_walfile_name(pg_current_wal_lsn()), 8)`

// connect opens a connection and learns who answers.
func connect(ctx context.Context, i instance, names map[string]string, application string) (*link, error) {
	l := &link{key: i.key, since: time.Now()}
	config := i.config.Copy()
	config.RuntimeParams["application_name"] = application
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		if n.SeverityUnlocalized == "WARNING" {
			l.warning = n.Message
		}
	}
	// To give up a connection is to close it, and nothing else. A request to cancel,
	// which the driver would send, makes a commit that waits for a standby visible
	// though no standby has it.
	dial, connected := config.DialFunc, false
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		if connected {
			return nil, errors.New("commits are not cancelled")
		}
		return dial(ctx, network, address)
	}
	config.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler { return hangUp{c} }
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	connected = true
	l.conn = conn
	if err := l.learn(ctx); err != nil {
		l.close()
		return nil, err
	}
	address := net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port)))
	l.instance = cmp.Or(i.name, names[l.facts.address], l.facts.clusterName, address)
	return l, nil
}

// hangUp closes a connection when its context ends.
type hangUp struct{ conn *pgconn.PgConn }

// HandleCancel implements ctxwatch.Handler.
func (h hangUp) HandleCancel(context.Context) { _ = h.conn.Conn().Close() }

// HandleUnwatchAfterCancel implements ctxwatch.Handler.
func (hangUp) HandleUnwatchAfterCancel() {}

// close says goodbye, but waits for no answer.
func (l *link) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = l.conn.Close(ctx)
	_ = l.conn.Conn().Close()
	<-l.conn.CleanupDone()
}

// learn asks the server about itself.
func (l *link) learn(ctx context.Context) error {
	row, err := l.row(ctx, factsSQL)
	if err != nil {
		return fmt.Errorf("ask the server about itself: %w", err)
	}
	l.facts = parseFacts(row)
	return nil
}

func parseFacts(row []string) facts {
	return facts{
		inRecovery: row[0] == "t", lsn: row[1], replayLSN: row[2], recoveryEnd: row[3],
		timeline: parseHex(row[4]), syncNames: row[5], syncCommit: row[6], clusterName: row[7],
		systemID: row[8], server: row[9], address: row[10],
	}
}

// parseHex reads a timeline; 0 when there is none.
func parseHex(text string) int64 {
	n, err := strconv.ParseInt(text, 16, 64)
	if err != nil {
		return 0
	}
	return n
}

// row returns the one row of an answer, NULL as "".
func (l *link) row(ctx context.Context, sql string, params ...string) ([]string, error) {
	rows, err := l.rows(ctx, sql, params...)
	if err != nil {
		return nil, err
	}
	if len(rows) != 1 {
		return nil, fmt.Errorf("the server returned %d rows instead of one", len(rows))
	}
	return rows[0], nil
}

func (l *link) rows(ctx context.Context, sql string, params ...string) ([][]string, error) {
	values := make([][]byte, len(params))
	for i, p := range params {
		values[i] = []byte(p)
	}
	result := l.conn.ExecParams(ctx, sql, values, nil, nil, nil).Read()
	if result.Err != nil {
		return nil, explain(ctx, result.Err)
	}
	return texts(result.Rows), nil
}

func texts(rows [][][]byte) [][]string {
	out := make([][]string, len(rows))
	for i, row := range rows {
		out[i] = make([]string, len(row))
		for k, value := range row {
			out[i][k] = string(value)
		}
	}
	return out
}

// exec runs statements without parameters.
func (l *link) exec(ctx context.Context, sql string) error {
	return explain(ctx, l.conn.Exec(ctx, sql).Close())
}

// errNoAnswer stands for whatever the driver says about a connection that was
// closed because its time was over.
var errNoAnswer = errors.New("no answer in time")

func explain(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return errNoAnswer
	}
	return err
}

// connection says who answered, as an event has it.
func (l *link) connection(role string) connection {
	return connection{
		Role: role, Instance: l.instance, Primary: !l.facts.inRecovery, Timeline: l.facts.timeline, LSN: l.facts.lsn,
		SystemID: l.facts.systemID, Server: l.facts.server,
		SynchronousCommit: l.facts.syncCommit, SyncNames: l.facts.syncNames,
	}
}
