package main

import (
	"os"
	"testing"
	"time"

	"github.com/hindsight-project/hindsight/recorder/bus/natstest"
	"github.com/hindsight-project/hindsight/recorder/trace"
)

func TestMain(m *testing.M) {
	natstest.RunNode()
	becomeRole()
	os.Exit(m.Run())
}

// The reduced run: nodes and collector are killed while two recorders publish.
func TestNothingIsLostAndNothingIsTwice(t *testing.T) {
	s := scenario{
		name: "reduced", recorders: 2, rate: 200, length: 8 * time.Second,
		down: 1, outage: time.Second, collector: true,
	}
	r, err := run(t.Context(), s, t.TempDir(), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d published, %d in traces, %d nodes killed, collector killed %d times, longest wait %s, longest lag %s",
		r.published, r.collected, r.nodeKills, r.collectorKills, r.longest, r.lag)
	if r.nodeKills == 0 || r.collectorKills == 0 {
		t.Error("nothing was killed")
	}
	if want := s.recorders * int(s.rate*s.length.Seconds()); r.published != want || r.collected != want {
		t.Errorf("%d published, %d in traces, want %d", r.published, r.collected, want)
	}
	if r.missing+r.twice+r.disorder+r.gaps+r.open != 0 {
		t.Errorf("got %+v", r.tally)
	}
}

// The count itself notices what it is to notice.
func TestCount(t *testing.T) {
	path := t.TempDir() + "/run-0.trace.db"
	w, err := trace.Create(path, trace.Run{ID: "run-0", Origin: trace.OriginAttach, Start: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	var events []trace.Event
	for i, n := range []int{1, 2, 2, 10, 20, 10, 7} { // 10 and 20 are marks, 2 again a duplicate
		events = append(events, event(n, time.Duration(i+1)))
	}
	if _, err := w.Append(nil, events...); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var got tally
	if err := got.add(path, 20); err != nil {
		t.Fatal(err)
	}
	got.lag = 0
	want := tally{collected: 6, missing: 15, twice: 2, disorder: 1, open: 2}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
