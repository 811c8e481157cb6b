package views_test

import (
	"testing"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

func TestTheRunTellsOfRequestsAndBlocks(t *testing.T) {
	d := standing(t).
		put(10, clusterKind, "pg", "c1", dynamic("1Gi", "512Mi", object{
			"maintenanceWindow": object{"schedule": "0 4 * * *", "duration": "soon"},
		})).
		put(11, leaseKind, "db9c8771.cnpg.io", "l1", held("op-a")).
		put(12, leaseKind, "db9c8771.cnpg.io", "l1", held("op-b")).
		say(20, trace.Mark, object{
			"phase": "admission", "verb": "create", "name": "x", "outcome": "rejected", "expected": "rejected",
			"message": "no", "object": object{"spec": object{"storage": object{"size": "1Gi", "limit": "x"}}},
		}).
		say(21, trace.Mark, object{
			"phase": "admission", "operation": "update", "object": "y", "accepted": true, "expect": "accept",
		}).
		say(22, trace.Mark, object{"phase": "settled", "requirement": "validation"}).
		only("run")
	expect(t, pick(d["blocks"], "ns", "path", "before", "known", "limit", "schedule_fields", "schedule_valid",
		"duration_valid"), []string{
		"1s spec.storage -1 true 4Gi 0 true true", "10s spec.storage 0 true 512Mi 5 false false",
	})
	expect(t, pick(d["attempts"], "ns", "operation", "object", "accepted", "error", "expect"), []string{
		"20s create x false no reject", "21s update y true  accept",
	})
	first := d["attempts"].([]any)[0].(map[string]any)
	expect(t, pick(first["blocks"], "path", "size", "limit", "limit_bytes"), []string{"spec.storage 1Gi x -1"})
	expect(t, pick(d["leases"], "ns", "lease", "holder"), []string{
		"11s ns/db9c8771.cnpg.io op-a", "12s ns/db9c8771.cnpg.io op-b",
	})
	expect(t, pick(d["marks"], "phase", "requirement"), []string{"settled validation"})
}
