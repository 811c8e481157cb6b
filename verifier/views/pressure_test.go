package views_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

const mi = 1 << 20

// sample records how full a volume is, in MiB.
func (s *story) sample(at float64, claim, from string, used, total int64, more object) *story {
	data := object{
		"pvc": claim, "namespace": "ns", "instance": claim, "node": "n1", "from": from,
		"used_bytes": used * mi, "capacity_bytes": total * mi, "available_bytes": (total - used) * mi,
	}
	merge(data, more)
	return s.say(at, "usage", data)
}

// line records a line of the operator's log that was written at a time.
func (s *story) line(at, written float64, msg string, fields object) *story {
	merge(fields, object{"namespace": "ns"})
	return s.say(at, "log", object{
		"namespace": "operators", "pod": "operator-1", "msg": msg, "ts": s.at(written), "fields": fields,
	})
}

// at is the wall clock of a moment.
func (s *story) at(seconds float64) string {
	return s.start.Add(time.Duration(seconds * float64(time.Second))).Format(time.RFC3339Nano)
}

// one is a cluster of one volume.
func one(t *testing.T, storage object) *story {
	return tell(t).
		put(1, clusterKind, "pg", "c1", dynamic("1Gi", "4Gi", storage)).
		put(2, claimKind, "pg-1", "v1", claim("pg-1", "1Gi", "1Gi"))
}

func TestSamplesAreChangePoints(t *testing.T) {
	d := grown(t).
		sample(4, "pg-1", "instance", 100, 960, nil).
		sample(5, "pg-2", "instance", 200, 960, nil).
		sample(6, "pg-1", "instance", 100, 960, nil).
		sample(9, "pg-1", "instance", 300, 960, nil).
		sample(9, "other-1", "instance", 300, 960, nil).
		only("pressure")
	expect(t, pick(d["samples"], "ns", "not_before_ns", "last_ns", "until_ns", "volume", "source", "used"), []string{
		"4s 2s 6s 9s pg-1 instance 100Mi",
		"5s 3s 5s 20s pg-2 instance 200Mi",
		"9s 6s 9s 15s pg-1 instance 300Mi",
	})
}

func TestSamplesAreTrueWhenTheyWereMeasured(t *testing.T) {
	s := one(t, nil)
	d := s.
		sample(60, "pg-1", "kubelet", 100, 960, object{"at": s.at(20)}).
		sample(90, "pg-1", "kubelet", 200, 960, object{"at": s.at(80)}).
		sample(100, "pg-1", "kubelet", 300, 960, object{"at": s.at(5000)}).
		say(200, trace.Mark, object{"phase": "quiet"}).
		only("pressure")
	expect(t, pick(d["samples"], "ns", "not_before_ns", "measured_ns", "until_ns", "used"), []string{
		"60s 2s 20s 90s 100Mi",
		"90s 20s 80s 100s 200Mi",
		"100s 80s 100s 200s 300Mi",
	})
}

func TestLinesOfTheOperatorAreSamplesWhereTheyWereWritten(t *testing.T) {
	s := one(t, nil)
	disk := object{"pod": "pg-1", "usedBytes": 200 * mi, "totalBytes": 960 * mi}
	d := s.
		sample(20, "pg-1", "instance", 100, 960, nil).
		line(50, 40, "Instance disk status received", disk).
		line(51, 10, "Instance disk status received", object{"pod": "pg-1", "usedBytes": 1, "totalBytes": 960 * mi}).
		line(52, 1, "Instance disk status received", disk).
		line(53, 45, "Instance disk status received", object{"pod": "pg-2", "usedBytes": 1, "totalBytes": 960 * mi}).
		line(54, 46, "Something else", disk).
		line(60, 60, "Patching PVC for dynamic storage growth", object{
			"pvcName": "pg-1", "currentSize": "1Gi", "targetSize": "2Gi",
		}).
		line(61, 61, "Patching PVC for dynamic storage growth", object{"pvcName": "pg-7", "targetSize": "2Gi"}).
		only("pressure")
	expect(t, pick(d["samples"], "ns", "not_before_ns", "source", "used", "capacity", "available"), []string{
		"20s 2s instance 100Mi 960Mi 860Mi",
		"40s 20s operator 200Mi 960Mi 760Mi",
	})
	expect(t, pick(d["patches"], "ns", "volume", "from", "to"), []string{"60s pg-1 1024Mi 2048Mi"})
}

func TestTablespacesHaveTheirOwnSamples(t *testing.T) {
	volume := claim("pg-1-tbs-big", "1Gi", "1Gi")
	merge(volume, object{"metadata": object{"labels": object{
		"cnpg.io/instanceName": "pg-1", "cnpg.io/pvcRole": "PG_TABLESPACE", "cnpg.io/tablespaceName": "big",
	}}})
	d := one(t, nil).
		put(3, claimKind, "pg-1-tbs-big", "v2", volume).
		sample(4, "pg-1-tbs-big", "instance", 100, 960, nil).
		line(5, 5, "Instance disk status received", object{"pod": "pg-1", "usedBytes": mi, "totalBytes": 960 * mi}).
		documents("pressure")
	expect(t, pick(d["ns/pg/PG_TABLESPACE/big"]["samples"], "ns", "volume"), []string{"4s pg-1-tbs-big"})
	expect(t, pick(d["ns/pg/PG_DATA"]["samples"], "ns", "volume"), []string{"5s pg-1"})
}

func TestSpansJoinUsageWindowAndDisruptions(t *testing.T) {
	d := one(t, object{"maintenanceWindow": object{"schedule": "20 * * * * *", "duration": "10s"}}).
		put(3, podKind, "pg-1", "p1", instancePod("pg-1", "n1")).
		sample(10, "pg-1", "instance", 900, 960, nil).
		put(40, podKind, "pg-1", "p1", leaving).
		gone(50, podKind, "pg-1", "p1").
		put(60, claimKind, "pg-1", "v1", claim("pg-1", "2Gi", "1Gi")).
		say(70, trace.Mark, object{"phase": "quiet"}).
		only("pressure")
	expect(t, pick(d["spans"], "ns", "until_ns", "window_open", "next_opening_ns", "disrupted", "open", "peak"), []string{
		"1s 2s false 20s false false 0",
		"2s 10s false 20s false false 1024Mi",
		"10s 20s false 20s false false 1024Mi",
		"20s 30s true 80s false false 1024Mi",
		"30s 40s false 80s false false 1024Mi",
		"40s 50s false 80s true false 1024Mi",
		"50s 60s false 80s false false 1024Mi",
		"60s 70s false 80s false true 2048Mi",
	})
	var samples []string
	for _, span := range d["spans"].([]any) {
		samples = append(samples, pick(span.(map[string]any)["volumes"], "volume", "sample", "request")...)
	}
	expect(t, samples[:3], []string{"pg-1 -1 1024Mi", "pg-1 0 1024Mi", "pg-1 0 1024Mi"})
}

func TestAVolumeThatIsReplacedLosesItsSample(t *testing.T) {
	d := one(t, nil).
		sample(10, "pg-1", "instance", 900, 960, nil).
		put(15, claimKind, "pg-2", "v2", claim("pg-2", "1Gi", "1Gi")).
		put(20, claimKind, "pg-1", "v1", leaving).
		gone(21, claimKind, "pg-1", "v1").
		put(30, claimKind, "pg-1", "v3", claim("pg-1", "1Gi", "1Gi")).
		sample(40, "pg-2", "instance", 100, 960, nil).
		only("pressure")
	expect(t, pick(d["samples"], "ns", "until_ns", "volume"), []string{"10s 20s pg-1", "40s 40s pg-2"})
	spans := d["spans"].([]any)
	last := spans[len(spans)-1].(map[string]any)
	expect(t, pick(last["volumes"], "volume", "sample"), []string{"pg-2 1", "pg-1 -1"})
}

func TestTheSpecSaysWhenVolumesGrow(t *testing.T) {
	for _, test := range []struct {
		name    string
		storage object
		want    string
	}{
		{"nothing but the sizes", nil, "20 95 1024Mi false false"},
		{"all of it", object{
			"targetBuffer":      30,
			"emergencyGrow":     object{"criticalThreshold": 90, "criticalMinimumFree": "100Mi"},
			"maintenanceWindow": object{"schedule": "0 0 4 31 12 *", "duration": "1h", "timezone": "Europe/Vienna"},
		}, "30 90 100Mi true true"},
		{"a schedule of five fields", object{"maintenanceWindow": object{"schedule": "0 4 31 12 *"}},
			"20 95 1024Mi true false"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := one(t, test.storage).only("pressure")
			fields := []string{"target_buffer", "critical_percent", "critical_free", "windowed", "window_valid"}
			expect(t, pick(d["specs"], fields...), []string{test.want})
		})
	}
}

// The trace begins on 2026-01-01 at 12:00 UTC.
func TestTheNextOpeningIsOfTheZoneOfTheWindow(t *testing.T) {
	hour := int64(3600e9)
	for _, test := range []struct {
		name, schedule, timezone string
		want                     int64
	}{
		{"UTC", "0 0 3 * * *", "", 15 * hour},
		{"west of it", "0 0 3 * * *", "America/New_York", 20 * hour},
		{"a time that the change to summer leaves out", "0 30 2 29 3 *", "Europe/Vienna", (451*24+12)*hour + hour/2},
		{"after the change to summer", "0 0 3 29 3 *", "Europe/Vienna", (86*24 + 13) * hour},
		{"after the change to winter", "0 0 3 25 10 *", "Europe/Vienna", (296*24 + 14) * hour},
		{"never", "0 0 4 31 2 *", "UTC", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			window := object{"maintenanceWindow": object{
				"schedule": test.schedule, "duration": "1h", "timezone": test.timezone,
			}}
			d := one(t, window).only("pressure")
			spans := d["spans"].([]any)
			span := spans[len(spans)-1].(map[string]any)
			got, err := span["next_opening_ns"].(json.Number).Int64()
			if err != nil || got != test.want || (span["has_next_opening"] == true) != (got != 0) {
				t.Errorf("got %d (%v), want %d", got, err, test.want)
			}
		})
	}
}

func TestTheStatusTellsOfTargetAndWindow(t *testing.T) {
	s := one(t, nil)
	sizing := func(data object) object { return object{"status": object{"storageSizing": object{"data": data}}} }
	d := s.
		put(5, clusterKind, "pg", "c1", sizing(object{
			"state": "PendingGrowth", "targetSize": "2Gi", "nextMaintenanceWindow": s.at(3600), "message": "waiting",
		})).
		put(6, clusterKind, "pg", "c1", sizing(object{"budget": object{"budgetResetsAt": s.at(86406)}})).
		put(7, clusterKind, "pg", "c1", sizing(object{"budget": object{"budgetResetsAt": s.at(86407)}})).
		put(8, clusterKind, "pg", "c1", object{"metadata": object{"labels": object{"a": "b"}}}).
		only("pressure")
	fields := []string{"ns", "state", "target", "has_next_window", "next_window_ns", "message"}
	expect(t, pick(d["statuses"], fields...), []string{
		"1s  0 false 0 ",
		"5s PendingGrowth 2048Mi true 3600s waiting",
		"6s PendingGrowth 2048Mi true 3600s waiting",
	})
	expect(t, pick(d["rewrites"], "ns"), []string{"7s"})
}

func TestASampleSaysNothingOfAVolumeThatHasGrown(t *testing.T) {
	s := one(t, nil)
	d := s.
		sample(10, "pg-1", "kubelet", 900, 960, object{"at": s.at(9)}).
		put(20, claimKind, "pg-1", "v1", claim("pg-1", "2Gi", "1Gi")).
		put(30, claimKind, "pg-1", "v1", claim("pg-1", "2Gi", "2Gi")).
		sample(40, "pg-1", "kubelet", 901, 960, object{"at": s.at(29)}).
		sample(50, "pg-1", "kubelet", 900, 960, object{"at": s.at(49)}).
		say(60, trace.Mark, object{"phase": "quiet"}).
		only("pressure")
	expect(t, pick(d["samples"], "ns", "last_ns", "until_ns", "used"), []string{
		"10s 9s 30s 900Mi",
		"50s 49s 60s 900Mi",
	})
	var samples []string
	for _, span := range d["spans"].([]any) {
		samples = append(samples, pick(span.(map[string]any)["volumes"], "capacity", "sample")...)
	}
	expect(t, samples, []string{"1024Mi -1", "1024Mi 0", "1024Mi 0", "2048Mi -1", "2048Mi 1"})
}
