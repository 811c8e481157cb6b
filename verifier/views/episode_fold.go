package views

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// episodeFold is what the view episode needs of the fold beyond what the others
// keep.
type episodeFold struct {
	clusters  map[*cluster]*clusterFold
	pods      map[*pod]*podFold
	sources   map[*volume]string // claim → the VolumeSnapshot or claim in its dataSource
	bound     map[string]*volume // PersistentVolume → its claim
	backups   []*backupLife
	backupOf  map[*trace.Object]*backupLife
	snapshots []*snapshotLife
	snapOf    map[*trace.Object]*snapshotLife
	classes   map[*trace.Object]bool // VolumeSnapshotClasses that exist; nil when none was ever recorded
}

// clusterFold is what was seen of one Cluster.
type clusterFold struct {
	points []clusterExtra
	facts  []episodeSignal
	known  map[topic]words // what was said last
}

// topic is a thing of which facts are kept: which of what.
type topic struct{ what, of string }

// words are what was said of it.
type words struct{ reason, text string }

// clusterExtra is what a Cluster says besides its health.
type clusterExtra struct {
	moment
	generation           int64
	readyReason          string
	backup, backupReason string // the condition LastBackupSucceeded
	resizing, standbys   []string
}

// podFold is what a Pod says about why it goes and what it is made of.
type podFold struct {
	reason       string // of the condition DisruptionTarget
	grace        int64  // seconds, when it began to go; -1 before
	image, shape string
}

// episodeSignal is something that shows what is going on.
type episodeSignal struct {
	moment
	What    string `json:"what"`
	Object  string `json:"object"`
	Reason  string `json:"reason"`
	Text    string `json:"text"`
	Warning bool   `json:"warning"`
	Count   int64  `json:"count"`
}

// The kinds of signals.
const (
	signalEvent      = "event"
	signalPhase      = "phase"
	signalCondition  = "condition"
	signalSizing     = "sizing"
	signalPrimary    = "primary"
	signalClaim      = "claim"
	signalPod        = "pod"
	signalAttachment = "attachment"
	signalBackup     = "backup"
	signalSnapshot   = "snapshot"
)

// annotationPodSpec is what the operator wanted the pod to be; annotationEnvHash
// stands for its environment.
const (
	annotationPodSpec = "cnpg.io/podSpec"
	annotationEnvHash = "cnpg.io/podEnvHash"
	mainContainer     = "postgres"
)

func newEpisodeFold() *episodeFold {
	return &episodeFold{
		clusters: map[*cluster]*clusterFold{},
		pods:     map[*pod]*podFold{},
		sources:  map[*volume]string{},
		bound:    map[string]*volume{},
		backupOf: map[*trace.Object]*backupLife{},
		snapOf:   map[*trace.Object]*snapshotLife{},
	}
}

// episodeFields are what the view reads of a trace besides.
func episodeFields() []trace.Fields {
	return []trace.Fields{
		{Group: "postgresql.cnpg.io", Resource: "clusters", Topic: topicHealth,
			Paths: [][]string{{"status", "resizingPVC"}}},
		{Resource: "pods", Topic: topicMaking, Paths: [][]string{
			{"metadata", "annotations", annotationPodSpec}, {"metadata", "annotations", annotationEnvHash},
			{"metadata", "deletionGracePeriodSeconds"}, {"status", "conditions", "*", "reason"},
			{"spec", "containers", "*", "name"}, {"spec", "containers", "*", "image"},
		}},
	}
}

// observe folds one event, after the others have.
func (s *episodeFold) observe(h *history, c *trace.Change) {
	if !c.Type.IsObject() || c.Object == nil {
		return
	}
	switch c.Object.Resource.Resource {
	case "clusters":
		if k := h.clusterOf[c.Object]; k != nil && c.Type != trace.Deleted {
			s.of(k).observe(k, c)
		}
	case "persistentvolumeclaims":
		if v := h.volumeOf[c.Object]; v != nil {
			s.observeClaim(v, c)
		}
	case "pods":
		if p := h.podOf[c.Object]; p != nil && p.owner != nil && c.Topics&(topicPod|topicMaking) != 0 {
			s.observePod(p, c)
		}
	case "volumeattachments":
		s.observeAttachment(c)
	case "backups":
		s.observeBackup(h, c)
	case "volumesnapshots":
		s.observeSnapshot(h, c)
	}
}

// observeClass notes which VolumeSnapshotClasses exist at the end of the trace.
func (s *episodeFold) observeClass(c *trace.Change) {
	if s.classes == nil {
		s.classes = map[*trace.Object]bool{}
	}
	s.classes[c.Object] = c.Type != trace.Deleted
}

func (s *episodeFold) of(k *cluster) *clusterFold {
	if s.clusters[k] == nil {
		s.clusters[k] = &clusterFold{known: map[topic]words{}}
	}
	return s.clusters[k]
}

// observe folds one version of the Cluster, after its health.
func (s *clusterFold) observe(k *cluster, c *trace.Change) {
	status, m := c.State.At("status"), momentOf(c)
	if c.Topics&(topicHealth|topicSpec) != 0 {
		s.observeHealth(m, c, k.health[len(k.health)-1].health)
	}
	if c.Topics&topicSizing == 0 {
		return
	}
	object, sizing := "Cluster/"+c.Object.Name, status.At("storageSizing")
	s.noteSizing(m, "data", sizing.At("data"), object)
	s.noteSizing(m, "wal", sizing.At("wal"), object)
	for tablespace, volume := range sizing.At("tablespaces").Each() {
		s.noteSizing(m, "tablespaces."+tablespace, volume, object)
	}
}

func (s *clusterFold) observeHealth(m moment, c *trace.Change, now health) {
	status := c.State.At("status")
	p := clusterExtra{
		moment:     m,
		generation: intOr(c.State.At("metadata", "generation"), 0),
		resizing:   textsOf(status.At("resizingPVC")),
	}
	for name, reported := range status.At("instancesReportedState").Each() {
		if !reported.At("isPrimary").Bool() {
			p.standbys = append(p.standbys, name)
		}
	}
	s.observeConditions(&p, status.At("conditions"), c.Object.Name)
	s.observeStatus(m, now, "Cluster/"+c.Object.Name)
	if n := len(s.points); n == 0 || !s.points[n-1].equal(p) {
		s.points = append(s.points, p)
	}
}

func (p clusterExtra) equal(o clusterExtra) bool {
	return p.generation == o.generation && p.readyReason == o.readyReason && p.backup == o.backup &&
		p.backupReason == o.backupReason && slices.Equal(p.resizing, o.resizing) && slices.Equal(p.standbys, o.standbys)
}

// note adds a signal when it says something else than before of the same thing.
func (s *clusterFold) note(m moment, of string, g episodeSignal) {
	now := words{g.Reason, g.Text}
	if s.known[topic{g.What, of}] == now {
		return
	}
	s.known[topic{g.What, of}] = now
	g.moment, g.Text, g.Count = m, shortened(g.Text), max(g.Count, 1)
	s.facts = append(s.facts, g)
}

// shortened keeps at most 256 bytes of a text.
func shortened(text string) string {
	const most = 256
	if len(text) <= most {
		return text
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut]
}

func (s *clusterFold) observeConditions(p *clusterExtra, conditions trace.State, name string) {
	for _, condition := range conditions.Each() {
		kind, status := condition.At("type").String(), condition.At("status").String()
		reason := condition.At("reason").String()
		switch kind {
		case conditionReady:
			p.readyReason = reason
		case "LastBackupSucceeded":
			p.backup, p.backupReason = status, reason
		}
		s.note(p.moment, kind, episodeSignal{
			What: signalCondition, Object: "Cluster/" + name, Reason: kind + "=" + status + " " + reason,
		})
	}
}

func (s *clusterFold) observeStatus(m moment, now health, object string) {
	s.note(m, "", episodeSignal{What: signalPhase, Object: object, Reason: now.Phase, Text: now.Reason})
	primary := ""
	if now.Current != "" || now.Target != "" {
		primary = fmt.Sprintf("current %s target %s", now.Current, now.Target)
	}
	s.note(m, "", episodeSignal{What: signalPrimary, Object: object, Text: primary})
}

func (s *clusterFold) noteSizing(m moment, name string, volume trace.State, object string) {
	action := volume.At("lastAction")
	var parts []string
	add := func(key, value string) {
		if value != "" {
			parts = append(parts, key+" "+value)
		}
	}
	add("target", volume.At("targetSize").String())
	add("effective", volume.At("effectiveSize").String())
	add("message", volume.At("message").String())
	if action.Len() > 0 {
		add("action", strings.Join([]string{
			action.At("kind").String(), action.At("from").String(), action.At("to").String(),
			action.At("timestamp").String(), action.At("result").String(),
		}, " "))
	}
	reason := ""
	if state := volume.At("state").String(); state != "" {
		reason = name + " " + state
	}
	s.note(m, name, episodeSignal{
		What: signalSizing, Object: object, Reason: reason, Text: strings.Join(parts, ", "),
	})
}

func (s *episodeFold) observeClaim(v *volume, c *trace.Change) {
	if _, known := s.sources[v]; !known {
		source := c.State.At("spec", "dataSource", "name").String()
		if source == "" {
			source = c.State.At("spec", "dataSourceRef", "name").String()
		}
		s.sources[v] = source
	}
	if v.volumeName != "" {
		s.bound[v.volumeName] = v
	}
	text := "gone"
	if c.Type != trace.Deleted {
		p := v.points[len(v.points)-1]
		text = fmt.Sprintf("request %s", p.text)
		if p.capacity > 0 {
			text += fmt.Sprintf(", capacity %s", textOf(c.State.At("status", "capacity", "storage")))
		}
		for _, condition := range c.State.At("status", "conditions").Each() {
			text += ", " + condition.At("type").String()
		}
		if isLeaving(c) {
			text += ", going"
		}
	}
	s.of(v.owner).note(momentOf(c), v.uid, episodeSignal{
		What: signalClaim, Object: "PersistentVolumeClaim/" + v.name, Text: text,
	})
}

func (s *episodeFold) observePod(p *pod, c *trace.Change) {
	d := s.pods[p]
	if d == nil {
		d = &podFold{grace: -1}
		s.pods[p] = d
	}
	m := momentOf(c)
	if c.Type == trace.Deleted {
		s.notePod(p, m, "gone")
		return
	}
	if d.grace < 0 {
		d.grace = intOr(c.State.At("metadata", "deletionGracePeriodSeconds"), -1)
	}
	for _, condition := range c.State.At("status", "conditions").Each() {
		if condition.At("type").String() == "DisruptionTarget" {
			d.reason = condition.At("reason").String()
		}
	}
	if d.shape == "" {
		d.image, d.shape = shapeOf(c.State)
	}
	text := p.last.phase
	if p.isReady() {
		text += ", ready"
	}
	if p.node != "" {
		text += ", on " + p.node
	}
	if isLeaving(c) {
		text += ", going"
	}
	s.notePod(p, m, text)
}

func (s *episodeFold) notePod(p *pod, m moment, text string) {
	s.of(p.owner).note(m, p.uid, episodeSignal{What: signalPod, Object: "Pod/" + p.name, Text: text})
}

// shapeOf returns the image of the pod's PostgreSQL container, and a hash of
// what the operator wanted the pod to be, or of its images where it says not.
func shapeOf(s trace.State) (image, shape string) {
	hash := fnv.New64a()
	for _, container := range s.At("spec", "containers").Each() {
		name := container.At("name").String()
		if name == mainContainer {
			image = container.At("image").String()
		}
		fmt.Fprintf(hash, "%s=%s\n", name, container.At("image").String())
	}
	annotations := s.At("metadata", "annotations")
	fmt.Fprintln(hash, annotations.At(annotationPodSpec).String(), annotations.At(annotationEnvHash).String())
	return image, fmt.Sprintf("%016x", hash.Sum64())
}

// clusterOfClaim finds the present life of the cluster to which a claim belongs
// by its name: claims are called after their cluster.
func (h *history) clusterOfClaim(namespace, name string) *cluster {
	for at := strings.LastIndexByte(name, '-'); at > 0; at = strings.LastIndexByte(name[:at], '-') {
		if k := h.latest(namespace, name[:at]); k != nil {
			return k
		}
	}
	return nil
}

func (s *episodeFold) observeAttachment(c *trace.Change) {
	name := c.State.At("spec", "source", "persistentVolumeName").String()
	text := "detached"
	switch {
	case c.Type == trace.Deleted:
	case c.State.At("status", "attached").Bool():
		text = "attached to " + c.State.At("spec", "nodeName").String()
	default:
		text = "waiting for " + c.State.At("spec", "nodeName").String()
	}
	if v := s.bound[name]; v != nil {
		s.of(v.owner).note(momentOf(c), c.Object.Name, episodeSignal{
			What: signalAttachment, Object: "PersistentVolumeClaim/" + v.name, Text: text,
		})
	}
}
