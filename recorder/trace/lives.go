package trace

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
)

// lives says where each object changed: what has to be read to know its state at
// a moment. It is made when it is first needed, from the index sections alone.
type lives struct {
	touches    []touch
	first      []uint32 // by object id: its first one in touches; one more at the end
	states     map[uint32][]uint32
	namespaces map[string][]uint32 // ids of the objects
}

// touch is a block with changes of an object.
type touch struct {
	block uint32 // index in Reader.blocks
	last  uint32 // index in the block, of the last change
	fresh bool   // its whole state is there, so that nothing before is needed
	gone  bool   // it was deleted by the last change
}

// indexLives reads the index of every block, and which objects are in checkpoints.
func (r *Reader) indexLives() (*lives, error) {
	l := &lives{
		first: make([]uint32, r.objects.count()+1), states: map[uint32][]uint32{},
		namespaces: map[string][]uint32{},
	}
	for id := uint32(1); id < uint32(r.objects.count()); id++ {
		namespace := r.objects.object(id).Namespace
		l.namespaces[namespace] = append(l.namespaces[namespace], id)
	}
	type met struct {
		object uint32
		touch
	}
	var all []met
	latest := make([]uint32, r.objects.count()) // by object: its last one in all, +1
	p := r.newReplay()
	for i, ref := range r.blocks {
		b, err := r.fetch(ref.bucket, key64(ref.first))
		if err != nil {
			return nil, err
		}
		start := uint32(len(all))
		err = p.outline(b, func(n int, rec *record) {
			if !rec.typ.IsObject() {
				return
			}
			at := latest[rec.object]
			if at <= start {
				all = append(all, met{rec.object, touch{block: uint32(i)}})
				at = uint32(len(all))
				latest[rec.object] = at
				l.first[rec.object]++
			}
			t := &all[at-1].touch
			t.last, t.fresh, t.gone = uint32(n), t.fresh || rec.fresh, rec.typ == Deleted
		})
		if err != nil {
			return nil, err
		}
	}
	total := uint32(0)
	for id, n := range l.first {
		l.first[id] = total
		total += n
	}
	l.touches = make([]touch, total)
	next := slices.Clone(l.first)
	for _, m := range all {
		l.touches[next[m.object]] = m.touch
		next[m.object]++
	}
	return l, r.indexStates(l)
}

func (r *Reader) indexStates(l *lives) error {
	for i, ref := range r.states {
		b, err := r.fetch(bucketCheckpoints, ref.key)
		if err == nil {
			err = b.objects.set(func(id uint32) bool {
				l.states[id] = append(l.states[id], uint32(i))
				return true
			})
		}
		if err != nil {
			return fmt.Errorf("checkpoint after event %d: %w", ref.seq, err)
		}
	}
	return nil
}

// restore brings the states of the objects to what they were after event seq. It
// reads nothing but the blocks with their changes, from the last one that has
// them whole, or from the last checkpoint that has them.
func (r *Reader) restore(p *replay, seq uint64, ids []uint32) error {
	if len(ids) == 0 {
		return nil
	}
	l, err := r.lives()
	if err != nil {
		return err
	}
	plan := plan{from: make(map[uint32]uint64, len(ids)), reads: map[uint64]read{}}
	kinds := map[uint32]bool{}
	for _, id := range ids {
		r.plan(plan, l, id, seq)
		kinds[r.objects.entries[id].kind] = true
	}
	if p.mask == nil {
		p.mask = r.pathsOf(kinds)
	}
	for _, at := range slices.Sorted(maps.Keys(plan.reads)) {
		read := plan.reads[at]
		p.limit = read.last
		p.wanted = func(id uint32) bool {
			from, ok := plan.from[id]
			return ok && from <= at
		}
		if at%2 == 0 {
			err = r.runBlock(p, r.blocks[read.index])
		} else {
			err = r.runCheckpoint(p, r.states[read.index])
		}
		if err != nil && !errors.Is(err, ErrStop) {
			return err
		}
	}
	return nil
}

// plan says what is to be read for some objects. The place of a block in the order
// of reading is twice its first seq, that of a checkpoint is behind twice its seq.
type plan struct {
	from  map[uint32]uint64 // by object: the place where its whole state is
	reads map[uint64]read   // by place
}

type read struct {
	index uint32 // in Reader.blocks or Reader.states
	last  uint64 // seq of the last event that is needed
}

// pathsOf marks the paths of some kinds of objects.
func (r *Reader) pathsOf(kinds map[uint32]bool) []bool {
	mask := make([]bool, len(r.dict.entries))
	for kind := range kinds {
		if root, known := r.ranks.under(0, string(rootKey(Modified, r.objects.kinds[kind].Resource))); known {
			r.ranks.markBelow(root, mask)
		}
	}
	return mask
}

// plan adds what has to be read to know an object as it was after event seq.
func (r *Reader) plan(plan plan, l *lives, id uint32, seq uint64) {
	touches := l.touches[l.first[id]:l.first[id+1]]
	touches = touches[:sort.Search(len(touches), func(i int) bool { return r.blocks[touches[i].block].first > seq })]
	states := l.states[id]
	states = states[:sort.Search(len(states), func(i int) bool { return r.states[states[i]].seq > seq })]
	for i := len(touches) - 1; i >= 0; i-- {
		t, first := touches[i], r.blocks[touches[i].block].first
		last := first + uint64(t.last)
		if t.gone && last <= seq {
			return
		}
		if len(states) > 0 && r.states[states[len(states)-1]].seq >= first {
			break
		}
		plan.from[id] = 2 * first
		known := plan.reads[2*first]
		plan.reads[2*first] = read{t.block, max(known.last, min(last, seq))}
		if t.fresh && last <= seq {
			return
		}
	}
	if len(states) > 0 {
		index := states[len(states)-1]
		at := 2*r.states[index].seq + 1
		plan.from[id] = at
		plan.reads[at] = read{index, seq}
	}
}

func (r *Reader) runBlock(p *replay, ref blockRef) error {
	b, err := r.fetch(ref.bucket, key64(ref.first))
	if err != nil {
		return err
	}
	return p.run(b, func(*record) error { return nil })
}

func (r *Reader) runCheckpoint(p *replay, ref stateRef) error {
	b, err := r.fetch(bucketCheckpoints, ref.key)
	if err == nil {
		err = p.decode(b, func(*record) error { return nil })
	}
	if err != nil && !errors.Is(err, ErrStop) {
		return fmt.Errorf("checkpoint after event %d: %w", ref.seq, err)
	}
	return nil
}
