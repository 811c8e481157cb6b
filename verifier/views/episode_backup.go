package views

import (
	"github.com/hindsight-project/hindsight/recorder/trace"
)

// backupLife is one Backup.
type backupLife struct {
	namespace, name, clusterName string
	owner                        *cluster
	method, error, instance      string
	phases                       []string
	listed                       bool // finished already when it was first seen
	from, finished               moment
	completed                    bool
	snapshots                    []string
}

// snapshotLife is one VolumeSnapshot.
type snapshotLife struct {
	namespace, name, backup, claim, class string
	from, readyAt, failedAt               moment
	listed                                bool
	error                                 string
	restoreSize                           int64
}

// The phases of a Backup that end it.
const (
	backupCompleted = "completed"
	backupFailed    = "failed"
)

// methodSnapshot is the method of a Backup that makes VolumeSnapshots.
const methodSnapshot = "volumeSnapshot"

func (s *episodeFold) observeBackup(h *history, c *trace.Change) {
	b := s.backupOf[c.Object]
	if b == nil {
		b = &backupLife{
			namespace: c.Object.Namespace, name: c.Object.Name, from: momentOf(c),
			clusterName: c.State.At("spec", "cluster", "name").String(),
		}
		b.owner = h.latest(b.namespace, b.clusterName)
		s.backupOf[c.Object] = b
		s.backups = append(s.backups, b)
		b.listed = !h.isBorn(c.State) && isFinished(c.State.At("status", "phase").String())
	}
	if c.Type == trace.Deleted {
		if b.finished.isZero() {
			b.finished = momentOf(c)
		}
		return
	}
	if b.owner == nil {
		b.owner = h.latest(b.namespace, b.clusterName)
	}
	status := c.State.At("status")
	if method := c.State.At("spec", "method").String(); method != "" {
		b.method = method
	}
	if method := status.At("method").String(); method != "" {
		b.method = method
	}
	b.error, b.instance = status.At("error").String(), status.At("instanceID", "podName").String()
	phase := status.At("phase").String()
	if n := len(b.phases); phase != "" && (n == 0 || b.phases[n-1] != phase) {
		b.phases = append(b.phases, phase)
	}
	if isFinished(phase) && b.finished.isZero() {
		b.finished = momentOf(c)
	}
	b.completed = phase == backupCompleted
	b.snapshots = nil
	for _, element := range status.At("snapshotBackupStatus", "elements").Each() {
		b.snapshots = append(b.snapshots, element.At("name").String())
	}
	if b.owner != nil {
		s.of(b.owner).note(momentOf(c), b.name, episodeSignal{
			What: signalBackup, Object: "Backup/" + b.name, Reason: phase, Text: b.error,
		})
	}
}

func isFinished(phase string) bool { return phase == backupCompleted || phase == backupFailed }

func (s *episodeFold) observeSnapshot(h *history, c *trace.Change) {
	v := s.snapOf[c.Object]
	if v == nil {
		v = &snapshotLife{
			namespace: c.Object.Namespace, name: c.Object.Name, from: momentOf(c), restoreSize: -1,
			backup: c.State.At("metadata", "labels", labelBackup).String(),
			claim:  c.State.At("spec", "source", "persistentVolumeClaimName").String(),
			class:  c.State.At("spec", "volumeSnapshotClassName").String(),
			listed: !h.isBorn(c.State) && c.State.At("status", "readyToUse").Bool(),
		}
		s.snapOf[c.Object] = v
		s.snapshots = append(s.snapshots, v)
	}
	if c.Type == trace.Deleted {
		return
	}
	status := c.State.At("status")
	v.error = status.At("error", "message").String()
	if v.error != "" && v.failedAt.isZero() {
		v.failedAt = momentOf(c)
	}
	if status.At("readyToUse").Bool() && v.readyAt.isZero() {
		v.readyAt = momentOf(c)
	}
	if size := textOf(status.At("restoreSize")); size != "" {
		v.restoreSize = quantity(size)
	}
	if k := h.clusterOfClaim(v.namespace, v.claim); k != nil {
		reason := "waiting"
		if status.At("readyToUse").Bool() {
			reason = "ready"
		}
		s.of(k).note(momentOf(c), v.name, episodeSignal{
			What: signalSnapshot, Object: "VolumeSnapshot/" + v.name, Reason: reason, Text: v.error,
		})
	}
}
