package views_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

func expect(t *testing.T, got, want []string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// grown is a cluster of two volumes that grow from 1 to 2 GiB between 10 s and 20 s.
func grown(t *testing.T) *story {
	return tell(t).
		put(1, clusterKind, "pg", "c1", dynamic("1Gi", "4Gi", nil)).
		put(2, claimKind, "pg-1", "v1", claim("pg-1", "1Gi", "1Gi")).
		put(3, claimKind, "pg-2", "v2", claim("pg-2", "1Gi", "1Gi")).
		put(10, claimKind, "pg-1", "v1", claim("pg-1", "2Gi", "1Gi")).
		put(11, claimKind, "pg-2", "v2", claim("pg-2", "2Gi", "1Gi")).
		put(15, claimKind, "pg-1", "v1", claim("pg-1", "2Gi", "2Gi")).
		put(20, claimKind, "pg-2", "v2", claim("pg-2", "2Gi", "2Gi")).
		say(30, trace.Mark, object{"phase": "quiet"})
}

func TestRequestsAreJoinedWithWhatWasKnownThen(t *testing.T) {
	d := grown(t).only("storage")
	expect(t, pick(d["requests"], "ns", "volume", "how", "from", "to", "peak", "siblings", "spec"), []string{
		"2s pg-1 created 0 1024Mi 0 0 0",
		"3s pg-2 created 0 1024Mi 1024Mi 1 0",
		"10s pg-1 changed 1024Mi 2048Mi 1024Mi 1 0",
		"11s pg-2 changed 1024Mi 2048Mi 2048Mi 1 0",
	})
	expect(t, pick(d["operations"], "begin", "begin_known", "from", "target", "closed_by", "end"), []string{
		"10s true 1024Mi 2048Mi capacity 20s",
	})
	expect(t, pick(d["spans"], "ns", "until_ns", "last", "open", "low", "peak", "capacity"), []string{
		"1s 2s false false 0 0 0",
		"2s 3s false false 1024Mi 1024Mi 1024Mi",
		"3s 10s false false 1024Mi 1024Mi 1024Mi",
		"10s 11s false true 1024Mi 2048Mi 1024Mi",
		"11s 15s false true 2048Mi 2048Mi 1024Mi",
		"15s 20s false true 2048Mi 2048Mi 2048Mi",
		"20s 30s true false 2048Mi 2048Mi 2048Mi",
	})
}

func TestTheSameRequestInOtherWordsIsRewritten(t *testing.T) {
	d := grown(t).put(25, claimKind, "pg-1", "v1", claim("pg-1", "2048Mi", "2Gi")).only("storage")
	rows := pick(d["requests"], "ns", "how", "from", "to")
	expect(t, rows[4:], []string{"25s rewritten 2048Mi 2048Mi"})
}

func TestAWriteThatChangesNothingIsATouch(t *testing.T) {
	d := grown(t).
		put(25, claimKind, "pg-1", "v1", object{"metadata": object{"managedFields": []any{object{"manager": "m"}}}}).
		put(26, claimKind, "pg-1", "v1", object{"metadata": object{"labels": object{"new": "label"}}}).
		only("storage")
	expect(t, pick(d["touches"], "ns", "volume"), []string{"25s pg-1"})
}

func TestAListedClaimInAnExpansionHasAnOperationWithoutBegin(t *testing.T) {
	d := tell(t).
		put(0, clusterKind, "pg", "c1", dynamic("1Gi", "4Gi", nil)).
		put(0, claimKind, "pg-1", "v1", claim("pg-1", "2Gi", "1Gi")).
		listed().
		put(5, claimKind, "pg-1", "v1", claim("pg-1", "2Gi", "2Gi")).
		only("storage")
	expect(t, pick(d["requests"], "how"), []string{"listed"})
	expect(t, pick(d["operations"], "begin", "begin_known", "from", "end"), []string{"0 false 0 5s"})
	if d["born"] != false {
		t.Error("the cluster was there before the trace began")
	}
}

func TestConditionsKeepAnOperationOpen(t *testing.T) {
	for _, shown := range []struct {
		name   string
		status object
	}{
		{"Resizing", object{"conditions": []any{object{"type": "Resizing", "status": "True"}}}},
		{"FileSystemResizePending", object{"conditions": []any{
			object{"type": "FileSystemResizePending", "status": "True"},
		}}},
		{"an error", object{"conditions": []any{object{"type": "NodeResizeError", "status": "True"}}}},
		{"allocated", object{"allocatedResourceStatuses": object{"storage": "NodeResizePending"}}},
	} {
		t.Run(shown.name, func(t *testing.T) {
			resizing := claim("pg-1", "2Gi", "2Gi")
			merge(resizing, object{"status": shown.status})
			d := tell(t).
				put(1, clusterKind, "pg", "c1", dynamic("1Gi", "4Gi", nil)).
				put(2, claimKind, "pg-1", "v1", claim("pg-1", "1Gi", "1Gi")).
				put(3, claimKind, "pg-1", "v1", resizing).
				put(9, claimKind, "pg-1", "v1", object{"status": object{
					"conditions": nil, "allocatedResourceStatuses": nil,
				}}).
				only("storage")
			expect(t, pick(d["operations"], "begin", "end"), []string{"3s 9s"})
		})
	}
}

func TestOtherConditionsDoNot(t *testing.T) {
	other := claim("pg-1", "2Gi", "2Gi")
	merge(other, object{"status": object{"conditions": []any{
		object{"type": "ModifyVolumeError", "status": "True"}, object{"type": "Resizing", "status": "False"},
	}}})
	d := tell(t).
		put(1, clusterKind, "pg", "c1", dynamic("1Gi", "4Gi", nil)).
		put(2, claimKind, "pg-1", "v1", claim("pg-1", "1Gi", "1Gi")).
		put(3, claimKind, "pg-1", "v1", other).
		only("storage")
	expect(t, pick(d["operations"], "begin", "end"), []string{"3s 3s"})
}

func TestTheLossOfTheLastUnfinishedVolumeClosesAnOperation(t *testing.T) {
	d := tell(t).
		put(1, clusterKind, "pg", "c1", dynamic("1Gi", "4Gi", nil)).
		put(2, claimKind, "pg-1", "v1", claim("pg-1", "1Gi", "1Gi")).
		put(2, claimKind, "pg-2", "v2", claim("pg-2", "1Gi", "1Gi")).
		put(3, claimKind, "pg-1", "v1", claim("pg-1", "2Gi", "2Gi")).
		put(4, claimKind, "pg-2", "v2", leaving).
		gone(5, claimKind, "pg-2", "v2").
		only("storage")
	expect(t, pick(d["operations"], "begin", "end", "closed_by"), []string{"3s 4s volume_left"})
	expect(t, pick(d["volumes"], "volume", "left", "left_ns"), []string{"pg-1 false 0", "pg-2 true 4s"})
}

func TestWhatComesAfterTheDeletionOfTheClusterIsTeardown(t *testing.T) {
	d := grown(t).
		put(40, clusterKind, "pg", "c1", leaving).
		put(41, claimKind, "pg-1", "v1", claim("pg-1", "9Gi", "")).
		gone(42, claimKind, "pg-1", "v1").
		gone(43, clusterKind, "pg", "c1").
		only("storage")
	if d["until"] != "deleted" || pick([]any{d}, "until_ns")[0] != "40s" {
		t.Errorf("until %v %v", d["until"], d["until_ns"])
	}
	expect(t, pick(d["requests"], "ns")[4:], []string{})
}

func TestClaimsThatAllGoEndTheHistory(t *testing.T) {
	d := grown(t).
		put(40, claimKind, "pg-1", "v1", leaving).
		put(41, claimKind, "pg-2", "v2", leaving).
		gone(43, clusterKind, "pg", "c1").
		only("storage")
	if d["until"] != "deleted" || pick([]any{d}, "until_ns")[0] != "41s" {
		t.Errorf("until %v %v", d["until"], d["until_ns"])
	}
}

func TestBlocksComeIntoForceByGeneration(t *testing.T) {
	d := grown(t).
		put(40, clusterKind, "pg", "c1", object{
			"metadata": object{"generation": 2}, "spec": object{"storage": object{"limit": "1536Mi"}},
		}).
		put(50, clusterKind, "pg", "c1", object{
			"metadata": object{"generation": 3}, "spec": object{"storage": object{
				"request": 2147483648, "resizeInUseVolumes": false, "emergencyGrow": object{
					"enabled": false, "exceedLimitOnEmergency": true,
					"maxActionsPerDay": 7, "reservedActionsForEmergency": 2,
				},
			}},
		}).
		put(60, clusterKind, "pg", "c1", object{"spec": object{"imageName": "other"}}).
		only("storage")
	expect(t, pick(d["specs"], "ns", "until_ns", "generation", "mode", "request", "limit", "limit_peak"), []string{
		"1s 40s 1 dynamic 1024Mi 4096Mi 0",
		"40s 50s 2 dynamic 1024Mi 1536Mi 2048Mi",
		"50s 60s 3 dynamic 2048Mi 1536Mi 2048Mi",
	})
	fields := []string{
		"resize_in_use", "emergency_enabled", "exceed_limit", "max_actions", "reserved_actions", "windowed", "instances",
	}
	expect(t, pick(d["specs"], fields...), []string{
		"true true false 4 1 false 2", "true true false 4 1 false 2", "false false true 7 2 false 2",
	})
}

func TestStaticSizes(t *testing.T) {
	template := object{"resources": object{"requests": object{"storage": "2Gi"}}}
	for _, test := range []struct {
		name  string
		block object
		want  string
	}{
		{"size", object{"size": "1Gi"}, "static 1024Mi"},
		{"template", object{"pvcTemplate": template}, "static 2048Mi"},
		{"size before template", object{"size": "1Gi", "pvcTemplate": template}, "static 1024Mi"},
		{"request without limit", object{"request": "1Gi"}, "static 0"},
		{"no quantity", object{"size": "many"}, "static 0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := tell(t).put(1, clusterKind, "pg", "c1", object{"spec": object{"storage": test.block}}).only("storage")
			expect(t, pick(d["specs"], "mode", "size"), []string{test.want})
		})
	}
}

func TestATablespaceAndWALAreGroupsOfTheirOwn(t *testing.T) {
	archive := claim("pg-1", "1Gi", "1Gi")
	merge(archive, object{"metadata": object{"labels": object{
		"cnpg.io/pvcRole": "PG_TABLESPACE", "cnpg.io/tablespaceName": "archive",
	}}})
	documents := tell(t).
		put(1, clusterKind, "pg", "c1", object{
			"spec": object{
				"storage": object{"size": "1Gi"}, "walStorage": object{"size": "2Gi"},
				"tablespaces": []any{
					object{"name": "archive", "storage": object{"request": "1Gi", "limit": "3Gi"}},
				},
			},
			"status": object{"storageSizing": object{"tablespaces": object{"archive": object{
				"state": "AtLimit", "actualSizes": object{"pg-1": "1Gi"},
			}}}},
		}).
		put(2, claimKind, "pg-1-tbs-archive", "v1", archive).
		put(9, clusterKind, "pg", "c1", object{"spec": object{"tablespaces": nil}}).
		documents("storage")
	got := map[string][]string{}
	for entity, d := range documents {
		got[entity] = pick(d["specs"], "ns", "mode")
	}
	want := map[string][]string{
		"ns/pg/PG_DATA":               {"1s static"},
		"ns/pg/PG_WAL":                {"1s static"},
		"ns/pg/PG_TABLESPACE/archive": {"1s dynamic", "9s none"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	spans := documents["ns/pg/PG_TABLESPACE/archive"]["spans"].([]any)
	volumes := spans[1].(map[string]any)["volumes"]
	expect(t, pick(volumes, "volume", "actual"), []string{"pg-1-tbs-archive 1024Mi"})
}

func TestTheStatusSaysZeroWhereItSaysNothing(t *testing.T) {
	d := tell(t).
		put(1, clusterKind, "pg", "c1", dynamic("1Gi", "4Gi", nil)).
		put(5, clusterKind, "pg", "c1", object{"status": object{"storageSizing": object{"data": object{
			"state": "Emergency", "effectiveSize": "2Gi", "targetSize": "3Gi",
			"budget": object{"actionsLast24h": 1, "budgetResetsAt": "2026-01-02T12:00:04Z"},
			"lastAction": object{
				"kind": "EmergencyGrow", "from": "1Gi", "to": "2Gi", "instance": "pg-1", "result": "Success",
				"timestamp": "2026-01-01T12:00:04Z",
			},
		}}}}).
		put(6, clusterKind, "pg", "c1", object{"status": object{"storageSizing": object{"data": object{
			"budget": object{"budgetResetsAt": "2026-01-02T12:00:09Z"},
		}}}}).
		put(7, clusterKind, "pg", "c1", object{"status": object{"storageSizing": object{"data": object{
			"lastAction": object{"timestamp": nil},
		}}}}).
		only("storage")
	expect(t, pick(d["statuses"], "ns", "present", "state", "effective", "has_budget", "actions", "planned", "emergency"),
		[]string{
			"1s false  0 false 0 0 0", "5s true Emergency 2048Mi true 1 0 0", "7s true Emergency 2048Mi true 1 0 0",
		})
	expect(t, pick(d["statuses"], "has_action", "action_kind", "action_from", "action_to", "action_instance",
		"action_result", "action_timestamp", "action_at_ns"), []string{
		"false  0 0    0",
		"true EmergencyGrow 1024Mi 2048Mi pg-1 Success 2026-01-01T12:00:04Z 4s",
		"true EmergencyGrow 1024Mi 2048Mi pg-1 Success  0",
	})
}

// The recorder's clock is a minute ahead of the API server's and the operator's.
func TestActionsAreOnTheClockOfTheTrace(t *testing.T) {
	born := func(stamp string) object { return object{"metadata": object{"creationTimestamp": stamp}} }
	pod := instancePod("pg-1", "n1")
	merge(pod, born("2026-01-01T12:00:03Z"))
	d := tell(t).
		put(1, clusterKind, "pg", "c1", dynamic("1Gi", "4Gi", nil)).
		listed().
		put(63.5, podKind, "pg-1", "p1", pod).
		put(70, clusterKind, "pg", "c1", object{"status": object{"storageSizing": object{"data": object{
			"lastAction": object{"to": "2Gi", "timestamp": "2026-01-01T12:00:09Z"},
		}}}}).
		only("storage")
	expect(t, pick(d["statuses"], "action_at_ns"), []string{"0", "69.5s"})
}

func TestWindows(t *testing.T) {
	window := func(schedule, duration, zone string) object {
		return object{"maintenanceWindow": object{"schedule": schedule, "duration": duration, "timezone": zone}}
	}
	for _, test := range []struct {
		name  string
		block object
		want  []string
	}{
		{"none is always open", nil, []string{"1s 7200s"}},
		{"every minute, two hours long", window("0 * * * * *", "2h", ""), []string{"1s 7200s"}},
		{"every hour, ten minutes long", window("0 30 * * * *", "10m", "UTC"), []string{"1800s 2400s", "5400s 6000s"}},
		{"open when the cluster comes", window("0 50 11 * * *", "20m", ""), []string{"1s 600s"}},
		{"in another zone", window("0 30 14 * * *", "10m", "Europe/Berlin"), []string{"5400s 6000s"}},
		{"on a far day", window("0 0 4 31 12 *", "2h", ""), []string{}},
		{"five fields", window("0 4 31 12 *", "2h", ""), []string{}},
		{"a descriptor", window("@daily", "2h", ""), []string{}},
		{"no duration", window("0 * * * * *", "long", ""), []string{}},
		{"no zone", window("0 * * * * *", "1h", "Atlantis"), []string{}},
		{"the default schedule", object{"maintenanceWindow": object{"duration": "10h"}}, []string{"1s 3600s"}},
		{"the default duration", object{"maintenanceWindow": object{"schedule": "0 0 11 * * *"}}, []string{"1s 3600s"}},
		{"openings that touch", window("0 */10 * * * *", "10m", ""), []string{"1s 7200s"}},
		{"each second", window("* * * * * *", "90m", ""), []string{"1s 7200s"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := tell(t).
				put(1, clusterKind, "pg", "c1", dynamic("1Gi", "4Gi", test.block)).
				say(7200, trace.Mark, object{"phase": "end"}).
				only("storage")
			expect(t, pick(d["windows"], "opens_ns", "closes_ns"), test.want)
		})
	}
}

func TestLivesOfOneNameAreTwoClusters(t *testing.T) {
	owned := func(name, uid string) object {
		o := claim(name, "1Gi", "1Gi")
		merge(o, object{"metadata": object{"ownerReferences": []any{
			object{"kind": "Cluster", "name": "pg", "uid": uid, "controller": true},
		}}})
		return o
	}
	documents := tell(t).
		put(1, clusterKind, "pg", "c1", dynamic("1Gi", "4Gi", nil)).
		put(2, claimKind, "pg-1", "v1", owned("pg-1", "c1")).
		gone(3, clusterKind, "pg", "c1").
		put(4, claimKind, "pg-1", "v2", owned("pg-1", "c2")). // received before its cluster
		put(5, clusterKind, "pg", "c2", dynamic("2Gi", "4Gi", nil)).
		put(6, claimKind, "pg-2", "v3", claim("pg-2", "1Gi", "1Gi")).
		documents("storage")
	got := map[string][]string{}
	for entity, d := range documents {
		got[entity] = pick(d["volumes"], "uid")
	}
	want := map[string][]string{"ns/pg/PG_DATA": {"v1"}, "ns/pg#2/PG_DATA": {"v2", "v3"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestClaimsWithoutARecordedClusterAreStillAGroup(t *testing.T) {
	d := tell(t).
		put(2, claimKind, "pg-1", "v1", claim("pg-1", "1Gi", "1Gi")).
		put(3, claimKind, "alone", "v2", object{"spec": object{}}).
		only("storage")
	if d["cluster_seen"] != false {
		t.Error("cluster_seen is true")
	}
	expect(t, pick(d["requests"], "volume", "spec"), []string{"pg-1 -1"})
}

func TestPodsAndGaps(t *testing.T) {
	s := grown(t).
		put(31, podKind, "pg-1", "p1", instancePod("pg-1", "n1")).
		put(32, podKind, "join", "p9", object{"metadata": object{"labels": object{"cnpg.io/cluster": "pg"}}}).
		put(33, nodeKind, "n1", "n1", object{"spec": object{"unschedulable": true}}).
		put(34, podKind, "pg-1", "p1", leaving).
		gone(35, podKind, "pg-1", "p1").
		put(36, podKind, "pg-1", "p2", instancePod("pg-1", "n2")).
		gap(40, 50, claimKind).
		gap(41, 51, clusterKind).
		gap(42, 52, nodeKind)
	d := s.only("storage")
	expect(t, pick(d["pods"], "uid", "ns", "left", "left_ns", "cordoned"), []string{
		"p1 31s true 34s true", "p2 36s false 0 false",
	})
	expect(t, pick(d["gaps"], "resource", "from_ns", "until_ns", "same_generation"), []string{
		"persistentvolumeclaims 40s 50s false", "clusters 41s 51s true",
	})
}

func TestAGapInWhichTheSpecChanged(t *testing.T) {
	s := grown(t)
	s.gap(40, 50, clusterKind)
	end := s.events[len(s.events)-1]
	s.events = s.events[:len(s.events)-1]
	s.record(50, trace.Event{Inferred: true, NotBefore: 40e9}, clusterKind, "pg", "c1",
		object{"metadata": object{"generation": 2}})
	s.events = append(s.events, end)
	expect(t, pick(s.only("storage")["gaps"], "same_generation"), []string{"false"})
}

func TestAnUncertainMomentIsAnInterval(t *testing.T) {
	d := grown(t).put(60, claimKind, "pg-1", "v1", claim("pg-1", "3Gi", "2Gi")).since(45).only("storage")
	rows := pick(d["requests"], "ns", "not_before_ns")
	expect(t, rows[4:], []string{"60s 45s"})
	spans := pick(d["spans"], "until_ns", "until_not_before_ns")
	expect(t, spans[len(spans)-2:], []string{"60s 45s", "60s 60s"})
}

func TestAKindThatWasRefusedIsOneGap(t *testing.T) {
	s := tell(t).denied(podKind).put(1, clusterKind, "pg", "c1", dynamic("1Gi", "4Gi", nil)).
		put(20, clusterKind, "pg", "c1", dynamic("1Gi", "5Gi", nil))
	want := []any{map[string]any{
		"resource": "pods", "from_ns": json.Number("0"), "until_ns": json.Number("20000000000"),
		"first_seq": json.Number("1"), "last_seq": json.Number("3"), "same_generation": false,
	}}
	if diff := cmp.Diff(want, s.only("storage")["gaps"]); diff != "" {
		t.Error(diff)
	}
}
