package serve

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/verifier/travel"
)

// watchEvent is one line of a watch.
type watchEvent struct {
	Type   watch.EventType `json:"type"`
	Object any             `json:"object"`
}

// watcher writes a watch.
type watcher struct {
	*Server
	q       question
	w       http.ResponseWriter
	shown   map[trace.Object]bool // objects that match and that the client knows
	columns bool                  // the columns of the table are told
}

// watch tells what happened after a resourceVersion until now, and then what happens.
func (s *Server) watch(w http.ResponseWriter, r *http.Request, q question, m travel.Moment) {
	flusher, ok := w.(http.Flusher)
	if !ok {
		fail(w, http.StatusInternalServerError, metav1.StatusReasonInternalError, "the connection cannot be streamed")
		return
	}
	from, state, ok := s.watchFrom(w, r, q, m)
	if !ok {
		return
	}
	s.warn(w, m, q, "")
	w.Header().Set("Content-Type", "application/json")
	x := &watcher{Server: s, q: q, w: w, shown: map[trace.Object]bool{}}
	for _, v := range state {
		x.begin(v, r.URL.Query().Get("resourceVersion"))
	}
	flusher.Flush()
	var timeout <-chan time.Time
	if seconds, err := strconv.Atoi(r.URL.Query().Get("timeoutSeconds")); err == nil && seconds > 0 {
		timeout = time.After(time.Duration(seconds) * time.Second)
	}
	for e, err := range s.past.Events(from + 1) {
		if err != nil {
			x.send(watch.Error, metav1.Status{Status: metav1.StatusFailure, Code: 500, Message: err.Error()})
			return
		}
		if e.Object.Resource.String() != q.kind.Resource.String() {
			continue
		}
		if e.Seq > m.Seq && !s.sleep(r, e.Time, timeout, flusher) {
			return
		}
		x.tell(e)
	}
	flusher.Flush()
	select { // the recording is over: nothing more will come
	case <-r.Context().Done():
	case <-timeout:
	}
}

// watchFrom finds the event after which a watch begins, and the objects that the
// client is to know by then.
func (s *Server) watchFrom(w http.ResponseWriter, r *http.Request, q question, m travel.Moment) (
	from uint64, state []trace.Version, ok bool,
) {
	from = m.Seq
	if text := r.URL.Query().Get("resourceVersion"); text != "" && text != "0" {
		version, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			fail(w, http.StatusBadRequest, metav1.StatusReasonBadRequest, "the resourceVersion is no number: "+text)
			return 0, nil, false
		}
		if from = s.past.Since(version, q.kind); from == 0 && s.past.Version(m, q.kind) != 0 {
			fail(w, http.StatusGone, metav1.StatusReasonExpired, "the recording does not go back to resourceVersion "+text)
			return 0, nil, false
		}
		from = min(max(from, 0), m.Seq)
		if version >= s.past.Version(m, q.kind) {
			from = m.Seq
		}
	}
	state, err := s.past.StateAt(from, func(o trace.Object) bool {
		return o.Resource.String() == q.kind.Resource.String()
	})
	if err != nil {
		internal(w, err)
		return 0, nil, false
	}
	return from, state, true
}

// sleep waits until the clock shows a time; false when the watch is over first.
func (s *Server) sleep(r *http.Request, at time.Duration, timeout <-chan time.Time, flusher http.Flusher) bool {
	wait := s.until(at)
	if wait == 0 {
		return r.Context().Err() == nil
	}
	flusher.Flush() // what was told so far must not wait
	var due <-chan time.Time
	if wait > 0 {
		due = time.After(wait)
	}
	select {
	case <-due:
		return true
	case <-timeout:
		return false
	case <-r.Context().Done():
		return false
	}
}

// begin notes an object that is there when the watch begins. It is told to those who
// named no resourceVersion; others have it from their list.
func (x *watcher) begin(v trace.Version, version string) {
	o, err := travel.Decode(v.Data)
	if err != nil || !x.q.keeps(&o) {
		return
	}
	x.shown[v.Object] = true
	if version == "" || version == "0" {
		x.object(watch.Added, o)
	}
}

// tell passes an event on. An object that begins or ceases to match a selector comes
// and goes, as with an API server.
func (x *watcher) tell(e trace.Event) {
	if e.Type == trace.Bookmark || !e.Type.IsObject() {
		return
	}
	o, err := travel.Decode(e.Data)
	if err != nil {
		return // it was valid when it was recorded
	}
	known, matches := x.shown[e.Object], x.q.keeps(&o)
	switch {
	case e.Type == trace.Deleted && known, known && !matches:
		delete(x.shown, e.Object)
		x.object(watch.Deleted, o)
	case e.Type == trace.Deleted || !matches:
	case known:
		x.object(watch.Modified, o)
	default:
		x.shown[e.Object] = true
		x.object(watch.Added, o)
	}
}

func (x *watcher) object(kind watch.EventType, o unstructured.Unstructured) {
	if !x.q.table {
		x.send(kind, o.Object)
		return
	}
	m, err := x.moment()
	if err != nil {
		return
	}
	t := x.table(x.q, []unstructured.Unstructured{o}, m)
	if x.columns {
		t.ColumnDefinitions = nil // told once
	}
	x.columns = true
	x.send(kind, t)
}

func (x *watcher) send(kind watch.EventType, object any) {
	_ = json.NewEncoder(x.w).Encode(watchEvent{kind, object}) // who is gone cannot be told
}
