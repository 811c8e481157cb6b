package policies_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// settle lets the status of the growth recording say what the volumes show, as
// the other recordings do.
func (r *recording) settle(at float64) {
	r.again("Cluster", "pg", at, func(o map[string]any) {
		set(o, "Balanced", sizing("state")...)
		for _, instance := range []string{"pg-1", "pg-2", "pg-3"} {
			if dig(o, sizing("actualSizes", instance)...) != nil {
				set(o, "2Gi", sizing("actualSizes", instance)...)
			}
		}
	})
	r.keep(at, func(o map[string]any) {
		set(o, "Balanced", sizing("state")...)
		set(o, clone(dig(r.last("Cluster", "pg", at+0.001), sizing("actualSizes")...)), sizing("actualSizes")...)
	})
}

// keep edits the versions of the Cluster after a moment.
func (r *recording) keep(from float64, edit func(o map[string]any)) {
	r.change("Cluster", "pg", from+0.001, edit)
}

func (r *recording) last(kind, name string, before float64) map[string]any {
	var last map[string]any
	for _, line := range r.lines {
		if k, n := identity(line); k == kind && n == name && r.seconds(line) < before {
			last = line["object"].(map[string]any)
		}
	}
	return last
}

// endAt ends the recording early.
func (r *recording) endAt(seconds float64) {
	r.drop(func(_, _ string, at float64, _ map[string]any) bool { return at > seconds })
}

// beat records that nothing happened, so that the recording lasts until then.
func (r *recording) beat(at float64) {
	r.lines = append(r.lines, map[string]any{
		"time": r.stamp(at), "type": "MARK", "mark": map[string]any{"phase": "quiet"},
	})
}

// without drops instances with all that is theirs.
func (r *recording) without(names ...string) {
	r.drop(func(kind, name string, _ float64, _ map[string]any) bool {
		for _, n := range names {
			if (kind == "PersistentVolumeClaim" || kind == "Pod" || kind == "Job") && strings.HasPrefix(name, n) {
				return true
			}
		}
		return false
	})
	r.change("Cluster", "pg", 0, func(o map[string]any) {
		for _, n := range names {
			if dig(o, sizing("actualSizes", n)...) != nil {
				set(o, nil, sizing("actualSizes", n)...)
			}
		}
	})
}

func (r *recording) claims(from float64, edit func(o map[string]any)) {
	r.change("PersistentVolumeClaim", "", from, edit)
}

// resize gives every grown claim another size than 2Gi.
func (r *recording) resize(size string) {
	r.claims(0, func(o map[string]any) {
		if dig(o, request...) == "2Gi" {
			set(o, size, request...)
		}
		if dig(o, "status", "capacity", "storage") == "2Gi" {
			set(o, size, "status", "capacity", "storage")
		}
	})
	r.change("Cluster", "pg", 0, func(o map[string]any) {
		for _, path := range [][]string{sizing("effectiveSize"), sizing("lastAction", "to")} {
			if dig(o, path...) == "2Gi" {
				set(o, size, path...)
			}
		}
		for _, instance := range []string{"pg-1", "pg-2", "pg-3"} {
			if dig(o, sizing("actualSizes", instance)...) == "2Gi" {
				set(o, size, sizing("actualSizes", instance)...)
			}
		}
	})
}

// spec edits the storage block from a moment on, by a new generation.
func (r *recording) spec(at float64, edit func(storage map[string]any)) {
	r.again("Cluster", "pg", at, func(map[string]any) {})
	r.change("Cluster", "pg", at, func(o map[string]any) {
		set(o, int(at), "metadata", "generation")
		edit(dig(o, "spec", "storage").(map[string]any))
	})
}

// stuck leaves the claim as it was before its file system grew.
func (r *recording) stuck(name string) {
	r.drop(func(kind, n string, _ float64, line map[string]any) bool {
		return kind == "PersistentVolumeClaim" && n == name &&
			dig(line, "object", "status", "capacity", "storage") == "2Gi"
	})
	r.change("Cluster", "pg", 0, func(o map[string]any) {
		if dig(o, sizing("actualSizes", name)...) != nil {
			set(o, "1Gi", sizing("actualSizes", name)...)
		}
	})
}

// Every fault that is put into a recording is found, by the policy whose promise
// it breaks, and by no other.
func TestFaultsAreFound(t *testing.T) {
	tests := []struct {
		name   string
		from   string
		breaks func(r *recording)
		want   map[string]string
	}{
		{"the operator grows above the limit", "node-drain",
			func(r *recording) { r.resize("5Gi") },
			all("convergence-resumes: held", "policy-bounds: violated above_limit")},
		{"it grows above a limit that was lowered before", "node-drain",
			func(r *recording) {
				r.spec(60, func(s map[string]any) { s["limit"] = "1536Mi" })
			},
			all("convergence-resumes: held", "policy-bounds: violated above_limit")},
		{"a request becomes smaller again", "node-drain",
			func(r *recording) {
				for _, name := range []string{"pg-1", "pg-2", "pg-3"} {
					r.again("PersistentVolumeClaim", name, 120, func(o map[string]any) { set(o, "1536Mi", request...) })
				}
				r.claims(120, func(o map[string]any) { set(o, "1536Mi", request...) })
				r.endAt(125)
			},
			all("convergence-resumes: held", "policy-bounds: violated request_shrunk",
				"status-coherence: inconclusive pending")},
		{"a new replica starts at the bootstrap size", "node-drain",
			func(r *recording) { r.newReplica(120, "1Gi"); r.endAt(140) },
			all("convergence-resumes: held", "replica-consistency: violated created_off_size")},
		{"a replaced claim starts at the bootstrap size", "node-drain",
			func(r *recording) { r.replaceClaim("pg-3", 120, "1Gi"); r.endAt(125) },
			all("convergence-resumes: held", "replica-consistency: violated created_off_size",
				"status-coherence: inconclusive pending")},
		{"claims are destroyed and replaced again and again", "node-drain",
			func(r *recording) {
				r.replaceClaim("pg-3", 112, "2Gi")
				r.replaceClaim("pg-3", 118, "2Gi")
				r.endAt(147)
			},
			all("convergence-resumes: held", "idempotency: violated volume_replaced_repeatedly")},
		{"the budget admits more actions than there are", "node-drain",
			func(r *recording) {
				r.keep(86.1, func(o map[string]any) {
					set(o, 5, sizing("budget", "actionsLast24h")...)
					set(o, nil, sizing("budget", "availableForPlanned")...)
					set(o, nil, sizing("budget", "availableForEmergency")...)
				})
			},
			all("convergence-resumes: held", "policy-bounds: violated over_budget")},
		{"a claim is created below request", "node-drain",
			func(r *recording) {
				r.claims(0, func(o map[string]any) {
					if dig(o, request...) == "1Gi" {
						set(o, "512Mi", request...)
					}
				})
			},
			all("convergence-resumes: held", "policy-bounds: violated below_request")},
		{"one expansion never ends after the primary was deleted", "primary-restart",
			func(r *recording) { r.stuck("pg-3"); r.endAt(130); r.beat(4000) },
			all("convergence-resumes: violated stuck", "idempotency: vacuous")},
		{"one expansion has not ended when the recording does", "primary-restart",
			func(r *recording) { r.stuck("pg-3"); r.endAt(130) },
			all("convergence-resumes: inconclusive pending", "idempotency: vacuous")},
		{"one expansion has not ended when the cluster is deleted", "primary-restart",
			func(r *recording) { r.stuck("pg-3") },
			all("convergence-resumes: inconclusive deleted", "idempotency: vacuous")},
		{"an expansion that nothing interrupted never ends", "growth",
			func(r *recording) { r.settle(100); r.stuck("pg-3"); r.endAt(130); r.beat(4000) },
			all("convergence-resumes: violated never_completed", "idempotency: vacuous")},
		{"nothing moves for long after the failover, then it completes", "primary-restart",
			func(r *recording) { r.later(89.1, 700) },
			all("convergence-resumes: violated not_resumed", "status-coherence: violated actual_off")},
		{"the status says Emergency for ever", "node-drain",
			func(r *recording) {
				r.keep(86.2, func(o map[string]any) { set(o, "Emergency", sizing("state")...) })
				r.later(120, 60)
			},
			all("convergence-resumes: held", "status-coherence: violated state_stale")},
		{"lastAction names a size that nobody requested", "node-drain",
			func(r *recording) {
				r.keep(86.1, func(o map[string]any) { set(o, "3Gi", sizing("lastAction", "to")...) })
				r.later(120, 60)
			},
			all("convergence-resumes: held",
				"status-coherence: violated action_missing action_not_requested effective_not_action")},
		{"effectiveSize stays behind", "node-drain",
			func(r *recording) {
				r.keep(86.1, func(o map[string]any) { set(o, "1Gi", sizing("effectiveSize")...) })
				r.later(120, 60)
			},
			all("convergence-resumes: held", "status-coherence: violated effective_not_action effective_off")},
		{"the growth is in no lastAction", "node-drain",
			func(r *recording) {
				r.keep(86.1, func(o map[string]any) {
					set(o, nil, sizing("lastAction")...)
					set(o, nil, sizing("effectiveSize")...)
				})
				r.later(120, 60)
			},
			all("convergence-resumes: held", "status-coherence: violated action_missing")},
		{"lastAction is stamped a minute early", "node-drain",
			func(r *recording) {
				r.keep(86.1, func(o map[string]any) {
					set(o, "2026-11-22T02:13:46Z", sizing("lastAction", "timestamp")...)
				})
			},
			all("convergence-resumes: held", "status-coherence: violated action_time_off")},
		{"actualSizes never follows", "node-drain",
			func(r *recording) {
				r.keep(86.1, func(o map[string]any) { set(o, "1Gi", sizing("actualSizes", "pg-2")...) })
				r.later(120, 60)
			},
			all("convergence-resumes: held", "status-coherence: violated actual_off")},
		{"AtLimit far below the limit", "node-drain",
			func(r *recording) {
				r.keep(95, func(o map[string]any) { set(o, "AtLimit", sizing("state")...) })
				r.later(120, 60)
			},
			all("convergence-resumes: held", "status-coherence: violated not_at_limit")},
		{"PendingGrowth in an open window with actions left", "node-drain",
			func(r *recording) {
				r.keep(95, func(o map[string]any) { set(o, "PendingGrowth", sizing("state")...) })
				r.later(120, 60)
			},
			all("convergence-resumes: held", "status-coherence: violated pending_unexplained")},
		{"the budget does not add up", "node-drain",
			func(r *recording) {
				r.keep(86.1, func(o map[string]any) { set(o, 3, sizing("budget", "availableForPlanned")...) })
			},
			all("convergence-resumes: held", "status-coherence: violated budget_off")},
		{"the same action is done again", "node-drain",
			func(r *recording) { r.repeatAction(120) },
			all("convergence-resumes: held", "idempotency: violated action_repeated")},
		{"a claim is patched again and again", "node-drain",
			func(r *recording) {
				for _, at := range []float64{100, 110, 120} {
					r.again("PersistentVolumeClaim", "pg-2", at, func(map[string]any) {})
				}
			},
			all("convergence-resumes: held", "idempotency: violated patch_repeated")},
		{"a claim is patched to what it has, in other words", "node-drain",
			func(r *recording) {
				r.again("PersistentVolumeClaim", "pg-2", 110, func(o map[string]any) { set(o, "2048Mi", request...) })
				r.change("PersistentVolumeClaim", "pg-2", 110, func(o map[string]any) { set(o, "2048Mi", request...) })
			},
			all("convergence-resumes: held", "idempotency: violated patch_repeated")},
		{"a pod is replaced again and again", "node-drain",
			func(r *recording) {
				for i := range 4 {
					r.replacePod("pg-2", 112+4*float64(i), fmt.Sprintf("replaced-%d", i))
				}
				r.endAt(130)
			},
			all("convergence-resumes: held", "idempotency: violated pod_replaced_repeatedly")},
		{"there is no budget at all", "node-drain",
			func(r *recording) {
				r.change("Cluster", "pg", 0, func(o map[string]any) {
					set(o, 0, "spec", "storage", "emergencyGrow", "maxActionsPerDay")
					set(o, 0, "spec", "storage", "emergencyGrow", "reservedActionsForEmergency")
					if dig(o, sizing("budget")...) != nil {
						set(o, nil, sizing("budget")...)
					}
				})
			},
			all("convergence-resumes: held", "policy-bounds: violated over_budget")},
		{"emergency growth though it is disabled", "node-drain",
			func(r *recording) {
				r.change("Cluster", "pg", 0, func(o map[string]any) {
					set(o, false, "spec", "storage", "emergencyGrow", "enabled")
				})
			},
			all("convergence-resumes: held", "policy-bounds: violated emergency_disabled")},
		{"planned growth while the window is closed", "node-drain",
			func(r *recording) {
				r.change("Cluster", "pg", 0, func(o map[string]any) {
					set(o, "0 0 4 31 12 *", "spec", "storage", "maintenanceWindow", "schedule")
					if dig(o, sizing("lastAction")...) != nil {
						set(o, "ScheduledGrow", sizing("lastAction", "kind")...)
					}
				})
			},
			all("convergence-resumes: held", "policy-bounds: violated outside_window")},
		{"one replica is never grown", "node-drain",
			func(r *recording) {
				r.drop(func(kind, name string, at float64, _ map[string]any) bool {
					return kind == "PersistentVolumeClaim" && name == "pg-3" && at > 86
				})
				r.change("Cluster", "pg", 0, func(o map[string]any) {
					if dig(o, sizing("actualSizes", "pg-3")...) != nil {
						set(o, "1Gi", sizing("actualSizes", "pg-3")...)
					}
				})
				r.endAt(147)
				r.beat(600)
			},
			all("convergence-resumes: inconclusive pending", "idempotency: vacuous",
				"replica-consistency: violated diverged")},
		{"claims never follow a raised request", "node-drain",
			func(r *recording) {
				r.spec(120, func(s map[string]any) { s["request"] = "3Gi" })
				r.endAt(147)
				r.beat(600)
			},
			all("convergence-resumes: held", "policy-bounds: violated below_request")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := load(t, test.from)
			test.breaks(r)
			if diff := cmp.Diff(test.want, r.judge()); diff != "" {
				t.Error(diff)
			}
		})
	}
}
