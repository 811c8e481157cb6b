package marks

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/hindsight-project/hindsight/recorder/broker"
)

// ErrNoRecorder is wrapped by the errors that say that nobody records: a driver
// that can do without may go on.
var ErrNoRecorder = errors.New("no recorder")

// Timeout is how long a sender should wait for a recorder whose bus or disk is
// away for a moment.
const Timeout = 30 * time.Second

// Where says where a recorder is. The zero value is the recorder around this
// process, by its environment.
type Where struct {
	Trace string         // the file that it writes, on this machine
	NATS  broker.Options // the server that it goes through, anywhere
	Run   string         // id of the run, with NATS
}

// Client sends marks to one recorder. It may be used by several goroutines.
type Client struct {
	// request sends a mark and returns the Receipt as JSON.
	request func(ctx context.Context, text []byte) ([]byte, error)
	close   func()
}

// Find returns the recorder at where. Whether it is there, Send finds out.
func Find(where Where) (*Client, error) {
	switch {
	case where.Trace != "" && (where.Run != "" || where.NATS.URL != ""):
		return nil, errors.New("--trace names a recorder on this machine, --nats and --run one anywhere: choose")
	case where.Run != "" && where.NATS.URL == "":
		return nil, errors.New("--run needs --nats URL, or name the trace with --trace FILE")
	case where.NATS.URL != "":
		return overNATS(where)
	}
	path := os.Getenv(EnvSocket)
	if where.Trace != "" {
		path = SocketPath(where.Trace)
	}
	if path == "" {
		return nil, fmt.Errorf("%w was named: run this inside of \"recorder attach -- COMMAND\", "+
			"or name the trace that it writes with --trace FILE", ErrNoRecorder)
	}
	return overSocket(path), nil
}

// Close ends the connection.
func (c *Client) Close() { c.close() }

// Send says something into the recording. It returns when that is durable. An
// error that wraps ErrNoRecorder means that nothing was said to anybody; after
// an error of ctx it is not known whether the mark will be recorded.
func (c *Client) Send(ctx context.Context, m Mark) (Receipt, error) {
	var receipt Receipt
	if err := m.Validate(); err != nil {
		return receipt, err
	}
	text, err := json.Marshal(m)
	if err != nil {
		return receipt, err
	}
	answer, err := c.request(ctx, text)
	switch {
	case ctx.Err() != nil:
		return receipt, fmt.Errorf("the recorder has not said that the mark is on its disk; it may come there later: %w",
			ctx.Err())
	case err != nil:
		return receipt, err
	}
	return receipt, json.Unmarshal(answer, &receipt)
}

// refused is what the recorder says of a mark that it does not take.
func refused(reason string) error {
	return fmt.Errorf("the recorder did not take the mark: %s", reason)
}

func overSocket(path string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return dialSocket(ctx, path) }
	client := &http.Client{Transport: &http.Transport{DialContext: dial}}
	return &Client{
		close: client.CloseIdleConnections,
		request: func(ctx context.Context, text []byte) ([]byte, error) {
			answer, err := post(ctx, client, text)
			return answer, explain(path, err)
		},
	}
}

func post(ctx context.Context, client *http.Client, text []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://recorder/marks", bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, MaxSize))
	if err == nil && answer.StatusCode != http.StatusOK {
		reason := strings.TrimSpace(string(body))
		return nil, refused(cmp.Or(reason, answer.Status))
	}
	return body, err
}

// explain says what it means that the recorder at a socket cannot be asked.
func explain(socket string, err error) error {
	var network *net.OpError
	if !errors.As(err, &network) {
		return err
	}
	trace := strings.TrimSuffix(filepath.Dir(socket), ".marks")
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%w writes %s: start one with \"recorder attach -o %s\", "+
			"or name the trace that is being written", ErrNoRecorder, trace, trace)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w writes %s any more, it was killed: \"recorder attach -o %s\" resumes it",
			ErrNoRecorder, trace, trace)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("%w can be reached: the one that writes %s belongs to another user, send marks as that user",
			ErrNoRecorder, trace)
	case network.Op == "dial":
		return fmt.Errorf("%w can be reached at %s: %w", ErrNoRecorder, socket, network)
	}
	return fmt.Errorf("the recorder ended before it said that the mark is on its disk: %w", network)
}
