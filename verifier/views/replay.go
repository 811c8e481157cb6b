package views

import (
	"cmp"
	"slices"
)

// replay walks through the change points of one volume group in the order of
// the trace and writes down what the document says of them together.
type replay struct {
	group volumeGroup
	doc   *storageDocument
	live  []*volume // in order of appearance
	at    map[*volume]volumePoint
	spec  int // index into doc.Specs, -1 before the first
	state int // index into doc.Statuses
	open  *operation
	// limitPeak is the highest request when the present mode and limit came in force.
	limitPeak int64
}

func newReplay(g volumeGroup, d *storageDocument) *replay {
	return &replay{group: g, doc: d, at: map[*volume]volumePoint{}, spec: -1, state: -1}
}

// step is one change point; volume is set for those of claims.
type step struct {
	moment
	spec   *blockPoint
	status *sizingPoint
	volume *volume
	point  *volumePoint // nil: the volume leaves
}

// steps lists the change points up to the group's end, in the order of the
// trace. Of one event, the spec comes first.
func (r *replay) steps() []step {
	var out []step
	known := r.group.known
	for i := range known.blocks {
		out = append(out, step{moment: known.blocks[i].moment, spec: &known.blocks[i]})
	}
	for i := range known.sizings {
		out = append(out, step{moment: known.sizings[i].moment, status: &known.sizings[i]})
	}
	for _, v := range r.group.volumes {
		for i := range v.points {
			if v.left.isZero() || v.points[i].before(v.left) {
				out = append(out, step{moment: v.points[i].moment, volume: v, point: &v.points[i]})
			}
		}
		if !v.left.isZero() {
			out = append(out, step{moment: v.left, volume: v})
		}
	}
	out = slices.DeleteFunc(out, func(s step) bool { return r.group.isBeyond(s.moment) })
	slices.SortStableFunc(out, func(a, b step) int { return cmp.Compare(a.Seq, b.Seq) })
	return out
}

func (r *replay) run() {
	steps := r.steps()
	for i, s := range steps {
		switch {
		case s.spec != nil:
			r.takeSpec(s.spec)
		case s.status != nil:
			r.state = len(r.doc.Statuses)
			r.doc.Statuses = append(r.doc.Statuses, statusPoint{s.moment, s.status.sizing})
		case s.point != nil:
			r.takePoint(s.volume, *s.point)
		default:
			r.takeLoss(s.volume, s.moment)
		}
		if i+1 == len(steps) || steps[i+1].Seq != s.Seq {
			r.note(s.moment)
		}
	}
	r.finish()
}

func (r *replay) takeSpec(p *blockPoint) {
	last := r.doc.Specs
	if len(last) == 0 || last[len(last)-1].Mode != p.Mode || last[len(last)-1].Limit != p.Limit {
		r.limitPeak = r.peak(nil)
	}
	r.spec = len(r.doc.Specs)
	r.doc.Specs = append(r.doc.Specs, storageSpec{
		moment: p.moment, Generation: p.generation, block: p.block, LimitPeak: r.limitPeak,
	})
}

// peak returns the highest request of the live volumes other than v, 0 when there is none.
func (r *replay) peak(v *volume) int64 {
	var peak int64
	for _, o := range r.live {
		if o != v {
			peak = max(peak, r.at[o].request)
		}
	}
	return peak
}

func (r *replay) takePoint(v *volume, p volumePoint) {
	before, known := r.at[v]
	request := requestPoint{
		moment: p.moment, Volume: v.name, UID: v.uid, Instance: v.instance, How: howChanged,
		From: before.request, To: p.request, Peak: r.peak(v), Spec: r.spec, Inferred: p.inferred, Restored: v.restored,
	}
	if r.state >= 0 {
		request.Effective = r.doc.Statuses[r.state].Effective
	}
	switch {
	case !known && v.created:
		request.How = howCreated
	case !known:
		request.How = howListed
	case before.request == p.request:
		request.How = howRewrite
	}
	if !known {
		request.Siblings = len(r.live)
		r.live = append(r.live, v)
	} else {
		request.Siblings = len(r.live) - 1
	}
	r.at[v] = p
	if !known || before.text != p.text {
		r.doc.Requests = append(r.doc.Requests, request)
	}
	rises := known && p.request > before.request
	found := !known && !v.created && p.capacity > 0 && (p.capacity < p.request || p.resizing)
	if r.open == nil && (rises || found) {
		r.open = &operation{Begin: p.moment, BeginKnown: rises, From: before.request}
	}
	if r.open != nil {
		r.open.Steps = append(r.open.Steps, operationStep{
			moment: p.moment, Volume: v.name, Request: p.request, Capacity: p.capacity, Resizing: p.resizing,
		})
		r.open.Target = max(r.open.Target, r.peak(nil))
		r.closeIfDone(p.moment, closedBySize)
	}
}

func (r *replay) takeLoss(v *volume, m moment) {
	r.live = slices.DeleteFunc(r.live, func(o *volume) bool { return o == v })
	delete(r.at, v)
	if r.open != nil && len(r.live) > 0 {
		r.closeIfDone(m, closedByLoss)
	}
}

// closeIfDone ends the open operation when every live volume has the capacity
// of the highest request and none shows an expansion.
func (r *replay) closeIfDone(m moment, by string) {
	peak := r.peak(nil)
	for _, v := range r.live {
		if p := r.at[v]; p.capacity < peak || p.resizing {
			return
		}
	}
	r.open.Closed, r.open.ClosedBy, r.open.End = true, by, m
	r.doc.Operations = append(r.doc.Operations, *r.open)
	r.open = nil
}

// note writes down how things stand from m on.
func (r *replay) note(m moment) {
	span := storageSpan{
		moment: m, Spec: r.spec, Status: r.state, Open: r.open != nil, Peak: r.peak(nil), Volumes: []volumeSpan{},
	}
	for i, v := range r.live {
		p := r.at[v]
		if i == 0 || p.request < span.Low {
			span.Low = p.request
		}
		span.Capacity = max(span.Capacity, p.capacity)
		actual := int64(-1)
		if r.state >= 0 {
			if size, ok := r.actualSizes()[v.instance]; ok {
				actual = size
			}
		}
		span.Volumes = append(span.Volumes, volumeSpan{
			Volume: v.name, Instance: v.instance, Request: p.request, Capacity: p.capacity,
			Resizing: p.resizing, Status: p.status, Actual: actual,
		})
	}
	if n := len(r.doc.Spans); n > 0 {
		r.doc.Spans[n-1].UntilNS, r.doc.Spans[n-1].UntilNotBefore = m.NS, m.NotBefore
	}
	r.doc.Spans = append(r.doc.Spans, span)
}

func (r *replay) actualSizes() map[string]int64 { return r.group.known.sizings[r.state].actual }

func (r *replay) finish() {
	if n := len(r.doc.Spans); n > 0 {
		last := &r.doc.Spans[n-1]
		last.Last, last.UntilNS, last.UntilNotBefore = true, r.group.until.NS, r.group.until.NotBefore
	}
	if r.open != nil {
		r.doc.Operations = append(r.doc.Operations, *r.open)
	}
}
