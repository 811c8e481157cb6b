package watch

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/pager"
	"k8s.io/klog/v2"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// Outcome is what the end of a stream proves.
type Outcome struct {
	Proof  string // one of the trace.Proof constants, but for ProofGaps
	Reason string
}

// Finish ends a stream after Run has returned. It takes a list at the most
// recent resourceVersion, watches until the stream has reached it, and compares
// the two: if they agree, nothing was missed but what lies in declared gaps. ctx
// bounds how long it tries.
func (s *Stream) Finish(ctx context.Context) (Outcome, error) {
	ctx = klog.NewContext(ctx, logr.Discard())
	s.ctx = ctx
	s.mu.Lock()
	denied, listed := s.denied, s.listed
	leftOut := s.leftOut || denied != "" && !s.watched // what may be listed only has no history
	s.standIn = false
	s.mu.Unlock()
	if leftOut {
		return Outcome{trace.ProofDenied, denied}, nil
	}
	if !listed {
		return Outcome{trace.ProofOpen, "stopped before the first list"}, nil
	}
	if err := s.noteOutage(); err != nil {
		return Outcome{}, err
	}
	final, err := s.finalList(ctx)
	if err != nil {
		return s.abandon(err)
	}
	end, err := s.catchUp(ctx, final)
	if err != nil {
		return Outcome{}, err
	}
	if denied = s.Denied(); end == unreached && (denied != "" || len(s.differences(final)) > 0) {
		s.mu.Lock()
		s.expired = cmp.Or(denied, "the recorder was ended before its watch had come to the final list")
		s.mu.Unlock()
		if err := s.replace(final.Items, final.ResourceVersion); err != nil {
			return Outcome{}, err
		}
		end = reached
	}
	outcome := s.compare(final, end)
	s.mu.Lock()
	defer s.mu.Unlock()
	return outcome, s.emitRecord(trace.Stream, s.listedAt, trace.StreamRecord{
		State: trace.StreamListed, RV: final.ResourceVersion, Items: len(final.Items), Final: true, Reason: outcome.Reason,
	})
}

// pause is the time between two attempts to reach an API server at the end.
const pause = 200 * time.Millisecond

// finalList gets a consistent list, page by page, as often as it takes.
func (s *Stream) finalList(ctx context.Context) (*list, error) {
	p := pager.New(pager.SimplePageFunc(func(opts metav1.ListOptions) (runtime.Object, error) {
		return s.list(ctx, opts)
	}))
	for {
		s.mu.Lock()
		s.listedAt = s.hub.Now()
		s.mu.Unlock()
		obj, _, err := p.ListWithAlloc(ctx, metav1.ListOptions{})
		if err == nil {
			return flatten(obj)
		}
		if isDenied(err) || !sleep(ctx, pause) {
			return nil, err
		}
	}
}

// flatten turns what the pager returns, one page or all of them, into a list.
func flatten(obj runtime.Object) (*list, error) {
	if l, ok := obj.(*list); ok {
		return l, nil
	}
	m, err := meta.ListAccessor(obj)
	if err != nil {
		return nil, err
	}
	l := &list{ListMeta: metav1.ListMeta{ResourceVersion: m.GetResourceVersion()}}
	err = meta.EachListItem(obj, func(item runtime.Object) error {
		o, ok := item.(*object)
		if !ok {
			return fmt.Errorf("unexpected %T in a list", item)
		}
		l.Items = append(l.Items, o)
		return nil
	})
	return l, err
}

// catchUpTimeout is the length in seconds that is asked for of the last
// watches: the API server sends a bookmark two seconds before it ends one, so
// that a quiet stream knows after one second that nothing is missing.
const catchUpTimeout int64 = 3

// ending is how sure it is that the watch has come to the final list.
type ending int

const (
	unreached ending = iota
	waited           // a watch past the list stayed open, and its server sends no bookmarks
	reached          // a bookmark or a later version says so
)

// catchUp watches until the stream has come to the final list.
//
// API servers send no bookmarks for resources that they do not cache: Events.
// There it must be enough that a watch that was opened after the list stayed
// open to its end and brought nothing more.
func (s *Stream) catchUp(ctx context.Context, final *list) (ending, error) {
	for {
		if s.reached(final.ResourceVersion) {
			return reached, nil
		}
		if s.isExpired() {
			return reached, s.replace(final.Items, final.ResourceVersion)
		}
		timeout, opened, since := catchUpTimeout, s.hub.Now(), s.resourceVersion()
		f, err := s.hub.Client.watch(ctx, s.target, metav1.ListOptions{
			ResourceVersion: since, AllowWatchBookmarks: true, TimeoutSeconds: &timeout,
		})
		switch {
		case isDenied(err):
			s.failed(err)
			return unreached, nil
		case err == nil:
			done, err := s.follow(ctx, newEvents(ctx, f, func(err error) { s.ended(ctx, err) }), final.ResourceVersion)
			if err != nil {
				return unreached, err
			}
			if done {
				return reached, nil
			}
			if s.hub.Now()-opened >= time.Duration(timeout)*time.Second && s.resourceVersion() == since {
				return waited, nil
			}
		case ctx.Err() == nil:
			s.failed(err)
		}
		if s.resourceVersion() == since && !s.isExpired() && !sleep(ctx, pause) || ctx.Err() != nil {
			return unreached, nil
		}
	}
}

// follow takes events up to version rv and leaves out what comes after it. It
// returns true when it knows that there are no more.
func (s *Stream) follow(ctx context.Context, w *events, rv string) (done bool, err error) {
	defer w.Stop()
	for {
		select {
		case <-ctx.Done():
			return false, nil
		case event, open := <-w.ResultChan():
			if !open || event.Type == watch.Error {
				return false, nil
			}
			o := event.Object.(*object)
			if newer(o.ResourceVersion, rv) {
				return true, nil
			}
			if err := s.apply(event.Type, o); ctx.Err() != nil {
				return false, nil
			} else if err != nil {
				return false, err
			}
			if o.ResourceVersion == rv {
				return true, nil
			}
		}
	}
}

func (s *Stream) apply(t watch.EventType, o *object) error {
	switch t {
	case watch.Deleted:
		return s.deleted(o)
	case watch.Bookmark:
		return s.bookmark(o.ResourceVersion)
	default:
		return s.changed(o)
	}
}

// abandon ends a stream whose final list could not be had. If there was no
// watch at that time either, the rest is a gap whose end is not known.
func (s *Stream) abandon(cause error) (Outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	reason := "no final list: " + cause.Error()
	if s.outage == nil {
		return Outcome{trace.ProofOpen, reason}, nil
	}
	gap := trace.GapRecord{ID: s.hub.NextGap(), Side: trace.GapBegin, FromRV: s.rv, Reason: s.outage.reason}
	s.hub.Notify("%s: GAP: what happened after version %s is not known: %s", s.target, s.rv, gap.Reason)
	if err := s.emitRecord(trace.Gap, s.contact, gap); err != nil {
		return Outcome{}, err
	}
	gap.Side = trace.GapEnd
	return Outcome{trace.ProofOpen, reason}, s.emitRecord(trace.Gap, s.contact, gap)
}

// compare says whether the final list holds exactly what was seen.
func (s *Stream) compare(final *list, end ending) Outcome {
	wrong := s.differences(final)
	switch {
	case len(wrong) > 0 && end == reached:
		return Outcome{trace.ProofMismatch, "the final list contradicts the recording: " + enumerate(wrong)}
	case len(wrong) > 0:
		return Outcome{trace.ProofMismatch, "the watch did not reach the final list: " + enumerate(wrong)}
	case end == unreached:
		return Outcome{trace.ProofOpen, "the final list agrees, but the last watch broke before it could confirm that"}
	case end == waited:
		return Outcome{trace.ProofComplete, fmt.Sprintf("the API server sends no bookmarks, "+
			"but the last watch stayed open for %d s past the final list", catchUpTimeout)}
	default:
		return Outcome{Proof: trace.ProofComplete}
	}
}

// differences says where the final list is not what was seen.
func (s *Stream) differences(final *list) (wrong []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	left := s.sortedKeys()
	for _, o := range final.Items {
		key := types.NamespacedName{Namespace: o.Namespace, Name: o.Name}
		known, exists := s.objects[key]
		switch {
		case !exists:
			wrong = append(wrong, fmt.Sprintf("%s exists and was not seen", name(key)))
		case known.uid != o.UID:
			wrong = append(wrong, fmt.Sprintf("%s is another object (uid %s) than was seen (%s)", name(key), o.UID, known.uid))
		case known.rv != o.ResourceVersion:
			wrong = append(wrong, fmt.Sprintf("%s is at version %s, seen was %s", name(key), o.ResourceVersion, known.rv))
		}
		if i, found := slices.BinarySearchFunc(left, key, compareNames); found {
			left = slices.Delete(left, i, i+1)
		}
	}
	for _, key := range left {
		wrong = append(wrong, name(key)+" is gone and its deletion was not seen")
	}
	return wrong
}

// Recorded returns uid and resourceVersion of every object that the trace must
// hold at its end, by namespace and name.
func (s *Stream) Recorded() map[types.NamespacedName][2]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := make(map[types.NamespacedName][2]string, len(s.objects))
	for k, e := range s.objects {
		m[k] = [2]string{string(e.uid), e.recorded}
	}
	return m
}

func (s *Stream) reached(rv string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.expired == "" && !newer(rv, s.rv)
}

func (s *Stream) isExpired() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.expired != ""
}

func (s *Stream) resourceVersion() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rv
}

func compareNames(a, b types.NamespacedName) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

func name(key types.NamespacedName) string {
	return strings.TrimPrefix(key.String(), "/")
}

// enumerate joins at most five sentences.
func enumerate(all []string) string {
	const most = 5
	if n := len(all) - most; n > 0 {
		all = append(slices.Clone(all[:most]), fmt.Sprintf("and %d more", n))
	}
	return strings.Join(all, "; ")
}

// sleep returns false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
