package faults

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// front passes requests on to the API server as its administrator, and is where
// watches break: TLS and HTTP end here, so that it can speak as the server does.
type front struct {
	server   *http.Server
	listener net.Listener

	mu      sync.Mutex
	floor   uint64 // watches from before it are expired
	failing bool   // requests for watches are answered with 500
	watches map[*tap]bool
}

// newFront listens on a free port, with the identity of the API server whose
// certificates are below dir.
func newFront(dir, target string) (*front, error) {
	pki := func(name string) string { return filepath.Join(dir, "pki", name) }
	admin, err := tls.LoadX509KeyPair(pki("admin.crt"), pki("admin.key"))
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(pki("ca.crt"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &front{listener: l, watches: map[*tap]bool{}}
	reverse := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "https", Host: target}) },
		FlushInterval: -1,
		ErrorLog:      quiet,
		Transport: &http.Transport{
			TLSClientConfig:   &tls.Config{Certificates: []tls.Certificate{admin}, RootCAs: roots},
			ForceAttemptHTTP2: true,
		},
		ModifyResponse: f.tapped,
		ErrorHandler:   func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	f.server = &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f.serve(reverse, w, r) }),
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          quiet,
	}
	go func() { _ = f.server.ServeTLS(l, pki("apiserver.crt"), pki("apiserver.key")) }()
	return f, nil
}

func (f *front) address() string { return f.listener.Addr().String() }

func (f *front) close() { _ = f.server.Close() }

// serve refuses what is expired; all else is passed on.
func (f *front) serve(next http.Handler, w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	watching := query.Get("watch") != ""
	rv, err := strconv.ParseUint(query.Get("resourceVersion"), 10, 64)
	f.mu.Lock()
	old := err == nil && rv > 0 && rv < f.floor && (watching || query.Get("resourceVersionMatch") == "Exact")
	failing := f.failing && watching
	floor := f.floor
	f.mu.Unlock()
	switch {
	case failing:
		http.Error(w, "etcdserver: no leader", http.StatusInternalServerError)
	case old && watching: // as the real one: the request succeeds, its only event is the error
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(expired(rv, floor))
	case old:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusGone)
		_, _ = w.Write(status(rv, floor))
	default:
		next.ServeHTTP(w, r)
	}
}

func status(rv, floor uint64) []byte {
	return fmt.Appendf(nil, `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",`+
		`"message":"too old resource version: %d (%d)","reason":"Expired","code":410}`, rv, floor)
}

func expired(rv, floor uint64) []byte {
	return fmt.Appendf(nil, "{\"type\":\"ERROR\",\"object\":%s}\n", status(rv, floor))
}

// tapped puts a tap into the answer to a watch.
func (f *front) tapped(r *http.Response) error {
	if r.Request.URL.Query().Get("watch") == "" || r.StatusCode != http.StatusOK {
		return nil
	}
	t := newTap(r.Body)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watches[t] = true
	t.ended = func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.watches, t)
	}
	r.Body = t
	return nil
}

// each calls do for every open watch.
func (f *front) each(do func(*tap)) {
	f.mu.Lock()
	var open []*tap
	for t := range f.watches {
		open = append(open, t)
	}
	f.mu.Unlock()
	for _, t := range open {
		do(t)
	}
}

// expire makes history before floor unavailable: open watches end with the
// error that a server sends, and those from before floor are refused.
func (f *front) expire(floor uint64) {
	f.mu.Lock()
	f.floor = floor
	f.mu.Unlock()
	f.each(func(t *tap) { t.end(expired(1, floor), nil) })
}

// fail makes every attempt to open a watch fail, or no more.
func (f *front) fail(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failing = on
}

var errBroken = errors.New("broken on purpose")

// tap is the body of a watch: events pass it one by one, and it can break
// between two of them or within one.
type tap struct {
	source io.ReadCloser
	out    *io.PipeReader
	in     *io.PipeWriter
	ended  func()
	gate   sync.Mutex // held while an event passes
	half   bool       // the next event is cut in its middle; guarded by gate
}

func newTap(source io.ReadCloser) *tap {
	t := &tap{source: source}
	t.out, t.in = io.Pipe()
	go t.pump()
	return t
}

// pump passes on lines: the API server ends each event with a line feed and has
// none within.
func (t *tap) pump() {
	lines := bufio.NewReaderSize(t.source, 1<<16)
	for {
		line, err := lines.ReadBytes('\n')
		t.gate.Lock()
		if t.half && len(line) > 0 {
			line, err = line[:len(line)/2], errBroken
		}
		_, failed := t.in.Write(line)
		t.gate.Unlock()
		if err = errors.Join(err, failed); err != nil {
			if err == io.EOF {
				err = nil
			}
			_ = t.in.CloseWithError(err)
			return
		}
	}
}

// end ends the watch with last words, and in disorder if err is not nil.
func (t *tap) end(last []byte, err error) {
	t.gate.Lock()
	defer t.gate.Unlock()
	_, _ = io.Copy(t.in, bytes.NewReader(last)) // the client may be gone
	_ = t.in.CloseWithError(err)
}

// truncate cuts the next event in its middle.
func (t *tap) truncate() {
	t.gate.Lock()
	defer t.gate.Unlock()
	t.half = true
}

// stall lets nothing pass for a while.
func (t *tap) stall(d time.Duration) {
	t.gate.Lock()
	time.AfterFunc(d, t.gate.Unlock)
}

// Read implements io.Reader.
func (t *tap) Read(p []byte) (int, error) { return t.out.Read(p) }

// Close implements io.Closer: the client is gone.
func (t *tap) Close() error {
	t.ended()
	return errors.Join(t.out.Close(), t.source.Close())
}
