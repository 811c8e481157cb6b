package logs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"k8s.io/client-go/rest"

	"github.com/hindsight-project/hindsight/recorder/kube"
	"github.com/hindsight-project/hindsight/recorder/logs"
	"github.com/hindsight-project/hindsight/recorder/trace"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// container is one container of a pod on the server.
type container struct {
	uid      string
	restarts int
	lines    []string // with the kubelet's time
	previous []string // of the container before
	waiting  bool     // never started
	denied   bool
	broken   bool // the kubelet cannot be reached
	cut      int  // bytes after which a following stream is cut off; 0: never
}

// apiServer serves pods and their logs as a real one does.
type apiServer struct {
	mu      sync.Mutex
	changed chan struct{} // closed when something changed
	pods    map[string]*container
	asked   []string
}

func (s *apiServer) change(f func(map[string]*container)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s.pods)
	close(s.changed)
	s.changed = make(chan struct{})
}

func podJSON(name string, c *container) string {
	state := `{"running": {"startedAt": "2026-03-01T11:00:00Z"}}`
	if c.waiting {
		state = `{"waiting": {"reason": "ContainerCreating"}}`
	}
	return fmt.Sprintf(`{"metadata": {"name": %q, "namespace": "ds-e2e", "uid": %q}, "status": {"phase": "Running",
		"containerStatuses": [{"name": "postgres", "restartCount": %d, "state": %s}]}}`, name, c.uid, c.restarts, state)
}

func refuse(w http.ResponseWriter, code int, reason, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"code":%d,"message":%q}`,
		reason, code, message)
}

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked = append(s.asked, r.URL.String())
	s.mu.Unlock()
	const prefix = "/api/v1/namespaces/ds-e2e/pods"
	rest, ok := strings.CutPrefix(r.URL.Path, prefix)
	if !ok {
		fmt.Fprint(w, `{"kind": "PodList", "apiVersion": "v1", "items": []}`)
		return
	}
	if rest == "" {
		s.list(w, r)
		return
	}
	name, isLog := strings.CutSuffix(strings.TrimPrefix(rest, "/"), "/log")
	s.mu.Lock()
	c := s.pods[name]
	var copied container
	if c != nil {
		copied = *c
	}
	s.mu.Unlock()
	switch {
	case c == nil:
		refuse(w, http.StatusNotFound, "NotFound", `pods "`+name+`" not found`)
	case !isLog:
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, podJSON(name, &copied))
	case copied.denied:
		refuse(w, http.StatusForbidden, "Forbidden", `cannot get resource "pods/log"`)
	case copied.broken:
		refuse(w, http.StatusBadGateway, "", "the kubelet is away")
	case r.URL.Query().Get("previous") == "true" && copied.previous == nil:
		refuse(w, http.StatusBadRequest, "BadRequest", `previous terminated container "postgres" in pod "`+name+`" not found`)
	case r.URL.Query().Get("previous") == "true":
		s.send(w, r, copied.previous, 0)
	default:
		s.follow(w, r, name)
	}
}

func (s *apiServer) list(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var items []string
	for name, c := range s.pods {
		items = append(items, podJSON(name, c))
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"kind": "PodList", "apiVersion": "v1", "items": [%s]}`, strings.Join(items, ","))
}

// send writes the lines that sinceTime asks for, from the n-th on. It starts at
// a whole second, as the kubelet does.
func (s *apiServer) send(w http.ResponseWriter, r *http.Request, lines []string, from int) {
	since, _ := time.Parse(time.RFC3339, r.URL.Query().Get("sinceTime"))
	for _, line := range lines[min(from, len(lines)):] {
		stamp, _, _ := strings.Cut(line, " ")
		if at, err := time.Parse(time.RFC3339Nano, stamp); err == nil && !at.Before(since) {
			fmt.Fprintln(w, line)
		}
	}
	w.(http.Flusher).Flush()
}

func (s *apiServer) follow(w http.ResponseWriter, r *http.Request, name string) {
	w.Header().Set("Content-Type", "text/plain")
	sent, uid, restarts := 0, "", -1
	for {
		s.mu.Lock()
		c, changed := s.pods[name], s.changed
		var now container
		if c != nil {
			now = *c
			now.lines = slices.Clone(c.lines)
		}
		if c != nil && c.cut > 0 && len(c.lines) > 0 {
			cut := c.cut
			c.cut = 0
			s.mu.Unlock()
			fmt.Fprint(w, strings.Join(now.lines, "\n")[:cut])
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler) // the connection breaks in the middle of a line
		}
		s.mu.Unlock()
		if restarts == -1 {
			uid, restarts = now.uid, now.restarts
		}
		if c == nil || now.uid != uid || now.restarts != restarts {
			return
		}
		s.send(w, r, now.lines, sent)
		sent = len(now.lines)
		if r.URL.Query().Get("follow") != "true" {
			return
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}

// recording is a collector at work.
type recording struct {
	t      *testing.T
	server *apiServer
	stop   func()
	mu     sync.Mutex
	events []trace.Event
	notes  []string
}

func record(t *testing.T, pods map[string]*container, o logs.Options) *recording {
	t.Helper()
	r := &recording{t: t, server: &apiServer{pods: pods, changed: make(chan struct{})}}
	server := httptest.NewServer(r.server)
	t.Cleanup(server.Close)
	api, err := kube.New(&rest.Config{Host: server.URL, QPS: -1})
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	o.Scope, o.OperatorNamespace, o.API = kube.Scope{Namespace: "ds-e2e"}, "cnpg-system", api
	o.DiscoverEvery = 5 * time.Millisecond
	o.Now = func() time.Duration { return time.Since(begin) }
	o.Emit = func(e trace.Event) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.events = append(r.events, e)
		return nil
	}
	o.Notify = func(format string, args ...any) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.notes = append(r.notes, fmt.Sprintf(format, args...))
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		logs.Run(ctx, o)
	}()
	r.stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(r.stop)
	return r
}

type datum struct {
	Pod, Container, Level, Logger, Msg, TS, At, Reason, State string
	Truncated                                                 bool
	Restarts                                                  int
	Fields                                                    map[string]any
	Read                                                      int `json:"lines_read"`
	Kept                                                      int `json:"lines_kept"`
	Filtered                                                  int `json:"lines_filtered"`
	Dropped                                                   int `json:"lines_dropped"`
	KeptBytes                                                 int `json:"bytes_kept"`
}

func (r *recording) of(typ trace.Type) []datum {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []datum
	for _, e := range r.events {
		if e.Type != typ {
			continue
		}
		var d datum
		if err := json.Unmarshal(e.Data, &d); err != nil {
			r.t.Fatal(err)
		}
		out = append(out, d)
	}
	return out
}

func (r *recording) messages() []string {
	r.t.Helper()
	var out []string
	for _, d := range r.of(logs.Line) {
		out = append(out, d.Msg)
	}
	return out
}

// until waits for n lines.
func (r *recording) until(n int) {
	r.t.Helper()
	for end := time.Now().Add(time.Minute); len(r.of(logs.Line)) < n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("there were not %d lines: %v", n, r.messages())
		}
	}
}

// warning is a line that the default rules keep.
func warning(at, msg string) string {
	return fmt.Sprintf(`2026-03-01T12:00:%sZ {"level":"warning","ts":"2026-03-01T12:00:%sZ","msg":%q}`, at, at, msg)
}

func equal(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("recorded %q, want %q", got, want)
	}
}

func TestLinesAreReadFromTheStartAndFollowed(t *testing.T) {
	r := record(t, map[string]*container{"pg-1": {uid: "1", lines: []string{warning("01", "a"), warning("02", "b")}}},
		logs.Options{})
	r.until(2)
	r.server.change(func(pods map[string]*container) {
		pods["pg-1"].lines = append(pods["pg-1"].lines, warning("03", "c"))
	})
	r.until(3)
	r.stop()
	equal(t, r.messages(), "a", "b", "c")
	first := r.of(logs.Line)[0]
	if first.Pod != "pg-1" || first.Container != "postgres" || first.Level != "warning" ||
		first.TS != "2026-03-01T12:00:01Z" {
		t.Errorf("the first line is %+v", first)
	}
	if got := r.of(logs.Summary); len(got) != 1 || got[0].Read != 3 || got[0].Kept != 3 || got[0].KeptBytes == 0 {
		t.Errorf("the summary is %+v", got)
	}
	for _, e := range r.events {
		if e.Source != trace.SourceLog || e.NotBefore > e.Time {
			t.Errorf("%s from %s, not before %v, at %v", e.Type, e.Source, e.NotBefore, e.Time)
		}
	}
}

func TestABrokenStreamGoesOnWithoutDuplicates(t *testing.T) {
	lines := []string{warning("01", "a"), warning("01", "b"), warning("01", "c"), warning("01.5", "d")}
	text := strings.Join(lines, "\n")
	cut := strings.Index(text, `"c"`)
	r := record(t, map[string]*container{"pg-1": {uid: "1", lines: lines, cut: cut}}, logs.Options{})
	r.until(4)
	r.stop()
	equal(t, r.messages(), "a", "b", "c", "d")
}

func TestARestartedContainerHasALogBefore(t *testing.T) {
	r := record(t, map[string]*container{"pg-1": {uid: "1", lines: []string{warning("01", "a")}}}, logs.Options{})
	r.until(1)
	r.server.change(func(pods map[string]*container) {
		*pods["pg-1"] = container{
			uid: "1", restarts: 1, previous: []string{warning("01", "a"), warning("02", "last words")},
			lines: []string{warning("03", "again")},
		}
	})
	r.until(3)
	r.stop()
	equal(t, r.messages(), "a", "last words", "again")
	if got := r.of(logs.Gap); len(got) != 0 {
		t.Errorf("gaps: %+v", got)
	}
}

func TestWhatTheKubeletDoesNotKeepIsAGap(t *testing.T) {
	r := record(t, map[string]*container{
		"pg-1": {uid: "1", restarts: 3, previous: []string{warning("02", "before")}, lines: []string{warning("03", "now")}},
		"pg-2": {uid: "2", restarts: 1, lines: []string{warning("03", "now")}},
	}, logs.Options{})
	r.until(3)
	r.stop()
	var got []string
	for _, d := range r.of(logs.Gap) {
		got = append(got, fmt.Sprint(d.Pod, " ", d.Restarts, " ", d.Reason))
	}
	slices.Sort(got)
	equal(t, got, "pg-1 2 it was restarted more than once since its log was read",
		`pg-2 0 the log of the container before is not to be had: `+
			`previous terminated container "postgres" in pod "pg-2" not found`)
}

func TestAPodThatIsReplacedIsAnotherPod(t *testing.T) {
	r := record(t, map[string]*container{"pg-1": {uid: "1", lines: []string{warning("05", "a")}}}, logs.Options{})
	r.until(1)
	r.server.change(func(pods map[string]*container) {
		pods["pg-1"] = &container{uid: "2", lines: []string{warning("01", "behind"), warning("09", "ahead")}}
	})
	r.until(3)
	r.stop()
	equal(t, r.messages(), "a", "behind", "ahead")
}

func TestAContainerThatDoesNotRunYetIsWaitedFor(t *testing.T) {
	r := record(t, map[string]*container{"pg-1": {uid: "1", waiting: true}}, logs.Options{})
	r.server.change(func(pods map[string]*container) {
		*pods["pg-1"] = container{uid: "1", lines: []string{warning("01", "a")}}
	})
	r.until(1)
	r.stop()
	equal(t, r.messages(), "a")
}

func TestARefusalIsInTheRecord(t *testing.T) {
	r := record(t, map[string]*container{
		"pg-1": {uid: "1", denied: true, lines: []string{warning("01", "a")}},
		"pg-2": {uid: "2", denied: true, lines: []string{warning("01", "a")}},
		"pg-3": {uid: "3", lines: []string{warning("01", "b")}},
	}, logs.Options{})
	r.until(1)
	for end := time.Now().Add(time.Minute); len(r.of(trace.Stream)) == 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	r.stop()
	got := r.of(trace.Stream)
	if len(got) != 1 || got[0].State != trace.StreamDenied || !strings.Contains(got[0].Reason, "pods/log") {
		t.Errorf("streams %+v, want one that is denied", got)
	}
	equal(t, r.messages(), "b")
}

func TestAFailureIsTold(t *testing.T) {
	r := record(t, map[string]*container{
		"pg-1": {uid: "1", broken: true},
		"pg-2": {uid: "2", lines: []string{warning("01", "b")}},
	}, logs.Options{})
	r.until(1)
	for end := time.Now().Add(time.Minute); len(r.of(logs.Unavailable)) == 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	r.stop()
	got := r.of(logs.Unavailable)
	if len(got) != 1 || got[0].Pod != "pg-1" || !strings.Contains(got[0].Reason, "kubelet") {
		t.Errorf("unavailable: %+v", got)
	}
}

func TestTheBudgetIsKept(t *testing.T) {
	var lines []string
	for i := range 100 {
		lines = append(lines, fmt.Sprintf(
			`2026-03-01T12:00:00.%03dZ {"level":"info","msg":"Patching PVC for dynamic storage growth"}`, i))
	}
	lines = append(lines, warning("01", "serious"))
	const budget = 4000
	r := record(t, map[string]*container{"pg-1": {uid: "1", lines: lines}}, logs.Options{Budget: budget})
	for end := time.Now().Add(time.Minute); !slices.Contains(r.messages(), "serious") && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	r.stop()
	sum, over := r.of(logs.Summary)[0], r.of(logs.Overflow)
	kept := len(r.messages())
	if len(over) != 1 || sum.Read != 101 || sum.Kept != kept || sum.Dropped != 101-kept || sum.Dropped < 50 {
		t.Errorf("%d lines kept, overflow %+v, summary %+v", kept, over, sum)
	}
	if sum.KeptBytes > budget || sum.KeptBytes < budget/2 {
		t.Errorf("%d bytes kept of a budget of %d", sum.KeptBytes, budget)
	}
	if !slices.Contains(r.messages(), "serious") {
		t.Error("a warning was pushed out")
	}
}

func TestARunIsResumedWhereItsTraceEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.db")
	w, err := trace.Create(path, trace.Run{ID: "r", Origin: trace.OriginAttach, Start: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	pods := map[string]*container{"pg-1": {uid: "1", lines: []string{warning("01", "a"), warning("02", "b")}}}
	first := record(t, pods, logs.Options{})
	first.until(2)
	first.stop()
	if _, err := w.Append(nil, first.events...); err != nil {
		t.Fatal(err)
	}
	reader, err := trace.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	since, err := logs.Checkpoints(reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	pods["pg-1"].lines = append(pods["pg-1"].lines, warning("02.5", "c"))
	second := record(t, pods, logs.Options{Since: since})
	second.until(1)
	second.stop()
	equal(t, second.messages(), "c")
}

// TestRealLines reads lines as the operator, the instances and their libraries
// write them.
func TestRealLines(t *testing.T) {
	text, err := os.ReadFile("testdata/lines.log")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	r := record(t, map[string]*container{"pg-1": {uid: "1", lines: lines}}, logs.Options{})
	for end := time.Now().Add(time.Minute); time.Now().Before(end) && !slices.Contains(r.messages(), "the end"); {
		time.Sleep(time.Millisecond)
	}
	r.stop()
	var got []string
	for _, d := range r.of(logs.Line) {
		got = append(got, fmt.Sprintf("%s [%s] %s: %s", d.TS, d.Level, d.Logger, d.Msg))
	}
	equal(t, got,
		"2026-03-01T12:00:02.123456789Z [info] : Instance disk status received",
		"2026-03-01T12:00:03Z [info] : Patching PVC for dynamic storage growth",
		"2026-03-01T12:00:05.5Z [error] controller-runtime.source: Reconciler error",
		"2026-03-01T12:00:06Z [info] postgres: record",
		"2026-03-01T12:00:08Z [info] postgres: record",
		"2026-03-01T12:00:09Z [info] pg_rewind: pg_rewind: servers diverged at WAL location 0/6000000 on timeline 1",
		"2026-03-01T12:00:10.1Z [warning] : "+
			"W0301 12:00:10.100000       1 reflector.go:456] watch of *v1.Pod ended with: too old",
		"2026-03-01T12:00:11Z [panic] : panic: runtime error: invalid memory address or nil pointer dereference",
		"2026-03-01T12:00:12Z [] : goroutine 1 [running]:",
		"2026-03-01T12:00:13Z [warning] : the end",
	)
	received := r.of(logs.Line)[0]
	if received.Fields["percentUsed"] != 77.3 || received.Fields["pod"] != "pg-2" ||
		received.At != "2026-03-01T12:00:02.2Z" {
		t.Errorf("the first line is %+v", received)
	}
	if got := r.of(logs.Summary)[0]; got.Filtered != 3 {
		t.Errorf("%d lines filtered, want 3", got.Filtered)
	}
}

func TestALongLineIsCutOff(t *testing.T) {
	long := "2026-03-01T12:00:01Z " + strings.Repeat("x", 3<<20)
	r := record(t, map[string]*container{"pg-1": {uid: "1", lines: []string{long, warning("02", "b")}}}, logs.Options{})
	r.until(2)
	r.stop()
	got := r.of(logs.Line)
	if len(got[0].Msg) != 16<<10 || !got[0].Truncated || got[1].Msg != "b" {
		t.Errorf("%d bytes, truncated %t, then %q", len(got[0].Msg), got[0].Truncated, got[1].Msg)
	}
}

func TestRulesAreChecked(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"rules: []", "there are no rules"},
		{"rules:\n- msg: '('", "rule 1 (): msg"},
		{"rules:\n- massage: x", "unknown field"},
		{"- x", "no rules for logs"},
	} {
		if _, err := logs.ParseRules([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		}
	}
	if _, err := logs.LoadRules(filepath.Join(t.TempDir(), "none.yaml")); err == nil {
		t.Error("a file that is not there is no error")
	}
}

func TestOwnRulesDecide(t *testing.T) {
	rules, err := logs.ParseRules([]byte("rules:\n- {msg: ^noise, keep: false}\n- {level: [WARN]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	r := record(t, map[string]*container{"pg-1": {uid: "1", lines: []string{
		warning("01", "noise"), `2026-03-01T12:00:02Z {"level":"error","msg":"b"}`, warning("03", "c"),
	}}}, logs.Options{Rules: rules})
	r.until(1)
	r.stop()
	equal(t, r.messages(), "c")
}
