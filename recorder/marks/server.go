package marks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Receiver records a mark and returns when it is durable.
type Receiver func(ctx context.Context, m Mark) (Receipt, error)

// atOnce is how many marks are received at the same time; more wait.
const atOnce = 32

// readTimeout is how long a sender may take to say what it has to say.
const readTimeout = 10 * time.Second

// Server receives marks on the socket of one trace.
type Server struct {
	path    string
	http    *http.Server
	serving sync.WaitGroup
}

// Listen receives marks for the recorder that writes a trace, until Close. Only
// the writer of the trace may call it.
func Listen(trace string, receive Receiver) (*Server, error) {
	path := SocketPath(trace)
	l, err := listenSocket(path)
	if err != nil {
		return nil, fmt.Errorf("cannot listen for marks: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("POST /marks", handler(receive))
	s := &Server{path: path, http: &http.Server{Handler: mux, ReadTimeout: readTimeout, MaxHeaderBytes: 16 << 10}}
	s.serving.Go(func() { _ = s.http.Serve(l) }) // it ends with Close
	return s, nil
}

// Path returns the absolute path of the socket.
func (s *Server) Path() string {
	path, err := filepath.Abs(s.path)
	if err != nil {
		return s.path
	}
	return path
}

// Close refuses further marks, waits for those under way until ctx ends, and
// removes the socket.
func (s *Server) Close(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	s.serving.Wait()
	return errors.Join(err, os.RemoveAll(filepath.Dir(s.path)))
}

func handler(receive Receiver) http.Handler {
	turns := make(chan struct{}, atOnce)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxSize+1))
		if err != nil && len(text) <= MaxSize {
			http.Error(w, "the mark could not be read: "+err.Error(), http.StatusBadRequest)
			return
		}
		select {
		case turns <- struct{}{}:
			defer func() { <-turns }()
		case <-r.Context().Done():
			return
		}
		receipt, err := take(r.Context(), text, receive)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(receipt) // a sender that has gone knows nothing
	})
}

func take(ctx context.Context, text []byte, receive Receiver) (Receipt, error) {
	m, err := Parse(text)
	if err != nil {
		return Receipt{}, err
	}
	return receive(ctx, m)
}
