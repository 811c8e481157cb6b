package recorder

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	natsd "github.com/nats-io/nats-server/v2/server"
	"go.uber.org/goleak"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/hindsight-project/hindsight/recorder/bus/natstest"
	"github.com/hindsight-project/hindsight/recorder/trace"
)

func TestMain(m *testing.M) {
	natstest.RunNode()
	if say() {
		return
	}
	goleak.VerifyTestMain(m,
		// The NATS server leaves these to the end of the process.
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server.(*Server).startGWReplyMapExpiration"),
		goleak.IgnoreTopFunction("k8s.io/klog/v2.(*flushDaemon).run.func1"),
	)
}

const (
	pods    = "v1/pods"
	leases  = "coordination.k8s.io/v1/leases"
	nodes   = "v1/nodes"
	budgets = "policy/v1/poddisruptionbudgets"
)

// attached is a recording under way.
type attached struct {
	t      testing.TB
	server *apiServer
	path   string
	stop   context.CancelFunc
	abort  context.CancelFunc
	done   chan struct{}
	cert   trace.Certificate
	err    error
	stderr *output
	stdout *output
}

// output is a buffer that may be read while it is written.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// attachTo records namespace ds until stop. It returns when it is recording.
func attachTo(t testing.TB, server *apiServer, change ...func(*Options)) *attached {
	t.Helper()
	a := begin(t, server, change...)
	a.until("recording", func() bool { return strings.Contains(a.stderr.String(), " streams into ") })
	return a
}

func begin(t testing.TB, server *apiServer, change ...func(*Options)) *attached {
	t.Helper()
	a := &attached{
		t: t, server: server, path: filepath.Join(t.TempDir(), "trace.db"), done: make(chan struct{}),
		stderr: &output{}, stdout: &output{},
	}
	soft, stop := context.WithCancel(context.Background())
	abort, stopAtOnce := context.WithCancel(context.Background())
	a.stop, a.abort = stop, stopAtOnce
	o := Options{
		Config: server.config(), Namespace: "ds", Output: a.path, Abort: abort,
		Stdin: strings.NewReader(""), Stdout: a.stdout, Stderr: a.stderr, Tool: "test",
	}
	for _, c := range change {
		c(&o)
	}
	a.path = o.Output
	go func() {
		defer close(a.done)
		a.cert, a.err = Attach(soft, o)
	}()
	t.Cleanup(func() {
		stopAtOnce()
		<-a.done
	})
	return a
}

// until waits for what must come.
func (a *attached) until(what string, ok func() bool) {
	a.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		select {
		case <-a.done:
			if !ok() {
				a.t.Fatalf("the recording ended (%v) before %s\n%s", a.err, what, a.stderr)
			}
			return
		default:
		}
		if time.Now().After(deadline) {
			a.t.Fatalf("no %s after 20 s\n%s\n%s", what, a.stderr, strings.Join(a.events(), "\n"))
		}
	}
}

// sees waits until the trace holds a line.
func (a *attached) sees(line string) {
	a.t.Helper()
	a.until(line, func() bool {
		for _, l := range a.events() {
			if l == line {
				return true
			}
		}
		return false
	})
}

// events renders the trace, one line an event, without what depends on time.
func (a *attached) events() []string {
	a.t.Helper()
	return events(a.t, a.path)
}

func events(t testing.TB, path string) []string {
	t.Helper()
	r, err := trace.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var lines []string
	for e, err := range r.Events(0) {
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, render(t, e))
	}
	return lines
}

func render(t testing.TB, e trace.Event) string {
	t.Helper()
	var b strings.Builder
	if e.Inferred {
		b.WriteString("inferred ")
	}
	fmt.Fprintf(&b, "%s %s", e.Type, e.Object)
	switch e.Type {
	case trace.Stream:
		var r trace.StreamRecord
		if err := json.Unmarshal(e.Data, &r); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, " %s", r.State)
		if r.Final {
			b.WriteString(" at the end")
		}
	case trace.Gap:
		var g trace.GapRecord
		if err := json.Unmarshal(e.Data, &g); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, " %s: %s to %s", g.Side, g.FromRV, g.ToRV)
	case trace.Bookmark:
		fmt.Fprintf(&b, " %s", e.ResourceVersion)
	default:
		fmt.Fprintf(&b, " %s at %s", e.Object.UID, e.ResourceVersion)
	}
	return b.String()
}

// history is that of one resource, without what opens and ends its streams.
func (a *attached) history(resource string) []string {
	a.t.Helper()
	lines := []string{}
	for _, l := range a.events() {
		if strings.Contains(l, " "+resource+"/") && !strings.HasPrefix(l, "stream") && !strings.HasPrefix(l, "bookmark") {
			lines = append(lines, l)
		}
	}
	return lines
}

// end stops the recording and returns the certificate of a resource.
func (a *attached) end(resource string) trace.StreamCert {
	a.t.Helper()
	a.stop()
	<-a.done
	if a.err != nil {
		a.t.Fatalf("attach: %v\n%s", a.err, a.stderr)
	}
	if _, err := os.Stat(a.path + ".nats"); !errors.Is(err, os.ErrNotExist) {
		a.t.Errorf("the bus was left behind: %v", err)
	}
	return a.stream(resource)
}

func (a *attached) stream(resource string) trace.StreamCert {
	a.t.Helper()
	for _, s := range a.cert.Streams {
		if s.Resource.String() == resource {
			return s
		}
	}
	a.t.Fatalf("no stream of %s in the certificate: %+v", resource, a.cert)
	return trace.StreamCert{}
}

func same(t *testing.T, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("want -, got +\n%s", d)
	}
}

// forgetsHalf breaks the watches, lets six things happen, and forgets what was
// before the fourth.
func (s *apiServer) forgetsHalf(a *attached, cached bool) {
	s.put(pods, "ds/b", nil)
	a.sees("added pods/ds/b u102 at 102")
	s.set(func() { s.deaf = true })
	s.cutAll()
	s.put(pods, "ds/a", map[string]any{"x": 1})
	s.put(pods, "ds/a", map[string]any{"x": 2})
	s.remove(pods, "ds/b")
	s.put(pods, "ds/b", nil)
	s.put(pods, "ds/a", map[string]any{"x": 3})
	s.put(pods, "ds/b", map[string]any{"x": 1})
	s.forget(105, cached)
	s.set(func() { s.deaf = false })
	a.sees("modified pods/ds/b u106 at 108")
}

var halfForgotten = []string{
	"added pods/ds/a u101 at 101", "added pods/ds/b u102 at 102",
	"gap pods/ds begin: 102 to 105",
	"inferred deleted pods/ds/b u102 at 102",
	"inferred modified pods/ds/a u101 at 104",
	"gap pods/ds end: 102 to 105",
	"added pods/ds/b u106 at 106", "modified pods/ds/a u101 at 107", "modified pods/ds/b u106 at 108",
}

func TestWhatIsRecorded(t *testing.T) {
	for _, c := range []struct {
		says  string
		do    func(s *apiServer, a *attached)
		want  []string
		proof string
	}{
		{
			"a change is recorded as it happens",
			func(s *apiServer, a *attached) {
				s.put(pods, "ds/b", nil)
				s.put(pods, "ds/a", map[string]any{"status": map[string]any{"phase": "Running"}})
				s.remove(pods, "ds/b")
			},
			[]string{
				"added pods/ds/a u101 at 101", "added pods/ds/b u102 at 102",
				"modified pods/ds/a u101 at 103", "deleted pods/ds/b u102 at 104",
			},
			trace.ProofComplete,
		},
		{
			"other namespaces are not recorded",
			func(s *apiServer, a *attached) { s.put(pods, "other/b", nil) },
			[]string{"added pods/ds/a u101 at 101"},
			trace.ProofComplete,
		},
		{
			"deleted and created under one name is two objects",
			func(s *apiServer, a *attached) {
				s.remove(pods, "ds/a")
				s.put(pods, "ds/a", nil)
			},
			[]string{"added pods/ds/a u101 at 101", "deleted pods/ds/a u101 at 102", "added pods/ds/a u103 at 103"},
			trace.ProofComplete,
		},
		{
			"another uid under a known name means that the old object was deleted unseen",
			func(s *apiServer, a *attached) {
				other := map[string]any{"name": "a", "namespace": "ds", "uid": "new"}
				s.put(pods, "ds/a", map[string]any{"metadata": other})
			},
			[]string{
				"added pods/ds/a u101 at 101", "inferred deleted pods/ds/a u101 at 101", "added pods/ds/a new at 102",
			},
			trace.ProofComplete,
		},
		{
			"a version that is delivered twice is recorded once",
			func(s *apiServer, a *attached) {
				s.put(pods, "ds/b", nil)
				s.send(pods, "MODIFIED", s.kinds[pods].objects["ds/b"])
			},
			[]string{"added pods/ds/a u101 at 101", "added pods/ds/b u102 at 102"},
			trace.ProofComplete,
		},
		{
			"a cut connection loses nothing and is no gap",
			func(s *apiServer, a *attached) {
				s.set(func() { s.deaf = true })
				s.cutAll()
				s.put(pods, "ds/a", map[string]any{"x": 1})
				s.put(pods, "ds/a", map[string]any{"x": 2})
				s.remove(pods, "ds/a")
				s.put(pods, "ds/a", nil)
				s.set(func() { s.deaf = false })
			},
			[]string{
				"added pods/ds/a u101 at 101", "modified pods/ds/a u101 at 102", "modified pods/ds/a u101 at 103",
				"deleted pods/ds/a u101 at 104", "added pods/ds/a u105 at 105",
			},
			trace.ProofComplete,
		},
		{
			"a server that is away for a while loses nothing and is no gap",
			func(s *apiServer, a *attached) {
				s.set(func() { s.down = true })
				s.cutAll()
				s.put(pods, "ds/a", map[string]any{"x": 1})
				a.until("notice", func() bool { return strings.Contains(a.stderr.String(), "watch broken") })
				s.put(pods, "ds/a", map[string]any{"x": 2})
				s.set(func() { s.down = false })
			},
			[]string{
				"added pods/ds/a u101 at 101", "modified pods/ds/a u101 at 102", "modified pods/ds/a u101 at 103",
			},
			trace.ProofComplete,
		},
		{
			"history that expired meanwhile is a gap with what the list implies, and nothing about what did not change",
			func(s *apiServer, a *attached) {
				s.put(pods, "ds/b", nil)
				s.put(pods, "ds/c", nil)
				s.put(pods, "ds/d", nil)
				a.sees("added pods/ds/d u104 at 104")
				s.set(func() { s.deaf = true })
				s.cutAll()
				s.put(pods, "ds/b", map[string]any{"x": 1})
				s.remove(pods, "ds/c")
				s.remove(pods, "ds/d")
				s.put(pods, "ds/d", nil)
				s.put(pods, "ds/e", nil)
				s.compact()
				s.set(func() { s.deaf = false })
				a.sees("gap pods/ds end: 104 to 109")
				s.put(pods, "ds/e", map[string]any{"x": 1})
			},
			[]string{
				"added pods/ds/a u101 at 101", "added pods/ds/b u102 at 102",
				"added pods/ds/c u103 at 103", "added pods/ds/d u104 at 104",
				"gap pods/ds begin: 104 to 109",
				"inferred deleted pods/ds/c u103 at 103",
				"inferred modified pods/ds/b u102 at 105",
				"inferred deleted pods/ds/d u104 at 104",
				"inferred added pods/ds/d u108 at 108",
				"inferred added pods/ds/e u109 at 109",
				"gap pods/ds end: 104 to 109",
				"modified pods/ds/e u109 at 110",
			},
			trace.ProofGaps,
		},
		{
			"history that expired is a gap too when the server says so with HTTP 410",
			func(s *apiServer, a *attached) {
				s.set(func() { s.deaf, s.gone410 = true, true })
				s.cutAll()
				s.put(pods, "ds/a", map[string]any{"x": 1})
				s.compact()
				s.set(func() { s.deaf = false })
				a.sees("gap pods/ds end: 101 to 102")
			},
			[]string{
				"added pods/ds/a u101 at 101", "gap pods/ds begin: 101 to 102",
				"inferred modified pods/ds/a u101 at 102", "gap pods/ds end: 101 to 102",
			},
			trace.ProofGaps,
		},
		{
			"of expired history, what the server still holds is no part of the gap: it names the oldest version",
			func(s *apiServer, a *attached) { s.forgetsHalf(a, true) },
			halfForgotten,
			trace.ProofGaps,
		},
		{
			"and where it does not name it, the version is searched for",
			func(s *apiServer, a *attached) { s.forgetsHalf(a, false) },
			halfForgotten,
			trace.ProofGaps,
		},
		{
			"a bookmark carries a quiet resource over lost history",
			func(s *apiServer, a *attached) {
				s.put("v1/services", "ds/s", nil)
				s.bookmark(pods)
				a.sees("bookmark pods/ds 102")
				s.cutAll()
				s.compact()
				a.sees("stream pods/ds reopened")
			},
			[]string{"added pods/ds/a u101 at 101"},
			trace.ProofComplete,
		},
		{
			"an expired watch after which the list is at the same version is no gap",
			func(s *apiServer, a *attached) {
				s.expireAll()
				a.sees("stream pods/ds reopened")
			},
			[]string{"added pods/ds/a u101 at 101"},
			trace.ProofComplete,
		},
		{
			"access that is taken away and given back loses nothing that history still holds",
			func(s *apiServer, a *attached) {
				s.set(func() { s.denied[pods] = true })
				s.cutAll()
				a.sees("stream pods/ds denied")
				s.put(pods, "ds/a", map[string]any{"x": 1})
				s.set(func() { s.denied[pods] = false })
			},
			[]string{"added pods/ds/a u101 at 101", "modified pods/ds/a u101 at 102"},
			trace.ProofComplete,
		},
		{
			"access that is taken away for good is a gap whose end is not known",
			func(s *apiServer, a *attached) {
				s.set(func() { s.denied[pods] = true })
				s.cutAll()
				a.sees("stream pods/ds denied")
			},
			[]string{"added pods/ds/a u101 at 101", "gap pods/ds begin: 101 to ", "gap pods/ds end: 101 to "},
			trace.ProofGaps,
		},
		{
			"the right to watch that is taken away for good is a gap, though lists agree",
			func(s *apiServer, a *attached) {
				s.set(func() { s.listOnly[pods] = true })
				s.cutAll()
				a.sees("stream pods/ds denied")
				s.put(pods, "ds/b", nil)
				s.remove(pods, "ds/b")
			},
			[]string{"added pods/ds/a u101 at 101", "gap pods/ds begin: 101 to 103", "gap pods/ds end: 101 to 103"},
			trace.ProofGaps,
		},
		{
			"a server without bookmarks is given some seconds to contradict",
			func(s *apiServer, a *attached) {
				s.set(func() { s.mute = true })
				s.put("v1/services", "ds/s", nil) // the revision goes on, the Pods do not
			},
			[]string{"added pods/ds/a u101 at 101"},
			trace.ProofComplete,
		},
		{
			"a backlog that one watch at the end does not bring is taken from the next",
			func(s *apiServer, _ *attached) {
				s.set(func() { s.mute, s.slice, s.deaf = true, 2, true })
				s.cutAll()
				for x := range 3 {
					s.put(pods, "ds/a", map[string]any{"x": x})
				}
				time.AfterFunc(time.Second, func() { s.set(func() { s.deaf = false }) }) // the streams are ending by then
			},
			[]string{
				"added pods/ds/a u101 at 101", "modified pods/ds/a u101 at 102", "modified pods/ds/a u101 at 103",
				"modified pods/ds/a u101 at 104",
			},
			trace.ProofComplete,
		},
	} {
		t.Run(c.says, func(t *testing.T) {
			t.Parallel()
			s := newAPIServer(t)
			s.put(pods, "ds/a", nil)
			a := attachTo(t, s)
			a.sees("stream pods/ds watching")
			c.do(s, a)
			got := a.end("pods")
			same(t, a.history("pods"), c.want)
			if got.Proof != c.proof {
				t.Errorf("proof is %q (%s), want %q", got.Proof, got.Reason, c.proof)
			}
		})
	}
}

// Between two versions there is a time that is known, and one that is not.
func TestNotBeforeIsTheLastMomentAtWhichTheStreamWasCurrent(t *testing.T) {
	s := newAPIServer(t)
	s.put(pods, "ds/a", nil)
	a := attachTo(t, s)
	s.put(pods, "ds/live", nil)
	a.sees("added pods/ds/live u102 at 102")
	s.set(func() { s.deaf = true })
	s.cutAll()
	s.put(pods, "ds/backlog", nil)
	time.Sleep(50 * time.Millisecond)
	s.set(func() { s.deaf = false })
	a.sees("added pods/ds/backlog u103 at 103")
	s.put(pods, "ds/current", nil)
	a.end("pods")

	events := map[string]trace.Event{}
	r, err := trace.Open(a.path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for e, err := range r.Events(0) {
		if err != nil {
			t.Fatal(err)
		}
		events[e.Object.Name] = e
	}
	for name, current := range map[string]bool{"a": true, "live": true, "backlog": false, "current": true} {
		if e := events[name]; (e.NotBefore == e.Time) != current {
			t.Errorf("%s happened in (%v, %v]", name, e.NotBefore, e.Time)
		}
	}
	if e := events["backlog"]; e.NotBefore != events["live"].Time {
		t.Errorf("the backlog begins at %v, last seen current was %v", e.NotBefore, events["live"].Time)
	}
}

func TestWhatIsNotRecorded(t *testing.T) {
	for _, c := range []struct {
		says    string
		options func(*Options)
		err     string
	}{
		{
			"Secrets, even when asked for",
			func(o *Options) { o.Resources = []string{"secrets"} },
			"--resource secrets: Secrets are never recorded",
		},
		{
			"Secrets, whatever their version is called",
			func(o *Options) { o.Resources = []string{"secrets.v1."} },
			"Secrets are never recorded",
		},
		{
			"a resource that does not exist",
			func(o *Options) { o.Resources = []string{"unicorns.example.com"} },
			"--resource unicorns.example.com: not served by this API server",
		},
		{
			"anything, when the command cannot be run",
			func(o *Options) { o.Command = []string{"/no/such/program"} },
			"cannot run the command",
		},
		{
			"anything, when the NATS server is away",
			func(o *Options) { o.NATS.URL = "nats://127.0.0.1:1" },
			"the NATS server nats://127.0.0.1:1 cannot be reached",
		},
	} {
		t.Run(c.says, func(t *testing.T) {
			a := begin(t, newAPIServer(t), c.options)
			<-a.done
			if a.err == nil || !strings.Contains(a.err.Error(), c.err) {
				t.Errorf("got %v, want %q", a.err, c.err)
			}
			if _, err := os.Stat(a.path); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("a trace was left behind: %v", err)
			}
		})
	}
}

func TestAServerThatIsAwayIsNamed(t *testing.T) {
	s := newAPIServer(t)
	s.http.Close()
	a := begin(t, s)
	<-a.done
	if a.err == nil || !strings.Contains(a.err.Error(), "the API server at "+s.http.URL+" cannot be asked") {
		t.Errorf("got %v", a.err)
	}
}

func TestWhatIsDeniedIsLeftOutAndCertified(t *testing.T) {
	s := newAPIServer(t)
	s.denied[pods] = true
	a := attachTo(t, s)
	got := a.end("pods")
	if got.Proof != trace.ProofDenied || !strings.Contains(got.Reason, "forbidden") {
		t.Errorf("got %+v", got)
	}
	if got := a.stream("persistentvolumeclaims"); got.Proof != trace.ProofComplete {
		t.Errorf("got %+v", got)
	}
	got = a.stream("clusters.postgresql.cnpg.io")
	if got.Proof != trace.ProofDenied || got.Reason != "not served by this API server at the start" {
		t.Errorf("got %+v", got)
	}
}

func TestWhatMayBeListedAndNotBeWatchedIsDenied(t *testing.T) {
	s := newAPIServer(t)
	s.listOnly[pods] = true
	s.put(pods, "ds/a", nil)
	a := attachTo(t, s)
	a.sees("stream pods/ds denied")
	got := a.end("pods")
	if got.Proof != trace.ProofDenied || !strings.Contains(got.Reason, "cannot watch") {
		t.Errorf("got %+v", got)
	}
}

func TestBudgetsOfAllNamespacesAreRecorded(t *testing.T) {
	s := newAPIServer(t)
	s.put(budgets, "other/web", nil)
	a := attachTo(t, s)
	if got := a.end("poddisruptionbudgets.policy"); got.Namespace != "" || got.Proof != trace.ProofComplete {
		t.Errorf("got %+v", got)
	}
	same(t, a.history("poddisruptionbudgets.policy"), []string{"added poddisruptionbudgets.policy/other/web u101 at 101"})
}

func TestWhereForeignBudgetsAreDeniedThoseOfTheNamespaceAreRecorded(t *testing.T) {
	s := newAPIServer(t)
	s.denied[budgets+"*"] = true
	s.put(budgets, "other/web", nil)
	s.put(budgets, "ds/pg", nil)
	a := attachTo(t, s)
	a.end("pods")
	same(t, a.history("poddisruptionbudgets.policy"), []string{"added poddisruptionbudgets.policy/ds/pg u102 at 102"})
	var got []string
	for _, c := range a.cert.Streams {
		if c.Resource.Resource == "poddisruptionbudgets" {
			got = append(got, c.Namespace+" "+c.Proof)
		}
	}
	same(t, got, []string{" " + trace.ProofDenied, "ds " + trace.ProofComplete})
}

// API servers send no bookmarks of Events. In a namespace in which nothing happens the
// version of the last one is forgotten while the watch is open.
func TestAQuietStreamIsNotForgotten(t *testing.T) {
	s := newAPIServer(t)
	s.mute = true
	s.put(pods, "ds/a", nil)
	a := attachTo(t, s, func(o *Options) { o.quiet = 100 * time.Millisecond })
	a.sees("stream pods/ds watching")
	present := s.put("v1/nodes", "n", nil)
	a.sees("bookmark pods/ds " + present)
	s.compact()
	if got := a.end("pods"); got.Proof != trace.ProofComplete || got.Gaps != 0 {
		t.Errorf("got %+v", got)
	}
}

// A watch that was opened anew waits for its backlog, and may never hear that there
// is none.
func TestAQuietStreamIsNotForgottenAfterABreak(t *testing.T) {
	s := newAPIServer(t)
	s.mute = true
	s.put(pods, "ds/a", nil)
	a := attachTo(t, s, func(o *Options) { o.quiet = 100 * time.Millisecond })
	a.sees("stream pods/ds watching")
	s.set(func() { s.deaf = true })
	s.cutAll()
	s.put("v1/nodes", "n", nil)
	s.set(func() { s.deaf = false })
	a.sees("stream pods/ds reopened")
	present := s.put("v1/nodes", "m", nil)
	a.sees("bookmark pods/ds " + present)
	s.compact()
	if got := a.end("pods"); got.Proof != trace.ProofComplete || got.Gaps != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestWhereEverythingIsDeniedThereIsNothingToRecord(t *testing.T) {
	s := newAPIServer(t)
	for path := range s.kinds {
		s.denied[path] = true
	}
	a := begin(t, s)
	<-a.done
	if a.err == nil || !strings.Contains(a.err.Error(), "lets us record nothing") {
		t.Errorf("got %v", a.err)
	}
}

func TestHeartbeatsOfOthersAreCountedNotRecorded(t *testing.T) {
	const resource = "leases.coordination.k8s.io"
	lease := func(renew, holder string) map[string]any {
		return map[string]any{"spec": map[string]any{"renewTime": renew, "holderIdentity": holder}}
	}
	for _, c := range []struct {
		says      string
		namespace string // of the operator
		keep      bool
		want      []string
		coalesced uint64
	}{
		{
			"a renewal is left out, a new holder is recorded", "operator", false,
			[]string{
				"added " + resource + "/operator/l u101 at 101",
				"modified " + resource + "/operator/l u101 at 104",
			}, 2,
		},
		{
			"every renewal is recorded when asked for", "operator", true,
			[]string{
				"added " + resource + "/operator/l u101 at 101",
				"modified " + resource + "/operator/l u101 at 102",
				"modified " + resource + "/operator/l u101 at 103",
				"modified " + resource + "/operator/l u101 at 104",
			}, 0,
		},
		{
			"every renewal in the recorded namespace is recorded", "ds", false,
			[]string{
				"added " + resource + "/ds/l u101 at 101",
				"modified " + resource + "/ds/l u101 at 102",
				"modified " + resource + "/ds/l u101 at 103",
				"modified " + resource + "/ds/l u101 at 104",
			}, 0,
		},
	} {
		t.Run(c.says, func(t *testing.T) {
			s := newAPIServer(t)
			name := c.namespace + "/l"
			s.put(leases, name, lease("1", "x"))
			a := attachTo(t, s, func(o *Options) { o.OperatorNamespace, o.KeepHeartbeats = c.namespace, c.keep })
			s.put(leases, name, lease("2", "x"))
			s.put(leases, name, lease("3", "x"))
			s.put(leases, name, lease("4", "y"))
			got := a.end(resource)
			same(t, a.history(resource), c.want)
			if got.Proof != trace.ProofComplete || got.Coalesced != c.coalesced {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestMoreThanTheDefaults(t *testing.T) {
	s := newAPIServer(t)
	s.put("v1/services", "ds/s", nil)
	s.put("v1/services", "other/s", nil)
	a := attachTo(t, s, func(o *Options) { o.Resources = []string{"services"} })
	a.end("services")
	same(t, a.history("services"), []string{"added services/ds/s u101 at 101"})
}

func TestAllNamespaces(t *testing.T) {
	s := newAPIServer(t)
	s.put(pods, "ds/a", nil)
	s.put(pods, "other/a", nil)
	a := attachTo(t, s, func(o *Options) { o.Namespace, o.OperatorNamespace = "", "operator" })
	if got := a.end("pods"); got.Namespace != "" || got.Added != 2 || got.Proof != trace.ProofComplete {
		t.Errorf("got %+v", got)
	}
}

// labelled is a server with two namespaces of a suite, and one of somebody else.
func labelled(t *testing.T) (*apiServer, func(*Options)) {
	s := newAPIServer(t)
	s.labels = map[string]labels.Set{"spec-1": {"suite": "e2e"}, "spec-2": {"suite": "e2e"}, "other": {"suite": "unit"}}
	return s, func(o *Options) { o.Namespace, o.Selector, o.OperatorNamespace = "", "suite=e2e", "operator" }
}

func TestNamespacesAreChosenByTheirLabels(t *testing.T) {
	s, e2e := labelled(t)
	s.put(pods, "spec-1/a", nil)
	s.put(pods, "other/a", nil)
	s.put(pods, "operator/o", nil)
	a := attachTo(t, s, e2e)
	s.put(pods, "other/b", nil)
	s.remove(pods, "other/a")
	s.put(pods, "spec-2/b", nil) // in a namespace of which nothing was seen before
	s.put(pods, "spec-1/a", nil)
	s.remove(pods, "spec-2/b")
	if got := a.end("pods"); got.Proof != trace.ProofComplete {
		t.Errorf("got %+v", got)
	}
	same(t, a.history("pods"), []string{
		"added pods/operator/o u103 at 103", "added pods/spec-1/a u101 at 101", "added pods/spec-2/b u106 at 106",
		"modified pods/spec-1/a u101 at 107", "deleted pods/spec-2/b u106 at 108",
	})
	r, err := trace.Open(a.path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got := r.Run(); got.Selector != "suite=e2e" || len(got.Namespaces) != 0 {
		t.Errorf("the header says %+v", got)
	}
}

func TestARecordingByLabelsIsResumed(t *testing.T) {
	s, e2e := labelled(t)
	s.put(pods, "spec-1/a", nil)
	a := attachTo(t, s, e2e)
	s.put(pods, "spec-1/b", nil)
	a.sees("added pods/spec-1/b u102 at 102")
	a.breakOff()
	s.put(pods, "other/a", nil)
	s.put(pods, "spec-1/a", nil)
	b := attachTo(t, s, e2e, func(o *Options) { o.Output = a.path })
	if got := b.end("pods"); got.Proof != trace.ProofComplete {
		t.Errorf("got %+v", got)
	}
	same(t, b.history("pods"), []string{
		"added pods/spec-1/a u101 at 101", "added pods/spec-1/b u102 at 102", "modified pods/spec-1/a u101 at 104",
	})
}

func TestANamespaceWhoseLabelsCannotBeReadIsRecorded(t *testing.T) {
	s, e2e := labelled(t)
	a := attachTo(t, s, e2e)
	s.put(pods, "nowhere/a", nil)
	a.sees("added pods/nowhere/a u101 at 101")
	want := "namespace nowhere is recorded, because its labels cannot be read"
	if !strings.Contains(a.stderr.String(), want) {
		t.Errorf("nothing was said:\n%s", a.stderr)
	}
}

func TestLabelsThatSayNothing(t *testing.T) {
	for _, c := range []struct {
		says, want string
		change     func(*apiServer, *Options)
	}{
		{
			"what is no selector is refused", "is no label selector",
			func(_ *apiServer, o *Options) { o.Selector = "a=b=c" },
		},
		{
			"a namespace beside it is refused", "leave --namespace out",
			func(_ *apiServer, o *Options) { o.Namespace = "ds" },
		},
		{
			"without the right to look for them there is no recording", "namespaces is forbidden",
			func(s *apiServer, _ *Options) { s.denied["v1/namespaces"] = true },
		},
		{
			"a trace of others is not resumed", "cannot be resumed with the namespaces with suite=e2e",
			func(s *apiServer, o *Options) {
				a := attachTo(t, s)
				a.breakOff()
				o.Output = a.path
			},
		},
	} {
		t.Run(c.says, func(t *testing.T) {
			s, e2e := labelled(t)
			a := begin(t, s, e2e, func(o *Options) { c.change(s, o) })
			<-a.done
			if a.err == nil || !strings.Contains(a.err.Error(), c.want) {
				t.Errorf("got %v, want %q", a.err, c.want)
			}
		})
	}
	s, _ := labelled(t)
	a := attachTo(t, s, func(o *Options) { o.Namespace, o.Selector = "", "suite=none" })
	if want := "no namespace has the labels suite=none yet"; !strings.Contains(a.stderr.String(), want) {
		t.Errorf("nothing was said of %q:\n%s", want, a.stderr)
	}
}

func TestNamespacesThatDoNotExistAreSaidSo(t *testing.T) {
	s := newAPIServer(t)
	a := attachTo(t, s, func(o *Options) { o.OperatorNamespace = "nowhere" })
	if got := a.end("leases.coordination.k8s.io"); got.Reason != "the namespace did not exist at the start" {
		t.Errorf("got %+v", got)
	}
	if !strings.Contains(a.stderr.String(), "--operator-namespace") {
		t.Errorf("nothing was said:\n%s", a.stderr)
	}
}

func TestTheCommandEndsTheRecording(t *testing.T) {
	for _, c := range []struct {
		says, script string
		code         int
		out          string
	}{
		{"in success", `echo "$HINDSIGHT_RUN_ID" in "$HINDSIGHT_TRACE"`, 0, "trace.db"},
		{"with its exit code", "exit 7", 7, ""},
		{"with 128 and the signal that killed it", "kill -9 $$", 137, ""},
	} {
		t.Run(c.says, func(t *testing.T) {
			a := begin(t, newAPIServer(t), func(o *Options) { o.Command = []string{"sh", "-c", c.script} })
			<-a.done
			var failed *CommandError
			switch {
			case c.code == 0 && a.err != nil:
				t.Errorf("got %v", a.err)
			case c.code != 0 && (!errors.As(a.err, &failed) || failed.ExitCode() != c.code):
				t.Errorf("got %v, want exit code %d", a.err, c.code)
			}
			if !a.cert.Sealed || !strings.Contains(a.stdout.String(), c.out) {
				t.Errorf("got %+v\n%s", a.cert, a.stdout)
			}
			r, err := trace.Open(a.path)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if got := r.Run().ExitCode; got == nil || *got != c.code {
				t.Errorf("the trace says %v", got)
			}
		})
	}
}

func TestAnInterruptReachesTheCommandOnce(t *testing.T) {
	const script = `trap 'echo got INT; sleep 0.2; exit 0' INT; echo started; while :; do sleep 0.05; done`
	a := begin(t, newAPIServer(t), func(o *Options) { o.Command = []string{"sh", "-c", script} })
	a.until("command", func() bool { return strings.Contains(a.stdout.String(), "started") })
	a.stop()
	<-a.done
	if a.err != nil || !a.cert.Sealed {
		t.Errorf("got %v", a.err)
	}
	if got := strings.Count(a.stdout.String(), "got INT"); got != 1 {
		t.Errorf("the command got %d interrupts\n%s", got, a.stdout)
	}
}

func TestStoppedAtOnceTheFileIsReadable(t *testing.T) {
	s := newAPIServer(t)
	s.put(pods, "ds/a", nil)
	const deaf = "trap '' INT; while :; do sleep 0.05; done"
	a := attachTo(t, s, func(o *Options) { o.Command = []string{"sh", "-c", deaf} })
	a.sees("added pods/ds/a u101 at 101")
	a.stop()
	a.breakOff()
	same(t, a.history("pods"), []string{"added pods/ds/a u101 at 101"})
	var coded interface{ ExitCode() int }
	if !errors.As(a.err, &coded) || coded.ExitCode() != 130 {
		t.Errorf("got %v", a.err)
	}
}

func TestTheRecordedObjectIsWhatTheServerSent(t *testing.T) {
	s := newAPIServer(t)
	exact := map[string]any{
		"spec": map[string]any{"big": json.Number("9007199254740993"), "float": 1.5, "text": "<ü&>"},
	}
	s.put(pods, "ds/listed", exact)
	a := attachTo(t, s)
	s.put(pods, "ds/watched", exact)
	a.end("pods")
	r, err := trace.Open(a.path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	want := map[string]any{"spec": exact["spec"], "apiVersion": "v1", "kind": "Pod"}
	found := 0
	for e, err := range r.Events(0) {
		if err != nil {
			t.Fatal(err)
		}
		if !e.Type.IsObject() {
			continue
		}
		found++
		var o map[string]any
		dec := json.NewDecoder(bytes.NewReader(e.Data))
		dec.UseNumber()
		if err := dec.Decode(&o); err != nil {
			t.Fatal(err)
		}
		delete(o, "metadata")
		got, _ := json.Marshal(o)
		wanted, _ := json.Marshal(want)
		same(t, string(got), string(wanted))
	}
	if found != 2 {
		t.Errorf("%d objects", found)
	}
}

// A server of NATS that is restarted in the middle loses nothing either.
func TestThroughAnExternalServer(t *testing.T) {
	options := natsd.Options{
		Host: "127.0.0.1", Port: natsd.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true,
	}
	start := func() *natsd.Server {
		n, err := natsd.NewServer(&options)
		if err != nil {
			t.Fatal(err)
		}
		n.Start()
		if !n.ReadyForConnections(10 * time.Second) {
			t.Fatal("the NATS server does not start")
		}
		return n
	}
	stop := func(n *natsd.Server) {
		n.Shutdown()
		n.WaitForShutdown()
	}
	n := start()
	s := newAPIServer(t)
	s.put(pods, "ds/a", nil)
	a := attachTo(t, s, func(o *Options) { o.NATS.URL = n.ClientURL() })
	a.sees("added pods/ds/a u101 at 101")
	stop(n)
	s.put(pods, "ds/a", map[string]any{"x": 1})
	n = start()
	s.put(pods, "ds/a", map[string]any{"x": 2})
	got := a.end("pods")
	stop(n)
	same(t, a.history("pods"), []string{
		"added pods/ds/a u101 at 101", "modified pods/ds/a u101 at 102", "modified pods/ds/a u101 at 103",
	})
	if got.Proof != trace.ProofComplete {
		t.Errorf("got %+v", got)
	}
	if !strings.Contains(a.stderr.String(), "is back") {
		t.Errorf("nothing was said:\n%s", a.stderr)
	}
}
