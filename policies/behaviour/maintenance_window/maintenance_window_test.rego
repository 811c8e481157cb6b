package behaviour.maintenance_window_test

import data.behaviour.maintenance_window as policy
import data.lib.fixture_test as fixture

_gib := fixture.gib

_s := fixture.second

_judge(changes) := judged if {
	doc := fixture.pressure(changes)
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as doc
		with data.params as fixture.params
}

_none := fixture.judgement(set(), set(), set())

_span(until, changes) := fixture.pressure_span(5, 10, until, object.union(
	{"window_open": false, "has_next_opening": true, "next_opening_ns": 5000 * _s},
	changes,
))

_window := fixture.pressure_spec({"windowed": true, "window_valid": true})

# Over the buffer in a closed window from 10 s on; from 130 s on the status is late.
_closed(until, span, changes) := object.union(
	{
		"specs": [_window], "samples": [fixture.sample(3, 10, 90, {})],
		"spans": [_span(until, span), fixture.pressure_span(8, until, 10000, {"last": true})],
	},
	changes,
)

_status(changes) := {"statuses": [fixture.pressure_status(2, 0, changes)]}

_waits := {"state": "PendingGrowth", "has_next_window": true, "next_window_ns": 5000 * _s}

_waiting(changes) := _status(object.union(_waits, changes))

_seen := {"exercised": {{"seq": {5, 2}}}}

_not_pending(until, state) := {"violation": {{
	"code": "not_pending", "seq": {3, 5}, "got": state, "want": "PendingGrowth",
	"from_ns": 10 * _s, "until_ns": until * _s, "wanted_bytes": 2 * _gib,
}}}

_doubt(code, reason, until) := {"unknown": {{
	"reason": reason, "seq": {5, 999}, "code": code, "from_ns": 10 * _s, "until_ns": until * _s,
}}}

test_state[name] if {
	some name, case in {
		"it waits": {"doc": _closed(500, {}, _waiting({})), "want": _seen},
		"not yet": {"doc": _closed(130, {}, {}), "want": {}},
		"not in time": {"doc": _closed(131, {}, {}), "want": _not_pending(131, "Balanced")},
		"another state": {
			"doc": _closed(131, {}, _status({"state": "Resizing"})), "want": _not_pending(131, "Resizing"),
		},
		"no need": {"doc": _closed(500, {}, {"samples": [fixture.sample(3, 10, 50, {})]}), "want": {}},
		"an emergency": {"doc": _closed(500, {}, {"samples": [fixture.sample(3, 10, 96, {})]}), "want": {}},
		"an emergency, but nothing is done about it": {
			"doc": _closed(131, {}, {
				"samples": [fixture.sample(3, 10, 96, {})],
				"specs": [object.union(_window, {"emergency_enabled": false})],
			}),
			"want": _not_pending(131, "Balanced"),
		},
		"the window is open": {"doc": _closed(500, {"window_open": true}, {}), "want": {}},
		"nothing is left anyhow": {
			"doc": _closed(131, {}, _status({"planned": 0})), "want": _not_pending(131, "Balanced"),
		},
		"it grows": {"doc": _closed(500, {"open": true}, {}), "want": {}},
		"something is broken": {
			"doc": _closed(500, {"disrupted": true}, {}), "want": _doubt("not_pending", "disrupted", 500),
		},
		"nobody measures": {
			"doc": _closed(500, {}, {"samples": [fixture.sample(3, 10, 90, {"last_ns": 10 * _s})]}),
			"want": _doubt("not_pending", "no_usage", 500),
		},
		"events are missing": {
			"doc": _closed(500, {}, {"gaps": [fixture.gap("clusters", 50, 60)]}),
			"want": _doubt("not_pending", "gap", 500),
		},
		"perhaps not in time": {
			"doc": _closed(130, {"not_before_ns": 9 * _s}, {}), "want": _doubt("not_pending", "clock", 130),
		},
	}
	_judge(case.doc) == object.union(_none, case.want)
}

test_what_is_not_over[name] if {
	some name, case in {
		"at the end": {"end": "trace_end", "want": "pending"},
		"when it is deleted": {"end": "deleted", "want": "deleted"},
	}
	doc := _closed(100, {}, {"until": case.end, "spans": [_span(100, {"last": true})]})
	_judge(doc) == object.union(_none, _doubt("not_pending", case.want, 100))
}

# Without samples the state alone says that growth waits.
_told(until, span, status, spec) := {
	"specs": [object.union(_window, spec)], "statuses": [fixture.pressure_status(2, 0, object.union(_waits, status))],
	"spans": [_span(until, span), fixture.pressure_span(8, until, 10000, {"last": true})],
}

_untold := {"violation": {{
	"code": "window_not_told", "seq": {5, 2}, "got": 121 * _s, "want": 120 * _s, "unit": "ns",
	"from_ns": 10 * _s, "until_ns": 131 * _s,
}}}

_wrong(got) := {"violation": {{
	"code": "window_wrong", "seq": {1, 5, 2}, "got": got * _s, "want": 5000 * _s, "unit": "ns",
	"from_ns": 10 * _s, "until_ns": 131 * _s,
}}}

test_next_window[name] if {
	some name, case in {
		"told": {"doc": _told(500, {}, {}, {}), "want": _seen},
		"not told yet": {"doc": _told(130, {}, {"has_next_window": false}, {}), "want": _seen},
		"not told": {
			"doc": _told(131, {}, {"has_next_window": false}, {}), "want": object.union(_seen, _untold),
		},
		"not told, and it never opens": {
			"doc": _told(131, {"has_next_opening": false, "next_opening_ns": 0}, {"has_next_window": false}, {}),
			"want": _seen,
		},
		"still wrong": {"doc": _told(130, {}, {"next_window_ns": 4000 * _s}, {}), "want": _seen},
		"too early": {
			"doc": _told(131, {}, {"next_window_ns": 4999 * _s}, {}), "want": object.union(_seen, _wrong(4999)),
		},
		"too late": {
			"doc": _told(131, {}, {"next_window_ns": 5001 * _s}, {}), "want": object.union(_seen, _wrong(5001)),
		},
		"another state": {"doc": _told(500, {}, {"state": "Balanced", "has_next_window": false}, {}), "want": {}},
		"waiting for the budget": {"doc": _told(500, {}, {"planned": 0, "has_next_window": false}, {}), "want": {}},
		"in an open window": {"doc": _told(500, {"window_open": true}, {"has_next_window": false}, {}), "want": {}},
		"without a window": {"doc": _told(500, {}, {"has_next_window": false}, {"window_valid": false}), "want": {}},
		"of a static group": {"doc": _told(500, {}, {"has_next_window": false}, {"mode": "static"}), "want": {}},
		"while something is broken": {
			"doc": _told(500, {"disrupted": true}, {}, {}),
			"want": {"exercised": {{"seq": {5, 2}}, {"seq": {5, 2}, "in": "disruption"}}},
		},
		"not told while something is broken": {
			"doc": _told(500, {"disrupted": true}, {"has_next_window": false}, {}),
			"want": object.union(
				_doubt("window_not_told", "disrupted", 500),
				{"exercised": {{"seq": {5, 2}}, {"seq": {5, 2}, "in": "disruption"}}},
			),
		},
		"wrong while something is broken": {
			"doc": _told(500, {"disrupted": true}, {"next_window_ns": 0}, {}),
			"want": object.union(
				_doubt("window_wrong", "disrupted", 500),
				{"exercised": {{"seq": {5, 2}}, {"seq": {5, 2}, "in": "disruption"}}},
			),
		},
	}
	_judge(case.doc) == object.union(_none, case.want)
}
