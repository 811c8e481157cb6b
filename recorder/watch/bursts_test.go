package watch

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// Every version is written and sent by itself, as API servers do.
func TestWatchesAreReadTheSameOverBothVersionsOfHTTP(t *testing.T) {
	const n = 1000
	for _, c := range []struct {
		says   string
		http2  bool
		bursts bool
	}{
		{"HTTP/2, whose reads are answered, is read in bursts", true, true},
		{"HTTP/1.1, whose reads take one event each, is not", false, false},
	} {
		t.Run(c.says, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				for i := range n {
					fmt.Fprintf(w, `{"type":"MODIFIED","object":{"metadata":{"name":"a","resourceVersion":"%d"}}}`+"\n", i)
					w.(http.Flusher).Flush()
				}
			}))
			server.EnableHTTP2 = c.http2
			server.StartTLS()
			t.Cleanup(server.Close)
			client, err := NewClient(&rest.Config{Host: server.URL, TLSClientConfig: rest.TLSClientConfig{Insecure: true}})
			if err != nil {
				t.Fatal(err)
			}
			pods := Target{Resource: trace.Resource{Version: "v1", Resource: "pods", Kind: "Pod"}}
			f, err := client.watch(context.Background(), pods, metav1.ListOptions{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(f.close)
			if _, is := f.body.(*bursts); is != c.bursts {
				t.Errorf("the watch is a %T", f.body)
			}
			for i := range n {
				_, o, err := f.next()
				if err != nil || !bytes.Contains(o.Text, fmt.Appendf(nil, `"%d"`, i)) {
					t.Fatalf("number %d: %v", i, err)
				}
			}
		})
	}
}
