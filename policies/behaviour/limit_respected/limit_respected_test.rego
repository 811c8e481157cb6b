package behaviour.limit_respected_test

import data.behaviour.limit_respected as policy
import data.lib.fixture_test as fixture

_gib := fixture.gib

_s := fixture.second

_judge(changes) := judged if {
	doc := fixture.pressure(changes)
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as doc
		with data.params as fixture.params
}

_none := fixture.judgement(set(), set(), set())

# A group at its limit of 1 GiB from 10 s on; from 130 s on the status is late.
_limited(until, span, status, spec) := {
	"specs": [fixture.pressure_spec(object.union({"limit": _gib}, spec))],
	"statuses": [fixture.pressure_status(2, 0, status)],
	"spans": [
		fixture.pressure_span(5, 10, until, span),
		fixture.pressure_span(8, until, 10000, {"last": true, "status": -1}),
	],
}

_full(until, span, status, spec) := object.union(
	_limited(until, span, status, spec),
	{
		"samples": [fixture.sample(3, 10, 90, {})],
		"spans": [
			fixture.pressure_span(5, 10, until, span),
			fixture.pressure_span(8, until, 10000, {"last": true, "volumes": [], "status": -1}),
		],
	},
)

_seen := {"exercised": {{"seq": {5}}}}

_silent(until, state) := object.union(_seen, {"violation": {{
	"code": "limit_not_told", "seq": {3, 5}, "got": state, "want": "AtLimit",
	"from_ns": 10 * _s, "until_ns": until * _s, "size_bytes": _gib,
}}})

_doubt(code, reason, until) := {"unknown": {{
	"reason": reason, "seq": {5, 999}, "code": code, "from_ns": 10 * _s, "until_ns": until * _s,
}}}

_at_limit := {"state": "AtLimit"}

test_state[name] if {
	some name, case in {
		"said": {"doc": _full(500, {}, _at_limit, {}), "want": _seen},
		"said, and nobody measures": {"doc": _limited(500, {}, _at_limit, {}), "want": _seen},
		"said below limit": {"doc": _limited(500, {}, _at_limit, {"limit": _gib + 1}), "want": {}},
		"said by a larger capacity": {
			"doc": _limited(500, {"peak": 1, "volumes": [fixture.pressure_volume("pg-1", {})]}, _at_limit, {}),
			"want": _seen,
		},
		"said by a larger request": {
			"doc": _limited(500, {"volumes": [fixture.pressure_volume("pg-1", {"capacity": 1})]}, _at_limit, {}),
			"want": _seen,
		},
		"said of a static group": {"doc": _limited(500, {}, _at_limit, {"mode": "static"}), "want": {}},
		"said though it may go on": {"doc": _limited(500, {}, _at_limit, {"exceed_limit": true}), "want": {}},
		"said while something is broken": {
			"doc": _limited(500, {"disrupted": true}, _at_limit, {}),
			"want": {"exercised": {{"seq": {5}}, {"seq": {5}, "in": "disruption"}}},
		},
		"another state": {"doc": _limited(500, {}, {}, {}), "want": {}},
	}
	_judge(case.doc) == object.union(_none, case.want)
}

test_state_not_said[name] if {
	some name, case in {
		"not yet said": {"doc": _full(130, {}, {}, {}), "want": _seen},
		"not said": {"doc": _full(131, {}, {}, {}), "want": _silent(131, "Balanced")},
		"not said, where it may go on": {"doc": _full(131, {}, {}, {"exceed_limit": true}), "want": {}},
		"not said below limit": {"doc": _full(131, {}, {}, {"limit": _gib + 1}), "want": {}},
		"not said while it grows": {"doc": _full(131, {"open": true}, {}, {}), "want": {}},
		"critical, but not over": {
			"doc": object.union(_full(131, {}, {}, {"critical_free": _gib}), {"samples": [fixture.sample(3, 10, 50, {})]}),
			"want": {},
		},
		"something is broken": {
			"doc": _full(500, {"disrupted": true}, {}, {}),
			"want": object.union(
				_doubt("limit_not_told", "disrupted", 500),
				{"exercised": {{"seq": {5}}, {"seq": {5}, "in": "disruption"}}},
			),
		},
		"nobody measures": {
			"doc": object.union(_full(500, {}, {}, {}), {"samples": [fixture.sample(3, 10, 90, {"last_ns": 10 * _s})]}),
			"want": object.union(_seen, _doubt("limit_not_told", "no_usage", 500)),
		},
		"events are missing": {
			"doc": object.union(_full(500, {}, {}, {}), {"gaps": [fixture.gap("clusters", 50, 60)]}),
			"want": object.union(_seen, _doubt("limit_not_told", "gap", 500)),
		},
		"perhaps not said": {
			"doc": _full(130, {"not_before_ns": 9 * _s}, {}, {}),
			"want": object.union(_seen, _doubt("limit_not_told", "clock", 130)),
		},
	}
	_judge(case.doc) == object.union(_none, case.want)
}

_run(span) := object.union(_full(131, {}, {}, {}), {"spans": [
	fixture.pressure_span(5, 10, 100, span),
	fixture.pressure_span(6, 100, 131, span),
	fixture.pressure_span(8, 131, 10000, {"last": true, "volumes": [], "status": -1}),
]})

test_evidence_of_a_run if {
	judged := _judge(_run({}))
	judged.exercised == {{"seq": {5, 6}}}
	{finding.seq | some finding in judged.violation} == {{3, 5}}
}

test_evidence_of_a_run_while_something_is_broken if {
	_judge(_run({"disrupted": true})).exercised == {{"seq": {5, 6}}, {"seq": {5, 6}, "in": "disruption"}}
}

test_what_is_not_over[name] if {
	some name, case in {
		"at the end": {"end": "trace_end", "want": "pending"},
		"when it is deleted": {"end": "deleted", "want": "deleted"},
	}
	doc := object.union(_full(100, {}, {}, {}), {
		"until": case.end, "spans": [fixture.pressure_span(5, 10, 100, {"last": true})],
	})
	_judge(doc) == object.union(_none, object.union(_seen, _doubt("limit_not_told", case.want, 100)))
}

_above(want) := {"violation": {{
	"code": "target_above_limit", "seq": {1, 2, 5}, "got": 2 * _gib, "want": want, "unit": "bytes",
	"from_ns": 10 * _s, "until_ns": 131 * _s,
}}}

test_target[name] if {
	some name, case in {
		"as large as limit": {"doc": _limited(500, {}, {"target": 2 * _gib}, {"limit": 2 * _gib}), "want": {}},
		"larger": {"doc": _limited(131, {}, {"target": 2 * _gib}, {}), "want": _above(_gib)},
		"larger for a moment": {"doc": _limited(130, {}, {"target": 2 * _gib}, {}), "want": {}},
		"larger, as the group was": {"doc": _limited(131, {}, {"target": 2 * _gib}, {"limit_peak": 2 * _gib}), "want": {}},
		"larger than the group was": {
			"doc": _limited(131, {}, {"target": 2 * _gib}, {"limit_peak": _gib + 1}), "want": _above(_gib + 1),
		},
		"larger, where it may be": {
			"doc": _limited(131, {}, {"target": 2 * _gib}, {"exceed_limit": true}), "want": {},
		},
		"larger while something is broken": {
			"doc": _limited(131, {"disrupted": true}, {"target": 2 * _gib}, {}),
			"want": _doubt("target_above_limit", "disrupted", 131),
		},
	}
	_judge(case.doc) == object.union(_none, case.want)
}

# An action to 2 GiB at 100 s, of which the status tells first at 101 s.
_tried(changes, action) := object.union(
	{
		"specs": [fixture.pressure_spec({"limit": _gib})],
		"statuses": [fixture.pressure_status(2, 0, {}), fixture.grown(7, 101, action)],
	},
	changes,
)

_tries(seq) := {"violation": {{
	"code": "tried_beyond", "seq": seq, "got": 2 * _gib, "want": _gib, "unit": "bytes",
}}}

_patched(at, to) := {"patches": [object.union(fixture.moment(6, at), {"volume": "pg-1", "from": _gib, "to": to})]}

test_tries[name] if {
	some name, case in {
		"an action that no claim bears out": {"doc": _tried({}, {}), "want": _tries({1, 7})},
		"an action to a size that a claim requests": {
			"doc": _tried({"requests": [fixture.request(9, 100, {})]}, {}), "want": {},
		},
		"while a claim requests another size": {
			"doc": _tried({"requests": [fixture.request(9, 100, {"to": _gib})]}, {}), "want": _tries({1, 7}),
		},
		"an action up to limit": {"doc": _tried({}, {"action_to": _gib}), "want": {}},
		"an action that was told of before": {"doc": _tried({}, {"action_timestamp": ""}), "want": {}},
		"an action that was told of from the start": {
			"doc": _tried({"statuses": [fixture.grown(7, 101, {})]}, {}), "want": {},
		},
		"no action": {"doc": _tried({}, {"has_action": false}), "want": {}},
		"where it may be": {
			"doc": _tried({"specs": [fixture.pressure_spec({"limit": _gib, "exceed_limit": true})]}, {}), "want": {},
		},
		"before a block is known": {"doc": _tried({"specs": []}, {}), "want": {}},
	}
	_judge(case.doc) == object.union(_none, case.want)
}

test_tries_later[name] if {
	some name, case in {
		"just as the limit was lowered": {
			"doc": _tried(
				{"specs": [
					fixture.pressure_spec({"limit": 2 * _gib, "until_ns": 100 * _s}),
					fixture.pressure_spec({"seq": 4, "ns": 100 * _s, "limit": _gib}),
				]},
				{},
			),
			"want": {},
		},
		"after the limit was lowered": {
			"doc": _tried(
				{"specs": [
					fixture.pressure_spec({"limit": 2 * _gib, "until_ns": 90 * _s}),
					fixture.pressure_spec({"seq": 4, "ns": 90 * _s, "limit": _gib}),
				]},
				{},
			),
			"want": _tries({4, 7}),
		},
		"under two blocks": {
			"doc": _tried(
				{"specs": [
					fixture.pressure_spec({"limit": 1, "until_ns": 100 * _s}),
					fixture.pressure_spec({"seq": 4, "ns": 100 * _s, "limit": _gib}),
				]},
				{},
			),
			"want": _tries({4, 7}),
		},
		"a patch": {"doc": _tried(_patched(50, 2 * _gib), {"has_action": false}), "want": _tries({1, 6})},
		"a patch up to limit": {"doc": _tried(_patched(50, _gib), {"has_action": false}), "want": {}},
	}
	_judge(case.doc) == object.union(_none, case.want)
}
