package bus

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/hindsight-project/hindsight/recorder/broker"
	"github.com/hindsight-project/hindsight/recorder/trace"
)

// pieces renders what is consumed up to sequence number last: "1-3 lost 4-5 6-6".
func pieces(t *testing.T, b *Bus, last uint64) string {
	t.Helper()
	var got []string
	first, next := uint64(1), uint64(1) // of what is not rendered, behind it
	enough := errors.New("enough")
	render := func(format string, from, to uint64) {
		if from <= to {
			got = append(got, fmt.Sprintf(format, from, to))
		}
		first, next = to+1, to+1
	}
	err := b.Consume(patient(t), 0, func(batch Batch) error {
		next += uint64(len(batch.Events))
		if batch.Lost != nil {
			render("%d-%d", first, next-1)
			render("lost %d-%d", batch.Lost.First, batch.Lost.Last)
		}
		if next-1 != batch.Position.Seq {
			t.Errorf("%d messages came up to %d", next-1, batch.Position.Seq)
		}
		if batch.Position.Seq >= last {
			render("%d-%d", first, next-1)
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Fatal(err)
	}
	return strings.Join(got, " ")
}

func TestWhatTheServerHasLostIsDeclared(t *testing.T) {
	remove := func(from, to int) func(*testing.T, jetstream.Stream) {
		return func(t *testing.T, s jetstream.Stream) {
			for n := from; n <= to; n++ {
				if err := s.DeleteMsg(patient(t), uint64(n)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for _, c := range []struct {
		says, want string
		lose       func(*testing.T, jetstream.Stream)
	}{
		{"nothing", "1-10", func(*testing.T, jetstream.Stream) {}},
		{"the beginning", "lost 1-3 4-10", remove(1, 3)},
		{"the middle", "1-4 lost 5-6 7-10", remove(5, 6)},
		{"single messages", "1-1 lost 2-2 3-3 lost 4-4 5-10", func(t *testing.T, s jetstream.Stream) {
			remove(2, 2)(t, s)
			remove(4, 4)(t, s)
		}},
		{"the end", "1-8 lost 9-10", remove(9, 10)},
		{"all by a purge", "lost 1-10", func(t *testing.T, s jetstream.Stream) {
			if err := s.Purge(patient(t)); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(c.says, func(t *testing.T) {
			t.Parallel()
			b := open(t, Options{Dir: t.TempDir()}, trace.Position{})
			publish(t, b, 1, 10)
			flushed(t, b, 10)
			c.lose(t, b.in.stream)
			if got := pieces(t, b, 10); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestFirstAfter(t *testing.T) {
	for _, c := range []struct {
		says       string
		state      jetstream.StreamState
		next, want uint64
	}{
		{"an empty stream loses nothing", jetstream.StreamState{}, 1, 1},
		{"what is due is there", jetstream.StreamState{FirstSeq: 1, LastSeq: 9}, 5, 5},
		{"what is due is yet to come", jetstream.StreamState{FirstSeq: 1, LastSeq: 9}, 10, 10},
		{"a stream that lags behind loses nothing", jetstream.StreamState{FirstSeq: 1, LastSeq: 9}, 15, 15},
		{"a stream purged to its end", jetstream.StreamState{FirstSeq: 10, LastSeq: 9}, 5, 10},
		{"a stream that begins later", jetstream.StreamState{FirstSeq: 7, LastSeq: 9}, 5, 7},
		{"holes behind each other", jetstream.StreamState{FirstSeq: 1, LastSeq: 9, Deleted: []uint64{3, 5, 6, 8}}, 5, 7},
		{"a hole at the new beginning", jetstream.StreamState{FirstSeq: 7, LastSeq: 9, Deleted: []uint64{7}}, 5, 8},
	} {
		if got := firstAfter(c.state, c.next); got != c.want {
			t.Errorf("%s: got %d, want %d", c.says, got, c.want)
		}
	}
}

func TestALossIsAGapOfEveryStream(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace.db")
	w, err := trace.Create(path, trace.Run{ID: "ds-1", Origin: trace.OriginAttach, Start: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	w.Certify(trace.Resource{Version: "v1", Resource: "nodes", Kind: "Node"}, "", func(*trace.StreamCert) {})
	denied := trace.Resource{Version: "v1", Resource: "events", Kind: "Event"}
	w.Certify(denied, "ds", func(c *trace.StreamCert) { c.Proof = trace.ProofDenied })
	at := func(seq uint64) trace.Position { return trace.Position{Stream: "hindsight-ds-1", Seq: seq} }
	versioned := func(n int) trace.Event {
		e := pod(n)
		e.Data = fmt.Appendf(nil, `{"metadata":{"resourceVersion":"%d"}}`, n)
		return e
	}
	for _, b := range []Batch{
		{Position: at(2), Events: []trace.Event{versioned(1), versioned(2)}},
		{Position: at(4), Lost: &Loss{3, 4}},
		{Position: at(5), Lost: &Loss{5, 5}}, // in the same gap
		{Position: at(6), Rejected: []string{"foreign"}},
		{Position: at(7), Events: []trace.Event{versioned(7)}},
		{Position: at(9), Lost: &Loss{8, 9}},
	} {
		if _, _, err := Write(w, b, t.Logf); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil { // killed within a loss
		t.Fatal(err)
	}
	if w, err = trace.Resume(path); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Write(w, Batch{Position: at(9), End: &End{Time: 10}}, t.Logf); err != nil {
		t.Fatal(err)
	}
	cert, err := w.Seal("test")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, g := range cert.Gaps {
		got = append(got, fmt.Sprintf("%s from %s (%d, %d]", g.Resource, g.FromRV, g.NotBefore, g.NotAfter))
	}
	slices.Sort(got)
	want := []string{"nodes from  (2, 7]", "nodes from  (7, 10]", "pods from 2 (2, 7]", "pods from 7 (7, 10]"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("gaps: want -, got +\n%s", d)
	}
	for _, s := range cert.Streams {
		want := trace.ProofGaps
		if s.Resource == denied {
			want = trace.ProofDenied
		}
		if s.Proof != want {
			t.Errorf("%s: proof is %s, want %s", s.Resource, s.Proof, want)
		}
	}
}

func TestAFullStreamMakesThePublisherWait(t *testing.T) {
	n := startNATS(t, func(o *server.Options) { o.MaxPayload = embeddedMaxPayload })
	var said notes
	b := open(t, Options{
		NATS: broker.Options{URL: n.url()}, Stream: StreamOptions{MaxBytes: minStream}, Notify: said.notify,
	}, trace.Position{})
	e := pod(1)
	e.Data = []byte(`"` + strings.Repeat("x", 1<<20) + `"`)
	published := make(chan error)
	const count = 60 // more than stream and window hold
	go func() {
		for i := range count {
			e := e
			e.Time = time.Duration(i + 1)
			if err := b.Publish(t.Context(), e); err != nil {
				published <- err
				return
			}
		}
		published <- nil
	}()
	for !said.heard("does not take events") {
		select {
		case err := <-published:
			t.Fatalf("published more than there is room for: %v", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
	numbered(t, consume(t, b, 0, count), 1, count)
	if err := <-published; err != nil {
		t.Error(err)
	}
}
