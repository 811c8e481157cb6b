package views_test

import (
	"testing"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

var (
	backupKind = trace.Resource{
		Group: "postgresql.cnpg.io", Version: "v1", Resource: "backups", Kind: "Backup",
	}
	snapshotKind = trace.Resource{
		Group: "snapshot.storage.k8s.io", Version: "v1", Resource: "volumesnapshots", Kind: "VolumeSnapshot",
	}
	snapshotClassKind = trace.Resource{
		Group: "snapshot.storage.k8s.io", Version: "v1", Resource: "volumesnapshotclasses",
		Kind: "VolumeSnapshotClass",
	}
)

func backupOf(cluster, method string) object {
	return object{"spec": object{"cluster": object{"name": cluster}, "method": method}}
}

func snapshotOf(claim, backup string) object {
	return object{
		"metadata": object{"labels": object{"cnpg.io/backupName": backup}},
		"spec":     object{"source": object{"persistentVolumeClaimName": claim}, "volumeSnapshotClassName": "fast"},
	}
}

func inPhase(phase, failure string) object {
	return object{"status": object{"phase": phase, "error": failure}}
}

func TestABackupAndWhatWasAroundIt(t *testing.T) {
	d := standing(t).
		put(7, snapshotClassKind, "fast", "k1", object{}).
		put(7, snapshotClassKind, "slow", "k2", object{}).
		gone(8, snapshotClassKind, "slow", "k2").
		put(9, clusterKind, "pg", "c1", object{
			"metadata": object{"generation": 2}, "spec": object{"backup": object{"volumeSnapshot": object{"class": "fast"}}},
		}).
		put(10, claimKind, "pg-1", "v1", claim("pg-1", "2Gi", "1Gi")).
		put(11, backupKind, "b1", "b1", backupOf("pg", "volumeSnapshot")).
		put(12, backupKind, "b1", "b1", inPhase("running", "")).
		put(13, snapshotKind, "s1", "s1", snapshotOf("pg-1", "b1")).
		put(14, eventKind, "e1", "e1", said("Backup", "b1", "Starting", "Normal", 1)).
		put(15, claimKind, "pg-1", "v1", claim("pg-1", "2Gi", "2Gi")).
		put(16, snapshotKind, "s1", "s1", object{"status": object{"readyToUse": true, "restoreSize": "2Gi"}}).
		put(17, claimKind, "pg-1", "v1", claim("pg-1", "3Gi", "3Gi")).
		put(18, backupKind, "b1", "b1", inPhase("failed", "no")).
		put(19, eventKind, "e2", "e2", said("VolumeSnapshot", "s1", "SnapshotFailed", "Warning", 1)).
		put(20, claimKind, "pg-3", "v3", object{
			"metadata": claim("pg-3", "2Gi", "")["metadata"],
			"spec": object{
				"resources":  object{"requests": object{"storage": "2Gi"}},
				"dataSource": object{"kind": "VolumeSnapshot", "name": "s1"},
			},
		}).
		put(30, backupKind, "b1", "b1", leaving).
		only("backup")
	expect(t, pick([]any{d}, "kind", "cluster", "method", "from", "until", "until_ns", "section", "snapshot_section",
		"wanted", "classes"), []string{"backup pg volumeSnapshot 11s deleted 30s true true 2 [fast]"})
	expect(t, pick(d["phases"], "ns", "phase", "error"), []string{"12s running ", "18s failed no"})
	expect(t, pick(d["events"], "ns", "kind", "reason", "warning"), []string{
		"14s Backup Starting false", "19s VolumeSnapshot SnapshotFailed true",
	})
	expect(t, pick(d["snapshots"], "snapshot", "class", "claim", "ready", "restore_size", "known", "low", "high"),
		[]string{"s1 fast pg-1 16s 2048Mi true 1024Mi 2048Mi"})
	expect(t, pick(d["restored"], "ns", "volume", "snapshot", "request", "restore_size"), []string{
		"20s pg-3 s1 2048Mi 2048Mi",
	})
	expect(t, pick(d["operations"], "group", "begin", "closed", "until"), []string{"PG_DATA 10s false trace_end"})
}

func TestASnapshotOfNoBackup(t *testing.T) {
	documents := standing(t).
		put(10, snapshotKind, "s1", "s1", snapshotOf("pg-1", "")).
		put(11, snapshotKind, "s1", "s1", object{"status": object{"error": object{"message": "no class"}}}).
		put(12, snapshotKind, "s2", "s2", snapshotOf("other", "")).
		documents("backup")
	d := documents["ns/snapshot/s1"]
	expect(t, pick([]any{d}, "kind", "cluster", "born", "until"), []string{"snapshot pg true trace_end"})
	expect(t, pick(d["snapshots"], "error", "restore_size", "known", "low", "high"), []string{
		"no class -1 true 1024Mi 1024Mi",
	})
	expect(t, pick(documents["ns/snapshot/s2"]["snapshots"], "known", "low"), []string{"false 0"})
}

func TestABackupWithTheSnapshotsThatItNames(t *testing.T) {
	d := standing(t).
		put(10, backupKind, "b1", "b1", backupOf("pg", "")).
		put(11, snapshotKind, "s1", "s1", snapshotOf("pg-1", "")).
		put(12, backupKind, "b1", "b1", object{"status": object{
			"phase": "completed", "snapshotBackupStatus": object{"elements": []any{object{"name": "s1"}}},
		}}).
		only("backup")
	expect(t, pick([]any{d}, "method"), []string{"barmanObjectStore"})
	expect(t, pick(d["snapshots"], "snapshot"), []string{"s1"})
}
