package verifier_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hindsight-project/hindsight/recorder/kube"
	"github.com/hindsight-project/hindsight/recorder/sentinel"
	"github.com/hindsight-project/hindsight/recorder/sentinel/pgtest"
	"github.com/hindsight-project/hindsight/recorder/source"
	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/verifier"
	"github.com/hindsight-project/hindsight/verifier/verdict"
	"github.com/hindsight-project/hindsight/verifier/views"
)

// failover is what was recorded while a standby was promoted under load, and
// what the new primary really has.
type failover struct {
	sentinel            []trace.Event
	began, chose, ended time.Duration // of the change of the primary, in the eyes of the operator
	acknowledged        []int64
	present             map[int64]bool
}

// story is how the operator tells of the failover.
type story struct {
	crash       bool // through targetPrimary: pending
	synchronous bool // what the Cluster promises
}

// run writes to a primary, lets disturb end it, and promotes its standby.
func run(
	t *testing.T, synchronous bool, disturb func(primary, standby *pgtest.Server, acknowledged func() int),
) failover {
	t.Helper()
	primary := pgtest.NewPrimary(t, "pg-1")
	standby := primary.NewStandby(t, "pg-2")
	if synchronous {
		primary.SetSynchronous(t, "*")
	}
	begin := time.Now()
	now := func() time.Duration { return time.Second + time.Since(begin) }
	var f failover
	var mu sync.Mutex
	count := func(wanted func(trace.Event) bool) int {
		mu.Lock()
		defer mu.Unlock()
		n := 0
		for _, e := range f.sentinel {
			if wanted(e) {
				n++
			}
		}
		return n
	}
	acknowledged := func() int { return count(func(e trace.Event) bool { return e.Type == sentinel.Acknowledged }) }
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- sentinel.Run(ctx, sentinel.Options{
			Mode: sentinel.ModeWrite, URL: pgtest.URL(primary, standby), RunID: "loss",
			Scope: kube.Scope{Namespace: "ds"}, Cluster: "pg",
			Rate: 100, ReadEvery: 300 * time.Millisecond, Timeout: 2 * time.Second,
			Sink: source.Sink{
				Now: now,
				Emit: func(e trace.Event) error {
					mu.Lock()
					defer mu.Unlock()
					f.sentinel = append(f.sentinel, e)
					return nil
				},
				Notify: func(string, ...any) {},
			},
		})
	}()
	disturb(primary, standby, acknowledged)
	// The operator needs longer to notice than the sentinel to ask a standby.
	dead := now()
	until(t, "the standby was asked after the crash", func() bool {
		return count(func(e trace.Event) bool { return onStandby(e) && e.NotBefore > dead }) > 0
	})
	f.began = now()
	f.chose = f.began + 1
	standby.Promote(t)
	f.ended = now()
	before := acknowledged()
	until(t, "the new primary takes writes", func() bool { return acknowledged() >= before+20 })
	until(t, "the new primary was read", func() bool {
		return count(func(e trace.Event) bool { return onPrimary(e) && e.NotBefore > f.ended }) > 0
	})
	found := standby.Query(t, `SELECT json_agg(n) FROM "hindsight_loss".elements`)
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	f.truth(t, found)
	return f
}

func until(t *testing.T, what string, reached func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if reached() {
			return
		}
	}
	t.Fatalf("in vain: %s", what)
}

func onStandby(e trace.Event) bool { return role(e) == "standby" }
func onPrimary(e trace.Event) bool { return role(e) == "primary" }

func role(e trace.Event) string {
	var d struct{ Primary, Complete, InRecovery bool }
	switch {
	case e.Type != sentinel.Read || json.Unmarshal(e.Data, &d) != nil:
		return ""
	case d.Primary && d.Complete:
		return "primary"
	case d.Primary:
		return ""
	default:
		return "standby"
	}
}

// truth notes what the sentinel was told, and what the server has.
func (f *failover) truth(t *testing.T, found string) {
	t.Helper()
	var numbers []int64
	if err := json.Unmarshal([]byte(found), &numbers); err != nil {
		t.Fatal(err)
	}
	f.present = map[int64]bool{}
	for _, n := range numbers {
		f.present[n] = true
	}
	for _, e := range f.sentinel {
		var d struct{ N int64 }
		if e.Type != sentinel.Acknowledged {
			continue
		}
		if err := json.Unmarshal(e.Data, &d); err != nil {
			t.Fatal(err)
		}
		f.acknowledged = append(f.acknowledged, d.N)
	}
}

// lost are the numbers that were acknowledged before the failover and are not
// on the new primary, as an interval string.
func (f *failover) lost() string {
	highest := int64(0)
	for n := range f.present {
		highest = max(highest, n)
	}
	out := ""
	var low, high int64
	flush := func() {
		switch {
		case low == 0:
		case low == high:
			out += fmt.Sprintf(",%d", low)
		default:
			out += fmt.Sprintf(",%d-%d", low, high)
		}
	}
	for _, n := range f.acknowledged {
		if f.present[n] || n > highest {
			continue
		}
		if low == 0 || n != high+1 {
			flush()
			low = n
		}
		high = n
	}
	flush()
	if out == "" {
		return ""
	}
	return out[1:]
}

// record makes a trace of the failover as the operator tells it.
func (f *failover) record(t *testing.T, s story) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "failover.db")
	w, err := trace.Create(file, trace.Run{ID: "failover", Origin: "attach", Start: start, Namespaces: []string{"ds"}})
	if err != nil {
		t.Fatal(err)
	}
	pending := "pg-2"
	if s.crash {
		pending = "pending"
	}
	events := []trace.Event{
		s.cluster(time.Millisecond, trace.Added, "pg-1", "pg-1"),
		s.cluster(f.began, trace.Modified, "pg-1", pending),
		s.cluster(f.chose, trace.Modified, "pg-1", "pg-2"),
		s.cluster(f.ended, trace.Modified, "pg-2", "pg-2"),
	}
	events = append(events, f.sentinel...)
	slices.SortStableFunc(events, func(a, b trace.Event) int { return int(a.Time - b.Time) })
	if _, err := w.Append(nil, events...); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Seal("the test ended"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file
}

func (s story) cluster(at time.Duration, typ trace.Type, current, target string) trace.Event {
	object := trace.Object{
		Resource:  trace.Resource{Group: "postgresql.cnpg.io", Version: "v1", Resource: "clusters", Kind: "Cluster"},
		Namespace: "ds", Name: "pg", UID: "u-pg",
	}
	spec := map[string]any{"instances": 2}
	if s.synchronous {
		spec["postgresql"] = map[string]any{"synchronous": map[string]any{"method": "any", "number": 1}}
	}
	data, _ := json.Marshal(map[string]any{ // strings and maps of them can be marshalled
		"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster",
		"metadata": map[string]any{
			"namespace": "ds", "name": "pg", "uid": "u-pg", "generation": 1,
			"resourceVersion": fmt.Sprint(1000 + at.Milliseconds()*10 + int64(at%10)),
		},
		"spec":   spec,
		"status": map[string]any{"currentPrimary": current, "targetPrimary": target},
	})
	return trace.Event{Time: at, Source: trace.SourceWatch, Type: typ, Object: object, Data: data}
}

// judge asks the one policy.
func judge(t *testing.T, file string) verdict.Policy {
	t.Helper()
	result, err := verifier.Check(t.Context(), []string{file}, verifier.Options{Only: []string{"no-data-loss"}})
	if err != nil {
		t.Fatal(err)
	}
	if result.Traces[0].Error != "" {
		t.Fatal(result.Traces[0].Error)
	}
	return result.Traces[0].Policies[0]
}

// lostGroups returns what the view says was lost, by what is known of the standby.
func lostGroups(t *testing.T, file string) map[string]string {
	t.Helper()
	r, err := trace.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	documents, err := views.Project(r, []string{"set"})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, d := range documents {
		for _, group := range d.Value()["lost"].([]any) {
			g := group.(map[string]any)
			out[g["standby"].(string)] += g["elements"].(string)
		}
	}
	return out
}

func TestSynchronousReplicationLosesNothing(t *testing.T) {
	f := run(t, true, func(primary, _ *pgtest.Server, acknowledged func() int) {
		until(t, "writes are acknowledged", func() bool { return acknowledged() >= 100 })
		primary.Kill(t)
	})
	if lost := f.lost(); lost != "" {
		t.Fatalf("PostgreSQL has lost %s", lost)
	}
	p := judge(t, f.record(t, story{crash: true, synchronous: true}))
	if p.Verdict != verdict.Held || p.Exercised == 0 {
		t.Errorf("no-data-loss is %s, exercised %d times: %+v %+v", p.Verdict, p.Exercised, p.Findings, p.Unknowns)
	}
	t.Logf("%d acknowledged, none lost: %s, exercised %d times", len(f.acknowledged), p.Verdict, p.Exercised)
}

func TestAsynchronousReplicationLosesItsTail(t *testing.T) {
	f := run(t, false, func(primary, standby *pgtest.Server, acknowledged func() int) {
		until(t, "writes are acknowledged", func() bool { return acknowledged() >= 50 })
		standby.Cut()
		tail := acknowledged()
		until(t, "more are, that the standby does not get", func() bool { return acknowledged() >= tail+50 })
		primary.Kill(t)
	})
	lost := f.lost()
	if lost == "" {
		t.Fatal("PostgreSQL has lost nothing")
	}
	t.Logf("%d acknowledged, lost are %s", len(f.acknowledged), lost)

	t.Run("after a crash that is what asynchronous replication may cost", func(t *testing.T) {
		file := f.record(t, story{crash: true})
		if got := lostGroups(t, file); len(got) != 1 || got["lacked"] != lost {
			t.Errorf("lost are %v, want %s that the standby lacked", got, lost)
		}
		if p := judge(t, file); p.Verdict != verdict.Held || p.Exercised == 0 {
			t.Errorf("no-data-loss is %s, exercised %d times: %+v %+v", p.Verdict, p.Exercised, p.Findings, p.Unknowns)
		}
	})
	for name, s := range map[string]story{
		"after a switchover every number is owed":           {},
		"a cluster that promises to be synchronous owes it": {crash: true, synchronous: true},
	} {
		t.Run(name, func(t *testing.T) {
			p := judge(t, f.record(t, s))
			if p.Verdict != verdict.Violated || len(p.Findings) != 1 ||
				p.Findings[0].Code != "lost" || p.Findings[0].Got != lost {
				t.Errorf("no-data-loss is %s: %+v, want lost %s", p.Verdict, p.Findings, lost)
			}
		})
	}
}
