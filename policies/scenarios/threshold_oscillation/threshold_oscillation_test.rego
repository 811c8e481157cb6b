package scenarios.threshold_oscillation_test

import data.lib.fixture_test as fixture
import data.lib.recovery_test as story
import data.scenarios.threshold_oscillation as policy

_s := fixture.second

_g := fixture.gib

_crossing(seq, direction, by) := object.union(fixture.moment(seq, seq), {
	"volume": "pg-1", "instance": "pg-1", "direction": direction, "by": by, "used": _g, "capacity": _g, "percent": 81,
})

# Over, under, over again because the volume became fuller.
_twice := [_crossing(20, "over", "used"), _crossing(22, "under", "used"), _crossing(24, "over", "used")]

_base := {
	"kind": "oscillation", "subject": "pg-1", "operations": [], "crossings": _twice,
	"storage": [story.group({"statuses": []})],
}

_judge(changes) := judged if {
	document := story.episode(object.union(_base, changes))
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as document
		with data.params as fixture.params
}

_nothing := fixture.judgement(set(), set(), set())

test_held if _judge({}) == fixture.judgement(set(), {{"seq": {20, 24}}}, set())

test_once_is_no_oscillation[name] if {
	some name, crossings in {
		"once": [_twice[0], _twice[1]],
		"not fuller": [_twice[0], _twice[1], _crossing(24, "over", "capacity")],
		"only under": [_twice[0], _twice[1], _crossing(24, "under", "used")],
	}
	_judge({"crossings": crossings}).exercised == set()
}

_group(changes) := {"storage": [story.group(object.union({"statuses": []}, changes))]}

# Growth by 1 GiB, again and again.
_rises(n) := [fixture.request(30 + i, 30 + i, {"from": i * _g, "to": (i + 1) * _g, "peak": i * _g}) |
	some i in numbers.range(1, n)
]

# The actions of these, on account of an instance.
_actions(n, instance) := [fixture.grown(60 + i, 31 + i, {
	"action_to": (i + 1) * _g, "action_instance": instance, "state": "Balanced",
}) |
	some i in numbers.range(1, n)
]

_bad := _group({
	"specs": _large, "statuses": _actions(9, "pg-1"), "requests": array.concat(_rises(9), [
		fixture.request(50, 50, {"to": 1}),
		fixture.request(51, 51, {"how": "rewritten", "to": _g}),
	]),
	"touches": [{"seq": 60}, {"seq": 61}],
})

test_vacuous if {
	_judge(object.union(_bad, {"kind": "growth"})) == _nothing
	_judge(object.union(_bad, {"subject": "pg-9"})).violation == set()
}

_large := [fixture.spec({"limit": 99 * _g})]

test_growth[name] if {
	some name, case in {
		"none": {"n": 0, "crossings": _twice, "want": set()},
		"as often as crossed and once more": {"n": 3, "crossings": _twice, "want": set()},
		"more often": {"n": 4, "crossings": _twice, "want": {[4, 3]}},
		"crossings by capacity count": {
			"n": 4, "crossings": array.concat(_twice, [_crossing(26, "over", "capacity")]), "want": set(),
		},
		"crossings downwards do not": {
			"n": 4, "crossings": array.concat(_twice, [_crossing(26, "under", "used")]), "want": {[4, 3]},
		},
	}
	rises := [rise | some rise in _rises(4); rise.seq <= 30 + case.n]
	judged := _judge(object.union(
		_group({"specs": _large, "requests": rises, "statuses": _actions(4, "pg-1")}),
		{"crossings": case.crossings},
	))
	{[row.got, row.want] | some row in judged.violation} == case.want
	{row.code | some row in judged.violation} - {"grown_repeatedly"} == set()
}

test_requests[name] if {
	some name, case in {
		"raised": {"change": {}, "want": set()},
		"lowered": {"change": {"to": 1}, "want": {"request_lowered"}},
		"the same": {"change": {"to": _g}, "want": set()},
		"new": {"change": {"how": "created", "to": 1}, "want": set()},
	}
	judged := _judge(_group({"requests": [fixture.request(40, 40, case.change)]}))
	{row.code | some row in judged.violation} == case.want
}

test_growth_on_account_of_another_volume_is_not_counted if {
	group := {"specs": _large, "requests": _rises(4)}
	_judge(_group(object.union(group, {"statuses": _actions(4, "pg-2")}))).violation == set()
	_judge(_group(group)).violation == set()
}

test_other_volumes_turn_the_state_too[name] if {
	some name, case in {
		"one that oscillates": {"kind": "oscillation", "want": 0},
		"something else": {"kind": "growth", "want": 1},
	}
	judged := _judge(object.union(_group({"statuses": _turns(10)}), {"concurrent": [{"kind": case.kind}]}))
	count(judged.violation) == case.want
	worse := _judge(object.union(_group({"statuses": _turns(11)}), {"concurrent": [{"kind": case.kind}]}))
	count(worse.violation) == 1
}

_touch(seq) := object.union(fixture.moment(seq, seq), {"volume": "pg-1"})

_rewritten(seq) := fixture.request(seq, seq, {"how": "rewritten", "to": _g})

test_writes[name] if {
	some name, case in {
		"one that changes nothing": {"change": {"touches": [_touch(40)]}, "want": set()},
		"two": {"change": {"touches": [_touch(40), _touch(41)]}, "want": {["churn", 2, 1, {40, 41}]}},
		"one in other words": {"change": {"requests": [_rewritten(42)]}, "want": set()},
		"one of each": {
			"change": {"touches": [_touch(40)], "requests": [_rewritten(42)]}, "want": {["churn", 2, 1, {40, 42}]},
		},
		"one that changes": {
			"change": {"touches": [_touch(40)], "requests": [fixture.request(42, 42, {})]}, "want": set(),
		},
	}
	judged := _judge(_group(case.change))
	{[row.code, row.got, row.want, row.seq] | some row in judged.violation} == case.want
}

# The state turns n times.
_turns(n) := [fixture.status(40 + i, 40 + i, {"state": {0: "Balanced", 1: "NeedsGrow"}[i % 2]}) |
	some i in numbers.range(0, n)
]

test_states[name] if {
	some name, case in {
		"as often as three crossings and what is missed explain": {"change": {"statuses": _turns(7)}, "want": set()},
		"more often": {"change": {"statuses": _turns(8)}, "want": {[8, 7]}},
		"a growth explains three": {
			"change": {"statuses": _turns(10), "specs": _large, "requests": _rises(1)}, "want": set(),
		},
		"and no more": {
			"change": {"statuses": _turns(11), "specs": _large, "requests": _rises(1)}, "want": {[11, 10]},
		},
		"changes of something else are none": {
			"change": {"statuses": [fixture.status(40 + i, 40 + i, {"actions": i}) | some i in numbers.range(0, 20)]},
			"want": set(),
		},
	}
	judged := _judge(_group(case.change))
	{[row.got, row.want] | some row in judged.violation} == case.want
	{row.code | some row in judged.violation} - {"state_flaps"} == set()
}

test_rows if {
	_judge(_group({"requests": [fixture.request(40, 40, {"to": 1})]})).violation == {{
		"code": "request_lowered", "seq": {40}, "volume": "pg-1", "got": 1, "want": _g, "unit": "bytes",
	}}
	_judge(_group({"specs": _large, "requests": _rises(4), "statuses": _actions(4, "pg-1")})).violation == {{
		"code": "grown_repeatedly", "seq": {31, 32, 33, 34}, "got": 4, "want": 3,
	}}
	_judge(_group({"statuses": _turns(8)})).violation == {{
		"code": "state_flaps", "seq": {41, 42, 43, 44, 45, 46, 47, 48}, "got": 8, "want": 7,
	}}
}

test_gaps[name] if {
	some name, case in {
		"of clusters": {"gap": fixture.gap("clusters", 100, 110), "change": {}, "want": {"gap"}},
		"of claims": {"gap": fixture.gap("persistentvolumeclaims", 100, 110), "change": {}, "want": {"gap"}},
		"of nodes": {"gap": fixture.gap("nodes", 100, 110), "change": {}, "want": set()},
		"over which the spec is known": {
			"gap": object.union(fixture.gap("clusters", 100, 110), {"same_generation": true}), "change": {},
			"want": set(),
		},
		"without an oscillation": {
			"gap": fixture.gap("clusters", 100, 110), "change": {"crossings": []}, "want": set(),
		},
	}
	judged := _judge(object.union(case.change, {"gaps": [case.gap]}))
	{row.reason | some row in judged.unknown} == case.want
}

test_a_gap_is_a_row if {
	_judge({"gaps": [fixture.gap("clusters", 100, 110)]}).unknown == {{"reason": "gap", "seq": {901, 902}}}
}
