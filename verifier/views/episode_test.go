package views_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// cast is a healthy cluster of two whose volumes grow from 20 s to 50 s.
func cast(t *testing.T) *story {
	return tell(t).
		put(1, clusterKind, "pg", "c1", dynamic("1Gi", "4Gi", nil)).
		put(2, clusterKind, "pg", "c1", primaries("pg-1", "pg-1")).
		put(2, clusterKind, "pg", "c1", object{"status": object{
			"phase": "Cluster in healthy state", "instances": 2, "readyInstances": 2, "timelineID": 1,
			"instancesReportedState": object{"pg-1": object{"isPrimary": true}, "pg-2": object{"isPrimary": false}},
		}}).
		put(2, nodeKind, "n1", "n1", ready("True")).
		put(2, nodeKind, "n2", "n2", ready("True")).
		put(3, claimKind, "pg-1", "v1", claim("pg-1", "1Gi", "1Gi")).
		put(3, claimKind, "pg-2", "v2", claim("pg-2", "1Gi", "1Gi")).
		put(4, podKind, "pg-1", "p1", instancePod("pg-1", "n1")).
		put(4, podKind, "pg-2", "p2", instancePod("pg-2", "n2")).
		put(20, claimKind, "pg-1", "v1", claim("pg-1", "2Gi", "1Gi")).
		put(21, claimKind, "pg-2", "v2", claim("pg-2", "2Gi", "1Gi")).
		put(50, claimKind, "pg-1", "v1", claim("pg-1", "2Gi", "2Gi")).
		put(50, claimKind, "pg-2", "v2", claim("pg-2", "2Gi", "2Gi"))
}

// replaced lets a pod go at a moment and another one come 2 s later.
func (s *story) replaced(at float64, name, from, to, node string) *story {
	return s.put(at, podKind, name, from, leaving).
		gone(at+1, podKind, name, from).
		put(at+2, podKind, name, to, instancePod(name, node))
}

func spec(change object) object { return object{"spec": change} }

func generation(n int, change object) object {
	return object{"metadata": object{"generation": n}, "spec": change}
}

func seconds(m any) string {
	return strings.TrimSuffix(strings.Join(pick([]any{object{"m": m}}, "m"), ""), " ")
}

// acts renders the episodes of a story other than growth and marks: entity, begin,
// end, cause, and how it met expansions.
func (s *story) acts() []string {
	var out []string
	for entity, d := range s.documents("episode") {
		if d["kind"] == "growth" || d["kind"] == "mark" {
			continue
		}
		var met []string
		for _, o := range d["operations"].([]any) {
			met = append(met, fmt.Sprint(o.(object)["met"]))
		}
		line := fmt.Sprintf("%s %v %s-", strings.TrimPrefix(entity, "ns/pg/"), d["subject"], seconds(d["begin"]))
		if d["ended"].(bool) {
			line += seconds(d["end"])
		}
		if cause := d["caused_by"].(string); cause != "" {
			line += " by " + strings.TrimPrefix(cause, "ns/pg/")
		}
		if len(met) > 0 {
			line += " " + strings.Join(met, ",")
		}
		out = append(out, line)
	}
	slices.Sort(out)
	return out
}

// What was done to a cluster is recognised from the API alone.
func TestEpisodes(t *testing.T) {
	tests := []struct {
		name string
		tell func(s *story)
		want []string
	}{
		{"nothing", func(*story) {}, nil},
		{"the primary's pod is deleted while the volumes grow", func(s *story) { s.replaced(30, "pg-1", "p1", "p3", "n1") },
			[]string{"primary_restart#1 pg-1 30s-31s open"}},
		{"the primary's pod goes again and again, and is never Ready", func(s *story) {
			waiting := instancePod("pg-1", "n1")
			merge(waiting, ready("False"))
			s.put(30, podKind, "pg-1", "p1", leaving).
				gone(31, podKind, "pg-1", "p1").
				put(32, podKind, "pg-1", "p3", waiting).
				gone(33, podKind, "pg-1", "p3").
				put(34, podKind, "pg-1", "p4", waiting).
				gone(35, podKind, "pg-1", "p4")
		}, []string{"primary_restart#1 pg-1 30s-31s open"}},
		{"a replica's pod is deleted after they grew", func(s *story) { s.replaced(60, "pg-2", "p2", "p3", "n2") },
			[]string{"replica_restart#1 pg-2 60s-61s"}},
		{"the primary's pod is deleted, and the other takes over", func(s *story) {
			s.replaced(30, "pg-1", "p1", "p3", "n1").
				put(30.5, clusterKind, "pg", "c1", primaries("pg-1", "pending")).
				put(30.7, clusterKind, "pg", "c1", primaries("pg-1", "pg-2")).
				put(33, clusterKind, "pg", "c1", primaries("pg-2", "pg-2"))
		}, []string{
			"failover#1 pg-1 30.5s-33s by primary_restart#1 open", "primary_restart#1 pg-1 30s-31s open",
		}},
		{"a switchover, with the restart of the old primary", func(s *story) {
			s.put(30, clusterKind, "pg", "c1", primaries("pg-1", "pg-2")).
				put(31, podKind, "pg-1", "p1", object{"status": object{
					"containerStatuses": []any{object{"name": "postgres", "restartCount": 1}},
				}}).
				put(32, clusterKind, "pg", "c1", primaries("pg-2", "pg-2"))
		}, []string{"switchover#1 pg-1 30s-32s open"}},
		{"a switchover, and much later a restart of the old primary", func(s *story) {
			s.put(30, clusterKind, "pg", "c1", primaries("pg-1", "pg-2")).
				put(32, clusterKind, "pg", "c1", primaries("pg-2", "pg-2")).
				put(33, clusterKind, "pg", "c1", object{"status": object{"instancesReportedState": object{
					"pg-1": object{"isPrimary": false}, "pg-2": object{"isPrimary": true},
				}}}).
				put(60, podKind, "pg-1", "p1", object{"status": object{
					"containerStatuses": []any{object{"name": "postgres", "restartCount": 1}},
				}})
		}, []string{"replica_restart#1 pg-1 60s-60s", "switchover#1 pg-1 30s-32s open"}},
		{"the primary's container is restarted, and it stays the primary", func(s *story) {
			s.put(30, podKind, "pg-1", "p1", object{"status": object{
				"containerStatuses": []any{object{"name": "postgres", "restartCount": 1}},
			}})
		}, []string{"primary_restart#1 pg-1 30s-30s open"}},
		{"a drain of the primary's node, with a switchover first", func(s *story) {
			s.put(30, nodeKind, "n1", "n1", spec(object{"unschedulable": true})).
				put(31, clusterKind, "pg", "c1", primaries("pg-1", "pg-2")).
				put(32, clusterKind, "pg", "c1", primaries("pg-2", "pg-2")).
				replaced(33, "pg-1", "p1", "p3", "n2").
				put(40, nodeKind, "n1", "n1", spec(object{"unschedulable": nil}))
		}, []string{"node_drain#1 n1 30s-40s open", "switchover#1 pg-1 31s-32s by node_drain#1 open"}},
		{"a drain that is never undone", func(s *story) {
			s.put(30, nodeKind, "n1", "n1", spec(object{"unschedulable": true})).replaced(33, "pg-1", "p1", "p3", "n2")
		}, []string{"node_drain#1 n1 30s- open"}},
		{"a node is lost with the primary", func(s *story) {
			s.put(30, nodeKind, "n1", "n1", ready("Unknown")).
				put(31, clusterKind, "pg", "c1", primaries("pg-1", "pg-2")).
				put(32, clusterKind, "pg", "c1", primaries("pg-2", "pg-2")).
				replaced(33, "pg-1", "p1", "p3", "n2").
				put(40, nodeKind, "n1", "n1", ready("True"))
		}, []string{"failover#1 pg-1 31s-32s by node_loss#1 open", "node_loss#1 n1 30s-40s open"}},
		{"the operator is restarted, as its pod and its lease say", func(s *story) {
			s.put(5, podKind, "op-a", "o1", operatorPod(0)).
				put(5, leaseKind, "db9c8771.cnpg.io", "l1", held("op-a_1")).
				put(30, podKind, "op-a", "o1", leaving).
				gone(31, podKind, "op-a", "o1").
				put(33, podKind, "op-b", "o2", operatorPod(0)).
				put(33, leaseKind, "db9c8771.cnpg.io", "l1", held("op-b_2"))
		}, []string{"operator_restart#1 op-a 30s-33s open"}},
		{"the limit is changed while the volumes grow", func(s *story) {
			s.put(30, clusterKind, "pg", "c1", generation(2, object{"storage": object{"limit": "8Gi"}}))
		}, []string{"spec_mutation#1 pg 30s-30s open"}},
		{"something else is changed", func(s *story) {
			s.put(30, clusterKind, "pg", "c1", generation(2, object{"logLevel": "debug"}))
		}, nil},
		{"an instance is added", func(s *story) {
			s.put(60, clusterKind, "pg", "c1", generation(2, object{"instances": 3})).
				put(61, claimKind, "pg-3", "v3", claim("pg-3", "2Gi", "2Gi")).
				put(65, podKind, "pg-3", "p3", instancePod("pg-3", "n1"))
		}, []string{"scale_up#1 pg 60s-65s by spec_mutation#1", "spec_mutation#1 pg 60s-60s"}},
		{"an instance is taken away", func(s *story) {
			s.put(60, clusterKind, "pg", "c1", generation(2, object{"instances": 1})).
				put(61, podKind, "pg-2", "p2", leaving).
				put(61, claimKind, "pg-2", "v2", leaving).
				gone(62, podKind, "pg-2", "p2").
				gone(62, claimKind, "pg-2", "v2").
				put(99, claimKind, "pg-1", "v1", nil)
		}, []string{"scale_down#1 pg 60s-62s by spec_mutation#1", "spec_mutation#1 pg 60s-60s"}},
		{"a rollout that has not come to the primary", func(s *story) {
			pod := instancePod("pg-2", "n2")
			merge(pod, spec(object{"containers": []any{object{"name": "postgres", "image": "new"}}}))
			s.put(30, clusterKind, "pg", "c1", generation(2, object{"imageName": "new"})).
				put(31, podKind, "pg-2", "p2", leaving).
				gone(32, podKind, "pg-2", "p2").
				put(33, podKind, "pg-2", "p3", pod)
		}, []string{"rolling_upgrade#1 pg 30s- open"}},
		{"another image is asked for, and nothing follows", func(s *story) {
			s.put(30, clusterKind, "pg", "c1", generation(2, object{"imageName": "new"})).
				replaced(31, "pg-2", "p2", "p3", "n2")
		}, []string{"replica_restart#1 pg-2 31s-32s open"}},
		{"the operator's container is restarted, and the lease tells it later", func(s *story) {
			s.put(5, podKind, "op-a", "o1", operatorPod(0)).
				put(5, leaseKind, "db9c8771.cnpg.io", "l1", held("op-a_1")).
				put(30, podKind, "op-a", "o1", operatorPod(1)).
				put(45, leaseKind, "db9c8771.cnpg.io", "l1", held("op-a_2")).
				put(70, podKind, "op-a", "o1", operatorPod(2)).
				put(85, leaseKind, "db9c8771.cnpg.io", "l1", held("op-a_3"))
		}, []string{"operator_restart#1 op-a 30s-45s open", "operator_restart#2 op-a 70s-85s"}},
		{"a rollout, pod by pod", func(s *story) {
			newer := spec(object{"containers": []any{object{"name": "postgres", "image": "new"}}})
			pod := func(name, node string) object {
				o := instancePod(name, node)
				merge(o, newer)
				return o
			}
			s.put(30, clusterKind, "pg", "c1", generation(2, object{"imageName": "new"})).
				put(31, podKind, "pg-2", "p2", leaving).
				gone(32, podKind, "pg-2", "p2").
				put(33, podKind, "pg-2", "p3", pod("pg-2", "n2")).
				put(34, clusterKind, "pg", "c1", primaries("pg-1", "pg-2")).
				put(35, clusterKind, "pg", "c1", primaries("pg-2", "pg-2")).
				put(36, podKind, "pg-1", "p1", leaving).
				gone(37, podKind, "pg-1", "p1").
				put(38, podKind, "pg-1", "p4", pod("pg-1", "n1"))
		}, []string{"rolling_upgrade#1 pg 30s-38s open", "switchover#1 pg-1 34s-35s by rolling_upgrade#1 open"}},
		{"a rollout whose first pod never comes back, and a pod that is deleted long after", func(s *story) {
			phase := func(text string) object { return object{"status": object{"phase": text}} }
			s.put(30, clusterKind, "pg", "c1", generation(2, object{"env": []any{object{"name": "A"}}})).
				put(31, clusterKind, "pg", "c1", phase("Upgrading cluster")).
				put(32, podKind, "pg-2", "p2", leaving).
				gone(33, podKind, "pg-2", "p2").
				put(34, clusterKind, "pg", "c1", phase("Waiting for the instances to become active")).
				put(60, podKind, "pg-1", "p1", leaving).
				gone(61, podKind, "pg-1", "p1")
		}, []string{"primary_restart#1 pg-1 60s-61s", "rolling_upgrade#1 pg 31s- open"}},
		{"a backup that was there before, and a new one", func(s *story) {
			about := spec(object{"cluster": object{"name": "pg"}})
			s.put(30, backupKind, "b1", "b1", about).
				put(31, backupKind, "b1", "b1", object{"status": object{"phase": "running"}}).
				put(35, backupKind, "b1", "b1", object{"status": object{"phase": "completed"}})
		}, []string{"backup#1 b1 30s-35s open"}},
		{"a snapshot by a backup", func(s *story) {
			s.put(60, backupKind, "b1", "b1", spec(object{"cluster": object{"name": "pg"}, "method": "volumeSnapshot"})).
				put(61, snapshotKind, "b1", "s1", object{
					"metadata": object{"labels": object{"cnpg.io/backupName": "b1"}},
					"spec":     object{"source": object{"persistentVolumeClaimName": "pg-1"}},
				}).
				put(65, backupKind, "b1", "b1", object{"status": object{"phase": "failed", "error": "no class"}})
		}, []string{"snapshot#1 b1 60s-65s"}},
		{"a snapshot without a backup", func(s *story) {
			s.put(60, snapshotKind, "s", "s1", spec(object{"source": object{"persistentVolumeClaimName": "pg-1"}})).
				put(65, snapshotKind, "s", "s1", object{"status": object{"readyToUse": true, "restoreSize": "2Gi"}})
		}, []string{"snapshot#1 s 60s-65s"}},
		{"usage that goes up and down around the threshold", func(s *story) {
			for i, used := range []int{500, 900, 500, 900, 500} {
				s.usage(5+float64(i), "pg-1", used, 1000)
			}
		}, []string{"oscillation#1 pg-1 6s-9s"}},
		{"usage that goes up and is grown away", func(s *story) {
			s.usage(5, "pg-1", 500, 1000).usage(6, "pg-1", 900, 1000).usage(51, "pg-1", 900, 2000).
				usage(60, "pg-1", 1900, 2000)
		}, nil},
		{"what goes with the cluster", func(s *story) {
			s.gone(60, clusterKind, "pg", "c1").put(61, podKind, "pg-1", "p1", leaving)
		}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := cast(t)
			tt.tell(s)
			s.put(100, nodeKind, "n2", "n2", nil)
			if diff := cmp.Diff(tt.want, s.acts()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// usage is a sample of a volume in MiB.
func (s *story) usage(at float64, name string, used, capacity int) *story {
	s.say(at, "usage", object{
		"pvc": name, "namespace": "ns", "instance": name, "from": "instance",
		"used_bytes": used << 20, "capacity_bytes": capacity << 20, "available_bytes": (capacity - used) << 20,
	})
	e := &s.events[len(s.events)-1]
	e.Source = trace.SourceUsage
	e.Object = trace.Object{Resource: claimKind, Namespace: "ns", Name: name}
	return s
}

// A document speaks until somebody does the next thing after it was over.
func TestHorizonOfAnEpisode(t *testing.T) {
	s := cast(t).
		replaced(30, "pg-1", "p1", "p3", "n1").
		put(31, clusterKind, "pg", "c1", primaries("pg-1", "pg-2")).
		put(35, clusterKind, "pg", "c1", primaries("pg-2", "pg-2")).
		replaced(33, "pg-2", "p2", "p4", "n2").
		replaced(60, "pg-1", "p3", "p5", "n1").
		put(90, nodeKind, "n2", "n2", nil)
	got := map[string]string{}
	for entity, d := range s.documents("episode") {
		got[strings.TrimPrefix(entity, "ns/pg/")] = fmt.Sprint(d["horizon_by"], " ", seconds(d["horizon"]))
	}
	want := map[string]string{
		"growth#1":          "next 60s", // over at 50 s
		"primary_restart#1": "next 60s", // over with the failover, at 35 s
		"failover#1":        "next 60s",
		"replica_restart#1": "next 60s",
		"replica_restart#2": "trace_end 90s",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// The timelines of an episode begin with what is in force and end with its horizon.
func TestTimelinesOfAnEpisode(t *testing.T) {
	d := cast(t).
		put(30, podKind, "pg-1", "p1", leaving).
		put(30.5, clusterKind, "pg", "c1", object{"status": object{
			"phase": "Failing over", "phaseReason": "why", "readyInstances": 1, "danglingPVC": []any{"pg-1"},
		}}).
		gone(31, podKind, "pg-1", "p1").
		put(33, podKind, "pg-1", "p3", instancePod("pg-1", "n1")).
		put(34, clusterKind, "pg", "c1", object{"status": object{
			"phase": "Cluster in healthy state", "phaseReason": "", "readyInstances": 2, "danglingPVC": nil,
		}}).
		put(90, nodeKind, "n2", "n2", nil).
		documents("episode")["ns/pg/primary_restart#1"]
	want := []string{
		"30s Cluster in healthy state 2 [pg-2] [pg-1] [] 30.5s false",
		"30.5s Failing over 1 [pg-2] [pg-1] [pg-1] 31s false",
		"31s Failing over 1 [pg-2] [] [pg-1] 33s false",
		"33s Failing over 1 [pg-1 pg-2] [] [pg-1] 34s false",
		"34s Cluster in healthy state 2 [pg-1 pg-2] [] [] 50s false",
		"50s Cluster in healthy state 2 [pg-1 pg-2] [] [] 90s true",
	}
	got := pick(d["health"], "ns", "phase", "ready_instances", "ready_pods", "terminating", "dangling", "until_ns", "last")
	got = slices.DeleteFunc(got, func(line string) bool { // the first of two claims that are grown at once
		return strings.HasPrefix(line, "50s") && strings.Contains(line, " 50s ")
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("health: -want +got\n%s", diff)
	}
	group := d["storage"].([]any)[0].(object)
	if diff := cmp.Diff([]string{"21s 2048Mi 50s 0 0", "50s 2048Mi 50s 0 0", "50s 2048Mi 90s 0 0"},
		pick(group["spans"], "ns", "peak", "until_ns", "spec", "status")); diff != "" {
		t.Errorf("storage: -want +got\n%s", diff)
	}
	if diff := cmp.Diff([]string{"pg-1 true 31s p3 33s 33s n1"}, pick(d["pods"], "pod", "primary", "gone", "successor",
		"successor_at", "successor_ready", "successor_node")); diff != "" {
		t.Errorf("pods: -want +got\n%s", diff)
	}
}

func TestSpecOfAnEpisode(t *testing.T) {
	d := cast(t).
		put(30, clusterKind, "pg", "c1", generation(2, object{
			"instances": 3, "storage": object{"limit": "8Gi", "targetBuffer": 30, "request": nil},
		})).
		documents("episode")["ns/pg/spec_mutation#1"]
	want := []string{
		"instances instances 2 3 2 3 2",
		"storage.limit storage 4Gi 8Gi 4096Mi 8192Mi 2",
		"storage.request storage 1Gi  1024Mi -1 2",
		"storage.targetBuffer storage  30 -1 30 2",
	}
	got := pick(d["changes"], "field", "area", "from", "to", "from_bytes", "to_bytes", "generation")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestElectionOfAnEpisode(t *testing.T) {
	d := cast(t).
		put(30, clusterKind, "pg", "c1", primaries("pg-1", "pending")).
		put(31, clusterKind, "pg", "c1", primaries("pg-1", "pg-2")).
		put(32, clusterKind, "pg", "c1", primaries("pg-2", "pg-2")).
		put(33, clusterKind, "pg", "c1", object{"status": object{"timelineID": 2, "instancesReportedState": object{
			"pg-1": object{"isPrimary": true}, "pg-2": object{"isPrimary": true},
		}}}).
		put(35, clusterKind, "pg", "c1", object{"status": object{
			"instancesReportedState": object{"pg-1": object{"isPrimary": false}},
		}}).
		documents("episode")["ns/pg/failover#1"]
	want := []string{"30s 32s pg-1 pg-2 pg-2 true true 32s true true 1 2 1"}
	got := pick(d["elections"], "ns", "end", "from", "to", "target", "pending", "changed", "changed_at", "elected_ready",
		"elected_pod", "timeline_before", "timeline_after", "candidates")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if diff := cmp.Diff([]string{"33s 35s [pg-1 pg-2]"}, pick(d["two_primaries"], "ns", "until_ns", "pods")); diff != "" {
		t.Errorf("two primaries: -want +got\n%s", diff)
	}
}

func TestClaimsOfAnEpisode(t *testing.T) {
	d := cast(t).
		put(60, clusterKind, "pg", "c1", generation(2, object{"instances": 3})).
		put(61, claimKind, "pg-3", "v3", claim("pg-3", "1Gi", "1Gi")).
		put(62, claimKind, "pg-3", "v3", claim("pg-3", "2Gi", "2Gi")).
		put(63, claimKind, "pg-2", "v2", leaving).
		gone(64, claimKind, "pg-2", "v2").
		put(65, claimKind, "pg-2", "v4", claim("pg-2", "1Gi", "1Gi")).
		put(66, claimKind, "pg-2", "v4", claim("pg-2", "2Gi", "2Gi")).
		put(90, nodeKind, "n2", "n2", nil).
		documents("episode")["ns/pg/spec_mutation#1"]
	want := []string{
		"61s pg-3 new 1024Mi 2048Mi 2048Mi 0 2048Mi 1024Mi",
		"65s pg-2 replacement 1024Mi 2048Mi 2048Mi 0 2048Mi 1024Mi",
	}
	got := pick(d["created"], "ns", "volume", "how", "request", "final", "capacity", "effective", "peak", "floor")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("created: -want +got\n%s", diff)
	}
	got = pick(d["claims"], "ns", "volume", "request", "successor", "successor_at", "successor_request")
	if diff := cmp.Diff([]string{"63s pg-2 2048Mi v4 65s 1024Mi"}, got); diff != "" {
		t.Errorf("claims: -want +got\n%s", diff)
	}
}

// An operation that makes claims smaller is met like one that makes them larger.
func TestShrinkOfAnEpisode(t *testing.T) {
	d := cast(t).
		usage(59, "pg-2", 300, 2000).
		put(60, clusterKind, "pg", "c1", generation(2, object{"storage": object{"limit": "1Gi"}})).
		put(61, claimKind, "pg-2", "v2", leaving).
		gone(62, claimKind, "pg-2", "v2").
		put(63, claimKind, "pg-2", "v4", claim("pg-2", "1Gi", "1Gi")).
		replaced(65, "pg-1", "p1", "p3", "n1").
		put(70, claimKind, "pg-1", "v1", claim("pg-1", "1Gi", "2Gi")).
		put(90, nodeKind, "n2", "n2", nil).
		documents("episode")["ns/pg/primary_restart#1"]
	want := []string{"open 63s true 2048Mi 1024Mi true 70s"}
	got := pick(d["shrinks"], "met", "begin", "intended", "from", "target", "closed", "end")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("-want +got\n%s", diff)
	}
	steps := d["shrinks"].([]any)[0].(object)["steps"]
	want = []string{"63s pg-2 recreated 2048Mi 1024Mi 300Mi", "70s pg-1 lowered 2048Mi 1024Mi -1"}
	if diff := cmp.Diff(want, pick(steps, "ns", "volume", "how", "from", "to", "used")); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestBackupOfAnEpisode(t *testing.T) {
	d := cast(t).
		put(30, backupKind, "b1", "b1", spec(object{"cluster": object{"name": "pg"}, "method": "volumeSnapshot"})).
		put(31, backupKind, "b1", "b1", object{"status": object{"phase": "running"}}).
		put(32, snapshotKind, "b1-1", "s1", object{
			"metadata": object{"labels": object{"cnpg.io/backupName": "b1"}},
			"spec":     object{"source": object{"persistentVolumeClaimName": "pg-1"}, "volumeSnapshotClassName": "fast"},
		}).
		put(33, snapshotKind, "b1-1", "s1", object{"status": object{"readyToUse": true, "restoreSize": "1Gi"}}).
		put(34, backupKind, "b1", "b1", object{"status": object{"phase": "completed"}}).
		put(70, claimKind, "pg-3", "v3", func() object {
			o := claim("pg-3", "1Gi", "1Gi")
			merge(o, spec(object{"dataSource": object{"kind": "VolumeSnapshot", "name": "b1-1"}}))
			return o
		}()).
		documents("episode")["ns/pg/snapshot#1"]
	b := d["backup"].(object)
	if diff := cmp.Diff([]string{"b1 volumeSnapshot completed [running completed] true true"},
		pick([]any{b}, "name", "method", "phase", "phases", "finished", "completed")); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	snapshots := pick(b["snapshots"], "name", "volume", "snapshot_class", "created", "ready", "ready_at", "restore_size",
		"request", "capacity", "open")
	if diff := cmp.Diff([]string{"b1-1 pg-1 fast 32s true 33s 1024Mi 2048Mi 1024Mi true"}, snapshots); diff != "" {
		t.Errorf("snapshots: -want +got\n%s", diff)
	}
	if diff := cmp.Diff([]string{"70s pg pg-3 b1-1 1024Mi 1024Mi"}, pick(b["restored"], "ns", "cluster", "volume",
		"snapshot", "request", "restore_size")); diff != "" {
		t.Errorf("restored: -want +got\n%s", diff)
	}
}

func TestClassesOfSnapshots(t *testing.T) {
	for named, want := range map[string]string{"fast": "true 1", "gone": "true 0", "": "true 2"} {
		d := cast(t).
			put(29, snapshotClassKind, "fast", "c1", object{}).
			put(29, snapshotClassKind, "slow", "c2", object{}).
			put(30, backupKind, "b1", "b1", spec(object{"cluster": object{"name": "pg"}, "method": "volumeSnapshot"})).
			put(32, snapshotKind, "b1-1", "s1", object{
				"metadata": object{"labels": object{"cnpg.io/backupName": "b1"}},
				"spec":     object{"volumeSnapshotClassName": named},
			}).
			documents("episode")["ns/pg/snapshot#1"]
		if got := pick([]any{d["backup"]}, "class_known", "classes"); got[0] != want {
			t.Errorf("the snapshot names %q: %s, want %s", named, got[0], want)
		}
	}
}

// What a sentinel says is told by episode: what was lost in one was not lost in another.
func TestSentinelOfAnEpisode(t *testing.T) {
	read := func(s *story, at float64, elements string) {
		s.say(at, "sentinel.read", object{
			"instance": "pg-1", "primary": true, "complete": true, "elements": elements, "timeline": 1,
		}).since(at - 0.5)
	}
	s := cast(t)
	for n := range 4 {
		s.say(10+float64(n), "sentinel.acknowledged", object{"n": n, "instance": "pg-1"})
	}
	read(s, 29, "0-3")
	s.replaced(30, "pg-1", "p1", "p3", "n1")
	read(s, 40, "0-1,3")
	s.replaced(60, "pg-2", "p2", "p4", "n2")
	s.say(61, "sentinel.acknowledged", object{"n": 4, "instance": "pg-1"})
	read(s, 70, "0-1,3-4,9")
	documents := s.documents("episode")
	tests := []struct {
		entity, want, lost string
	}{
		{"ns/pg/primary_restart#1", "4 0 0 1 1 false", "2 1 false"},
		{"ns/pg/replica_restart#1", "4 0 1 2 1 false", ""},
	}
	for _, tt := range tests {
		d := documents[tt.entity]
		got := pick(d["workloads"], "acknowledged_before", "acknowledged_during", "acknowledged_after", "reads_before",
			"reads_after", "synchronous")
		if diff := cmp.Diff([]string{tt.want}, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", tt.entity, diff)
		}
		w := d["workloads"].([]any)[0].(object)
		if lost := strings.Join(pick(w["lost"], "elements", "count", "crash"), ";"); lost != tt.lost {
			t.Errorf("%s: lost %q, want %q", tt.entity, lost, tt.lost)
		}
	}
	w := documents["ns/pg/replica_restart#1"]["workloads"].([]any)[0].(object)
	if got := pick(w["unexpected"], "elements", "count"); !slices.Equal(got, []string{"9 1"}) {
		t.Errorf("unexpected: %v", got)
	}
	if got := pick(w["instances"], "instance", "reads", "complete", "lag"); !slices.Equal(got, []string{"pg-1 1 1 1"}) {
		t.Errorf("instances: %v", got)
	}
}

// Signals of all kinds come in the order of the trace.
func TestSignalsOfAnEpisode(t *testing.T) {
	d := cast(t).
		replaced(30, "pg-1", "p1", "p3", "n1").
		put(30.5, clusterKind, "pg", "c1", object{"status": object{
			"phase": "Failing over", "phaseReason": "why", "conditions": []any{
				object{"type": "Ready", "status": "False", "reason": "ClusterIsNotReady"},
			},
			"storageSizing": object{"data": object{"state": "Resizing", "targetSize": "2Gi"}},
		}}).
		put(31.5, trace.Resource{Version: "v1", Resource: "events", Kind: "Event"}, "e1", "e1", object{
			"involvedObject": object{"kind": "Cluster", "name": "pg", "namespace": "ns"}, "reason": "FailingOver",
			"message": "m", "type": "Warning", "count": 2,
		}).
		documents("episode")["ns/pg/primary_restart#1"]
	want := []string{
		"30s pod Pod/pg-1  Running, ready, on n1, going 1 false",
		"30.5s condition Cluster/pg Ready=False ClusterIsNotReady  1 false",
		"30.5s phase Cluster/pg Failing over why 1 false",
		"30.5s sizing Cluster/pg data Resizing target 2Gi 1 false",
		"31s pod Pod/pg-1  gone 1 false",
		"31.5s event Cluster/pg FailingOver m 2 true",
		"32s pod Pod/pg-1  Running, ready, on n1 1 false",
		"50s claim PersistentVolumeClaim/pg-1  request 2Gi, capacity 2Gi 1 false",
		"50s claim PersistentVolumeClaim/pg-2  request 2Gi, capacity 2Gi 1 false",
	}
	got := pick(d["signals"], "ns", "what", "object", "reason", "text", "count", "warning")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
