package policies_test

import (
	"cmp"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/verifier/verdict"
)

// insert adds to a trace what no API server sends.
func (r *recording) insert(file string) {
	r.t.Helper()
	if len(r.more) == 0 {
		return
	}
	before, err := trace.Open(file)
	if err != nil {
		r.t.Fatal(err)
	}
	events := r.more
	for e, err := range before.Events(0) {
		if err != nil {
			r.t.Fatal(err)
		}
		events = append(events, e)
	}
	run := before.Run()
	if err := before.Close(); err != nil {
		r.t.Fatal(err)
	}
	slices.SortStableFunc(events, func(a, b trace.Event) int { return cmp.Compare(a.Time, b.Time) })
	if err := os.Remove(file); err != nil {
		r.t.Fatal(err)
	}
	w, err := trace.Create(file, run)
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := w.Append(nil, events...); err != nil {
		r.t.Fatal(err)
	}
	if _, err := w.Seal("test"); err != nil {
		r.t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		r.t.Fatal(err)
	}
}

func (r *recording) say(at float64, source trace.Source, kind trace.Type, data map[string]any) {
	r.t.Helper()
	text, err := json.Marshal(data)
	if err != nil {
		r.t.Fatal(err)
	}
	r.more = append(r.more, trace.Event{
		Time: time.Duration(at * float64(time.Second)), Wall: when(map[string]any{"time": r.stamp(at)}).UTC(),
		Source: source, Type: kind, Data: text,
	})
}

const mi = 1 << 20

// measured records how full the volume of an instance is, in MiB.
func (r *recording) measured(at float64, instance string, used, total int) {
	r.say(at, trace.SourceUsage, "usage", map[string]any{
		"pvc": instance, "namespace": "ds-growth", "instance": instance, "node": "n1", "from": "instance",
		"used_bytes": used * mi, "capacity_bytes": total * mi, "available_bytes": (total - used) * mi,
	})
}

// filled records the usage of all instances every 15 s: 100 MiB, and of pg-1 so
// much between two moments. The file systems are of 1 GiB, until they have grown.
func (r *recording) filled(from, until float64, used int, grown, end float64) {
	for at := 55.0; at < end; at += 15 {
		for _, instance := range []string{"pg-1", "pg-2", "pg-3"} {
			now, total := 100, 960
			if at > grown {
				total = 1984
			}
			if instance == "pg-1" && at >= from && at < until {
				now = used
			}
			r.measured(at, instance, now, total)
		}
	}
}

// unmoved leaves out the growth: nothing is done to the volumes until the end.
func (r *recording) unmoved(used int, end float64) {
	r.endAt(80)
	r.filled(65, end, used, end, end)
	r.beat(end)
}

// grows keeps the growth, of a kind, after so much usage, and looks on for a while.
func (r *recording) grows(kind string, used int) {
	r.settle(100)
	r.change("Cluster", "pg", 0, func(o map[string]any) {
		if dig(o, sizing("lastAction")...) != nil {
			set(o, kind, sizing("lastAction", "kind")...)
		}
	})
	r.endAt(133)
	r.filled(40, 120, used, 99, 240)
	r.beat(240)
}

// says lets the status tell something from 75 s on.
func (r *recording) says(tell func(volume map[string]any)) {
	r.again("Cluster", "pg", 75, func(map[string]any) {})
	r.change("Cluster", "pg", 75, func(o map[string]any) { tell(dig(o, data...).(map[string]any)) })
}

// storage edits the storage block, as it always was.
func (r *recording) storage(edit func(block map[string]any)) {
	r.change("Cluster", "pg", 0, func(o map[string]any) { edit(dig(o, "spec", "storage").(map[string]any)) })
}

func closed(block map[string]any) { set(block, "0 0 4 31 12 *", "maintenanceWindow", "schedule") }

func waits(volume map[string]any) {
	volume["state"], volume["nextMaintenanceWindow"] = "PendingGrowth", "2026-12-31T04:00:00Z"
}

func usedUp(volume map[string]any) {
	volume["budget"] = map[string]any{"actionsLast24h": 3, "availableForEmergency": 1}
}

// behaves is what the policies of behaviour make of a recording of a group that is
// created, of which nothing else is remarkable.
func behaves(changes ...string) map[string]string {
	want := map[string]string{
		"action-budget": "held", "emergency-growth": "vacuous", "growth-on-usage": "vacuous", "initial-sizing": "held",
		"limit-respected": "vacuous", "maintenance-window": "vacuous", "no-flapping": "vacuous",
		"replica-sizing": "vacuous", "tablespace-growth": "vacuous",
	}
	for _, change := range changes {
		id, word, _ := strings.Cut(change, ": ")
		want[id] = word
	}
	return want
}

func TestBehaviour(t *testing.T) {
	tests := []struct {
		name string
		tell func(r *recording)
		want map[string]string
	}{
		{"growth of which nobody measured the usage", func(*recording) {}, behaves(
			"emergency-growth: inconclusive no_usage", "growth-on-usage: inconclusive no_usage")},
		{"a static group", func(r *recording) { r.static(); r.unmoved(900, 600) }, behaves(
			"action-budget: vacuous", "initial-sizing: vacuous")},
		{"nothing is needed", func(r *recording) { r.unmoved(500, 600) }, behaves()},
		{"an emergency", func(r *recording) { r.grows("EmergencyGrow", 900) }, behaves(
			"emergency-growth: held", "growth-on-usage: held", "no-flapping: held")},
		{"planned growth", func(r *recording) { r.grows("ScheduledGrow", 830) }, behaves(
			"growth-on-usage: held", "no-flapping: held")},
		{"planned growth never comes", func(r *recording) { r.unmoved(830, 600) }, behaves(
			"growth-on-usage: violated not_grown")},
		{"planned growth may come yet", func(r *recording) { r.unmoved(830, 300) }, behaves(
			"growth-on-usage: inconclusive pending")},
		{"growth is not needed while usage is seen but rounds to the same size",
			func(r *recording) { r.unmoved(790, 600) }, behaves()},
		{"the operator says itself that growth is due, and does nothing",
			func(r *recording) {
				r.endAt(80)
				for at := 65.0; at < 600; at += 30 {
					r.say(at, trace.SourceLog, "log", map[string]any{
						"pod": "operator", "msg": "Instance disk status received", "ts": r.stamp(at),
						"fields": map[string]any{
							"namespace": "ds-growth", "pod": "pg-1", "usedBytes": 830 * mi, "totalBytes": 960 * mi,
						},
					})
				}
				r.beat(600)
			}, behaves("growth-on-usage: violated not_grown")},
		{"the recorder loses sight of the usage", func(r *recording) {
			r.endAt(80)
			r.filled(65, 300, 830, 300, 120)
			r.beat(900)
		}, behaves("growth-on-usage: inconclusive no_usage")},
		{"planned growth to too much", func(r *recording) {
			r.resize("3Gi")
			r.grows("ScheduledGrow", 830)
			r.settle(100)
			r.resize("3Gi")
		}, behaves("growth-on-usage: violated too_large", "no-flapping: held")},
		{"planned growth to too little", func(r *recording) {
			r.grows("ScheduledGrow", 830)
			r.resize("1536Mi")
		}, behaves("growth-on-usage: violated too_small", "no-flapping: held")},
		{"an emergency that nobody acts on", func(r *recording) { r.unmoved(900, 300) }, behaves(
			"emergency-growth: violated not_grown")},
		{"an emergency in a closed window that nobody acts on", func(r *recording) {
			r.storage(closed)
			r.unmoved(900, 300)
		}, behaves("emergency-growth: violated not_grown")},
		{"an emergency is disabled, and planned growth does not come", func(r *recording) {
			r.storage(func(block map[string]any) { set(block, false, "emergencyGrow", "enabled") })
			r.unmoved(900, 600)
		}, behaves("growth-on-usage: violated not_grown")},
		{"an emergency by another step", func(r *recording) {
			r.grows("EmergencyGrow", 900)
			r.resize("3Gi")
		}, behaves("emergency-growth: violated wrong_step", "growth-on-usage: held", "no-flapping: held")},
		{"an emergency that is none", func(r *recording) { r.grows("EmergencyGrow", 500) }, behaves(
			"emergency-growth: violated not_critical", "no-flapping: held")},
		{"growth waits for the window", func(r *recording) {
			r.storage(closed)
			r.says(waits)
			r.unmoved(830, 600)
		}, behaves("maintenance-window: held")},
		{"growth waits for the window, in silence", func(r *recording) {
			r.storage(closed)
			r.unmoved(830, 600)
		}, behaves("maintenance-window: violated not_pending")},
		{"growth waits for a window that is not named", func(r *recording) {
			r.storage(closed)
			r.says(func(volume map[string]any) { volume["state"] = "PendingGrowth" })
			r.unmoved(830, 600)
		}, behaves("maintenance-window: violated window_not_told")},
		{"growth waits for a window in another time zone", func(r *recording) {
			r.storage(func(block map[string]any) {
				closed(block)
				set(block, "America/New_York", "maintenanceWindow", "timezone")
			})
			r.says(waits)
			r.unmoved(830, 600)
		}, behaves("maintenance-window: violated window_wrong")},
		{"the window opens, and growth does not come", func(r *recording) {
			r.storage(func(block map[string]any) { set(block, "0 12 2 * * *", "maintenanceWindow", "schedule") })
			r.says(func(volume map[string]any) {
				volume["state"], volume["nextMaintenanceWindow"] = "PendingGrowth", "2026-11-22T02:12:00Z"
			})
			r.unmoved(830, 600)
		}, behaves("growth-on-usage: violated not_grown", "maintenance-window: held")},
		{"the group is at its limit", func(r *recording) {
			r.storage(func(block map[string]any) { block["limit"] = "1Gi" })
			r.says(func(volume map[string]any) { volume["state"] = "AtLimit" })
			r.unmoved(830, 600)
		}, behaves("limit-respected: held")},
		{"the group is at its limit, in silence", func(r *recording) {
			r.storage(func(block map[string]any) { block["limit"] = "1Gi" })
			r.unmoved(830, 600)
		}, behaves("limit-respected: violated limit_not_told")},
		{"the target is above limit", func(r *recording) {
			r.storage(func(block map[string]any) { block["limit"] = "1Gi" })
			r.says(func(volume map[string]any) { volume["state"], volume["targetSize"] = "AtLimit", "2Gi" })
			r.unmoved(830, 600)
		}, behaves("limit-respected: violated target_above_limit")},
		{"growth beyond limit is tried, and refused", func(r *recording) {
			r.storage(func(block map[string]any) { block["limit"] = "1Gi" })
			r.says(func(volume map[string]any) { volume["state"] = "AtLimit" })
			r.say(78, trace.SourceLog, "log", map[string]any{
				"pod": "operator", "msg": "Patching PVC for dynamic storage growth", "ts": r.stamp(78),
				"fields": map[string]any{
					"namespace": "ds-growth", "pvcName": "pg-1", "currentSize": "1Gi", "targetSize": "2Gi",
				},
			})
			r.unmoved(830, 600)
		}, behaves("limit-respected: violated tried_beyond")},
		{"the budget is used up", func(r *recording) {
			r.says(func(volume map[string]any) { usedUp(volume); volume["state"] = "PendingGrowth" })
			r.unmoved(830, 600)
		}, behaves()},
		{"the budget is used up, in silence", func(r *recording) { r.says(usedUp); r.unmoved(830, 600) }, behaves(
			"action-budget: violated exhaustion_not_told")},
		{"the budget is not told", func(r *recording) {
			r.change("Cluster", "pg", 0, func(o map[string]any) {
				if dig(o, sizing("budget")...) != nil {
					set(o, nil, sizing("budget")...)
				}
			})
			r.unmoved(100, 600)
		}, behaves("action-budget: violated budget_missing")},
		{"the reserve is given to planned growth", func(r *recording) {
			r.says(func(volume map[string]any) { volume["budget"] = map[string]any{"availableForPlanned": 4} })
			r.unmoved(100, 600)
		}, behaves("action-budget: violated split_off")},
		{"the count is lost", func(r *recording) {
			r.grows("EmergencyGrow", 900)
			r.keep(110, func(o map[string]any) {
				set(o, map[string]any{"availableForPlanned": 3, "availableForEmergency": 1}, sizing("budget")...)
			})
			r.again("Cluster", "pg", 110.5, func(o map[string]any) {
				set(o, map[string]any{"availableForPlanned": 3, "availableForEmergency": 1}, sizing("budget")...)
			})
		}, behaves("emergency-growth: held", "growth-on-usage: held", "no-flapping: held",
			"action-budget: violated action_not_counted")},
		{"the first claim is larger than request", func(r *recording) {
			r.claims(0, func(o map[string]any) {
				if dig(o, request...) == "1Gi" {
					set(o, "1536Mi", request...)
				}
				if dig(o, "status", "capacity", "storage") == "1Gi" {
					set(o, "1536Mi", "status", "capacity", "storage")
				}
			})
			r.unmoved(100, 600)
		}, behaves("initial-sizing: violated above_request")},
		{"a replica is added after the growth", func(r *recording) {
			r.grows("EmergencyGrow", 900)
			r.newReplica(120, "2Gi")
			r.again("Cluster", "pg", 122, func(o map[string]any) { set(o, "2Gi", sizing("actualSizes", "pg-4")...) })
		}, behaves("emergency-growth: held", "growth-on-usage: held", "no-flapping: held", "replica-sizing: held")},
		{"a replica is added after the growth, and the status does not know", func(r *recording) {
			r.grows("EmergencyGrow", 900)
			r.newReplica(110, "2Gi")
		}, behaves("emergency-growth: held", "growth-on-usage: held", "no-flapping: held",
			"replica-sizing: violated not_told")},
		{"a replica is added after the growth, and its volume stays small", func(r *recording) {
			r.grows("EmergencyGrow", 900)
			r.newReplica(120, "2Gi")
			r.change("PersistentVolumeClaim", "pg-4", 120, func(o map[string]any) {
				set(o, "1Gi", "status", "capacity", "storage")
			})
			r.again("Cluster", "pg", 122, func(o map[string]any) { set(o, "1Gi", sizing("actualSizes", "pg-4")...) })
			r.beat(900)
		}, behaves("emergency-growth: held", "growth-on-usage: inconclusive no_usage", "no-flapping: held",
			"replica-sizing: violated short_capacity")},
		{"a tablespace grows", func(r *recording) { r.grows("EmergencyGrow", 900); r.tablespace("big") }, behaves(
			"emergency-growth: held", "tablespace-growth: held", "no-flapping: held")},
		{"a tablespace never grows", func(r *recording) { r.unmoved(830, 600); r.tablespace("big") }, behaves(
			"tablespace-growth: violated not_grown")},
		{"the state goes back and forth after the growth", func(r *recording) {
			r.grows("EmergencyGrow", 900)
			for i := range 12 {
				r.again("Cluster", "pg", 110+float64(i), func(o map[string]any) {
					set(o, []string{"NeedsGrow", "Balanced"}[i%2], sizing("state")...)
				})
			}
		}, behaves("emergency-growth: held", "growth-on-usage: held", "no-flapping: violated state_flaps")},
		{"the status is written over and over", func(r *recording) {
			r.grows("EmergencyGrow", 900)
			for i := range 41 {
				at := 105 + float64(i)/2
				r.again("Cluster", "pg", at, func(o map[string]any) {
					set(o, r.stamp(at), sizing("budget", "budgetResetsAt")...)
				})
			}
		}, behaves("emergency-growth: held", "growth-on-usage: held", "no-flapping: violated status_churn")},
		{"planned growth comes in small steps", func(r *recording) {
			r.grows("ScheduledGrow", 830)
			for i, size := range []string{"3Gi", "4Gi"} {
				at := 160 + 20*float64(i)
				r.grow(at, size)
				r.again("Cluster", "pg", at+0.5, func(o map[string]any) {
					set(o, size, sizing("lastAction", "to")...)
					set(o, r.stamp(at), sizing("lastAction", "timestamp")...)
				})
			}
		}, behaves("growth-on-usage: violated too_large", "no-flapping: violated grown_repeatedly")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := load(t, "growth")
			test.tell(r)
			got := r.judgeThe(func(p verdict.Policy) bool { _, ok := behaves()[p.ID]; return ok })
			if diff := gocmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
