package trace

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"os"
	"slices"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
)

// Reader reads a trace file, also one that is being written: then it sees a
// consistent snapshot, taken when it was opened. It is safe for concurrent use.
type Reader struct {
	db      *bbolt.DB
	temp    string // the snapshot to remove, if any
	size    int64
	run     Run
	cert    Certificate
	stored  string // digest, when sealed
	dict    *dictionary
	ranks   *ranking
	objects *catalog
	texts   phrases
	shapes  phrases
	shared  shared
	blocks  []blockRef
	states  []stateRef // checkpoints
	lives   func() (*lives, error)
}

// stateRef is what the reader keeps in memory of a checkpoint, or a part of one.
type stateRef struct {
	key []byte
	seq uint64 // it is the state after this event
}

// blockRef is what the reader keeps in memory of a block.
type blockRef struct {
	bucket   []byte
	first    uint64
	count    int
	from, to int64
}

func (b blockRef) last() uint64 { return b.first + uint64(b.count) - 1 }

// Open opens a trace for reading. The error wraps ErrFormat when the file is
// not a trace, is damaged, or has a format that this program does not know.
func Open(path string) (*Reader, error) {
	r, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return r, nil
}

func open(path string) (*Reader, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // and with it the lock
	r := &Reader{}
	r.lives = sync.OnceValues(r.indexLives)
	r.shared.fetch = func(first uint64) (*block, error) { return r.fetch(bucketBlocks, key64(first)) }
	if !tryLock(f, syscall.LOCK_SH) { // a recorder is writing
		if r.temp, err = snapshot(f); err != nil {
			return nil, err
		}
		path = r.temp
	}
	if err := r.openFile(path); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (r *Reader) openFile(path string) error {
	if err := checkPages(path); err != nil {
		return err
	}
	return guard(func() error {
		db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: time.Second})
		if err != nil {
			return fmt.Errorf("%w: %v", ErrFormat, err)
		}
		r.db = db
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		r.size = info.Size()
		return db.View(r.load)
	})
}

// load reads everything but the history.
func (r *Reader) load(tx *bbolt.Tx) error {
	version, err := checkFormat(tx)
	if err != nil {
		return err
	}
	if err := getJSON(tx, keyRun, &r.run); err != nil {
		return err
	}
	if err := getJSON(tx, keyCertificate, &r.cert); err != nil {
		return err
	}
	r.stored = string(tx.Bucket(bucketMeta).Get(keyDigest))
	r.dict = newDictionary()
	if err = loadChunks(tx.Bucket(bucketPaths), r.dict.load); err != nil {
		return fmt.Errorf("paths: %w", err)
	}
	if r.objects, err = loadCatalog(tx); err != nil {
		return err
	}
	if err = loadPhrases(tx, version, &r.texts, &r.shapes); err != nil {
		return err
	}
	if r.ranks, err = r.dict.rank(); err != nil {
		return err
	}
	if err := r.indexBlocks(tx); err != nil {
		return err
	}
	return tx.Bucket(bucketCheckpoints).ForEach(func(k, _ []byte) error {
		if len(k) != 16 {
			return fmt.Errorf("%w: a checkpoint key has %d bytes", ErrFormat, len(k))
		}
		seq := seqOf(k)
		if seq == math.MaxUint64 {
			seq = seqOf(k[8:])
		}
		r.states = append(r.states, stateRef{slices.Clone(k), seq})
		return nil
	})
}

// indexBlocks reads the heads of all blocks and makes sure that they follow
// each other without a hole.
func (r *Reader) indexBlocks(tx *bbolt.Tx) error {
	next := uint64(1)
	err := eachOfHistory(tx, func(bucket []byte, b *block) error {
		if b.first != next {
			return fmt.Errorf("%w: event %d follows event %d: blocks are missing", ErrFormat, b.first, next-1)
		}
		next += uint64(b.count)
		r.blocks = append(r.blocks, blockRef{bucket, b.first, b.count, b.from, b.to})
		return nil
	})
	if err != nil {
		return err
	}
	if r.cert.Events != next-1 {
		return fmt.Errorf("%w: it certifies %d events and holds %d", ErrFormat, r.cert.Events, next-1)
	}
	return nil
}

// eachBlock visits the blocks of the history, in order. They are valid until visit
// returns.
func (r *Reader) eachBlock(visit func(*block) error) error {
	return guard(func() error {
		return r.db.View(func(tx *bbolt.Tx) error {
			return eachOfHistory(tx, func(_ []byte, b *block) error { return visit(b) })
		})
	})
}

func seqOf(key []byte) uint64 {
	if len(key) < 8 {
		return 0
	}
	return binary.BigEndian.Uint64(key)
}

// Close releases the file.
func (r *Reader) Close() error {
	var err error
	r.shared.close()
	if r.db != nil {
		err = r.db.Close()
	}
	if r.temp != "" {
		err = errors.Join(err, os.Remove(r.temp))
	}
	return err
}

// Run returns what was recorded, by whom and when.
func (r *Reader) Run() Run { return r.run }

// Certificate returns the proof of what was seen.
func (r *Reader) Certificate() Certificate { return r.cert }

// Digest identifies the content: "sha256:" and 64 hex digits. It is stored when
// a trace is sealed (Verify checks it) and computed before.
func (r *Reader) Digest() (string, error) {
	if r.stored != "" {
		return r.stored, nil
	}
	return r.computeDigest()
}

func (r *Reader) computeDigest() (sum string, err error) {
	err = guard(func() error {
		return r.db.View(func(tx *bbolt.Tx) error {
			var err error
			sum, err = digest(tx)
			return err
		})
	})
	return sum, err
}

// Stats are figures about the file.
type Stats struct {
	Bytes       int64  `json:"bytes"`       // of the file
	Events      uint64 `json:"events"`      // in the history
	Blocks      int    `json:"blocks"`      // sealed ones and pieces of the tail
	Checkpoints int    `json:"checkpoints"` // whole states of objects, for time travel
	Objects     int    `json:"objects"`     // entries of the object dictionary
	Paths       int    `json:"paths"`       // entries of the path dictionary
}

// Stats returns figures about the file.
func (r *Reader) Stats() Stats {
	return Stats{
		Bytes: r.size, Events: r.cert.Events, Blocks: len(r.blocks), Checkpoints: len(r.states),
		Objects: r.objects.count() - 1, Paths: len(r.dict.entries) - 1,
	}
}

// Objects returns every object the trace ever saw, first met first.
func (r *Reader) Objects() []Object {
	var all []Object
	for id := uint32(1); id < uint32(r.objects.count()); id++ {
		if o := r.objects.object(id); o.Name != "" {
			all = append(all, o)
		}
	}
	return all
}

// fetch copies a value out of the file, so that nothing that is decoded later
// touches the mapping, and locates its parts.
func (r *Reader) fetch(bucket, key []byte) (b *block, err error) {
	err = guard(func() error {
		return r.db.View(func(tx *bbolt.Tx) error {
			var err error
			b, err = parseBlock(seqOf(key), slices.Clone(tx.Bucket(bucket).Get(key)))
			return err
		})
	})
	return b, err
}

func (r *Reader) newReplay() *replay {
	return &replay{
		start: r.run.Start.UnixNano(), shared: &r.shared, dict: r.dict, ranks: r.ranks, objects: r.objects,
		texts: &r.texts, shapes: &r.shapes, live: map[uint32][]leaf{},
	}
}

// Events yields every event from seq from (0 or 1: all) in order, with Data. An
// error ends the sequence.
func (r *Reader) Events(from uint64) iter.Seq2[Event, error] {
	return r.events(from, nil)
}

// History yields the events of the objects that match, in order, with Data. An
// error ends the sequence.
func (r *Reader) History(match func(Object) bool) iter.Seq2[Event, error] {
	return r.events(0, r.matching(match))
}

func (r *Reader) events(from uint64, wanted func(uint32) bool) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		p := r.newReplay()
		p.wanted = wanted
		err := r.walk(p, max(from, 1), r.cert.Events, func(rec *record) error {
			if rec.seq < from {
				return nil
			}
			ev, err := r.event(rec)
			if err != nil {
				return err
			}
			if !yield(ev, nil) {
				return ErrStop
			}
			return nil
		})
		if err != nil && !errors.Is(err, ErrStop) {
			yield(Event{}, err)
		}
	}
}

// walk replays the blocks with the events first to last, leaving out those
// without a wanted object. It begins with the first event of a block.
func (r *Reader) walk(p *replay, first, last uint64, visit func(*record) error) error {
	p.limit = last
	start := sort.Search(len(r.blocks), func(i int) bool { return r.blocks[i].last() >= first })
	met := make([]bool, r.objects.count())
	for _, ref := range r.blocks[start:] {
		if ref.first > last {
			break
		}
		b, err := r.fetch(ref.bucket, key64(ref.first))
		if err != nil {
			return err
		}
		if touched, err := p.touches(b); err != nil {
			return err
		} else if !touched {
			continue
		}
		if start > 0 { // what lived before and is met for the first time has a state
			if err := r.meet(p, b, r.blocks[start].first-1, met); err != nil {
				return err
			}
		}
		if err := p.run(b, visit); err != nil {
			return err
		}
	}
	return nil
}

// meet restores the objects of a block that are not among those met.
func (r *Reader) meet(p *replay, b *block, seq uint64, met []bool) error {
	var fresh []uint32
	err := b.objects.set(func(id uint32) bool {
		if int(id) < len(met) && !met[id] && (p.wanted == nil || p.wanted(id)) {
			met[id] = true
			fresh = append(fresh, id)
		}
		return true
	})
	if err != nil {
		return err
	}
	before := r.newReplay()
	before.live, before.mask = p.live, p.mask
	return r.restore(before, seq, fresh)
}

// matching returns a test for object ids. A nil match accepts everything.
func (r *Reader) matching(match func(Object) bool) func(uint32) bool {
	if match == nil {
		return nil
	}
	const no, yes = 1, 2
	known := make([]uint8, r.objects.count()) // most objects are never met on the way
	return func(id uint32) bool {
		if known[id] == 0 {
			known[id] = no
			if id > 0 && match(r.objects.object(id)) {
				known[id] = yes
			}
		}
		return known[id] == yes
	}
}

// event renders a record.
func (r *Reader) event(rec *record) (Event, error) {
	ev := Event{
		Seq: rec.seq, Time: time.Duration(rec.time), NotBefore: time.Duration(rec.notBefore),
		Wall:   r.run.Start.Add(time.Duration(rec.time + rec.wall)),
		Source: rec.source, Type: rec.typ, Object: r.objects.object(rec.object), Inferred: rec.inferred,
	}
	root, err := r.root(rec.typ, ev.Object.Resource)
	if err != nil {
		return ev, err
	}
	ev.Data, err = render(nil, State{ranks: r.ranks, node: root, leaves: rec.leaves})
	if err != nil {
		return ev, fmt.Errorf("event %d: %w", rec.seq, err)
	}
	ev.ResourceVersion, ev.Generation = r.versionOf(root, rec.leaves)
	return ev, nil
}

// root returns the rank of the root of the paths of an event.
func (r *Reader) root(typ Type, resource Resource) (uint32, error) {
	root, ok := r.ranks.under(0, string(rootKey(typ, resource)))
	if !ok {
		return 0, unknownPaths(typ, resource)
	}
	return root, nil
}

func unknownPaths(typ Type, resource Resource) error {
	return fmt.Errorf("%w: no paths are known for %s events of %q", ErrFormat, typ, resource)
}

func (r *Reader) versionOf(root uint32, leaves []leaf) (rv string, generation int64) {
	metadata := State{ranks: r.ranks, node: root, leaves: leaves}.At("metadata")
	generation, _ = metadata.At("generation").Int()
	return metadata.At("resourceVersion").String(), generation
}

// SeqAt returns the seq of the last event at or before t, 0 when there is none.
func (r *Reader) SeqAt(t time.Duration) (uint64, error) {
	i := sort.Search(len(r.blocks), func(i int) bool { return r.blocks[i].from > int64(t) })
	if i == 0 {
		return 0, nil
	}
	ref := r.blocks[i-1]
	if ref.to <= int64(t) {
		return ref.last(), nil
	}
	b, err := r.fetch(ref.bucket, key64(ref.first))
	if err != nil {
		return 0, err
	}
	p := r.newReplay()
	p.mask = make([]bool, len(r.dict.entries)) // only the times matter
	seq := ref.first
	err = p.run(b, func(rec *record) error {
		if rec.time > int64(t) {
			return ErrStop
		}
		seq = rec.seq
		return nil
	})
	if err != nil && !errors.Is(err, ErrStop) {
		return 0, err
	}
	return seq, nil
}

// Version is one recorded state of one object.
type Version struct {
	Object
	Seq             uint64        // of the event that left it so
	Time            time.Duration // of that event
	ResourceVersion string
	Generation      int64
	Data            json.RawMessage // canonical JSON
}

// StateAt returns the objects that exist after event seq and that match. A nil
// match means all. Order: resource, namespace, name, uid.
func (r *Reader) StateAt(seq uint64, match func(Object) bool) ([]Version, error) {
	var ids []uint32
	for id := uint32(1); id < uint32(r.objects.count()); id++ {
		if match == nil || match(r.objects.object(id)) {
			ids = append(ids, id)
		}
	}
	return r.stateOf(seq, ids)
}

// StateIn is StateAt for the objects of one namespace.
func (r *Reader) StateIn(seq uint64, namespace string, match func(Object) bool) ([]Version, error) {
	l, err := r.lives()
	if err != nil {
		return nil, err
	}
	ids := l.namespaces[namespace]
	if match != nil {
		ids = slices.DeleteFunc(slices.Clone(ids), func(id uint32) bool { return !match(r.objects.object(id)) })
	}
	return r.stateOf(seq, ids)
}

// StateOf returns one object as it was after event seq, nil if it did not exist.
func (r *Reader) StateOf(seq uint64, o Object) (*Version, error) {
	l, err := r.lives()
	if err != nil {
		return nil, err
	}
	ids := l.namespaces[o.Namespace]
	i := slices.IndexFunc(ids, func(id uint32) bool { return r.objects.object(id) == o })
	if i < 0 {
		return nil, nil
	}
	versions, err := r.stateOf(seq, ids[i:i+1])
	if err != nil || len(versions) == 0 {
		return nil, err
	}
	return &versions[0], nil
}

func (r *Reader) stateOf(seq uint64, ids []uint32) ([]Version, error) {
	p := r.newReplay()
	type stamp struct {
		seq  uint64
		time int64
	}
	stamps := map[uint32]stamp{}
	p.stamp = func(rec *record) { stamps[rec.object] = stamp{rec.seq, rec.time} }
	if err := r.restore(p, min(seq, r.cert.Events), ids); err != nil {
		return nil, err
	}
	versions := make([]Version, 0, len(p.live))
	for id, leaves := range p.live {
		v := Version{Object: r.objects.object(id), Seq: stamps[id].seq, Time: time.Duration(stamps[id].time)}
		root, err := r.root(Modified, v.Object.Resource)
		if err != nil {
			return nil, err
		}
		if v.Data, err = render(nil, State{ranks: r.ranks, node: root, leaves: leaves}); err != nil {
			return nil, fmt.Errorf("%s: %w", v.Object, err)
		}
		v.ResourceVersion, v.Generation = r.versionOf(root, leaves)
		versions = append(versions, v)
	}
	slices.SortFunc(versions, func(a, b Version) int { return compareObjects(a.Object, b.Object) })
	return versions, nil
}

func compareObjects(a, b Object) int {
	if c := strings.Compare(a.String(), b.String()); c != 0 {
		return c
	}
	return strings.Compare(a.UID, b.UID)
}

// Verify reads everything and checks every checksum, that every object can be
// rendered as JSON, and the digest of a sealed trace.
func (r *Reader) Verify() error {
	if r.stored != "" {
		sum, err := r.computeDigest()
		if err != nil {
			return err
		}
		if sum != r.stored {
			return fmt.Errorf("%w: its digest is %s, but its content has %s", ErrFormat, r.stored, sum)
		}
	}
	for _, ref := range r.states {
		if err := r.runCheckpoint(r.newReplay(), ref); err != nil {
			return err
		}
	}
	for ev, err := range r.Events(0) {
		if err != nil {
			return err
		}
		if !json.Valid(ev.Data) {
			return fmt.Errorf("%w: the data of event %d is not JSON", ErrFormat, ev.Seq)
		}
	}
	return nil
}
