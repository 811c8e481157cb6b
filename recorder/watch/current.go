package watch

import (
	"cmp"
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// DefaultQuiet is after how long without a word a stream asks how far history has
// come. API servers send bookmarks every minute, and forget after five minutes.
const DefaultQuiet = 90 * time.Second

// settling is the part of Hub.Quiet for which a watch must stay open past a list
// to have brought what came before it.
const settling = 10

// keepCurrent keeps the version from which the watch could be opened again from
// being forgotten: of resources that they do not cache, Events, API servers send
// no bookmarks, and where nothing happens nothing else says how far a watch has
// come, nor that one opened anew had no backlog.
func (s *Stream) keepCurrent(ctx context.Context) {
	long := cmp.Or(s.hub.Quiet, DefaultQuiet)
	for sleep(ctx, long/settling) {
		s.mu.Lock()
		watch, open := s.watches, s.opened && s.outage == nil
		quiet := open && s.hub.Now()-s.contact >= long
		s.mu.Unlock()
		if quiet && s.askCurrent(ctx, watch, long/settling) != nil {
			return
		}
	}
}

// askCurrent asks how far history has come, and believes that the watch has come
// there as well if it stays open: its server sends in order, and at once.
func (s *Stream) askCurrent(ctx context.Context, watch int, settled time.Duration) error {
	at := s.hub.Now()
	l, err := s.list(ctx, metav1.ListOptions{Limit: 1})
	if err != nil || !sleep(ctx, settled) {
		return ctx.Err() // a watch that is open may outlive a list that fails
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.watches != watch || s.outage != nil || newer(s.rv, l.ResourceVersion) {
		return nil
	}
	return s.current(l.ResourceVersion, at)
}
