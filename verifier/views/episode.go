package views

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// episodeDocument is one thing that was done to a cluster, with how the cluster
// and its storage stood from then until the next thing was done.
type episodeDocument struct {
	Namespace    string             `json:"namespace"`
	Cluster      string             `json:"cluster"`
	Kind         string             `json:"kind"`
	Number       int                `json:"number"`
	Subject      string             `json:"subject"`
	CausedBy     string             `json:"caused_by"`
	Root         string             `json:"root"`
	Effects      []episodeRef       `json:"effects"`
	Concurrent   []episodeRef       `json:"concurrent"`
	Topology     string             `json:"topology"`
	Wanted       int64              `json:"wanted"`
	Begin        moment             `json:"begin"`
	Ended        bool               `json:"ended"`
	End          moment             `json:"end"`
	Horizon      moment             `json:"horizon"`
	HorizonBy    string             `json:"horizon_by"`
	Next         string             `json:"next"`
	Until        string             `json:"until"`
	UntilSeq     uint64             `json:"until_seq"`
	UntilNS      int64              `json:"until_ns"`
	Operations   []episodeOperation `json:"operations"`
	Later        []episodeOperation `json:"later"`
	Prior        int                `json:"prior"`
	Shrinks      []shrink           `json:"shrinks"`
	Changes      []specChange       `json:"changes"`
	Health       []healthSpan       `json:"health"`
	Storage      []episodeGroup     `json:"storage"`
	Pods         []episodePod       `json:"pods"`
	Restarts     []episodeRestart   `json:"restarts"`
	Claims       []episodeClaim     `json:"claims"`
	Created      []createdClaim     `json:"created"`
	Elections    []episodeElection  `json:"elections"`
	TwoPrimaries []reportedSpan     `json:"two_primaries"`
	Probes       []probeRun         `json:"probes"`
	Signals      []episodeSignal    `json:"signals"`
	Node         episodeNode        `json:"node"`
	Upgrade      rollout            `json:"upgrade"`
	Scale        scaleChange        `json:"scale"`
	Operator     operatorChange     `json:"operator"`
	Backup       episodeBackup      `json:"backup"`
	Crossings    []crossing         `json:"crossings"`
	Sentinel     bool               `json:"sentinel"`
	Workloads    []episodeWorkload  `json:"workloads"`
	Gaps         []gap              `json:"gaps"`
}

// episodeRef names another episode.
type episodeRef struct {
	Entity   string `json:"entity"`
	Kind     string `json:"kind"`
	Subject  string `json:"subject"`
	CausedBy string `json:"caused_by"`
	Root     string `json:"root"`
	Begin    moment `json:"begin"`
	Ended    bool   `json:"ended"`
	End      moment `json:"end"`
}

// episodeOperation is an expansion that the episode met.
type episodeOperation struct {
	Entity     string `json:"entity"`
	Met        string `json:"met"`
	Role       string `json:"role"`
	Tablespace string `json:"tablespace"`
	Number     int    `json:"number"`
	Mode       string `json:"mode"`
	operation
	Waiting []string `json:"waiting"`
}

// How an episode met an operation.
const (
	metOpen  = "open"
	metBegun = "begun"
	metLater = "later"
)

// episodeGroup is a volume group between begin and horizon.
type episodeGroup struct {
	Entity           string         `json:"entity"`
	Role             string         `json:"role"`
	Tablespace       string         `json:"tablespace"`
	Specs            []storageSpec  `json:"specs"`
	Windows          []openTime     `json:"windows"`
	Statuses         []statusPoint  `json:"statuses"`
	Before           statusPoint    `json:"before"`
	After            statusPoint    `json:"after"`
	Requests         []requestPoint `json:"requests"`
	Touches          []touchPoint   `json:"touches"`
	Spans            []storageSpan  `json:"spans"`
	OperationsBefore int            `json:"operations_before"`
	Resized          bool           `json:"resized"`
}

// episodeDocuments makes one document per thing that was done to a cluster.
func episodeDocuments(h *history, k *cluster) ([]Document, error) {
	s := h.storyOf(k)
	n := narrator{story: s, testimonies: h.testimoniesOf(k), shrinks: map[string][]shrink{}}
	for _, g := range s.groups {
		n.shrinks[g.entity()] = s.shrinksOf(g)
	}
	return documentsOf("episode", s.actions, func(a *action) (string, any) { return s.entity(a), n.tell(a) })
}

// narrator writes the documents of one cluster.
type narrator struct {
	*story
	testimonies []testimony
	shrinks     map[string][]shrink // by group
}

// stretchOf is from the begin of an action to its horizon.
func (n narrator) stretchOf(a *action) stretch {
	s := stretch{a.begin.Seq, a.horizon.Seq}
	if a.horizonBy == endOfTrace {
		s.until++
	}
	return s
}

func (n narrator) tell(a *action) episodeDocument {
	s := n.stretchOf(a)
	d := episodeDocument{
		Namespace: n.cluster.namespace, Cluster: n.cluster.name, Kind: a.kind, Number: a.number, Subject: a.subject,
		CausedBy: n.entity(a.cause), Root: n.entity(a.root()), Effects: n.refs(a.effects), Concurrent: n.concurrent(a),
		Begin: a.begin, Ended: a.ended, End: a.end, Horizon: a.horizon, HorizonBy: a.horizonBy, Next: n.entity(a.next),
		Until: n.end, UntilSeq: n.until.Seq, UntilNS: n.until.NS,
		Operations: []episodeOperation{}, Later: []episodeOperation{}, Shrinks: []shrink{}, Storage: []episodeGroup{},
		Changes:   append([]specChange{}, within(n.changes, s, func(c specChange) uint64 { return c.Seq })...),
		Health:    healthDuring(n.health, s, a.horizon),
		Pods:      n.podsGoing(s),
		Restarts:  n.restartsDuring(s),
		Claims:    n.claimsGoing(s),
		Created:   n.claimsCreated(s, a.horizon),
		Elections: []episodeElection{}, Probes: []probeRun{}, Crossings: list(a.crossing), Workloads: []episodeWorkload{},
		Signals:  n.signalsDuring(s),
		Operator: a.operator, Scale: a.scale, Upgrade: a.upgrade, Node: n.nodeOf(a), Backup: n.backupOf(a, s),
		Sentinel: len(n.testimonies) > 0,
		Gaps:     n.gapsDuring(a),
	}
	d.Scale.Instances = list(d.Scale.Instances)
	d.Upgrade.Pods, d.Upgrade.Replaced = list(d.Upgrade.Pods), list(d.Upgrade.Replaced)
	d.TwoPrimaries = twoPrimaries(d.Health)
	if len(d.Health) > 0 {
		d.Wanted = d.Health[0].Wanted
		d.Topology = topologyOf(d.Wanted)
	}
	for _, e := range n.elections {
		if s.holds(e.moment) {
			d.Elections = append(d.Elections, e)
		}
	}
	for _, t := range n.testimonies {
		d.Workloads = append(d.Workloads, t.of(a, s))
		for _, p := range t.probes {
			if !p.Last.before(a.begin) && p.Seq < s.until {
				d.Probes = append(d.Probes, p)
			}
		}
	}
	for _, g := range n.groups {
		n.tellGroup(&d, g, a, s)
	}
	return d
}

// topologyOf names the class of a number of instances, as the requirements do.
func topologyOf(instances int64) string {
	switch {
	case instances <= 0:
		return ""
	case instances <= 2:
		return []string{"T1", "T2"}[instances-1]
	default:
		return "T3"
	}
}

// signalsDuring joins what the fold kept with the Events of the cluster.
func (n narrator) signalsDuring(s stretch) []episodeSignal {
	out := append([]episodeSignal{}, within(n.fold.facts, s, func(g episodeSignal) uint64 { return g.Seq })...)
	for _, e := range within(n.signals, s, func(e *signal) uint64 { return e.Seq }) {
		out = append(out, episodeSignal{
			moment: e.moment, What: signalEvent, Object: e.kind + "/" + e.name, Reason: e.reason, Text: shortened(e.message),
			Warning: e.warning, Count: e.count,
		})
	}
	slices.SortStableFunc(out, func(a, b episodeSignal) int { return cmp.Compare(a.Seq, b.Seq) })
	return out
}

func (n narrator) refs(actions []*action) []episodeRef {
	out := []episodeRef{}
	for _, a := range actions {
		out = append(out, episodeRef{
			Entity: n.entity(a), Kind: a.kind, Subject: a.subject, CausedBy: n.entity(a.cause), Root: n.entity(a.root()),
			Begin: a.begin, Ended: a.ended, End: a.end,
		})
	}
	return out
}

// concurrent lists the actions of other roots that were on while this one was.
func (n narrator) concurrent(a *action) []episodeRef {
	var out []*action
	for _, o := range n.actions {
		if a.ended && a.end.before(o.begin) {
			break
		}
		if o.root() != a.root() && (!o.ended || !o.end.before(a.begin)) {
			out = append(out, o)
		}
	}
	return n.refs(out)
}

// tellGroup adds what concerns one volume group.
func (n narrator) tellGroup(d *episodeDocument, g volumeGroup, a *action, s stretch) {
	t := g.timeline
	e := episodeGroup{
		Entity: g.entity(), Role: g.key.role, Tablespace: g.key.tablespace, Windows: []openTime{}, Spans: []storageSpan{},
		Touches: append([]touchPoint{}, within(t.Touches, s, func(p touchPoint) uint64 { return p.Seq })...),
	}
	firstSpec, specs := during(t.Specs, s, func(p storageSpec) uint64 { return p.Seq })
	firstStatus, statuses := during(t.Statuses, s, func(p statusPoint) uint64 { return p.Seq })
	e.Specs, e.Statuses = append([]storageSpec{}, specs...), append([]statusPoint{}, statuses...)
	if len(statuses) > 0 {
		e.After = statuses[len(statuses)-1]
		if !a.begin.before(statuses[0].moment) {
			e.Before = statuses[0]
		}
	}
	for _, w := range t.Windows {
		if w.Opens < a.horizon.NS && w.Closes > a.begin.NS {
			e.Windows = append(e.Windows, openTime{max(w.Opens, a.begin.NS), min(w.Closes, a.horizon.NS)})
		}
	}
	e.Requests = append([]requestPoint{}, within(t.Requests, s, func(p requestPoint) uint64 { return p.Seq })...)
	for i := range e.Requests {
		e.Requests[i].Spec = max(e.Requests[i].Spec-firstSpec, -1)
	}
	if _, spans := during(t.Spans, s, func(p storageSpan) uint64 { return p.Seq }); len(spans) > 0 {
		e.Spans = append(e.Spans, spans...)
		last := &e.Spans[len(e.Spans)-1]
		last.Last = true
		last.UntilNS, last.UntilNotBefore = min(last.UntilNS, a.horizon.NS), min(last.UntilNotBefore, a.horizon.NotBefore)
	}
	for i := range e.Spans {
		e.Spans[i].Spec = max(e.Spans[i].Spec-firstSpec, -1)
		e.Spans[i].Status = max(e.Spans[i].Status-firstStatus, -1)
	}
	n.tellOperations(d, &e, g, a, s)
	for _, x := range n.shrinks[e.Entity] {
		if x.Met = metAt(a, x.Begin, x.Closed, x.End); x.Met == metOpen || x.Met == metBegun {
			d.Shrinks = append(d.Shrinks, x)
		}
	}
	d.Storage = append(d.Storage, e)
}

func (n narrator) tellOperations(d *episodeDocument, e *episodeGroup, g volumeGroup, a *action, s stretch) {
	for i, o := range g.timeline.Operations {
		if o.Closed && o.End.before(a.begin) {
			e.OperationsBefore++
			d.Prior++
		}
		met := metAt(a, o.Begin, o.Closed, o.End)
		if met == "" || o.Begin.Seq >= s.until {
			continue
		}
		full := g.operation(i)
		x := episodeOperation{
			Entity: operationEntity(g, i), Met: met, Role: full.Role, Tablespace: full.Tablespace, Number: full.Number,
			Mode: full.Mode, operation: o, Waiting: waitingAt(o, e.Spans),
		}
		if met == metLater {
			d.Later = append(d.Later, x)
		} else {
			d.Operations = append(d.Operations, x)
		}
	}
	e.Resized = e.OperationsBefore > 0
}

// metAt says how an action met what lasted from begin to end: open when it
// began, begun while it was on, later, or not at all.
func metAt(a *action, begin moment, closed bool, end moment) string {
	switch {
	case begin.Seq < a.begin.Seq && (!closed || a.begin.before(end)):
		return metOpen
	case begin.Seq < a.begin.Seq:
		return ""
	case begin.Seq == a.begin.Seq || !a.ended || begin.before(a.end):
		return metBegun
	default:
		return metLater
	}
}

// waitingAt lists the claims that hold up an operation at the end of the spans.
func waitingAt(o operation, spans []storageSpan) []string {
	out := []string{}
	if len(spans) == 0 {
		return out
	}
	last := spans[len(spans)-1]
	if o.Closed && o.End.Seq <= last.Seq {
		return out
	}
	for _, v := range last.Volumes {
		if v.Capacity < last.Peak || v.Resizing {
			out = append(out, v.Volume)
		}
	}
	return out
}

// episodeGapKinds are the resources of which a loss concerns an episode.
var episodeGapKinds = []string{
	"clusters", "persistentvolumeclaims", "pods", "nodes", "leases", "backups", "volumesnapshots", "events",
	"volumeattachments",
}

// gapsDuring lists the declared gaps between begin and horizon.
func (n narrator) gapsDuring(a *action) []gap {
	out := []gap{}
	for _, g := range n.history.gaps {
		if g.LastSeq == 0 { // the recording ended inside
			g.NotAfter, g.LastSeq = time.Duration(n.history.end.NS), n.history.end.Seq
		}
		if slices.Contains(episodeGapKinds, g.Resource.Resource) &&
			(g.Namespace == "" || g.Namespace == n.cluster.namespace || !isNamespaced(g)) &&
			int64(g.NotAfter) > a.begin.NotBefore && int64(g.NotBefore) < a.horizon.NS {
			out = append(out, gap{
				Resource: g.Resource.Resource, FromNS: int64(g.NotBefore), UntilNS: int64(g.NotAfter),
				FirstSeq: g.FirstSeq, LastSeq: g.LastSeq,
				SameGeneration: g.Resource.Resource == "clusters" && n.cluster.sameGeneration(g),
			})
		}
	}
	return out
}

// isNamespaced reports whether a gap speaks of the cluster's own objects: pods
// and leases of the operator may be in another namespace.
func isNamespaced(g trace.GapCert) bool { return !strings.HasPrefix(g.Resource.Resource, "leases") }
