package timeline

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/verifier/evidence"
)

const (
	eventsMax  = 150_000  // events that a page has of one trace: 12 bits of it each
	detailsMax = 64 << 20 // bytes of details that are held while reading, before they are compressed
	batchSize  = 1024     // events that are rated and detailed at once
	fieldsMax  = 40       // changed fields of one event
	valueMax   = 300      // characters of one value
	linesMax   = 3        // lines of words of one event
)

// class says how dear an event is when a page has no room for all.
type class int

// The classes, dearest first.
const (
	classEvidence class = iota
	classChange
	classNews
	classSentinel
	classBookkeeping
)

var classNames = map[class]string{
	classEvidence: "evidence of findings", classChange: "changes of objects, marks and gaps",
	classNews: "Kubernetes Events, log lines, usage and reads", classSentinel: "writes of the sentinel",
	classBookkeeping: "heartbeats, bookmarks and other bookkeeping",
}

// entry is one event on its way into the page.
type entry struct {
	seq         uint64
	time, early int64 // µs
	object, typ int
	flags       int
	class       class
	detail      json.RawMessage
}

// collector reads the events of a trace.
type collector struct {
	t        *Timeline
	evidence []uint64 // of violations, sorted
	doubts   []uint64 // and of doubts and diagnoses
	objects  map[trace.Object]int
	types    map[trace.Type]int
	last     map[trace.Object]json.RawMessage
	entries  []entry
	batch    []arrival // events that are still to be described
	busy     []arrival // events that the workers describe
	workers  sync.WaitGroup
	held     int   // bytes of details
	limit    class // details of this class and of dearer ones are held
}

// arrival is an event with what the events before it make of it.
type arrival struct {
	entry
	event  trace.Event
	before json.RawMessage // the previous version of its object
	met    bool            // the object had an event before
}

func micros(d time.Duration) int64 { return d.Microseconds() }

// collect reads all events into the timeline. evidence and doubts are the events
// that violations name, and those that doubts and diagnoses do.
func (t *Timeline) collect(r *trace.Reader, evidence, doubts []uint64) error {
	c := collector{
		t: t, evidence: evidence, doubts: doubts, objects: map[trace.Object]int{},
		types: map[trace.Type]int{}, last: map[trace.Object]json.RawMessage{}, limit: classBookkeeping,
	}
	for e, err := range r.Events(0) {
		if err != nil {
			return fmt.Errorf("read the events: %w", err)
		}
		c.add(e)
	}
	c.take()
	c.hand()
	c.take()
	c.keep()
	return nil
}

func (c *collector) add(e trace.Event) {
	a := arrival{event: e, before: c.last[e.Object]}
	_, a.met = c.objects[e.Object]
	a.entry = entry{
		seq: e.Seq, time: micros(e.Time), early: micros(e.Time - e.NotBefore), object: c.object(e), typ: c.typeOf(e.Type),
	}
	if e.Type.IsObject() {
		c.last[e.Object] = e.Data
		if e.Type == trace.Deleted {
			delete(c.last, e.Object)
		}
	}
	if c.batch = append(c.batch, a); len(c.batch) == batchSize {
		c.take()
		c.hand()
	}
}

// hand gives the batch to workers, one for each processor, while reading goes on.
func (c *collector) hand() {
	c.batch, c.busy = c.busy, c.batch
	processors := runtime.GOMAXPROCS(0)
	for part := range slices.Chunk(c.busy, len(c.busy)/processors+1) {
		c.workers.Go(func() {
			for i := range part {
				c.describe(&part[i])
			}
		})
	}
}

// take takes over, in order, what the workers describe.
func (c *collector) take() {
	c.workers.Wait()
	for _, a := range c.busy {
		if a.class > c.limit {
			a.detail = nil
		}
		c.held += len(a.detail)
		c.entries = append(c.entries, a.entry)
		for c.held > detailsMax && c.limit > classEvidence {
			c.release()
		}
	}
	c.busy = c.busy[:0]
}

// describe rates an event and tells it; workers call it.
func (c *collector) describe(a *arrival) {
	changes := evidence.Changes(a.event, a.before)
	a.class, a.flags = c.rate(a.event, changes)
	if a.class <= c.limit {
		a.detail = detailOf(a.event, a.before, changes, a.met)
	}
}

// release gives up the details of the least dear class that has some.
func (c *collector) release() {
	for i := range c.entries {
		if x := &c.entries[i]; x.class == c.limit {
			c.held -= len(x.detail)
			x.detail = nil
		}
	}
	c.limit--
}

func (c *collector) typeOf(t trace.Type) int {
	i, known := c.types[t]
	if !known {
		i = len(c.t.Types)
		c.types[t] = i
		c.t.Types = append(c.t.Types, string(t))
	}
	return i
}

// object notes the event in the life of its object.
func (c *collector) object(e trace.Event) int {
	if e.Object == (trace.Object{}) {
		return -1
	}
	i, known := c.objects[e.Object]
	if !known {
		i = len(c.t.Objects)
		c.objects[e.Object] = i
		c.t.Objects = append(c.t.Objects, Object{
			Resource: e.Object.Resource.String(), Kind: e.Object.Kind, Namespace: e.Object.Namespace,
			Name: e.Object.Name, UID: e.Object.UID, From: micros(e.Time), Ending: -1, Until: -1,
		})
	}
	o := &c.t.Objects[i]
	switch {
	case e.Type == trace.Deleted:
		o.Until = micros(e.Time)
	case e.Type.IsObject() && o.Ending < 0:
		if evidence.Member(evidence.Member(e.Data, "metadata"), "deletionTimestamp") != nil {
			o.Ending = micros(e.Time)
		}
	}
	return i
}

// rate says how dear an event is, and its flags.
func (c *collector) rate(e trace.Event, changes []evidence.Change) (class, int) {
	flags := 0
	if e.Inferred {
		flags |= flagInferred
	}
	if warns(e) {
		flags |= flagWarning
	}
	kind := classNews
	switch {
	case e.Type == trace.Bookmark || len(changes) > 0 && len(evidence.Telling(changes)) == 0:
		kind = classBookkeeping
		flags |= flagBookkeeping
	case e.Type.IsObject() && e.Object.Resource.Resource == "events":
	case e.Type.IsObject() || e.Type == trace.Mark || e.Type == trace.Gap || e.Type == trace.Stream:
		kind = classChange
	case e.Type == "sentinel.failed" || e.Type == "sentinel.unknown":
		kind = classChange
	case e.Type == "sentinel.invoked" || e.Type == "sentinel.acknowledged":
		kind = classSentinel
	}
	if _, named := slices.BinarySearch(c.evidence, e.Seq); named {
		kind = classEvidence
		flags |= flagEvidence
	}
	if _, named := slices.BinarySearch(c.doubts, e.Seq); named {
		kind = classEvidence
		flags |= flagDoubt
	}
	return kind, flags
}

// warns reports whether the event itself says that something is wrong.
func warns(e trace.Event) bool {
	switch e.Type {
	case "sentinel.failed", "sentinel.unknown", "sentinel.unreachable", "usage.unavailable", "log.gap":
		return true
	case "log":
		level := string(evidence.Member(e.Data, "level"))
		return level == `"error"` || level == `"warning"` || level == `"panic"` || level == `"fatal"`
	}
	return e.Object.Resource.Resource == "events" && string(evidence.Member(e.Data, "type")) == `"Warning"`
}

// keep chooses the events of the page and writes their columns.
func (c *collector) keep() {
	dear := c.byWorth()
	for _, i := range dear[min(len(dear), eventsMax):] {
		c.entries[i].object = gone
	}
	left := map[class]*LeftOut{}
	var lastSeq uint64
	var lastTime int64
	ev := &c.t.Events
	for _, x := range c.entries {
		if x.object == gone || x.detail == nil {
			if left[x.class] == nil {
				left[x.class] = &LeftOut{What: classNames[x.class]}
			}
			if x.object == gone {
				left[x.class].Events++
				continue
			}
			left[x.class].Detail++
		}
		if x.early > 0 {
			ev.Early = append(ev.Early, int64(len(ev.Seq)), x.early)
		}
		ev.Seq, lastSeq = append(ev.Seq, int64(x.seq-lastSeq)), x.seq
		ev.Time, lastTime = append(ev.Time, x.time-lastTime), x.time
		ev.Object, ev.Type = append(ev.Object, x.object), append(ev.Type, x.typ)
		ev.Flags = append(ev.Flags, x.flags)
		c.t.details = append(c.t.details, x.detail)
	}
	for k := classEvidence; k <= classBookkeeping; k++ {
		if left[k] != nil {
			c.t.LeftOut = append(c.t.LeftOut, *left[k])
		}
	}
}

// gone marks an entry that the page does not have.
const gone = -2

// byWorth returns the indices of the entries, the dearest first: by class, and
// within a class those that are nearest to the evidence of a finding.
func (c *collector) byWorth() []int {
	order := make([]int, len(c.entries))
	distance := make([]uint64, len(c.entries))
	for i, x := range c.entries {
		order[i], distance[i] = i, c.distance(x.seq)
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(c.entries[a].class, c.entries[b].class), cmp.Compare(distance[a], distance[b]))
	})
	return order
}

// distance is how far the nearest evidence is; without any, all are equally far.
func (c *collector) distance(seq uint64) uint64 {
	best := uint64(1) << 63
	for _, named := range [][]uint64{c.evidence, c.doubts} {
		i := sort.Search(len(named), func(i int) bool { return named[i] >= seq })
		if i < len(named) {
			best = min(best, named[i]-seq)
		}
		if i > 0 {
			best = min(best, seq-named[i-1])
		}
	}
	return best
}

// detail is what the page tells of an event when it is asked.
type detail struct {
	Words   []string    `json:"w"`
	Version string      `json:"v,omitempty"` // resourceVersion
	UID     string      `json:"u,omitempty"` // of the object, with its first event
	Changes [][3]string `json:"c,omitempty"` // path, before, after; "" where it was or is not there
	More    int         `json:"m,omitempty"` // further changed fields
	Writers []writer    `json:"by,omitempty"`
}

// writer is who wrote a version, as the API server notes it in managedFields.
type writer struct {
	Manager     string `json:"manager"`
	Operation   string `json:"operation"`
	Subresource string `json:"subresource,omitempty"`
	Time        string `json:"time"`
}

func detailOf(e trace.Event, before json.RawMessage, changes []evidence.Change, met bool) json.RawMessage {
	d := detail{Words: evidence.Words(e, changes), Version: e.ResourceVersion}
	if !e.Type.IsObject() {
		changes = evidence.Diff(json.RawMessage("{}"), e.Data) // what the event says
		d.Words = saying(e.Type, evidence.Members(e.Data), d.Words)
	}
	d.Words = d.Words[:min(len(d.Words), linesMax)]
	changes = slices.DeleteFunc(slices.Clone(changes), func(c evidence.Change) bool {
		return strings.HasPrefix(c.Path, "metadata.managedFields")
	})
	for _, change := range changes[:min(len(changes), fieldsMax)] {
		d.Changes = append(d.Changes, [3]string{change.Path, cut(change.Before), cut(change.After)})
	}
	if !met {
		d.UID = e.Object.UID
	}
	d.More = max(0, len(changes)-fieldsMax)
	if e.Type.IsObject() && e.Type != trace.Deleted {
		d.Writers = writersOf(before, e.Data)
	}
	text, err := json.Marshal(d)
	if err != nil {
		return nil // unreachable: strings and numbers only
	}
	return text
}

// saying puts the telling members of a mark or of a line of a log into words.
func saying(kind trace.Type, members map[string]json.RawMessage, words []string) []string {
	var names []string
	switch kind {
	case trace.Mark:
		names = []string{"phase", "name", "side", "note", "spec", "scenario", "outcome"}
	case "log":
		names = []string{"level", "msg"}
	}
	var parts []string
	for _, name := range names {
		var text string
		if json.Unmarshal(members[name], &text) == nil && text != "" {
			parts = append(parts, text)
		}
	}
	if len(parts) == 0 {
		return words
	}
	return []string{strings.Join(parts, " · ")}
}

// cut shortens a value in JSON.
func cut(value json.RawMessage) string {
	if utf8.RuneCount(value) <= valueMax {
		return string(value)
	}
	return string([]rune(string(value))[:valueMax-1]) + "…"
}

// writersOf returns whose entries in managedFields are new or changed.
func writersOf(before, after json.RawMessage) []writer {
	old, now := managedFields(before), managedFields(after)
	if bytes.Equal(old, now) {
		return nil
	}
	known := map[string]bool{}
	for _, entry := range evidence.Elements(old) {
		known[string(entry)] = true
	}
	var all []writer
	for _, entry := range evidence.Elements(now) {
		if known[string(entry)] {
			continue
		}
		members := evidence.Members(entry) // what it wrote is long, and not asked for
		all = append(all, writer{
			Manager: evidence.Text(members["manager"]), Operation: evidence.Text(members["operation"]),
			Subresource: evidence.Text(members["subresource"]), Time: evidence.Text(members["time"]),
		})
	}
	// An object that is new to the recorder has all of them: the last one wrote it.
	slices.SortStableFunc(all, func(a, b writer) int { return cmp.Compare(b.Time, a.Time) })
	return slices.DeleteFunc(all, func(w writer) bool { return w.Time != all[0].Time })
}

func managedFields(object json.RawMessage) json.RawMessage {
	return evidence.Member(evidence.Member(object, "metadata"), "managedFields")
}
