package watch

import (
	"io"
	"net/http"
	"time"
)

// readPause is how long a watch that has just been read is left alone. Each read of
// an HTTP/2 stream takes all that has come, and is answered, so that the server may
// send more. While a backlog comes, one answer for many events costs recorder and
// server less than one for each.
const readPause = 2 * time.Millisecond

// inBursts reads watches over HTTP/2 in bursts. Reads of HTTP/1.1 are not answered,
// and take one event each.
type inBursts struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t inBursts) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.RoundTripper.RoundTrip(r)
	if err == nil && response.ProtoMajor > 1 && r.URL.Query().Get("watch") == "true" {
		response.Body = &bursts{ReadCloser: response.Body}
	}
	return response, err
}

// bursts is the body of a watch.
type bursts struct {
	io.ReadCloser
	last time.Time // when it was read
}

// Read implements io.Reader.
func (b *bursts) Read(p []byte) (int, error) {
	if time.Since(b.last) < readPause {
		time.Sleep(readPause)
	}
	n, err := b.ReadCloser.Read(p)
	b.last = time.Now()
	return n, err
}
