package views

import (
	"cmp"
	"slices"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// waitDocument is what a cluster had to wait for.
type waitDocument struct {
	Namespace   string           `json:"namespace"`
	Cluster     string           `json:"cluster"`
	ClusterSeen bool             `json:"cluster_seen"`
	FromNS      int64            `json:"from_ns"`
	Until       string           `json:"until"`
	UntilSeq    uint64           `json:"until_seq"`
	UntilNS     int64            `json:"until_ns"`
	Instances   int64            `json:"instances"`
	Recorded    waitRecorded     `json:"recorded"`
	Scheduling  []schedulingWait `json:"scheduling"`
	Volumes     []volumeWait     `json:"volumes"`
	Images      []imageWait      `json:"images"`
	Nodes       []nodeWait       `json:"nodes"`
	Expansions  []expansionWait  `json:"expansions"`
	Podless     []podlessWait    `json:"podless"`
	Failovers   []failoverWait   `json:"failovers"`
	Rewinds     []rewindWait     `json:"rewinds"`
	DiskStatus  []diskStatusWait `json:"disk_status"`
	Backups     []backupWait     `json:"backups"`
	Schedules   []scheduleWait   `json:"schedules"`
	Operator    []waitInterval   `json:"operator"`
	Outages     []outageWait     `json:"outages"`
	Gaps        []gap            `json:"gaps"`
}

// waitRecorded says what the trace can know at all.
type waitRecorded struct {
	ForeignBudgets  bool `json:"foreign_budgets"`
	ForeignPods     bool `json:"foreign_pods"`
	SnapshotClasses bool `json:"snapshot_classes"`
	SnapshotsServed bool `json:"snapshots_served"`
	Logs            bool `json:"logs"`
}

// waitInterval is when something waited. One that had not ended at the end of
// the document has Ended false, a zero End, and the document's end as UntilNS.
type waitInterval struct {
	Begin      moment   `json:"begin"`
	BeginKnown bool     `json:"begin_known"`
	Ended      bool     `json:"ended"`
	End        moment   `json:"end"`
	UntilNS    int64    `json:"until_ns"`
	Seq        []uint64 `json:"seq"`
}

// waiting is what the view is made of beside the rest of the history.
type waiting struct {
	pods          map[*trace.Object]*waitPod
	order         []*waitPod            // of appearance
	standing      map[string][]*waitPod // by the node of their last version
	watchedPods   map[string]bool       // by UID
	gone          map[string]bool       // namespaces that were let go, of which pods are still here
	claims        map[*trace.Object]*waitClaim
	claimsNamed   map[string][]*waitClaim // by namespace/name, in order of appearance
	attachments   map[*trace.Object]*waitAttachment
	attached      map[string][]*waitAttachment // by volume, in order of appearance
	clusters      map[*cluster]*waitCluster
	budgets       map[*trace.Object]*waitBudget
	budgetsIn     map[string][]*waitBudget // by namespace, in order of appearance
	drains        map[string][]drainList   // by node
	lines         map[string][]waitLine    // by namespace
	backups       map[*trace.Object]*waitBackup
	backupOrder   []*waitBackup
	snapshots     map[*trace.Object]*waitSnapshot
	snapshotOrder []*waitSnapshot
	classes       map[*trace.Object]bool
	classPoints   []classPoint
	outages       []outageWait
	broken        map[string]brokenStream
	marks         []waitMark
	watched       waitRecorded // but for what depends on the cluster

	budgetNamespaces map[string]bool
	logs             bool
}

func newWaiting(certificate trace.Certificate) *waiting {
	w := &waiting{
		pods: map[*trace.Object]*waitPod{}, claims: map[*trace.Object]*waitClaim{},
		watchedPods: map[string]bool{}, gone: map[string]bool{}, claimsNamed: map[string][]*waitClaim{},
		attached: map[string][]*waitAttachment{}, budgetsIn: map[string][]*waitBudget{},
		lines: map[string][]waitLine{}, standing: map[string][]*waitPod{},
		attachments: map[*trace.Object]*waitAttachment{}, clusters: map[*cluster]*waitCluster{},
		budgets: map[*trace.Object]*waitBudget{}, drains: map[string][]drainList{},
		backups:   map[*trace.Object]*waitBackup{},
		snapshots: map[*trace.Object]*waitSnapshot{}, classes: map[*trace.Object]bool{},
		broken: map[string]brokenStream{}, budgetNamespaces: map[string]bool{},
	}
	w.readStreams(certificate.Streams)
	return w
}

// drainSample is what recorder/drain tells.
const drainSample trace.Type = "drain"

// waitTypes are the types of events that the view reads, beside marks and logs.
var waitTypes = []trace.Type{drainSample}

// waitFields are what is read of objects, beside what other views read.
func waitFields() []trace.Fields {
	return []trace.Fields{
		{Group: "postgresql.cnpg.io", Resource: "clusters", Topic: topicHealth, Paths: [][]string{
			{"metadata", "annotations", annotationHibernate}, {"metadata", "annotations", annotationFenced},
			{"status", "phase"}, {"status", "phaseReason"}, {"status", "readyInstances"}, {"status", "timelineID"},
			{"status", "danglingPVC"}, {"status", "resizingPVC"}, {"status", "initializingPVC"},
			{"status", "healthyPVC"}, {"status", "unusablePVC"},
		}},
		{Resource: "pods", Topic: topicWait, Paths: [][]string{
			{"metadata", "annotations", annotationMirror}, {"spec", "volumes"},
			{"status", "conditions"}, {"status", "containerStatuses"}, {"status", "initContainerStatuses"},
		}},
		{Group: "policy", Resource: "poddisruptionbudgets", Paths: [][]string{
			{"metadata", "ownerReferences"}, {"spec"}, {"status"},
		}},
	}
}

// observe folds one event, after the rest of the history has.
func (w *waiting) observe(h *history, c *trace.Change) {
	switch c.Type {
	case drainSample:
		w.observeDrain(c)
		return
	case logLine:
		w.observeLog(h, c)
		return
	case trace.Mark:
		w.observeMark(c)
		return
	}
	if !c.Type.IsObject() || c.Object == nil {
		return
	}
	switch c.Object.Resource.Resource {
	case "clusters":
		w.observeCluster(h.clusterOf[c.Object], c)
	case "pods":
		w.observePod(h, c)
	case "persistentvolumeclaims":
		w.observeClaim(h, c)
	case "volumeattachments":
		w.observeAttachment(c)
	case "poddisruptionbudgets":
		w.observeBudget(h, c)
	case "backups":
		w.observeBackup(h, c)
	case "volumesnapshots":
		w.observeSnapshot(c)
	case "volumesnapshotclasses":
		w.observeClass(c)
	}
}

// waitDocuments makes the document of a cluster.
func waitDocuments(h *history, k *cluster) ([]Document, error) {
	d, err := document("wait", k.label, newWaits(h, k).document())
	return []Document{d}, err
}

// waits makes the document of one cluster.
type waits struct {
	history *history
	*waiting
	cluster *cluster
	until   moment
	end     string
	pods    []*waitPod   // of the cluster: instances, and jobs that make instances
	claims  []*waitClaim // of the cluster, in order of appearance
}

func newWaits(h *history, k *cluster) *waits {
	w := &waits{history: h, waiting: h.waiting, cluster: k, pods: k.waitPods, claims: k.waitClaims}
	w.until, w.end = k.lastMoment(h.end)
	return w
}

func (w *waits) document() waitDocument {
	k := w.cluster
	d := waitDocument{
		Namespace: k.namespace, Cluster: k.name, ClusterSeen: k.seen, FromNS: k.from.NS,
		Until: w.end, UntilSeq: w.until.Seq, UntilNS: w.until.NS, Recorded: w.recorded(),
		Scheduling: w.schedulingWaits(), Volumes: w.volumeWaits(), Images: w.imageWaits(), Nodes: w.nodeWaits(),
		Expansions: w.expansionWaits(), Podless: w.podlessWaits(),
		Failovers: w.failoverWaits(), Rewinds: w.rewindWaits(), DiskStatus: w.diskStatusWaits(),
		Backups: w.backupWaits(), Schedules: w.scheduleWaits(), Operator: w.operatorWaits(),
		Outages: w.outageWaits(), Gaps: w.history.gapsOf(k, w.until),
	}
	if points := w.points(); len(points) > 0 {
		d.Instances = points[len(points)-1].wanted
	}
	return d
}

// recorded reads from the certificate what was watched.
func (w *waits) recorded() waitRecorded {
	r := w.watched
	r.Logs = w.logs
	// An imported log says nothing of namespaces in which there was nothing.
	_, own := w.budgetNamespaces[w.cluster.namespace]
	r.ForeignBudgets = len(w.budgetNamespaces) > 1 || len(w.budgetNamespaces) == 1 && !own
	return r
}

// readStreams notes what holds for all clusters, and in which namespaces budgets
// were watched; "" stands for all.
func (w *waiting) readStreams(streams []trace.StreamCert) {
	w.watched = waitRecorded{ForeignPods: true, SnapshotsServed: true}
	for _, s := range streams {
		denied := s.Proof == trace.ProofDenied
		switch s.Resource.Resource {
		case "poddisruptionbudgets":
			if !denied {
				w.budgetNamespaces[s.Namespace] = true
			}
		case "pods/drain":
			w.watched.ForeignPods = w.watched.ForeignPods && !denied
		case "volumesnapshotclasses":
			w.watched.SnapshotClasses = w.watched.SnapshotClasses || !denied && s.Namespace == ""
		case "volumesnapshots":
			w.watched.SnapshotsServed = w.watched.SnapshotsServed && !denied
		}
	}
}

// interval makes the interval from one moment to another, cut at the end of the
// document; false when nothing of it is before that.
func (w *waits) interval(begin, end moment, known bool, seq ...uint64) (waitInterval, bool) {
	if begin.isZero() || !begin.before(w.until) && begin.NS >= w.until.NS {
		return waitInterval{}, false
	}
	i := waitInterval{Begin: begin, BeginKnown: known, UntilNS: w.until.NS}
	if w.has(end) {
		i.Ended, i.End, i.UntilNS = true, end, end.NS
		seq = append(seq, end.Seq)
	}
	i.Seq = evidence(append(seq, begin.Seq)...)
	return i, true
}

// has reports whether the moment belongs to the document: the last event of a
// trace does, the deletion of its cluster does not.
func (w *waits) has(m moment) bool {
	return m.before(w.until) || !m.isZero() && w.end == endOfTrace && m.Seq == w.until.Seq
}

// evidence sorts sequence numbers and leaves out repetitions and what never came.
func evidence(seq ...uint64) []uint64 {
	seq = slices.DeleteFunc(slices.Clone(seq), func(n uint64) bool { return n == 0 })
	slices.Sort(seq)
	return append([]uint64{}, slices.Compact(seq)...)
}

// cutTo shortens a message of the API so that a document stays readable.
func cutTo(text string) string {
	const most = 300
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}

// sorted puts waits in the order of their begin.
func sorted[T any](rows []T, begin func(T) waitInterval) []T {
	slices.SortStableFunc(rows, func(a, b T) int {
		return cmp.Or(cmp.Compare(begin(a).Begin.NS, begin(b).Begin.NS), cmp.Compare(begin(a).Begin.Seq, begin(b).Begin.Seq))
	})
	return rows
}
