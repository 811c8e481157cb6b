package views

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// backupDocument is one Backup with its VolumeSnapshots, or a VolumeSnapshot
// that belongs to none.
type backupDocument struct {
	Namespace  string            `json:"namespace"`
	Name       string            `json:"name"`
	Kind       string            `json:"kind"`
	Cluster    string            `json:"cluster"`
	Born       bool              `json:"born"`
	From       moment            `json:"from"`
	Until      string            `json:"until"`
	UntilSeq   uint64            `json:"until_seq"`
	UntilNS    int64             `json:"until_ns"`
	Method     string            `json:"method"`
	Phases     []backupPhase     `json:"phases"`
	Events     []backupEvent     `json:"events"`
	Section    bool              `json:"section"`
	Volumes    bool              `json:"snapshot_section"`
	Wanted     int64             `json:"wanted"`
	Classes    []string          `json:"classes"`
	Snapshots  []snapshotRow     `json:"snapshots"`
	Restored   []restoredRow     `json:"restored"`
	Operations []backupOperation `json:"operations"`
	Gaps       []gap             `json:"gaps"`
}

type backupPhase struct {
	moment
	Phase string `json:"phase"`
	Error string `json:"error"`
}

// backupEvent is an Event about a Backup or one of its snapshots, each time that it is told.
type backupEvent struct {
	moment
	Kind    string `json:"kind"`
	Reason  string `json:"reason"`
	Warning bool   `json:"warning"`
}

// snapshotRow is one VolumeSnapshot beside the claim that it was taken of.
type snapshotRow struct {
	moment
	Snapshot    string `json:"snapshot"`
	Class       string `json:"class"`
	Claim       string `json:"claim"`
	Ready       moment `json:"ready"`
	RestoreSize int64  `json:"restore_size"`
	Error       string `json:"error"`
	Left        moment `json:"left"`
	Known       bool   `json:"known"`
	Low         int64  `json:"low"`
	High        int64  `json:"high"`
}

// restoredRow is a claim that was made of a snapshot.
type restoredRow struct {
	moment
	Volume      string `json:"volume"`
	Snapshot    string `json:"snapshot"`
	Request     int64  `json:"request"`
	RestoreSize int64  `json:"restore_size"`
}

// backupOperation is an expansion that was open while the backup was being made.
type backupOperation struct {
	Group    string `json:"group"`
	Begin    moment `json:"begin"`
	Closed   bool   `json:"closed"`
	End      moment `json:"end"`
	Until    string `json:"until"`
	UntilSeq uint64 `json:"until_seq"`
	UntilNS  int64  `json:"until_ns"`
}

// backupFold is what the view needs of the events.
type backupFold struct {
	backups   []*backupHistory
	snapshots []*snapshotHistory
	backupOf  map[*trace.Object]*backupHistory
	snapOf    map[*trace.Object]*snapshotHistory
	classes   []classChange
}

type backupHistory struct {
	namespace, name, cluster, method string
	born                             bool
	from, left                       moment
	phases                           []backupPhase
	named                            []string // snapshots in its status
}

type snapshotHistory struct {
	snapshotRow
	namespace, backup string
	born              bool
}

type classChange struct {
	moment
	name string
	gone bool
}

func newBackupFold() *backupFold {
	return &backupFold{
		backupOf: map[*trace.Object]*backupHistory{}, snapOf: map[*trace.Object]*snapshotHistory{},
	}
}

// backupFields are what is read of Backups, VolumeSnapshots and their classes.
func backupFields() []trace.Fields {
	const snapshots = "snapshot.storage.k8s.io"
	common := [][]string{{"metadata", "creationTimestamp"}, {"metadata", "labels"}, {"spec"}, {"status"}}
	return []trace.Fields{
		{Group: "postgresql.cnpg.io", Resource: "backups", Paths: append(common, []string{"metadata", "deletionTimestamp"})},
		{Group: snapshots, Resource: "volumesnapshots", Paths: common},
		{Group: snapshots, Resource: "volumesnapshotclasses", Paths: [][]string{
			{"metadata", "creationTimestamp"}, {"driver"},
		}},
	}
}

// observe folds one event, after the history has.
func (f *backupFold) observe(h *history, c *trace.Change) {
	if !c.Type.IsObject() || c.Object == nil {
		return
	}
	switch c.Object.Resource.Resource {
	case "backups":
		f.observeBackup(h, c)
	case "volumesnapshots":
		f.observeSnapshot(h, c)
	case "volumesnapshotclasses":
		f.classes = append(f.classes, classChange{momentOf(c), c.Object.Name, c.Type == trace.Deleted})
	}
}

func (f *backupFold) observeBackup(h *history, c *trace.Change) {
	b, m := f.backupOf[c.Object], momentOf(c)
	if b == nil {
		b = &backupHistory{namespace: c.Object.Namespace, name: c.Object.Name, from: m, born: h.isBorn(c.State)}
		f.backupOf[c.Object] = b
		f.backups = append(f.backups, b)
	}
	if isLeaving(c) {
		b.left = earliest(b.left, m)
		return
	}
	spec, status := c.State.At("spec"), c.State.At("status")
	b.cluster = spec.At("cluster", "name").String()
	b.method = cmp.Or(status.At("method").String(), spec.At("method").String(), "barmanObjectStore")
	p := backupPhase{m, status.At("phase").String(), status.At("error").String()}
	n := len(b.phases)
	if p.Phase+p.Error != "" && (n == 0 || b.phases[n-1].Phase != p.Phase || b.phases[n-1].Error != p.Error) {
		b.phases = append(b.phases, p)
	}
	b.named = nil
	for _, element := range status.At("snapshotBackupStatus", "elements").Each() {
		b.named = append(b.named, element.At("name").String())
	}
}

func (f *backupFold) observeSnapshot(h *history, c *trace.Change) {
	s, m := f.snapOf[c.Object], momentOf(c)
	if s == nil {
		s = &snapshotHistory{namespace: c.Object.Namespace, born: h.isBorn(c.State)}
		s.moment, s.Snapshot, s.RestoreSize = m, c.Object.Name, -1
		f.snapOf[c.Object] = s
		f.snapshots = append(f.snapshots, s)
	}
	if isLeaving(c) {
		s.Left = earliest(s.Left, m)
		return
	}
	spec, status := c.State.At("spec"), c.State.At("status")
	s.backup = c.State.At("metadata", "labels", labelBackup).String()
	s.Class = spec.At("volumeSnapshotClassName").String()
	s.Claim = spec.At("source", "persistentVolumeClaimName").String()
	s.Error = status.At("error", "message").String()
	if status.At("readyToUse").Bool() && s.Ready.isZero() {
		s.Ready = m
	}
	if size := textOf(status.At("restoreSize")); size != "" {
		s.RestoreSize = quantity(size)
	}
}

// backupDocuments makes one document per Backup, and per VolumeSnapshot of none.
func backupDocuments(h *history) ([]Document, error) {
	var out []Document
	lives := map[string]int{}
	add := func(d backupDocument) error {
		entity := fmt.Sprintf("%s/%s/%s", d.Namespace, d.Kind, d.Name)
		if lives[entity]++; lives[entity] > 1 {
			entity = fmt.Sprintf("%s#%d", entity, lives[entity])
		}
		made, err := document("backup", entity, d)
		out = append(out, made)
		return err
	}
	taken := map[*snapshotHistory]bool{}
	for _, b := range h.backups.backups {
		if err := add(h.backupDocument(b, taken)); err != nil {
			return nil, err
		}
	}
	for _, s := range h.backups.snapshots {
		if !taken[s] {
			if err := add(h.snapshotDocument(s)); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

func (h *history) backupDocument(b *backupHistory, taken map[*snapshotHistory]bool) backupDocument {
	d := h.emptyBackup(kindBackup, b.namespace, b.name, b.from, b.left)
	d.Born, d.Cluster, d.Method = b.born, b.cluster, b.method
	d.Phases = append(d.Phases, b.phases...)
	about := map[subject]bool{{"Backup", b.name}: true}
	for _, s := range h.backups.snapshots {
		if s.namespace == b.namespace && (s.backup == b.name || slices.Contains(b.named, s.Snapshot)) &&
			!s.before(b.from) {
			taken[s] = true
			about[subject{"VolumeSnapshot", s.Snapshot}] = true
			d.Snapshots = append(d.Snapshots, h.snapshotRow(s))
		}
	}
	h.surround(&d, about)
	return d
}

func (h *history) snapshotDocument(s *snapshotHistory) backupDocument {
	d := h.emptyBackup(kindSnapshot, s.namespace, s.Snapshot, s.moment, s.Left)
	d.Born = s.born
	if v := h.claimAt(s.namespace, s.Claim, s.moment); v != nil {
		d.Cluster = v.owner.name
	}
	d.Snapshots = append(d.Snapshots, h.snapshotRow(s))
	h.surround(&d, map[subject]bool{{"VolumeSnapshot", s.Snapshot}: true})
	return d
}

func (h *history) emptyBackup(kind, namespace, name string, from, left moment) backupDocument {
	until, how := h.end, endOfTrace
	if !left.isZero() {
		until, how = left, endDeleted
	}
	return backupDocument{
		Namespace: namespace, Name: name, Kind: kind, From: from,
		Until: how, UntilSeq: until.Seq, UntilNS: until.NS,
		Phases: []backupPhase{}, Events: []backupEvent{}, Classes: []string{}, Snapshots: []snapshotRow{},
		Restored: []restoredRow{}, Operations: []backupOperation{}, Gaps: []gap{},
	}
}

// surround adds what the cluster, its Events and its claims were like.
func (h *history) surround(d *backupDocument, about map[subject]bool) {
	for _, e := range h.signalsAbout(d.Namespace, about) {
		if !e.before(d.From) && e.Seq <= d.UntilSeq {
			d.Events = append(d.Events, backupEvent{e.moment, e.kind, e.reason, e.warning})
		}
	}
	classes := map[string]bool{}
	for _, c := range h.backups.classes {
		if !d.From.before(c.moment) {
			classes[c.name] = !c.gone
		}
	}
	for name, there := range classes {
		if there {
			d.Classes = append(d.Classes, name)
		}
	}
	slices.Sort(d.Classes)
	for _, s := range d.Snapshots {
		for _, v := range h.volumes[d.Namespace] {
			if v.source == s.Snapshot && s.before(v.from) && v.created {
				d.Restored = append(d.Restored, restoredRow{
					v.from, v.name, s.Snapshot, v.points[0].request, s.RestoreSize,
				})
			}
		}
	}
	if k := h.clusterNamed(d.Namespace, d.Cluster, d.From); k != nil {
		h.surroundCluster(d, k)
	}
}

func (h *history) surroundCluster(d *backupDocument, k *cluster) {
	for _, p := range k.changes {
		if !d.From.before(p.moment) {
			d.Section, d.Volumes, d.Wanted = p.backup, p.snapshots, p.instances
		}
	}
	d.Gaps = h.gapsOf(k, moment{Seq: d.UntilSeq, NS: d.UntilNS}, "backups", "volumesnapshots", "events")
	for _, g := range h.groupsOf(k) {
		for _, o := range g.timeline.Operations {
			if o.Begin.Seq <= d.UntilSeq && (!o.Closed || !o.End.before(d.From)) {
				d.Operations = append(d.Operations, backupOperation{
					g.key.role, o.Begin, o.Closed, o.End, g.end, g.until.Seq, g.until.NS,
				})
			}
		}
	}
}

// clusterNamed finds the life of the cluster at m; the last one before, if none.
func (h *history) clusterNamed(namespace, name string, m moment) *cluster {
	var found *cluster
	for _, k := range h.named[namespace+"/"+name] {
		if found == nil || !m.before(k.from) {
			found = k
		}
	}
	return found
}

// claimAt finds the claim of that name that existed at m.
func (h *history) claimAt(namespace, name string, m moment) *volume {
	for _, v := range slices.Backward(h.volumes[namespace]) {
		if v.name == name && !m.before(v.from) {
			return v
		}
	}
	return nil
}

// snapshotRow puts a snapshot beside the sizes that its claim had while it was taken.
func (h *history) snapshotRow(s *snapshotHistory) snapshotRow {
	row := s.snapshotRow
	v := h.claimAt(s.namespace, s.Claim, s.moment)
	if v == nil {
		return row
	}
	for _, p := range v.points {
		before := !s.before(p.moment)
		if !before && !s.Ready.isZero() && s.Ready.before(p.moment) {
			break
		}
		if before || row.Low == 0 {
			row.Low, row.High, row.Known = p.capacity, 0, true
		}
		row.Low, row.High = min(row.Low, p.capacity), max(row.High, p.capacity, p.request)
	}
	return row
}
