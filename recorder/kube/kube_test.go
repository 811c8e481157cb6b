package kube_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"

	"github.com/hindsight-project/hindsight/recorder/kube"
	"github.com/hindsight-project/hindsight/recorder/kube/kubetest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("k8s.io/klog/v2.(*flushDaemon).run.func1"))
}

func client(t *testing.T, handler http.Handler) *kube.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	c, err := kube.New(&rest.Config{Host: server.URL, QPS: -1})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDocumentsAndTheirErrors(t *testing.T) {
	c := client(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		refuse := func(code int, reason string) {
			w.WriteHeader(code)
			fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"code":%d,"message":"not you"}`,
				reason, code)
		}
		switch r.URL.Path {
		case "/api/v1/pods":
			fmt.Fprintf(w, `{"kind":"PodList","apiVersion":"v1","items":[{"metadata":{"name":%q}}]}`,
				r.URL.Query().Get("labelSelector"))
		case "/forbidden":
			refuse(http.StatusForbidden, "Forbidden")
		case "/broken":
			fmt.Fprint(w, `{"kind":`)
		default:
			refuse(http.StatusNotFound, "NotFound")
		}
	}))
	var pods corev1.PodList
	if err := c.Get(t.Context(), "/api/v1/pods", url.Values{"labelSelector": {"a=b"}}, &pods); err != nil ||
		len(pods.Items) != 1 || pods.Items[0].Name != "a=b" {
		t.Errorf("got %v, %v", pods.Items, err)
	}
	err := c.Get(t.Context(), "/forbidden", nil, &pods)
	if !kube.Denied(err) || kube.Missing(err) || !strings.Contains(err.Error(), "not you") {
		t.Errorf("forbidden: %v", err)
	}
	if err := c.Get(t.Context(), "/nothing", nil, &pods); !kube.Missing(err) || kube.Denied(err) {
		t.Errorf("not found: %v", err)
	}
	if err := c.Get(t.Context(), "/broken", nil, &pods); err == nil || !strings.Contains(err.Error(), "/broken") {
		t.Errorf("broken: %v", err)
	}
}

// echo accepts connections and sends back what it reads.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return l.Addr().String()
}

func TestAForwardedConnectionIsAConnection(t *testing.T) {
	address := echo(t)
	c := client(t, kubetest.Forward(func(pod string, port int) (net.Conn, error) {
		if pod != "pg-1" || port != 5432 {
			return nil, fmt.Errorf("asked for port %d of %s", port, pod)
		}
		return net.Dial("tcp", address)
	}))
	conn, err := c.Forward(t.Context(), "ds", "pg-1", 5432)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("0123456789", 10_000)
	go func() { _, _ = io.WriteString(conn, text) }()
	got := make([]byte, len(text))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != text {
		t.Fatalf("%d bytes came back: %v", len(got), err)
	}
	if err := conn.SetReadDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(got); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after its deadline: %v", err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}

func TestWhatTheKubeletSaysIsTheError(t *testing.T) {
	c := client(t, kubetest.Forward(func(string, int) (net.Conn, error) { return nil, errors.New("connection refused") }))
	conn, err := c.Forward(t.Context(), "ds", "pg-1", 5432)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("the error is %v", err)
	}
	if _, err := conn.Write([]byte("x")); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("the error of writing is %v", err)
	}
}

func TestForwardingThatIsRefused(t *testing.T) {
	c := client(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no", http.StatusForbidden)
	}))
	if _, err := c.Forward(t.Context(), "ds", "pg-1", 5432); err == nil || !strings.Contains(err.Error(), "pod ds/pg-1") {
		t.Errorf("the error is %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Forward(ctx, "ds", "pg-1", 5432); err == nil {
		t.Error("no error though the context has ended")
	}
}
