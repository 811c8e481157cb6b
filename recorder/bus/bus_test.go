package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/hindsight-project/hindsight/recorder/broker"
	"github.com/hindsight-project/hindsight/recorder/trace"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// notes collects what the bus tells people.
type notes struct {
	mu   sync.Mutex
	said []string
}

func (n *notes) notify(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.said = append(n.said, fmt.Sprintf(format, args...))
}

func (n *notes) heard(text string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Contains(strings.Join(n.said, "\n"), text)
}

func open(t *testing.T, o Options, at trace.Position) *Bus {
	t.Helper()
	o.RunID = "ds-1"
	if o.Notify == nil {
		o.Notify = t.Logf
	}
	b, err := Open(t.Context(), o, at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func pod(n int) trace.Event {
	return trace.Event{
		Time: time.Duration(n), NotBefore: time.Duration(n), Source: trace.SourceWatch, Type: trace.Modified,
		Object: trace.Object{
			Resource: trace.Resource{Version: "v1", Resource: "pods", Kind: "Pod"}, Namespace: "ds", Name: "a", UID: "u",
		},
		ResourceVersion: fmt.Sprint(n), Wall: time.Unix(0, int64(n)).UTC(), Data: fmt.Appendf(nil, `{"n":%d}`, n),
	}
}

func publish(t *testing.T, b *Bus, from, to int) {
	t.Helper()
	ctx := patient(t)
	for n := from; n <= to; n++ {
		if err := b.Publish(ctx, pod(n)); err != nil {
			t.Fatalf("number %d: %v", n, err)
		}
	}
}

// patient is a context for what takes a server on a busy machine long. Without a
// deadline of its own a call would have the five seconds of the client, or wait
// forever.
func patient(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// consume reads until it has seen sequence number last.
func consume(t *testing.T, b *Bus, after, last uint64) []trace.Event {
	t.Helper()
	var got []trace.Event
	enough := errors.New("enough")
	err := b.Consume(patient(t), after, func(batch Batch) error {
		for _, r := range batch.Rejected {
			t.Error(r)
		}
		got = append(got, batch.Events...)
		if batch.Position.Seq >= last {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Errorf("%v after %d events", err, len(got))
	}
	return got
}

func flushed(t *testing.T, b *Bus, want uint64) {
	t.Helper()
	if last, err := b.Flush(patient(t)); err != nil || last != want {
		t.Fatalf("the bus ends at %d (%v), want %d", last, err, want)
	}
}

func numbered(t *testing.T, events []trace.Event, from, to int) {
	t.Helper()
	if len(events) != to-from+1 {
		t.Fatalf("%d events, want %d to %d", len(events), from, to)
	}
	for i, e := range events {
		if e.Time != time.Duration(from+i) {
			t.Fatalf("event %d is number %d, want %d", i, e.Time, from+i)
		}
	}
}

// Every event comes out as it went in, through a real server.
func TestEventsComeOutAsTheyWentIn(t *testing.T) {
	b := open(t, Options{Dir: t.TempDir()}, trace.Position{})
	var seq uint64
	rapid.Check(t, func(rt *rapid.T) {
		want := rapid.SliceOfN(rapid.Custom(anyEvent), 1, 20).Draw(rt, "events")
		for _, e := range want {
			if err := b.Publish(t.Context(), e); err != nil {
				rt.Fatal(err)
			}
		}
		got := consume(t, b, seq, seq+uint64(len(want)))
		seq += uint64(len(want))
		if d := cmp.Diff(want, got); d != "" {
			rt.Errorf("want -, got +\n%s", d)
		}
	})
}

func anyEvent(t *rapid.T) trace.Event {
	text := rapid.OneOf(
		rapid.StringMatching(`[a-z0-9.-]{1,20}`), rapid.Just(""), rapid.StringN(1, 8, -1).Filter(printable),
	)
	word := rapid.StringMatching(`[a-z]{1,12}`)
	e := trace.Event{
		Source: trace.Source(word.Draw(t, "source")),
		Type:   rapid.SampledFrom([]trace.Type{trace.Added, trace.Gap, trace.Mark, "sentinel.insert"}).Draw(t, "type"),
		Object: trace.Object{
			Resource: trace.Resource{
				Group: text.Draw(t, "group"), Version: text.Draw(t, "version"),
				Resource: rapid.StringMatching(`[a-z]{0,12}`).Draw(t, "resource"), Kind: text.Draw(t, "kind"),
			},
			Namespace: text.Draw(t, "namespace"), Name: text.Draw(t, "name"), UID: text.Draw(t, "uid"),
		},
		ResourceVersion: text.Draw(t, "rv"),
		Generation:      rapid.Int64().Draw(t, "generation"),
		Inferred:        rapid.Bool().Draw(t, "inferred"),
		Time:            time.Duration(rapid.Int64Min(0).Draw(t, "time")),
		Wall:            time.Unix(0, rapid.Int64Range(0, 1<<62).Draw(t, "wall")).UTC(),
	}
	e.NotBefore = time.Duration(rapid.Int64Range(0, int64(e.Time)).Draw(t, "notbefore"))
	e.Data, _ = json.Marshal(rapid.MapOf(rapid.String(), rapid.Float64()).Draw(t, "data"))
	return e
}

// printable leaves out what the CloudEvents SDK does not take in attributes.
func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == unicode.ReplacementChar })
}

func TestTheGreatestObjectOfEtcdPasses(t *testing.T) {
	b := open(t, Options{Dir: t.TempDir()}, trace.Position{})
	e := pod(1)
	e.Data = []byte(`"` + strings.Repeat("x", 3<<19) + `"`)
	for range 25 { // more than the window holds
		if err := b.Publish(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if got := consume(t, b, 0, 25); len(got) != 25 || len(got[24].Data) != len(e.Data) {
		t.Errorf("%d came out", len(got))
	}
}

func TestABusThatWasLeftIsContinued(t *testing.T) {
	dir := t.TempDir()
	b := open(t, Options{Dir: dir}, trace.Position{})
	publish(t, b, 1, 500)
	flushed(t, b, 500)
	b.Close()
	b = open(t, Options{Dir: dir}, trace.Position{Seq: 200})
	publish(t, b, 501, 600)
	numbered(t, consume(t, b, 200, 600), 201, 600)
}

func TestABusThatLostItsEndContinuesBehindTheTrace(t *testing.T) {
	for says, prepare := range map[string]func(b *Bus){
		"the stream ends early": func(b *Bus) { publish(t, b, 1, 10) },
		"the stream is gone":    func(b *Bus) { _ = b.Remove(t.Context()) },
	} {
		t.Run(says, func(t *testing.T) {
			dir := t.TempDir()
			b := open(t, Options{Dir: dir}, trace.Position{})
			prepare(b)
			b.Close()
			b = open(t, Options{Dir: dir}, trace.Position{Seq: 50})
			publish(t, b, 51, 60)
			flushed(t, b, 60)
			numbered(t, consume(t, b, 50, 60), 51, 60)
		})
	}
}

// A disk that was full leaves the embedded server refusing everything. Here it is
// JetStream that refuses, which takes no disk.
func TestAnEmbeddedServerThatTakesNothingIsStartedAnew(t *testing.T) {
	b := open(t, Options{Dir: t.TempDir()}, trace.Position{})
	publish(t, b, 1, 100)
	flushed(t, b, 100)
	if err := b.embedded.server.DisableJetStream(); err != nil {
		t.Fatal(err)
	}
	publish(t, b, 101, 200)
	flushed(t, b, 200)
	numbered(t, consume(t, b, 0, 200), 1, 200)
}

// natsServer is an external server with TCP on the loopback interface.
type natsServer struct {
	t    *testing.T
	opts server.Options
	s    *server.Server
}

func startNATS(t *testing.T, change func(*server.Options)) *natsServer {
	t.Helper()
	n := &natsServer{t: t, opts: server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true,
	}}
	if change != nil {
		change(&n.opts)
	}
	n.start()
	t.Cleanup(func() { n.stop() })
	return n
}

func (n *natsServer) start() {
	n.t.Helper()
	o := n.opts
	s, err := server.NewServer(&o)
	if err != nil {
		n.t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		n.t.Fatal("the NATS server does not start")
	}
	n.s, n.opts.Port = s, o.Port
}

func (n *natsServer) stop() {
	n.s.Shutdown()
	n.s.WaitForShutdown()
}

func (n *natsServer) url() string { return fmt.Sprintf("nats://127.0.0.1:%d", n.opts.Port) }

func TestAnExternalServerMayGoAwayAndComeBack(t *testing.T) {
	n := startNATS(t, nil)
	var said notes
	b := open(t, Options{NATS: broker.Options{URL: n.url()}, Notify: said.notify}, trace.Position{})
	const step, last = 400, 2000 // all of it fits into the window: nothing waits for a server that is away
	done := make(chan []trace.Event, 1)
	go func() { done <- consume(t, b, 0, last) }()
	publish(t, b, 1, step)
	for next := step + 1; next < last; next += 2 * step {
		n.stop()
		publish(t, b, next, next+step-1)
		n.start()
		publish(t, b, next+step, next+2*step-1)
	}
	numbered(t, <-done, 1, last)
	if !said.heard("is away") || !said.heard("is back") {
		t.Errorf("said was %q", said.said)
	}
}

func TestAnExternalServerIsSaidToBe(t *testing.T) {
	plain := startNATS(t, func(o *server.Options) { o.JetStream = false })
	for _, c := range []struct {
		says, want string
		server     broker.Options
	}{
		{"away", "cannot be reached", broker.Options{URL: "nats://127.0.0.1:1"}},
		{"without JetStream", "JetStream does not answer", broker.Options{URL: plain.url()}},
		{"without its credentials", "cannot use a file for NATS", broker.Options{URL: plain.url(), CredsFile: "/no.creds"}},
	} {
		t.Run(c.says, func(t *testing.T) {
			o := Options{RunID: "ds-1", NATS: c.server, Notify: t.Logf}
			if _, err := Open(t.Context(), o, trace.Position{}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestAServerThatTakesOnlySmallMessagesIsSaidToAndDoesNotEndTheRun(t *testing.T) {
	n := startNATS(t, func(o *server.Options) { o.MaxPayload = 4096 })
	var said notes
	b := open(t, Options{NATS: broker.Options{URL: n.url()}, Notify: said.notify}, trace.Position{})
	large := pod(1)
	large.Data = []byte(`"` + strings.Repeat("x", 5000) + `"`)
	if err := b.Publish(t.Context(), large); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v", err)
	}
	publish(t, b, 1, 10)
	numbered(t, consume(t, b, 0, 10), 1, 10)
	if !said.heard("set max_payload") {
		t.Errorf("said was %q", said.said)
	}
}

func TestWhatOthersWriteIsRejected(t *testing.T) {
	n := startNATS(t, nil)
	b := open(t, Options{NATS: broker.Options{URL: n.url()}}, trace.Position{})
	nc, err := nats.Connect(n.url())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := nc.Request("hindsight.ds-1.foreign", []byte("hello"), 5*time.Second); err != nil {
		t.Fatal(err)
	}
	enough := errors.New("enough")
	err = b.Consume(t.Context(), 0, func(batch Batch) error {
		if len(batch.Events) != 0 || len(batch.Rejected) != 1 || !strings.Contains(batch.Rejected[0], "no CloudEvent") {
			t.Errorf("got %+v", batch)
		}
		return enough
	})
	if !errors.Is(err, enough) {
		t.Error(err)
	}
	if err := b.Publish(t.Context(), pod(1)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Flush(t.Context()); err == nil || !strings.Contains(err.Error(), "somebody else writes") {
		t.Errorf("got %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	m := encode("s", "ds-1", pod(1))
	headers, _ := json.Marshal(m.Header)
	f.Add(string(headers), m.Data)
	f.Add(`{"ce-id":["%zz"]}`, []byte("{}"))
	f.Fuzz(func(t *testing.T, headers string, data []byte) {
		var h nats.Header
		if json.Unmarshal([]byte(headers), &h) != nil {
			return
		}
		e, err := decode(h, data)
		if err != nil {
			return
		}
		again := encode("s", "ds-1", e)
		back, err := decode(again.Header, again.Data)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(e, back); d != "" {
			t.Error(d)
		}
	})
}

func BenchmarkPublishAndConsume(b *testing.B) {
	bus, err := Open(b.Context(), Options{RunID: "b", Dir: b.TempDir(), Notify: b.Logf}, trace.Position{})
	if err != nil {
		b.Fatal(err)
	}
	defer bus.Close()
	e := pod(1)
	e.Data = []byte(`{"x":"` + strings.Repeat("x", 6700) + `"}`)
	enough := errors.New("enough")
	done := make(chan error)
	b.SetBytes(int64(len(e.Data)))
	b.ResetTimer()
	go func() {
		done <- bus.Consume(b.Context(), 0, func(batch Batch) error {
			if batch.Position.Seq >= uint64(b.N) {
				return enough
			}
			return nil
		})
	}()
	for range b.N {
		if err := bus.Publish(b.Context(), e); err != nil {
			b.Fatal(err)
		}
	}
	if err := <-done; !errors.Is(err, enough) {
		b.Fatal(err)
	}
}

func TestOneAcknowledgementIsOfAllThatCameBefore(t *testing.T) {
	for _, c := range []struct {
		says      string
		published int
		want      uint32
	}{
		{"of one message there is one", 1, 1},
		{"the first and the last ask", 5, 2},
		{"of many, one of 32 asks, and the last", 100, 5},
		{"the last may be one of these", 97, 4},
	} {
		t.Run(c.says, func(t *testing.T) {
			t.Parallel()
			b := open(t, Options{Dir: t.TempDir()}, trace.Position{})
			var came atomic.Uint32
			s, err := b.nc.Subscribe("_INBOX.>", func(m *nats.Msg) {
				if strings.Contains(string(m.Data), `"seq"`) && !strings.Contains(string(m.Data), `"config"`) {
					came.Add(1)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			b.out.mu.Lock()
			b.out.broken = true // all wait in the window
			b.out.mu.Unlock()
			publish(t, b, 1, c.published)
			if err := b.out.resend(0); err != nil {
				t.Fatal(err)
			}
			flushed(t, b, uint64(c.published))
			if err := errors.Join(b.nc.Flush(), s.Drain()); err != nil {
				t.Fatal(err)
			}
			for s.IsValid() {
				time.Sleep(time.Millisecond)
			}
			if got := came.Load(); got != c.want {
				t.Errorf("%d messages had %d acknowledgements, want %d", c.published, got, c.want)
			}
			numbered(t, consume(t, b, 0, uint64(c.published)), 1, c.published)
		})
	}
}
