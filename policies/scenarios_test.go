package policies_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// scenarios judges by the policies of the scenarios; those that a recording does
// not exercise are left out.
func (r *recording) scenarios() map[string]string {
	r.t.Helper()
	got := r.judgeThe(func(p verdict.Policy) bool { return strings.HasPrefix(p.ID, "scenario-") })
	for id, word := range got {
		if word == verdict.Vacuous.String() {
			delete(got, id)
		}
	}
	return got
}

// add records an object that was not there before.
func (r *recording) add(at float64, kind string, object map[string]any) {
	r.lines = append(r.lines, map[string]any{"time": r.stamp(at), "type": kind, "object": object})
}

// told records an event that is none of the API, about the cluster.
func (r *recording) told(at float64, kind string, data map[string]any) {
	cluster := r.last("Cluster", "pg", at)
	source, _, _ := strings.Cut(kind, ".")
	r.lines = append(r.lines, map[string]any{
		"time": r.stamp(at), "type": "EVENT", "event": kind, "source": source, "data": data,
		"about": map[string]any{
			"group": "postgresql.cnpg.io", "version": "v1", "resource": "clusters", "kind": "Cluster",
			"namespace": dig(cluster, "metadata", "namespace"), "name": "pg", "uid": dig(cluster, "metadata", "uid"),
		},
	})
}

// watched lets a sentinel write a number every ten seconds from a moment on, and
// read all but some of them in the end.
func (r *recording) watched(from, until float64, lost ...int) {
	n := 0
	for at := from; at < until; at += 10 {
		n++
		r.told(at, "sentinel.invoked", map[string]any{"workload": "w", "n": n})
		r.told(at+0.1, "sentinel.acknowledged", map[string]any{
			"workload": "w", "n": n, "instance": "pg-1", "timeline": 1, "lsn": fmt.Sprintf("0/%X", 0x3000000+n),
		})
	}
	found := fmt.Sprintf("1-%d", n)
	if len(lost) > 0 {
		found = fmt.Sprintf("1-%d,%d-%d", lost[0]-1, lost[0]+1, n)
	}
	r.told(until, "sentinel.read", map[string]any{
		"workload": "w", "instance": "pg-2", "primary": true, "complete": true, "elements": found, "duplicates": "",
		"timeline": 2, "lsn": "0/4000000",
	})
}

// restartOperator lets another one take the lease.
func (r *recording) restartOperator(at float64) {
	r.again("Lease", "db9c8771.cnpg.io", at, func(o map[string]any) {
		set(o, "cnpg-controller-manager-again_0", "spec", "holderIdentity")
	})
}

// backup records a Backup with its phases, each some seconds after the one before.
func (r *recording) backup(at float64, spec map[string]any, phases ...map[string]any) {
	namespace := dig(r.last("Cluster", "pg", at), "metadata", "namespace")
	spec["cluster"] = map[string]any{"name": "pg"}
	for i, status := range append([]map[string]any{{}}, phases...) {
		kind := "MODIFIED"
		if i == 0 {
			kind = "ADDED"
		}
		r.add(at+3*float64(i), kind, map[string]any{
			"apiVersion": "postgresql.cnpg.io/v1", "kind": "Backup",
			"metadata": map[string]any{
				"name": "nightly", "namespace": namespace, "uid": "bbbbbbbb-0000-0000-0000-000000000001",
				"resourceVersion": fmt.Sprint(950000 + i), "creationTimestamp": r.stamp(at),
			},
			"spec": spec, "status": status,
		})
	}
}

var (
	started   = map[string]any{"phase": "running"}
	completed = map[string]any{"phase": "completed"}
	plain     = func() map[string]any { return map[string]any{"method": "barmanObjectStore"} }
)

// snapshot records a VolumeSnapshot of the first volume and the class it needs.
func (r *recording) snapshot(at float64, size string) {
	r.add(at-1, "ADDED", map[string]any{
		"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshotClass", "driver": "csi",
		"metadata": map[string]any{
			"name": "csi", "uid": "cccccccc-0000-0000-0000-000000000001", "resourceVersion": "960000",
			"creationTimestamp": r.stamp(at - 1),
		},
	})
	namespace := dig(r.last("Cluster", "pg", at), "metadata", "namespace")
	r.backup(at, map[string]any{"method": "volumeSnapshot"}, started, map[string]any{
		"phase": "completed", "method": "volumeSnapshot",
		"snapshotBackupStatus": map[string]any{"elements": []any{map[string]any{"name": "nightly"}}},
	})
	for i, status := range []map[string]any{{}, {"readyToUse": true, "restoreSize": size}} {
		kind := "MODIFIED"
		if i == 0 {
			kind = "ADDED"
		}
		r.add(at+1+float64(i), kind, map[string]any{
			"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot",
			"metadata": map[string]any{
				"name": "nightly", "namespace": namespace, "uid": "cccccccc-0000-0000-0000-000000000002",
				"resourceVersion": fmt.Sprint(960001 + i), "creationTimestamp": r.stamp(at + 1),
				"labels": map[string]any{"cnpg.io/backupName": "nightly"},
			},
			"spec": map[string]any{
				"volumeSnapshotClassName": "csi",
				"source":                  map[string]any{"persistentVolumeClaimName": "pg-1"},
			},
			"status": status,
		})
	}
}

// upgrade asks for another image and replaces the pods one after another; those
// that are named do not come back.
func (r *recording) upgrade(at float64, but ...string) {
	const image = "localhost/postgresql:15.21"
	r.again("Cluster", "pg", at, func(map[string]any) {})
	r.change("Cluster", "pg", at, func(o map[string]any) {
		set(o, 7, "metadata", "generation")
		set(o, image, "spec", "imageName")
	})
	for i, name := range []string{"pg-3", "pg-2", "pg-1"} {
		begin := at + 1 + 5*float64(i)
		r.replace("Pod", name, begin, "dddddddd-"+name, func(o map[string]any) {
			for _, c := range dig(o, "spec", "containers").([]any) {
				set(c.(map[string]any), image, "image")
			}
		})
		for _, gone := range but {
			r.drop(func(kind, n string, seconds float64, line map[string]any) bool {
				return kind == "Pod" && n == name && gone == name && seconds >= begin+1
			})
		}
	}
}

// usage records how full the volume of the primary is, in percent of 1 GiB.
func (r *recording) usage(at float64, percent int) {
	const size = 1 << 30
	namespace := dig(r.last("Cluster", "pg", at), "metadata", "namespace")
	r.lines = append(r.lines, map[string]any{
		"time": r.stamp(at), "type": "EVENT", "event": "usage", "source": "usage", "data": map[string]any{
			"namespace": namespace, "pvc": "pg-1", "instance": "pg-1", "pod": "pg-1", "from": "kubelet",
			"used_bytes": size / 100 * percent, "capacity_bytes": size, "available_bytes": size / 100 * (100 - percent),
		},
	})
}

// smaller shrinks the claim of one instance by replacing it.
func (r *recording) smaller(name string, at float64) { r.replaceClaim(name, at, "1536Mi") }

// switchover asks for another primary, which it is three seconds later.
func (r *recording) switchover(at float64, to string) {
	r.again("Cluster", "pg", at, func(o map[string]any) { set(o, to, "status", "targetPrimary") })
	r.keep(at, func(o map[string]any) { set(o, to, "status", "targetPrimary") })
	r.again("Cluster", "pg", at+3, func(o map[string]any) { set(o, to, "status", "currentPrimary") })
	r.again("Cluster", "pg", at+4, func(map[string]any) {})
	r.keep(at+3, func(o map[string]any) {
		set(o, to, "status", "currentPrimary")
		set(o, 2, "status", "timelineID")
		for _, name := range []string{"pg-1", "pg-2", "pg-3"} {
			set(o, name == to, "status", "instancesReportedState", name, "isPrimary")
		}
	})
}

// stays leaves the cluster as it was, without its deletion, until a moment.
func (r *recording) stays(from, until float64) { r.endAt(from); r.beat(until) }

// unready lets the cluster wait for an instance for ever.
func (r *recording) unready(from float64) {
	r.change("Cluster", "pg", from, func(o map[string]any) {
		set(o, "Waiting for the instances to become active", "status", "phase")
		set(o, 2, "status", "readyInstances")
	})
	r.drop(func(kind, name string, at float64, _ map[string]any) bool {
		return kind == "Pod" && name == "pg-1" && at > from
	})
}

// Each scenario of the requirements, as it should be and with what may be wrong.
func TestScenarios(t *testing.T) {
	tests := []struct {
		name   string
		from   string
		change func(r *recording)
		want   map[string]string
	}{
		{"nothing is done", "growth", func(*recording) {}, map[string]string{}},
		{"the operator is restarted", "growth",
			func(r *recording) { r.settle(100); r.restartOperator(88) },
			map[string]string{"scenario-operator-restart": "held"}},
		{"the operator is restarted, and the expansion is left alone", "growth",
			func(r *recording) { r.settle(100); r.restartOperator(88); r.stuck("pg-3"); r.stays(130, 4000) },
			map[string]string{"scenario-operator-restart": "violated not_completed"}},
		{"the operator is restarted, and does it again", "growth",
			func(r *recording) { r.settle(100); r.restartOperator(88); r.repeatAction(120) },
			map[string]string{"scenario-operator-restart": "violated action_repeated"}},
		{"the operator is restarted, and thinks of another size", "growth",
			func(r *recording) {
				r.settle(100)
				r.restartOperator(88)
				r.again("PersistentVolumeClaim", "pg-2", 90, func(o map[string]any) { set(o, "1536Mi", request...) })
			},
			map[string]string{"scenario-operator-restart": "violated request_conflicting"}},
		{"the operator is restarted, and forgets the size", "growth",
			func(r *recording) {
				r.settle(100)
				r.restartOperator(88)
				r.keep(99.5, func(o map[string]any) { set(o, "1Gi", sizing("effectiveSize")...) })
				r.stays(130, 400)
			},
			map[string]string{"scenario-operator-restart": "violated final_status_off"}},
		{"the primary is restarted", "primary-restart",
			func(r *recording) { r.watched(40, 130) },
			map[string]string{"scenario-primary-restart": "held", "scenario-failover": "held"}},
		{"the primary is restarted, and nobody writes", "primary-restart", func(*recording) {},
			map[string]string{"scenario-primary-restart": "inconclusive no_sentinel", "scenario-failover": "held"}},
		{"the primary is restarted, and is never ready", "primary-restart",
			func(r *recording) { r.watched(40, 130); r.unready(97); r.stays(131, 800) },
			map[string]string{"scenario-primary-restart": "violated not_ready", "scenario-failover": "held"}},
		{"the primary is restarted, and one expansion never ends", "primary-restart",
			func(r *recording) { r.watched(40, 130); r.stuck("pg-3"); r.stays(131, 4000) },
			map[string]string{
				"scenario-primary-restart": "violated not_completed", "scenario-failover": "violated not_completed",
			}},
		{"the primary is restarted, and nothing moves for long", "primary-restart",
			func(r *recording) { r.later(89.1, 700); r.watched(40, 830) },
			map[string]string{
				"scenario-primary-restart": "violated not_ready not_resumed", "scenario-failover": "violated not_resumed",
			}},
		{"another instance becomes the primary than was chosen", "primary-restart",
			func(r *recording) {
				r.change("Cluster", "pg", 87.9, func(o map[string]any) {
					if dig(o, "status", "currentPrimary") == "pg-2" {
						set(o, "pg-3", "status", "currentPrimary")
					}
				})
				r.change("Cluster", "pg", 88.15, func(o map[string]any) {
					set(o, "pg-3", "status", "targetPrimary")
					set(o, map[string]any{"isPrimary": true}, "status", "instancesReportedState", "pg-3")
					set(o, map[string]any{"isPrimary": false}, "status", "instancesReportedState", "pg-2")
				})
			},
			map[string]string{
				"scenario-primary-restart": "inconclusive no_sentinel", "scenario-failover": "violated wrong_primary",
			}},
		{"the new primary stays on the old timeline", "primary-restart",
			func(r *recording) {
				r.change("Cluster", "pg", 88, func(o map[string]any) { set(o, 1, "status", "timelineID") })
				r.stays(130, 200)
			},
			map[string]string{
				"scenario-primary-restart": "inconclusive no_sentinel", "scenario-failover": "violated timeline_off",
			}},
		{"the old primary stays one", "primary-restart",
			func(r *recording) {
				r.change("Cluster", "pg", 91, func(o map[string]any) {
					set(o, true, "status", "instancesReportedState", "pg-1", "isPrimary")
				})
			},
			map[string]string{
				"scenario-primary-restart": "inconclusive no_sentinel", "scenario-failover": "violated two_primaries",
			}},
		{"no primary is ever found", "primary-restart",
			func(r *recording) {
				r.change("Cluster", "pg", 86.6, func(o map[string]any) {
					set(o, "pending", "status", "targetPrimary")
					set(o, "pg-1", "status", "currentPrimary")
					set(o, "Failing over", "status", "phase")
				})
				r.stays(130, 800)
			},
			map[string]string{
				"scenario-primary-restart": "violated not_ready", "scenario-failover": "violated election_stuck",
			}},
		{"the limit is raised in the middle of it", "growth",
			func(r *recording) {
				r.settle(100)
				r.spec(88, func(s map[string]any) { s["limit"] = "8Gi" })
			},
			map[string]string{"scenario-spec-mutation": "held"}},
		{"the limit is lowered in the middle of it, and a claim still grows", "growth",
			func(r *recording) {
				r.settle(100)
				r.spec(88, func(s map[string]any) { s["limit"] = "2Gi" })
				r.again("PersistentVolumeClaim", "pg-1", 96, func(o map[string]any) { set(o, "3Gi", request...) })
				r.claims(96, func(o map[string]any) { set(o, "3Gi", request...) })
				r.endAt(130)
			},
			map[string]string{"scenario-spec-mutation": "violated old_intent"}},
		{"the request is raised in the middle of it, and nobody cares", "growth",
			func(r *recording) {
				r.settle(100)
				r.spec(88, func(s map[string]any) { s["request"] = "3Gi" })
				r.stays(130, 600)
			},
			map[string]string{"scenario-spec-mutation": "violated intent_ignored"}},
		{"a static size is raised in the middle of it", "growth",
			func(r *recording) {
				r.static()
				r.spec(88, func(s map[string]any) { s["size"] = "3Gi" })
				r.grow(90, "3Gi")
			},
			map[string]string{"scenario-spec-mutation": "held"}},
		{"a node is drained", "node-drain", func(*recording) {},
			map[string]string{"scenario-node-drain": "held", "scenario-failover": "held"}},
		{"a node is drained, and the instance is forgotten", "node-drain",
			func(r *recording) {
				r.drop(func(kind, name string, at float64, _ map[string]any) bool {
					return kind == "Pod" && name == "pg-1" && at > 94.7
				})
				r.stays(140, 1000)
			},
			map[string]string{"scenario-node-drain": "violated instance_orphaned", "scenario-failover": "held"}},
		{"a node is drained, and one replica is never grown", "node-drain",
			func(r *recording) {
				r.drop(func(kind, name string, at float64, _ map[string]any) bool {
					return kind == "PersistentVolumeClaim" && name == "pg-3" && at > 86
				})
				r.stays(140, 600)
			},
			map[string]string{
				"scenario-node-drain": "violated final_size_off", "scenario-failover": "violated diverged",
			}},
		{"a node of a static cluster is drained", "node-drain",
			func(r *recording) { r.static() },
			map[string]string{"scenario-node-drain": "held", "scenario-failover": "held"}},
		{"a node of a static cluster is drained, and one expansion never ends", "node-drain",
			func(r *recording) { r.static(); r.stuck("pg-3"); r.stays(140, 4000) },
			map[string]string{
				"scenario-node-drain": "violated not_completed not_resumed",
				"scenario-failover":   "violated not_completed",
			}},
		{"a backup is made", "growth",
			func(r *recording) { r.backup(88, plain(), started, completed) },
			map[string]string{"scenario-backup": "held"}},
		{"a backup fails and says why", "growth",
			func(r *recording) {
				r.backup(88, plain(), started, map[string]any{"phase": "failed", "error": "no space left"})
			},
			map[string]string{"scenario-backup": "held"}},
		{"a backup fails and says nothing", "growth",
			func(r *recording) { r.backup(88, plain(), started, map[string]any{"phase": "failed"}) },
			map[string]string{"scenario-backup": "violated failed_silently"}},
		{"a backup never ends", "growth",
			func(r *recording) { r.backup(88, plain(), started); r.stays(130, 800) },
			map[string]string{"scenario-backup": "violated backup_stuck"}},
		{"a backup holds up the expansion", "growth",
			func(r *recording) { r.backup(88, plain(), started, completed); r.stuck("pg-3"); r.stays(130, 4000) },
			map[string]string{"scenario-backup": "violated storage_deadlocked"}},
		{"a replica is added after growth", "growth",
			func(r *recording) { r.scale(110, "2Gi") },
			map[string]string{"scenario-replica-scale-up": "held"}},
		{"a replica is added at the size of the bootstrap", "growth",
			func(r *recording) { r.scale(110, "1Gi") },
			map[string]string{"scenario-replica-scale-up": "violated stale_size"}},
		{"the budget is used up", "growth",
			func(r *recording) { r.settle(100); r.budget(0) },
			map[string]string{"scenario-rate-limit-budget": "held"}},
		{"the budget is used up, and the status does not say so", "growth",
			func(r *recording) { r.settle(100); r.budget(1); r.stays(130, 200) },
			map[string]string{"scenario-rate-limit-budget": "violated exhaustion_hidden"}},
		{"a backup is made while a node is drained", "node-drain",
			func(r *recording) { r.backup(86.4, plain(), started, completed) },
			map[string]string{
				"scenario-backup": "held", "scenario-concurrent-disruptions": "held",
				"scenario-node-drain": "held", "scenario-failover": "held",
			}},
		{"a backup that is made while a node is drained never ends", "node-drain",
			func(r *recording) { r.backup(86.4, plain(), started); r.stays(140, 800) },
			map[string]string{
				"scenario-backup": "violated backup_stuck", "scenario-concurrent-disruptions": "violated backup_stuck",
				"scenario-node-drain": "held", "scenario-failover": "held",
			}},
		{"a backup that is made while a node is drained is taken up again", "node-drain",
			func(r *recording) { r.backup(86.4, plain(), started, completed, started) },
			map[string]string{
				"scenario-backup":                 "inconclusive deleted",
				"scenario-concurrent-disruptions": "violated phase_reversed",
				"scenario-node-drain":             "held", "scenario-failover": "held",
			}},
		{"the image is upgraded", "growth",
			func(r *recording) { r.settle(100); r.upgrade(88) },
			map[string]string{"scenario-rolling-upgrade": "held"}},
		{"the image is upgraded, and one pod does not come back", "growth",
			func(r *recording) { r.settle(100); r.upgrade(88, "pg-2"); r.stays(130, 2000) },
			map[string]string{"scenario-rolling-upgrade": "violated instance_orphaned upgrade_starved"}},
		{"a snapshot is made after growth", "growth",
			func(r *recording) { r.snapshot(110, "2Gi") },
			map[string]string{"scenario-volume-snapshots": "held"}},
		{"a snapshot has the old size", "growth",
			func(r *recording) { r.snapshot(110, "1Gi") },
			map[string]string{"scenario-volume-snapshots": "violated restore_size_off"}},
		{"usage goes up and down", "growth",
			func(r *recording) {
				for i := range 8 {
					r.usage(30+5*float64(i), 70+15*(i%2))
				}
			},
			map[string]string{"scenario-threshold-oscillation": "held"}},
		{"usage goes up and down, and a request with it", "growth",
			func(r *recording) {
				for i := range 8 {
					r.usage(30+5*float64(i), 70+15*(i%2))
				}
				r.again("PersistentVolumeClaim", "pg-1", 110, func(o map[string]any) { set(o, "1Gi", request...) })
			},
			map[string]string{"scenario-threshold-oscillation": "violated request_lowered"}},
		{"a replica is shrunk during a switchover", "growth",
			func(r *recording) { r.switchover(110, "pg-2"); r.smaller("pg-3", 111); r.stays(130, 200) },
			map[string]string{"scenario-shrink-failover": "inconclusive pending"}},
		{"the primary is shrunk during a switchover", "growth",
			func(r *recording) { r.switchover(110, "pg-2"); r.smaller("pg-1", 111); r.stays(130, 200) },
			map[string]string{"scenario-shrink-failover": "violated primary_replaced"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := load(t, test.from)
			test.change(r)
			if diff := cmp.Diff(test.want, r.scenarios()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// scale asks for a fourth instance, whose claim is created with a size.
func (r *recording) scale(at float64, size string) {
	r.again("Cluster", "pg", at, func(map[string]any) {})
	r.change("Cluster", "pg", at, func(o map[string]any) {
		set(o, 7, "metadata", "generation")
		set(o, 4, "spec", "instances")
	})
	r.newReplica(at+2, size)
}

// budget leaves one action a day, of which the status admits some still.
func (r *recording) budget(planned int) {
	r.change("Cluster", "pg", 0, func(o map[string]any) {
		set(o, 1, "spec", "storage", "emergencyGrow", "maxActionsPerDay")
		set(o, 0, "spec", "storage", "emergencyGrow", "reservedActionsForEmergency")
		if dig(o, sizing("lastAction")...) != nil {
			set(o, 1, sizing("budget", "actionsLast24h")...)
			set(o, planned, sizing("budget", "availableForPlanned")...)
			set(o, 0, sizing("budget", "availableForEmergency")...)
		}
	})
}
