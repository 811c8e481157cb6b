package views_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

var (
	attachmentKind = trace.Resource{
		Group: "storage.k8s.io", Version: "v1", Resource: "volumeattachments", Kind: "VolumeAttachment",
	}
	waitEventKind = trace.Resource{Version: "v1", Resource: "events", Kind: "Event"}
	budgetKind    = trace.Resource{
		Group: "policy", Version: "v1", Resource: "poddisruptionbudgets", Kind: "PodDisruptionBudget",
	}
)

// waitingFor compares some fields of the rows of one list of the view.
func waitingFor(t *testing.T, s *story, list string, want []string, fields ...string) {
	t.Helper()
	if diff := cmp.Diff(want, pick(s.only("wait")[list], fields...)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// pending is an instance's pod that mounts its claim and has no node yet, or one
// on which nothing has started.
func pending(name, node string, conditions ...any) object {
	p := instancePod(name, node)
	merge(p, object{
		"spec": object{"volumes": []any{
			object{"name": "pgdata", "persistentVolumeClaim": object{"claimName": name}},
		}},
		"status": object{"phase": "Pending", "conditions": conditions, "containerStatuses": []any{}},
	})
	return p
}

func TestAPodWaitsForANode(t *testing.T) {
	s := tell(t).put(1, clusterKind, "pg", "c", object{"spec": object{
		"instances": 2, "affinity": object{"podAntiAffinityType": "required"},
	}})
	s.put(2, podKind, "pg-1", "p", pending("pg-1", "", object{
		"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
		"message": "0/3 nodes are available: 1 node(s) had taint {a: b}, that the pod didn't tolerate, " +
			"2 Insufficient cpu. preemption: 0/3 nodes are available: 3 No victims.",
	}))
	s.put(30, podKind, "pg-1", "p", pending("pg-1", "n1"))
	waitingFor(t, s, "scheduling", []string{
		"pg-1 2s 30s 3 [map[nodes:1 why:node(s) had taint {a: b}, that the pod didn't tolerate]" +
			" map[nodes:2 why:Insufficient cpu]] [podAntiAffinity]",
	}, "pod", "begin", "end", "nodes", "unfit", "constraints")
}

func attachment(node string, attached bool) object {
	return object{
		"spec":   object{"source": object{"persistentVolumeName": "pvc-1"}, "nodeName": node},
		"status": object{"attached": attached},
	}
}

func TestAVolumeIsHeldByAnotherNode(t *testing.T) {
	s := tell(t).put(1, clusterKind, "pg", "c", object{"spec": object{"instances": 1}})
	bound := claim("pg-1", "1Gi", "1Gi")
	merge(bound, object{"spec": object{"volumeName": "pvc-1"}})
	s.put(1, claimKind, "pg-1", "v", bound)
	s.put(2, attachmentKind, "a1", "a1", attachment("n1", true))
	s.put(10, podKind, "pg-1", "p", pending("pg-1", "n2"))
	for at := 11.0; at < 14; at++ {
		s.put(at, waitEventKind, "e", "e", object{
			"involvedObject": object{"kind": "Pod", "namespace": "ns", "name": "pg-1", "uid": "p"},
			"reason":         "FailedAttachVolume", "message": "Multi-Attach error", "count": at,
		})
	}
	s.gone(60, attachmentKind, "a1", "a1")
	s.put(61, attachmentKind, "a2", "a2", attachment("n2", false))
	s.put(70, attachmentKind, "a2", "a2", attachment("n2", true))
	s.put(72, podKind, "pg-1", "p", pending("pg-1", "n2", object{
		"type": "PodReadyToStartContainers", "status": "True",
	}))
	waitingFor(t, s, "volumes", []string{"n2 n1 10s 60s 61s 70s 72s true"},
		"node", "held_by", "begin", "released", "requested", "attached", "end", "mounted")
	errors := s.only("wait")["volumes"].([]any)[0].(map[string]any)["errors"]
	if diff := cmp.Diff([]string{"FailedAttachVolume Multi-Attach error 3"},
		pick(errors, "reason", "message", "count")); diff != "" {
		t.Error(diff)
	}
}

func TestAClaimWithoutAPod(t *testing.T) {
	status := func(list string) object {
		return object{"status": object{
			"danglingPVC": nil, "resizingPVC": nil, "healthyPVC": nil, list: []any{"pg-1"},
		}}
	}
	s := tell(t).put(1, clusterKind, "pg", "c", object{"spec": object{"instances": 1}})
	s.put(1, clusterKind, "pg", "c", status("healthyPVC"))
	s.put(2, claimKind, "pg-1", "v", claim("pg-1", "1Gi", "1Gi"))
	s.put(3, podKind, "pg-1", "p1", pending("pg-1", "n1"))
	s.put(4, clusterKind, "pg", "c", status("resizingPVC"))
	growing := claim("pg-1", "2Gi", "1Gi")
	merge(growing, object{"status": object{"conditions": []any{
		object{"type": "FileSystemResizePending", "status": "True"},
	}}})
	s.put(10, claimKind, "pg-1", "v", growing)
	s.gone(20, podKind, "pg-1", "p1")
	s.put(30, clusterKind, "pg", "c", status("danglingPVC"))
	s.put(40, podKind, "pg-1", "p2", pending("pg-1", "n1"))
	waitingFor(t, s, "podless", []string{
		"2s 3s [healthy] false", "20s 30s [resizing] true", "30s 40s [dangling] true",
	}, "begin", "end", "lists", "file_system_resize_pending")
	waitingFor(t, s, "expansions", []string{"node_pending 10s false"}, "stage", "begin", "ended")
}

func TestWhoStaysOnANodeThatIsDrained(t *testing.T) {
	s := tell(t).put(1, clusterKind, "pg", "c", object{"spec": object{"instances": 1}})
	s.put(1, nodeKind, "n1", "n", object{"status": object{"conditions": []any{
		object{"type": "Ready", "status": "True"},
	}}})
	s.put(2, podKind, "pg-1", "p", instancePod("pg-1", "n1"))
	s.put(3, budgetKind, "web", "b", object{
		"spec":   object{"selector": object{"matchLabels": object{"app": "web"}}},
		"status": object{"disruptionsAllowed": 0, "currentHealthy": 1, "desiredHealthy": 1},
	})
	s.put(10, nodeKind, "n1", "n", object{"spec": object{"unschedulable": true}})
	s.put(11, podKind, "pg-1", "p", leaving)
	foreign := object{"namespace": "ns", "name": "web-0", "uid": "w", "labels": object{"app": "web"}}
	other := object{"namespace": "ns", "name": "free", "uid": "f", "labels": object{"app": "free"}}
	s.say(12, "drain", object{"node": "n1", "pods": []any{foreign, other}})
	s.say(20, "drain", object{"node": "n1", "pods": []any{foreign}})
	s.put(50, nodeKind, "n1", "n", object{"spec": object{"unschedulable": false}})
	waitingFor(t, s, "nodes", []string{"n1 node_unschedulable 10s 50s true [ns/pg-1 ns/free]"},
		"node", "kind", "begin", "end", "listed", "left")
	remaining := s.only("wait")["nodes"].([]any)[0].(map[string]any)["remaining"]
	if diff := cmp.Diff([]string{"pg-1 10s 11s", "web-0 12s 50s", "free 12s 20s"},
		pick(remaining, "pod", "from_ns", "until_ns")); diff != "" {
		t.Error(diff)
	}
	budgets := remaining.([]any)[1].(map[string]any)["budgets"]
	if diff := cmp.Diff([]string{"web false 12s 50s 1 1"},
		pick(budgets, "budget", "own", "from_ns", "until_ns", "healthy", "desired")); diff != "" {
		t.Error(diff)
	}
}

func TestAFailureOfPgRewindIsWhereItsLineWasWritten(t *testing.T) {
	s := tell(t).put(1, clusterKind, "pg", "c", object{"spec": object{"instances": 1}})
	s.put(2, podKind, "pg-1", "p", pending("pg-1", "n1"))
	line := object{
		"namespace": "ns", "pod": "pg-1", "ts": "2026-01-01T12:00:10Z",
		"msg": "could not find previous WAL record at 0/8CFFFDA8",
	}
	s.say(25, "log", line).say(26, "log", line)
	s.put(60, podKind, "pg-1", "p", instancePod("pg-1", "n1"))
	waitingFor(t, s, "rewinds", []string{"pg-1 0/8CFFFDA8 2 true 60s"},
		"instance", "lsn", "count", "ended", "end")
}

func TestAnOutageIsNotLonger(t *testing.T) {
	s := tell(t).put(1, clusterKind, "pg", "c", object{"spec": object{"instances": 1}})
	for at, record := range map[float64]object{
		10: {"state": "broken", "reason": "connection refused"},
		40: {"state": "reopened", "outage": 30_000_000_000},
	} {
		s.say(at, trace.Stream, record)
		s.events[len(s.events)-1].Object = trace.Object{Resource: podKind, Namespace: "ns"}
	}
	waitingFor(t, s, "outages", []string{"pods 10s 40s connection refused"},
		"resource", "from_ns", "until_ns", "reason")
}
