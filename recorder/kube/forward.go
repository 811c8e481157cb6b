package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/streaming/pkg/httpstream"
)

// Forward connects to a port of a pod through the API server. It returns when
// the API server and the kubelet have agreed; whether something listens on the
// port is known only by reading.
func (c *Client) Forward(ctx context.Context, namespace, pod string, port int) (net.Conn, error) {
	dialer, err := c.dialer(namespace, pod)
	if err != nil {
		return nil, err
	}
	type dialed struct {
		conn net.Conn
		err  error
	}
	done := make(chan dialed, 1)
	go func() {
		conn, err := dialForward(dialer, port)
		done <- dialed{conn, err}
	}()
	select {
	case d := <-done:
		if d.err != nil {
			return nil, fmt.Errorf("cannot forward to port %d of pod %s/%s: %w", port, namespace, pod, d.err)
		}
		return d.conn, nil
	case <-ctx.Done():
		go func() { // the dialer knows no context: what comes too late is closed
			if d := <-done; d.err == nil {
				_ = d.conn.Close()
			}
		}()
		return nil, ctx.Err()
	}
}

// dialer prefers WebSocket and falls back to SPDY, as kubectl does.
func (c *Client) dialer(namespace, pod string) (httpstream.Dialer, error) {
	url := c.rest.Get().AbsPath("/api/v1/namespaces", namespace, "pods", pod, "portforward").URL()
	transport, upgrader, err := spdy.RoundTripperFor(c.config)
	if err != nil {
		return nil, err
	}
	old := spdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, http.MethodPost, url)
	websocket, err := portforward.NewSPDYOverWebsocketDialerForStreaming(url, c.config)
	if err != nil {
		return nil, err
	}
	return portforward.NewFallbackDialerForStreaming(websocket, old, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	}), nil
}

// dialForward opens the two streams of a forwarded connection: one for what the
// kubelet has to say, one for the data.
func dialForward(dialer httpstream.Dialer, port int) (net.Conn, error) {
	streams, protocol, err := dialer.Dial(portforward.PortForwardProtocolV1Name)
	if err != nil {
		return nil, err
	}
	if protocol != portforward.PortForwardProtocolV1Name {
		return nil, errors.Join(fmt.Errorf("the API server wants to speak %q", protocol), streams.Close())
	}
	header := http.Header{}
	header.Set(corev1.PortHeader, strconv.Itoa(port))
	header.Set(corev1.PortForwardRequestIDHeader, "0")
	header.Set(corev1.StreamType, corev1.StreamTypeError)
	complaints, err := streams.CreateStream(header)
	if err != nil {
		return nil, errors.Join(err, streams.Close())
	}
	_ = complaints.Close() // our half: we have nothing to say there
	header.Set(corev1.StreamType, corev1.StreamTypeData)
	data, err := streams.CreateStream(header)
	if err != nil {
		return nil, errors.Join(err, streams.Close())
	}
	return newForwarded(streams, complaints, data), nil
}

// lastWords is how long a connection whose data has ended waits for the reason.
// The kubelet closes both streams together.
const lastWords = time.Second

// forwarded is a stream as a net.Conn. The pipe gives it the deadlines that
// streams do not have.
type forwarded struct {
	net.Conn
	streams httpstream.Connection
	close   sync.Once

	mu     sync.Mutex
	reason error // what the kubelet said
}

func newForwarded(streams httpstream.Connection, complaints, data httpstream.Stream) *forwarded {
	near, far := net.Pipe()
	f := &forwarded{Conn: near, streams: streams}
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		message, _ := io.ReadAll(complaints) // a broken stream says nothing
		if text := strings.TrimSpace(string(message)); text != "" {
			f.mu.Lock()
			f.reason = errors.New(text)
			f.mu.Unlock()
			_ = data.Reset()
		}
	}()
	go func() {
		_, _ = io.Copy(far, data) // its end, however it comes, is the end of the connection
		select {                  // frames of two streams may overtake each other: the reason may be on its way
		case <-heard:
		case <-time.After(lastWords):
		}
		_ = streams.Close()
		<-heard
		_ = far.Close()
	}()
	go func() {
		_, _ = io.Copy(data, far)
		_ = data.Close()
	}()
	return f
}

// Read implements net.Conn.
func (f *forwarded) Read(p []byte) (int, error) {
	n, err := f.Conn.Read(p)
	return n, f.explain(err, io.EOF)
}

// Write implements net.Conn.
func (f *forwarded) Write(p []byte) (int, error) {
	n, err := f.Conn.Write(p)
	return n, f.explain(err, io.ErrClosedPipe)
}

// explain returns what the kubelet said instead of the error that only says that
// the connection has ended.
func (f *forwarded) explain(err, ended error) error {
	if !errors.Is(err, ended) {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.reason != nil {
		return f.reason
	}
	return err
}

// Close implements net.Conn.
func (f *forwarded) Close() error {
	f.close.Do(func() { _ = f.streams.Close() })
	return f.Conn.Close()
}
