package drain_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"k8s.io/client-go/rest"

	"github.com/hindsight-project/hindsight/recorder/drain"
	"github.com/hindsight-project/hindsight/recorder/kube"
	"github.com/hindsight-project/hindsight/recorder/source"
	"github.com/hindsight-project/hindsight/recorder/trace"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	nodesQuestion = "/api/v1/nodes?spec.unschedulable=true"
	podsQuestion  = "/api/v1/pods?spec.nodeName=n2"
	noNodes       = `{"kind": "NodeList", "items": []}`
	cordoned      = `{"kind": "NodeList", "items": [{"metadata": {"name": "n2"}, "spec": {"unschedulable": true}}]}`
)

func pods(items ...string) string {
	return `{"kind": "PodList", "items": [` + strings.Join(items, ",") + `]}`
}

func pod(name, more string) string {
	namespace, short, _ := strings.Cut(name, "/")
	return fmt.Sprintf(`{"metadata": {"namespace": %q, "name": %q, "uid": %q %s}, "spec": {"nodeName": "n2"},
		"status": {"phase": "Running"}}`, namespace, short, "u-"+short, more)
}

func owned(kind string) string {
	return `, "ownerReferences": [{"kind": "` + kind + `", "name": "o", "controller": true}]`
}

// apiServer answers what the test says, by path and field selector, and counts
// the rounds.
type apiServer struct {
	mu      sync.Mutex
	answers map[string]string // "403" and "" are failures
	rounds  int
}

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	question := r.URL.Path + "?" + r.URL.Query().Get("fieldSelector")
	s.mu.Lock()
	answer := s.answers[question]
	if question == nodesQuestion {
		s.rounds++
	}
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch answer {
	case "403":
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403,
			"message":"pods is forbidden"}`)
	case "":
		w.WriteHeader(http.StatusInternalServerError)
	default:
		fmt.Fprint(w, answer)
	}
}

// watching is a watcher at work.
type watching struct {
	server *apiServer
	stop   func()
	mu     sync.Mutex
	lines  []string
}

func watch(t *testing.T, answers map[string]string) *watching {
	t.Helper()
	w := &watching{server: &apiServer{answers: answers}}
	server := httptest.NewServer(w.server)
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
		drain.Run(ctx, drain.Options{
			Scope: kube.Scope{Namespace: "ds-e2e"}, Interval: time.Millisecond, API: api,
			Sink: source.Sink{
				Emit: w.take, Now: func() time.Duration { return time.Since(begin) }, Notify: func(string, ...any) {},
			},
		})
	}()
	w.stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(w.stop)
	w.rounds(t)
	return w
}

func (w *watching) take(e trace.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(w.lines, fmt.Sprintf("%s %s %s", e.Type, e.Object, e.Data))
	return nil
}

func (w *watching) answer(t *testing.T, question, answer string) {
	t.Helper()
	w.server.mu.Lock()
	w.server.answers[question] = answer
	w.server.mu.Unlock()
	w.rounds(t)
}

// rounds waits until two whole rounds have begun, so that one is over.
func (w *watching) rounds(t *testing.T) {
	t.Helper()
	count := func() int {
		w.server.mu.Lock()
		defer w.server.mu.Unlock()
		return w.server.rounds
	}
	want := count() + 3
	for end := time.Now().Add(time.Minute); count() < want; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the watcher does not go on")
		}
	}
}

func (w *watching) told(t *testing.T, want ...string) {
	t.Helper()
	w.stop()
	if diff := cmp.Diff(want, w.lines); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

const web = `{"namespace":"web","name":"a","uid":"u-a","owner":"ReplicaSet/o","phase":"Running",` +
	`"terminating":false,"labels":null}`

func TestPodsThatADrainMustEvictAreRecorded(t *testing.T) {
	w := watch(t, map[string]string{nodesQuestion: cordoned, podsQuestion: pods(
		pod("web/b", `, "labels": {"app": "b"}, "deletionTimestamp": "2026-01-01T00:00:00Z"`),
		pod("web/a", owned("ReplicaSet")),
		pod("ds-e2e/pg-1", ""),
		pod("kube-system/proxy", owned("DaemonSet")),
		pod("kube-system/static", `, "annotations": {"kubernetes.io/config.mirror": "x"}`),
		strings.ReplaceAll(pod("web/done", ""), "Running", "Succeeded"),
		strings.ReplaceAll(pod("web/failed", ""), "Running", "Failed"),
		strings.ReplaceAll(pod("web/elsewhere", ""), `"n2"`, `"n3"`),
	)})
	w.told(t, `drain nodes/n2 {"node":"n2","pods":[`+web+`,{"namespace":"web","name":"b","uid":"u-b","owner":"",`+
		`"phase":"Running","terminating":true,"labels":{"app":"b"}}]}`)
}

func TestOnlyChangesAreRecorded(t *testing.T) {
	w := watch(t, map[string]string{nodesQuestion: noNodes, podsQuestion: pods(pod("web/a", owned("ReplicaSet")))})
	w.answer(t, nodesQuestion, cordoned)
	w.answer(t, podsQuestion, "") // fails for a while
	w.answer(t, podsQuestion, pods())
	w.answer(t, nodesQuestion, noNodes)
	w.answer(t, nodesQuestion, cordoned) // another drain
	w.told(t,
		`drain nodes/n2 {"node":"n2","pods":[`+web+`]}`,
		`drain nodes/n2 {"node":"n2","pods":[]}`,
		`drain nodes/n2 {"node":"n2","pods":[]}`,
	)
}

func TestARefusalIsInTheCertificateOnce(t *testing.T) {
	w := watch(t, map[string]string{nodesQuestion: noNodes, podsQuestion: "403"})
	w.server.mu.Lock()
	w.server.answers[nodesQuestion] = cordoned
	w.server.mu.Unlock()
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		w.mu.Lock()
		told := len(w.lines)
		w.mu.Unlock()
		if told > 0 || time.Now().After(end) {
			break
		}
	}
	w.told(t, `stream pods/drain {"state":"denied","reason":"pods is forbidden"}`)
}
