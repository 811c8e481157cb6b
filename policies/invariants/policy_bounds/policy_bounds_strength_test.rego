# Cases that tell a policy from its mutants; see docs/policy-strength.md.
package invariants.policy_bounds_test

import data.lib.fixture_test as fixture

test_requests_that_are_written_anew[name] if {
	some name, case in {
		"below the block": {"spec": {"request": 2 * _gib}, "want": _bad(9, "below_request", _gib, 2 * _gib)},
		"off the static size": {"spec": _static(2 * _gib), "want": _bad(9, "off_size", _gib, 2 * _gib)},
		"as the block asks": {"spec": {}, "want": _held(9)},
	}
	_judge(fixture.storage({
		"specs": [fixture.spec(case.spec)], "requests": [fixture.request(9, 50, {"to": _gib})],
	})) == case.want
}

test_static_blocks_have_a_size_only[name] if {
	some name, case in {
		"not a request": {
			"spec": {"request": 3 * _gib}, "until": 10000, "want": _held(9),
		},
		"not a limit that an emergency may exceed": {
			"spec": {"exceed_limit": true}, "until": 51, "want": _held(9),
		},
		"even one byte": {
			"spec": {"size": 1}, "until": 10000, "want": _bad(9, "off_size", 2 * _gib, 1),
		},
	}
	_judge(fixture.storage({
		"specs": [fixture.spec(object.union(_static(2 * _gib), case.spec))],
		"requests": [fixture.request(9, 50, {})], "until_ns": case.until * _s,
	})) == case.want
}

_second_rise(at, changes) := fixture.request(19, at, object.union(
	{"peak": 2 * _gib, "from": 2 * _gib, "to": 3 * _gib},
	changes,
))

_codes(judged) := {[finding.code, finding.got, finding.want] | some finding in judged.violation}

test_growth_before_any_block_is_no_action if {
	judged := _judge(fixture.storage({
		"specs": [fixture.spec({"ns": 100 * _s, "not_before_ns": 100 * _s, "max_actions": 1})],
		"requests": [fixture.request(9, 50, {}), _second_rise(5000, {})],
	}))
	judged.violation == set()
}

test_the_action_that_the_recording_began_with[name] if {
	some name, case in {
		"a status without an action counts for none": {
			"first": {"has_action": false, "action_at_ns": 50 * _s}, "at": 100, "max": 2, "want": set(),
		},
		"it may come later than the first status": {
			"first": {"has_action": false, "action_at_ns": 0}, "at": 150, "max": 1, "want": {["over_budget", 2, 1]},
		},
	}
	_codes(_judge(fixture.storage({
		"from_ns": 100 * _s,
		"specs": [fixture.spec({"max_actions": case.max})],
		"statuses": [
			fixture.status(4, 100, case.first),
			fixture.grown(5, case.at, {"action_at_ns": 50 * _s, "actions": 0}),
		],
		"requests": [_second_rise(5000, {})],
	}))) == case.want
}

# The block changes at 5000 s; which one a rise just then met is not known.
_either(first, then) := [
	fixture.spec(object.union(first, {"until_ns": 5000 * _s})),
	fixture.spec(object.union(then, {"seq": 2, "ns": 5000 * _s, "not_before_ns": 5000 * _s})),
]

_scheduled(seq, at, to) := fixture.grown(seq, at, {
	"action_kind": "ScheduledGrow", "action_to": to, "actions": 0,
})

test_of_two_blocks_the_greater_budget_counts[name] if {
	some name, case in {
		"of all actions": {
			"first": {"max_actions": 1}, "then": {"max_actions": 2}, "statuses": [], "want": set(),
		},
		"of planned actions": {
			"first": {"max_actions": 4, "reserved_actions": 3}, "then": {"max_actions": 4, "reserved_actions": 2},
			"statuses": [_scheduled(5, 51, 2 * _gib), _scheduled(6, 5001, 3 * _gib)], "want": set(),
		},
		"of planned actions within all actions": {
			"first": {"max_actions": 4, "reserved_actions": 3}, "then": {"max_actions": 1, "reserved_actions": 0},
			"statuses": [_scheduled(5, 51, 2 * _gib), _scheduled(6, 5001, 3 * _gib)],
			"want": {["over_planned_budget", 2, 1]},
		},
	}
	_codes(_judge(fixture.storage({
		"specs": _either(case.first, case.then), "statuses": case.statuses,
		"requests": [fixture.request(9, 50, {}), _second_rise(5000, {})],
	}))) == case.want
}

test_an_emergency_uses_no_planned_budget if {
	third := fixture.request(29, 8000, {
		"volume": "pg-2", "peak": 3 * _gib, "from": 3 * _gib, "to": 4 * _gib,
	})
	judged := _judge(fixture.storage({
		"specs": [fixture.spec({"reserved_actions": 3})],
		"statuses": [
			_scheduled(5, 51, 2 * _gib), _scheduled(6, 5001, 3 * _gib),
			fixture.grown(7, 8001, {"action_to": 4 * _gib, "actions": 0}),
		],
		"requests": [fixture.request(9, 50, {}), _second_rise(5000, {}), third],
	}))
	{[finding.volume, finding.seq] | some finding in judged.violation} == {["pg-1", {9, 19}]}
}

# Claims of 1 GiB under a block of 2 GiB, for longer than may be, in two spans.
_behind := {
	"specs": [fixture.spec({"request": 2 * _gib})],
	"spans": [
		fixture.span(4, 10, 200, {}),
		fixture.span(5, 200, 411, {}),
		fixture.span(6, 411, 10000, {"spec": -1, "last": true}),
	],
}

test_evidence_of_a_run if {
	judged := _judge(fixture.storage(_behind))
	{finding.seq | some finding in judged.violation} == {{1, 4, 5}}
}

test_gaps_hide_what_followed[name] if {
	some name, case in {
		"of clusters": {"kind": "clusters", "want": 0},
		"of claims": {"kind": "persistentvolumeclaims", "want": 0},
		"of pods": {"kind": "pods", "want": 3},
	}
	judged := _judge(fixture.storage(object.union(_behind, {"gaps": [fixture.gap(case.kind, 50, 60)]})))
	count(judged.violation) == case.want
}
