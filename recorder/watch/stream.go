package watch

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"github.com/hindsight-project/hindsight/recorder/kube"
	"github.com/hindsight-project/hindsight/recorder/lexer"
	"github.com/hindsight-project/hindsight/recorder/trace"
)

// Hub is what all streams of one recording share.
type Hub struct {
	Client *Client

	// Scope is which namespaces are recorded of Targets that are Scoped.
	Scope kube.Scope

	// Quiet is after how long without a word a stream asks how far history has
	// come; 0: DefaultQuiet.
	Quiet time.Duration

	// Emit takes the next event of a stream. It blocks while the recording
	// cannot keep up; an error means that the recording has failed.
	Emit func(trace.Event) error

	// Now tells the time of the trace: since its start, monotonic.
	Now func() time.Duration

	// NextGap numbers the gaps of the trace.
	NextGap func() int

	// Notify tells people what they should know at once: gaps, denials,
	// broken watches.
	Notify func(format string, args ...any)
}

// Stream records one Target. Its reflector runs in Run; Finish ends it.
type Stream struct {
	hub       *Hub
	target    Target
	ctx       context.Context // of Run or Finish, for what the reflector calls without one
	ready     chan struct{}   // closed when it is known whether it can be recorded
	readyOnce sync.Once
	coalesced atomic.Uint64

	mu      sync.Mutex
	objects map[types.NamespacedName]entry
	rv      string        // nothing is missing up to here
	contact time.Duration // last time at which the stream was known to be current
	listed  bool          // a list is in the trace: the watch resumes from rv
	denied  string        // why the API server refuses, empty when it does not
	leftOut bool          // denied from the start: not recorded at all
	doubted string        // the version of which the server has said once that history after it is lost
	expired string        // why history after rv is lost: a list must follow
	listRV  string        // of the last list
	futile  int           // lists in a row after which history was gone again at once
	memory  memory        // what the server remembers, by its refusals
	// interrupted is the version of a list that a recorder before us was stopped in.
	interrupted string
	standIn     bool          // the list under way stands in for one: Replace does nothing
	listedAt    time.Duration // when the list under way was asked for
	opened      bool          // a watch was open
	watches     int           // that were opened
	watched     bool          // a watch was open ever, by us or by a recorder before us
	outage      *outage       // set while there is no watch
	backlog     *backlog      // set until a watch opened anew is current
}

// entry is the last version of a live object.
type entry struct {
	uid      types.UID
	rv       string          // last seen
	recorded string          // last emitted: differs from rv where heartbeats were left out
	raw      json.RawMessage // of recorded
}

type outage struct {
	since  time.Duration
	reason string
	quiet  bool // people know of it
	noted  bool // people were told of it
}

// backlog is what happened while there was no watch. The server delivers it
// first, and what it delivers happened after since.
type backlog struct {
	since time.Duration
	until string // the resourceVersion with which the backlog ends; empty: not known
}

// NewStream makes a stream that starts with a list.
func NewStream(hub *Hub, target Target) *Stream {
	return &Stream{
		hub: hub, target: target,
		ready:   make(chan struct{}),
		objects: map[types.NamespacedName]entry{},
	}
}

// Checkpoint is how far a stream had come in a trace that is continued.
type Checkpoint struct {
	RV      string        // of the last event, bookmark or list
	Contact time.Duration // of that
	Listed  bool          // the first list is complete in the trace

	// Gap is a gap that was begun and not ended.
	Gap *trace.GapRecord
}

// Resume makes the stream continue where the trace ends: the watch starts from
// the checkpoint, not from a list, so that no history is lost that the API
// server still holds. live are the objects of the stream in the trace.
func (s *Stream) Resume(c Checkpoint, live []trace.Version) error {
	for _, v := range live {
		s.objects[types.NamespacedName{Namespace: v.Namespace, Name: v.Name}] = entry{
			uid: types.UID(v.UID), rv: v.ResourceVersion, recorded: v.ResourceVersion, raw: v.Data,
		}
	}
	s.rv, s.contact, s.listed, s.watched = c.RV, c.Contact, c.Listed, c.Listed
	const killed = "the recorder was stopped"
	if c.Gap != nil {
		end := *c.Gap
		end.Side, end.Reason = trace.GapEnd, killed+" in a list"
		if err := s.emitRecord(trace.Gap, s.contact, end); err != nil {
			return err
		}
	}
	if c.Gap != nil || (!c.Listed && len(live) > 0) {
		s.listed, s.expired = true, killed+" in a list"
	}
	if c.Gap != nil {
		s.interrupted = c.Gap.ToRV
	}
	if s.listed {
		s.outage = &outage{since: s.contact, reason: killed, quiet: true}
	}
	return nil
}

// Target returns what the stream records.
func (s *Stream) Target() Target { return s.target }

// Ready is closed when the stream is listed, or watched where a trace was
// resumed, or denied.
func (s *Stream) Ready() <-chan struct{} { return s.ready }

func (s *Stream) setReady() { s.readyOnce.Do(func() { close(s.ready) }) }

// Denied returns why the stream is not recorded, empty when it is.
func (s *Stream) Denied() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.denied
}

// TakeCoalesced returns the number of heartbeats left out since the last call.
func (s *Stream) TakeCoalesced() uint64 { return s.coalesced.Swap(0) }

// retry is how a stream comes back: fast, however long the server was away,
// because history expires meanwhile, and there are only a few streams.
var retry = wait.Backoff{
	Duration: 100 * time.Millisecond, Factor: 1.5, Jitter: 0.2, Steps: 4, Cap: 400 * time.Millisecond,
}

// deniedPause is the time between two attempts where the server refuses us.
const deniedPause = 2 * time.Second

// Run lists and watches until ctx ends, or until it is clear that the API
// server does not let us record this resource at all.
func (s *Stream) Run(ctx context.Context) {
	ctx, cancel := context.WithCancel(klog.NewContext(ctx, logr.Discard()))
	defer cancel()
	s.ctx = ctx
	logger := logr.Discard()
	backoff := retry
	reflector := cache.NewReflectorWithOptions(&lister{s, cancel}, nil, &store{s}, cache.ReflectorOptions{
		Name: s.target.String(), TypeDescription: s.target.String(), Logger: &logger, Backoff: &backoff,
	})
	var keeping sync.WaitGroup
	keeping.Go(func() { s.keepCurrent(ctx) })
	reflector.RunWithContext(ctx)
	cancel()
	keeping.Wait()
}

// lister is the stream as the reflector's source.
//
// It answers a list with "nothing new" unless history is really lost: the
// reflector lists after every kind of failure, and a list hides the versions in
// between, which the server would still deliver to a watch.
type lister struct {
	s    *Stream
	quit context.CancelFunc
}

// IsWatchListSemanticsUnSupported makes the reflector list instead of streaming
// the list: only a list says at which resourceVersion it is complete.
func (l *lister) IsWatchListSemanticsUnSupported() bool { return true }

// List implements cache.Lister for callers without a context; there are none.
func (l *lister) List(opts metav1.ListOptions) (runtime.Object, error) {
	return l.ListWithContext(context.Background(), opts)
}

// Watch implements cache.Watcher for callers without a context; there are none.
func (l *lister) Watch(opts metav1.ListOptions) (watch.Interface, error) {
	return l.WatchWithContext(context.Background(), opts)
}

// ListWithContext implements cache.ListerWithContext.
func (l *lister) ListWithContext(ctx context.Context, opts metav1.ListOptions) (runtime.Object, error) {
	s := l.s
	if s.Denied() != "" && !sleep(ctx, deniedPause) {
		return nil, ctx.Err()
	}
	if stand := s.standInList(); stand != nil {
		return stand, nil
	}
	if opts.Continue == "" {
		if err := s.beginList(ctx, &opts); err != nil {
			return nil, err
		}
	}
	page, err := s.list(ctx, opts)
	if err != nil {
		if ctx.Err() == nil && s.failed(err) {
			l.quit()
		}
		return nil, err
	}
	return page, nil
}

// list gets a list, or one page of it, of what is to be recorded.
func (s *Stream) list(ctx context.Context, opts metav1.ListOptions) (*list, error) {
	l, err := s.hub.Client.list(ctx, s.target, opts)
	if err != nil {
		return nil, err
	}
	l.Items = slices.DeleteFunc(l.Items, func(o *object) bool { return !s.selects(ctx, o) })
	return l, ctx.Err()
}

// selects reports whether an object is of a namespace that is recorded, false
// when ctx ends.
func (s *Stream) selects(ctx context.Context, o *object) bool {
	return !s.target.Scoped || o.Namespace == s.target.OperatorNamespace || s.hub.Scope.Has(ctx, o.Namespace)
}

// passOver reports whether an object is not to be recorded: one of a namespace that
// is not says only how far the stream has come. When ctx has ended, nothing is taken
// any more: the reflector would go on with the events behind one whose namespace
// could not be asked about, and the stream seem to have come past it.
func (s *Stream) passOver(o *object) (elsewhere bool, err error) {
	selected := s.selects(s.ctx, o)
	if err := s.ctx.Err(); err != nil {
		return true, err
	}
	if selected {
		return false, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance(o.ResourceVersion, s.hub.Now())
	return true, nil
}

// standInList returns an empty list at the resourceVersion from which the watch
// can resume, nil when a real list is needed.
func (s *Stream) standInList() *list {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.listed || s.expired != "" {
		return nil
	}
	s.standIn = true
	return &list{ListMeta: metav1.ListMeta{ResourceVersion: s.rv}}
}

// beginList decides of which moment the list is to be: the most recent one, or,
// when history is lost, the oldest one from which on it is not.
func (s *Stream) beginList(ctx context.Context, opts *metav1.ListOptions) error {
	s.mu.Lock()
	s.listedAt = s.hub.Now()
	rv, first := s.rv, s.interrupted
	past := s.listed && s.futile < mostFutile
	if s.listed && rv == s.listRV {
		s.futile++
	}
	since := s.lastCurrent()
	s.mu.Unlock()
	if !past {
		return nil
	}
	if first == "" {
		refusal := s.hub.Client.refusal(ctx, s.target, rv) // the server's memory may have moved on since
		s.mu.Lock()
		if refusal != nil {
			s.memory.note(refusal.Error())
		}
		first = s.memory.start(s.futile)
		s.mu.Unlock()
	}
	oldest, err := s.hub.Client.oldest(ctx, s.target, first, rv)
	if err != nil || oldest == "" {
		return err
	}
	opts.ResourceVersion, opts.ResourceVersionMatch = oldest, metav1.ResourceVersionMatchExact
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listedAt = since // when it was like that is not known better
	return nil
}

// WatchWithContext implements cache.WatcherWithContext.
func (l *lister) WatchWithContext(ctx context.Context, opts metav1.ListOptions) (watch.Interface, error) {
	s := l.s
	if err := s.noteOutage(); err != nil {
		return nil, err
	}
	f, err := s.hub.Client.watch(ctx, s.target, opts)
	if err != nil {
		if ctx.Err() == nil {
			s.failed(err)
			s.confirm(ctx, err)
		}
		return nil, err
	}
	if err := s.watching(opts.ResourceVersion); err != nil {
		f.close()
		return nil, err
	}
	s.probe(ctx)
	return newEvents(ctx, f, func(err error) { s.ended(ctx, err) }), nil
}

// probe asks how far history has come, so that it is known which events of a
// watch opened anew are its backlog. It does so when the watch is open: history
// that expires does not wait. Without an answer every event up to the next
// bookmark counts as backlog.
func (s *Stream) probe(ctx context.Context) {
	s.mu.Lock()
	of := s.backlog
	s.mu.Unlock()
	if of == nil {
		return
	}
	l, err := s.list(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	of.until = l.ResourceVersion
	if s.backlog == of && !newer(of.until, s.rv) {
		s.backlog = nil
	}
}

// watching notes that a watch is open.
func (s *Stream) watching(rv string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.hub.Now()
	record := trace.StreamRecord{State: trace.StreamWatching, RV: rv}
	if o := s.outage; o != nil {
		record.State, record.Outage = trace.StreamReopened, int64(now-o.since)
		since := s.contact
		if s.backlog != nil {
			since = s.backlog.since
		}
		s.backlog = &backlog{since: since}
		if o.noted {
			s.hub.Notify("%s: watching again after %s", s.target, (now - o.since).Round(time.Millisecond))
		}
	}
	s.outage, s.denied, s.opened, s.watched = nil, "", true, true
	s.watches++
	s.setReady()
	return s.emitRecord(trace.Stream, now, record)
}

// noticeable is the length of an outage from which on people are told: servers
// close every watch after some minutes, and it is open again at once.
const noticeable = time.Second

// noteOutage records that the watch that was open is not any more.
func (s *Stream) noteOutage() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.outage
	if o == nil {
		return nil
	}
	if !o.noted && !o.quiet && s.hub.Now()-o.since >= noticeable {
		o.noted = true
		s.hub.Notify("%s: watch broken: %s", s.target, o.reason)
	}
	if !s.opened {
		return nil
	}
	s.opened = false
	return s.emitRecord(trace.Stream, s.contact, trace.StreamRecord{State: trace.StreamBroken, RV: s.rv, Reason: o.reason})
}

// ended is called by the watch that ended, whatever the reason.
func (s *Stream) ended(ctx context.Context, err error) {
	s.mu.Lock()
	s.outage = &outage{since: s.hub.Now(), reason: err.Error()}
	if isExpired(err) {
		s.noteExpired(err)
	}
	s.mu.Unlock()
	s.confirm(ctx, err)
}

// confirm asks a second time at once where the server has said that history is
// lost: what it remembers moves on.
func (s *Stream) confirm(ctx context.Context, err error) {
	s.mu.Lock()
	rv, again := s.rv, isExpired(err) && s.expired == ""
	s.mu.Unlock()
	if !again {
		return
	}
	refusal := s.hub.Client.refusal(ctx, s.target, rv)
	s.mu.Lock()
	defer s.mu.Unlock()
	if isExpired(refusal) && s.rv == rv {
		s.noteExpired(refusal)
	}
}

// noteExpired believes that history is lost when the server says it twice of the
// same version. Once may mean an older version, with which the watch was opened
// that has come further since, or one API server of several with a shorter
// memory.
func (s *Stream) noteExpired(err error) {
	s.memory.note(err.Error())
	if s.doubted == s.rv {
		s.expired = err.Error()
	}
	s.doubted = s.rv
}

// failed notes why a list or watch could not be made. It returns true if there
// is no use in trying again.
func (s *Stream) failed(err error) (hopeless bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.outage == nil {
		s.outage = &outage{since: s.hub.Now()}
	}
	s.outage.reason = err.Error()
	switch {
	case isExpired(err):
		s.noteExpired(err)
	case isDenied(err):
		s.deny(err.Error())
		return s.leftOut
	}
	return false
}

// deny notes a refusal once. Before the first list the resource is left out,
// later the stream waits until it is let in again.
func (s *Stream) deny(reason string) {
	if s.denied != "" {
		return
	}
	s.denied = reason
	s.outage.noted = true
	s.leftOut = !s.listed
	s.hub.Notify("%s: denied: %s", s.target, reason)
	_ = s.emitRecord(trace.Stream, s.hub.Now(), trace.StreamRecord{State: trace.StreamDenied, RV: s.rv, Reason: reason})
	s.setReady()
}

func isExpired(err error) bool { return apierrors.IsResourceExpired(err) || apierrors.IsGone(err) }

func isDenied(err error) bool {
	return apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) ||
		apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err)
}

// store is the stream as the reflector's store.
type store struct{ *Stream }

// Add implements cache.ReflectorStore.
func (s *store) Add(obj any) error { return s.changed(obj.(*object)) }

// Update implements cache.ReflectorStore.
func (s *store) Update(obj any) error { return s.changed(obj.(*object)) }

// Delete implements cache.ReflectorStore.
func (s *store) Delete(obj any) error { return s.deleted(obj.(*object)) }

// Resync implements cache.ReflectorStore; the resync period is 0.
func (s *store) Resync() error { return nil }

// changed takes an object of an ADDED or MODIFIED event.
func (s *Stream) changed(o *object) error {
	if elsewhere, err := s.passOver(o); elsewhere {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.hub.Now()
	notBefore := s.notBefore(o.ResourceVersion, now)
	key := types.NamespacedName{Namespace: o.Namespace, Name: o.Name}
	known, exists := s.objects[key]
	typ := trace.Added
	switch {
	case exists && known.uid != o.UID:
		if err := s.emitInferredDelete(key, known, s.contactBefore(notBefore)); err != nil {
			return err
		}
	case exists && !newer(o.ResourceVersion, known.rv):
		s.advance(o.ResourceVersion, now)
		return nil
	case exists && s.target.Coalesce && Heartbeat(s.target.Resource, known.raw, o.raw):
		s.coalesced.Add(1)
		known.rv = o.ResourceVersion
		s.objects[key] = known
		s.advance(o.ResourceVersion, now)
		return nil
	case exists:
		typ = trace.Modified
	}
	s.objects[key] = entryOf(o)
	if err := s.emitObject(typ, o, now, notBefore, false); err != nil {
		return err
	}
	s.advance(o.ResourceVersion, now)
	return nil
}

// deleted takes the last state of an object, as the server sends it.
func (s *Stream) deleted(o *object) error {
	if elsewhere, err := s.passOver(o); elsewhere {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.hub.Now()
	notBefore := s.notBefore(o.ResourceVersion, now)
	key := types.NamespacedName{Namespace: o.Namespace, Name: o.Name}
	if s.objects[key].uid == o.UID {
		delete(s.objects, key)
	}
	if err := s.emitObject(trace.Deleted, o, now, notBefore, false); err != nil {
		return err
	}
	s.advance(o.ResourceVersion, now)
	return nil
}

// Bookmark implements cache.ReflectorBookmarkStore: the server's word that
// nothing is missing up to rv. Of a bookmark only its resourceVersion is kept,
// because it says nothing else.
func (s *store) Bookmark(rv string) error { return s.bookmark(rv) }

func (s *Stream) bookmark(rv string) error {
	if err := s.ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current(rv, s.hub.Now())
}

// current notes that nothing was missing up to rv at some moment.
func (s *Stream) current(rv string, at time.Duration) error {
	at = max(at, s.contact)
	if rv == s.rv {
		s.advance(rv, at)
		return nil
	}
	data := fmt.Appendf(nil, `{"apiVersion":%q,"kind":%q,"metadata":{"resourceVersion":%q}}`,
		s.target.APIVersion(), s.target.Kind, rv)
	e := s.event(trace.Bookmark, s.hub.Now(), s.notBefore(rv, at), data)
	e.ResourceVersion = rv
	if err := s.hub.Emit(e); err != nil {
		return err
	}
	s.advance(rv, at)
	if s.backlog != nil && s.backlog.until == "" {
		s.backlog = nil
	}
	return nil
}

// advance notes that the stream is complete up to rv.
func (s *Stream) advance(rv string, now time.Duration) {
	s.contact = now
	if newer(rv, s.rv) {
		s.rv, s.futile = rv, 0
	}
	if s.backlog != nil && s.backlog.until != "" && !newer(s.backlog.until, rv) {
		s.backlog = nil
	}
}

// notBefore returns the earliest moment at which version rv can have come
// about: the moment of its receipt, unless it belongs to a backlog.
func (s *Stream) notBefore(rv string, now time.Duration) time.Duration {
	b := s.backlog
	if b == nil || (b.until != "" && newer(rv, b.until)) {
		return now
	}
	return b.since
}

// contactBefore returns the last moment at which an object that is gone now was
// known to exist.
func (s *Stream) contactBefore(notBefore time.Duration) time.Duration {
	return min(notBefore, s.contact)
}

// Replace implements cache.ReflectorStore: it takes a list.
func (s *store) Replace(items []any, rv string) error {
	l := make([]*object, len(items))
	for i, item := range items {
		l[i] = item.(*object)
	}
	return s.replace(l, rv)
}

func (s *Stream) replace(items []*object, rv string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.standIn {
		s.standIn = false
		return nil
	}
	now := s.hub.Now()
	var err error
	if s.listed && rv != s.rv {
		err = s.relisted(items, rv, now)
	} else if !s.listed {
		err = s.firstListed(items, now)
	}
	if err != nil {
		return err
	}
	err = s.emitRecord(trace.Stream, s.listedAt, trace.StreamRecord{State: trace.StreamListed, RV: rv, Items: len(items)})
	if err != nil {
		return err
	}
	first := !s.listed
	s.rv, s.listRV, s.contact, s.listed, s.backlog = rv, rv, s.listedAt, true, nil
	s.expired, s.doubted, s.denied, s.interrupted = "", "", "", ""
	if first {
		s.outage = nil
	}
	s.setReady()
	return nil
}

func (s *Stream) firstListed(items []*object, now time.Duration) error {
	for _, o := range items {
		s.objects[types.NamespacedName{Namespace: o.Namespace, Name: o.Name}] = entryOf(o)
		if err := s.emitObject(trace.Added, o, now, now, false); err != nil {
			return err
		}
	}
	return nil
}

// relisted declares a gap and, between its two sides, what the list implies.
func (s *Stream) relisted(items []*object, rv string, now time.Duration) error {
	since := s.lastCurrent()
	gap := trace.GapRecord{ID: s.hub.NextGap(), Side: trace.GapBegin, FromRV: s.rv, ToRV: rv, Reason: s.expired}
	s.hub.Notify("%s: GAP: versions after %s up to %s are lost: %s", s.target, gap.FromRV, gap.ToRV, gap.Reason)
	if err := s.emitRecord(trace.Gap, since, gap); err != nil {
		return err
	}
	listed := make(map[types.NamespacedName]bool, len(items))
	for _, o := range items {
		listed[types.NamespacedName{Namespace: o.Namespace, Name: o.Name}] = true
	}
	for _, key := range s.sortedKeys() {
		if !listed[key] {
			if err := s.emitInferredDelete(key, s.objects[key], since); err != nil {
				return err
			}
		}
	}
	for _, o := range items {
		if err := s.infer(o, now, since); err != nil {
			return err
		}
	}
	gap.Side = trace.GapEnd
	return s.emitRecord(trace.Gap, since, gap)
}

// infer emits what an object in a list implies.
func (s *Stream) infer(o *object, now, since time.Duration) error {
	key := types.NamespacedName{Namespace: o.Namespace, Name: o.Name}
	known, exists := s.objects[key]
	typ := trace.Added
	switch {
	case exists && known.uid != o.UID:
		if err := s.emitInferredDelete(key, known, since); err != nil {
			return err
		}
	case exists && known.rv == o.ResourceVersion:
		return nil
	case exists && s.target.Coalesce && Heartbeat(s.target.Resource, known.raw, o.raw):
		s.coalesced.Add(1)
		known.rv = o.ResourceVersion
		s.objects[key] = known
		return nil
	case exists:
		typ = trace.Modified
	}
	s.objects[key] = entryOf(o)
	return s.emitObject(typ, o, now, since, true)
}

// lastCurrent returns the last moment at which nothing was missing.
func (s *Stream) lastCurrent() time.Duration {
	if s.backlog != nil {
		return min(s.contact, s.backlog.since)
	}
	return s.contact
}

func (s *Stream) sortedKeys() []types.NamespacedName {
	keys := make([]types.NamespacedName, 0, len(s.objects))
	for k := range s.objects {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compareNames)
	return keys
}

func entryOf(o *object) entry {
	return entry{uid: o.UID, rv: o.ResourceVersion, recorded: o.ResourceVersion, raw: o.raw}
}

// newer reports whether version a comes after version b of the same resource.
// What cannot be compared counts as newer: rather recorded twice than never.
func newer(a, b string) bool {
	if a == b {
		return false
	}
	c, err := resourceversion.CompareResourceVersion(a, b)
	return err != nil || c > 0
}

func (s *Stream) event(t trace.Type, now, notBefore time.Duration, data json.RawMessage) trace.Event {
	return trace.Event{
		Time: now, NotBefore: notBefore, Source: trace.SourceWatch, Type: t,
		Object: trace.Object{Resource: s.target.Resource, Namespace: s.target.Namespace}, Data: data,
	}
}

func (s *Stream) emitObject(t trace.Type, o *object, now, notBefore time.Duration, inferred bool) error {
	e := s.event(t, now, notBefore, o.raw)
	e.Object.Namespace, e.Object.Name, e.Object.UID = o.Namespace, o.Name, string(o.UID)
	e.ResourceVersion, e.Generation, e.Inferred = o.ResourceVersion, o.Generation, inferred
	return s.hub.Emit(e)
}

// emitInferredDelete says that an object is gone whose end nobody saw. Its data
// is the last state that was seen.
func (s *Stream) emitInferredDelete(key types.NamespacedName, known entry, since time.Duration) error {
	delete(s.objects, key)
	o, err := decodeObject(&lexer.Tree{Text: known.raw})
	if err != nil {
		return err
	}
	return s.emitObject(trace.Deleted, o, s.hub.Now(), since, true)
}

func (s *Stream) emitRecord(t trace.Type, notBefore time.Duration, record any) error {
	data, err := json.Marshal(record)
	if err != nil {
		return err
	}
	now := s.hub.Now()
	return s.hub.Emit(s.event(t, now, min(notBefore, now), data))
}
