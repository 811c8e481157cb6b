package usage_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"k8s.io/client-go/rest"

	"github.com/hindsight-project/hindsight/recorder/kube"
	"github.com/hindsight-project/hindsight/recorder/source"
	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/recorder/usage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	podsPath    = "/api/v1/namespaces/ds-e2e/pods"
	summaryPath = "/api/v1/nodes/worker-1/proxy/stats/summary"
	statusPath  = "/api/v1/namespaces/ds-e2e/pods/https:pg-1:8000/proxy/pg/status"
)

const pods = `{"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "10"}, "items": [
  {"metadata": {"name": "pg-1", "namespace": "ds-e2e", "uid": "8f1c2f3e-1111-4c58-9d4b-0a6c2f0f7a01"},
   "spec": {"nodeName": "worker-1",
     "containers": [{"name": "postgres", "command": ["/controller/manager", "instance", "run", "--status-port-tls"]}],
     "volumes": [{"name": "pgdata", "persistentVolumeClaim": {"claimName": "pg-1"}},
       {"name": "pg-wal", "persistentVolumeClaim": {"claimName": "pg-1-wal"}},
       {"name": "hot-data", "persistentVolumeClaim": {"claimName": "pg-1-tbs-hot-data"}}]},
   "status": {"phase": "Running"}},
  {"metadata": {"name": "pg-2", "namespace": "ds-e2e", "uid": "p2"},
   "spec": {"nodeName": ""}, "status": {"phase": "Pending"}}
]}`

// apiServer answers what the test says, and counts the rounds.
type apiServer struct {
	mu      sync.Mutex
	answers map[string]string // by path; "403" and "500" are refusals
	rounds  int
	asked   []string
}

func (s *apiServer) set(path, answer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[path] = answer
}

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	answer := s.answers[r.URL.Path]
	if r.URL.Path == podsPath {
		s.rounds++
	}
	s.asked = append(s.asked, r.URL.Path)
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch answer {
	case "403":
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403,
			"message":"User \"ci\" cannot get resource in %s"}`, r.URL.Path)
	case "", "500":
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","code":500,"message":"dial tcp: timeout"}`)
	default:
		fmt.Fprint(w, answer)
	}
}

func (s *apiServer) round() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rounds
}

// sampling is a sampler at work.
type sampling struct {
	t      *testing.T
	server *apiServer
	stop   func()
	mu     sync.Mutex
	events []trace.Event
}

func sample(t *testing.T, answers map[string]string, every int) *sampling {
	t.Helper()
	s := &sampling{t: t, server: &apiServer{answers: answers}}
	server := httptest.NewServer(s.server)
	t.Cleanup(server.Close)
	api, err := kube.New(&rest.Config{Host: server.URL, QPS: -1})
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		usage.Run(ctx, usage.Options{
			Scope: kube.Scope{Namespace: "ds-e2e"}, Interval: time.Millisecond, Every: every, API: api,
			Sink: source.Sink{
				Emit: func(e trace.Event) error {
					s.mu.Lock()
					defer s.mu.Unlock()
					s.events = append(s.events, e)
					return nil
				},
				Now: func() time.Duration { return time.Since(begin) }, Notify: func(string, ...any) {},
			},
		})
	}()
	s.stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(s.stop)
	return s
}

// rounds waits for n more whole rounds.
func (s *sampling) rounds(n int) {
	s.t.Helper()
	want := s.server.round() + n + 1
	for end := time.Now().Add(time.Minute); s.server.round() < want; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatal("the sampler does not go on")
		}
	}
}

// lines returns the events as text: type, object and the fields that matter.
func (s *sampling) lines() []string {
	s.t.Helper()
	s.stop()
	var out []string
	for _, e := range s.events {
		var d map[string]any
		if err := json.Unmarshal(e.Data, &d); err != nil {
			s.t.Fatal(err)
		}
		if e.NotBefore > e.Time || e.Source != trace.SourceUsage {
			s.t.Errorf("%s from %s: not before %v, at %v", e.Type, e.Source, e.NotBefore, e.Time)
		}
		switch e.Type {
		case usage.Sample:
			out = append(out, fmt.Sprintf("%s %s on %v from %v: %.0f of %.0f, free %.0f, inodes %v, at %v",
				e.Object, d["instance"], d["node"], d["from"], d["used_bytes"], d["capacity_bytes"], d["available_bytes"],
				d["inodes_used"], d["at"]))
		case usage.Unavailable:
			out = append(out, fmt.Sprintf("unavailable %v %v: %v", d["from"], d["node"], d["reason"]))
		default:
			out = append(out, fmt.Sprintf("%s %s %v: %v", e.Type, e.Object, d["state"], d["reason"]))
		}
	}
	return out
}

func file(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func compare(t *testing.T, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestTheKubeletIsAsked(t *testing.T) {
	s := sample(t, map[string]string{podsPath: pods, summaryPath: file(t, "summary.json")}, 1_000_000)
	s.rounds(5)
	fuller := strings.ReplaceAll(file(t, "summary.json"), "4021407744", "4091407744")
	s.server.set(summaryPath, strings.ReplaceAll(fuller, "11:59:31Z", "12:00:31Z"))
	s.rounds(5)
	compare(t, s.lines(),
		"persistentvolumeclaims/ds-e2e/pg-1 pg-1 on worker-1 from kubelet: "+
			"4021407744 of 5202182144, free 1163997184, inodes 1788, at 2026-03-01T11:59:31Z",
		"persistentvolumeclaims/ds-e2e/pg-1-wal pg-1 on worker-1 from kubelet: "+
			"50702336 of 1020702720, free 970000384, inodes 24, at 2026-03-01T11:59:31Z",
		"persistentvolumeclaims/ds-e2e/pg-1 pg-1 on worker-1 from kubelet: "+
			"4091407744 of 5202182144, free 1163997184, inodes 1788, at 2026-03-01T12:00:31Z",
	)
}

func TestWhatTellsNothingNewIsRecordedEachNthTime(t *testing.T) {
	s := sample(t, map[string]string{podsPath: pods, summaryPath: file(t, "summary.json")}, 4)
	s.rounds(10)
	got := len(s.lines())
	rounds := s.server.round()
	// The round that the end broke off may have had an answer or not.
	if low, high := 2*((rounds+2)/4), 2*((rounds+3)/4); got != low && got != high {
		t.Errorf("%d events of %d rounds, want %d: each fourth sample of two claims", got, rounds, high)
	}
}

func TestInstancesAreAskedWhereTheKubeletMayNotBe(t *testing.T) {
	s := sample(t, map[string]string{podsPath: pods, summaryPath: "403", statusPath: file(t, "status.json")}, 1_000_000)
	s.rounds(5)
	compare(t, s.lines(),
		`stream nodes/proxy denied: User "ci" cannot get resource in `+summaryPath,
		"persistentvolumeclaims/ds-e2e/pg-1 pg-1 on worker-1 from instance: "+
			"4021407744 of 5202182144, free 1163997184, inodes <nil>, at <nil>",
		"persistentvolumeclaims/ds-e2e/pg-1-tbs-hot-data pg-1 on worker-1 from instance: "+
			"24576 of 2040373248, free 2023571456, inodes <nil>, at <nil>",
		"persistentvolumeclaims/ds-e2e/pg-1-wal pg-1 on worker-1 from instance: "+
			"50702336 of 1020702720, free 970000384, inodes <nil>, at <nil>",
	)
}

func TestWhatIsDeniedIsNotAskedForAllTheTime(t *testing.T) {
	s := sample(t, map[string]string{podsPath: pods, summaryPath: "403", statusPath: "403"}, 1)
	s.rounds(20)
	compare(t, s.lines(),
		`stream nodes/proxy denied: User "ci" cannot get resource in `+summaryPath,
		`stream pods/proxy/ds-e2e denied: User "ci" cannot get resource in `+statusPath,
	)
	asked := 0
	for _, path := range s.server.asked {
		if path != podsPath {
			asked++
		}
	}
	if asked != 2 {
		t.Errorf("%d questions that were denied, want one each", asked)
	}
}

func TestFailuresAreTold(t *testing.T) {
	down := `{"errorMessage": "postgres is not running", "isPrimary": false}`
	s := sample(t, map[string]string{podsPath: pods, summaryPath: "500", statusPath: down}, 1_000_000)
	s.rounds(5)
	s.server.set(podsPath, "500")
	s.rounds(5)
	compare(t, s.lines(),
		"unavailable kubelet worker-1: dial tcp: timeout",
		"unavailable instance worker-1: postgres is not running",
		"unavailable pods <nil>: dial tcp: timeout",
	)
}
