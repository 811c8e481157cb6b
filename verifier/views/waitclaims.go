package views

import (
	"slices"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// expansionWait is a claim in one stage of an expansion.
type expansionWait struct {
	waitInterval
	Claim      string      `json:"claim"`
	Instance   string      `json:"instance"`
	Role       string      `json:"role"`
	Volume     string      `json:"volume"`
	Stage      string      `json:"stage"`
	Request    int64       `json:"request"`
	Capacity   int64       `json:"capacity"`
	Infeasible bool        `json:"infeasible"`
	Errors     []waitError `json:"errors"`
}

// podlessWait is a claim that no pod uses, while nothing about that changes.
type podlessWait struct {
	waitInterval
	Claim     string   `json:"claim"`
	Instance  string   `json:"instance"`
	Role      string   `json:"role"`
	Lists     []string `json:"lists"`
	Pending   bool     `json:"file_system_resize_pending"`
	Resizing  bool     `json:"resizing"`
	Suspended bool     `json:"suspended"`
}

// The stages of an expansion.
const (
	stageRequested  = "requested"  // nobody has taken it up
	stageController = "controller" // the volume itself
	stagePending    = "node_pending"
	stageNode       = "node" // the file system
)

// waitClaim is one life of a claim of a cluster.
type waitClaim struct {
	*volume
	gone   moment
	points []claimPoint
}

type claimPoint struct {
	moment
	claimState
}

type claimState struct {
	request, capacity int64
	stage             string
	pending, resizing bool // conditions
	infeasible        bool
	err               string
}

func (w *waiting) observeClaim(h *history, c *trace.Change) {
	v := h.volumeOf[c.Object]
	if v == nil {
		return
	}
	k := w.claims[c.Object]
	if k == nil {
		k = &waitClaim{volume: v}
		w.claims[c.Object] = k
		v.owner.waitClaims = append(v.owner.waitClaims, k)
		w.claimsNamed[v.namespace+"/"+v.name] = append(w.claimsNamed[v.namespace+"/"+v.name], k)
	}
	if c.Type == trace.Deleted {
		k.gone = momentOf(c)
		return
	}
	next := claimStateOf(c.State)
	if n := len(k.points); n == 0 || k.points[n-1].claimState != next {
		k.points = append(k.points, claimPoint{momentOf(c), next})
	}
}

// claimStateOf reads the stage of an expansion from the allocated-resource
// status, which resizers that can recover write, else from the conditions.
func claimStateOf(s trace.State) claimState {
	out := claimState{
		request:  quantity(textOf(s.At("spec", "resources", "requests", "storage"))),
		capacity: quantity(textOf(s.At("status", "capacity", "storage"))),
	}
	for _, condition := range s.At("status", "conditions").Each() {
		if condition.At("status").String() == "False" {
			continue
		}
		switch condition.At("type").String() {
		case "FileSystemResizePending":
			out.pending = true
		case "Resizing":
			out.resizing = true
		case "ControllerResizeError", "NodeResizeError":
			out.err = condition.At("message").String()
		}
	}
	switch s.At("status", "allocatedResourceStatuses", "storage").String() {
	case "ControllerResizeInProgress":
		out.stage = stageController
	case "ControllerResizeInfeasible":
		out.stage, out.infeasible = stageController, true
	case "NodeResizePending":
		out.stage = stagePending
	case "NodeResizeInProgress":
		out.stage = stageNode
	case "NodeResizeInfeasible":
		out.stage, out.infeasible = stageNode, true
	default:
		switch {
		case out.pending:
			out.stage = stagePending
		case out.resizing:
			out.stage = stageController
		case out.capacity > 0 && out.request > out.capacity:
			out.stage = stageRequested
		}
	}
	return out
}

// volumeName returns the volume that a claim had at that moment, or later.
func (w *waiting) volumeName(namespace, claim string, at moment) string {
	for _, c := range w.claimsNamed[namespace+"/"+claim] {
		if c.gone.isZero() || at.before(c.gone) {
			return c.volumeName
		}
	}
	return ""
}

func (w *waits) expansionWaits() []expansionWait {
	out := []expansionWait{}
	for _, c := range w.claims {
		for i, p := range c.points {
			if p.stage == "" || i > 0 && c.points[i-1].stage == p.stage {
				continue
			}
			row := expansionWait{Claim: c.name, Instance: c.instance, Role: c.group.role, Volume: c.volumeName, Stage: p.stage}
			var end moment
			errs := []waitError{}
			for _, later := range c.points[i:] {
				if later.stage != p.stage {
					end = later.moment
					break
				}
				row.Request, row.Capacity = later.request, later.capacity
				row.Infeasible = row.Infeasible || later.infeasible
				if later.err != "" && later.before(w.until) {
					errs = append(errs, waitError{"condition", cutTo(later.err), 1, []uint64{later.Seq}})
				}
			}
			end = earliest(end, c.left, c.gone)
			row.Errors = append(errs, w.errorsOf("PersistentVolumeClaim", c.namespace, c.name, p.moment, end,
				"VolumeResizeFailed")...)
			row.Errors = append(row.Errors, w.nodeErrors(c, p.moment, end)...)
			var ok bool
			var seq []uint64
			for _, e := range row.Errors {
				seq = append(seq, e.Seq...)
			}
			if row.waitInterval, ok = w.interval(p.moment, end, i > 0, seq...); ok {
				out = append(out, row)
			}
		}
	}
	return sorted(out, func(r expansionWait) waitInterval { return r.waitInterval })
}

// nodeErrors are what the kubelet says of a file system that it cannot grow: it
// says it of the pod.
func (w *waits) nodeErrors(c *waitClaim, begin, end moment) []waitError {
	var out []waitError
	for _, p := range w.pods {
		if slices.Contains(p.claims, c.name) {
			out = append(out, w.errorsOf("Pod", p.namespace, p.name, begin, end,
				"FileSystemResizeFailed", "VolumeResizeFailed")...)
		}
	}
	return out
}

// podlessWaits cuts the time in which no pod uses a claim into pieces in which
// nothing about that changes.
func (w *waits) podlessWaits() []podlessWait {
	out := []podlessWait{}
	for _, c := range w.claims {
		for _, pause := range w.pauses(c) {
			out = append(out, w.pieces(c, pause)...)
		}
	}
	return sorted(out, func(r podlessWait) waitInterval { return r.waitInterval })
}

// finished is when the pod of a job was done: it uses no volume any more.
func (p *waitPod) finished() moment {
	return p.first(func(s waitPodState) bool { return s.phase == "Succeeded" })
}

// span is a time between two moments; a zero end is that of the claim.
type span struct{ begin, end moment }

// pauses are the times in which no pod uses the claim.
func (w *waits) pauses(c *waitClaim) []span {
	var users []span
	for _, p := range w.pods {
		if p.namespace == c.namespace && slices.Contains(p.claims, c.name) {
			users = append(users, span{p.from, earliest(p.gone, p.finished())})
		}
	}
	slices.SortFunc(users, func(a, b span) int { return int(a.begin.Seq) - int(b.begin.Seq) })
	var out []span
	free := c.from // up to here nobody uses it; zero: somebody does for ever
	for _, u := range users {
		if free.isZero() {
			break
		}
		if free.before(u.begin) {
			out = append(out, span{free, u.begin})
		}
		if u.end.isZero() || free.before(u.end) {
			free = u.end
		}
	}
	end := earliest(c.left, c.gone)
	if !free.isZero() && free.before(end) {
		out = append(out, span{free, end})
	}
	return out
}

// pieces cuts a pause where something about the claim changes.
func (w *waits) pieces(c *waitClaim, pause span) []podlessWait {
	var out []podlessWait
	turns := []moment{pause.begin}
	for _, p := range c.points {
		turns = append(turns, p.moment)
	}
	for _, p := range w.points() {
		turns = append(turns, p.moment)
	}
	turns = slices.DeleteFunc(turns, func(m moment) bool { return m.before(pause.begin) || !m.before(pause.end) })
	slices.SortFunc(turns, func(a, b moment) int { return int(a.Seq) - int(b.Seq) })
	begin, last := pause.begin, w.podlessAt(c, pause.begin)
	add := func(end moment) {
		var ok bool
		if last.waitInterval, ok = w.interval(begin, end, begin != c.from || c.created); ok {
			out = append(out, last)
		}
	}
	for _, m := range turns {
		if next := w.podlessAt(c, m); !next.same(last) {
			add(m)
			begin, last = m, next
		}
	}
	add(pause.end)
	return out
}

func (p podlessWait) same(o podlessWait) bool {
	return slices.Equal(p.Lists, o.Lists) && p.Pending == o.Pending && p.Resizing == o.Resizing &&
		p.Suspended == o.Suspended
}

// podlessAt says how a claim stands just after m.
func (w *waits) podlessAt(c *waitClaim, m moment) podlessWait {
	out := podlessWait{Claim: c.name, Instance: c.instance, Role: c.group.role, Lists: []string{}}
	if p, ok := lastAt(c.points, m.Seq, func(p claimPoint) moment { return p.moment }); ok {
		out.Pending, out.Resizing = p.pending, p.resizing
	}
	if p, ok := w.pointAt(m); ok {
		out.Lists, out.Suspended = p.listsOf(c.name), p.suspended
	}
	return out
}
