package trace

import (
	"errors"
	"slices"
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
	Object    *Object // same pointer for the same object throughout a reader's life
	Inferred  bool
	State     State // after the event; for deleted the last one
	Topics    Topic // of what changed; EveryTopic for what was added, deleted or is no object
}

// Scan calls visit for every selected event in order. It ends early, without
// an error, when visit returns ErrStop.
func (r *Reader) Scan(sel Selection, visit func(*Change) error) error {
	p := r.newReplay()
	p.mask = r.mask(sel)
	topics := r.topics(sel)
	selected := func(id uint32) bool { return int(id) < len(p.mask) && p.mask[id] }
	for _, ref := range r.blocks {
		b, err := r.fetch(ref.bucket, key64(ref.first))
		if err != nil {
			return err
		}
		if ok, err := b.paths.intersects(selected); err != nil {
			return err
		} else if !ok {
			continue
		}
		err = p.run(b, func(rec *record) error { return r.deliver(rec, p.mask, topics, visit) })
		if errors.Is(err, ErrStop) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
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

func (r *Reader) deliver(rec *record, mask []bool, topics []Topic, visit func(*Change) error) error {
	object := r.objects.list[rec.object]
	root, err := r.root(rec.typ, object.Resource)
	if err != nil {
		return err
	}
	if !mask[r.ranks.id[root]] || len(rec.ops) == 0 && !rec.fresh && rec.typ != Deleted {
		return nil
	}
	changed := EveryTopic
	if rec.typ == Modified && !rec.fresh {
		changed = 0
		for _, o := range rec.ops {
			changed |= topics[o.path]
		}
	}
	return visit(&Change{
		Topics: changed,
		Seq:    rec.seq, Time: time.Duration(rec.time), NotBefore: time.Duration(rec.notBefore),
		Wall:   r.run.Start.Add(time.Duration(rec.time + rec.wall)),
		Source: rec.source, Type: rec.typ, Object: object, Inferred: rec.inferred,
		State: State{ranks: r.ranks, node: root, leaves: rec.leaves},
	})
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
