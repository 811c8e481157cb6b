package behaviour.action_budget_test

import data.behaviour.action_budget as policy
import data.lib.fixture_test as fixture

_gib := fixture.gib

_s := fixture.second

_judge(changes) := judged if {
	doc := fixture.pressure(changes)
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as doc
		with data.params as fixture.params
}

_none := fixture.judgement(set(), set(), set())

# A status from 10 s on; from 130 s on what is wrong with it is late.
_told(until, span, status, spec) := {
	"specs": [fixture.pressure_spec(spec)], "statuses": [fixture.pressure_status(2, 0, status)],
	"spans": [
		fixture.pressure_span(5, 10, until, span),
		fixture.pressure_span(8, until, 10000, {"last": true, "status": -1}),
	],
}

_seen := {"exercised": {{"seq": {2}}}}

_parts(actions, planned, emergency) := {"actions": actions, "planned": planned, "emergency": emergency}

_found(code, seq, got, want) := {"violation": {{
	"code": code, "seq": seq, "got": got, "want": want, "from_ns": 10 * _s, "until_ns": 131 * _s,
}}}

_missing := _found("budget_missing", {2, 5}, 0, 4)

_split(planned, emergency) := object.union(_seen, _found("split_off", {1, 2, 5}, [planned, emergency], [3, 1]))

_uncounted := object.union(_seen, _found("action_not_counted", {2, 5}, 0, 1))

_acted(at, result) := {"has_action": true, "action_result": result, "action_at_ns": at * _s, "actions": 0}

_day := 86400

test_counters[name] if {
	some name, case in {
		"initial": {"doc": _told(500, {}, {}, {}), "want": _seen},
		"not there yet": {"doc": _told(130, {}, {"has_budget": false}, {}), "want": {}},
		"missing": {"doc": _told(131, {}, {"has_budget": false}, {}), "want": _missing},
		"missing since an action, which is judged elsewhere": {
			"doc": _told(131, {}, {"has_budget": false, "has_action": true}, {}), "want": {},
		},
		"missing where there is no budget": {"doc": _told(131, {}, {"has_budget": false}, {"max_actions": 0}), "want": {}},
		"missing where there is one": {
			"doc": _told(131, {}, {"has_budget": false}, {"max_actions": 1}),
			"want": _found("budget_missing", {2, 5}, 0, 1),
		},
		"missing before the group is told of": {"doc": _told(131, {}, {"state": "", "has_budget": false}, {}), "want": {}},
		"of a static group": {"doc": _told(131, {}, {"has_budget": false}, {"mode": "static"}), "want": {}},
	}
	_judge(case.doc) == object.union(_none, case.want)
}

test_counters_later[name] if {
	some name, case in {
		"too many planned": {"doc": _told(131, {}, _parts(0, 4, 0), {}), "want": _split(4, 0)},
		"too large a reserve": {"doc": _told(131, {}, _parts(0, 2, 2), {}), "want": _split(2, 2)},
		"too large for a moment": {"doc": _told(130, {}, _parts(0, 2, 2), {}), "want": _seen},
		"used up": {"doc": _told(500, {}, _parts(4, 0, 0), {}), "want": _seen},
		"the last action is not counted": {"doc": _told(131, {}, _acted(0, "Success"), {}), "want": _uncounted},
		"not yet counted": {"doc": _told(130, {}, _acted(0, "Success"), {}), "want": _seen},
		"an action that failed": {"doc": _told(131, {}, _acted(0, "Failed"), {}), "want": _seen},
		"an action of the day before": {"doc": _told(131, {}, _acted(131 - _day, "Success"), {}), "want": _seen},
		"an action of just this day": {"doc": _told(131, {}, _acted(132 - _day, "Success"), {}), "want": _uncounted},
		"one is counted": {
			"doc": _told(131, {}, object.union(_acted(0, "Success"), {"actions": 1, "planned": 2}), {}), "want": _seen,
		},
		"not counted, without a budget": {
			"doc": _told(131, {}, object.union(_acted(0, "Success"), {"has_budget": false}), {}), "want": {},
		},
		"split without a budget": {
			"doc": _told(131, {}, {"has_budget": false, "planned": 9}, {}), "want": _missing,
		},
		"something is broken": {
			"doc": _told(131, {"disrupted": true}, {"has_budget": false}, {}),
			"want": {"unknown": {_doubt("budget_missing", "disrupted", 131)}},
		},
		"events are missing": {
			"doc": object.union(_told(131, {}, {"has_budget": false}, {}), {"gaps": [fixture.gap("clusters", 50, 60)]}),
			"want": {"unknown": {_doubt("budget_missing", "gap", 131)}},
		},
		"perhaps missing": {
			"doc": _told(130, {"not_before_ns": 9 * _s}, {"has_budget": false}, {}),
			"want": {"unknown": {_doubt("budget_missing", "clock", 130)}},
		},
	}
	_judge(case.doc) == object.union(_none, case.want)
}

_doubt(code, reason, until) := {
	"reason": reason, "seq": {5, 999}, "code": code, "from_ns": 10 * _s, "until_ns": until * _s,
}

test_what_is_not_over[name] if {
	some name, case in {
		"at the end": {"end": "trace_end", "want": "pending"},
		"when it is deleted": {"end": "deleted", "want": "deleted"},
	}
	doc := {
		"until": case.end, "statuses": [fixture.pressure_status(2, 0, {"has_budget": false})],
		"spans": [fixture.pressure_span(5, 10, 100, {"last": true})],
	}
	_judge(doc) == object.union(_none, {"unknown": {_doubt("budget_missing", case.want, 100)}})
}

_spans(statuses) := {
	"statuses": [fixture.pressure_status(10 + i, 100 * i, status) | some i, status in statuses],
	"spans": [fixture.pressure_span(10 + i, 100 * i, 100 * (i + 1), {"status": i}) | some i, _ in statuses],
}

test_exercised[name] if {
	some name, case in {
		"once while nothing changes": {"statuses": [{}, {"state": "Resizing"}], "want": {{"seq": {10}}}},
		"by an action": {"statuses": [{}, _parts(1, 2, 1)], "want": {{"seq": {10}}, {"seq": {11}}}},
		"by the reserve": {"statuses": [_parts(3, 0, 1), _parts(3, 0, 0)], "want": {{"seq": {10}}, {"seq": {11}}}},
		"by planned growth alone": {"statuses": [_parts(1, 2, 1), _parts(1, 1, 1)], "want": {{"seq": {10}}, {"seq": {11}}}},
		"when the budget appears": {"statuses": [{"has_budget": false}, {}], "want": {{"seq": {11}}}},
	}
	_judge(_spans(case.statuses)).exercised == case.want
}

# Over the buffer from 10 s on, and no action is left.
_exhausted(until, used, span, status, spec) := object.union(
	_told(until, span, object.union(_parts(3, 0, 1), status), spec),
	{"samples": [fixture.sample(3, 10, used, {})]},
)

_silent(until, state) := object.union(_seen, {"violation": {{
	"code": "exhaustion_not_told", "seq": {3, 5}, "got": state, "want": "PendingGrowth",
	"from_ns": 10 * _s, "until_ns": until * _s,
}}})

_empty := _parts(4, 0, 0)

test_exhaustion[name] if {
	some name, case in {
		"told": {"doc": _exhausted(500, 90, {}, {"state": "PendingGrowth"}, {}), "want": _seen},
		"not yet told": {"doc": _exhausted(130, 90, {}, {}, {}), "want": _seen},
		"not told": {"doc": _exhausted(131, 90, {}, {}, {}), "want": _silent(131, "Balanced")},
		"not needed": {"doc": _exhausted(500, 50, {}, {}, {}), "want": _seen},
		"an action is left": {"doc": _exhausted(500, 90, {}, _parts(2, 1, 1), {}), "want": _seen},
		"needed, but at limit": {"doc": _exhausted(500, 90, {}, {}, {"limit": _gib}), "want": _seen},
		"nothing is left in a closed window": {
			"doc": _exhausted(500, 90, {"window_open": false}, _empty, {}), "want": _seen,
		},
		"in a closed window": {"doc": _exhausted(500, 90, {"window_open": false}, {}, {}), "want": _seen},
		"without a budget": {"doc": _exhausted(130, 90, {}, {"has_budget": false}, {"reserved_actions": 4}), "want": {}},
		"the reserve is left for an emergency": {"doc": _exhausted(500, 96, {}, {}, {}), "want": _seen},
	}
	_judge(case.doc) == object.union(_none, case.want)
}

test_exhaustion_in_an_emergency[name] if {
	some name, case in {
		"emergencies are disabled": {
			"doc": _exhausted(131, 96, {}, {}, {"emergency_enabled": false}), "want": _silent(131, "Balanced"),
		},
		"nothing is left for an emergency": {
			"doc": _exhausted(131, 96, {}, _empty, {}), "want": _silent(131, "Balanced"),
		},
		"nothing is left for an emergency in a closed window": {
			"doc": _exhausted(131, 96, {"window_open": false}, _empty, {}), "want": _silent(131, "Balanced"),
		},
		"an emergency at limit": {"doc": _exhausted(500, 96, {}, _empty, {"limit": _gib}), "want": _seen},
		"an emergency below limit": {
			"doc": _exhausted(131, 96, {}, _empty, {"limit": _gib + 1}), "want": _silent(131, "Balanced"),
		},
		"an emergency while it grows": {"doc": _exhausted(500, 96, {"open": true}, _empty, {}), "want": _seen},
		"nobody measures": {
			"doc": object.union(
				_exhausted(500, 90, {}, {}, {}),
				{"samples": [fixture.sample(3, 10, 90, {"last_ns": 10 * _s})]},
			),
			"want": object.union(_seen, {"unknown": {_doubt("exhaustion_not_told", "no_usage", 500)}}),
		},
		"something is broken": {
			"doc": _exhausted(500, 90, {"disrupted": true}, {}, {}),
			"want": object.union(_seen, {"unknown": {_doubt("exhaustion_not_told", "disrupted", 500)}}),
		},
	}
	_judge(case.doc) == object.union(_none, case.want)
}
