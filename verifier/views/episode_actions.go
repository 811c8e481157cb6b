package views

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// The kinds of episodes.
const (
	kindOperatorRestart = "operator_restart"
	kindPrimaryRestart  = "primary_restart"
	kindReplicaRestart  = "replica_restart"
	kindFailover        = "failover"
	kindSwitchover      = "switchover"
	kindNodeDrain       = "node_drain"
	kindNodeLoss        = "node_loss"
	kindSpecMutation    = "spec_mutation"
	kindScaleUp         = "scale_up"
	kindScaleDown       = "scale_down"
	kindRollingUpgrade  = "rolling_upgrade"
	kindBackup          = "backup"
	kindSnapshot        = "snapshot"
	kindGrowth          = "growth"
	kindOscillation     = "oscillation"
	kindMark            = "mark"
)

// action is one thing that was done to a cluster.
type action struct {
	kind, subject string
	number        int
	begin, end    moment
	ended         bool
	cause         *action
	effects       []*action
	horizon       moment
	horizonBy     string
	next          *action

	node     string
	operator operatorChange
	scale    scaleChange
	upgrade  rollout
	backup   *backupLife
	snapshot *snapshotLife
	crossing []crossing
}

// story is one cluster with what was done to it.
type story struct {
	*stage
	fold    *clusterFold
	changes []specChange
	next    map[*pod]*pod // the next pod of the same instance
	again   map[*pod]bool // pods that took the place of one of the same instance
	groups  []volumeGroup
	health  []healthSpan
	samples map[string][]samplePoint // of usage, by group

	actions   []*action
	elections []episodeElection
}

func (h *history) storyOf(k *cluster) *story {
	s := &story{
		stage: h.stageOf(k), fold: h.episodes.of(k), changes: k.specChanges(),
		next: map[*pod]*pod{}, again: map[*pod]bool{}, samples: map[string][]samplePoint{},
	}
	last := map[string]*pod{}
	for _, p := range s.pods {
		if before := last[p.instance]; before != nil {
			s.next[before], s.again[p] = p, true
		}
		last[p.instance] = p
	}
	s.groups = h.groupsOf(k)
	for _, g := range s.groups {
		s.samples[g.entity()] = h.samplesOf(g)
	}
	s.health = s.healthOf()
	s.elections = s.electionsOf()
	s.recognise()
	return s
}

// add keeps an action that began within the history of the cluster.
func (s *story) add(a *action) *action {
	if a.begin.before(s.cluster.from) || !a.begin.before(s.until) && s.end == endDeleted {
		return nil
	}
	if a.end.isZero() || (s.end == endDeleted && !a.end.before(s.until)) {
		a.ended, a.end = false, moment{}
	}
	s.actions = append(s.actions, a)
	return a
}

// recognise finds what was done, from the API alone. The order matters: what
// follows from an action is looked for when the action is known.
func (s *story) recognise() {
	s.operatorRestarts()
	s.nodeActions()
	s.mutations()
	s.rollouts()
	s.podActions()
	s.restartActions()
	s.primaryActions()
	s.backupActions()
	s.growths()
	s.oscillations()
	for _, d := range s.history.markedDisruptions(s.cluster) {
		s.add(&action{kind: kindMark, subject: d.Subject, begin: d.Begin, ended: d.Ended, end: d.End})
	}
	slices.SortStableFunc(s.actions, func(a, b *action) int {
		return cmp.Or(cmp.Compare(a.begin.Seq, b.begin.Seq), cmp.Compare(a.kind, b.kind), cmp.Compare(a.subject, b.subject))
	})
	count := map[string]int{}
	for _, a := range s.actions {
		count[a.kind]++
		a.number = count[a.kind]
		if a.cause != nil {
			a.cause.effects = append(a.cause.effects, a)
		}
	}
	s.setHorizons()
}

// entity names an action.
func (s *story) entity(a *action) string {
	if a == nil {
		return ""
	}
	return fmt.Sprintf("%s/%s#%d", s.cluster.label, a.kind, a.number)
}

func (a *action) root() *action {
	for a.cause != nil {
		a = a.cause
	}
	return a
}

// isExternal reports whether somebody did it, other than the cluster to itself:
// only such an action ends the time of those before it.
func (a *action) isExternal() bool {
	return a.cause == nil && a.kind != kindGrowth && a.kind != kindOscillation && a.kind != kindMark
}

// over is when an action and all that follows from it had ended.
func (a *action) over() (moment, bool) {
	if !a.ended {
		return moment{}, false
	}
	end := a.end
	for _, e := range a.effects {
		if e.kind == kindGrowth {
			continue
		}
		m, ok := e.over()
		if !ok {
			return moment{}, false
		}
		if end.before(m) {
			end = m
		}
	}
	return end, true
}

// setHorizons sets up to when each action is spoken of: until the next one
// begins after it was over. One that is never over lasts until the next of its kind.
func (s *story) setHorizons() {
	var external []*action
	last := map[string]*action{}
	following := map[*action]*action{} // the next external action of the same kind
	for _, a := range s.actions {
		if a.isExternal() {
			external = append(external, a)
			if before := last[a.kind]; before != nil {
				following[before] = a
			}
			last[a.kind] = a
		}
	}
	for i, a := range s.actions {
		if a.cause != nil {
			continue
		}
		end, ok := a.over()
		switch {
		case !ok:
			a.next = following[a]
		default:
			at, _ := slices.BinarySearchFunc(external, end.Seq+1, func(e *action, seq uint64) int {
				return cmp.Compare(e.begin.Seq, seq)
			})
			if at < len(external) {
				a.next = external[at]
			}
		}
		if a.kind == kindGrowth {
			a.next = s.growthAfter(i, a.next)
		}
		a.horizon, a.horizonBy = s.until, s.end
		if a.next != nil {
			a.horizon, a.horizonBy = a.next.begin, "next"
		}
	}
	for _, a := range s.actions {
		if r := a.root(); r != a {
			a.horizon, a.horizonBy, a.next = r.horizon, r.horizonBy, r.next
		}
	}
}

// growthAfter returns the next growth of the same group, if it comes before next.
func (s *story) growthAfter(i int, next *action) *action {
	for _, a := range s.actions[i+1:] {
		if next != nil && !a.begin.before(next.begin) {
			break
		}
		if a.kind == kindGrowth && a.subject == s.actions[i].subject {
			return a
		}
	}
	return next
}

// operatorChange is who was the operator before and after a restart.
type operatorChange struct {
	Before string `json:"before"`
	After  string `json:"after"`
	How    string `json:"how"`
	told   bool   // the lease told of it as well
}

// How a restart of the operator shows first.
const (
	howDeleted   = "deleted"
	howContainer = "container"
	howLease     = "lease"
)

// leads reports whether the lease tells, somewhat later, of the restart of the
// pod that held it. The holder's identity begins with the name of its pod.
func (a *action) leads(d disruption, how string) bool {
	return how == howLease && !a.operator.told && strings.HasPrefix(d.Subject, a.subject)
}

// operatorHow says by what a restart of the operator shows.
func (h *history) operatorHow(d disruption) string {
	for _, p := range h.operators {
		switch {
		case p.name == d.Subject && p.left == d.Begin:
			return howDeleted
		case p.name == d.Subject:
			return howContainer
		}
	}
	return howLease
}

// operatorRestarts joins what the operator's pods and its lease say of one restart.
func (s *story) operatorRestarts() {
	var open *action
	disruptions := s.history.operatorDisruptions()
	slices.SortStableFunc(disruptions, func(a, b disruption) int { return cmp.Compare(a.Begin.Seq, b.Begin.Seq) })
	for _, d := range disruptions {
		how := s.history.operatorHow(d)
		if open != nil && (!open.ended || d.Begin.Seq <= open.end.Seq || open.leads(d, how)) {
			if d.Ended && open.end.before(d.End) {
				open.end = d.End
				open.operator.After = s.history.operatorAt(d.End)
			}
			open.operator.told = open.operator.told || how == howLease
			continue
		}
		a := &action{kind: kindOperatorRestart, subject: d.Subject, begin: d.Begin, ended: d.Ended, end: d.End}
		a.operator = operatorChange{Before: d.Subject, How: how, told: how == howLease}
		if d.Ended {
			a.operator.After = s.history.operatorAt(d.End)
		}
		open = s.add(a)
	}
}

// operatorAt names who is the operator at m: the holder of the lease, else the
// latest pod of the operator.
func (h *history) operatorAt(m moment) string {
	name := ""
	for _, l := range h.leaders {
		if !m.before(l.moment) {
			name = l.holder
		}
	}
	if name != "" {
		return name
	}
	for _, p := range h.operators {
		if !m.before(p.from) && (p.left.isZero() || m.before(p.left)) {
			name = p.name
		}
	}
	return name
}

func (s *story) nodeActions() {
	for _, d := range s.history.nodeDisruptions(s.cluster) {
		kind := kindNodeDrain
		if d.Kind == nodeNotReady {
			kind = kindNodeLoss
		}
		s.add(&action{kind: kind, subject: d.Subject, node: d.Subject, begin: d.Begin, ended: d.Ended, end: d.End})
	}
}

// scaleChange is a change of spec.instances.
type scaleChange struct {
	From      int64    `json:"from"`
	To        int64    `json:"to"`
	Instances []string `json:"instances"`
	Complete  bool     `json:"complete"`
}

// mutations makes one action of every change of the storage blocks or of the
// number of instances, and one more of a scaling.
func (s *story) mutations() {
	changes := s.changes
	for i, c := range changes {
		if c.Area != areaStorage && c.Area != areaInstances {
			continue
		}
		var m *action
		if n := len(s.actions); n > 0 && s.actions[n-1].begin.Seq == c.Seq {
			m = s.actions[n-1].root()
		}
		if m == nil || m.kind != kindSpecMutation {
			m = s.add(&action{kind: kindSpecMutation, subject: s.cluster.name, begin: c.moment, ended: true, end: c.moment})
		}
		if m != nil && c.Area == areaInstances {
			s.scaling(m, c, s.nextScaling(changes[i+1:]))
		}
	}
}

func (s *story) nextScaling(later []specChange) moment {
	for _, c := range later {
		if c.Area == areaInstances {
			return c.moment
		}
	}
	return moment{}
}

func (s *story) scaling(cause *action, c specChange, next moment) {
	change := scaleChange{From: c.FromBytes, To: c.ToBytes, Instances: []string{}}
	a := &action{subject: s.cluster.name, begin: c.moment, cause: cause}
	switch {
	case change.To > change.From:
		a.kind = kindScaleUp
		change.Instances, a.end = s.newInstances(c.moment, next, int(change.To-change.From))
	case change.To < change.From:
		a.kind = kindScaleDown
		change.Instances, a.end = s.goneInstances(c.moment, next, int(change.From-change.To))
	default:
		return
	}
	a.ended = !a.end.isZero()
	change.Complete = a.ended
	a.scale = change
	s.add(a)
}

// newInstances lists up to n instances that came after m and before next; end is
// when the last of n had a pod that was Ready.
func (s *story) newInstances(m, next moment, n int) (names []string, end moment) {
	names = []string{}
	known := map[string]bool{}
	ready := map[string]moment{}
	for _, g := range s.groups {
		for _, v := range g.volumes {
			switch {
			case v.from.before(m):
				known[v.instance] = true
			case !known[v.instance] && len(names) < n && (next.isZero() || v.from.before(next)):
				known[v.instance] = true
				names = append(names, v.instance)
			}
		}
	}
	for _, p := range s.pods {
		if m.before(p.ready) {
			ready[p.instance] = earliest(ready[p.instance], p.ready)
		}
	}
	return names, lastOf(names, n, func(name string) moment { return ready[name] })
}

// goneInstances lists up to n instances whose claims went after m and before
// next, and whose pods did not come back; end is when the last of n was gone.
func (s *story) goneInstances(m, next moment, n int) (names []string, end moment) {
	names = []string{}
	gone := map[string]moment{}
	for _, p := range s.pods {
		if s.next[p] == nil && m.before(p.left) && (next.isZero() || p.left.before(next)) &&
			p.left.before(s.until) && s.claimsGo(p.instance) && len(names) < n {
			names = append(names, p.instance)
			gone[p.instance] = p.gone
		}
	}
	return names, lastOf(names, n, func(name string) moment { return gone[name] })
}

// claimsGo reports whether all claims of the instance began to go before the
// history ended.
func (s *story) claimsGo(instance string) bool {
	found := false
	for _, g := range s.groups {
		for _, v := range g.volumes {
			if v.instance != instance {
				continue
			}
			if v.left.isZero() || !v.left.before(s.until) {
				return false
			}
			found = true
		}
	}
	return found
}

// lastOf is the last moment of n names, zero when one is missing.
func lastOf(names []string, n int, at func(string) moment) moment {
	var last moment
	if len(names) < n {
		return last
	}
	for _, name := range names {
		m := at(name)
		if m.isZero() {
			return moment{}
		}
		if last.isZero() || last.before(m) {
			last = m
		}
	}
	return last
}

// rollout is an upgrade of a cluster, pod by pod.
type rollout struct {
	Trigger  string   `json:"trigger"`
	Pods     []string `json:"pods"`
	Replaced []string `json:"replaced"`
	Complete bool     `json:"complete"`
	From     string   `json:"from"`
	To       string   `json:"to"`
}

// The triggers of a rollout.
const (
	triggerSpec  = "spec"
	triggerPhase = "phase"
)

// trigger is something with which a rollout may begin.
type trigger struct {
	moment
	kind string
}

// rollouts finds the upgrades: a change of the specification after which pods
// are made anew, the phase that says so, or a pod that comes back as another one.
func (s *story) rollouts() {
	var triggers []trigger
	for _, c := range s.changes {
		if c.Area == areaPod {
			triggers = append(triggers, trigger{c.moment, triggerSpec})
		}
	}
	for _, p := range s.cluster.health {
		if isUpgrading(p.Phase) {
			triggers = append(triggers, trigger{p.moment, triggerPhase})
		}
	}
	for _, p := range s.pods {
		if !p.left.isZero() && !p.cordoned && !p.evicted && s.isRolled(p) {
			triggers = append(triggers, trigger{p.left, ""})
		}
	}
	slices.SortStableFunc(triggers, func(a, b trigger) int { return cmp.Compare(a.Seq, b.Seq) })
	var open *action
	for _, t := range triggers {
		if open != nil && (!open.ended || !open.end.before(t.moment)) {
			continue
		}
		if a := s.rollout(t); a != nil {
			open = s.add(a)
		}
	}
}

func isUpgrading(phase string) bool { return strings.HasPrefix(phase, "Upgrading") }

// isRolled reports whether the next pod of the instance is made of something else.
func (s *story) isRolled(p *pod) bool {
	n := s.next[p]
	if n == nil {
		return false
	}
	before, after := s.history.episodes.pods[p], s.history.episodes.pods[n]
	return before != nil && after != nil && before.shape != after.shape
}

func (s *story) rollout(t trigger) *action {
	a := &action{kind: kindRollingUpgrade, subject: s.cluster.name, begin: t.moment}
	r := rollout{Trigger: t.kind, Pods: []string{}, Replaced: []string{}, Complete: true}
	changed, lost := false, false
	for _, p := range s.pods {
		if !p.from.before(t.moment) || p.left.before(t.moment) {
			continue
		}
		r.Pods = append(r.Pods, p.name)
		r.From = s.history.episodes.image(p)
		n := s.next[p]
		if n == nil || (t.kind != triggerPhase && !s.isRolled(p)) {
			r.Complete = false
			lost = lost || s.lostInUpgrade(p)
			continue
		}
		changed = true
		r.Replaced = append(r.Replaced, p.name)
		r.To = s.history.episodes.image(n)
		if n.ready.isZero() {
			r.Complete = false
		} else if a.end.before(n.ready) || a.end.isZero() {
			a.end = n.ready
		}
	}
	if !changed && t.kind != triggerPhase || len(r.Pods) == 0 {
		return nil
	}
	if t.kind == triggerPhase {
		after := s.phaseLeft(t.moment)
		r.Complete = !after.isZero() && (r.Complete || !changed && !lost)
		if a.end.before(after) || a.end.isZero() {
			a.end = after
		}
	}
	if !r.Complete {
		a.end = moment{}
	}
	a.ended = !a.end.isZero()
	a.upgrade = r
	return a
}

// phaseLeft is when the cluster says for the first time after m that it is not
// being upgraded any more.
func (s *story) phaseLeft(m moment) moment {
	for _, p := range s.cluster.health {
		if m.before(p.moment) && !isUpgrading(p.Phase) {
			return p.moment
		}
	}
	return moment{}
}

func (s *episodeFold) image(p *pod) string {
	if d := s.pods[p]; d != nil {
		return d.image
	}
	return ""
}

// openAt returns the latest action of these kinds that had begun before m and
// had not ended by then.
func (s *story) openAt(m moment, matches func(*action) bool) *action {
	var found *action
	for _, a := range s.actions {
		if !m.before(a.begin) && (!a.ended || !a.end.before(m)) && matches(a) &&
			(found == nil || found.begin.before(a.begin)) {
			found = a
		}
	}
	return found
}

// takenBy returns the action to which the deletion of a pod belongs, if any: a
// drain or loss of its node, a rollout, a scaling, or a primary that is given up.
func (s *story) takenBy(p *pod) *action {
	return s.openAt(p.left, func(a *action) bool {
		switch a.kind {
		case kindNodeDrain:
			return a.node == p.node
		case kindNodeLoss:
			return a.node == p.node
		case kindScaleDown:
			return slices.Contains(a.scale.Instances, p.instance)
		case kindRollingUpgrade:
			return slices.Contains(a.upgrade.Replaced, p.name) || slices.Contains(a.upgrade.Pods, p.name) && s.lostInUpgrade(p)
		default:
			return false
		}
	})
}

// lostInUpgrade reports whether the pod went while the cluster said that it was
// being upgraded, and never came back.
func (s *story) lostInUpgrade(p *pod) bool {
	upgrading := false
	for _, h := range s.cluster.health {
		if h.before(p.left) {
			upgrading = isUpgrading(h.Phase)
		}
	}
	return upgrading && !p.left.isZero() && s.next[p] == nil
}

// podActions finds the pods that were deleted on their own. One that came back
// and was never Ready goes once more because of what was done before.
func (s *story) podActions() {
	for _, p := range s.pods {
		neverBack := s.again[p] && !p.ready.before(p.left)
		if p.left.isZero() || neverBack || s.takenBy(p) != nil || s.electedAway(p) {
			continue
		}
		d := podDisruptions(p)[0]
		s.add(&action{
			kind: s.restartKind(p, p.left), subject: p.name, begin: d.Begin, ended: d.Ended, end: d.End, node: p.node,
		})
	}
}

// restartKind is by whether the pod was the primary's.
func (s *story) restartKind(p *pod, m moment) string {
	if s.primaryAt(m) == p.instance {
		return kindPrimaryRestart
	}
	return kindReplicaRestart
}

// primaryAt is status.currentPrimary as it was just before m.
func (s *story) primaryAt(m moment) string {
	current := ""
	for _, p := range s.cluster.primary {
		if p.before(m) {
			current = p.current
		}
	}
	return current
}

// electedAway reports whether the pod was deleted while its instance was being
// replaced as the primary: the operator's doing.
func (s *story) electedAway(p *pod) bool {
	return slices.ContainsFunc(s.elections, func(e episodeElection) bool {
		return e.From == p.instance && e.moment.before(p.left) && (!e.Complete || p.left.before(e.End))
	})
}

// restartActions finds the containers that were restarted on their own: not by
// the demotion of a primary, nor with their node.
func (s *story) restartActions() {
	for _, p := range s.pods {
		for _, m := range p.restarted {
			if s.demoted(p, m) || s.openAt(m, func(a *action) bool {
				return a.kind == kindNodeLoss && a.node == p.node && !wasReady(p, a.begin, m)
			}) != nil {
				continue
			}
			s.add(&action{
				kind: s.restartKind(p, m), subject: p.name, begin: m, ended: true, end: m, node: p.node,
			})
		}
	}
}

// demoted reports whether a restart at m is that of a primary which becomes a
// standby: it comes after another primary was asked for, and before the status
// reports the instance as a standby.
func (s *story) demoted(p *pod, m moment) bool {
	for _, e := range slices.Backward(s.elections) {
		if e.From != p.instance || !e.moment.before(m) {
			continue
		}
		for _, c := range s.fold.points {
			if e.moment.before(c.moment) && c.before(m) && slices.Contains(c.standbys, p.name) {
				return false
			}
		}
		return true
	}
	return false
}

// wasReady reports whether the pod became Ready after from and before until.
func wasReady(p *pod, from, until moment) bool {
	return slices.ContainsFunc(p.points, func(r podPoint) bool {
		return r.ready && from.before(r.moment) && r.before(until)
	})
}

// primaryActions makes an action of every election, with what brought it about.
func (s *story) primaryActions() {
	for i := range s.elections {
		e := &s.elections[i]
		a := &action{subject: e.From, begin: e.moment, ended: e.Complete, end: e.End, cause: s.causeOf(e)}
		a.kind = kindSwitchover
		if e.Pending || e.lost || (a.cause != nil && a.cause.kind == kindNodeLoss) {
			a.kind = kindFailover
		}
		s.add(a)
	}
}

// causeOf finds what made a primary change: its pod deleted or restarted and not
// yet back, its node drained or lost, or a rollout.
func (s *story) causeOf(e *episodeElection) *action {
	var found *action
	for _, a := range s.actions {
		if e.before(a.begin) || (found != nil && a.begin.before(found.begin)) {
			continue
		}
		switch a.kind {
		case kindPrimaryRestart, kindReplicaRestart:
			if a.subject == e.From && !s.instanceReady(e.From, a.begin, e.moment) {
				found = a
			}
		case kindNodeDrain, kindNodeLoss:
			if (!a.ended || e.before(a.end)) && e.node == a.node {
				found = a
			}
		case kindRollingUpgrade:
			if !a.ended || e.before(a.end) {
				found = a
			}
		}
	}
	return found
}

// instanceReady reports whether a pod of the instance became Ready between the moments.
func (s *story) instanceReady(instance string, from, until moment) bool {
	return slices.ContainsFunc(s.pods, func(p *pod) bool {
		return p.instance == instance && wasReady(p, from, until)
	})
}

func (s *story) backupActions() {
	for _, b := range s.history.episodes.backups {
		if b.owner == s.cluster && !b.listed {
			a := &action{kind: kindBackup, subject: b.name, begin: b.from, end: b.finished, backup: b}
			if b.method == methodSnapshot {
				a.kind = kindSnapshot
			}
			a.ended = !a.end.isZero()
			s.add(a)
		}
	}
	for _, v := range s.history.episodes.snapshots {
		if v.backup != "" || v.listed || s.volumeNamed(v.claim, v.from) == nil {
			continue
		}
		a := &action{kind: kindSnapshot, subject: v.name, begin: v.from, end: earliest(v.readyAt, v.failedAt), snapshot: v}
		a.ended = !a.end.isZero()
		s.add(a)
	}
}

// volumeNamed finds the life of a claim of the cluster at m.
func (s *story) volumeNamed(name string, m moment) *volume {
	var found *volume
	for _, g := range s.groups {
		for _, v := range g.volumes {
			if v.name == name && !m.before(v.from) {
				found = v
			}
		}
	}
	return found
}

// growths makes an action of every expansion. One that gives claims the very
// size of a block that was changed follows from that change.
func (s *story) growths() {
	for _, g := range s.groups {
		for _, o := range g.timeline.Operations {
			a := &action{kind: kindGrowth, subject: g.entity(), begin: o.Begin, ended: o.Closed, end: o.End}
			var last *specChange
			for i, c := range s.changes {
				asked := strings.HasSuffix(c.Field, "storage.request") || strings.HasSuffix(c.Field, "torage.size") ||
					strings.HasSuffix(c.Field, "walStorage.request")
				if asked && !o.Begin.before(c.moment) && c.ToBytes == o.Target {
					last = &s.changes[i]
				}
			}
			if last != nil {
				a.cause = s.openAt(last.moment, func(x *action) bool { return x.kind == kindSpecMutation })
			}
			s.add(a)
		}
	}
}
