package sentinel_test

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/hindsight-project/hindsight/recorder/kube"
	"github.com/hindsight-project/hindsight/recorder/kube/kubetest"
	"github.com/hindsight-project/hindsight/recorder/sentinel"
	"github.com/hindsight-project/hindsight/recorder/sentinel/pgtest"
)

// cluster serves a Cluster whose instances are real servers.
type cluster struct {
	api *kube.Client

	mu      sync.Mutex
	servers map[string]*pgtest.Server
	primary string
	gone    bool
	secret  int // status code, 0: it is there
}

func newCluster(t *testing.T, servers ...*pgtest.Server) *cluster {
	t.Helper()
	c := &cluster{servers: map[string]*pgtest.Server{}, primary: servers[0].Name}
	for _, s := range servers {
		c.servers[s.Name] = s
	}
	forward := kubetest.Forward(func(pod string, _ int) (net.Conn, error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		return net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(c.servers[pod].Port)))
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/portforward") {
			forward.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		c.serve(w, r)
	}))
	t.Cleanup(server.Close)
	api, err := kube.New(&rest.Config{Host: server.URL, QPS: -1})
	if err != nil {
		t.Fatal(err)
	}
	c.api = api
	return c
}

func (c *cluster) serve(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch r.URL.Path {
	case "/apis/postgresql.cnpg.io/v1/namespaces/ds/clusters":
		items := `{"metadata": {"namespace": "ds", "name": "pg", "uid": "u1"}}`
		if c.gone {
			items = ""
		}
		fmt.Fprintf(w, `{"kind": "ClusterList", "apiVersion": "postgresql.cnpg.io/v1", "items": [%s]}`, items)
	case "/api/v1/namespaces/ds/secrets/pg-app":
		if c.secret != 0 {
			w.WriteHeader(c.secret)
			fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":%d,
				"message":"secrets \"pg-app\" is forbidden"}`, c.secret)
			return
		}
		b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
		fmt.Fprintf(w, `{"kind": "Secret", "apiVersion": "v1", "data": {"username": %q, "password": %q, "dbname": %q}}`,
			b64(pgtest.User), b64(pgtest.Password), b64(pgtest.Database))
	case "/api/v1/namespaces/ds/pods":
		var items []string
		for name := range c.servers {
			role := "replica"
			if name == c.primary {
				role = "primary"
			}
			items = append(items, fmt.Sprintf(`{"metadata": {"namespace": "ds", "name": %q, "uid": "u-%s",
				"labels": {"cnpg.io/instanceRole": %q}}, "status": {"phase": "Running", "podIP": "10.0.0.1"}}`, name, name, role))
		}
		fmt.Fprintf(w, `{"kind": "PodList", "apiVersion": "v1", "items": [%s]}`, strings.Join(items, ","))
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (c *cluster) change(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

func TestAClusterIsFoundAndReachedThroughTheAPIServer(t *testing.T) {
	t.Parallel()
	primary := pgtest.NewPrimary(t, "not-the-name-of-the-pod")
	primary.Name = "pg-1"
	standby := primary.NewStandby(t, "pg-2")
	c := newCluster(t, primary, standby)
	p, stop := attach(t, sentinel.Options{
		Mode: sentinel.ModeWrite, Scope: kube.Scope{Namespace: "ds"}, API: c.api,
		Rate: 100, ReadEvery: 200 * time.Millisecond,
	})
	p.until(t, 20, sentinel.Acknowledged, func(d datum) bool { return d.Instance == "pg-1" })
	p.until(t, 1, sentinel.Read, func(d datum) bool { return d.Instance == "pg-2" && d.Complete && d.Elements != "" })
	primary.Kill(t)
	standby.Promote(t)
	c.change(func() { c.primary = "pg-2" })
	p.until(t, 20, sentinel.Acknowledged, func(d datum) bool { return d.Instance == "pg-2" })
	stop()
	if ended := p.of(t, sentinel.Ended, nil); len(ended) != 1 || !ended[0].Cleaned || !ended[0].FinalRead {
		t.Errorf("ended %+v", ended)
	}
	for _, e := range p.all() {
		if e.Object.Namespace != "ds" || e.Object.Name != "pg" || e.Object.UID != "u1" {
			t.Fatalf("%s is about %+v", e.Type, e.Object)
		}
		if strings.Contains(string(e.Data), pgtest.Password) {
			t.Errorf("the password is in %s", e.Data)
		}
	}
}

func TestASecretThatMayNotBeReadIsAnEvent(t *testing.T) {
	t.Parallel()
	c := newCluster(t, &pgtest.Server{Name: "pg-1", Port: 1})
	c.secret = http.StatusForbidden
	p, stop := attach(t, sentinel.Options{
		Mode: sentinel.ModeRead, Scope: kube.Scope{Namespace: "ds"}, API: c.api, ReadEvery: time.Millisecond,
	})
	p.until(t, 1, sentinel.Unreachable, func(d datum) bool { return strings.Contains(d.Error, "is forbidden") })
	stop()
	if got := len(p.of(t, sentinel.Unreachable, nil)); got != 1 {
		t.Errorf("it is said %d times", got)
	}
}

func TestTheEndOfAClusterEndsItsSentinel(t *testing.T) {
	t.Parallel()
	c := newCluster(t, &pgtest.Server{Name: "pg-1", Port: 1})
	p, stop := attach(t, sentinel.Options{Mode: sentinel.ModeWrite, Scope: kube.Scope{Namespace: "ds"}, API: c.api})
	p.until(t, 1, sentinel.Unreachable, func(d datum) bool { return strings.Contains(d.Error, "refused") })
	c.change(func() { c.gone = true })
	p.until(t, 1, sentinel.Ended, func(d datum) bool { return d.Reason == "the Cluster was deleted" })
	stop()
}
