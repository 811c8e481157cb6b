package behaviour.no_flapping_test

import data.behaviour.no_flapping as policy
import data.lib.fixture_test as fixture

_gib := fixture.gib

_s := fixture.second

_judge(changes) := judged if {
	doc := fixture.pressure(changes)
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as doc
		with data.params as fixture.params
}

_none := fixture.judgement(set(), set(), set())

# A growth until 100 s, which was watched until some time.
_watched(until, before, after) := {"spans": [
	fixture.pressure_span(4, 0, 10, {}),
	fixture.pressure_span(5, 10, 100, object.union({"open": true}, before)),
	fixture.pressure_span(6, 100, until, after),
	fixture.pressure_span(7, until, 10000, {"disrupted": true, "last": true}),
]}

_held := object.union(_none, {"exercised": {{"seq": {5, 6}}}})

test_watched[name] if {
	some name, case in {
		"long enough": {"doc": _watched(160, {}, {}), "want": _held},
		"not long enough": {"doc": _watched(159, {}, {}), "want": _none},
		"not after growth": {"doc": _watched(160, {"open": false, "disrupted": true}, {}), "want": _none},
		"before growth": {
			"doc": {"spans": [fixture.pressure_span(5, 0, 60, {}), fixture.pressure_span(6, 60, 99, {"open": true})]},
			"want": _none,
		},
		"after growth, and what was broken meanwhile": {
			"doc": {"spans": [
				fixture.pressure_span(5, 0, 60, {"open": true}),
				fixture.pressure_span(6, 60, 99, {"disrupted": true}),
				fixture.pressure_span(7, 99, 159, {}),
			]},
			"want": object.union(_none, {"exercised": {{"seq": {5, 7}}}}),
		},
		"after a growth that was over at once": {
			"doc": {"spans": [fixture.pressure_span(5, 0, 0, {"open": true}), fixture.pressure_span(7, 0, 60, {})]},
			"want": object.union(_none, {"exercised": {{"seq": {5, 7}}}}),
		},
		"after two growths": {
			"doc": {"spans": [
				fixture.pressure_span(5, 0, 60, {"open": true}),
				fixture.pressure_span(6, 60, 119, {}),
				fixture.pressure_span(7, 119, 130, {"open": true}),
				fixture.pressure_span(8, 130, 190, {}),
			]},
			"want": object.union(_none, {"exercised": {{"seq": {5, 8}}}}),
		},
		"while something is broken": {"doc": _watched(160, {}, {"disrupted": true}), "want": _none},
		"without volumes": {"doc": _watched(160, {}, {"volumes": []}), "want": _none},
		"of a static group": {
			"doc": object.union(_watched(160, {}, {}), {"specs": [fixture.pressure_spec({"mode": "static"})]}),
			"want": _none,
		},
		"with a gap": {
			"doc": object.union(_watched(160, {}, {}), {"gaps": [fixture.gap("clusters", 50, 60)]}),
			"want": object.union(_held, {"unknown": {{"reason": "gap", "seq": {901, 902}}}}),
		},
		"with a gap of claims": {
			"doc": object.union(_watched(160, {}, {}), {"gaps": [fixture.gap("persistentvolumeclaims", 50, 60)]}),
			"want": object.union(_held, {"unknown": {{"reason": "gap", "seq": {901, 902}}}}),
		},
		"with a gap of pods": {
			"doc": object.union(_watched(160, {}, {}), {"gaps": [fixture.gap("pods", 50, 60)]}), "want": _held,
		},
		"not, with a gap": {"doc": {"gaps": [fixture.gap("clusters", 50, 60)]}, "want": _none},
	}
	_judge(case.doc) == case.want
}

# Growths at these times, each by 1 GiB, as planned.
_grown(times, kind) := {
	"requests": [fixture.request(10 + i, at, {"from": (i + 1) * _gib, "peak": (i + 1) * _gib, "to": (i + 2) * _gib}) |
		some i, at in times
	],
	"statuses": [fixture.grown(20 + i, at, {"action_kind": kind, "action_to": (i + 2) * _gib}) | some i, at in times],
	"specs": [fixture.pressure_spec({"limit": 100 * _gib})],
}

_found(code, seq, got, want, from, until) := {"violation": {{
	"code": code, "seq": seq, "got": got, "want": want, "from_ns": from * _s, "until_ns": until * _s,
}}}

test_growths[name] if {
	some name, case in {
		"two": {"times": [100, 200], "kind": "ScheduledGrow", "want": {}},
		"three in a short time": {
			"times": [100, 200, 700], "kind": "ScheduledGrow",
			"want": _found("grown_repeatedly", {10, 11, 12}, 3, 2, 100, 700),
		},
		"three in a longer time": {"times": [100, 200, 701], "kind": "ScheduledGrow", "want": {}},
		"three of five": {
			"times": [100, 1000, 1100, 1600, 1601], "kind": "ScheduledGrow",
			"want": _found("grown_repeatedly", {11, 12, 13}, 3, 2, 1000, 1600),
		},
		"three emergencies": {"times": [100, 200, 300], "kind": "EmergencyGrow", "want": {}},
	}
	_judge(_grown(case.times, case.kind)) == object.union(_none, case.want)
}

# A status every so many seconds, with what differs from one to the next.
_statuses(count, apart, span, states) := {
	"statuses": [fixture.pressure_status(100 + i, i * apart, {"state": states[i % 2]}) |
		some i in numbers.range(0, count)
	],
	"spans": [fixture.pressure_span(100 + i, i * apart, (i + 1) * apart, object.union({"status": i}, span)) |
		some i in numbers.range(0, count)
	],
}

_flips := ["Balanced", "NeedsGrow"]

test_states[name] if {
	some name, case in {
		"ten changes": {"doc": _statuses(10, 10, {}, _flips), "want": {}},
		"one more": {
			"doc": _statuses(11, 10, {}, _flips),
			"want": _found("state_flaps", _numbers(101, 111), 11, 10, 10, 110),
		},
		"as many in a longer time": {"doc": _statuses(11, 61, {}, _flips), "want": {}},
		"as many in just the time": {
			"doc": _statuses(11, 60, {}, _flips),
			"want": _found("state_flaps", _numbers(101, 111), 11, 10, 60, 660),
		},
		"while it grows": {"doc": _statuses(11, 10, {"open": true}, _flips), "want": {}},
		"while something is broken": {"doc": _statuses(11, 10, {"disrupted": true}, _flips), "want": {}},
		"of the same state": {"doc": _statuses(11, 10, {}, ["Balanced", "Balanced"]), "want": {}},
	}
	_judge(case.doc) == object.union(_none, case.want)
}

_numbers(first, last) := {n | some n in numbers.range(first, last)}

test_statuses_that_came_while_it_grew_are_no_changes if {
	doc := _statuses(11, 10, {}, _flips)
	later := [object.union(span, {"ns": span.ns + 1}) | some span in doc.spans]
	_judge(object.union(doc, {"spans": later})) == _none
}

_writes(count, at) := {
	"rewrites": [fixture.moment(200 + i, at + i) | some i in numbers.range(1, count)],
	"spans": [
		fixture.pressure_span(5, 0, 100, {"status": -1}),
		fixture.pressure_span(6, 100, 200, {"status": -1, "disrupted": true}),
		fixture.pressure_span(7, 200, 300, {"status": -1}),
		fixture.pressure_span(7, 300, 310, {"status": -1, "open": true}),
	],
}

test_writes[name] if {
	some name, case in {
		"forty": {"doc": _writes(40, 0), "want": {}},
		"one more": {"doc": _writes(41, 0), "want": _found("status_churn", _numbers(201, 241), 41, 40, 1, 41)},
		"from the first moment on": {
			"doc": _writes(41, -1), "want": _found("status_churn", _numbers(201, 241), 41, 40, 0, 40),
		},
		"up to the last moment": {"doc": _writes(41, 59), "want": {}},
		"while something is broken": {"doc": _writes(41, 120), "want": {}},
		"one of them while something is broken": {"doc": _writes(41, 158), "want": {}},
		"after it": {"doc": _writes(41, 199), "want": _found("status_churn", _numbers(201, 241), 41, 40, 200, 240)},
		"with a status": {
			"doc": object.union(_writes(40, 0), {
				"statuses": [fixture.pressure_status(3, 0, {})],
				"spans": [fixture.pressure_span(3, 0, 1000, {"status": 0})],
			}),
			"want": _found("status_churn", _numbers(201, 240) | {3}, 41, 40, 0, 40),
		},
	}
	_judge(case.doc) == object.union(_none, case.want)
}
