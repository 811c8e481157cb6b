package views

import (
	"cmp"
	"slices"
)

// shrink is an operation that makes the claims of a group smaller: from the
// first claim that is lowered, or created smaller than the one of the same
// instance before it, until all have the same request.
type shrink struct {
	Role       string       `json:"role"`
	Tablespace string       `json:"tablespace"`
	Met        string       `json:"met"`
	Begin      moment       `json:"begin"`
	Intended   bool         `json:"intended"`
	From       int64        `json:"from"`
	Target     int64        `json:"target"`
	Used       int64        `json:"used"`
	Closed     bool         `json:"closed"`
	End        moment       `json:"end"`
	Steps      []shrinkStep `json:"steps"`
}

type shrinkStep struct {
	moment
	Volume   string `json:"volume"`
	Instance string `json:"instance"`
	How      string `json:"how"`
	From     int64  `json:"from"`
	To       int64  `json:"to"`
	Used     int64  `json:"used"`
}

// How a claim becomes smaller.
const (
	howLowered   = "lowered"
	howRecreated = "recreated"
)

// claimStep is a version of a claim, or its going.
type claimStep struct {
	moment
	volume *volume
	point  *volumePoint // nil: it goes
}

// shrinksOf walks through the versions of the group's claims.
func (s *story) shrinksOf(g volumeGroup) []shrink {
	var steps []claimStep
	for _, v := range g.volumes {
		for i := range v.points {
			steps = append(steps, claimStep{v.points[i].moment, v, &v.points[i]})
		}
		if !v.left.isZero() {
			steps = append(steps, claimStep{v.left, v, nil})
		}
	}
	slices.SortStableFunc(steps, func(a, b claimStep) int { return cmp.Compare(a.Seq, b.Seq) })
	var out []shrink
	open := -1
	live := map[*volume]volumePoint{}
	lastOf := map[string]int64{} // instance → request of its latest claim
	for _, step := range steps {
		if !step.before(g.until) {
			break
		}
		v := step.volume
		if step.point == nil {
			delete(live, v)
		} else {
			_, known := live[v]
			before := lastOf[v.instance]
			live[v], lastOf[v.instance] = *step.point, step.point.request
			if falls := step.point.request < before && (known || v.created); falls {
				if open < 0 {
					out = append(out, s.newShrink(g, step.moment, before))
					open = len(out) - 1
				}
				out[open].Steps = append(out[open].Steps, s.shrinkStep(g, step, known, before))
			}
		}
		if open >= 0 && out[open].settle(live, step.moment) {
			open = -1
		}
	}
	return out
}

func (s *story) newShrink(g volumeGroup, m moment, before int64) shrink {
	o := shrink{
		Role: g.key.role, Tablespace: g.key.tablespace, Begin: m, From: before, Target: before, Used: -1,
		Steps: []shrinkStep{},
	}
	for _, v := range g.volumes {
		if !m.before(v.from) && (v.left.isZero() || m.before(v.left) || v.left.Seq == m.Seq) {
			o.Used = max(o.Used, s.usedAt(g, v.name, m))
		}
	}
	for _, p := range g.known.sizings {
		if p.before(m) {
			o.Intended = p.Effective > 0 && p.Effective < before
		}
	}
	for i, b := range g.known.blocks {
		inForce := !m.before(b.moment) && (i+1 == len(g.known.blocks) || m.before(g.known.blocks[i+1].moment))
		if ceiling := max(b.Limit, b.Size); inForce && ceiling > 0 && ceiling < before {
			o.Intended = true
		}
	}
	return o
}

// usedAt is how many bytes of a claim were used as last measured before m; -1
// when that is unknown.
func (s *story) usedAt(g volumeGroup, volume string, m moment) int64 {
	for _, p := range slices.Backward(s.samples[g.entity()]) {
		if p.Volume == volume && p.NS < m.NS {
			return p.Used
		}
	}
	return -1
}

func (s *story) shrinkStep(g volumeGroup, step claimStep, known bool, before int64) shrinkStep {
	out := shrinkStep{
		moment: step.moment, Volume: step.volume.name, Instance: step.volume.instance, How: howRecreated,
		From: before, To: step.point.request, Used: s.usedAt(g, step.volume.name, step.moment),
	}
	if known {
		out.How = howLowered
	}
	return out
}

// settle takes over the lowest request, and closes the operation when all live
// claims have the same one and room for it.
func (o *shrink) settle(live map[*volume]volumePoint, m moment) bool {
	if len(live) == 0 {
		return false
	}
	var low, high int64
	fits, first := true, true
	for _, p := range live {
		if first {
			low, high, first = p.request, p.request, false
		}
		low, high = min(low, p.request), max(high, p.request)
		fits = fits && p.capacity >= p.request && !p.resizing
	}
	o.Target = min(o.Target, low)
	if low != high || !fits {
		return false
	}
	o.Closed, o.End = true, m
	return true
}
