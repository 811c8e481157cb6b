package policies_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// startAt lets the recording begin later: what exists then is listed.
func (r *recording) startAt(seconds float64) {
	var kept []map[string]any
	known := map[string]map[string]any{}
	var order []string
	begin := r.stamp(seconds)
	for _, line := range r.lines {
		kind, name := identity(line)
		key := kind + "/" + name
		switch {
		case r.seconds(line) >= seconds:
			kept = append(kept, line)
		case line["type"] == "DELETED":
			delete(known, key)
		case kind != "Mark" && line["type"] != "BOOKMARK":
			if known[key] == nil {
				order = append(order, key)
			}
			known[key] = line
		}
	}
	var listed []map[string]any
	for _, key := range order {
		if line := known[key]; line != nil {
			line["time"], line["type"] = begin, "ADDED"
			listed = append(listed, line)
		}
	}
	r.lines = append(listed, kept...)
}

// second copies the cluster with all that is its own under another name.
func (r *recording) second(name string) {
	var more []map[string]any
	for _, line := range r.lines {
		kind, old := identity(line)
		if old == "" || !slices.Contains([]string{"Cluster", "PersistentVolumeClaim", "Pod"}, kind) ||
			(kind != "Cluster" && dig(line, "object", "metadata", "labels", "cnpg.io/cluster") == nil) {
			continue
		}
		twin := clone(line).(map[string]any)
		o := twin["object"].(map[string]any)
		set(o, "second-"+old, "metadata", "name")
		set(o, "22222222"+dig(o, "metadata", "uid").(string)[8:], "metadata", "uid")
		if kind == "Cluster" {
			set(o, name, "metadata", "name")
		} else {
			set(o, name, "metadata", "labels", "cnpg.io/cluster")
			set(o, nil, "metadata", "ownerReferences")
		}
		more = append(more, twin)
	}
	r.lines = append(r.lines, more...)
}

// capacity gives every grown claim a capacity of its own, as a provider that
// rounds up does.
func (r *recording) capacity(size string) {
	r.claims(0, func(o map[string]any) {
		if dig(o, "status", "capacity", "storage") == "2Gi" {
			set(o, size, "status", "capacity", "storage")
		}
	})
	r.change("Cluster", "pg", 0, func(o map[string]any) {
		for _, instance := range []string{"pg-1", "pg-2", "pg-3"} {
			if dig(o, sizing("actualSizes", instance)...) == "2Gi" {
				set(o, size, sizing("actualSizes", instance)...)
			}
		}
	})
}

// static turns the cluster into one without dynamic sizing, whose size is raised
// when the recording grows.
func (r *recording) static() {
	r.change("Cluster", "pg", 0, func(o map[string]any) {
		set(o, map[string]any{"size": "1Gi", "resizeInUseVolumes": true, "targetBuffer": 20}, "spec", "storage")
		if dig(o, "status") != nil {
			set(o, nil, "status", "storageSizing")
		}
	})
	r.spec(85, func(s map[string]any) { s["size"] = "2Gi" })
}

// tablespace turns the data volumes into those of a tablespace.
func (r *recording) tablespace(name string) {
	r.claims(0, func(o map[string]any) {
		set(o, "PG_TABLESPACE", "metadata", "labels", "cnpg.io/pvcRole")
		set(o, name, "metadata", "labels", "cnpg.io/tablespaceName")
	})
	r.change("Cluster", "pg", 0, func(o map[string]any) {
		set(o, []any{map[string]any{"name": name, "storage": dig(o, "spec", "storage")}}, "spec", "tablespaces")
		set(o, map[string]any{"size": "1Gi"}, "spec", "storage")
		if sizing := dig(o, data...); sizing != nil {
			set(o, map[string]any{"tablespaces": map[string]any{name: sizing}}, "status", "storageSizing")
		}
	})
}

// grow raises the request of every claim at a moment; the capacity follows.
func (r *recording) grow(at float64, size string) {
	for i, name := range []string{"pg-1", "pg-2", "pg-3"} {
		r.again("PersistentVolumeClaim", name, at+float64(i)/10, func(o map[string]any) { set(o, size, request...) })
		r.again("PersistentVolumeClaim", name, at+2+float64(i)/10, func(o map[string]any) {
			set(o, size, "status", "capacity", "storage")
		})
	}
	r.claims(at+2.25, func(o map[string]any) {
		set(o, size, request...)
		set(o, size, "status", "capacity", "storage")
	})
	r.again("Cluster", "pg", at+3, func(map[string]any) {})
	r.change("Cluster", "pg", at+3, func(o map[string]any) {
		for _, instance := range []string{"pg-1", "pg-2", "pg-3"} {
			set(o, size, sizing("actualSizes", instance)...)
		}
	})
}

// delay moves the events of one kind from a moment on by some seconds.
func (r *recording) delay(kind string, from, by float64) {
	for _, line := range r.lines {
		if k, _ := identity(line); k == kind && r.seconds(line) > from {
			line["time"] = r.stamp(r.seconds(line) + by)
		}
	}
}

// What is as documented is not found fault with, whatever its shape.
func TestHealthyRecordingsAreNotBlamed(t *testing.T) {
	drained := all("convergence-resumes: held")
	tests := []struct {
		name   string
		from   string
		change func(r *recording)
		want   map[string]string
	}{
		{"one instance", "growth",
			func(r *recording) { r.without("pg-2", "pg-3"); r.settle(100) },
			all("replica-consistency: vacuous")},
		{"two instances", "growth",
			func(r *recording) { r.without("pg-3"); r.settle(100) }, all()},
		{"a static cluster whose size is raised", "growth",
			func(r *recording) { r.static() }, all("status-coherence: vacuous")},
		{"a tablespace", "node-drain", func(r *recording) { r.tablespace("archive") }, drained},
		{"two clusters in one namespace", "node-drain", func(r *recording) { r.second("other") }, drained},
		{"no marks", "node-drain",
			func(r *recording) {
				r.drop(func(kind, _ string, _ float64, _ map[string]any) bool { return kind == "Mark" })
			}, drained},
		{"the recording ends in the middle of the growth", "node-drain",
			func(r *recording) { r.endAt(90) },
			all("convergence-resumes: inconclusive pending", "idempotency: vacuous",
				"status-coherence: inconclusive pending")},
		{"it begins when all is done", "node-drain",
			func(r *recording) { r.startAt(120) },
			all("policy-bounds: vacuous", "replica-consistency: vacuous", "idempotency: vacuous",
				"status-coherence: vacuous")},
		{"it begins before the growth", "node-drain",
			func(r *recording) { r.startAt(80) }, drained},
		{"it begins in the middle of the growth", "node-drain",
			func(r *recording) { r.startAt(90) },
			all("convergence-resumes: held", "policy-bounds: vacuous", "replica-consistency: vacuous",
				"status-coherence: vacuous")},
		{"the operator is restarted meanwhile", "growth",
			func(r *recording) {
				r.settle(100)
				r.change("Lease", "", 90, func(o map[string]any) { set(o, "another_1", "spec", "holderIdentity") })
			}, drained},
		{"the limit is lowered below what is there", "node-drain",
			func(r *recording) { r.spec(120, func(s map[string]any) { s["limit"] = "1536Mi" }) }, drained},
		{"a replica is added above a limit that was lowered", "node-drain",
			func(r *recording) {
				r.spec(120, func(s map[string]any) { s["limit"] = "1536Mi" })
				r.newReplica(125, "2Gi")
				r.endAt(147)
			}, drained},
		{"a replica is added at the effective size", "node-drain",
			func(r *recording) { r.newReplica(120, "2Gi"); r.endAt(147) }, drained},
		{"the request is raised, which is no action", "node-drain",
			func(r *recording) {
				r.spec(115, func(s map[string]any) { s["request"] = "3Gi" })
				r.grow(116, "3Gi")
				r.later(125, 120)
			}, drained},
		{"the provider rounds capacities up", "node-drain",
			func(r *recording) { r.capacity("3Gi") }, drained},
		{"an emergency step that is no whole GiB", "node-drain",
			func(r *recording) { r.resize("1280Mi"); r.capacity("2Gi") }, drained},
		{"an emergency that may exceed the limit", "node-drain",
			func(r *recording) {
				r.change("Cluster", "pg", 0, func(o map[string]any) {
					set(o, "1536Mi", "spec", "storage", "limit")
					set(o, true, "spec", "storage", "emergencyGrow", "exceedLimitOnEmergency")
				})
			}, drained},
		{"the same quantities in other words", "node-drain",
			func(r *recording) {
				r.change("Cluster", "pg", 0, func(o map[string]any) {
					set(o, "4096Mi", "spec", "storage", "limit")
					if dig(o, sizing("effectiveSize")...) != nil {
						set(o, "2147483648", sizing("effectiveSize")...)
					}
				})
			}, drained},
		{"clusters are received a little later than claims", "node-drain",
			func(r *recording) { r.delay("Cluster", 1, 0.3) }, drained},
		{"clusters are received a little earlier", "node-drain",
			func(r *recording) { r.delay("Cluster", 1, -0.3) }, drained},
		{"the status lags by twenty seconds", "node-drain",
			func(r *recording) { r.later(100, 60); r.delay("Cluster", 60, 20) },
			all("convergence-resumes: held")},
		{"the cluster is deleted in the middle of the growth", "node-drain",
			func(r *recording) {
				r.again("Cluster", "pg", 90, func(o map[string]any) {
					set(o, r.stamp(90), "metadata", "deletionTimestamp")
				})
				r.change("Cluster", "pg", 90, func(o map[string]any) {
					set(o, r.stamp(90), "metadata", "deletionTimestamp")
				})
			},
			all("convergence-resumes: inconclusive deleted", "idempotency: vacuous",
				"status-coherence: inconclusive deleted")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := load(t, test.from)
			test.change(r)
			if diff := cmp.Diff(test.want, r.judge()); diff != "" {
				t.Error(diff)
			}
		})
	}
}
