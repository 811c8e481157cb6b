package invariants.policy_bounds_test

import data.invariants.policy_bounds as policy
import data.lib.fixture_test as fixture

_s := fixture.second

_gib := fixture.gib

_judge(document) := judged if {
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as document
		with data.params as fixture.params
}

_none := fixture.judgement(set(), set(), set())

_held(seq) := fixture.judgement(set(), {{"seq": {1, seq}}}, set())

_bad(seq, code, got, want) := object.union(_held(seq), {"violation": {{
	"code": code, "seq": {1, seq}, "volume": "pg-1", "got": got, "want": want, "unit": "bytes",
}}})

_doubt(judged, reason, seq) := object.union(judged, {"unknown": {{"reason": reason, "seq": seq}}})

_static(size) := {"mode": "static", "size": size, "request": 0, "limit": 0}

_shrunk(got, want) := object.union(_held(9), {"violation": {{
	"code": "request_shrunk", "seq": {9}, "volume": "pg-1", "got": got, "want": want, "unit": "bytes",
}}})

# One request at 50 s under one block.
test_requests[name] if {
	some name, case in {
		"a rise to less than the limit": {"spec": {}, "request": {}, "want": _held(9)},
		"a rise to the limit": {"spec": {"limit": 2 * _gib}, "request": {}, "want": _held(9)},
		"a rise above the limit": {
			"spec": {"limit": (2 * _gib) - 1}, "request": {},
			"want": _bad(9, "above_limit", 2 * _gib, (2 * _gib) - 1),
		},
		"a rise to the size that the group had when the limit came": {
			"spec": {"limit": _gib, "limit_peak": 2 * _gib}, "request": {}, "want": _held(9),
		},
		"a rise above the size that the group had when the limit came": {
			"spec": {"limit": _gib, "limit_peak": (2 * _gib) - 1}, "request": {},
			"want": _bad(9, "above_limit", 2 * _gib, (2 * _gib) - 1),
		},
		"a new claim of the requested size": {
			"spec": {}, "request": {"how": "created", "from": 0, "to": _gib}, "want": _held(9),
		},
		"a new claim below the requested size": {
			"spec": {}, "request": {"how": "created", "from": 0, "to": _gib - 1},
			"want": _bad(9, "below_request", _gib - 1, _gib),
		},
		"a rise that is still below the requested size": {
			"spec": {"request": 3 * _gib}, "request": {}, "want": _bad(9, "below_request", 2 * _gib, 3 * _gib),
		},
		"a smaller request": {
			"spec": {}, "request": {"from": 3 * _gib}, "want": _shrunk(2 * _gib, 3 * _gib),
		},
		"a claim that was there before": {"spec": {}, "request": {"how": "listed", "to": 9 * _gib}, "want": _none},
		"the same request in other words": {"spec": {}, "request": {"how": "rewritten"}, "want": _none},
		"a static claim of the size": {
			"spec": _static(2 * _gib), "request": {}, "want": _held(9),
		},
		"a static claim of another size": {
			"spec": _static(3 * _gib), "request": {},
			"want": _bad(9, "off_size", 2 * _gib, 3 * _gib),
		},
		"a static claim that becomes smaller than its size": {
			"spec": _static(3 * _gib), "request": {"from": 3 * _gib}, "want": _shrunk(2 * _gib, 3 * _gib),
		},
		"a claim that becomes smaller than requested": {
			"spec": {"request": 3 * _gib}, "request": {"from": 3 * _gib}, "want": _shrunk(2 * _gib, 3 * _gib),
		},
		"a dynamic block with a template": {"spec": {"size": 3 * _gib}, "request": {}, "want": _held(9)},
		"a static claim whose size nobody said": {
			"spec": {"mode": "static", "size": 0}, "request": {}, "want": _held(9),
		},
		"a claim that no block speaks of": {"spec": {"mode": "none"}, "request": {}, "want": _none},
		"the group was smaller before the block": {
			"spec": {"mode": "static", "size": 2 * _gib}, "request": {"how": "created", "from": 0}, "want": _held(9),
		},
	}
	_judge(fixture.storage({
		"specs": [fixture.spec(case.spec)],
		"requests": [fixture.request(9, 50, case.request)],
		"statuses": [fixture.grown(5, 50, {})],
	})) == case.want
}

test_wal_is_judged_in_static_mode_only[name] if {
	some name, case in {
		"dynamic": {"spec": {"limit": _gib}, "want": _none},
		"static": {"spec": {"mode": "static", "size": _gib}, "want": _bad(9, "off_size", 2 * _gib, _gib)},
	}
	_judge(fixture.storage({
		"role": "PG_WAL", "specs": [fixture.spec(case.spec)], "requests": [fixture.request(9, 50, {})],
	})) == case.want
}

test_growth_of_wal_is_not_judged if {
	_judge(fixture.storage({
		"role": "PG_WAL", "specs": [fixture.spec({"emergency_enabled": false, "max_actions": 0})],
		"requests": [fixture.request(9, 50, {})], "statuses": [fixture.grown(5, 51, {})],
	})) == _none
}

# The limit is lowered from 4 to 1 GiB at 100 s.
test_a_block_that_changes_near_the_request[name] if {
	some name, case in {
		"long before": {"at": 97, "spec": 0, "want": _held(9)},
		"just before": {"at": 99, "spec": 0, "want": fixture.judgement(set(), {{"seq": {2, 9}}}, set())},
		"just after": {
			"at": 101, "spec": 1,
			"want": _doubt(fixture.judgement(set(), {{"seq": {2, 9}}}, set()), "order_uncertain", {1, 2, 9}),
		},
		"long after": {"at": 102, "spec": 1, "want": fixture.judgement(
			{{
				"code": "above_limit", "seq": {2, 9}, "volume": "pg-1",
				"got": 2 * _gib, "want": _gib, "unit": "bytes",
			}},
			{{"seq": {2, 9}}}, set(),
		)},
	}
	_judge(fixture.storage({
		"specs": [
			fixture.spec({"until_ns": 100 * _s}),
			fixture.spec({"seq": 2, "ns": 100 * _s, "limit": _gib, "limit_peak": _gib}),
		],
		"requests": [fixture.request(9, case.at, {"spec": case.spec})],
	})) == case.want
}

test_no_block_is_a_doubt if {
	document := fixture.storage({
		"specs": [], "windows": [], "requests": [fixture.request(9, 50, {"spec": -1})],
	})
	_judge(document) == _doubt(_none, "spec_unknown", {9})
}

# A rise above the limit, which emergencies may exceed; the status is told of it at a moment.
test_exceeding_the_limit[name] if {
	some name, case in {
		"an emergency": {"statuses": [fixture.grown(5, 51, {})], "until": 10000, "want": _held(9)},
		"as late as may be": {"statuses": [fixture.grown(5, 110, {})], "until": 10000, "want": _held(9)},
		"too late": {
			"statuses": [fixture.grown(5, 111, {})], "until": 10000,
			"want": _bad(9, "above_limit", 2 * _gib, _gib),
		},
		"an emergency to more": {
			"statuses": [fixture.grown(5, 51, {"action_to": 3 * _gib})], "until": 10000, "want": _held(9),
		},
		"an emergency to less": {
			"statuses": [fixture.grown(5, 51, {"action_to": (2 * _gib) - 1})], "until": 10000,
			"want": _bad(9, "above_limit", 2 * _gib, _gib),
		},
		"planned growth": {
			"statuses": [fixture.grown(5, 51, {"action_kind": "ScheduledGrow"})], "until": 10000,
			"want": _bad(9, "above_limit", 2 * _gib, _gib),
		},
		"nothing yet": {
			"statuses": [], "until": 109, "want": _doubt(_held(9), "action_pending", {9, 999}),
		},
		"nothing in time": {"statuses": [], "until": 110, "want": _bad(9, "above_limit", 2 * _gib, _gib)},
		"planned growth, with the end near": {
			"statuses": [fixture.grown(5, 51, {"action_kind": "ScheduledGrow"})], "until": 60,
			"want": _bad(9, "above_limit", 2 * _gib, _gib),
		},
	}
	_judge(fixture.storage({
		"specs": [fixture.spec({"limit": _gib, "exceed_limit": true})],
		"requests": [fixture.request(9, 50, {})],
		"statuses": case.statuses, "until_ns": case.until * _s,
	})) == case.want
}

# With the end of the recording near.
test_not_exceeding_the_limit[name] if {
	some name, case in {
		"at the limit": {"spec": {"limit": 2 * _gib, "exceed_limit": true}, "statuses": [], "want": _held(9)},
		"an emergency, seen": {
			"spec": {"limit": _gib, "exceed_limit": true}, "statuses": [fixture.grown(5, 51, {})], "want": _held(9),
		},
		"no emergency may exceed it": {
			"spec": {"limit": _gib}, "statuses": [], "want": _bad(9, "above_limit", 2 * _gib, _gib),
		},
	}
	_judge(fixture.storage({
		"specs": [fixture.spec(case.spec)], "requests": [fixture.request(9, 50, {})],
		"statuses": case.statuses, "until_ns": 60 * _s,
	})) == case.want
}

# One growth at 50 s by an action.
test_growth_that_the_block_forbids[name] if {
	some name, case in {
		"emergency, enabled": {"spec": {}, "action": {}, "window": [0, 100], "want": _held(9)},
		"emergency, disabled": {
			"spec": {"emergency_enabled": false}, "action": {}, "window": [0, 100],
			"want": _bad(9, "emergency_disabled", 2 * _gib, _gib),
		},
		"emergency, disabled, closed": {
			"spec": {"emergency_enabled": false}, "action": {}, "window": [0, 10],
			"want": _bad(9, "emergency_disabled", 2 * _gib, _gib),
		},
		"planned, emergencies disabled": {
			"spec": {"emergency_enabled": false}, "action": {"action_kind": "ScheduledGrow"}, "window": [0, 100],
			"want": _held(9),
		},
		"planned, just closed": {
			"spec": {}, "action": {"action_kind": "ScheduledGrow"}, "window": [0, 45], "want": _held(9),
		},
		"planned, closed": {
			"spec": {}, "action": {"action_kind": "ScheduledGrow"}, "window": [0, 44],
			"want": _bad(9, "outside_window", 2 * _gib, _gib),
		},
		"unknown, closed": {
			"spec": {}, "action": {"has_action": false}, "window": [0, 10],
			"want": _doubt(_held(9), "kind_unknown", {9}),
		},
		"unknown, open": {"spec": {}, "action": {"has_action": false}, "window": [0, 100], "want": _held(9)},
		"unknown, closed, emergencies disabled": {
			"spec": {"emergency_enabled": false}, "action": {"has_action": false}, "window": [0, 10],
			"want": _bad(9, "outside_window", 2 * _gib, _gib),
		},
		"planned, just opening": {
			"spec": {}, "action": {"action_kind": "ScheduledGrow"}, "window": [55, 99], "want": _held(9),
		},
		"planned, not yet open": {
			"spec": {}, "action": {"action_kind": "ScheduledGrow"}, "window": [56, 99],
			"want": _bad(9, "outside_window", 2 * _gib, _gib),
		},
		"emergency, closed": {"spec": {}, "action": {}, "window": [0, 10], "want": _held(9)},
		"asked for by the block, closed": {
			"spec": {"request": 2 * _gib}, "action": {"action_kind": "ScheduledGrow"}, "window": [0, 10],
			"want": _held(9),
		},
	}
	_judge(fixture.storage({
		"specs": [fixture.spec(case.spec)],
		"requests": [fixture.request(9, 50, {})],
		"statuses": [fixture.grown(5, 51, case.action)],
		"windows": [{"opens_ns": case.window[0] * _s, "closes_ns": case.window[1] * _s}],
	})) == case.want
}

# Growth to 2, 3 … GiB at the moments, each by its own action of one kind.
_grows(moments, kind) := {
	"requests": [fixture.request(10 + i, at, {"to": (i + 2) * _gib, "from": (i + 1) * _gib, "peak": 0}) |
		some i, at in moments
	],
	"statuses": array.concat([fixture.status(3, 0, {})], [status |
		some i, at in moments
		status := fixture.grown(50 + i, at, {"action_kind": kind, "action_to": (i + 2) * _gib})
	]),
}

test_budget[name] if {
	some name, case in {
		"as many as there are": {"at": [100, 200], "kind": "EmergencyGrow", "max": 2, "want": set()},
		"one too many": {"at": [100, 200, 300], "kind": "EmergencyGrow", "max": 2, "want": {{
			"code": "over_budget", "seq": {10, 11, 12}, "volume": "pg-1", "got": 3, "want": 2,
		}}},
		"a day apart": {"at": [100, 200, 86500], "kind": "EmergencyGrow", "max": 2, "want": set()},
		"nearly a day apart": {"at": [100, 200, 86499], "kind": "EmergencyGrow", "max": 2, "want": {{
			"code": "over_budget", "seq": {10, 11, 12}, "volume": "pg-1", "got": 3, "want": 2,
		}}},
		"planned, up to the reserve": {"at": [100], "kind": "ScheduledGrow", "max": 2, "want": set()},
		"planned, into the reserve": {"at": [100, 200], "kind": "ScheduledGrow", "max": 2, "want": {{
			"code": "over_planned_budget", "seq": {10, 11}, "volume": "pg-1", "got": 2, "want": 1,
		}}},
		"planned, a day apart": {"at": [100, 86500], "kind": "ScheduledGrow", "max": 2, "want": set()},
		"planned, nearly a day apart": {"at": [100, 86499], "kind": "ScheduledGrow", "max": 2, "want": {{
			"code": "over_planned_budget", "seq": {10, 11}, "volume": "pg-1", "got": 2, "want": 1,
		}}},
		"planned, past everything": {"at": [100, 200], "kind": "ScheduledGrow", "max": 1, "want": {
			{"code": "over_budget", "seq": {10, 11}, "volume": "pg-1", "got": 2, "want": 1},
			{"code": "over_planned_budget", "seq": {10}, "volume": "pg-1", "got": 1, "want": 0},
		}},
	}
	document := fixture.storage(object.union(_grows(case.at, case.kind), {
		"specs": [fixture.spec({"limit": 99 * _gib, "max_actions": case.max, "until_ns": 90000 * _s})],
		"windows": [{"opens_ns": 0, "closes_ns": 90000 * _s}], "until_ns": 90000 * _s,
	}))
	_judge(document).violation == case.want
}

# The status tells of an action before the recording began; one more is in it.
test_budget_from_before_the_recording[name] if {
	some name, case in {
		"a day before": {"at": -86350, "want": set()},
		"nearly a day before": {"at": -86349, "want": {{
			"code": "over_budget", "seq": {3, 9}, "volume": "pg-1", "got": 2, "want": 1,
		}}},
		"just when it began": {"at": -5, "want": set()},
		"just before it began": {"at": -6, "want": {{
			"code": "over_budget", "seq": {3, 9}, "volume": "pg-1", "got": 2, "want": 1,
		}}},
	}
	_judge(fixture.storage({
		"specs": [fixture.spec({"max_actions": 1})],
		"requests": [fixture.request(9, 50, {})],
		"statuses": [
			fixture.grown(3, 0, {"action_to": _gib, "action_at_ns": case.at * _s}),
			fixture.grown(8, 51, {}),
		],
	})).violation == case.want
}

# Growths of several kinds, of which one may be planned.
test_only_planned_growth_counts_as_planned[name] if {
	some name, case in {
		"an emergency, then planned": {"kinds": ["EmergencyGrow", "ScheduledGrow"], "want": set()},
		"an emergency at last": {
			"kinds": ["ScheduledGrow", "ScheduledGrow", "EmergencyGrow"], "want": {{
				"code": "over_planned_budget", "seq": {10, 11}, "volume": "pg-1", "got": 2, "want": 1,
			}},
		},
	}
	_judge(fixture.storage({
		"specs": [fixture.spec({"limit": 99 * _gib, "max_actions": 4, "reserved_actions": 3})],
		"requests": [fixture.request(10 + i, 100 * (i + 1), {"to": (i + 2) * _gib, "from": (i + 1) * _gib, "peak": 0}) |
			some i, _ in case.kinds
		],
		"statuses": array.concat([fixture.status(3, 0, {})], [status |
			some i, kind in case.kinds
			status := fixture.grown(50 + i, 100 * (i + 1), {"action_kind": kind, "action_to": (i + 2) * _gib})
		]),
	})).violation == case.want
}

test_wal_need_not_follow if {
	_judge(fixture.storage({
		"role": "PG_WAL", "specs": [fixture.spec({"request": 2 * _gib})], "spans": _short({}, 311, false),
	})) == _none
}

test_an_action_from_before_counts_once if {
	earlier := {"action_to": _gib, "action_at_ns": -100 * _s}
	_judge(fixture.storage({
		"specs": [fixture.spec({"max_actions": 2})],
		"requests": [fixture.request(9, 50, {})],
		"statuses": [fixture.grown(3, 0, earlier), fixture.grown(4, 9, earlier), fixture.grown(8, 51, {})],
	})).violation == set()
}

test_a_status_without_an_action_counts_for_nothing if {
	_judge(fixture.storage({
		"from_ns": 20 * _s, "specs": [fixture.spec({"max_actions": 1})],
		"requests": [fixture.request(9, 50, {})],
		"statuses": [fixture.status(3, 20, {}), fixture.grown(8, 51, {})],
	})).violation == set()
}

test_the_budget_of_wal_is_not_judged if {
	_judge(fixture.storage({
		"role": "PG_WAL", "specs": [fixture.spec({"max_actions": 0})],
		"statuses": [fixture.status(7, 10, {}), fixture.status(8, 20, {"actions": 1})],
	})) == _none
}

test_budget_that_the_status_admits[name] if {
	some name, case in {
		"up to the budget": {"actions": 4, "max": 4, "want": set()},
		"above the budget": {"actions": 5, "max": 4, "want": {{
			"code": "over_budget", "seq": {1, 8}, "got": 5, "want": 4,
		}}},
		"as before": {"actions": 2, "max": 1, "want": set()},
	}
	_judge(fixture.storage({
		"specs": [fixture.spec({"max_actions": case.max})],
		"statuses": [fixture.status(7, 10, {"actions": 2}), fixture.status(8, 20, {"actions": case.actions})],
	})).violation == case.want
}

_short(changes, until, last) := [
	fixture.span(3, 0, 10, {"volumes": [fixture.volume("pg-1", {"request": 2 * _gib})]}),
	fixture.span(4, 10, until, {"last": last, "volumes": [fixture.volume("pg-1", changes)]}),
]

# The claim requests less than the block from 10 s on.
test_claims_must_follow[name] if {
	some name, case in {
		"in time": {"spec": {"request": 2 * _gib}, "until": 310, "last": false, "claim": {}, "want": _none},
		"too late": {
			"spec": {"request": 2 * _gib}, "until": 311, "last": false, "claim": {},
			"want": object.union(_none, {"violation": {{
				"code": "below_request", "seq": {1, 4}, "volume": "pg-1",
				"got": _gib, "want": 2 * _gib, "unit": "bytes",
			}}}),
		},
		"static, too late": {
			"spec": {"mode": "static", "size": 2 * _gib}, "until": 311, "last": false, "claim": {},
			"want": object.union(_none, {"violation": {{
				"code": "off_size", "seq": {1, 4}, "volume": "pg-1", "got": _gib, "want": 2 * _gib, "unit": "bytes",
			}}}),
		},
		"not yet": {
			"spec": {"request": 2 * _gib}, "until": 310, "last": true, "claim": {},
			"want": _doubt(_none, "pending", {4, 999}),
		},
		"detached": {
			"spec": {"request": 2 * _gib}, "until": 311, "last": false, "claim": {"status": "detached"},
			"want": _none,
		},
		"as much as asked for": {
			"spec": {"request": 2 * _gib}, "until": 311, "last": false, "claim": {"request": 2 * _gib},
			"want": _none,
		},
		"volumes in use are not resized": {
			"spec": {"request": 2 * _gib, "resize_in_use": false}, "until": 311, "last": false, "claim": {},
			"want": _none,
		},
	}
	_judge(fixture.storage({
		"specs": [fixture.spec(case.spec)], "spans": _short(case.claim, case.until, case.last),
	})) == case.want
}

test_only_claims_that_did_not_follow_are_named if {
	claims := [fixture.volume("pg-1", {}), fixture.volume("pg-2", {"request": 2 * _gib})]
	judged := _judge(fixture.storage({
		"specs": [fixture.spec({"request": 2 * _gib})],
		"spans": [fixture.span(4, 10, 311, {"volumes": claims})],
	}))
	{finding.volume | some finding in judged.violation} == {"pg-1"}
}

test_a_cluster_deleted_before_claims_followed if {
	_judge(fixture.storage({
		"until": "deleted", "specs": [fixture.spec({"request": 2 * _gib})], "spans": _short({}, 310, true),
	})) == _doubt(_none, "deleted", {4, 999})
}

test_uncertain_moments_of_following if {
	spans := [_short({}, 311, false)[0], object.union(_short({}, 311, false)[1], {"until_not_before_ns": 310 * _s})]
	document := fixture.storage({"specs": [fixture.spec({"request": 2 * _gib})], "spans": spans})
	_judge(document) == _doubt(_none, "clock", {4, 999})
}

test_a_gap_hides_requests[name] if {
	some name, case in {
		"of claims": {"gap": {}, "requests": [fixture.request(9, 50, {})], "want": _doubt(_held(9), "gap", {901, 902})},
		"of clusters, spec known": {
			"gap": {"same_generation": true}, "requests": [fixture.request(9, 50, {})], "want": _held(9),
		},
		"of pods": {"gap": {"resource": "pods"}, "requests": [fixture.request(9, 50, {})], "want": _held(9)},
		"with nothing to judge": {"gap": {}, "requests": [], "want": _none},
	}
	_judge(fixture.storage({
		"requests": case.requests, "statuses": [fixture.grown(5, 50, {})],
		"gaps": [object.union(fixture.gap("persistentvolumeclaims", 20, 30), case.gap)],
	})) == case.want
}
