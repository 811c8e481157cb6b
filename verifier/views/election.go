package views

import "slices"

// election is a time during which the wanted primary is another than the
// present one, with what came of it.
type election struct {
	Begin          moment   `json:"begin"`
	Wanted         int64    `json:"wanted"`
	From           string   `json:"from"`
	To             string   `json:"to"`
	Crash          bool     `json:"crash"`
	Ended          bool     `json:"ended"`
	End            moment   `json:"end"`
	TimelineBefore int64    `json:"timeline_before"`
	TimelineAfter  int64    `json:"timeline_after"`
	Next           moment   `json:"next"`
	Choices        []choice `json:"choices"`
}

// choice is an instance that was made the wanted primary.
type choice struct {
	moment
	Instance    string `json:"instance"`
	Ready       bool   `json:"ready"`
	ReadyBefore int64  `json:"ready_before_ns"`
	ReadyAfter  int64  `json:"ready_after_ns"`
}

// elections lists when the primary was to be another one, in order, up to the
// end of the cluster. A target that comes back to the present primary for a
// while is part of the same election.
func (s *stage) elections() []election {
	out := []election{}
	open := -1
	var last health
	for _, p := range s.cluster.health {
		if !s.covers(p.moment) {
			break
		}
		differs := p.Current != "" && p.Target != "" && p.Current != p.Target
		again := len(out) > 0 && out[len(out)-1].To == p.Current && out[len(out)-1].From == p.Current
		switch {
		case differs && open < 0 && again:
			open = len(out) - 1
			out[open].Ended, out[open].End, out[open].To = false, moment{}, ""
		case differs && open < 0:
			if open = len(out); open > 0 {
				out[open-1].Next = p.moment
			}
			out = append(out, election{
				Begin: p.moment, Wanted: p.Wanted, From: p.Current, TimelineBefore: last.Timeline, Choices: []choice{},
			})
		case !differs && open >= 0:
			out[open].Ended, out[open].End, out[open].To = true, p.moment, p.Current
			open = -1
		}
		if open >= 0 && p.Target != last.Target {
			out[open].choose(p, s.pods)
		}
		if n := len(out); n > 0 {
			out[n-1].TimelineAfter = p.Timeline
		}
		last = p.health
	}
	return out
}

func (e *election) choose(p healthPoint, pods []*pod) {
	if p.Target == pendingPrimary {
		e.Crash = true
		return
	}
	c := choice{moment: p.moment, Instance: p.Target, ReadyBefore: -1, ReadyAfter: -1}
	for _, o := range pods {
		if o.instance == p.Target {
			c.look(o)
		}
	}
	e.Choices = append(e.Choices, c)
}

// look notes when this pod of the chosen instance was ready, before and after.
func (c *choice) look(p *pod) {
	for i, o := range p.points {
		if !o.ready || o.leaving {
			continue
		}
		end := p.gone
		if i+1 < len(p.points) {
			end = p.points[i+1].moment
		}
		switch {
		case c.before(o.moment):
			if c.ReadyAfter < 0 {
				c.ReadyAfter = o.NS
			}
		case end.isZero() || c.before(end):
			c.Ready, c.ReadyBefore, c.ReadyAfter = true, c.NS, c.NS
		default:
			c.ReadyBefore = max(c.ReadyBefore, end.NS)
		}
	}
}

// writer is an instance that was found not to be in recovery on a timeline: by
// a read that asked it, or by a write that it acknowledged.
type writer struct {
	Instance string `json:"instance"`
	Timeline int64  `json:"timeline"`
	First    moment `json:"first"`
	Last     moment `json:"last"`
	Answers  int    `json:"answers"`
}

// writersOf lists who was writable, in order of the first answer.
func (h *history) writersOf(k *cluster) []writer {
	out := []writer{}
	for _, e := range k.sentinels {
		if !e.writable || e.instance == "" || e.timeline == 0 {
			continue
		}
		i := slices.IndexFunc(out, func(w writer) bool { return w.Instance == e.instance && w.Timeline == e.timeline })
		if i < 0 {
			i = len(out)
			out = append(out, writer{Instance: e.instance, Timeline: e.timeline, First: e.moment})
		}
		out[i].Last = e.moment
		out[i].Answers++
	}
	return out
}
