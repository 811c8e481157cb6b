package views

import (
	"maps"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// failoverWait is a primary that is being changed: while target and current
// primary differ, or the phase says so.
type failoverWait struct {
	waitInterval
	Phase      string   `json:"phase"`
	Crash      bool     `json:"crash"`
	From       string   `json:"from"`
	Current    string   `json:"current"`
	Target     string   `json:"target"`
	Agreed     moment   `json:"agreed"`
	NotReady   []string `json:"not_ready"`
	WALWaits   int64    `json:"wal_waits"`
	WALWaitSeq []uint64 `json:"wal_wait_seq"`
	Told       int64    `json:"told"`
}

// diskStatusWait is a volume group that wants to be sized, of a healthy cluster
// with an instance that is ready and an operator at work, and no disk status.
type diskStatusWait struct {
	waitInterval
	Role       string   `json:"role"`
	Tablespace string   `json:"tablespace"`
	State      string   `json:"state"`
	Present    bool     `json:"present"`
	Lines      []string `json:"lines"`
	LineSeq    []uint64 `json:"line_seq"`
}

// scheduleWait is a maintenance window, as a spec or an answer of the API says it.
type scheduleWait struct {
	waitInterval
	Where      string `json:"where"`
	Role       string `json:"role"`
	Tablespace string `json:"tablespace"`
	Schedule   string `json:"schedule"`
	Fields     int64  `json:"fields"`
	Valid      bool   `json:"valid"`
	Text       string `json:"text"`
}

// Where a schedule was seen.
const (
	whereSpec = "spec"
	whereMark = "mark"
)

const (
	phaseFailingOver = "Failing over"
	phaseHealthy     = "Cluster in healthy state"
	phaseSwitchover  = "Switchover in progress"
)

// waitCluster is what the Cluster says of itself over time.
type waitCluster struct {
	points []clusterPoint
}

type clusterPoint struct {
	moment
	phase, current, target string
	wanted                 int64 // instances
	suspended              bool  // hibernated, or instances are fenced: pods are away on purpose
	hasBackup, hasSnapshot bool  // sections of the spec
	constraints            []string
	lists                  map[string][]string // claims by list
}

// equal compares all but when it was.
func (p *clusterPoint) equal(o *clusterPoint) bool {
	return p.phase == o.phase && p.current == o.current && p.target == o.target && p.wanted == o.wanted &&
		p.suspended == o.suspended && p.hasBackup == o.hasBackup && p.hasSnapshot == o.hasSnapshot &&
		slices.Equal(p.constraints, o.constraints) && maps.EqualFunc(p.lists, o.lists, slices.Equal)
}

// claimLists are the lists of the status in which claims stand.
var claimLists = map[string]string{
	"danglingPVC": "dangling", "resizingPVC": "resizing", "initializingPVC": "initializing",
	"healthyPVC": "healthy", "unusablePVC": "unusable",
}

func (w *waiting) observeCluster(k *cluster, c *trace.Change) {
	if k == nil || c.Type == trace.Deleted || c.Topics&(topicSpec|topicHealth) == 0 {
		return
	}
	if w.clusters[k] == nil {
		w.clusters[k] = &waitCluster{}
	}
	known, status := w.clusters[k], c.State.At("status")
	annotations := c.State.At("metadata", "annotations")
	fenced := annotations.At(annotationFenced).String()
	p := clusterPoint{
		moment: momentOf(c), phase: status.At("phase").String(),
		current: status.At("currentPrimary").String(), target: status.At("targetPrimary").String(),
		suspended: annotations.At(annotationHibernate).String() == "on" || fenced != "" && fenced != "[]",
		lists:     map[string][]string{},
	}
	if n := len(known.points); n > 0 && c.Topics&topicSpec == 0 {
		last := &known.points[n-1]
		p.wanted, p.hasBackup, p.hasSnapshot, p.constraints = last.wanted, last.hasBackup, last.hasSnapshot, last.constraints
	} else {
		p.readSpec(c.State.At("spec"))
	}
	for key, list := range claimLists {
		for _, name := range status.At(key).Each() {
			p.lists[list] = append(p.lists[list], name.String())
		}
	}
	if n := len(known.points); n == 0 || !known.points[n-1].equal(&p) {
		known.points = append(known.points, p)
	}
}

func (p *clusterPoint) readSpec(s trace.State) {
	p.wanted, p.constraints = intOr(s.At("instances"), 1), constraintsOf(s)
	p.hasBackup, p.hasSnapshot = s.At("backup").Exists(), s.At("backup", "volumeSnapshot").Exists()
}

// constraintsOf names what the spec says about where instances may run.
func constraintsOf(spec trace.State) []string {
	affinity := spec.At("affinity")
	out := []string{}
	for name, is := range map[string]bool{
		"nodeSelector":              affinity.At("nodeSelector").Len() > 0,
		"nodeAffinity":              affinity.At("nodeAffinity").Len() > 0,
		"podAntiAffinity":           affinity.At("podAntiAffinityType").String() == "required",
		"additionalPodAffinity":     affinity.At("additionalPodAffinity").Len() > 0,
		"additionalPodAntiAffinity": affinity.At("additionalPodAntiAffinity").Len() > 0,
		"topologySpreadConstraints": spec.At("topologySpreadConstraints").Len() > 0,
	} {
		if is {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

func (p clusterPoint) listsOf(claim string) []string {
	out := []string{}
	for list, names := range p.lists {
		if slices.Contains(names, claim) {
			out = append(out, list)
		}
	}
	slices.Sort(out)
	return out
}

// points are the versions of the Cluster up to the end of the document.
func (w *waits) points() []clusterPoint {
	known := w.clusters[w.cluster]
	if known == nil {
		return nil
	}
	n := sort.Search(len(known.points), func(i int) bool { return known.points[i].Seq > w.until.Seq })
	return known.points[:n]
}

// lastAt returns the last of some change points that is not after seq; they are
// in order.
func lastAt[T any](points []T, seq uint64, of func(T) moment) (T, bool) {
	var none T
	n := sort.Search(len(points), func(i int) bool { return of(points[i]).Seq > seq })
	if n == 0 {
		return none, false
	}
	return points[n-1], true
}

// pointAt is the version of the Cluster just after m, if there was one.
func (w *waits) pointAt(m moment) (clusterPoint, bool) {
	return lastAt(w.points(), m.Seq, func(p clusterPoint) moment { return p.moment })
}

// constraints are those of the spec at m, or of the first that was seen.
func (w *waits) constraints(m moment) []string {
	if p, ok := w.pointAt(m); ok {
		return p.constraints
	}
	if points := w.points(); len(points) > 0 {
		return points[0].constraints
	}
	return []string{}
}

func (p clusterPoint) isChanging() bool {
	return p.phase == phaseFailingOver || p.phase == phaseSwitchover ||
		p.current != "" && p.target != "" && p.current != p.target
}

func (w *waits) failoverWaits() []failoverWait {
	out := []failoverWait{}
	points := w.points()
	for i, p := range points {
		if !p.isChanging() || i > 0 && points[i-1].isChanging() {
			continue
		}
		row := failoverWait{From: p.current, NotReady: []string{}, WALWaitSeq: []uint64{}}
		var end moment
		for _, later := range points[i:] {
			if !later.isChanging() {
				end = later.moment
				break
			}
			row.Phase, row.Current, row.Target = later.phase, later.current, later.target
			row.Crash = row.Crash || later.phase == phaseFailingOver || later.target == pendingPrimary
			switch {
			case later.current != later.target:
				row.Agreed = moment{}
			case row.Agreed.isZero():
				row.Agreed = later.moment
			}
		}
		var ok bool
		if row.waitInterval, ok = w.interval(p.moment, end, i > 0 || w.cluster.born); !ok {
			continue
		}
		row.NotReady = w.notReady(row.UntilNS)
		for _, line := range w.linesOf("Waiting for all WAL receivers to be down", row.waitInterval) {
			row.WALWaits++
			row.WALWaitSeq = evidence(append(row.WALWaitSeq[:min(len(row.WALWaitSeq), 1)], line.Seq)...)
		}
		for _, e := range w.errorsOf("Cluster", w.cluster.namespace, w.cluster.name, p.moment, end, "FailingOver") {
			row.Told += e.Count
		}
		out = append(out, row)
	}
	return out
}

// notReady lists the instances that have a claim and no ready pod just before ns.
func (w *waits) notReady(ns int64) []string {
	out := []string{}
	for _, c := range w.claims {
		if c.group.role != roleData || c.from.NS >= ns || !c.left.isZero() && c.left.NS < ns {
			continue
		}
		ready := slices.ContainsFunc(w.pods, func(p *waitPod) bool {
			return p.role == roleInstance && p.instance == c.instance && p.isReadyBefore(ns)
		})
		if !ready && !slices.Contains(out, c.instance) {
			out = append(out, c.instance)
		}
	}
	slices.Sort(out)
	return out
}

func (p *waitPod) isReadyBefore(ns int64) bool {
	ready := false
	for _, point := range p.points {
		if point.NS < ns {
			ready = point.ready
		}
	}
	return ready && (p.left.isZero() || p.left.NS >= ns)
}

// instanceReady is when a pod of the instance is next ready after m.
func (w *waits) instanceReady(instance string, m moment) moment {
	var found moment
	for _, p := range w.pods {
		if p.role != roleInstance || p.instance != instance {
			continue
		}
		for _, point := range p.points {
			if m.NS < point.NS && point.ready {
				found = earliest(found, point.moment)
			}
		}
	}
	return found
}

// diskStatusWaits looks at each volume group that is dynamic.
func (w *waits) diskStatusWaits() []diskStatusWait {
	out := []diskStatusWait{}
	idle, ready := w.operatorWaits(), w.readiness()
	for _, g := range w.history.groupsOf(w.cluster) {
		if g.key.role == roleWAL {
			continue
		}
		var open *diskStatusWait
		var begin moment
		closeAt := func(m moment) {
			if open == nil {
				return
			}
			var ok bool
			if open.waitInterval, ok = w.interval(begin, m, true); ok {
				w.addDiskLines(open)
				out = append(out, *open)
			}
			open = nil
		}
		for _, m := range w.sizingTurns(g, idle, ready) {
			missing, state, present := w.diskStatusAt(g, m, idle, ready)
			if open != nil && (!missing || open.State != state) {
				closeAt(m)
			}
			if missing && open == nil {
				open, begin = &diskStatusWait{
					Role: g.key.role, Tablespace: g.key.tablespace, State: state, Present: present,
				}, m
			}
		}
		closeAt(moment{})
	}
	return out
}

// sizingTurns are the moments at which it may change whether a disk status is missing.
func (w *waits) sizingTurns(g volumeGroup, idle []waitInterval, ready []readyPoint) []moment {
	var all []moment
	for _, b := range g.known.blocks {
		all = append(all, b.moment)
	}
	for _, s := range g.known.sizings {
		all = append(all, s.moment)
	}
	for _, r := range ready {
		all = append(all, r.moment)
	}
	for _, i := range idle {
		all = append(all, i.Begin, i.End)
	}
	for _, p := range w.points() {
		all = append(all, p.moment)
	}
	all = slices.DeleteFunc(all, func(m moment) bool { return m.isZero() || !m.before(w.until) })
	slices.SortFunc(all, func(a, b moment) int { return int(a.Seq) - int(b.Seq) })
	return slices.Compact(all)
}

// diskStatusAt says whether just after m the status of a group lacks what an
// instance that is ready would have told.
func (w *waits) diskStatusAt(
	g volumeGroup, m moment, idle []waitInterval, ready []readyPoint,
) (missing bool, state string, present bool) {
	b, _ := lastAt(g.known.blocks, m.Seq, func(p blockPoint) moment { return p.moment })
	s, _ := lastAt(g.known.sizings, m.Seq, func(p sizingPoint) moment { return p.moment })
	r, _ := lastAt(ready, m.Seq, func(p readyPoint) moment { return p.moment })
	k, _ := w.pointAt(m)
	away := slices.ContainsFunc(idle, func(i waitInterval) bool {
		return i.Begin.Seq <= m.Seq && (!i.Ended || m.Seq < i.End.Seq)
	})
	if b.Mode != modeDynamic || r.count == 0 || k.phase != phaseHealthy || away {
		return false, s.State, s.Present
	}
	return !s.Present || s.State == "" || s.State == "WaitingForDiskStatus", s.State, s.Present
}

// readyPoint is how many pods of instances are ready from a moment on.
type readyPoint struct {
	moment
	count int
}

// readiness counts the ready pods of instances over time.
func (w *waits) readiness() []readyPoint {
	var out []readyPoint
	for _, p := range w.pods {
		if p.role != roleInstance {
			continue
		}
		ready := false
		turn := func(m moment, now bool) {
			if now != ready {
				ready = now
				out = append(out, readyPoint{m, map[bool]int{true: 1, false: -1}[now]})
			}
		}
		for _, point := range p.points {
			if p.left.isZero() || point.before(p.left) {
				turn(point.moment, point.ready)
			}
		}
		if !p.left.isZero() {
			turn(p.left, false)
		}
	}
	slices.SortStableFunc(out, func(a, b readyPoint) int { return int(a.Seq) - int(b.Seq) })
	for i := 1; i < len(out); i++ {
		out[i].count += out[i-1].count
	}
	return out
}

// diskLines are the log lines that tell why there is no disk status.
var diskLines = []string{
	"No instances available for disk status collection", "No disk status available yet",
	"Failed to probe data volume disk status", "Failed to probe tablespace",
}

func (w *waits) addDiskLines(d *diskStatusWait) {
	d.Lines, d.LineSeq = []string{}, []uint64{}
	add := func(words string, lines []waitLine) {
		if len(lines) > 0 {
			d.Lines = append(d.Lines, words)
			d.LineSeq = evidence(append(d.LineSeq, lines[0].Seq, lines[len(lines)-1].Seq)...)
		}
	}
	for _, words := range diskLines {
		add(words, w.linesOf(words, d.waitInterval))
	}
	without := slices.DeleteFunc(w.linesOf("Instance disk status detail", d.waitInterval), func(l waitLine) bool {
		return l.hasDiskStatus != "false"
	})
	add("hasDiskStatus=false", without)
}

var (
	fieldCount = regexp.MustCompile(`expected 6 fields, got (\d+)`)
	badCron    = regexp.MustCompile(`invalid cron schedule[^"\\]*`)
)

// waitMark is a mark that tells of a schedule.
type waitMark struct {
	moment
	text string
}

func (w *waiting) observeMark(c *trace.Change) {
	if text := string(c.State.JSON()); fieldCount.MatchString(text) || badCron.MatchString(text) {
		w.marks = append(w.marks, waitMark{momentOf(c), text})
	}
}

// scheduleWaits lists the maintenance windows of the spec, and what admission
// said of others, which never come into being.
func (w *waits) scheduleWaits() []scheduleWait {
	out := []scheduleWait{}
	for _, g := range w.history.groupsOf(w.cluster) {
		for i, b := range g.known.blocks {
			var end moment
			if i+1 < len(g.known.blocks) {
				end = g.known.blocks[i+1].moment
			}
			if !b.Windowed || b.window.schedule == "" {
				continue
			}
			_, _, valid := b.window.parse()
			row := scheduleWait{
				Where: whereSpec, Role: g.key.role, Tablespace: g.key.tablespace, Schedule: b.window.schedule,
				Fields: int64(len(strings.Fields(b.window.schedule))), Valid: valid,
			}
			var ok bool
			if row.waitInterval, ok = w.interval(b.moment, end, true); ok {
				out = append(out, row)
			}
		}
	}
	for _, m := range w.marks {
		count, text := fieldCount.FindStringSubmatch(m.text), badCron.FindString(m.text)
		if len(w.history.clusters) != 1 && !strings.Contains(m.text, `"`+w.cluster.name+`"`) {
			continue
		}
		row := scheduleWait{Where: whereMark, Text: cutTo(text)}
		if count != nil {
			n, err := strconv.ParseInt(count[1], 10, 64)
			if err == nil {
				row.Fields = n
			}
			if text == "" {
				row.Text = count[0]
			}
		}
		var ok bool
		if row.waitInterval, ok = w.interval(m.moment, m.moment, true); ok {
			out = append(out, row)
		}
	}
	return sorted(out, func(r scheduleWait) waitInterval { return r.waitInterval })
}

// operatorWaits lists when no pod of the operator was ready, from the first one
// that was seen.
func (w *waits) operatorWaits() []waitInterval {
	out := []waitInterval{}
	var turns []moment
	for _, p := range w.history.operators {
		turns = append(turns, p.ready, p.left)
	}
	turns = slices.DeleteFunc(turns, moment.isZero)
	slices.SortFunc(turns, func(a, b moment) int { return int(a.Seq) - int(b.Seq) })
	var begin moment
	for _, m := range turns {
		ready := slices.ContainsFunc(w.history.operators, func(p *pod) bool {
			return !p.ready.isZero() && p.ready.Seq <= m.Seq && (p.left.isZero() || m.before(p.left))
		})
		switch {
		case !ready && begin.isZero():
			begin = m
		case ready && !begin.isZero():
			if i, ok := w.interval(begin, m, true); ok {
				out = append(out, i)
			}
			begin = moment{}
		}
	}
	if i, ok := w.interval(begin, moment{}, true); ok {
		out = append(out, i)
	}
	return out
}
