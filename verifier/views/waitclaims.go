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
		w.claimOrder = append(w.claimOrder, k)
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

// ownClaims are the claims of the cluster, in order of appearance.
func (w *waits) ownClaims() []*waitClaim {
	return slices.DeleteFunc(slices.Clone(w.claimOrder), func(c *waitClaim) bool { return c.owner != w.cluster })
}

// volumeName returns the volume that a claim had at that moment, or later.
func (w *waiting) volumeName(namespace, claim string, at moment) string {
	for _, c := range w.claimOrder {
		if c.namespace == namespace && c.name == claim && (c.gone.isZero() || at.before(c.gone)) {
			return c.volumeName
		}
	}
	return ""
}

func (w *waits) expansionWaits() []expansionWait {
	out := []expansionWait{}
	for _, c := range w.ownClaims() {
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
	for _, p := range w.own() {
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
	for _, c := range w.ownClaims() {
		var open *podlessWait
		var begin moment
		closeAt := func(m moment) {
			if open == nil {
				return
			}
			var ok bool
			if open.waitInterval, ok = w.interval(begin, m, begin != c.from || c.created); ok {
				out = append(out, *open)
			}
			open = nil
		}
		for _, m := range w.turns(c) {
			next, is := w.podlessAt(c, m)
			if open != nil && (!is || !next.same(*open)) {
				closeAt(m)
			}
			if is && open == nil {
				open, begin = &next, m
			}
		}
		closeAt(earliest(c.left, c.gone))
	}
	return sorted(out, func(r podlessWait) waitInterval { return r.waitInterval })
}

func (p podlessWait) same(o podlessWait) bool {
	return slices.Equal(p.Lists, o.Lists) && p.Pending == o.Pending && p.Resizing == o.Resizing &&
		p.Suspended == o.Suspended
}

// turns are the moments at which something may change about a claim and its
// pods, in order, while the claim lives.
func (w *waits) turns(c *waitClaim) []moment {
	var all []moment
	for _, p := range c.points {
		all = append(all, p.moment)
	}
	for _, p := range w.order {
		if p.namespace == c.namespace && slices.Contains(p.claims, c.name) {
			all = append(all, p.from, p.gone, p.finished())
		}
	}
	for _, p := range w.points() {
		all = append(all, p.moment)
	}
	end := earliest(c.left, c.gone, w.until)
	all = slices.DeleteFunc(all, func(m moment) bool { return m.isZero() || m.before(c.from) || !m.before(end) })
	slices.SortFunc(all, func(a, b moment) int { return int(a.Seq) - int(b.Seq) })
	return slices.Compact(all)
}

// finished is when the pod of a job was done: it uses no volume any more.
func (p *waitPod) finished() moment {
	return p.first(func(s waitPodState) bool { return s.phase == "Succeeded" })
}

// podlessAt says how a claim stands just after m, and whether no pod uses it.
func (w *waits) podlessAt(c *waitClaim, m moment) (podlessWait, bool) {
	for _, p := range w.order {
		end := earliest(p.gone, p.finished())
		if p.namespace == c.namespace && slices.Contains(p.claims, c.name) && p.from.Seq <= m.Seq &&
			(end.isZero() || m.before(end)) {
			return podlessWait{}, false
		}
	}
	out := podlessWait{Claim: c.name, Instance: c.instance, Role: c.group.role, Lists: []string{}}
	for _, p := range c.points {
		if p.Seq <= m.Seq {
			out.Pending, out.Resizing = p.pending, p.resizing
		}
	}
	if p, ok := w.pointAt(m); ok {
		out.Lists, out.Suspended = p.listsOf(c.name), p.suspended
	}
	return out, true
}
