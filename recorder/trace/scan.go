package trace

import (
	"errors"
	"slices"
	"strings"
	"time"
)

// Selection says what Scan is to deliver. Blocks in which nothing selected
// changes are skipped without decoding.
type Selection struct {
	// Fields selects object events: added and deleted always, modified when a
	// selected field changed. Only selected fields can be read from State.
	Fields []Fields
	// Types selects events by type, whatever their source (Mark, Gap, …), with
	// their whole Data in State.
	Types []Type
}

// Fields are paths below the objects of one resource, of any version. A path is
// a sequence of keys and selects everything below it; "*" stands for any key or
// any index.
type Fields struct {
	Group    string
	Resource string
	Paths    [][]string
	Topic    Topic // of a change of one of these; 0: none
}

// Topic is a set of what changed, one bit for each that a Selection gives a name.
type Topic uint8

// EveryTopic is what a version has changed that is not compared with an earlier one.
const EveryTopic = ^Topic(0)

// Change is what Scan delivers. It is valid until visit returns.
type Change struct {
	Seq       uint64
	Time      time.Duration
	NotBefore time.Duration
	Wall      time.Time
	Source    Source
	Type      Type
	Object    *Object // same pointer for the same object throughout a scan
	Inferred  bool
	State     State // after the event; for deleted the last one
	Topics    Topic // of what changed; EveryTopic for what was added, deleted or is no object
}

// Scan calls visit for every selected event in order. It ends early, without
// an error, when visit returns ErrStop. What is kept of an object is let go behind
// the last block with changes of it.
func (r *Reader) Scan(sel Selection, visit func(*Change) error) error {
	s := &scan{
		Reader: r, visit: visit, replay: r.newReplay(), mask: r.mask(sel), topics: r.topics(sel),
		objects: map[uint32]*Object{}, last: make([]uint32, r.objects.count()), ranks: r.ranks.remembering(),
	}
	s.replay.mask = s.mask
	s.findRoots()
	blocks, err := s.touched()
	if err != nil {
		return err
	}
	ahead := s.unpackAhead(blocks)
	defer ahead.stop()
	for i := range blocks {
		u := <-ahead.ready
		if err = s.replay.play(u, s.deliver); err == nil {
			err = s.release(u.block, uint32(i))
		}
		if errors.Is(err, ErrStop) {
			return nil
		}
		if err != nil {
			return err
		}
		ahead.free <- u
	}
	return nil
}

// Ends tells for each namespace a seq behind which no event is about an object in
// it: the end of the last block with one.
func (r *Reader) Ends() (map[string]uint64, error) {
	last, ends := make([]uint64, r.objects.count()), map[string]uint64{}
	err := r.eachBlock(func(b *block) error {
		return b.objects.set(func(id uint32) bool {
			if int(id) < len(last) {
				last[id] = b.last()
			}
			return true
		})
	})
	if err != nil {
		return nil, err
	}
	for id, seq := range last {
		if seq > 0 {
			namespace := r.objects.kinds[r.objects.entries[id].kind].Namespace
			ends[namespace] = max(ends[namespace], seq)
		}
	}
	return ends, nil
}

// scan is one reading of a trace.
type scan struct {
	*Reader
	visit   func(*Change) error
	replay  *replay
	mask    []bool             // by path id
	topics  []Topic            // by rank
	roots   []uint32           // ranks of the roots of objects, by their kind; 0: none
	others  map[Type]uint32    // of other events
	objects map[uint32]*Object // those that come again
	last    []uint32           // by object id: the last of the blocks that are read with changes of it
	ranks   *ranking
	change  Change // that is delivered
}

// touched are the blocks in which something changes that is selected. It notes
// the last one of each object.
func (s *scan) touched() ([]blockRef, error) {
	var out []blockRef
	selected := func(id uint32) bool { return int(id) < len(s.mask) && s.mask[id] }
	at := 0
	err := s.eachBlock(func(b *block) error {
		ref := s.blocks[at]
		at++
		ok, err := b.paths.intersects(selected)
		if err != nil || !ok {
			return err
		}
		out = append(out, ref)
		return b.objects.set(func(id uint32) bool {
			if int(id) < len(s.last) {
				s.last[id] = uint32(len(out) - 1)
			}
			return true
		})
	})
	return out, err
}

// release lets go of the objects that do not change in a later block.
func (s *scan) release(b *block, at uint32) error {
	return b.objects.set(func(id uint32) bool {
		if int(id) < len(s.last) && s.last[id] == at {
			delete(s.objects, id)
			delete(s.replay.live, id)
		}
		return true
	})
}

// ErrStop, returned by visit, ends a Scan early.
var ErrStop = errors.New("stop the scan")

// topics tells the topics of each path, by rank.
func (r *Reader) topics(sel Selection) []Topic {
	topics := make([]Topic, len(r.dict.entries))
	for _, f := range sel.Fields {
		if f.Topic == 0 {
			continue
		}
		for id, marked := range r.mask(Selection{Fields: []Fields{f}}) {
			if marked {
				topics[r.ranks.rank[id]] |= f.Topic
			}
		}
	}
	return topics
}

// findRoots finds the roots of the paths of all kinds of events that there are.
func (s *scan) findRoots() {
	s.roots, s.others = make([]uint32, len(s.Reader.objects.kinds)), map[Type]uint32{}
	for kind, o := range s.Reader.objects.kinds {
		s.roots[kind], _ = s.ranks.under(0, string(rootKey(Added, o.Resource)))
	}
	for _, root := range s.dict.roots() {
		at := s.ranks.rank[root]
		if name, ok := strings.CutPrefix(s.ranks.step[at].key, string(rootKey("", Resource{}))); ok {
			s.others[Type(name)] = at
		}
	}
}

// rootOf returns the rank of the root of the paths of an event, 0 when none is known.
func (s *scan) rootOf(rec *record) uint32 {
	if rec.typ.IsObject() {
		return s.roots[s.Reader.objects.entries[rec.object].kind]
	}
	return s.others[rec.typ]
}

// selects reports whether an event is to be delivered, or may not be one.
func (s *scan) selects(rec *record) bool {
	root := s.rootOf(rec)
	return root == 0 || s.mask[s.ranks.id[root]] && (len(rec.ops) > 0 || rec.fresh || rec.typ == Deleted)
}

// object returns the object of an event. What it keeps does not keep the catalog.
func (s *scan) object(rec *record) *Object {
	o := s.objects[rec.object]
	if o == nil {
		made := s.Reader.objects.object(rec.object)
		made.Name, made.UID = strings.Clone(made.Name), strings.Clone(made.UID)
		o = &made
		s.objects[rec.object] = o
	}
	return o
}

func (s *scan) deliver(rec *record) error {
	if !s.selects(rec) {
		return nil
	}
	root := s.rootOf(rec)
	if root == 0 {
		return unknownPaths(rec.typ, s.Reader.objects.object(rec.object).Resource)
	}
	changed := EveryTopic
	if rec.typ == Modified && !rec.fresh {
		changed = 0
		for _, o := range rec.ops {
			changed |= s.topics[o.path]
		}
	}
	s.change = Change{
		Topics: changed,
		Seq:    rec.seq, Time: time.Duration(rec.time), NotBefore: time.Duration(rec.notBefore),
		Wall:   s.run.Start.Add(time.Duration(rec.time + rec.wall)),
		Source: rec.source, Type: rec.typ, Object: s.object(rec), Inferred: rec.inferred,
		State: State{ranks: s.ranks, node: root, leaves: rec.leaves},
	}
	return s.visit(&s.change)
}

// mask marks the paths that a selection reads, by path id. The root of a
// selected resource is marked as well: it stands for its objects' coming and
// going.
func (r *Reader) mask(sel Selection) []bool {
	mask := make([]bool, len(r.dict.entries))
	k := r.ranks
	for _, root := range r.dict.roots() {
		at := k.rank[root]
		key := k.step[at].key
		if slices.ContainsFunc(sel.Types, func(t Type) bool { return key == string(rootKey(t, Resource{})) }) {
			mask[root] = true
			k.markBelow(at, mask)
		}
		for _, f := range sel.Fields {
			if !f.selects(key) {
				continue
			}
			mask[root] = true
			for _, path := range f.Paths {
				k.markPath(at, path, mask)
			}
		}
	}
	return mask
}

// selects compares with the key of a root: group/version/resource/kind.
func (f Fields) selects(key string) bool {
	parts := splitRoot(key)
	return len(parts) == 4 && parts[0] == f.Group && parts[2] == f.Resource
}

// markBelow marks the path of this rank and everything below.
func (k *ranking) markBelow(at uint32, mask []bool) {
	for i := at; i < k.end[at]; i++ {
		mask[k.id[i]] = true
	}
}

// markPath marks what lies at path below the path of this rank.
func (k *ranking) markPath(at uint32, path []string, mask []bool) {
	if len(path) == 0 {
		k.markBelow(at, mask)
		return
	}
	for c := at + 1; c < k.end[at]; c = k.end[c] {
		if s := k.step[c]; path[0] == "*" || s.index < 0 && s.key == path[0] {
			k.markPath(c, path[1:], mask)
		}
	}
}
