package policies_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// stands is what the policies about a cluster, its backups and the run say of a
// recording in which a healthy cluster of three grew and its primary changed.
func stands(changes ...string) map[string]string {
	want := map[string]string{
		"single-primary": "held", "primary-election": "held", "no-silent-stall": "held", "no-churn": "held",
		"topology-t1": "vacuous", "topology-t2": "vacuous", "topology-t3": "held",
		"one-operator-build": "held", "validation": "vacuous",
		"backup-outcome": "vacuous", "snapshot-size": "vacuous",
	}
	for _, change := range changes {
		id, word, _ := strings.Cut(change, ": ")
		want[id] = word
	}
	return want
}

// unmoved is the same where the primary did not change.
func unmoved(changes ...string) map[string]string {
	return stands(slices.Concat([]string{
		"single-primary: vacuous", "primary-election: vacuous", "topology-t3: vacuous",
	}, changes)...)
}

// create records a new object, written with its kind and version.
func (r *recording) create(at float64, apiVersion, kind, name string, content map[string]any) {
	o := clone(content).(map[string]any)
	set(o, apiVersion, "apiVersion")
	set(o, kind, "kind")
	set(o, name, "metadata", "name")
	set(o, dig(r.last("Cluster", "pg", 1e9), "metadata", "namespace"), "metadata", "namespace")
	set(o, kind+"-"+name, "metadata", "uid")
	set(o, "800000", "metadata", "resourceVersion")
	set(o, r.stamp(at), "metadata", "creationTimestamp")
	r.lines = append(r.lines, map[string]any{"time": r.stamp(at), "type": "ADDED", "object": o})
}

// warn records a Warning about a pod: the recordings of these tests have no
// other Events.
func (r *recording) warn(at float64, name, reason string) {
	r.create(at, "v1", "Event", name+"."+reason+r.stamp(at), map[string]any{
		"involvedObject": map[string]any{
			"kind": "Pod", "name": name, "namespace": dig(r.last("Cluster", "pg", 1e9), "metadata", "namespace"),
		},
		"reason": reason, "type": "Warning", "count": 1,
	})
}

// marks records what a driver says.
func (r *recording) marks(at float64, data map[string]any) {
	r.lines = append(r.lines, map[string]any{"time": r.stamp(at), "type": "MARK", "mark": data})
}

// alone leaves one instance of the growth recording.
func (r *recording) alone() {
	r.without("pg-2", "pg-3")
	r.change("Cluster", "pg", 0, func(o map[string]any) {
		set(o, 1, "spec", "instances")
		for _, path := range []string{"instances", "readyInstances"} {
			if dig(o, "status", path) != nil {
				set(o, 1, "status", path)
			}
		}
		for _, path := range []string{"danglingPVC", "initializingPVC"} {
			if dig(o, "status") != nil {
				set(o, nil, "status", path)
			}
		}
	})
}

// backsUp records a Backup of the cluster and the phase that it comes to.
func (r *recording) backsUp(at float64, phase, failure string) {
	r.create(at, "postgresql.cnpg.io/v1", "Backup", "b1", map[string]any{
		"spec": map[string]any{"cluster": map[string]any{"name": "pg"}, "method": "volumeSnapshot"},
	})
	r.again("Backup", "b1", at+1, func(o map[string]any) {
		set(o, phase, "status", "phase")
		if failure != "" {
			set(o, failure, "status", "error")
		}
	})
}

// snapshots records a VolumeSnapshot that is ready at once.
func (r *recording) snapshots(at float64, size string) {
	r.create(at, "snapshot.storage.k8s.io/v1", "VolumeSnapshot", "s1", map[string]any{
		"spec":   map[string]any{"source": map[string]any{"persistentVolumeClaimName": "pg-1"}},
		"status": map[string]any{"readyToUse": true, "restoreSize": size},
	})
}

// What a cluster does wrong is found, and what it does right is not blamed.
func TestClusters(t *testing.T) {
	tests := []struct {
		name   string
		from   string
		change func(r *recording)
		want   map[string]string
	}{
		{"a growth", "growth", func(*recording) {}, unmoved()},
		{"a drain", "node-drain", func(*recording) {}, stands()},
		{"a deleted primary", "primary-restart", func(*recording) {}, stands()},
		{"a static cluster of a released operator", "growth", func(r *recording) { r.static() }, unmoved()},
		{"two instances report to be the primary", "node-drain",
			func(r *recording) {
				r.change("Cluster", "pg", 95, func(o map[string]any) {
					if dig(o, "status", "instancesReportedState", "pg-1") != nil {
						set(o, true, "status", "instancesReportedState", "pg-1", "isPrimary")
					}
				})
			}, stands("single-primary: violated two_primaries")},
		{"the old primary still takes writes", "node-drain",
			func(r *recording) {
				for i, writer := range []string{"pg-1", "pg-2", "pg-1"} {
					timeline := map[string]int{"pg-1": 1, "pg-2": 2}[writer]
					r.told(100+float64(i), "sentinel.acknowledged", map[string]any{
						"n": i, "instance": writer, "timeline": timeline,
					})
				}
			}, stands("single-primary: violated two_writers")},
		{"a failover that is stuck in silence", "primary-restart",
			func(r *recording) { r.warn(80, "pg-1", "Unhealthy"); r.endAt(86.66); r.beat(4000) },
			stands("no-silent-stall: violated silent_stall", "primary-election: violated not_promoted",
				"single-primary: vacuous")},
		{"a failover that is stuck and says why", "primary-restart",
			func(r *recording) {
				r.endAt(86.66)
				for at := 300.0; at < 1500; at += 300 {
					r.warn(at, "pg-1", "FailedMount")
				}
				r.beat(1600)
			},
			stands("no-silent-stall: inconclusive pending", "primary-election: inconclusive pending",
				"single-primary: vacuous")},
		{"a stall, but no Events", "primary-restart",
			func(r *recording) { r.endAt(87.2); r.beat(1600) },
			stands("no-silent-stall: inconclusive events_unseen", "primary-election: inconclusive pending",
				"single-primary: vacuous")},
		{"an instance is elected that is not ready", "node-drain",
			func(r *recording) {
				r.change("Pod", "pg-2", 60, func(o map[string]any) {
					for _, c := range dig(o, "status", "conditions").([]any) {
						if condition := c.(map[string]any); condition["type"] == "Ready" {
							condition["status"] = "False"
						}
					}
				})
				r.again("Pod", "pg-2", 62, func(o map[string]any) {
					for _, c := range dig(o, "status", "conditions").([]any) {
						if condition := c.(map[string]any); condition["type"] == "Ready" {
							condition["status"] = "False"
						}
					}
				})
			}, stands("primary-election: violated not_ready")},
		{"the timeline stays", "node-drain",
			func(r *recording) {
				r.change("Cluster", "pg", 88, func(o map[string]any) { set(o, 1, "status", "timelineID") })
				r.later(120, 60)
			}, stands("primary-election: violated timeline_off")},
		{"two healthy instances are replaced at once", "node-drain",
			func(r *recording) { r.replacePod("pg-1", 112, "x1"); r.replacePod("pg-3", 112.5, "x3"); r.endAt(140) },
			stands("no-churn: violated several_replaced", "topology-t3: violated majority_lost")},
		{"the same for a new image", "node-drain",
			func(r *recording) {
				r.again("Cluster", "pg", 111, func(map[string]any) {})
				r.change("Cluster", "pg", 111, func(o map[string]any) {
					set(o, 2, "metadata", "generation")
					set(o, "postgresql:16", "spec", "imageName")
				})
				r.replacePod("pg-1", 112, "x1")
				r.replacePod("pg-3", 114, "x3")
				r.endAt(140)
			}, stands()},
		{"one healthy instance is replaced", "node-drain",
			func(r *recording) { r.replacePod("pg-3", 112, "x3"); r.endAt(140) }, stands()},
		{"a claim of a healthy instance is destroyed", "node-drain",
			func(r *recording) { r.replaceClaim("pg-3", 112, "2Gi"); r.endAt(140) },
			stands("no-churn: violated claim_destroyed")},
		{"another operator takes over", "node-drain",
			func(r *recording) {
				r.change("Cluster", "pg", 100, func(o map[string]any) {
					set(o, "another", "status", "cloudNativePGCommitHash")
				})
			}, stands("one-operator-build: violated build_differs")},
		{"a limit below the request was admitted", "growth",
			func(r *recording) {
				r.change("Cluster", "pg", 0, func(o map[string]any) { set(o, "512Mi", "spec", "storage", "limit") })
			}, unmoved("validation: violated admitted_invalid")},
		{"a schedule of five fields was admitted", "growth",
			func(r *recording) {
				r.change("Cluster", "pg", 0, func(o map[string]any) {
					set(o, "0 4 31 2 *", "spec", "storage", "maintenanceWindow", "schedule")
				})
			}, unmoved("validation: violated admitted_invalid")},
		{"a request was refused with the reason", "growth",
			func(r *recording) {
				r.marks(60, map[string]any{
					"phase": "admission", "verb": "create", "outcome": "rejected", "expected": "rejected",
					"message": "request (5Gi) cannot exceed limit (4Gi)",
					"object": map[string]any{"spec": map[string]any{"storage": map[string]any{
						"request": "5Gi", "limit": "4Gi",
					}}},
				})
			}, unmoved("validation: held")},
		{"a request was accepted that is invalid", "growth",
			func(r *recording) {
				r.marks(60, map[string]any{
					"phase": "admission", "operation": "create", "accepted": true, "expect": "reject", "object": "pg",
				})
			}, unmoved("validation: violated accepted_unexpected")},
		{"a single instance comes back", "growth",
			func(r *recording) { r.alone(); r.replacePod("pg-1", 112, "x1"); r.endAt(130); r.beat(140) },
			unmoved("topology-t1: held", "no-churn: vacuous")},
		{"a single instance never comes back", "growth",
			func(r *recording) {
				r.alone()
				r.replacePod("pg-1", 112, "x1")
				r.endAt(112.7)
				r.again("Cluster", "pg", 112.65, func(o map[string]any) {
					set(o, "Waiting for the instances to become active", "status", "phase")
					set(o, nil, "status", "readyInstances")
				})
				r.warn(100, "pg-1", "Unhealthy")
				r.beat(4000)
			},
			unmoved("topology-t1: violated not_recovered", "no-silent-stall: violated silent_stall", "no-churn: vacuous")},
		{"a backup succeeds", "growth",
			func(r *recording) { r.backsUp(110, "completed", "") }, unmoved("backup-outcome: held")},
		{"a backup fails with a reason", "growth",
			func(r *recording) { r.backsUp(110, "failed", "no section") }, unmoved("backup-outcome: held")},
		{"a backup fails without one", "growth",
			func(r *recording) { r.backsUp(110, "failed", "") }, unmoved("backup-outcome: violated unclear_failure")},
		{"a backup hangs", "growth",
			func(r *recording) { r.backsUp(110, "running", ""); r.endAt(130); r.beat(4000) },
			unmoved("backup-outcome: violated hangs")},
		{"a snapshot of the effective size", "growth",
			func(r *recording) { r.snapshots(110, "2Gi") }, unmoved("snapshot-size: held")},
		{"a snapshot of the size that the claim began with", "growth",
			func(r *recording) { r.snapshots(110, "1Gi") }, unmoved("snapshot-size: violated restore_size_below")},
	}
	mine := slices.Collect(maps.Keys(stands()))
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := load(t, test.from)
			test.change(r)
			got := r.judgeThe(func(p verdict.Policy) bool { return slices.Contains(mine, p.ID) })
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
