package marks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"github.com/hindsight-project/hindsight/recorder/broker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAMarkIsWrittenAsItIsRead(t *testing.T) {
	at := time.Date(2026, 11, 22, 2, 8, 29, 916, time.UTC)
	for want, m := range map[string]Mark{
		`{"phase":"settled"}`: {Phase: Settled},
		`{"cluster":"ds/pg","note":"n","phase":"spec","requirement":"policy-bounds","side":"end",` +
			`"time":"2026-11-22T02:08:29.000000916Z","until":"2026-11-22T02:08:30.000000916Z"}`: {
			Phase: Spec, Side: End, Note: "n", Requirements: []string{"policy-bounds"}, Cluster: "ds/pg",
			Time: at, Until: at.Add(time.Second),
		},
		`{"requirement":["policy-bounds","no-data-loss"]}`: {Requirements: []string{"policy-bounds", "no-data-loss"}},
		`{"bytes":734003200,"labels":["a",{"b":null}],"phase":"x"}`: {
			Phase: "x",
			More: map[string]any{
				"bytes": json.Number("734003200"), "labels": []any{"a", map[string]any{"b": nil}},
			},
		},
	} {
		text, err := json.Marshal(m)
		if err != nil || string(text) != want {
			t.Errorf("written is %s (%v), want %s", text, err, want)
		}
		back, err := Parse(text)
		if d := cmp.Diff(m, back); err != nil || d != "" {
			t.Errorf("%v, want -, got +\n%s", err, d)
		}
	}
	if _, err := json.Marshal(Mark{Phase: "x", More: map[string]any{"phase": "y"}}); err == nil {
		t.Error("a member was written twice")
	}
}

// refusals are marks that nobody takes, by what is said about them.
var refusals = map[string]string{
	"a phase or a requirement":  `{"note": "hello"}`,
	"a mark is a JSON object":   `["phase"]`,
	"duplicate":                 `{"phase": "a", "phase": "b"}`,
	`the member "phase"`:        `{"phase": 1}`,
	`the member "time"`:         `{"phase": "a", "time": "yesterday"}`,
	"is no id of a policy":      `{"requirement": "Node Drain"}`,
	`member "requirement"`:      `{"requirement": 7}`,
	"use begin, retry or end":   `{"phase": "spec", "side": "start"}`,
	"is not namespace/name":     `{"phase": "a", "cluster": "pg"}`,
	"until needs a time":        `{"phase": "a", "until": "2026-11-22T02:08:29Z"}`,
	"until is before its time":  `{"phase": "a", "time": "2026-11-22T02:08:29Z", "until": "2026-11-22T02:08:28Z"}`,
	"put details into other":    `{"phase": "` + strings.Repeat("a", 201) + `"}`,
	"more than 65536 bytes":     `{"phase": "` + strings.Repeat("a", 1<<16) + `"}`,
	"unexpected end of JSON":    `{"phase": "a"`,
	"such as {\"phase\": \"dis": `null`,
}

func TestAMarkThatCannotBeUsedIsRefusedWithTheReason(t *testing.T) {
	for want, text := range refusals {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: got %v, want %q", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range refusals {
		f.Add([]byte(text))
	}
	f.Add([]byte(`{"phase": "spec", "side": "begin", "time": "2026-11-22T02:08:29Z", "labels": ["a", 1.50]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := Parse(text)
		if err != nil {
			return
		}
		again, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		back, err := Parse(again)
		if err != nil && len(again) <= MaxSize { // escapes may make it longer
			t.Fatal(err)
		}
		if d := cmp.Diff(m, back); err == nil && d != "" {
			t.Error(d)
		}
	})
}

// inbox is a recorder that keeps marks in memory.
type inbox struct {
	mu  sync.Mutex
	got []string
	err error
}

func (i *inbox) receive(_ context.Context, m Mark) (Receipt, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.err != nil {
		return Receipt{}, i.err
	}
	i.got = append(i.got, m.Phase)
	return Receipt{Run: "ds-1", Time: time.Duration(len(i.got))}, nil
}

func listen(t *testing.T, trace string, receive Receiver) *Server {
	t.Helper()
	s, err := Listen(trace, receive)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	return s
}

func find(t *testing.T, where Where) *Client {
	t.Helper()
	c, err := Find(where)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestAMarkFindsItsRecorder(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("a-directory-with-a-long-name/", 6))
	if err := os.MkdirAll(long, 0o700); err != nil {
		t.Fatal(err)
	}
	for says, trace := range map[string]string{
		"by the name of its trace":                          filepath.Join(t.TempDir(), "t.db"),
		"whose path is longer than that of a socket may be": filepath.Join(long, "t.db"),
	} {
		t.Run(says, func(t *testing.T) {
			var i inbox
			s := listen(t, trace, i.receive)
			receipt, err := find(t, Where{Trace: trace}).Send(t.Context(), Mark{Phase: "one"})
			if d := cmp.Diff(Receipt{Run: "ds-1", Time: 1}, receipt); err != nil || d != "" {
				t.Errorf("%v %s", err, d)
			}
			t.Setenv(EnvSocket, s.Path())
			if _, err := find(t, Where{}).Send(t.Context(), Mark{Phase: "two"}); err != nil {
				t.Error(err)
			}
			if d := cmp.Diff([]string{"one", "two"}, i.got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestOnlyItsUserMayTalkToARecorder(t *testing.T) {
	trace := filepath.Join(t.TempDir(), "t.db")
	s := listen(t, trace, (&inbox{}).receive)
	for path, want := range map[string]os.FileMode{s.Path(): 0o600, filepath.Dir(s.Path()): 0o700} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has mode %v (%v), want %v", path, info.Mode(), err, want)
		}
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Dir(s.Path())); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something is left behind: %v", err)
	}
}

func TestWhatIsWrongIsSaid(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	listen(t, at("full"), (&inbox{err: errors.New("the trace is full")}).receive)
	listen(t, at("works"), (&inbox{}).receive)
	if err := os.Mkdir(at("killed.marks"), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", SocketPath(at("killed")))
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	t.Setenv(EnvSocket, "")
	for _, c := range []struct {
		where      Where
		mark       Mark
		want       string
		noRecorder bool
	}{
		{Where{}, Mark{Phase: "x"}, "inside of \"recorder attach -- COMMAND\"", true},
		{Where{Trace: at("none")}, Mark{Phase: "x"}, "start one with", true},
		{Where{Trace: at("killed")}, Mark{Phase: "x"}, "resumes it", true},
		{Where{Trace: at("full")}, Mark{Phase: "x"}, "did not take the mark: the trace is full", false},
		{Where{Trace: at("works")}, Mark{}, "needs a phase", false},
		{Where{Trace: at("works")}, large(1), "more than", false},
		{Where{Trace: at("works")}, large(4), "more than", false},
		{Where{Trace: at("works"), Run: "a"}, Mark{Phase: "x"}, "choose", false},
		{Where{Run: "a"}, Mark{Phase: "x"}, "--run needs --nats", false},
		{Where{NATS: broker.Options{URL: "nats://127.0.0.1:1"}}, Mark{Phase: "x"}, "needs --run", false},
		{Where{NATS: broker.Options{URL: "nats://127.0.0.1:1"}, Run: "a"}, Mark{Phase: "x"}, "cannot be reached", true},
	} {
		client, err := Find(c.where)
		if err == nil {
			_, err = client.Send(t.Context(), c.mark)
			client.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, ErrNoRecorder) != c.noRecorder {
			t.Errorf("%+v: got %v, want %q", c.where, err, c.want)
		}
	}
}

// large is a mark that is n times as large as one may be.
func large(n int) Mark {
	return Mark{Phase: "x", More: map[string]any{"a": strings.Repeat("b", n*MaxSize)}}
}

func TestOtherRequestsAreRefused(t *testing.T) {
	trace := filepath.Join(t.TempDir(), "t.db")
	listen(t, trace, (&inbox{}).receive)
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dialSocket(ctx, SocketPath(trace)) },
	}}
	defer client.CloseIdleConnections()
	for path, want := range map[string]int{"/marks": http.StatusMethodNotAllowed, "/": http.StatusNotFound} {
		answer, err := client.Get("http://recorder" + path)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("GET %s gives %d, want %d", path, answer.StatusCode, want)
		}
	}
}

// slow is a recorder whose disk is away until release is closed.
func slow(release <-chan struct{}) (Receiver, <-chan struct{}) {
	entered := make(chan struct{}, atOnce)
	return func(ctx context.Context, m Mark) (Receipt, error) {
		entered <- struct{}{}
		select {
		case <-release:
			return Receipt{}, nil
		case <-ctx.Done():
			return Receipt{}, ctx.Err()
		}
	}, entered
}

func TestASenderWaitsForTheDiskAsLongAsItLikes(t *testing.T) {
	n := startNATS(t, nil)
	trace := filepath.Join(t.TempDir(), "t.db")
	for _, where := range []Where{{Trace: trace}, {NATS: n.asUser(""), Run: "ds-1"}} {
		release := make(chan struct{})
		receive, entered := slow(release)
		end := serve(t, n, where, receive)
		client := find(t, where)
		ctx, giveUp := context.WithCancel(t.Context())
		go func() {
			<-entered
			giveUp()
		}()
		if _, err := client.Send(ctx, Mark{Phase: "x"}); !errors.Is(err, context.Canceled) ||
			!strings.Contains(err.Error(), "may come there later") {
			t.Errorf("got %v", err)
		}
		sent := make(chan error)
		go func() {
			_, err := client.Send(t.Context(), Mark{Phase: "x"})
			sent <- err
		}()
		<-entered
		ended := make(chan error)
		go func() { ended <- end(t.Context()) }() // waits for the mark under way
		close(release)
		if err := errors.Join(<-sent, <-ended); err != nil {
			t.Error(err)
		}
	}
}

func TestARecorderThatMustEndDoesNotWaitForItsDisk(t *testing.T) {
	n := startNATS(t, nil)
	for _, where := range []Where{
		{Trace: filepath.Join(t.TempDir(), "t.db")}, {NATS: n.asUser(""), Run: "ds-1"},
	} {
		receive, entered := slow(nil)
		end := serve(t, n, where, receive)
		client := find(t, where)
		sent := make(chan error)
		go func() {
			_, err := client.Send(t.Context(), Mark{Phase: "x"})
			sent <- err
		}()
		<-entered
		at, cancel := context.WithCancel(t.Context())
		cancel()
		_ = end(at)
		if err := <-sent; err == nil {
			t.Error("the mark counts as recorded")
		}
	}
}

// serve begins to receive marks and returns how to end that.
func serve(t *testing.T, n *natsServer, where Where, receive Receiver) func(context.Context) error {
	t.Helper()
	if where.Trace != "" {
		return listen(t, where.Trace, receive).Close
	}
	s, err := Subscribe(n.connect(""), where.Run, receive)
	if err != nil {
		t.Fatal(err)
	}
	return s.Close
}

type natsServer struct {
	t    *testing.T
	port int
}

func startNATS(t *testing.T, change func(*server.Options)) *natsServer {
	t.Helper()
	o := server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true}
	if change != nil {
		change(&o)
	}
	s, err := server.NewServer(&o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the NATS server does not start")
	}
	return &natsServer{t, o.Port}
}

func (n *natsServer) asUser(user string) broker.Options {
	if user != "" {
		user += ":pw@"
	}
	return broker.Options{URL: fmt.Sprintf("nats://%s127.0.0.1:%d", user, n.port)}
}

func (n *natsServer) connect(user string) *nats.Conn {
	n.t.Helper()
	nc, err := n.asUser(user).Connect("test")
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(nc.Close)
	return nc
}

// A user that may do no more than send marks to one run is enough.
func TestMarksComeThroughNATS(t *testing.T) {
	only := &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: []string{Subject("ds-1")}},
		Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX.>"}},
	}
	n := startNATS(t, func(o *server.Options) {
		o.Users = []*server.User{
			{Username: "recorder", Password: "pw"}, {Username: "driver", Password: "pw", Permissions: only},
		}
	})
	var i inbox
	s, err := Subscribe(n.connect("recorder"), "ds-1", i.receive)
	if err != nil {
		t.Fatal(err)
	}
	client := find(t, Where{NATS: n.asUser("driver"), Run: "ds-1"})
	for phase, want := range map[string]string{"one": "", "two": "", "": "needs a phase"} {
		receipt, err := client.Send(t.Context(), Mark{Phase: phase})
		switch {
		case want == "" && (err != nil || receipt.Run != "ds-1" || receipt.Time == 0):
			t.Errorf("%q: %+v %v", phase, receipt, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: got %v, want %q", phase, err, want)
		}
	}
	i.mu.Lock()
	i.err = errors.New("the trace is full")
	i.mu.Unlock()
	_, err = client.Send(t.Context(), Mark{Phase: "x"})
	if err == nil || !strings.Contains(err.Error(), "trace is full") {
		t.Errorf("got %v", err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = client.Send(t.Context(), Mark{Phase: "x"})
	if !errors.Is(err, ErrNoRecorder) || !strings.Contains(err.Error(), "check --run") ||
		strings.Contains(err.Error(), "pw") {
		t.Errorf("got %v", err)
	}
}
