package views

import (
	"slices"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// backupWait is a Backup until it is completed or has failed.
type backupWait struct {
	waitInterval
	Backup     string      `json:"backup"`
	Method     string      `json:"method"`
	Phase      string      `json:"phase"`
	Error      string      `json:"error"`
	Section    bool        `json:"section"`
	Snapshot   bool        `json:"snapshot_section"`
	Classes    int64       `json:"classes"`
	ClassesSeq []uint64    `json:"classes_seq"`
	Snapshots  []waitError `json:"snapshots"`
	Warnings   []waitError `json:"warnings"`
}

// waitBackup is one life of a Backup.
type waitBackup struct {
	namespace, name, cluster, method string
	from, done                       moment
	born                             bool
	phase, err                       string
	gone                             moment
}

// The phases of a Backup in which it is over.
var backupEnds = []string{"completed", "failed"}

func (w *waiting) observeBackup(h *history, c *trace.Change) {
	b := w.backups[c.Object]
	if b == nil {
		b = &waitBackup{
			namespace: c.Object.Namespace, name: c.Object.Name, from: momentOf(c),
			born: h.isBorn(c.State),
		}
		w.backups[c.Object] = b
		w.backupOrder = append(w.backupOrder, b)
	}
	if c.Type == trace.Deleted {
		b.gone = momentOf(c)
		return
	}
	b.cluster = c.State.At("spec", "cluster", "name").String()
	b.method = c.State.At("spec", "method").String()
	b.phase, b.err = c.State.At("status", "phase").String(), c.State.At("status", "error").String()
	if slices.Contains(backupEnds, b.phase) && b.done.isZero() {
		b.done = momentOf(c)
	}
}

// waitSnapshot is one life of a VolumeSnapshot.
type waitSnapshot struct {
	namespace, name, class, err string
	labels                      []string // values
	at                          moment   // of the error
}

// labelBackup is on the snapshots of a Backup.
const labelBackup = "cnpg.io/backupName"

func (w *waiting) observeSnapshot(c *trace.Change) {
	s := w.snapshots[c.Object]
	if s == nil {
		s = &waitSnapshot{namespace: c.Object.Namespace, name: c.Object.Name}
		w.snapshots[c.Object] = s
		w.snapshotOrder = append(w.snapshotOrder, s)
	}
	s.labels = []string{c.State.At("metadata", "labels", labelBackup).String()}
	s.class = c.State.At("spec", "volumeSnapshotClassName").String()
	if message := c.State.At("status", "error", "message").String(); message != "" && message != s.err {
		s.err, s.at = message, momentOf(c)
	}
}

// classPoint is how many VolumeSnapshotClasses there were from a moment on.
type classPoint struct {
	moment
	count int64
}

func (w *waiting) observeClass(c *trace.Change) {
	if c.Type == trace.Deleted {
		delete(w.classes, c.Object)
	} else {
		w.classes[c.Object] = true
	}
	w.classPoints = append(w.classPoints, classPoint{momentOf(c), int64(len(w.classes))})
}

func (w *waits) backupWaits() []backupWait {
	out := []backupWait{}
	for _, b := range w.backupOrder {
		if b.namespace != w.cluster.namespace || b.cluster != w.cluster.name {
			continue
		}
		row := backupWait{
			Backup: b.name, Method: b.method, Phase: b.phase, Error: cutTo(b.err),
			ClassesSeq: []uint64{}, Snapshots: []waitError{},
		}
		for _, p := range w.classPoints {
			if p.before(earliest(b.done, w.until)) {
				row.Classes, row.ClassesSeq = p.count, []uint64{p.Seq}
			}
		}
		if p, ok := w.pointAt(b.from); ok {
			row.Section, row.Snapshot = p.hasBackup, p.hasSnapshot
		}
		for _, s := range w.snapshotOrder {
			if s.namespace == b.namespace && slices.Contains(s.labels, b.name) && s.err != "" {
				row.Snapshots = append(row.Snapshots, waitError{s.class, cutTo(s.err), 1, []uint64{s.at.Seq}})
			}
		}
		warnings := w.errorsOf("Backup", b.namespace, b.name, b.from, moment{}, backupWarnings...)
		row.Warnings = append([]waitError{}, warnings...)
		var ok bool
		if row.waitInterval, ok = w.interval(b.from, earliest(b.done, b.gone), b.born, row.ClassesSeq...); ok {
			out = append(out, row)
		}
	}
	return out
}

// backupWarnings are the Events that say why a Backup waits or fails.
var backupWarnings = []string{
	"FindingPod", "BackupPending", "Error", "TargetPodNotHealthy", "InstanceManagerRestarted", "FindingCluster",
	"ClusterHasBackupConfigured", "ClusterHasNoVolumeSnapshotCRD", "ClusterHasNoVolumeSnapshotSection",
	"ClusterHasNoBarmanSection", "Failed",
}
