package sentinel_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hindsight-project/hindsight/recorder/sentinel"
	"github.com/hindsight-project/hindsight/recorder/sentinel/pgtest"
	"github.com/hindsight-project/hindsight/recorder/trace"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait; nothing is judged by how long it took.
const patience = 60 * time.Second

// tape keeps what a sentinel emits.
type tape struct {
	start  time.Time
	mu     sync.Mutex
	events []trace.Event
	notes  []string
}

func (p *tape) emit(e trace.Event) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = append(p.events, e)
	return nil
}

func (p *tape) notify(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.notes = append(p.notes, fmt.Sprintf(format, args...))
}

func (p *tape) all() []trace.Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.events)
}

// datum is any field of the Data of any event.
type datum struct {
	Workload     string `json:"workload"`
	N            int64  `json:"n"`
	Role         string `json:"role"`
	Instance     string `json:"instance"`
	Primary      bool   `json:"primary"`
	InRecovery   bool   `json:"in_recovery"`
	Complete     bool   `json:"complete"`
	Final        bool   `json:"final"`
	FinalRead    bool   `json:"final_read"`
	Cleaned      bool   `json:"cleaned"`
	Elements     string `json:"elements"`
	Duplicates   string `json:"duplicates"`
	Damaged      string `json:"damaged"`
	Timeline     int64  `json:"timeline"`
	LSN          string `json:"lsn"`
	RecoveryEnd  string `json:"recovery_end_lsn"`
	Table        string `json:"table"`
	Count        int64  `json:"count"`
	Checksum     string `json:"checksum"`
	Reason       string `json:"reason"`
	Error        string `json:"error"`
	SyncNames    string `json:"synchronous_standby_names"`
	Invoked      int64  `json:"invoked"`
	Acknowledged int64  `json:"acknowledged"`
	Failed       int64  `json:"failed"`
	Unknown      int64  `json:"unknown"`
}

func read(t *testing.T, e trace.Event) datum {
	t.Helper()
	var d datum
	if err := json.Unmarshal(e.Data, &d); err != nil {
		t.Fatalf("%s: %v", e.Type, err)
	}
	return d
}

// of returns the Data of the events of a type that are wanted.
func (p *tape) of(t *testing.T, typ trace.Type, wanted func(datum) bool) []datum {
	t.Helper()
	var out []datum
	for _, e := range p.all() {
		if e.Type != typ {
			continue
		}
		if d := read(t, e); wanted == nil || wanted(d) {
			out = append(out, d)
		}
	}
	return out
}

// until waits for n events of a type that are wanted.
func (p *tape) until(t *testing.T, n int, typ trace.Type, wanted func(datum) bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if len(p.of(t, typ, wanted)) >= n {
			return
		}
	}
	t.Fatalf("there were not %d events %s; there are:\n%s", n, typ, p.tail())
}

func (p *tape) tail() string {
	var b strings.Builder
	all := p.all()
	for _, e := range all[max(0, len(all)-20):] {
		fmt.Fprintf(&b, "%s %s\n", e.Type, e.Data)
	}
	return b.String()
}

// attach runs a sentinel; the function that it returns ends it.
func attach(t *testing.T, o sentinel.Options) (*tape, func()) {
	t.Helper()
	p := &tape{start: time.Now()}
	o.RunID, o.Emit, o.Notify = "ds-e2e-20260102t030405z-Ab.9z", p.emit, p.notify
	o.Now = func() time.Duration { return time.Since(p.start) }
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- sentinel.Run(ctx, o) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return p, stop
}

const schema = "hindsight_ds_e2e_20260102t030405z_ab_9z"

func TestEveryAttemptIsRecordedAndReadBack(t *testing.T) {
	t.Parallel()
	primary := pgtest.NewPrimary(t, "pg-1")
	standby := primary.NewStandby(t, "pg-2")
	p, stop := attach(t, sentinel.Options{
		Mode: sentinel.ModeWrite, URL: pgtest.URL(standby, primary), Rate: 100, ReadEvery: 200 * time.Millisecond,
	})
	p.until(t, 30, sentinel.Acknowledged, nil)
	p.until(t, 1, sentinel.Read, func(d datum) bool { return d.Instance == "pg-1" && d.Elements != "" })
	p.until(t, 1, sentinel.Read, func(d datum) bool { return d.Instance == "pg-2" && d.Elements != "" })
	stop()

	acked := p.of(t, sentinel.Acknowledged, nil)
	for i, d := range acked {
		if d.N != int64(i+1) || d.Instance != "pg-1" || d.Timeline != 1 || !strings.Contains(d.LSN, "/") {
			t.Fatalf("acknowledgement %d: %+v", i, d)
		}
	}
	if got := len(p.of(t, sentinel.Invoked, nil)); got != len(acked) {
		t.Errorf("%d invoked, %d acknowledged", got, len(acked))
	}
	want := fmt.Sprintf("1-%d", len(acked))
	finals := p.of(t, sentinel.Read, func(d datum) bool { return d.Final })
	at := slices.IndexFunc(finals, func(d datum) bool { return d.Primary })
	if at < 0 || finals[at].Elements != want || !finals[at].Complete || finals[at].Instance != "pg-1" {
		t.Errorf("final reads %+v, want the primary to have %s", finals, want)
	}
	if len(finals) != 2 {
		t.Errorf("%d final reads, want one of each instance", len(finals))
	}
	ended := p.of(t, sentinel.Ended, nil)
	if len(ended) != 1 || !ended[0].Cleaned || !ended[0].FinalRead || ended[0].Acknowledged != int64(len(acked)) ||
		ended[0].Reason != "the recording ends" {
		t.Errorf("ended %+v", ended)
	}
	if got := primary.Query(t, "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'hindsight%'"); got != "0" {
		t.Errorf("%s schemas are left", got)
	}
	for _, e := range p.all() {
		if strings.Contains(string(e.Data), pgtest.Password) {
			t.Errorf("the password is in %s", e.Data)
		}
		if e.NotBefore > e.Time || e.Source != trace.SourceSentinel {
			t.Errorf("%s from %s: not before %v, at %v", e.Type, e.Source, e.NotBefore, e.Time)
		}
	}
}

func TestWhatIsFoundIsTold(t *testing.T) {
	t.Parallel()
	primary := pgtest.NewPrimary(t, "pg-1")
	p, stop := attach(t, sentinel.Options{
		Mode: sentinel.ModeWrite, URL: pgtest.URL(primary), Rate: 100, ReadEvery: time.Hour,
	})
	p.until(t, 20, sentinel.Acknowledged, nil)
	table := schema + ".elements"
	primary.Exec(t, "DELETE FROM "+table+" WHERE n IN (3, 4)")
	primary.Exec(t, "INSERT INTO "+table+" SELECT * FROM "+table+" WHERE n = 7")
	primary.Exec(t, "UPDATE "+table+" SET sum = 'x' WHERE n = 9")
	stop()
	final := p.of(t, sentinel.Read, func(d datum) bool { return d.Final })
	last := len(p.of(t, sentinel.Acknowledged, nil))
	if want := fmt.Sprintf("1-2,5-8,10-%d", last); len(final) != 1 || final[0].Elements != want ||
		final[0].Duplicates != "7" || final[0].Damaged != "9" {
		t.Errorf("found %+v, want %s, 7 twice, 9 damaged", final, want)
	}
}

func TestATableThatIsGoneHasNoElements(t *testing.T) {
	t.Parallel()
	primary := pgtest.NewPrimary(t, "pg-1")
	p, stop := attach(t, sentinel.Options{
		Mode: sentinel.ModeWrite, URL: pgtest.URL(primary), Rate: 100, ReadEvery: 100 * time.Millisecond,
	})
	p.until(t, 5, sentinel.Acknowledged, nil)
	primary.Exec(t, "REVOKE CREATE ON DATABASE app FROM app")
	primary.Exec(t, "ALTER DATABASE app OWNER TO postgres")
	primary.Exec(t, "DROP SCHEMA "+schema+" CASCADE")
	p.until(t, 1, sentinel.Read, func(d datum) bool { return d.Complete && d.Elements == "" && d.Error != "" })
	p.until(t, 1, sentinel.Failed, func(d datum) bool { return strings.Contains(d.Error, "cannot make the schema") })
	stop()
}

func TestAWriteThatWaitsForAStandbyIsUnknown(t *testing.T) {
	t.Parallel()
	primary := pgtest.NewPrimary(t, "pg-1")
	standby := primary.NewStandby(t, "pg-2")
	primary.SetSynchronous(t, "*")
	p, stop := attach(t, sentinel.Options{
		Mode: sentinel.ModeWrite, URL: pgtest.URL(primary, standby), Rate: 50, Timeout: time.Second,
	})
	p.until(t, 10, sentinel.Acknowledged, nil)
	standby.Cut()
	p.until(t, 3, sentinel.Unknown, nil)
	p.until(t, 1, sentinel.Failed, func(d datum) bool { return strings.Contains(d.Error, "still wait") })
	const waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
	if got := primary.Query(t, waiting); got != "3" {
		t.Errorf("%s connections wait in the server, want 3", got)
	}
	acked := len(p.of(t, sentinel.Acknowledged, nil))
	// What was given up was not cancelled: it is not visible before a standby has it.
	if got := primary.Query(t, "SELECT count(*) FROM "+schema+".elements"); got != fmt.Sprint(acked) {
		t.Errorf("%s elements are visible, %d were acknowledged", got, acked)
	}
	standby.Mend()
	p.until(t, acked+5, sentinel.Acknowledged, nil)
	stop()
	final := p.of(t, sentinel.Read, func(d datum) bool { return d.Final && d.Primary })
	if len(final) != 1 || final[0].SyncNames != "*" {
		t.Errorf("the final read is %+v", final)
	}
}

func TestACancelledWaitForAStandbyIsNoAcknowledgement(t *testing.T) {
	t.Parallel()
	primary := pgtest.NewPrimary(t, "pg-1")
	standby := primary.NewStandby(t, "pg-2")
	primary.SetSynchronous(t, "*")
	p, stop := attach(t, sentinel.Options{Mode: sentinel.ModeWrite, URL: pgtest.URL(primary), Rate: 50, Timeout: patience})
	p.until(t, 10, sentinel.Acknowledged, nil)
	standby.Cut()
	for len(p.of(t, sentinel.Unknown, nil)) == 0 {
		primary.Exec(t, "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
		time.Sleep(10 * time.Millisecond)
	}
	if got := p.of(t, sentinel.Unknown, nil)[0]; !strings.Contains(got.Error, "synchronous replication") {
		t.Errorf("unknown because of %q", got.Error)
	}
	standby.Mend()
	stop()
}

func TestAfterAFailoverTheSentinelGoesOn(t *testing.T) {
	t.Parallel()
	primary := pgtest.NewPrimary(t, "pg-1")
	standby := primary.NewStandby(t, "pg-2")
	p, stop := attach(t, sentinel.Options{
		Mode: sentinel.ModeWrite, URL: pgtest.URL(primary, standby), Rate: 100, ReadEvery: 200 * time.Millisecond,
	})
	p.until(t, 20, sentinel.Acknowledged, nil)
	primary.Kill(t)
	p.until(t, 1, sentinel.Unreachable, func(d datum) bool { return d.Role == "writer" })
	standby.Promote(t)
	p.until(t, 20, sentinel.Acknowledged, func(d datum) bool { return d.Instance == "pg-2" && d.Timeline == 2 })
	primary.Start(t) // a former primary that has not noticed
	p.until(t, 1, sentinel.Read, func(d datum) bool { return d.Instance == "pg-1" && !d.InRecovery && !d.Primary })
	stop()
	final := p.of(t, sentinel.Read, func(d datum) bool { return d.Final && d.Primary })
	if len(final) != 1 || final[0].Instance != "pg-2" || final[0].RecoveryEnd == "" {
		t.Errorf("final reads of a primary: %+v", final)
	}
	if got := len(p.of(t, sentinel.Acknowledged, nil)) + len(p.of(t, sentinel.Failed, nil)) +
		len(p.of(t, sentinel.Unknown, nil)); got != len(p.of(t, sentinel.Invoked, nil)) {
		t.Errorf("%d outcomes of %d attempts", got, len(p.of(t, sentinel.Invoked, nil)))
	}
}

func TestAServerThatIsToldToStopIsNotHeldUp(t *testing.T) {
	t.Parallel()
	for _, mode := range []sentinel.Mode{sentinel.ModeRead, sentinel.ModeWrite} {
		primary := pgtest.NewPrimary(t, "pg-1")
		p, stop := attach(t, sentinel.Options{Mode: mode, URL: pgtest.URL(primary), Rate: 50})
		p.until(t, 1, sentinel.Connected, nil)
		primary.StopPolitely(t) // waits for its clients to go
		p.until(t, 1, sentinel.Unreachable, nil)
		primary.Start(t)
		p.until(t, 2, sentinel.Connected, nil)
		stop()
	}
}

func TestByDefaultTablesAreOnlyRead(t *testing.T) {
	t.Parallel()
	primary := pgtest.NewPrimary(t, "pg-1")
	standby := primary.NewStandby(t, "pg-2")
	primary.Exec(t, "CREATE TABLE sentinel_rows AS SELECT g AS id, md5(g::text) AS sum FROM generate_series(1, 10) g")
	primary.Exec(t, "CREATE TABLE sentinel_secret (x int)")
	primary.Exec(t, "GRANT SELECT ON sentinel_rows TO app")
	before := primary.Query(t, "SELECT count(*) FROM pg_class")
	p, stop := attach(t, sentinel.Options{
		Mode: sentinel.ModeRead, URL: pgtest.URL(primary, standby), ReadEvery: 20 * time.Millisecond,
	})
	of := func(instance string, count int64) func(datum) bool {
		return func(d datum) bool { return d.Instance == instance && d.Count == count }
	}
	p.until(t, 1, sentinel.Checksum, of("pg-1", 10))
	p.until(t, 1, sentinel.Checksum, of("pg-2", 10))
	primary.Exec(t, "INSERT INTO sentinel_rows VALUES (11, 'x')")
	p.until(t, 1, sentinel.Checksum, of("pg-1", 11))
	p.until(t, 1, sentinel.Checksum, of("pg-2", 11))
	stop()
	sums := map[string]bool{}
	for _, d := range p.of(t, sentinel.Checksum, nil) {
		if d.Table != "public.sentinel_rows" || !d.Complete {
			t.Errorf("read %+v", d)
		}
		sums[fmt.Sprint(d.Count, " ", d.Checksum)] = true
	}
	if got := len(p.of(t, sentinel.Checksum, nil)); got != 4 || len(sums) != 2 {
		t.Errorf("%d events with %d checksums, want one for each change of each instance: %v", got, len(sums), sums)
	}
	if after := primary.Query(t, "SELECT count(*) FROM pg_class"); after != before {
		t.Errorf("%s relations became %s", before, after)
	}
}

func TestADatabaseThatCannotBeReachedIsAnEvent(t *testing.T) {
	for _, mode := range []sentinel.Mode{sentinel.ModeRead, sentinel.ModeWrite} {
		p, stop := attach(t, sentinel.Options{Mode: mode, URL: "postgres://app:geheim@127.0.0.1:1/app", Rate: 100})
		p.until(t, 1, sentinel.Unreachable, nil)
		stop()
		for _, e := range p.all() {
			if strings.Contains(string(e.Data), "geheim") {
				t.Errorf("the password is in %s", e.Data)
			}
		}
		if ended := p.of(t, sentinel.Ended, nil); len(ended) != 1 || ended[0].Cleaned {
			t.Errorf("ended %+v", ended)
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for name, o := range map[string]sentinel.Options{
		"--sentinel-url":   {URL: "postgres://app:geheim@%%/app"},
		"--sentinel-table": {Table: "a.b.c"},
		"--sentinel-rate":  {Rate: 1e6},
	} {
		err := o.Validate()
		if err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
