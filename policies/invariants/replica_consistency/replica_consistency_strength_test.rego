# Cases that tell a policy from its mutants; see docs/policy-strength.md.
package invariants.replica_consistency_test

import data.lib.fixture_test as fixture

_around(volumes) := [fixture.span(4, 0, 100, {"volumes": [fixture.volume(name, {"request": size}) |
	some name, size in volumes
]})]

test_created_beside[name] if {
	some name, case in {
		"one other": {"request": {"siblings": 1, "to": _gib}, "volumes": {}, "want": _off(_gib, 2 * _gib)},
		"others of the smallest size there is": {
			"request": {"to": 1, "peak": 1, "effective": 1}, "volumes": {}, "want": _held,
		},
		"others of which one is larger": {
			"request": {"to": 3 * _gib}, "volumes": {"pg-1": _gib, "pg-2": 3 * _gib}, "want": _held,
		},
		"others, and larger than all but itself": {
			"request": {"to": 3 * _gib}, "volumes": {"pg-1": 2 * _gib, "pg-4": 3 * _gib}, "want": _off(3 * _gib, 2 * _gib),
		},
	}
	spans := [span | some span in _around(case.volumes); count(case.volumes) > 0]
	judged := _judge(fixture.storage({
		"specs": [fixture.spec({"resize_in_use": false})], "spans": spans, "requests": [_created(case.request)],
	}))
	judged == case.want
}

test_created_beside_one_other_under_no_block if {
	_judge(fixture.storage({"specs": [], "requests": [_created({"siblings": 1})]})) == _doubt(_none, "spec_unknown", {9})
}

# One claim stays behind from 10 to 311 s, in two spans.
_behind := [
	fixture.span(3, 0, 10, {}),
	fixture.span(4, 10, 200, _unequal),
	fixture.span(5, 200, 311, _unequal),
	fixture.span(6, 311, 10000, {"last": true}),
]

_unequal := {
	"peak": 2 * _gib,
	"volumes": [fixture.volume("pg-1", {"request": 2 * _gib}), fixture.volume("pg-2", {})],
}

test_evidence_of_a_run if {
	judged := _judge(fixture.storage({"spans": _behind}))
	{finding.seq | some finding in judged.violation} == {{4, 5}}
}

test_gaps_hide_that_they_were_equal[name] if {
	some name, case in {
		"of clusters": {"kind": "clusters", "want": 0},
		"of claims": {"kind": "persistentvolumeclaims", "want": 0},
		"of pods": {"kind": "pods", "want": 1},
	}
	judged := _judge(fixture.storage({"spans": _behind, "gaps": [fixture.gap(case.kind, 50, 60)]}))
	count(judged.violation) == case.want
}

test_a_long_gap_counts_beside_one_claim_and_one_run if {
	judged := _judge(fixture.storage({
		"spans": _behind, "requests": [_created({})],
		"gaps": [fixture.gap("persistentvolumeclaims", 5000, 5301)],
	}))
	{"reason": "gap", "seq": {901, 902}} in judged.unknown
}
