package recorder

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/hindsight-project/hindsight/recorder/broker"
	"github.com/hindsight-project/hindsight/recorder/bus/natstest"
	"github.com/hindsight-project/hindsight/recorder/collect"
	"github.com/hindsight-project/hindsight/recorder/trace"
)

// jetStream is a JetStream server of one node, and how to tamper with it.
type jetStream struct {
	*natstest.Cluster
	jetstream.JetStream
}

func startJetStream(t *testing.T) jetStream {
	t.Helper()
	c, err := natstest.Start(t.Context(), t.TempDir(), 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	nc, err := nats.Connect(c.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return jetStream{c, js}
}

// publishTo records without a file.
func publishTo(t *testing.T, s *apiServer, js jetStream, change ...func(*Options)) *attached {
	t.Helper()
	return attachTo(t, s, append(change, func(o *Options) {
		o.Output, o.PublishOnly, o.NATS.URL = "", true, js.URL()
	})...)
}

// stopped ends a recording in order.
func (a *attached) stopped() {
	a.t.Helper()
	a.stop()
	<-a.done
	if a.err != nil {
		a.t.Fatalf("attach: %v\n%s", a.err, a.stderr)
	}
}

// collected collects until everything is sealed or nothing comes any more, and
// returns what was sealed.
func collected(t *testing.T, js jetStream, dir string) (files []collect.File, err error) {
	t.Helper()
	var said output
	err = collect.Run(t.Context(), collect.Options{
		NATS: broker.Options{URL: js.URL()}, Dir: dir, UntilIdle: 2 * time.Second, Stderr: &said,
		Sealed: func(f collect.File) { files = append(files, f) },
	})
	t.Log(said.String())
	return files, err
}

func TestACollectedTraceIsThatOfARecorderWithAFile(t *testing.T) {
	t.Parallel()
	js, s := startJetStream(t), newAPIServer(t)
	s.put(pods, "ds/a", nil)
	s.set(func() { s.denied["v1/nodes"] = true })
	file := attachTo(t, s)
	published := publishTo(t, s, js)
	s.put(pods, "ds/a", map[string]any{"x": 1})
	s.put(leases, "ds/l", nil)
	s.remove(pods, "ds/a")
	s.put(pods, "ds/b", map[string]any{"x": 2})
	file.sees("added pods/ds/b u105 at 105")
	published.stopped()
	want := file.end("pods")
	files, err := collected(t, js, t.TempDir())
	if err != nil || len(files) != 1 {
		t.Fatalf("%v: %v", files, err)
	}
	f := files[0]
	published.path, published.cert = f.Path, f.Certificate
	same(t, published.history("pods"), file.history("pods"))
	got := published.stream("pods")
	got.LagMax, got.LagP50, got.LagP99 = 0, 0, 0
	want.LagMax, want.LagP50, want.LagP99 = 0, 0, 0
	got.Bookmarks, want.Bookmarks = 0, 0
	same(t, got, want)
	if got := published.stream("nodes"); got.Proof != trace.ProofDenied {
		t.Errorf("proof of nodes is %s", got.Proof)
	}
	if !f.Certificate.Sealed || f.Certificate.End != "interrupted" || f.Run.Namespaces[0] != "ds" {
		t.Errorf("got %+v of %+v", f.Certificate, f.Run)
	}
	if _, err := js.Stream(t.Context(), "hindsight-"+f.Run.ID); !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Errorf("the stream was left behind: %v", err)
	}
}

func TestWhatTheBusLostIsDeclared(t *testing.T) {
	for _, c := range []struct {
		says  string
		after func(s *apiServer) // the loss
		proof string
	}{
		{"and corrected later leaves gaps", func(s *apiServer) {
			s.put(pods, "ds/a", map[string]any{"x": 2})
		}, trace.ProofGaps},
		{"and never corrected contradicts the final list", func(*apiServer) {}, trace.ProofMismatch},
	} {
		t.Run(c.says, func(t *testing.T) {
			t.Parallel()
			js, s := startJetStream(t), newAPIServer(t)
			s.put(pods, "ds/a", nil)
			a := publishTo(t, s, js)
			stream, err := js.Stream(t.Context(), "hindsight-"+a.runID())
			if err != nil {
				t.Fatal(err)
			}
			s.put(pods, "ds/a", map[string]any{"x": 1})
			if err := stream.DeleteMsg(t.Context(), modification(t, stream, a.runID())); err != nil {
				t.Fatal(err)
			}
			c.after(s)
			a.stopped()
			files, err := collected(t, js, t.TempDir())
			if err != nil || len(files) != 1 {
				t.Fatalf("%v: %v", files, err)
			}
			a.cert = files[0].Certificate
			if got := a.stream("pods"); got.Proof != c.proof || got.Gaps != 1 {
				t.Errorf("proof is %s (%s) with %d gaps, want %s", got.Proof, got.Reason, got.Gaps, c.proof)
			}
			for _, g := range files[0].Certificate.Gaps {
				if !strings.Contains(g.Reason, "are gone") || g.LastSeq == 0 {
					t.Errorf("gap %+v", g)
				}
			}
		})
	}
}

// runID returns the run that a recorder says it publishes.
func (a *attached) runID() string {
	a.t.Helper()
	_, id, found := strings.Cut(a.stderr.String(), "into the stream hindsight-")
	if !found {
		a.t.Fatalf("no run is named in %q", a.stderr)
	}
	id, _, _ = strings.Cut(id, "\n")
	return id
}

// modification waits for a change of a pod and returns its sequence number.
func modification(t *testing.T, s jetstream.Stream, run string) uint64 {
	t.Helper()
	for {
		m, err := s.GetLastMsgForSubject(t.Context(), "hindsight."+run+".watch.pods")
		if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
			t.Fatal(err)
		}
		if err == nil && m.Header.Get("ce-type") == "dev.hindsight.modified" {
			return m.Sequence
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestARunThatWasNotEndedStaysOpen(t *testing.T) {
	t.Parallel()
	js, s, dir := startJetStream(t), newAPIServer(t), t.TempDir()
	s.put(pods, "ds/a", nil)
	a := publishTo(t, s, js)
	stream, err := js.Stream(t.Context(), "hindsight-"+a.runID())
	if err != nil {
		t.Fatal(err)
	}
	s.put(pods, "ds/a", map[string]any{"x": 1})
	modification(t, stream, a.runID())
	files, err := collected(t, js, dir)
	var unfinished *collect.Unfinished
	if len(files) != 0 || !errors.As(err, &unfinished) || unfinished.Runs[0] != a.runID() {
		t.Fatalf("%v: %v", files, err)
	}
	a.path = filepath.Join(dir, a.runID()+".trace.db")
	same(t, a.history("pods"), []string{"added pods/ds/a u101 at 101", "modified pods/ds/a u101 at 102"})
	s.put(pods, "ds/a", map[string]any{"x": 2})
	a.stopped()
	if files, err = collected(t, js, dir); err != nil || len(files) != 1 {
		t.Fatalf("%v: %v", files, err)
	}
	a.cert = files[0].Certificate
	if got := a.stream("pods"); got.Proof != trace.ProofComplete || got.Modified != 2 || got.Duplicates != 0 {
		t.Errorf("got %+v", got)
	}
	if files, err := collected(t, js, dir); err != nil || len(files) != 0 {
		t.Errorf("collected again: %v: %v", files, err)
	}
}

func TestTheExitCodeOfTheCommandIsCollected(t *testing.T) {
	t.Parallel()
	js, s := startJetStream(t), newAPIServer(t)
	a := begin(t, s, func(o *Options) {
		o.Output, o.PublishOnly, o.NATS.URL = "", true, js.URL()
		o.Command = []string{"sh", "-c", "test -z \"$HINDSIGHT_TRACE\" && test -n \"$HINDSIGHT_RUN_ID\" && exit 7"}
	})
	<-a.done
	var failed *CommandError
	if !errors.As(a.err, &failed) {
		t.Fatalf("got %v", a.err)
	}
	files, err := collected(t, js, t.TempDir())
	if err != nil || len(files) != 1 || files[0].Run.ExitCode == nil || *files[0].Run.ExitCode != 7 {
		t.Errorf("%+v: %v", files, err)
	}
}

func TestWhatDoesNotGoTogether(t *testing.T) {
	for _, c := range []struct {
		says, want string
		change     func(*Options)
	}{
		{"publishing to nowhere", "--publish-only needs --nats", func(o *Options) { o.PublishOnly = true }},
		{"publishing and a file", "--output cannot be given", func(o *Options) {
			o.PublishOnly, o.NATS.URL, o.Output = true, "nats://127.0.0.1:1", "x.db"
		}},
		{"replicas of nothing", "need --nats", func(o *Options) { o.Stream.Replicas = 3 }},
		{"too many replicas", "1 to 5 servers", func(o *Options) {
			o.NATS.URL, o.Stream.Replicas = "nats://127.0.0.1:1", 6
		}},
		{"a stream that holds nothing", "at least", func(o *Options) {
			o.NATS.URL, o.Stream.MaxBytes = "nats://127.0.0.1:1", 1000
		}},
	} {
		t.Run(c.says, func(t *testing.T) {
			var o Options
			c.change(&o)
			if err := o.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
