package lib.growth_test

import data.lib.fixture_test as fixture
import data.lib.growth

_s := fixture.second

_gib := fixture.gib

_params := object.union(fixture.params.time, fixture.params.usage)

_doc(span, status, sample) := fixture.pressure({
	"samples": [fixture.sample(5, 10, 90, sample)], "statuses": [fixture.pressure_status(2, 0, status)],
	"spans": [fixture.pressure_span(5, 10, 500, span)],
})

_budget(planned) := {"has_budget": true, "planned": planned}

test_waiting[name] if {
	some name, case in {
		"over its buffer": {"span": {}, "status": {}, "sample": {}, "want": {0}},
		"not over": {"span": {}, "status": {}, "sample": {"used": 1}, "want": set()},
		"the window is closed": {"span": {"window_open": false}, "status": {}, "sample": {}, "want": set()},
		"an action is left": {"span": {}, "status": _budget(1), "sample": {}, "want": {0}},
		"no action is left": {"span": {}, "status": _budget(0), "sample": {}, "want": set()},
		"it grows": {"span": {"open": true}, "status": {}, "sample": {}, "want": set()},
	}
	object.keys(growth.waiting(_doc(case.span, case.status, case.sample), _params)) == case.want
}

test_planned[name] if {
	some name, case in {
		"not critical": {"critical": false, "enabled": true, "want": {3}},
		"critical": {"critical": true, "enabled": true, "want": set()},
		"critical, but nothing is done about it": {"critical": true, "enabled": false, "want": {3}},
	}
	wait := {"critical": case.critical, "spec": {"emergency_enabled": case.enabled}}
	object.keys(growth.planned({3: wait})) == case.want
}

# An action at 100 s holds growth back until 3700 s.
test_excused[name] if {
	some name, case in {
		"by nothing": {"change": {}, "at": 200, "disrupted": false, "want": {}},
		"by planned growth": {"change": _action, "at": 3699, "disrupted": false, "want": {3: "cooldown"}},
		"no more": {"change": _action, "at": 3700, "disrupted": false, "want": {}},
		"by an emergency": {
			"change": object.union(_action, {"action_kind": "EmergencyGrow"}),
			"at": 200, "disrupted": false, "want": {},
		},
		"by a disruption": {"change": {}, "at": 200, "disrupted": true, "want": {3: "disrupted"}},
		"by both": {"change": _action, "at": 200, "disrupted": true, "want": {3: "disrupted"}},
	}
	wait := {
		"status": fixture.pressure_status(2, 0, case.change),
		"span": fixture.pressure_span(5, case.at, 9000, {"disrupted": case.disrupted}),
	}
	growth.excused({3: wait}, _params) == case.want
}

_action := {"has_action": true, "action_kind": "ScheduledGrow", "action_at_ns": 100 * _s}

test_actions[name] if {
	some name, case in {
		"with samples": {"samples": [fixture.sample(5, 10, 90, {})], "want": [{"least": 2 * _gib, "most": 2 * _gib}]},
		"without": {"samples": [], "want": []},
	}
	doc := fixture.pressure({
		"requests": [fixture.request(9, 100, {})], "samples": case.samples,
		"statuses": [fixture.grown(10, 101, {"action_kind": "ScheduledGrow"})],
	})
	[action.sizes | some action in growth.actions(doc, _params)] == case.want
}

test_is_right[name] if {
	some name, case in {
		"the least": {"to": 2, "want": 1},
		"the most": {"to": 4, "want": 1},
		"less": {"to": 1, "want": 0},
		"more": {"to": 5, "want": 0},
	}
	count([true | growth.is_right({"rise": {"to": case.to}, "sizes": {"least": 2, "most": 4}})]) == case.want
}
