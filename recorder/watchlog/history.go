package watchlog

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/resourceversion"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

const (
	// listPause is how long a list has been silent, in the time of the log,
	// before it counts as over. A list arrives in one burst.
	listPause = time.Second

	// spanMax bounds what one broken clock can do: times never decrease, so a
	// line from the year 2200 would pull every later one there.
	spanMax = 366 * 24 * time.Hour
)

// sink takes what a history makes of the lines.
type sink interface {
	// emit takes the next event. When it must know, it says whether the event
	// was recorded (true) or is a duplicate.
	emit(e trace.Event, mustKnow bool) (recorded bool, err error)
	// note makes something visible about the current line.
	note(reason string)
}

// history turns lines into events: it derives their times and declares what
// the order of the lines implies. See "What Import adds" in the package
// documentation.
type history struct {
	sink   sink
	start  time.Time
	now    time.Duration // of the last event
	scopes map[scopeKey]*scope
	open   []*scope // with a list going on, in order of opening
	gaps   int
}

// scopeKey is what one list is assumed to cover. A list of the whole cluster is
// a list of each namespace that has objects in it.
type scopeKey struct {
	resource  trace.Resource
	namespace string
}

type scope struct {
	scopeKey
	objects map[string]*object // alive, by name
	dead    map[string]death   // by UID
	lastRV  string             // highest seen
	last    time.Duration      // of the last line
	broken  bool               // an ERROR came since the last list
	list    *list

	// The state before the present run of ADDED lines, which may be a list.
	safe    time.Duration
	safeRV  string
	scanned int // line up to which no repeated object was found ahead
}

// object is the last version of a live object.
type object struct {
	trace.Event
	highest string // resourceVersion; not that of Event after a line out of order
}

type death struct {
	rv       string
	inferred bool
}

// list is a list that is repeated within a running log.
type list struct {
	since    time.Duration // nothing was missed up to here
	last     time.Duration // its last repeated object
	wall     time.Time     // the same by the wall clock
	seen     map[string]bool
	repeated int    // objects that were alive before
	toRV     string // highest in the list
	gap      int    // ID of its gap, 0 while nothing shows a loss
	gapRV    string // where the gap begins
	reason   string
}

func newHistory(s sink) *history {
	return &history{sink: s, scopes: map[scopeKey]*scope{}}
}

// add turns one line into events; ahead are the lines behind it, as far as they
// are known. An unusable line is returned as unusableError.
func (h *history) add(l line, ahead []line) error {
	e, err := h.timed(l)
	if err != nil {
		return err
	}
	if err := h.settle(e.Time, e.Type == typeError); err != nil {
		return err
	}
	switch {
	case e.Type == typeError:
		h.watchBroke(e.Object.Resource)
	case e.Type == trace.Gap:
		h.declared(e)
	case e.Type.IsObject() && !e.Inferred:
		return h.observed(e, ahead)
	case e.Type.IsObject():
		h.apply(h.scope(e.Object), e)
	}
	return h.emit(e)
}

// end closes what is still open.
func (h *history) end() error {
	for len(h.open) > 0 {
		if err := h.closeList(h.open[0]); err != nil {
			return err
		}
	}
	return nil
}

// unusableError is the reason for which a line is rejected.
type unusableError string

func (e unusableError) Error() string { return string(e) }

// timed gives the event of a line its times. Times never decrease: of a clock
// that went back only the wall clock tells.
func (h *history) timed(l line) (trace.Event, error) {
	e := l.event
	start := h.start
	if start.IsZero() {
		start = e.Wall
		if l.elapsed != nil {
			start = e.Wall.Add(-time.Duration(*l.elapsed))
		}
	}
	if away := e.Wall.Sub(start).Abs(); away > spanMax {
		return e, unusableError(fmt.Sprintf("time %s is more than a year away from the start of the log, %s",
			e.Wall.Format(time.RFC3339), start.Format(time.RFC3339)))
	}
	if l.elapsed != nil && time.Duration(*l.elapsed) > spanMax {
		return e, unusableError(fmt.Sprintf("elapsed_ns %d is more than a year", *l.elapsed))
	}
	h.start = start
	e.Time = h.elapsed(e.Wall)
	if l.elapsed != nil {
		e.Time = max(h.now, time.Duration(*l.elapsed))
	}
	e.NotBefore = e.Time
	if l.notBefore != nil {
		e.NotBefore = min(e.Time, max(1, time.Duration(*l.notBefore)))
	}
	return e, nil
}

func (h *history) elapsed(wall time.Time) time.Duration { return max(h.now, wall.Sub(h.start)) }

func (h *history) emit(e trace.Event) error {
	_, err := h.emitKnowing(e, false)
	return err
}

func (h *history) emitKnowing(e trace.Event, mustKnow bool) (bool, error) {
	h.now = e.Time
	return h.sink.emit(e, mustKnow)
}

func (h *history) scope(o trace.Object) *scope {
	key := scopeKey{o.Resource, o.Namespace}
	s := h.scopes[key]
	if s == nil {
		s = &scope{scopeKey: key, objects: map[string]*object{}, dead: map[string]death{}}
		h.scopes[key] = s
	}
	return s
}

// watchBroke notes that a watch ended with an error: of the resource, or of any
// when the line does not say of which.
func (h *history) watchBroke(r trace.Resource) {
	for _, s := range h.scopes {
		if r.IsZero() || r == s.resource {
			s.broken = true
		}
	}
}

// declared takes over the numbering of gaps that the log itself declares.
func (h *history) declared(e trace.Event) {
	var r trace.GapRecord
	if err := json.Unmarshal(e.Data, &r); err == nil { // parseLine has checked it
		h.gaps = max(h.gaps, r.ID)
	}
}

// observed records what a watch or a list delivered, after what it implies.
func (h *history) observed(e trace.Event, ahead []line) error {
	s := h.scope(e.Object)
	if e.Type != trace.Added || e.Time > s.last+listPause {
		s.safe, s.safeRV = s.last, s.lastRV
	}
	defer func() { s.last = e.Time }()
	current := s.objects[e.Object.Name]
	if current != nil && current.Object.UID == e.Object.UID {
		return h.known(s, current, e)
	}
	if d, ok := s.dead[e.Object.UID]; ok {
		return h.afterDeath(s, e, d)
	}
	if current != nil {
		if err := h.replaced(s, current, e); err != nil {
			return err
		}
	}
	if e.Type == trace.Added {
		if err := h.foresee(s, e, ahead); err != nil {
			return err
		}
		if s.list != nil && s.list.gap != 0 {
			e.Inferred, e.NotBefore = true, s.list.since
		}
	}
	return h.record(s, e)
}

// known records what happens to an object that is alive.
func (h *history) known(s *scope, current *object, e trace.Event) error {
	switch {
	case older(e.ResourceVersion, current.highest):
		return h.late(s, e, fmt.Sprintf("came after %s", current.highest))
	case e.Type == trace.Added:
		return h.repeated(s, current, e)
	case e.Type == trace.Modified && sameVersion(e, current):
		return h.emit(e) // a duplicate, for the trace to count
	}
	return h.record(s, e)
}

// repeated records an ADDED of a live object, as only a list sends it.
func (h *history) repeated(s *scope, current *object, e trace.Event) error {
	h.openList(s, e)
	s.list.repeated++
	changed := !sameVersion(e, current)
	if changed || s.broken {
		if err := h.openGap(s, e); err != nil {
			return err
		}
	}
	if changed {
		e.Type, e.Inferred, e.NotBefore = trace.Modified, true, s.list.since
		return h.record(s, e)
	}
	s.list.saw(e)
	return h.emit(e)
}

// foresee finds out whether a new object is the first of a list, from the lines
// behind it: then it is part of what the list implies.
func (h *history) foresee(s *scope, e trace.Event, ahead []line) error {
	if s.list != nil || len(s.objects) == 0 {
		return nil
	}
	for _, l := range ahead {
		if l.number <= s.scanned || l.event.Type != trace.Added ||
			l.event.Object.Resource != s.resource || l.event.Object.Namespace != s.namespace {
			continue
		}
		current := s.objects[l.event.Object.Name]
		if current == nil || current.Object.UID != l.event.Object.UID {
			continue
		}
		if s.broken || older(current.highest, l.event.ResourceVersion) {
			h.openList(s, e)
			return h.openGap(s, e)
		}
	}
	if len(ahead) > 0 {
		s.scanned = ahead[len(ahead)-1].number
	}
	return nil
}

// replaced records the unseen deletion of an object whose name another one has.
// If that was ADDED it may be the first of a list, otherwise nothing else is
// known to be lost.
func (h *history) replaced(s *scope, old *object, e trace.Event) error {
	single := s.list == nil && e.Type != trace.Added
	if s.list == nil {
		h.openList(s, e)
		s.list.reason = fmt.Sprintf("%s has another uid than before and no DELETED came between", e.Object)
	}
	if err := h.openGap(s, e); err != nil {
		return err
	}
	if err := h.inferDeleted(s, old, e); err != nil || !single {
		return err
	}
	return h.closeList(s)
}

// afterDeath records what arrives of an object that was deleted.
func (h *history) afterDeath(s *scope, e trace.Event, d death) error {
	if !d.inferred {
		return h.late(s, e, fmt.Sprintf("came after its deletion at %s", d.rv))
	}
	h.sink.note(fmt.Sprintf("%s is alive at resourceVersion %s although its deletion was inferred",
		e.Object, e.ResourceVersion))
	return h.record(s, e)
}

// late records what is older than what the log had already, unless it is a
// duplicate.
func (h *history) late(s *scope, e trace.Event, how string) error {
	recorded, err := h.emitKnowing(e, true)
	if err != nil || !recorded {
		return err
	}
	h.apply(s, e)
	h.sink.note(fmt.Sprintf("out of order: %s at resourceVersion %s %s; recorded as it arrived",
		e.Object, e.ResourceVersion, how))
	return nil
}

// record emits an observed event and keeps up with it.
func (h *history) record(s *scope, e trace.Event) error {
	h.apply(s, e)
	return h.emit(e)
}

// apply keeps the state of the scope.
func (h *history) apply(s *scope, e trace.Event) {
	s.last = e.Time
	s.lastRV = higher(s.lastRV, e.ResourceVersion)
	if s.list != nil {
		s.list.saw(e)
	}
	current := s.objects[e.Object.Name]
	same := current != nil && current.Object.UID == e.Object.UID
	if e.Type == trace.Deleted {
		if same {
			delete(s.objects, e.Object.Name)
		}
		if e.Object.UID != "" {
			s.dead[e.Object.UID] = death{rv: e.ResourceVersion, inferred: e.Inferred}
		}
		return
	}
	highest := e.ResourceVersion
	if same {
		highest = higher(current.highest, highest)
	}
	delete(s.dead, e.Object.UID)
	s.objects[e.Object.Name] = &object{Event: e, highest: highest}
}

// ---- lists and gaps

// openList notes that a list goes on.
func (h *history) openList(s *scope, e trace.Event) {
	if s.list == nil {
		s.list = &list{
			since:  max(1, s.safe), // 0 would mean "now" to the trace
			seen:   map[string]bool{},
			gapRV:  s.safeRV,
			reason: "the objects were listed anew",
		}
		if s.broken {
			s.list.reason = "a watch ended with an error, and the objects were listed anew"
		}
		h.open = append(h.open, s)
	}
	s.list.last, s.list.wall = e.Time, e.Wall
}

// saw notes that the list is not without this object.
func (l *list) saw(e trace.Event) {
	l.seen[e.Object.Name] = true
	l.toRV = higher(l.toRV, e.ResourceVersion)
}

// openGap declares the gap of the scope's list, once.
func (h *history) openGap(s *scope, e trace.Event) error {
	if s.list.gap != 0 {
		return nil
	}
	h.gaps++
	s.list.gap = h.gaps
	s.list.toRV = higher(s.list.toRV, e.ResourceVersion)
	return h.emitGap(s, trace.GapBegin, e)
}

// emitGap writes one side of a gap at the time of the event at.
func (h *history) emitGap(s *scope, side string, at trace.Event) error {
	return h.emit(trace.Event{
		Time:      at.Time,
		NotBefore: min(s.list.since, at.Time),
		Wall:      at.Wall,
		Source:    trace.SourceRecorder,
		Type:      trace.Gap,
		Object:    trace.Object{Resource: s.resource, Namespace: s.namespace},
		Data: mustMarshal(trace.GapRecord{
			ID: s.list.gap, Side: side, FromRV: s.list.gapRV, ToRV: s.list.toRV, Reason: s.list.reason,
		}),
	})
}

// inferDeleted records that old vanished unseen before e came.
func (h *history) inferDeleted(s *scope, old *object, e trace.Event) error {
	gone := old.Event
	gone.Type, gone.Inferred = trace.Deleted, true
	gone.Time, gone.Wall, gone.NotBefore = e.Time, e.Wall, min(s.list.since, e.Time)
	return h.record(s, gone)
}

// settle closes the lists that are over by now.
func (h *history) settle(now time.Duration, all bool) error {
	for _, s := range slices.Clone(h.open) {
		if all || now > s.list.last+listPause {
			if err := h.closeList(s); err != nil {
				return err
			}
		}
	}
	return nil
}

// closeList ends a list and records what it implies about those it left out.
func (h *history) closeList(s *scope) error {
	h.open = slices.DeleteFunc(h.open, func(o *scope) bool { return o == s })
	at := trace.Event{Wall: s.list.wall, Time: h.now}
	if s.list.gap != 0 && s.list.repeated > 0 {
		if err := h.leftOut(s, at); err != nil {
			return err
		}
	}
	if s.list.gap != 0 {
		if err := h.emitGap(s, trace.GapEnd, at); err != nil {
			return err
		}
	}
	if s.list.repeated > 0 {
		s.broken = false
	}
	s.list = nil
	return nil
}

// leftOut infers the deletion of the live objects that a list does not name, if
// there is evidence enough that it was a list of all.
func (h *history) leftOut(s *scope, at trace.Event) error {
	var left []string
	for name := range s.objects {
		if !s.list.seen[name] {
			left = append(left, name)
		}
	}
	if !s.broken && len(left) > s.list.repeated {
		h.sink.note(fmt.Sprintf("a list of %s in namespace %q repeated %d live objects and left out %d: "+
			"too little to conclude that those were deleted; kept", s.resource, s.namespace, s.list.repeated, len(left)))
		return nil
	}
	slices.Sort(left)
	for _, name := range left {
		if err := h.inferDeleted(s, s.objects[name], at); err != nil {
			return err
		}
	}
	return nil
}

// ---- resourceVersions

// sameVersion reports whether e is for certain what the log had already. Of two
// versions without UID or resourceVersion nobody can tell.
func sameVersion(e trace.Event, o *object) bool {
	return e.Object.UID != "" && e.ResourceVersion != "" && e.ResourceVersion == o.highest
}

// older reports whether a is certainly older than b. resourceVersions that are
// not numbers cannot be compared.
func older(a, b string) bool {
	c, err := resourceversion.CompareResourceVersion(a, b)
	return err == nil && c < 0
}

func higher(a, b string) string {
	if b == "" || older(b, a) {
		return a
	}
	return b
}
