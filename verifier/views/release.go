package views

import (
	"maps"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// sweepEvery is how many events pass between two looks at what may be let go.
const sweepEvery = 2048

// outline is what the documents about the whole trace tell of a cluster.
type outline struct {
	builds []runBuild
	claims []claimOutline
	nodes  []disruption
}

// claimOutline is a claim without what its class says.
type claimOutline struct {
	suiteClaim
	raised bool
}

func (h *history) outlineOf(k *cluster) *outline {
	if k.outline != nil {
		return k.outline
	}
	out := &outline{nodes: h.nodeDisruptions(k)}
	last := runBuild{}
	for _, b := range k.builds {
		if b.Commit != last.Commit || b.Operator != last.Operator {
			last = runBuild{b.moment, k.label, b.Commit, b.Operator}
			out.builds = append(out.builds, last)
		}
	}
	for _, g := range h.outlinesOf(k) {
		for _, v := range g.volumes {
			out.claims = append(out.claims, claimOutline{suiteClaim{
				moment: v.from, Namespace: v.namespace, Volume: v.name, Asked: g.asksForGrowth(), Class: v.class,
				Expandable: expandableUnknown,
			}, v.wasRaised()})
		}
	}
	return out
}

// read folds the trace and tells of the clusters that are over on the way.
func (p *Projection) read(r *trace.Reader, listener Listener) error {
	h := p.history
	before, along := listener.Mark, func(*trace.Change) {}
	if !h.needs.lives && before != nil { // one reading of the marks is enough
		before, along = nil, before
	}
	endings, err := foresee(r, h, before)
	if err != nil {
		return err
	}
	var due []string // namespaces that have ended
	swept := uint64(0)
	err = r.Scan(h.needs.selection(), func(c *trace.Change) error {
		for len(endings) > 0 && endings[0].seq < c.Seq {
			due, endings = append(due, endings[0].namespace), endings[1:]
		}
		if listener.Part != nil && c.Seq-swept >= sweepEvery {
			swept = c.Seq
			h.sweep(p.taken())
			if due, err = p.tell(due, listener.Part); err != nil {
				return err
			}
		}
		if c.Type == trace.Mark {
			along(c)
		}
		return h.observe(c)
	})
	if err != nil {
		return err
	}
	p.finish()
	return nil
}

// finish prepares the documents that were not told of while the trace was read.
func (p *Projection) finish() {
	h := p.history
	var rest []*cluster
	for _, k := range h.clusters {
		if !k.told {
			rest = append(rest, k)
		}
	}
	h.settle(rest)
	h.strays, h.sentinels = h.sentinels, nil
}

// taken returns the parts that were released since it was asked last.
func (p *Projection) taken() []int {
	p.lock.Lock()
	defer p.lock.Unlock()
	parts := p.released
	p.released = nil
	return parts
}

// tell makes the documents of the clusters in namespaces that have ended, and
// returns the namespaces of which that has to wait.
func (p *Projection) tell(due []string, done func(*Projection, int, []Document) error) ([]string, error) {
	h := p.history
	var later []string
	var over []int
	for _, namespace := range due {
		clusters := h.within[namespace]
		if slices.ContainsFunc(clusters, func(i int) bool { return !h.isOver(h.clusters[i]) }) {
			later = append(later, namespace)
			continue
		}
		over = append(over, clusters...)
	}
	if len(over) == 0 {
		return later, nil
	}
	clusters := make([]*cluster, len(over))
	for i, at := range over {
		clusters[i] = h.clusters[at]
	}
	h.settle(clusters)
	documents := make([][]Document, len(over))
	group := errgroup.Group{}
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, at := range over {
		group.Go(func() (err error) {
			documents[i], err = p.Part(at + 1)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for i, at := range over {
		h.clusters[at].told = true
		if err := done(p, at+1, documents[i]); err != nil {
			return nil, err
		}
	}
	return later, nil
}

// isOver reports whether no later event can change what is told of a cluster whose
// namespace has ended: it is gone, with its pods, and no restart of the operator
// that met it is still to be explained. What is told of Backups may be about it.
func (h *history) isOver(k *cluster) bool {
	if k.left.isZero() || len(h.clusters) < 2 || h.backedUp[k.namespace] {
		return false
	}
	for _, p := range slices.Concat(k.pods, k.jobs) {
		if p.gone.isZero() {
			return false
		}
	}
	met := func(m moment) bool { return !m.before(k.from) && m.before(k.left) }
	for _, p := range h.operators {
		if p.left.isZero() && slices.ContainsFunc(p.restarted, met) {
			return false
		}
	}
	for _, d := range h.operatorDisruptions() {
		if met(d.Begin) && !(d.Ended && d.End.before(k.left)) {
			return false
		}
	}
	return true
}

// sweep lets go of parts, where all of a namespace may go.
func (h *history) sweep(parts []int) {
	gone := map[string]bool{}
	for _, part := range parts {
		k := h.clusters[part-1]
		k.outline = h.outlineOf(k)
		gone[k.namespace] = true
	}
	for namespace := range gone {
		for _, i := range h.within[namespace] {
			if h.clusters[i].outline == nil {
				delete(gone, namespace)
			}
		}
	}
	if len(gone) == 0 {
		return
	}
	volumes := map[string]bool{}
	for namespace := range gone {
		for _, i := range h.within[namespace] {
			h.drop(h.clusters[i], volumes)
		}
		delete(h.within, namespace)
		delete(h.volumes, namespace)
		delete(h.usages, namespace)
		delete(h.patches, namespace)
		delete(h.signals, namespace)
		delete(h.waiting.lines, namespace)
	}
	dropObjects(h.clusterOf, gone)
	dropObjects(h.volumeOf, gone)
	dropObjects(h.podOf, gone)
	dropObjects(h.waiting.pods, gone)
	dropObjects(h.waiting.claims, gone)
	dropObjects(h.waiting.budgets, gone)
	maps.DeleteFunc(h.attachmentOf, func(_ *trace.Object, a attachmentPoint) bool { return volumes[a.volumeName] })
	h.waiting.drop(h, gone, volumes)
}

func dropObjects[T any](of map[*trace.Object]T, gone map[string]bool) {
	maps.DeleteFunc(of, func(o *trace.Object, _ T) bool { return gone[o.Namespace] })
}

// drop lets go of one cluster but for its outline, and adds its volumes to a set.
func (h *history) drop(k *cluster, volumes map[string]bool) {
	for _, p := range slices.Concat(k.pods, k.jobs) {
		delete(h.episodes.pods, p)
	}
	for _, v := range k.volumes {
		delete(h.episodes.sources, v)
		delete(h.waiting.claimsNamed, v.namespace+"/"+v.name)
		if h.episodes.bound[v.volumeName] == v {
			delete(h.episodes.bound, v.volumeName)
			delete(h.attachments, v.volumeName)
			volumes[v.volumeName] = true
		}
	}
	delete(h.episodes.clusters, k)
	delete(h.waiting.clusters, k)
	delete(h.named, k.namespace+"/"+k.name)
	delete(h.byUID, k.uid)
	k.groups, k.sync, k.primary, k.gen, k.health, k.builds, k.changes = nil, nil, nil, nil, nil, nil, nil
	k.pods, k.jobs, k.volumes, k.waitPods, k.waitClaims, k.sentinels = nil, nil, nil, nil, nil, nil
}

// drop lets go of what was in namespaces, but for what a cluster that is still told
// of may have met on a node that was drained.
func (w *waiting) drop(h *history, gone, volumes map[string]bool) {
	maps.DeleteFunc(w.attachments, func(_ *trace.Object, a *waitAttachment) bool { return volumes[a.volume] })
	for volume := range volumes {
		delete(w.attached, volume)
	}
	for namespace := range gone {
		w.gone[namespace] = true
	}
	var oldest moment
	for _, indices := range h.within {
		for _, i := range indices {
			oldest = earliest(oldest, h.clusters[i].from)
		}
	}
	witnesses := map[string]bool{} // namespaces
	w.order = slices.DeleteFunc(w.order, func(p *waitPod) bool {
		if !w.gone[p.namespace] {
			return false
		}
		if !p.gone.before(oldest) && h.wasDrained(p) {
			witnesses[p.namespace] = true
			return false
		}
		if len(w.drains) == 0 {
			delete(w.watchedPods, p.uid)
		}
		return true
	})
	for namespace := range w.gone {
		if !witnesses[namespace] {
			delete(w.budgetsIn, namespace)
			delete(w.gone, namespace)
		}
	}
}

// wasDrained reports whether the node of a pod was unschedulable while it was there.
func (h *history) wasDrained(p *waitPod) bool {
	n := len(p.points)
	if n == 0 || h.nodes[p.points[n-1].node] == nil {
		return false
	}
	points := h.nodes[p.points[n-1].node].unschedulable
	for i, point := range points {
		if point.on && point.before(earliest(p.gone, h.end)) && (i+1 == len(points) || p.from.before(points[i+1].moment)) {
			return true
		}
	}
	return false
}
