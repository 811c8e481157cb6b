package views_test

import (
	"strings"
	"testing"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

var eventKind = trace.Resource{Version: "v1", Resource: "events", Kind: "Event"}

// status is what a healthy Cluster with a primary says of itself.
func status(changes object) object {
	s := object{
		"phase": "Cluster in healthy state", "currentPrimary": "pg-1", "targetPrimary": "pg-1", "timelineID": 1,
		"readyInstances": 2, "instances": 2,
		"conditions":             []any{object{"type": "Ready", "status": "True", "reason": "ClusterIsReady"}},
		"instancesReportedState": object{"pg-1": object{"isPrimary": true}, "pg-2": object{"isPrimary": false}},
	}
	merge(s, changes)
	return object{"status": s}
}

func said(kind, name, reason, severity string, count int) object {
	return object{
		"involvedObject": object{"kind": kind, "name": name, "namespace": "ns"},
		"reason":         reason, "type": severity, "count": count,
	}
}

func instanceAs(name, role string) object {
	o := instancePod(name, "n1")
	merge(o, object{"metadata": object{"labels": object{"cnpg.io/instanceRole": role}}})
	return o
}

// standing is a healthy cluster of two instances, from 6 s on.
func standing(t *testing.T) *story {
	return tell(t).
		put(1, clusterKind, "pg", "c1", dynamic("1Gi", "4Gi", nil)).
		put(2, claimKind, "pg-1", "v1", claim("pg-1", "1Gi", "1Gi")).
		put(3, claimKind, "pg-2", "v2", claim("pg-2", "1Gi", "1Gi")).
		put(4, podKind, "pg-1", "p1", instanceAs("pg-1", "primary")).
		put(5, podKind, "pg-2", "p2", instanceAs("pg-2", "replica")).
		put(6, clusterKind, "pg", "c1", status(nil))
}

func TestSpansSayHowTheClusterStood(t *testing.T) {
	d := standing(t).
		put(10, claimKind, "pg-2", "v2", claim("pg-2", "2Gi", "1Gi")).
		put(11, podKind, "pg-2", "p2", leaving).
		gone(12, podKind, "pg-2", "p2").
		put(13, clusterKind, "pg", "c1", object{"status": object{"danglingPVC": []any{"pg-2"}}}).
		put(14, podKind, "pg-2", "p3", object{
			"metadata": instanceAs("pg-2", "replica")["metadata"],
			"status":   object{"conditions": []any{object{"type": "PodScheduled", "status": "False"}}},
		}).
		put(15, podKind, "pg-2-join-x", "j1", object{
			"metadata": object{"labels": object{"cnpg.io/cluster": "pg", "cnpg.io/jobRole": "join"}},
			"status":   object{"phase": "Running"},
		}).
		put(16, claimKind, "pg-2", "v2", object{"status": object{
			"conditions": []any{object{"type": "NodeResizeError", "status": "True"}},
		}}).
		put(17, clusterKind, "pg", "c1", object{"metadata": object{"annotations": object{
			"cnpg.io/fencedInstances": `["pg-2"]`, "cnpg.io/hibernation": "on",
		}}}).
		only("cluster")
	expect(t, pick(d["spans"],
		"ns", "ready_pods", "terminating", "unscheduled", "unsettled", "failing", "dangling", "jobs", "fenced"), []string{
		"1s [] [] [] [] [] [] 0 false",
		"4s [pg-1] [] [] [] [] [] 0 false",
		"5s [pg-1 pg-2] [] [] [] [] [] 0 false",
		"6s [pg-1 pg-2] [] [] [] [] [] 0 false",
		"10s [pg-1 pg-2] [] [] [pg-1 pg-2] [] [] 0 false",
		"11s [pg-1] [pg-2] [] [pg-1 pg-2] [] [] 0 false",
		"12s [pg-1] [] [] [pg-1 pg-2] [] [] 0 false",
		"13s [pg-1] [] [] [pg-1 pg-2] [] [pg-2] 0 false",
		"14s [pg-1] [] [pg-2] [pg-1 pg-2] [] [pg-2] 0 false",
		"15s [pg-1] [] [pg-2] [pg-1 pg-2] [] [pg-2] 1 false",
		"16s [pg-1] [] [pg-2] [pg-1 pg-2] [pg-2] [pg-2] 1 false",
		"17s [pg-1] [] [pg-2] [pg-1 pg-2] [pg-2] [pg-2] 1 true",
	})
	expect(t, pick(d["spans"].([]any)[3:4],
		"phase", "ready", "ready_instances", "wanted", "current", "target", "timeline", "primaries", "labelled", "last"),
		[]string{"Cluster in healthy state True 2 2 pg-1 pg-1 1 [pg-1] [pg-1] false"})
	expect(t, pick(d["pods"], "pod", "ns", "ready", "left", "gone", "healthy", "displaced", "wanted", "others"), []string{
		"pg-1 4s 4s 0 0 false false 0 0",
		"pg-2 5s 5s 11s 12s true false 2 1",
		"pg-2 14s 0 0 0 false false 0 0",
	})
}

func TestWhatDoesNotAlterTheSceneIsNoSpan(t *testing.T) {
	d := standing(t).
		put(10, claimKind, "pg-2", "v2", object{"metadata": object{"annotations": object{"cnpg.io/pvcStatus": "x"}}}).
		put(11, clusterKind, "pg", "c1", object{"status": object{"image": "x"}}).
		only("cluster")
	if spans := d["spans"].([]any); len(spans) != 4 {
		t.Errorf("%d spans, want 4: %v", len(spans), pick(spans, "ns"))
	}
}

func TestFactsTellProgressAndWarnings(t *testing.T) {
	waiting := object{"phase": "Failing over", "phaseReason": "a"}
	d := standing(t).
		put(10, clusterKind, "pg", "c1", status(waiting)).
		put(11, clusterKind, "pg", "c1", status(object{"phase": "Failing over", "phaseReason": "b"})).
		put(12, clusterKind, "pg", "c1", status(waiting)).
		put(13, eventKind, "e1", "e1", said("Cluster", "pg", "FailingOver", "Normal", 1)).
		put(14, eventKind, "e1", "e1", object{"count": 2}).
		put(15, eventKind, "e2", "e2", said("Pod", "pg-1", "Unhealthy", "Warning", 1)).
		put(16, eventKind, "e2", "e2", object{"count": 5}).
		put(17, eventKind, "e3", "e3", said("Pod", "other-1", "Unhealthy", "Warning", 1)).
		put(18, clusterKind, "pg", "c1", object{"status": object{"phaseReason": "b"}}).
		put(19, clusterKind, "pg", "c1", object{"status": object{"currentPrimary": "pg-2"}}).
		put(20, clusterKind, "pg", "c1", object{"status": object{"targetPrimary": "pending"}}).
		gone(21, eventKind, "e2", "e2").
		only("cluster")
	facts := pick(d["facts"], "ns", "what", "name")
	expect(t, facts[len(facts)-7:], []string{
		"10s phase Failing over a",
		"11s phase Failing over b",
		"13s event Cluster/pg FailingOver",
		"15s warning Pod/pg-1 Unhealthy",
		"16s warning Pod/pg-1 Unhealthy",
		"18s phase Failing over b",
		"19s primary pg-2",
	})
	expect(t, pick(d["reasons"], "kind", "reason", "warning", "count", "first", "last"), []string{
		"Cluster FailingOver false 2 13s 14s", "Pod Unhealthy true 5 15s 16s",
	})
}

func TestEventsInTheirNewForm(t *testing.T) {
	events := trace.Resource{Group: "events.k8s.io", Version: "v1", Resource: "events", Kind: "Event"}
	d := standing(t).
		put(10, events, "e1", "e1", object{
			"regarding": object{"kind": "PersistentVolumeClaim", "name": "pg-1", "namespace": "ns"},
			"reason":    "VolumeResizeFailed", "type": "Warning", "series": object{"count": 3},
		}).
		only("cluster")
	expect(t, pick(d["reasons"], "kind", "reason", "warning", "count"), []string{
		"PersistentVolumeClaim VolumeResizeFailed true 3",
	})
}

func TestElections(t *testing.T) {
	d := standing(t).
		put(10, podKind, "pg-2", "p2", ready("False")).
		put(12, clusterKind, "pg", "c1", primaries("pg-1", "pending")).
		put(13, clusterKind, "pg", "c1", primaries("pg-1", "pg-1")).
		put(14, clusterKind, "pg", "c1", primaries("pg-1", "pg-2")).
		put(15, podKind, "pg-2", "p2", ready("True")).
		put(16, clusterKind, "pg", "c1", primaries("pg-2", "pg-2")).
		put(17, clusterKind, "pg", "c1", object{"status": object{"timelineID": 2}}).
		put(20, clusterKind, "pg", "c1", primaries("pg-2", "pg-1")).
		only("cluster")
	expect(t, pick(d["elections"], "begin", "from", "to", "crash", "ended", "end"), []string{
		"12s pg-1 pg-2 true true 16s", "20s pg-2  false false 0",
	})
	expect(t, pick(d["elections"], "timeline_before", "timeline_after", "next"), []string{"1 2 20s", "2 2 0"})
	choices := func(i int) any { return d["elections"].([]any)[i].(map[string]any)["choices"] }
	expect(t, pick(choices(0), "ns", "instance", "ready", "ready_before_ns", "ready_after_ns"), []string{
		"14s pg-2 false 10s 15s",
	})
	expect(t, pick(choices(1), "instance", "ready", "ready_before_ns", "ready_after_ns"), []string{
		"pg-1 true 20s 20s",
	})
}

func TestAnElectionOfAnInstanceWithoutAPod(t *testing.T) {
	d := standing(t).
		gone(10, podKind, "pg-2", "p2").
		put(14, clusterKind, "pg", "c1", primaries("pg-1", "pg-2")).
		put(15, clusterKind, "pg", "c1", primaries("pg-1", "pg-3")).
		only("cluster")
	election := d["elections"].([]any)[0].(map[string]any)
	expect(t, pick(election["choices"], "instance", "ready", "ready_before_ns", "ready_after_ns"), []string{
		"pg-2 false 10s -1", "pg-3 false -1 -1",
	})
}

func TestWritersAreThoseNotInRecovery(t *testing.T) {
	read := func(instance string, recovering bool, timeline int) object {
		return object{
			"instance": instance, "primary": false, "in_recovery": recovering, "timeline": timeline, "elements": "",
		}
	}
	d := standing(t).
		say(10, "sentinel.acknowledged", object{"n": 1, "instance": "pg-1", "timeline": 1}).
		say(11, "sentinel.read", read("pg-2", true, 1)).
		say(12, "sentinel.read", object{"instance": "pg-2", "primary": true, "timeline": 2, "elements": ""}).
		say(13, "sentinel.read", read("pg-1", false, 1)).
		say(14, "sentinel.failed", object{"n": 2, "instance": "pg-2", "timeline": 2}).
		only("cluster")
	expect(t, pick(d["writers"], "instance", "timeline", "first", "last", "answers"), []string{
		"pg-1 1 10s 13s 2", "pg-2 2 12s 12s 1",
	})
}

func TestVersionsOfTheSpecSayWhatChanged(t *testing.T) {
	d := standing(t).
		put(10, clusterKind, "pg", "c1", object{
			"metadata": object{"generation": 2},
			"spec":     object{"storage": object{"limit": "8Gi"}, "instances": 3, "env": []any{object{"name": "A"}}},
		}).
		put(11, clusterKind, "pg", "c1", object{"metadata": object{"annotations": object{
			"kubectl.kubernetes.io/restartedAt": "now",
		}}}).
		put(12, clusterKind, "pg", "c1", object{"status": object{"phase": "Upgrading cluster"}}).
		only("cluster")
	expect(t, pick(d["specs"], "ns", "generation", "instances", "changed"), []string{
		"1s 1 2 []",
		"10s 2 3 [spec.env spec.instances spec.storage.limit]",
		"11s 2 3 [metadata.annotations.kubectl.kubernetes.io/restartedAt]",
	})
	expect(t, pick(d["spans"].([]any)[4:5], "ns", "spec", "wanted"), []string{"10s 1 3"})
}

func TestWhichOperatorWrote(t *testing.T) {
	d := standing(t).
		put(10, clusterKind, "pg", "c1", status(object{
			"cloudNativePGCommitHash": "a", "cloudNativePGOperatorHash": "b",
		})).
		put(11, clusterKind, "pg", "c1", status(object{"phase": "x"})).
		put(12, clusterKind, "pg", "c1", status(object{"cloudNativePGOperatorHash": "c"})).
		only("cluster")
	expect(t, pick(d["builds"], "ns", "commit", "operator"), []string{"10s a b", "12s a c"})
}

func TestLostClaimsSayHowTheirInstanceWas(t *testing.T) {
	d := standing(t).
		put(7, nodeKind, "n1", "n1", ready("True")).
		put(10, claimKind, "pg-1", "v1", leaving).
		put(11, nodeKind, "n1", "n1", object{"spec": object{"unschedulable": true}}).
		put(12, podKind, "pg-2", "p2", leaving).
		put(13, podKind, "pg-2", "p2", ready("False")).
		put(14, claimKind, "pg-2", "v2", leaving).
		only("cluster")
	expect(t, pick(d["claims"], "volume", "left", "healthy", "displaced"), []string{
		"pg-1 10s true false", "pg-2 14s true true",
	})
}

func TestTheTeardownIsInNoClusterDocument(t *testing.T) {
	d := standing(t).
		put(10, clusterKind, "pg", "c1", leaving).
		put(11, podKind, "pg-1", "p1", leaving).
		put(12, claimKind, "pg-1", "v1", leaving).
		gone(13, clusterKind, "pg", "c1").
		put(14, eventKind, "e1", "e1", said("Cluster", "pg", "DeletePod", "Normal", 1)).
		only("cluster")
	expect(t, pick(d["spans"], "ns", "until_ns", "last")[3:], []string{"6s 10s true"})
	expect(t, pick(d["pods"], "left", "healthy"), []string{"0 false", "0 false"})
	expect(t, pick(d["claims"], "left", "healthy"), []string{"0 false", "0 false"})
	if d["until"] != "deleted" || len(d["reasons"].([]any)) != 0 {
		t.Errorf("until %v, reasons %v", d["until"], d["reasons"])
	}
}

func TestAClusterThatIsDeletedAndMadeAgainHasTwoDocuments(t *testing.T) {
	documents := standing(t).
		gone(10, clusterKind, "pg", "c1").
		put(20, clusterKind, "pg", "c2", dynamic("1Gi", "4Gi", nil)).
		documents("cluster")
	for entity, from := range map[string]string{"ns/pg": "1s", "ns/pg#2": "20s"} {
		if d := documents[entity]; d == nil || pick([]any{d}, "from_ns")[0] != from {
			t.Errorf("%s: got %v, want one from %s", entity, d, from)
		}
	}
}

func TestAGapOfEventsIsInTheClusterDocumentOnly(t *testing.T) {
	s := standing(t).gap(20, 30, eventKind).say(40, trace.Mark, object{"phase": "quiet"})
	expect(t, pick(s.only("cluster")["gaps"], "resource", "from_ns", "until_ns"), []string{"events 20s 30s"})
	expect(t, pick(s.only("storage")["gaps"], "resource"), []string{})
}

func TestJobsThatPrepareVolumesAreNoInstances(t *testing.T) {
	d := standing(t).
		put(10, podKind, "pg-3-join-x", "j1", object{
			"metadata": object{"labels": object{
				"cnpg.io/cluster": "pg", "cnpg.io/jobRole": "join", "cnpg.io/instanceName": "pg-3",
			}},
			"status": object{"phase": "Running"},
		}).
		put(11, eventKind, "e1", "e1", said("Job", "pg-3-join", "BackoffLimitExceeded", "Warning", 1)).
		gone(12, podKind, "pg-3-join-x", "j1").
		only("cluster")
	facts := strings.Join(pick(d["facts"], "ns", "what", "name"), "\n")
	for _, want := range []string{
		"10s job pg-3-join-x", "11s warning Job/pg-3-join BackoffLimitExceeded", "12s job pg-3-join-x",
	} {
		if !strings.Contains(facts, want) {
			t.Errorf("no fact %q in:\n%s", want, facts)
		}
	}
	if len(d["pods"].([]any)) != 2 {
		t.Errorf("the pods are %v", pick(d["pods"], "pod"))
	}
}
