package kubetest

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"
)

const protocol = "portforward.k8s.io"

// Forward handles …/pods/NAME/portforward.
func Forward(dial func(pod string, port int) (net.Conn, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		parts := strings.Split(r.URL.Path, "/")
		if r.Method != http.MethodPost || len(parts) < 3 {
			http.Error(w, "unable to upgrade: websockets are not spoken here", http.StatusForbidden)
			return
		}
		if _, err := httpstream.Handshake(r, w, []string{protocol}); err != nil {
			return // Handshake has answered
		}
		streams := make(chan httpstream.Stream, 8)
		conn := spdy.NewResponseUpgrader().UpgradeResponse(w, r,
			func(s httpstream.Stream, _ <-chan struct{}) error {
				streams <- s
				return nil
			})
		if conn == nil {
			return // UpgradeResponse has answered
		}
		defer conn.Close()
		serve(conn, streams, func(port int) (net.Conn, error) { return dial(parts[len(parts)-2], port) })
	})
}

// serve waits for the two streams of a request and connects them.
func serve(conn httpstream.Connection, streams chan httpstream.Stream, dial func(int) (net.Conn, error)) {
	var data, complaints httpstream.Stream
	for data == nil || complaints == nil {
		select {
		case s := <-streams:
			if s.Headers().Get(corev1.StreamType) == corev1.StreamTypeError {
				complaints = s
			} else {
				data = s
			}
		case <-conn.CloseChan():
			return
		}
	}
	port, _ := strconv.Atoi(data.Headers().Get(corev1.PortHeader)) // 0 cannot be dialled
	target, err := dial(port)
	if err != nil {
		fmt.Fprintf(complaints, "error forwarding port %d to pod: %v", port, err)
		_ = complaints.Close()
		_ = data.Close()
		<-conn.CloseChan()
		return
	}
	defer target.Close()
	var pouring sync.WaitGroup
	pouring.Go(func() {
		_, _ = io.Copy(target, data)
		_ = target.Close()
	})
	_, _ = io.Copy(data, target)
	_ = complaints.Close()
	_ = data.Reset()
	_ = conn.Close()
	pouring.Wait()
}
