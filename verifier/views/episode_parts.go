package views

import (
	"cmp"
	"slices"
	"strings"
)

// episodePod is an instance pod that began to go.
type episodePod struct {
	moment
	Pod            string `json:"pod"`
	UID            string `json:"uid"`
	Instance       string `json:"instance"`
	Node           string `json:"node"`
	Primary        bool   `json:"primary"`
	Evicted        bool   `json:"evicted"`
	Reason         string `json:"reason"`
	Cordoned       bool   `json:"cordoned"`
	GraceSeconds   int64  `json:"grace_seconds"`
	Gone           moment `json:"gone"`
	Image          string `json:"image"`
	Shape          string `json:"shape"`
	Successor      string `json:"successor"`
	SuccessorAt    moment `json:"successor_at"`
	SuccessorNode  string `json:"successor_node"`
	SuccessorReady moment `json:"successor_ready"`
	SuccessorImage string `json:"successor_image"`
	SuccessorShape string `json:"successor_shape"`
}

// episodeRestart is a restart of a pod's containers.
type episodeRestart struct {
	moment
	Pod      string `json:"pod"`
	Instance string `json:"instance"`
	Primary  bool   `json:"primary"`
}

// episodeClaim is a claim that began to go.
type episodeClaim struct {
	moment
	Volume           string `json:"volume"`
	UID              string `json:"uid"`
	Instance         string `json:"instance"`
	Role             string `json:"role"`
	Tablespace       string `json:"tablespace"`
	Request          int64  `json:"request"`
	Successor        string `json:"successor"`
	SuccessorAt      moment `json:"successor_at"`
	SuccessorRequest int64  `json:"successor_request"`
}

// createdClaim is a claim that was created.
type createdClaim struct {
	moment
	Volume     string `json:"volume"`
	UID        string `json:"uid"`
	Instance   string `json:"instance"`
	Role       string `json:"role"`
	Tablespace string `json:"tablespace"`
	How        string `json:"how"`
	Request    int64  `json:"request"`
	Final      int64  `json:"final"`
	Capacity   int64  `json:"capacity"`
	Effective  int64  `json:"effective"`
	Peak       int64  `json:"peak"`
	Floor      int64  `json:"floor"`
	Source     string `json:"source"`
	Open       bool   `json:"open"`
}

// Why a claim is created.
const (
	claimNew         = "new"
	claimReplacement = "replacement"
	claimRestored    = "restored"
)

// podsGoing lists the pods that began to go, with those that took their place.
func (n narrator) podsGoing(s stretch) []episodePod {
	out := []episodePod{}
	fold := n.history.episodes
	for _, p := range n.pods {
		if p.left.isZero() || !s.holds(p.left) {
			continue
		}
		e := episodePod{
			moment: p.left, Pod: p.name, UID: p.uid, Instance: p.instance, Node: p.node, Cordoned: p.cordoned,
			Primary: n.primaryAt(p.left) == p.instance, GraceSeconds: -1, Gone: p.gone,
		}
		if d := fold.pods[p]; d != nil {
			e.Reason, e.Image, e.Shape, e.GraceSeconds = d.reason, d.image, d.shape, d.grace
			e.Evicted = strings.HasPrefix(d.reason, "Eviction")
		}
		if next := n.next[p]; next != nil {
			e.Successor, e.SuccessorAt, e.SuccessorNode, e.SuccessorReady = next.uid, next.from, next.node, next.ready
			if d := fold.pods[next]; d != nil {
				e.SuccessorImage, e.SuccessorShape = d.image, d.shape
			}
		}
		out = append(out, e)
	}
	slices.SortStableFunc(out, func(a, b episodePod) int { return cmp.Compare(a.Seq, b.Seq) })
	return out
}

func (n narrator) restartsDuring(s stretch) []episodeRestart {
	out := []episodeRestart{}
	for _, p := range n.pods {
		for _, m := range p.restarted {
			if s.holds(m) {
				out = append(out, episodeRestart{m, p.name, p.instance, n.primaryAt(m) == p.instance})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b episodeRestart) int { return cmp.Compare(a.Seq, b.Seq) })
	return out
}

// nextClaim is the claim that took the place of one of the same instance.
func nextClaim(g volumeGroup, v *volume) *volume {
	for _, o := range g.volumes {
		if o != v && o.instance == v.instance && !o.from.before(v.left) {
			return o
		}
	}
	return nil
}

func (n narrator) claimsGoing(s stretch) []episodeClaim {
	out := []episodeClaim{}
	for _, g := range n.groups {
		for _, v := range g.volumes {
			if v.left.isZero() || !s.holds(v.left) {
				continue
			}
			e := episodeClaim{
				moment: v.left, Volume: v.name, UID: v.uid, Instance: v.instance, Role: g.key.role,
				Tablespace: g.key.tablespace, Request: v.at(v.left).request,
			}
			if next := nextClaim(g, v); next != nil {
				e.Successor, e.SuccessorAt, e.SuccessorRequest = next.uid, next.from, next.points[0].request
			}
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, func(a, b episodeClaim) int { return cmp.Compare(a.Seq, b.Seq) })
	return out
}

// at is how the claim was at m; empty before it came.
func (v *volume) at(m moment) volumePoint {
	var found volumePoint
	for _, p := range v.points {
		if m.before(p.moment) {
			break
		}
		found = p
	}
	return found
}

// claimsCreated lists the claims that were created, with what they should have
// been like.
func (n narrator) claimsCreated(s stretch, horizon moment) []createdClaim {
	out := []createdClaim{}
	for _, g := range n.groups {
		for _, r := range within(g.timeline.Requests, s, func(p requestPoint) uint64 { return p.Seq }) {
			v := claimOf(g, r.UID)
			if r.How != howCreated || v == nil {
				continue
			}
			final := v.at(horizon)
			e := createdClaim{
				moment: r.moment, Volume: r.Volume, UID: r.UID, Instance: r.Instance, Role: g.key.role,
				Tablespace: g.key.tablespace, How: claimNew, Request: r.To, Final: final.request, Capacity: final.capacity,
				Effective: r.Effective, Peak: r.Peak, Source: n.history.episodes.sources[v],
			}
			if r.Spec >= 0 {
				block := g.timeline.Specs[r.Spec]
				e.Floor = max(block.Request, block.Size)
			}
			for _, o := range g.volumes {
				if o != v && o.instance == v.instance && o.from.before(v.from) {
					e.How = claimReplacement
				}
			}
			if e.Source != "" {
				e.How = claimRestored
			}
			e.Open = openAt(g, r.moment)
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, func(a, b createdClaim) int { return cmp.Compare(a.Seq, b.Seq) })
	return out
}

func claimOf(g volumeGroup, uid string) *volume {
	for _, v := range g.volumes {
		if v.uid == uid {
			return v
		}
	}
	return nil
}

// openAt reports whether an expansion of the group was going on at m.
func openAt(g volumeGroup, m moment) bool {
	return slices.ContainsFunc(g.timeline.Operations, func(o operation) bool {
		return o.Begin.before(m) && (!o.Closed || m.before(o.End))
	})
}

// episodeNode is the node that was drained or lost.
type episodeNode struct {
	Name      string   `json:"name"`
	Pods      []string `json:"pods"`
	Primary   bool     `json:"primary"`
	Emptied   bool     `json:"emptied"`
	EmptiedAt moment   `json:"emptied_at"`
	Back      bool     `json:"back"`
	BackAt    moment   `json:"back_at"`
}

func (n narrator) nodeOf(a *action) episodeNode {
	e := episodeNode{Pods: []string{}}
	if a.kind != kindNodeDrain && a.kind != kindNodeLoss {
		return e
	}
	e.Name, e.Emptied, e.Back, e.BackAt = a.node, true, a.ended, a.end
	primary := n.primaryAt(a.begin)
	for _, p := range n.pods {
		if p.node != a.node || !p.from.before(a.begin) || p.gone.before(a.begin) {
			continue
		}
		e.Pods = append(e.Pods, p.name)
		e.Primary = e.Primary || p.instance == primary
		if p.gone.isZero() || !p.gone.before(a.horizon) {
			e.Emptied = false
		} else if e.EmptiedAt.isZero() || e.EmptiedAt.before(p.gone) {
			e.EmptiedAt = p.gone
		}
	}
	if e.Emptied = e.Emptied && len(e.Pods) > 0; !e.Emptied {
		e.EmptiedAt = moment{}
	}
	return e
}

// episodeBackup is what was backed up.
type episodeBackup struct {
	Name            string            `json:"name"`
	Method          string            `json:"method"`
	Phase           string            `json:"phase"`
	Phases          []string          `json:"phases"`
	Finished        bool              `json:"finished"`
	Completed       bool              `json:"completed"`
	Error           string            `json:"error"`
	Instance        string            `json:"instance"`
	ClassKnown      bool              `json:"class_known"`
	Classes         int               `json:"classes"`
	Snapshots       []episodeSnapshot `json:"snapshots"`
	Restored        []restoredClaim   `json:"restored"`
	Condition       string            `json:"condition"`
	ConditionReason string            `json:"condition_reason"`
}

// episodeSnapshot is a VolumeSnapshot.
type episodeSnapshot struct {
	Name        string `json:"name"`
	Volume      string `json:"volume"`
	Class       string `json:"snapshot_class"`
	Created     moment `json:"created"`
	Ready       bool   `json:"ready"`
	ReadyAt     moment `json:"ready_at"`
	Error       string `json:"error"`
	RestoreSize int64  `json:"restore_size"`
	Request     int64  `json:"request"`
	Capacity    int64  `json:"capacity"`
	Effective   int64  `json:"effective"`
	Open        bool   `json:"open"`
}

// restoredClaim is a claim that was created from a VolumeSnapshot.
type restoredClaim struct {
	moment
	Cluster     string `json:"cluster"`
	Volume      string `json:"volume"`
	Snapshot    string `json:"snapshot"`
	Request     int64  `json:"request"`
	Capacity    int64  `json:"capacity"`
	RestoreSize int64  `json:"restore_size"`
}

func (n narrator) backupOf(a *action, s stretch) episodeBackup {
	e := episodeBackup{Phases: []string{}, Snapshots: []episodeSnapshot{}, Restored: []restoredClaim{}}
	fold := n.history.episodes
	if a.backup == nil && a.snapshot == nil {
		return e
	}
	if b := a.backup; b != nil {
		e.Name, e.Method, e.Phases, e.Error, e.Instance = b.name, b.method, list(b.phases), b.error, b.instance
		if len(b.phases) > 0 {
			e.Phase = b.phases[len(b.phases)-1]
		}
		e.Finished, e.Completed = isFinished(e.Phase), b.completed
	}
	if v := a.snapshot; v != nil {
		e.Method, e.Error = methodSnapshot, v.error
		e.Finished, e.Completed = !v.readyAt.isZero() || v.error != "", !v.readyAt.isZero()
	}
	for _, v := range fold.snapshots {
		if v == a.snapshot || a.backup != nil && v.namespace == a.backup.namespace &&
			(v.backup == a.backup.name || slices.Contains(a.backup.snapshots, v.name)) {
			e.Snapshots = append(e.Snapshots, n.snapshotOf(v))
			e.Restored = append(e.Restored, n.restoredFrom(v)...)
		}
	}
	e.ClassKnown, e.Classes = fold.classesFor(e.Snapshots)
	_, health := during(n.health, s, func(h healthSpan) uint64 { return h.Seq })
	if len(health) > 0 {
		e.Condition, e.ConditionReason = health[len(health)-1].backup[0], health[len(health)-1].backup[1]
	}
	return e
}

// classesFor counts the VolumeSnapshotClasses that existed: where snapshots name
// one, only that.
func (s *episodeFold) classesFor(snapshots []episodeSnapshot) (known bool, usable int) {
	for class, exists := range s.classes {
		known = true
		other := slices.ContainsFunc(snapshots, func(v episodeSnapshot) bool {
			return v.Class != "" && v.Class != class.Name
		})
		if exists && !other {
			usable++
		}
	}
	return known, usable
}

func (n narrator) snapshotOf(v *snapshotLife) episodeSnapshot {
	e := episodeSnapshot{
		Name: v.name, Volume: v.claim, Class: v.class, Created: v.from, Ready: !v.readyAt.isZero(), ReadyAt: v.readyAt,
		Error: v.error, RestoreSize: v.restoreSize,
	}
	for _, g := range n.groups {
		for _, o := range g.volumes {
			if o.name != v.claim || v.from.before(o.from) {
				continue
			}
			p := o.at(v.from)
			e.Request, e.Capacity, e.Open = p.request, p.capacity, openAt(g, v.from)
			for _, x := range g.known.sizings {
				if !v.from.before(x.moment) {
					e.Effective = x.Effective
				}
			}
		}
	}
	return e
}

// restoredFrom lists the claims that were made from a snapshot.
func (n narrator) restoredFrom(v *snapshotLife) []restoredClaim {
	var out []restoredClaim
	for _, o := range n.history.volumes[v.namespace] {
		if n.history.episodes.sources[o] == v.name {
			out = append(out, restoredClaim{
				moment: o.from, Cluster: o.owner.name, Volume: o.name, Snapshot: v.name, Request: o.points[0].request,
				Capacity: o.points[len(o.points)-1].capacity, RestoreSize: v.restoreSize,
			})
		}
	}
	return out
}

// joined renders names as one text.
func joined(names []string) string { return strings.Join(names, ",") }
