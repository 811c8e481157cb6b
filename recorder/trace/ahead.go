package trace

import "slices"

// unpacked is a block with those of its events decoded that are selected. Those of
// version 1 are decoded when they are played.
type unpacked struct {
	block   *block // nil: it could not be fetched
	records []record
	ops     []op  // of the records, one after the other
	err     error // of what could not be read behind the records
}

// unpack decodes a block of version 2.
func (u *unpacked) unpack(p *replay, b *block, selects func(*record) bool) {
	if b.version == 1 {
		return
	}
	in, err := p.unpacking(b)
	defer in.close()
	if u.err = err; err != nil {
		return
	}
	for range b.count {
		n := len(u.records)
		u.records = slices.Grow(u.records, 1)[:n+1]
		r := &u.records[n]
		r.at = len(u.ops)
		if _, u.err = in.next(r, u.ops); u.err != nil {
			u.records = u.records[:n]
			return
		}
		u.ops, r.ops = r.ops, r.ops[r.at:]
		if !selects(r) {
			u.records = u.records[:n]
		}
	}
}

// each applies the changes of the events to the states of their objects.
func (u *unpacked) each(p *replay, visit func(*record) error) error {
	for i := range u.records {
		r, end := &u.records[i], len(u.ops)
		if i+1 < len(u.records) {
			end = u.records[i+1].at
		}
		r.ops = u.ops[r.at:end]
		if err := p.deliver(r, true, visit); err != nil {
			return err
		}
	}
	return u.err
}

// play is run for a block that was unpacked before.
func (p *replay) play(u *unpacked, visit func(*record) error) error {
	switch {
	case u.block == nil:
		return u.err
	case u.block.version == 1:
		return p.run(u.block, visit)
	default:
		return inBlock(u.block, func(_ *block, visit func(*record) error) error { return u.each(p, visit) }, visit)
	}
}

// ahead unpacks blocks while the one before is played.
type ahead struct {
	ready chan *unpacked // in the order of the blocks
	free  chan *unpacked // those that were played, to be used again
	quit  chan struct{}
	done  chan struct{}
}

func (s *scan) unpackAhead(blocks []blockRef) *ahead {
	const kept = 2 // one is played, one is unpacked
	a := &ahead{
		ready: make(chan *unpacked, kept), free: make(chan *unpacked, kept),
		quit: make(chan struct{}), done: make(chan struct{}),
	}
	for range kept {
		a.free <- &unpacked{}
	}
	p := s.newReplay()
	p.mask = s.mask
	go func() {
		defer close(a.done)
		for _, ref := range blocks {
			select {
			case u := <-a.free:
				u.records, u.ops = u.records[:0], u.ops[:0]
				if u.block, u.err = s.fetch(ref.bucket, key64(ref.first)); u.err == nil {
					u.unpack(p, u.block, s.selects)
				}
				a.ready <- u
			case <-a.quit:
				return
			}
		}
	}()
	return a
}

// stop ends it, and waits until nothing is read any more.
func (a *ahead) stop() {
	close(a.quit)
	<-a.done
}
