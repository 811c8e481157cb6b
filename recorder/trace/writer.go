package trace

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
)

// ErrSealed is returned when a trace that was ended in order is to be written.
var ErrSealed = errors.New("the trace is sealed: it was ended in order and is never written again")

// InvalidEvent is the error of Append for an event that can never be written;
// nothing of the call has been written then.
type InvalidEvent struct {
	Index int // in the arguments of Append
	Err   error
}

func (e *InvalidEvent) Error() string {
	return fmt.Sprintf("event %d of the batch: %v", e.Index, e.Err)
}

// Unwrap returns the reason.
func (e *InvalidEvent) Unwrap() error { return e.Err }

// Writer appends to one trace file. It is not safe for concurrent use.
//
// After an error other than *InvalidEvent the Writer refuses further calls:
// what was appended before is in the file, and Resume goes on from there.
type Writer struct {
	db       *bbolt.DB
	path     string
	run      Run
	cert     Certificate
	position Position

	dictionaries
	packer  packer
	shared  shared
	parser  parser
	live    map[uint32]*entry // as its last event left it; leaves is the state
	lastRV  map[uint32]string // of every object ever seen
	seen    map[version]bool  // filled only once something arrives out of order
	streams map[streamKey]int // index in cert.Streams
	gaps    map[int]int       // open gap by id: index in cert.Gaps

	seq     uint64
	time    int64   // of the last event, ns
	pending []entry // of the open block, in tail as well
	weight  weight  // of pending
	failed  error
}

type version struct {
	object uint32
	rv     string
}

// Position is how far a bus has been consumed.
type Position struct {
	Stream string `json:"stream"`
	Seq    uint64 `json:"seq"`
}

var writerOptions = &bbolt.Options{
	Timeout: 200 * time.Millisecond, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType,
}

// Create makes a new trace, with mode 0600. It refuses a path that exists.
// Run.Start must be set; an empty Run.ID is an error too.
func Create(path string, run Run) (*Writer, error) {
	if run.ID == "" || run.Start.IsZero() {
		return nil, errors.New("a run needs an id and a start")
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		if errors.Is(err, os.ErrExist) {
			return nil, fmt.Errorf("%s exists already and is not overwritten: name another file: %w", path, err)
		}
		return nil, fmt.Errorf("create trace: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	db, err := bbolt.Open(path, 0o600, writerOptions)
	if err != nil {
		return nil, fmt.Errorf("create trace %s: %w", path, err)
	}
	w := newWriter(db, path)
	w.run = run
	err = db.Update(func(tx *bbolt.Tx) error {
		if err := upgrade(tx); err != nil {
			return err
		}
		return w.putMeta(tx)
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("create trace %s: %w", path, err), db.Close())
	}
	return w, nil
}

func newWriter(db *bbolt.DB, path string) *Writer {
	w := &Writer{
		db: db, path: path, dictionaries: newDictionaries(),
		live: map[uint32]*entry{}, lastRV: map[uint32]string{},
		streams: map[streamKey]int{}, gaps: map[int]int{},
		cert: Certificate{Streams: []StreamCert{}, Gaps: []GapCert{}, Rejected: []Rejection{}},
	}
	w.parser.dict = w.paths
	w.shared.fetch = func(first uint64) (b *block, err error) {
		err = db.View(func(tx *bbolt.Tx) error {
			b, err = parseBlock(first, slices.Clone(tx.Bucket(bucketBlocks).Get(key64(first))))
			return err
		})
		return b, err
	}
	return w
}

// Resume opens an unsealed trace (its recorder was killed) to append to it. The
// error wraps ErrSealed or ErrFormat where that is the reason.
func Resume(path string) (*Writer, error) {
	w, err := resume(path)
	if err != nil {
		return nil, fmt.Errorf("resume %s: %w", path, err)
	}
	return w, nil
}

func resume(path string) (*Writer, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	free := tryLock(f, syscall.LOCK_EX)
	if err := f.Close(); err != nil || !free {
		return nil, errors.Join(err, errors.New("another program has it open, perhaps a recorder that still runs"))
	}
	if err := checkPages(path); err != nil {
		return nil, err
	}
	var w *Writer
	err = guard(func() error {
		db, err := bbolt.Open(path, 0o600, writerOptions)
		if err != nil {
			return err
		}
		w = newWriter(db, path)
		return w.resume()
	})
	if err != nil {
		if w != nil {
			err = errors.Join(err, w.db.Close())
		}
		return nil, err
	}
	return w, nil
}

// resume loads what the writer has in memory, and makes the file one of the
// present version.
func (w *Writer) resume() error {
	version := 0
	err := w.db.View(func(tx *bbolt.Tx) (err error) {
		if version, err = checkFormat(tx); err != nil {
			return err
		}
		for key, v := range map[string]any{
			string(keyRun): &w.run, string(keyCertificate): &w.cert, string(keyPosition): &w.position,
		} {
			if err := getJSON(tx, []byte(key), v); err != nil {
				return err
			}
		}
		if w.cert.Sealed {
			return ErrSealed
		}
		if err := w.dictionaries.load(tx, version); err != nil {
			return err
		}
		w.indexCertificate()
		return w.loadHistory(tx)
	})
	if err != nil || version == formatVersion {
		return err
	}
	return w.db.Update(upgrade)
}

func emptyBucket(tx *bbolt.Tx, name []byte) error {
	if err := tx.DeleteBucket(name); err != nil {
		return err
	}
	_, err := tx.CreateBucket(name)
	return err
}

// loadHistory replays the whole history: every object's last version, and the
// open block, which is the tail. It reads from the first event, not from a
// checkpoint, because duplicates of objects that are gone have to be recognised
// as well.
func (w *Writer) loadHistory(tx *bbolt.Tx) error {
	p := w.newReplay()
	err := eachBlock(tx, bucketBlocks, func(b *block) error {
		return p.run(b, func(r *record) error {
			e := w.restore(r)
			w.link(&e, b.first)
			return nil
		})
	})
	if err != nil {
		return err
	}
	err = eachBlock(tx, bucketTail, func(b *block) error {
		return p.run(b, func(r *record) error {
			e := w.restore(r)
			if e.fresh {
				e.leaves = slices.Clone(r.leaves)
			} else {
				e.ops = slices.Clone(r.ops)
			}
			w.pend(e)
			return nil
		})
	})
	for _, o := range w.live { // the replay changes leaves in place: ours are final
		o.leaves = slices.Clone(o.leaves)
	}
	return err
}

// restore brings the objects to the state after an event that is in the file,
// and returns the event without its content.
func (w *Writer) restore(r *record) entry {
	w.seq, w.time = r.seq, r.time
	root := w.rootOf(r)
	e := entry{
		seq: r.seq, time: r.time, notBefore: r.notBefore, wall: r.wall, source: r.source, typ: r.typ,
		inferred: r.inferred, object: r.object, root: root, fresh: r.fresh,
	}
	if !r.typ.IsObject() {
		return e
	}
	w.lastRV[r.object], _ = find(r.leaves, w.fieldsOf(root).rv).text()
	if r.typ == Deleted {
		delete(w.live, r.object)
		return e
	}
	w.remember(e, r.leaves)
	return e
}

// rootOf returns the root of the paths of an event that is in the file.
func (w *Writer) rootOf(r *record) uint32 {
	key := rootKey(r.typ, w.objects.list[r.object].Resource)
	return w.paths.children[pathKey{0, step{string(key), -1}}]
}

func (w *Writer) newReplay() *replay {
	return &replay{
		start: w.run.Start.UnixNano(), shared: &w.shared, dict: w.paths, objects: w.objects,
		texts: w.texts, shapes: w.shapes, live: map[uint32][]leaf{},
	}
}

// fields are the paths that the writer itself looks at in every object.
type fields struct{ root, rv, generation uint32 }

func (w *Writer) fieldsOf(root uint32) fields {
	children := w.paths.children
	meta := children[pathKey{root, step{"metadata", -1}}]
	if meta == 0 {
		return fields{root: root}
	}
	return fields{
		root:       root,
		rv:         children[pathKey{meta, step{"resourceVersion", -1}}],
		generation: children[pathKey{meta, step{"generation", -1}}],
	}
}

// find returns the value at path, if there is one.
func find(leaves []leaf, path uint32) value {
	i, ok := slices.BinarySearchFunc(leaves, path, func(l leaf, p uint32) int { return int(l.path) - int(p) })
	if !ok || path == 0 {
		return value{}
	}
	return leaves[i].value
}

// Append writes the events in one durable transaction (fsync), together with
// the position of the bus up to which they were consumed (nil: none). Events
// with a (gvr, uid, resourceVersion) that is in the trace already are counted
// as duplicates and left out; times before that of the last event are moved up
// to it, which NotBefore shows. It returns the number of events written. An
// event that cannot be written gives an *InvalidEvent, and nothing is written.
func (w *Writer) Append(position *Position, events ...Event) (int, error) {
	if w.failed != nil {
		return 0, w.failed
	}
	staged := make([]staged, len(events))
	for i := range events {
		if err := w.stage(&staged[i], &events[i]); err != nil {
			return 0, &InvalidEvent{Index: i, Err: err}
		}
	}
	before := len(w.pending)
	for i := range staged {
		if err := w.admit(&staged[i], &events[i]); err != nil {
			return 0, w.fail(err)
		}
	}
	if position != nil {
		w.position = *position
	}
	written := len(w.pending) - before
	if err := w.commit(before); err != nil {
		return 0, w.fail(err)
	}
	return written, nil
}

func (w *Writer) fail(err error) error {
	w.failed = fmt.Errorf("write %s: %w", w.path, err)
	return w.failed
}

// staged is an event that can be written.
type staged struct {
	entry
	change
}

// stage checks an event and takes its data apart.
func (w *Writer) stage(e *staged, ev *Event) error {
	switch {
	case ev.Type == "":
		return errors.New("it has no type")
	case ev.Type.IsObject() && (ev.Object.Resource.Resource == "" || ev.Object.Name == ""):
		return fmt.Errorf("a %s event needs a resource and a name", ev.Type)
	case ev.NotBefore > ev.Time:
		return fmt.Errorf("not before %v, but at %v", ev.NotBefore, ev.Time)
	case len(w.objects.list) >= maxObjects || w.paths.full():
		return fmt.Errorf("the trace is full: it holds %d objects and %d paths", len(w.objects.list), len(w.paths.entries))
	}
	if err := checkPayload(ev); err != nil {
		return err
	}
	e.entry = entry{
		time: int64(ev.Time), notBefore: int64(ev.NotBefore), source: ev.Source, typ: ev.Type,
		inferred: ev.Inferred, root: w.paths.child(0, rootKey(ev.Type, ev.Object.Resource)),
	}
	if e.notBefore == 0 {
		e.notBefore = e.time
	}
	if !ev.Wall.IsZero() {
		e.wall = int64(ev.Wall.Sub(w.run.Start)) - e.time
	}
	return w.parse(e, ev)
}

// parse takes the data of an event apart.
func (w *Writer) parse(e *staged, ev *Event) (err error) {
	data := []byte(ev.Data)
	if len(data) == 0 {
		data = []byte("null")
	}
	if !ev.Type.IsObject() {
		e.entry.leaves, err = w.parser.parse(e.root, data)
		return err
	}
	if e.change, err = w.parser.change(ev.Object, e.root, data); err != nil {
		return err
	}
	if e.isScalar(e.root) {
		return fmt.Errorf("the data of a %s event must be a JSON object with fields", ev.Type)
	}
	return nil
}

// admit gives a staged event its place in the history, unless it is a
// duplicate.
func (w *Writer) admit(e *staged, ev *Event) error {
	e.object = w.objects.id(ev.Object)
	if e.time < w.time {
		e.wall -= w.time - e.time
		e.time = w.time
	}
	if !e.typ.IsObject() {
		e.fresh = true
		w.enter(&e.entry)
		w.certifyOther(&e.entry, ev)
		return nil
	}
	previous := w.live[e.object]
	if err := w.rebase(e, ev, previous); err != nil {
		return err
	}
	rv := w.versionOf(e, previous)
	stream := w.stream(ev.Object)
	duplicate, late, err := w.isDuplicate(&e.entry, ev.Object.UID, rv)
	if err != nil {
		return err
	}
	if duplicate {
		stream.Duplicates++
		return nil
	}
	if late {
		stream.OutOfOrder++
	}
	w.lastRV[e.object] = rv
	if w.seen != nil {
		w.seen[version{e.object, rv}] = true
	}
	e.fresh = previous == nil
	if e.fresh {
		e.entry.leaves = e.change.leaves
	} else {
		e.ops = e.difference(previous.leaves)
	}
	w.enter(&e.entry)
	certifyObject(stream, &e.entry, rv)
	w.keep(e, ev, previous)
	return nil
}

// rebase makes sure that what is known of an event is all of it, or the difference
// from the state that its object has in the history: a text that was parsed before
// it may have been a duplicate, or refused together with its batch.
func (w *Writer) rebase(e *staged, ev *Event, previous *entry) (err error) {
	if e.base == 0 || previous != nil && e.text.applied == e.base {
		return nil
	}
	e.base = 0
	e.change.leaves, err = w.parser.parse(e.root, ev.Data)
	return err
}

// versionOf returns the resourceVersion of an event.
func (w *Writer) versionOf(e *staged, previous *entry) string {
	var leaves []leaf
	if previous != nil {
		leaves = previous.leaves
	}
	rv, _ := e.find(leaves, w.fieldsOf(e.root).rv).text()
	return rv
}

func (w *Writer) enter(e *entry) {
	w.seq++
	e.seq = w.seq
	w.time = e.time
	w.pend(*e)
}

// keep remembers the state of an object after an event, unless that was its end.
func (w *Writer) keep(e *staged, ev *Event, previous *entry) {
	if e.typ == Deleted {
		delete(w.live, e.object)
		w.parser.known.forget(ev.Object)
		return
	}
	leaves := e.change.leaves
	if e.base != 0 {
		leaves = after(previous.leaves, e.ops, e.text.owned)
	}
	e.text.applied, e.text.owned = e.version, !e.fresh
	w.remember(e.entry, leaves)
}

// remember sets the state of an object.
func (w *Writer) remember(e entry, leaves []leaf) {
	live := w.live[e.object]
	if live == nil {
		live = &entry{}
		w.live[e.object] = live
	}
	e.links, e.linked = live.links, live.linked
	e.ops, e.leaves, e.fresh = nil, leaves, true
	*live = e
}

// pend adds an entry to the open block.
func (w *Writer) pend(e entry) {
	w.pending = append(w.pending, e)
	w.weight.add(&e)
}

// isDuplicate reports whether this version is in the trace already, and
// whether a newer one is.
func (w *Writer) isDuplicate(e *entry, uid, rv string) (duplicate, late bool, err error) {
	last, known := w.lastRV[e.object]
	if uid == "" || rv == "" || !known {
		return false, false, nil
	}
	if alive := w.live[e.object] != nil; e.typ == Deleted && alive {
		return false, false, nil // a deletion may repeat the version that it ends
	}
	if rv == last {
		return true, false, nil
	}
	if compareVersions(rv, last) > 0 {
		return false, false, nil
	}
	if w.seen == nil {
		if err := w.loadSeen(); err != nil {
			return false, false, err
		}
	}
	return w.seen[version{e.object, rv}], true, nil
}

// compareVersions compares resourceVersions as Kubernetes defines it since
// 1.35: decimal numbers without leading zeros.
func compareVersions(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	for i := range a {
		if a[i] != b[i] {
			return int(a[i]) - int(b[i])
		}
	}
	return 0
}

// loadSeen collects every version in the trace. It is needed only once
// something older than known arrives, which a watch never does by itself.
func (w *Writer) loadSeen() error {
	w.seen = map[version]bool{}
	mask := make([]bool, len(w.paths.entries))
	for _, root := range w.paths.roots() {
		mask[w.fieldsOf(root).rv] = true
	}
	note := func(object uint32, leaves []leaf, root uint32) {
		if rv, ok := find(leaves, w.fieldsOf(root).rv).text(); ok {
			w.seen[version{object, rv}] = true
		}
	}
	for _, e := range w.pending {
		for _, o := range e.ops {
			if rv, ok := o.new.text(); ok && o.path == w.fieldsOf(e.root).rv {
				w.seen[version{e.object, rv}] = true
			}
		}
		note(e.object, e.leaves, e.root)
	}
	p := w.newReplay()
	p.mask = mask
	return w.db.View(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{bucketBlocks, bucketTail} {
			err := eachBlock(tx, name, func(b *block) error {
				return p.run(b, func(r *record) error {
					if r.typ.IsObject() {
						note(r.object, r.leaves, w.rootOf(r))
					}
					return nil
				})
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// roots returns the paths without a parent.
func (d *dictionary) roots() []uint32 {
	var roots []uint32
	for id := 1; id < len(d.entries); id++ {
		if d.entries[id].parent == 0 {
			roots = append(roots, uint32(id))
		}
	}
	return roots
}

// commit writes the entries of pending from index before on, as a piece of the
// tail or, when enough are waiting, all of them as a block.
func (w *Writer) commit(before int) error {
	full := w.weight.full()
	err := w.db.Update(func(tx *bbolt.Tx) error {
		if full {
			if err := w.putBlocks(tx); err != nil {
				return err
			}
		} else if fresh := w.pending[before:]; len(fresh) > 0 {
			piece := w.pack(fresh, packing{encoder: tailEncoder})
			if err := tx.Bucket(bucketTail).Put(key64(fresh[0].seq), piece); err != nil {
				return err
			}
		}
		if err := w.put(tx, tailEncoder); err != nil {
			return err
		}
		return w.putMeta(tx)
	})
	if err == nil && full {
		w.pending, w.weight = w.pending[:0], weight{}
	}
	return err
}

// putBlocks writes all pending entries, as one block if they are not too many
// for that, and empties the tail.
func (w *Writer) putBlocks(tx *bbolt.Tx) error {
	for rest := w.pending; len(rest) > 0; {
		n, all := 0, weight{}
		for n < len(rest) && !all.full() {
			all.add(&rest[n])
			n++
		}
		if err := w.putBlock(tx, rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	if len(w.pending) == 0 {
		return nil
	}
	return emptyBucket(tx, bucketTail)
}

// putBlock writes one block, and a checkpoint of the objects that are due.
func (w *Writer) putBlock(tx *bbolt.Tx, entries []entry) error {
	blocks := tx.Bucket(bucketBlocks)
	blocks.FillPercent = 0.95
	first, last := entries[0].seq, entries[len(entries)-1].seq
	encoded := w.pack(entries, packing{learn: true, encoder: blockEncoder})
	if err := blocks.Put(key64(first), encoded); err != nil {
		return err
	}
	for i := range entries {
		w.link(&entries[i], first)
	}
	return w.putCheckpoint(tx, entries, last)
}

// link counts the blocks since the last one, or the last checkpoint, that has the
// whole state of an object: so many must be read to know it. The event lies in
// the block with this first seq.
func (w *Writer) link(e *entry, first uint64) {
	live := w.live[e.object]
	if !e.typ.IsObject() || live == nil {
		return
	}
	if e.fresh {
		live.links, live.linked = 1, first
	} else if live.linked != first {
		live.links, live.linked = live.links+1, first
	}
}

// putCheckpoint writes the states of those objects among the entries that too
// many blocks would have to be read for.
func (w *Writer) putCheckpoint(tx *bbolt.Tx, entries []entry, last uint64) error {
	var due []entry
	all := weight{}
	for i := range entries {
		live := w.live[entries[i].object]
		if live != nil && live.links >= checkpointLinks && live.seq <= last && !all.full() {
			live.links = 0
			all.add(live)
			due = append(due, *live)
		}
	}
	if len(due) == 0 {
		return nil
	}
	slices.SortFunc(due, func(a, b entry) int { return cmp.Compare(a.object, b.object) })
	encoded := w.pack(due, packing{ownSeq: true, encoder: blockEncoder})
	return tx.Bucket(bucketCheckpoints).Put(checkpointKey(last), encoded)
}

func (w *Writer) putMeta(tx *bbolt.Tx) error {
	w.cert.Events, w.cert.Duration = w.seq, max(w.cert.Duration, w.time)
	if err := putJSON(tx, keyRun, w.run); err != nil {
		return err
	}
	if err := putJSON(tx, keyCertificate, w.cert); err != nil {
		return err
	}
	return putJSON(tx, keyPosition, w.position)
}

// Position returns the last one written, zero when none was.
func (w *Writer) Position() Position { return w.position }

// Run returns the run.
func (w *Writer) Run() Run { return w.run }

// SetRun replaces the run information with the next Append or Seal; ID, Origin
// and Start stay.
func (w *Writer) SetRun(run Run) {
	run.ID, run.Origin, run.Start = w.run.ID, w.run.Origin, w.run.Start
	w.run = run
}

// Live calls visit for every object that exists at the end of the trace, with
// its last version: what a relist is compared with. Order: first met first.
func (w *Writer) Live(visit func(o Object, resourceVersion string, data json.RawMessage) error) error {
	ranks, err := w.paths.rank()
	if err != nil {
		return err
	}
	for id, o := range w.objects.list {
		live := w.live[uint32(id)]
		if live == nil {
			continue
		}
		leaves := make([]leaf, len(live.leaves))
		for i, l := range live.leaves {
			leaves[i] = leaf{ranks.rank[l.path], l.value}
		}
		slices.SortFunc(leaves, func(a, b leaf) int { return int(a.path) - int(b.path) })
		data, err := render(nil, State{ranks: ranks, node: ranks.rank[live.root], leaves: leaves})
		if err != nil {
			return err
		}
		if err := visit(*o, w.lastRV[uint32(id)], data); err != nil {
			return err
		}
	}
	return nil
}

// Seal ends the trace in order: the certificate, a digest over everything, and
// a compaction into a new file that replaces this one atomically. The trace is
// never written again. Where the disk is too full to compact, the sealed trace
// stays as it is.
func (w *Writer) Seal(end string) (Certificate, error) {
	if w.failed != nil {
		return w.cert, w.failed
	}
	w.cert.Sealed, w.cert.End = true, end
	err := w.db.Update(func(tx *bbolt.Tx) error {
		if err := w.putBlocks(tx); err != nil {
			return err
		}
		if err := w.putWhole(tx, blockEncoder); err != nil { // instead of a chunk for every commit
			return err
		}
		if err := w.putMeta(tx); err != nil {
			return err
		}
		sum, err := digest(tx)
		if err != nil {
			return err
		}
		return tx.Bucket(bucketMeta).Put(keyDigest, []byte(sum))
	})
	if err != nil {
		return w.cert, w.fail(err)
	}
	w.failed = ErrSealed
	compacted := w.compact()
	if err := w.db.Close(); err != nil {
		return w.cert, fmt.Errorf("seal %s: %w", w.path, err)
	}
	if compacted == nil {
		if err := trim(w.compactPath()); err != nil {
			return w.cert, fmt.Errorf("seal %s: %w", w.path, err)
		}
		if err := os.Rename(w.compactPath(), w.path); err != nil {
			return w.cert, fmt.Errorf("seal %s: %w", w.path, err)
		}
		return w.cert, syncDir(filepath.Dir(w.path))
	}
	return w.cert, nil
}

func (w *Writer) compactPath() string { return w.path + ".sealing" }

func (w *Writer) compact() error {
	if err := os.RemoveAll(w.compactPath()); err != nil {
		return err
	}
	dst, err := bbolt.Open(w.compactPath(), 0o600, &bbolt.Options{NoFreelistSync: true, NoSync: true})
	if err != nil {
		return err
	}
	err = bbolt.Compact(dst, w.db, 0)
	if err == nil {
		err = dst.Sync()
	}
	if err = errors.Join(err, dst.Close()); err != nil {
		_ = os.Remove(w.compactPath()) // the sealed trace itself is complete
	}
	return err
}

// trim cuts off what bbolt has allocated ahead: nothing is written any more.
func trim(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	m, err := readMeta(f)
	if err == nil {
		err = f.Truncate(int64(m.pages) * m.pageSize)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Close leaves the file readable and resumable without sealing it. After Seal
// it does nothing.
func (w *Writer) Close() error {
	if errors.Is(w.failed, ErrSealed) {
		return nil
	}
	w.failed = errors.New("the writer is closed")
	return w.db.Close()
}
