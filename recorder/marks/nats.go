package marks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// Subject returns the subject on which the recorder of a run answers. It is not
// one of its stream, which has one publisher.
func Subject(run string) string { return "hindsight-marks." + run }

// reply is what a recorder answers on its subject.
type reply struct {
	*Receipt
	Error string `json:"error,omitempty"`
}

// flushTimeout is how long the server may take to know of a subscription.
const flushTimeout = 10 * time.Second

// Subscription receives marks through a NATS server.
type Subscription struct {
	sub    *nats.Subscription
	cancel context.CancelFunc
	busy   sync.WaitGroup
}

// Subscribe receives the marks of a run on a connection, until Close.
func Subscribe(nc *nats.Conn, run string, receive Receiver) (*Subscription, error) {
	ctx, cancel := context.WithCancel(context.Background())
	s := &Subscription{cancel: cancel}
	turns := make(chan struct{}, atOnce)
	sub, err := nc.Subscribe(Subject(run), func(m *nats.Msg) {
		select {
		case turns <- struct{}{}:
		case <-ctx.Done():
			return
		}
		s.busy.Go(func() {
			defer func() { <-turns }()
			answer(ctx, m, receive)
		})
	})
	if err == nil {
		err = nc.FlushTimeout(flushTimeout) // so that what is asked from now on is answered
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("cannot receive marks on the subject %s: %w", Subject(run), err)
	}
	s.sub = sub
	return s, nil
}

func answer(ctx context.Context, m *nats.Msg, receive Receiver) {
	var r reply
	receipt, err := take(ctx, m.Data, receive)
	if r.Receipt = &receipt; err != nil {
		r = reply{Error: err.Error()}
	}
	if text, err := json.Marshal(r); err == nil {
		_ = m.Respond(text) // a sender that has gone knows nothing
	}
}

// Close refuses further marks, and waits until ctx ends for those that the server
// has delivered.
func (s *Subscription) Close(ctx context.Context) error {
	drained := make(chan struct{})
	s.sub.SetClosedHandler(func(string) { close(drained) })
	err := s.sub.Drain()
	if err == nil {
		select {
		case <-drained:
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	defer context.AfterFunc(ctx, s.cancel)()
	s.busy.Wait()
	s.cancel()
	return err
}

func overNATS(where Where) (*Client, error) {
	if where.Run == "" {
		return nil, errors.New("--nats needs --run ID: \"recorder attach\" prints it when it begins to record, " +
			"and passes it to its command as HINDSIGHT_RUN_ID")
	}
	nc, err := where.NATS.Connect("hindsight mark")
	if err != nil {
		return nil, fmt.Errorf("%w can be reached: %w", ErrNoRecorder, err)
	}
	return &Client{
		close: nc.Close,
		request: func(ctx context.Context, text []byte) ([]byte, error) {
			m, err := nc.RequestWithContext(ctx, Subject(where.Run), text)
			if errors.Is(err, nats.ErrNoResponders) {
				return nil, fmt.Errorf("%w of the run %s listens at the %s: check --run, and that \"recorder attach --nats\" "+
					"is at work", ErrNoRecorder, where.Run, where.NATS)
			}
			if err != nil {
				return nil, err
			}
			var r reply
			if err := json.Unmarshal(m.Data, &r); err != nil {
				return nil, err
			}
			if r.Error != "" {
				return nil, refused(r.Error)
			}
			return m.Data, nil
		},
	}, nil
}
