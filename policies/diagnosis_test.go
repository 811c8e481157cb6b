package policies_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hindsight-project/hindsight/recorder/golden"
	"github.com/hindsight-project/hindsight/recorder/watchlog/watchlogtest"
	"github.com/hindsight-project/hindsight/verifier/policy"
)

// diagnosisViews are the views that diagnoses read.
var diagnosisViews = []string{"pressure", "wait"}

// diagnosed lists what a judgement diagnoses, a line each: what, of whom, in
// which seconds of the recording.
func diagnosed(t *testing.T, j policy.Judgement) []string {
	t.Helper()
	for _, f := range j.Undiagnosed {
		t.Errorf("%s", f.Text)
	}
	out := []string{}
	for _, d := range j.Diagnoses {
		out = append(out, fmt.Sprintf("%s %s (%s) of %s, %d s to %d s",
			d.Policy, d.Reason, d.Class, d.Entity, d.From/1e9, d.Until/1e9))
	}
	return out
}

// Each recording is of a real cluster to which that was done: a volume was held
// by its node, a disk refused to grow, a node was switched off …
func TestDiagnosesOfRealFaults(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "diagnosis", "*.jsonl.zst"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	var got strings.Builder
	for _, file := range files {
		fmt.Fprintf(&got, "%s\n", strings.TrimSuffix(filepath.Base(file), ".jsonl.zst"))
		for _, line := range diagnosed(t, evaluate(t, watchlogtest.Import(t, file), diagnosisViews...)) {
			fmt.Fprintf(&got, "    %s\n", line)
		}
	}
	golden.Compare(t, "testdata/diagnosis/diagnoses.golden", got.String())
}

func TestHealthyRecordingsHaveNoDiagnosis(t *testing.T) {
	for _, name := range []string{"growth", "node-drain", "primary-restart"} {
		file := watchlogtest.Import(t, "../recorder/testdata/"+name+".jsonl.zst")
		if got := diagnosed(t, evaluate(t, file, diagnosisViews...)); len(got) > 0 {
			t.Errorf("%s: %s", name, strings.Join(got, "\n"))
		}
	}
}

// event records what is no object.
func (r *recording) event(at float64, kind string, data map[string]any) {
	r.lines = append(r.lines, map[string]any{"time": r.stamp(at), "type": "EVENT", "event": kind, "data": data})
}

// log records a line of a pod's log at the moment at which it was written.
func (r *recording) log(at float64, pod, msg string, fields map[string]any) {
	namespace := dig(r.last("Cluster", "pg", 9999), "metadata", "namespace")
	r.event(at, "log", map[string]any{
		"namespace": namespace, "pod": pod, "container": "c", "level": "info", "msg": msg, "ts": r.stamp(at),
		"fields": fields,
	})
}

// operatorLog records a line of the operator about the cluster.
func (r *recording) operatorLog(at float64, msg string, fields map[string]any) {
	named := map[string]any{
		"controller": "cluster", "name": "pg", "namespace": dig(r.last("Cluster", "pg", 9999), "metadata", "namespace"),
	}
	for key, value := range fields {
		named[key] = value
	}
	r.log(at, "cnpg-controller-manager-0", msg, named)
}

// neverReady says that no pod of the instance gets ready any more.
func (r *recording) neverReady(name string, from float64) {
	r.change("Pod", name, from, func(o map[string]any) {
		conditions, _ := dig(o, "status", "conditions").([]any)
		for _, c := range conditions {
			if dig(c, "type") == "Ready" {
				c.(map[string]any)["status"] = "False"
			}
		}
	})
}

func TestDiagnosesOfWhatIsPutIntoRecordings(t *testing.T) {
	phase := func(r *recording, from float64, phase, target string) {
		r.keep(from, func(o map[string]any) {
			set(o, phase, "status", "phase")
			if target != "" {
				set(o, target, "status", "targetPrimary")
			}
		})
	}
	for _, c := range []struct {
		says   string
		from   string
		change func(r *recording)
		want   []string
	}{
		{
			"pg_rewind does not find its WAL and the instance never follows", "primary-restart",
			func(r *recording) {
				r.neverReady("pg-1", 92)
				for at := 100.0; at < 140; at += 10 {
					r.log(at, "pg-1", "pg_rewind: error: could not find previous WAL record at 0/8CFFFDA8", nil)
				}
			},
			[]string{"diagnosis-pg-rewind missing_wal (test)"},
		},
		{
			"the answers of the instances have no disk status", "growth",
			func(r *recording) {
				r.endAt(80)
				r.keep(0, func(o map[string]any) { set(o, "WaitingForDiskStatus", sizing("state")...) })
				r.operatorLog(60, "Instance disk status detail", map[string]any{"pod": "pg-1", "hasDiskStatus": false})
				r.beat(180)
			},
			[]string{"diagnosis-disk-status no_disk_status (product)"},
		},
		{
			"the operator knows no instance of which to collect the disk status", "growth",
			func(r *recording) {
				r.endAt(80)
				r.keep(0, func(o map[string]any) { set(o, nil, "status", "storageSizing") })
				r.operatorLog(60, "No instances available for disk status collection", nil)
				r.beat(180)
			},
			[]string{"diagnosis-disk-status no_instances (product)"},
		},
		{
			"the phase stays Failing over though all are ready", "primary-restart",
			func(r *recording) {
				phase(r, 88, "Failing over", "")
				r.endAt(130)
				r.beat(300)
			},
			[]string{"diagnosis-failing-over phase_stays (product)"},
		},
		{
			"the operator waits for WAL receivers for ever", "primary-restart",
			func(r *recording) {
				phase(r, 88, "Failing over", "pending")
				r.endAt(130)
				for at := 100.0; at < 300; at += 20 {
					r.operatorLog(at, "Waiting for all WAL receivers to be down to elect a new primary", nil)
				}
				r.beat(300)
			},
			[]string{"diagnosis-failing-over wal_receivers (product)"},
		},
		{
			"a maintenance window has five fields", "growth",
			func(r *recording) {
				r.change("Cluster", "pg", 0, func(o map[string]any) {
					set(o, "0 4 31 2 *", "spec", "storage", "maintenanceWindow", "schedule")
				})
			},
			[]string{"diagnosis-cron-fields five_fields (test)"},
		},
		{
			"the webhook refuses a maintenance window of five fields", "growth",
			func(r *recording) {
				r.lines = append(r.lines, map[string]any{
					"time": r.stamp(50), "type": "MARK",
					"mark": map[string]any{"error": "invalid cron schedule: expected 6 fields, got 5"},
				})
			},
			[]string{"diagnosis-cron-fields refused (test)"},
		},
		{
			"a volume is full, and the operator does nothing", "growth",
			func(r *recording) {
				r.endAt(80)
				r.full(75, 1000<<20, 1020<<20)
				r.beat(300)
			},
			[]string{"diagnosis-growth-not-triggered not_acted (product)"},
		},
		{
			"a volume is full, and as large as it may be", "growth",
			func(r *recording) {
				r.endAt(80)
				r.change("Cluster", "pg", 0, func(o map[string]any) { set(o, "1Gi", "spec", "storage", "limit") })
				r.full(75, 1000<<20, 1020<<20)
				r.beat(300)
			},
			[]string{"diagnosis-growth-not-triggered at_limit (test)"},
		},
		{"a volume is not full", "growth", func(r *recording) {
			r.endAt(80)
			r.full(75, 100<<20, 1020<<20)
			r.beat(300)
		}, []string{}},
	} {
		t.Run(c.says, func(t *testing.T) {
			r := load(t, c.from)
			c.change(r)
			got := diagnosed(t, r.evaluate(diagnosisViews...))
			for i := range got {
				got[i], _, _ = strings.Cut(got[i], " of ")
			}
			if diff := cmp.Diff(c.want, slices.Compact(got)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// full records how full the volume of the first instance is.
func (r *recording) full(at float64, used, capacity int) {
	r.event(at, "usage", map[string]any{
		"pvc": "pg-1", "instance": "pg-1", "namespace": dig(r.last("Cluster", "pg", 9999), "metadata", "namespace"),
		"node": "n1", "from": "kubelet", "at": r.stamp(at), "used_bytes": used, "capacity_bytes": capacity,
		"available_bytes": capacity - used,
	})
}
