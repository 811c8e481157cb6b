package watch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// events is a watch on the wire as the reflector reads it.
type events struct {
	ctx    context.Context // of the request
	frames *frames
	result chan watch.Event
	done   chan struct{}
	stop   sync.Once
	ended  func(error) // called once, before result is closed, unless it was ended by us
}

func newEvents(ctx context.Context, f *frames, ended func(error)) *events {
	w := &events{ctx: ctx, frames: f, result: make(chan watch.Event), done: make(chan struct{}), ended: ended}
	go w.receive()
	return w
}

// ResultChan implements watch.Interface.
func (w *events) ResultChan() <-chan watch.Event { return w.result }

// Stop implements watch.Interface.
func (w *events) Stop() {
	w.stop.Do(func() {
		close(w.done)
		w.frames.close()
	})
}

func (w *events) receive() {
	defer w.Stop()
	defer close(w.result)
	for {
		event, err := w.next()
		if err != nil && event.Object == nil {
			w.end(err)
			return
		}
		if err != nil {
			w.end(err)
		}
		select {
		case <-w.done:
			return
		case w.result <- event:
		}
		if err != nil {
			return
		}
	}
}

func (w *events) end(err error) {
	select {
	case <-w.done:
	case <-w.ctx.Done():
	default:
		w.ended(err)
	}
}

// next returns the next event; for an ERROR event it returns the error as well.
func (w *events) next() (watch.Event, error) {
	kind, object, err := w.frames.next()
	switch {
	case errors.Is(err, io.EOF):
		return watch.Event{}, errors.New("the API server ended it")
	case err != nil:
		return watch.Event{}, fmt.Errorf("connection lost: %w", err)
	}
	switch t := watch.EventType(kind); t {
	case watch.Error:
		status := &metav1.Status{}
		if err := json.Unmarshal(object.Text, status); err != nil {
			return watch.Event{}, fmt.Errorf("the API server sent an error that cannot be read: %w", err)
		}
		return watch.Event{Type: t, Object: status}, apierrors.FromObject(status)
	case watch.Added, watch.Modified, watch.Deleted, watch.Bookmark:
		o, err := decodeObject(object)
		if err != nil {
			return watch.Event{}, err
		}
		return watch.Event{Type: t, Object: o}, nil
	default:
		return watch.Event{}, fmt.Errorf("the API server sent an event of unknown type %q", kind)
	}
}
