package views_test

import (
	"testing"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

func operatorPod(restarts int) object {
	return object{
		"metadata": object{"labels": object{"app.kubernetes.io/name": "cloudnative-pg"}},
		"status": object{
			"conditions":        []any{object{"type": "Ready", "status": "True"}},
			"containerStatuses": []any{object{"restartCount": restarts}},
		},
	}
}

func held(by string) object { return object{"spec": object{"holderIdentity": by}} }

func ready(status string) object {
	return object{"status": object{"conditions": []any{object{"type": "Ready", "status": status}}}}
}

// What interrupts a cluster is recognised from the API alone.
func TestDisruptions(t *testing.T) {
	tests := []struct {
		name string
		tell func(s *story)
		want []string
	}{
		{"nothing", func(*story) {}, []string{}},
		{"a pod is deleted and comes back", func(s *story) {
			s.put(30, podKind, "pg-1", "p1", leaving).
				gone(32, podKind, "pg-1", "p1").
				put(33, podKind, "pg-1", "p2", instancePod("pg-1", "n1"))
		}, []string{"pod_deleted pg-1 30s true 32s false"}},
		{"a pod is gone at once", func(s *story) { s.gone(32, podKind, "pg-1", "p1") },
			[]string{"pod_deleted pg-1 32s true 32s false"}},
		{"a pod never goes", func(s *story) { s.put(30, podKind, "pg-1", "p1", leaving) },
			[]string{"pod_deleted pg-1 30s false 0 false"}},
		{"a container is restarted", func(s *story) {
			s.put(30, podKind, "pg-1", "p1", object{"status": object{
				"containerStatuses": []any{object{"restartCount": 1}},
			}})
		}, []string{"container_restarted pg-1 30s true 30s false"}},
		{"a switchover", func(s *story) {
			s.put(30, clusterKind, "pg", "c1", primaries("pg-1", "pg-2")).
				put(31, clusterKind, "pg", "c1", primaries("pg-2", "pg-2"))
		}, []string{"primary_changed pg-1 30s true 31s false"}},
		{"a crash failover that flaps", func(s *story) {
			s.put(30, clusterKind, "pg", "c1", primaries("pg-1", "pending")).
				put(31, clusterKind, "pg", "c1", primaries("pg-1", "pg-1")).
				put(32, clusterKind, "pg", "c1", primaries("pg-1", "pending")).
				put(33, clusterKind, "pg", "c1", primaries("pg-1", "pg-2")).
				put(34, clusterKind, "pg", "c1", primaries("pg-2", "pg-2"))
		}, []string{"primary_changed pg-1 30s true 34s true"}},
		{"there and back again", func(s *story) {
			s.put(30, clusterKind, "pg", "c1", primaries("pg-1", "pg-2")).
				put(31, clusterKind, "pg", "c1", primaries("pg-2", "pg-2")).
				put(32, clusterKind, "pg", "c1", primaries("pg-2", "pg-1")).
				put(33, clusterKind, "pg", "c1", primaries("pg-1", "pg-1"))
		}, []string{"primary_changed pg-1 30s true 31s false", "primary_changed pg-2 32s true 33s false"}},
		{"a failover that does not end", func(s *story) {
			s.put(30, clusterKind, "pg", "c1", primaries("pg-1", "pending"))
		}, []string{"primary_changed pg-1 30s false 0 true"}},
		{"the operator's pod is replaced", func(s *story) {
			s.put(20, podKind, "op-a", "o1", operatorPod(0)).
				put(30, podKind, "op-a", "o1", leaving).
				gone(31, podKind, "op-a", "o1").
				put(33, podKind, "op-b", "o2", operatorPod(0))
		}, []string{"operator_restarted op-a 30s true 33s false"}},
		{"the leader of two operators is replaced", func(s *story) {
			s.put(20, podKind, "op-a", "o1", operatorPod(0)).
				put(20, podKind, "op-b", "o2", operatorPod(0)).
				put(21, leaseKind, "db9c8771.cnpg.io", "l1", held("op-a_1")).
				put(30, podKind, "op-a", "o1", leaving).
				put(35, leaseKind, "db9c8771.cnpg.io", "l1", held("op-b_2"))
		}, []string{"operator_restarted op-a 30s true 35s false", "operator_restarted op-a_1 35s true 35s false"}},
		{"the other one of two operators is deleted", func(s *story) {
			s.put(20, podKind, "op-a", "o1", operatorPod(0)).
				put(20, podKind, "op-b", "o2", operatorPod(0)).
				put(21, leaseKind, "db9c8771.cnpg.io", "l1", held("op-a_1")).
				put(30, podKind, "op-b", "o2", leaving)
		}, []string{}},
		{"the operator's container is restarted", func(s *story) {
			s.put(20, podKind, "op-a", "o1", operatorPod(1)).put(30, podKind, "op-a", "o1", operatorPod(2))
		}, []string{"operator_restarted op-a 30s true 30s false"}},
		{"the lease is given up and taken", func(s *story) {
			s.put(21, leaseKind, "db9c8771.cnpg.io", "l1", held("op-a_1")).
				put(30, leaseKind, "db9c8771.cnpg.io", "l1", held("")).
				put(35, leaseKind, "db9c8771.cnpg.io", "l1", held("op-a_2"))
		}, []string{"operator_restarted op-a_1 30s true 35s false"}},
		{"the lease is given up for good", func(s *story) {
			s.put(21, leaseKind, "db9c8771.cnpg.io", "l1", held("op-a_1")).
				gone(30, leaseKind, "db9c8771.cnpg.io", "l1")
		}, []string{"operator_restarted op-a_1 30s false 0 false"}},
		{"another program's lease", func(s *story) {
			s.put(21, leaseKind, "other", "l1", held("a")).put(30, leaseKind, "other", "l1", held("b"))
		}, []string{}},
		{"the node is cordoned and uncordoned", func(s *story) {
			s.put(20, nodeKind, "n1", "n1", ready("True")).
				put(30, nodeKind, "n1", "n1", object{"spec": object{"unschedulable": true}}).
				put(40, nodeKind, "n1", "n1", object{"spec": object{"unschedulable": nil}})
		}, []string{"node_unschedulable n1 30s true 40s false"}},
		{"a node without its pods is cordoned", func(s *story) {
			s.put(20, nodeKind, "n2", "n2", ready("True")).
				put(30, nodeKind, "n2", "n2", object{"spec": object{"unschedulable": true}})
		}, []string{}},
		{"the node is lost", func(s *story) {
			s.put(20, nodeKind, "n1", "n1", ready("True")).put(30, nodeKind, "n1", "n1", ready("Unknown"))
		}, []string{"node_not_ready n1 30s false 0 false"}},
		{"the driver says so", func(s *story) {
			s.say(30, trace.Mark, object{"phase": "disruption-start"}).
				say(40, trace.Mark, object{"phase": "disruption-end"})
		}, []string{"mark pg 30s true 40s false"}},
		{"the driver waits for an end that does not come", func(s *story) {
			s.say(30, trace.Mark, object{"phase": "disruption-start"}).
				say(31, trace.Mark, object{"phase": "disruption-injected"}).
				say(90, trace.Mark, object{"phase": "disruption-end", "outcome": "failed"})
		}, []string{"mark pg 30s true 31s false"}},
		{"the driver does not say when it had done what failed", func(s *story) {
			s.say(30, trace.Mark, object{"phase": "disruption-start"}).
				say(90, trace.Mark, object{"phase": "disruption-end", "outcome": "failed"})
		}, []string{"mark pg 30s true 90s false"}},
		{"the driver says so in vain", func(s *story) {
			s.say(30, trace.Mark, object{"phase": "disruption-start"})
		}, []string{"mark pg 30s false 0 false"}},
		{"the driver may mean another cluster", func(s *story) {
			s.put(25, clusterKind, "other", "c2", dynamic("1Gi", "2Gi", nil)).
				say(30, trace.Mark, object{"phase": "disruption-start"})
		}, []string{}},
		{"the cluster is deleted", func(s *story) {
			s.put(30, clusterKind, "pg", "c1", leaving).put(31, podKind, "pg-1", "p1", leaving)
		}, []string{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := tell(t).
				put(1, clusterKind, "pg", "c1", dynamic("1Gi", "4Gi", nil)).
				put(2, clusterKind, "pg", "c1", primaries("pg-1", "pg-1")).
				put(3, podKind, "pg-1", "p1", instancePod("pg-1", "n1"))
			test.tell(s)
			d := s.documents("storage")["ns/pg/PG_DATA"]
			expect(t, pick(d["disruptions"], "kind", "subject", "begin", "ended", "end", "crash"), test.want)
		})
	}
}

// An operation lists the disruptions that began while it was open.
func TestDisruptionsOfAnOperation(t *testing.T) {
	attachments := trace.Resource{
		Group: "storage.k8s.io", Version: "v1", Resource: "volumeattachments", Kind: "VolumeAttachment",
	}
	bound := claim("pg-1", "1Gi", "1Gi")
	merge(bound, object{"spec": object{"volumeName": "pv-1"}})
	d := tell(t).
		put(1, clusterKind, "pg", "c1", dynamic("1Gi", "4Gi", nil)).
		put(2, claimKind, "pg-1", "v1", bound).
		put(3, podKind, "pg-1", "p1", instancePod("pg-1", "n1")).
		put(5, podKind, "pg-1", "p1", object{"status": object{"containerStatuses": []any{object{"restartCount": 1}}}}).
		put(10, claimKind, "pg-1", "v1", object{"spec": object{"resources": object{
			"requests": object{"storage": "2Gi"},
		}}}).
		put(11, podKind, "pg-1", "p1", leaving).
		gone(12, podKind, "pg-1", "p1").
		put(13, podKind, "pg-1", "p2", instancePod("pg-1", "n2")).
		put(14, attachments, "a1", "a1", object{
			"spec": object{"nodeName": "n2", "source": object{"persistentVolumeName": "pv-1"}},
		}).
		put(15, attachments, "a1", "a1", object{"status": object{"attached": true}}).
		put(16, attachments, "a2", "a2", object{"spec": object{"source": object{"persistentVolumeName": "pv-9"}}}).
		put(20, claimKind, "pg-1", "v1", object{"status": object{"capacity": object{"storage": "2Gi"}}}).
		put(25, podKind, "pg-1", "p2", leaving).
		only("operation")
	expect(t, pick(d["disruptions"], "kind", "begin", "end"), []string{"pod_deleted 11s 12s"})
	expect(t, pick(d["progress"], "what", "name", "ns"), []string{
		"volume pg-1 10s", "pod pg-1 13s", "attachment pg-1 14s", "attachment pg-1 15s", "volume pg-1 20s",
	})
	expect(t, pick(d["steps"], "ns", "request", "capacity"), []string{"10s 2048Mi 1024Mi", "20s 2048Mi 2048Mi"})
	expect(t, pick([]any{d}, "number", "mode", "until", "left"), []string{"1 dynamic trace_end false"})
}

func TestAnOpenOperationNamesWhatItWaitsFor(t *testing.T) {
	d := tell(t).
		put(1, clusterKind, "pg", "c1", dynamic("1Gi", "4Gi", nil)).
		put(2, claimKind, "pg-1", "v1", claim("pg-1", "1Gi", "1Gi")).
		put(2, claimKind, "pg-2", "v2", claim("pg-2", "1Gi", "1Gi")).
		put(10, claimKind, "pg-1", "v1", claim("pg-1", "2Gi", "2Gi")).
		put(30, clusterKind, "pg", "c1", leaving).
		only("operation")
	if got := d["waiting"].([]any); len(got) != 1 || got[0] != "pg-2" {
		t.Errorf("waits for %v, want pg-2", got)
	}
	expect(t, pick([]any{d}, "closed", "until", "until_ns", "left", "left_ns"), []string{
		"false deleted 30s true 30s",
	})
}
