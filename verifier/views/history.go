package views

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// history is what the views are made of: the recorded objects as change points,
// folded in one scan of the trace.
type history struct {
	needs    needs
	unread   []int     // fields of a storageDocument that nobody reads
	start    time.Time // of the trace's clock
	end      moment    // the last event: the watermark
	ahead    *int64    // ns by which the recorder's clock is ahead of the API's, at most; nil: unknown
	gaps     []trace.GapCert
	clusters []*cluster           // in order of appearance
	volumes  map[string][]*volume // by namespace
	nodes    map[string]*node

	operators   []*pod // pods of the operator
	leaders     []leaderPoint
	attachments map[string][]attachmentPoint // by volume
	restarts    []disruption                 // of the operator
	marks       []mark
	specs       []suiteSpec
	classes     map[string]storageClass // by name
	sentinels   []sentinelEvent
	strays      []sentinelEvent         // those of which the cluster is unknown
	within      map[string][]int        // indices of clusters, by namespace
	backedUp    map[string]bool         // namespaces with Backups or VolumeSnapshots
	told        bool                    // whether the trace has Kubernetes Events
	usages      map[string][]usageEvent // by namespace
	patches     map[string][]patchEvent // by namespace
	run         *runFold
	backups     *backupFold
	signals     map[string]map[subject][]*signal // Kubernetes Events by the namespace of what they are about
	waiting     *waiting
	episodes    *episodeFold

	clusterOf    map[*trace.Object]*cluster
	volumeOf     map[*trace.Object]*volume
	podOf        map[*trace.Object]*pod
	attachmentOf map[*trace.Object]attachmentPoint
	named        map[string][]*cluster // namespace/name → its lives
	byUID        map[string]*cluster
}

// volume is one life of a PersistentVolumeClaim of a cluster.
type volume struct {
	namespace, name, uid, instance string
	owner                          *cluster
	group                          groupKey
	created                        bool // while the trace was running
	from, left                     moment
	points                         []volumePoint
	touches                        []moment
	failing                        []nodePoint // whether the claim shows that its expansion fails
	volumeName                     string      // of the PersistentVolume
	source                         string      // VolumeSnapshot that it was made of
	class                          string      // of storage
	restored                       bool        // filled from a snapshot or another claim
}

type volumePoint struct {
	moment
	request  int64
	text     string // of the request
	capacity int64
	resizing bool
	status   string
	inferred bool
}

// pod is one life of a Pod.
type pod struct {
	namespace, name, uid, instance, node string
	owner                                *cluster
	created                              bool
	cordoned                             bool // its node was unschedulable when it left
	from, ready, left, gone              moment
	restarts                             int64
	restarted                            []moment
	changes                              []moment // of its look
	last                                 podLook
	seen                                 bool // whether last is there

	points    []podPoint
	scheduled moment
	evicted   bool
}

// podLook is what of a pod is looked at for changes.
type podLook struct {
	phase, node string
	ready       bool
}

type node struct {
	unschedulable []nodePoint
	notReady      []nodePoint
}

type nodePoint struct {
	moment
	on bool
}

type leaderPoint struct {
	moment
	holder string
}

type attachmentPoint struct {
	moment
	volumeName, node string
	attached         bool
}

type mark struct {
	moment
	phase  string
	failed bool
}

const (
	labelCluster    = "cnpg.io/cluster"
	labelInstance   = "cnpg.io/instanceName"
	labelRole       = "cnpg.io/pvcRole"
	labelTablespace = "cnpg.io/tablespaceName"
	labelPodRole    = "cnpg.io/podRole"
	labelApp        = "app.kubernetes.io/name"
	operatorApp     = "cloudnative-pg"
	leaseSuffix     = ".cnpg.io"

	annotationStatus = "cnpg.io/pvcStatus" // of a claim
)

// What changes of objects are about, where that saves reading the rest.
const (
	topicBody   trace.Topic = 1 << iota // of a claim: anything but bookkeeping
	topicSpec                           // of a Cluster: its spec and metadata
	topicSizing                         // of a Cluster: its status of the sizes
	topicHealth                         // of a Cluster: what it says of itself besides
	topicPod                            // of a Pod: what its life is told by
	topicWait                           // of a Pod: what it waits for
	topicMaking                         // of a Pod: why it goes and what it is made of
)

// bodyPaths are the paths of an object but for those that every write changes:
// two versions that differ in nothing else differ in the fact that somebody wrote.
func bodyPaths() [][]string {
	paths := [][]string{{"spec"}, {"status"}}
	for _, key := range []string{
		"annotations", "creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "finalizers",
		"generateName", "generation", "labels", "name", "namespace", "ownerReferences", "selfLink", "uid",
	} {
		paths = append(paths, []string{"metadata", key})
	}
	return paths
}

// newHistory begins the history of a trace, for some views.
func newHistory(r *trace.Reader, needs needs) *history {
	certificate := r.Certificate()
	end := moment{Seq: certificate.Events, NS: certificate.Duration, NotBefore: certificate.Duration}
	return &history{
		needs:        needs,
		start:        r.Run().Start,
		end:          end,
		within:       map[string][]int{},
		backedUp:     map[string]bool{},
		gaps:         gapsOf(certificate),
		nodes:        map[string]*node{},
		volumes:      map[string][]*volume{},
		attachments:  map[string][]attachmentPoint{},
		usages:       map[string][]usageEvent{},
		patches:      map[string][]patchEvent{},
		signals:      map[string]map[subject][]*signal{},
		classes:      map[string]storageClass{},
		clusterOf:    map[*trace.Object]*cluster{},
		volumeOf:     map[*trace.Object]*volume{},
		podOf:        map[*trace.Object]*pod{},
		attachmentOf: map[*trace.Object]attachmentPoint{},
		named:        map[string][]*cluster{},
		byUID:        map[string]*cluster{},
		waiting:      newWaiting(certificate),
		episodes:     newEpisodeFold(),
		run:          newRunFold(r),
		backups:      newBackupFold(),
	}
}

// settle prepares what clusters share, so that the documents of some of them can be
// made, from several goroutines if nothing is folded meanwhile.
func (h *history) settle(clusters []*cluster) {
	h.restarts = h.operatorDisruptions()
	for _, k := range clusters {
		h.episodes.of(k)
		for _, v := range k.volumes {
			k.group(v.group)
		}
		h.correctClock(k)
	}
	h.assignSentinels(clusters)
	clear(h.waiting.standing)
	for _, p := range h.waiting.order {
		if n := len(p.points); n > 0 {
			node := p.points[n-1].node
			h.waiting.standing[node] = append(h.waiting.standing[node], p)
		}
	}
}

// assignSentinels gives clusters the events of their sentinels.
func (h *history) assignSentinels(clusters []*cluster) {
	wanted := map[*cluster]bool{}
	for _, k := range clusters {
		wanted[k] = true
	}
	h.sentinels = slices.DeleteFunc(h.sentinels, func(e sentinelEvent) bool {
		k := h.clusterAt(e)
		if wanted[k] {
			k.sentinels = append(k.sentinels, e)
		}
		return wanted[k]
	})
}

// gapsOf lists what the certificate says was not seen. A stream that was denied
// is one gap from the first event to the last.
func gapsOf(c trace.Certificate) []trace.GapCert {
	gaps := slices.Clone(c.Gaps)
	for _, s := range c.Streams {
		if s.Proof == trace.ProofDenied {
			gaps = append(gaps, trace.GapCert{
				Resource: s.Resource, Namespace: s.Namespace, NotAfter: time.Duration(c.Duration),
				FirstSeq: 1, LastSeq: c.Events, Reason: s.Reason,
			})
		}
	}
	return gaps
}

// observe folds one event.
func (h *history) observe(c *trace.Change) error {
	if v, known := h.volumeOf[c.Object]; known && c.Type == trace.Modified && c.Topics&topicBody == 0 {
		if v != nil {
			v.touches = append(v.touches, momentOf(c))
		}
		return nil
	}
	if err := h.observeCommon(c); err != nil {
		return err
	}
	if h.needs.episodes {
		h.episodes.observe(h, c)
	}
	if h.needs.waiting {
		h.waiting.observe(h, c)
	}
	if h.needs.backups {
		h.backups.observe(h, c)
	}
	if h.needs.run {
		h.run.observe(h, c)
	}
	return nil
}

// observeCommon folds what several views are made of.
func (h *history) observeCommon(c *trace.Change) error {
	switch {
	case c.Type == trace.Mark:
		h.observeSpec(c)
		h.marks = append(h.marks, mark{
			momentOf(c), c.State.At("phase").String(), c.State.At("outcome").String() == "failed",
		})
		return nil
	case slices.Contains(sentinelTypes, c.Type):
		return h.observeSentinel(c)
	case c.Type == usageSample:
		h.observeUsage(c)
		return nil
	case c.Type == logLine:
		h.observeSizingLine(c)
		return nil
	case !c.Type.IsObject() || c.Object == nil:
		return nil
	}
	switch c.Object.Resource.Resource {
	case "clusters":
		h.observeCluster(c)
	case "persistentvolumeclaims":
		h.observeVolume(c)
	case "pods":
		h.observePod(c)
	case "events":
		h.observeSignal(c)
	case "backups", "volumesnapshots":
		h.backedUp[c.Object.Namespace] = true
	case "storageclasses":
		h.observeClass(c)
	case "volumeattachments":
		h.observeAttachment(c)
	}
	return nil
}

// created notes the difference between the recorder's clock and the API
// server's that the receipt of a new object shows: it is at most this.
func (h *history) created(c *trace.Change) {
	at, ok := timeOf(c.State.At("metadata", "creationTimestamp"))
	if !ok || c.Inferred || c.Type != trace.Added || !h.isBorn(c.State) {
		return
	}
	if ahead := int64(c.Time) - int64(at.Sub(h.start)); h.ahead == nil || ahead < *h.ahead {
		h.ahead = &ahead
	}
}

// correctClock moves what the operator's clock says of a cluster onto the trace's
// clock, as far as the objects created in the trace show their difference.
func (h *history) correctClock(k *cluster) {
	if h.ahead == nil {
		return
	}
	for _, g := range k.groups {
		for i := range g.sizings {
			if s := &g.sizings[i]; s.ActionAt != 0 {
				s.ActionAt += *h.ahead
			}
		}
	}
}

// isBorn reports whether the object was created while the trace was running, as
// opposed to listed at its start. Stamps of the API have whole seconds.
func (h *history) isBorn(s trace.State) bool {
	created, ok := timeOf(s.At("metadata", "creationTimestamp"))
	return ok && !created.Before(h.start.Truncate(time.Second))
}

func isLeaving(c *trace.Change) bool {
	return c.Type == trace.Deleted || c.State.At("metadata", "deletionTimestamp").String() != ""
}

func (h *history) observeCluster(c *trace.Change) {
	k := h.clusterOf[c.Object]
	if k == nil {
		k = h.latest(c.Object.Namespace, c.Object.Name)
		if k == nil || k.seen || (k.uid != "" && k.uid != c.Object.UID) {
			k = h.newCluster(c.Object.Namespace, c.Object.Name, c.Object.UID)
		}
		k.seen, k.born = true, h.isBorn(c.State)
		h.identify(k, c.Object.UID)
		k.from = earliest(k.from, momentOf(c))
		h.clusterOf[c.Object] = k
	}
	if isLeaving(c) {
		k.left = earliest(k.left, momentOf(c))
	}
	if c.Type != trace.Deleted {
		k.observe(momentOf(c), c.State, h.start, c.Topics, h.needs)
	}
}

func (h *history) newCluster(namespace, name, uid string) *cluster {
	label := namespace + "/" + name
	k := &cluster{namespace: namespace, name: name, label: label, groups: map[groupKey]*groupHistory{}}
	if n := len(h.named[label]); n > 0 {
		k.label = fmt.Sprintf("%s#%d", label, n+1)
	}
	h.identify(k, uid)
	h.named[label] = append(h.named[label], k)
	h.within[namespace] = append(h.within[namespace], len(h.clusters))
	h.clusters = append(h.clusters, k)
	return k
}

// latest is the present life of the cluster of a name, nil when there was none.
func (h *history) latest(namespace, name string) *cluster {
	lives := h.named[namespace+"/"+name]
	if len(lives) == 0 {
		return nil
	}
	return lives[len(lives)-1]
}

func (h *history) identify(k *cluster, uid string) {
	k.uid = uid
	if uid != "" {
		h.byUID[uid] = k
	}
}

// ownerOf finds the life of the cluster to which a volume or pod belongs: by
// its controller, else by its label. The cluster may be recorded later or never.
func (h *history) ownerOf(c *trace.Change) *cluster {
	uid, name := "", c.State.At("metadata", "labels", labelCluster).String()
	for _, ref := range c.State.At("metadata", "ownerReferences").Each() {
		if ref.At("kind").String() == "Cluster" && ref.At("controller").Bool() {
			uid, name = ref.At("uid").String(), ref.At("name").String()
		}
	}
	if name == "" {
		return nil
	}
	if k := h.byUID[uid]; k != nil {
		return k
	}
	k := h.latest(c.Object.Namespace, name)
	if k == nil || (uid != "" && k.uid != "") {
		k = h.newCluster(c.Object.Namespace, name, uid)
		k.from = momentOf(c)
	}
	if k.uid == "" {
		h.identify(k, uid)
	}
	return k
}

func (h *history) observeVolume(c *trace.Change) {
	v, known := h.volumeOf[c.Object]
	if !known {
		labels := c.State.At("metadata", "labels")
		if role := labels.At(labelRole).String(); role != "" {
			v = &volume{
				namespace: c.Object.Namespace, name: c.Object.Name, uid: c.Object.UID,
				instance: labels.At(labelInstance).String(),
				owner:    h.ownerOf(c),
				group:    groupKey{role, labels.At(labelTablespace).String()},
				created:  h.isBorn(c.State),
				from:     momentOf(c),
			}
		}
		if v != nil && v.owner == nil {
			v = nil
		}
		h.volumeOf[c.Object] = v
		if v != nil {
			h.volumes[v.namespace] = append(h.volumes[v.namespace], v)
			v.owner.volumes = append(v.owner.volumes, v)
		}
	}
	if v == nil {
		return
	}
	if isLeaving(c) {
		v.left = earliest(v.left, momentOf(c))
	}
	if c.Type != trace.Deleted {
		v.observe(c)
	}
}

// observe folds one version of the claim.
func (v *volume) observe(c *trace.Change) {
	s := c.State
	spec, status := s.At("spec"), s.At("status")
	request := textOf(spec.At("resources", "requests", "storage"))
	p := volumePoint{
		moment:   momentOf(c),
		request:  quantity(request),
		text:     request,
		capacity: quantity(textOf(status.At("capacity", "storage"))),
		resizing: isResizing(status),
		status:   s.At("metadata", "annotations", annotationStatus).String(),
		inferred: c.Inferred,
	}
	v.volumeName = spec.At("volumeName").String()
	v.class = spec.At("storageClassName").String()
	source := spec.At("dataSource")
	v.restored = source.Len() > 0 || spec.At("dataSourceRef").Len() > 0
	if source.At("kind").String() == "VolumeSnapshot" {
		v.source = source.At("name").String()
	}
	v.failing = appendNode(v.failing, p.moment, isFailing(s))
	if n := len(v.points); n == 0 || v.points[n-1].differs(p) {
		v.points = append(v.points, p)
	}
}

func (p volumePoint) differs(o volumePoint) bool {
	return p.text != o.text || p.capacity != o.capacity || p.resizing != o.resizing || p.status != o.status
}

// isResizing reports whether the status of a claim shows an expansion: by a condition
// about resizing, or by an allocated-resource status of its storage.
func isResizing(status trace.State) bool {
	if status.At("allocatedResourceStatuses", "storage").Exists() {
		return true
	}
	for _, condition := range status.At("conditions").Each() {
		kind := condition.At("type").String()
		if strings.Contains(kind, "Resiz") && condition.At("status").String() != "False" {
			return true
		}
	}
	return false
}

func (h *history) observePod(c *trace.Change) {
	p, known := h.podOf[c.Object]
	if !known {
		labels := c.State.At("metadata", "labels")
		fresh := &pod{
			namespace: c.Object.Namespace, name: c.Object.Name, uid: c.Object.UID,
			instance: labels.At(labelInstance).String(),
			created:  h.isBorn(c.State),
			from:     momentOf(c),
		}
		switch {
		case labels.At(labelPodRole).String() == "instance":
			if fresh.owner = h.ownerOf(c); fresh.owner != nil {
				p = fresh
				p.owner.pods = append(p.owner.pods, p)
			}
		case labels.At(labelJobRole).Exists():
			if fresh.owner = h.ownerOf(c); fresh.owner != nil {
				p = fresh
				p.owner.jobs = append(p.owner.jobs, p)
			}
		case labels.At(labelApp).String() == operatorApp && labels.At(labelCluster).String() == "":
			p = fresh
			h.operators = append(h.operators, p)
		}
		h.podOf[c.Object] = p
	}
	switch {
	case p == nil:
	case c.Type == trace.Deleted && !h.needs.lives:
		p.gone = momentOf(c)
	case c.Topics&topicPod != 0 && h.needs.lives:
		h.updatePod(p, c)
	}
}

func (h *history) updatePod(p *pod, c *trace.Change) {
	m := momentOf(c)
	if isLeaving(c) && p.left.isZero() {
		p.left = m
		if n := h.nodes[p.node]; n != nil {
			p.cordoned = onAt(n.unschedulable, m)
		}
	}
	if c.Type == trace.Deleted {
		p.gone = m
		return
	}
	p.observe(m, c.State)
	p.node = c.State.At("spec", "nodeName").String()
	ready := p.isReady()
	if ready && p.ready.isZero() {
		p.ready = m
	}
	var restarts int64
	for _, container := range c.State.At("status", "containerStatuses").Each() {
		restarts += intOr(container.At("restartCount"), 0)
	}
	if restarts > p.restarts && p.seen {
		p.restarted = append(p.restarted, m)
	}
	p.restarts = max(p.restarts, restarts)
	now := podLook{phase: c.State.At("status", "phase").String(), node: p.node, ready: ready}
	if !p.seen || now != p.last {
		p.changes = append(p.changes, m)
	}
	p.seen, p.last = true, now
}

func conditionIs(s trace.State, kind, status string) bool {
	for _, condition := range s.At("status", "conditions").Each() {
		if condition.At("type").String() == kind {
			return condition.At("status").String() == status
		}
	}
	return false
}

func (h *history) observeNode(c *trace.Change) {
	n := h.nodes[c.Object.Name]
	if n == nil {
		n = &node{}
		h.nodes[c.Object.Name] = n
	}
	m := momentOf(c)
	n.unschedulable = appendNode(n.unschedulable, m, c.State.At("spec", "unschedulable").Bool())
	n.notReady = appendNode(n.notReady, m, c.Type == trace.Deleted || !conditionIs(c.State, "Ready", "True"))
}

func appendNode(points []nodePoint, m moment, on bool) []nodePoint {
	if n := len(points); n == 0 || points[n-1].on != on {
		points = append(points, nodePoint{m, on})
	}
	return points
}

func (h *history) observeLease(c *trace.Change) {
	if !strings.HasSuffix(c.Object.Name, leaseSuffix) {
		return
	}
	holder := c.State.At("spec", "holderIdentity").String()
	if c.Type == trace.Deleted {
		holder = ""
	}
	if n := len(h.leaders); n == 0 || h.leaders[n-1].holder != holder {
		h.leaders = append(h.leaders, leaderPoint{momentOf(c), holder})
	}
}

func (h *history) observeAttachment(c *trace.Change) {
	p := attachmentPoint{
		moment:     momentOf(c),
		volumeName: c.State.At("spec", "source", "persistentVolumeName").String(),
		node:       c.State.At("spec", "nodeName").String(),
		attached:   c.State.At("status", "attached").Bool() && c.Type != trace.Deleted,
	}
	last, known := h.attachmentOf[c.Object]
	if !known || last.attached != p.attached || c.Type == trace.Deleted {
		if p.volumeName != "" {
			h.attachments[p.volumeName] = append(h.attachments[p.volumeName], p)
		}
	}
	h.attachmentOf[c.Object] = p
}
