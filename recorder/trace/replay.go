package trace

import (
	"errors"
	"fmt"
	"slices"
)

// record is one event as it comes out of a block.
type record struct {
	seq             uint64
	time, notBefore int64
	wall            int64
	source          Source
	typ             Type
	inferred, fresh bool
	object          uint32
	root            uint32 // path id; fresh only
	ops             []op   // those selected; paths as in leaves; old is not filled
	leaves          []leaf // the state after the event; valid until the next one
	at              int    // of ops, see unpacked
}

// replay decodes blocks one after the other and keeps the state of the objects.
type replay struct {
	start   int64 // of the trace, ns of Unix
	shared  *shared
	dict    *dictionary
	texts   *phrases
	shapes  *phrases
	objects naming
	ranks   *ranking             // nil: states keep path ids
	mask    []bool               // by path id; nil: every path is kept
	wanted  func(id uint32) bool // by object id; nil: every object is kept
	stamp   func(*record)        // called for every version that becomes live, if set
	limit   uint64               // seq of the last event to apply; 0: all
	live    map[uint32][]leaf
	ops     []op
	filled  []byte // memory for texts

	known  map[uint32]*shape // those that many blocks have, as far as they were needed
	unpack changes
	chain  map[uint32][]leaf // of version 1
}

// naming knows the objects of a trace by their ids.
type naming interface {
	count() int // of the ids, with that of none
	object(id uint32) Object
}

// touches reports whether a block is about an object that is wanted.
func (p *replay) touches(b *block) (bool, error) {
	if p.wanted == nil {
		return true, nil
	}
	return b.objects.intersects(p.wanted)
}

// run decodes one block. Events of objects that are not wanted are not visited.
// It ends with ErrStop after the event limit.
func (p *replay) run(b *block, visit func(*record) error) error { return inBlock(b, p.decode, visit) }

// inBlock visits the events of a block. Of an error that is not the visitor's it
// tells where it is.
func inBlock(b *block, each func(*block, func(*record) error) error, visit func(*record) error) error {
	var visited error
	err := each(b, func(r *record) error {
		visited = visit(r)
		return visited
	})
	if err != nil && visited == nil && !errors.Is(err, ErrStop) {
		return fmt.Errorf("events %d to %d: %w", b.first, b.last(), err)
	}
	return err
}

func (p *replay) decode(b *block, visit func(*record) error) error {
	if b.version == 1 {
		return p.decode1(b, visit)
	}
	in, err := p.unpacking(b)
	defer in.close()
	if err != nil {
		return err
	}
	rec := record{}
	for range b.count {
		wanted, err := in.next(&rec, p.ops[:0])
		if err != nil {
			return err
		}
		p.ops = rec.ops
		if err := p.deliver(&rec, wanted, visit); err != nil {
			return err
		}
	}
	return nil
}

// deliver applies the changes of an event to the state of its object, if that is
// wanted.
func (p *replay) deliver(r *record, wanted bool, visit func(*record) error) error {
	if !wanted {
		return nil
	}
	var before []leaf
	if r.fresh {
		r.leaves = make([]leaf, len(r.ops))
		for i := range r.ops {
			r.leaves[i] = leaf{r.ops[i].path, r.ops[i].new}
		}
	} else {
		before = p.live[r.object]
		r.leaves = patch(before, r.ops)
	}
	if r.typ.IsObject() {
		if len(before) == 0 || len(before) != len(r.leaves) || &before[0] != &r.leaves[0] { // else it is in place
			p.live[r.object] = r.leaves
		}
		if p.stamp != nil {
			p.stamp(r)
		}
	}
	if err := visit(r); err != nil {
		return err
	}
	p.end(r)
	return nil
}

// end lets go of an object that is gone.
func (p *replay) end(r *record) {
	if r.typ == Deleted {
		delete(p.live, r.object)
	}
}

// outline decodes the index of a block: which event is about which object.
func (p *replay) outline(b *block, visit func(i int, r *record)) error {
	err := p.eachEvent(b, visit)
	if err != nil {
		return fmt.Errorf("events %d to %d: %w", b.first, b.last(), err)
	}
	return nil
}

func (p *replay) eachEvent(b *block, visit func(i int, r *record)) error {
	if b.version == 1 {
		return p.outline1(b, visit)
	}
	ev, err := p.events(b)
	rec := record{}
	for i := 0; i < b.count && err == nil; i++ {
		if _, err = ev.next(&rec); err == nil {
			visit(i, &rec)
		}
	}
	return err
}

// patch applies changes to the leaves of a state, both sorted. It works in place
// as far as there is room.
func patch(leaves []leaf, ops []op) []leaf {
	at, come, gone := 0, 0, len(leaves)
	for i := range ops {
		o := &ops[i]
		at = seek(leaves, at, o.path)
		if at == len(leaves) || leaves[at].path != o.path {
			if o.at = -1; o.new.kind != kindAbsent {
				o.at = int32(at)
				come++
			}
			continue
		}
		o.at, o.old = -1, leaves[at].value
		if o.rel && o.old.kind == o.new.kind {
			o.new.num += o.old.num
		}
		if leaves[at].value = o.new; o.new.kind == kindAbsent {
			gone = min(gone, at)
		}
	}
	if gone < len(leaves) {
		leaves = insert(leaves, ops, come)
		kept := slices.DeleteFunc(leaves[gone:], func(l leaf) bool { return l.kind == kindAbsent })
		return leaves[:gone+len(kept)]
	}
	return insert(leaves, ops, come)
}

// insert puts the leaves that come, which are so many, where they belong.
func insert(leaves []leaf, ops []op, come int) []leaf {
	end := len(leaves)
	leaves = slices.Grow(leaves, come)[:end+come]
	for i := len(ops) - 1; come > 0; i-- {
		if o := &ops[i]; o.at >= 0 {
			copy(leaves[int(o.at)+come:], leaves[o.at:end])
			end, come = int(o.at), come-1
			leaves[end+come] = leaf{o.path, o.new}
		}
	}
	return leaves
}

// seek returns the first place from at on with a path that is not less.
func seek(leaves []leaf, at int, path uint32) int {
	step := 1
	for at+step <= len(leaves) && leaves[at+step-1].path < path {
		at += step
		step *= 2
	}
	end := min(at+step, len(leaves))
	for at < end {
		if mid := (at + end) / 2; leaves[mid].path < path {
			at = mid + 1
		} else {
			end = mid
		}
	}
	return at
}
