package scenarios.spec_mutation_test

import data.lib.fixture_test as fixture
import data.lib.recovery_test as story
import data.scenarios.spec_mutation as policy

_s := fixture.second

_g := fixture.gib

_change(changes) := object.union(
	object.union(fixture.moment(20, 20), {
		"generation": 2, "field": "storage.limit", "area": "storage", "from": "4Gi", "to": "8Gi",
		"from_bytes": 4 * _g, "to_bytes": 8 * _g,
	}),
	changes,
)

# It is over as soon as it was written, at 20 s; the tables count from 30 s.
_mutation := {"kind": "spec_mutation", "changes": [_change({})]}

_judge(changes) := judged if {
	document := story.episode(object.union(_mutation, changes))
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as document
		with data.params as fixture.params
}

_words(changes) := story.words(judged.violation, judged.unknown) if {
	judged := _judge(changes)
}

_nothing := fixture.judgement(set(), set(), set())

test_held if _judge({}) == fixture.judgement(set(), {{"seq": {10, 20}, "in": "disruption"}}, set())

test_vacuous[name] if {
	some name, change in {
		"no expansion": {"operations": []},
		"an expansion that begins with it": {"operations": [story.operation({"met": "begun"})]},
		"something else": {"kind": "growth"},
		"another field": {"changes": [_change({"area": "pod"})]},
		"a later change": {"changes": [_change({"seq": 21})]},
	}
	bad := {"health": [story.health(20, 20, 10000, {"ready": "False", "last": true})]}
	_judge(object.union(bad, change)) == _nothing
}

test_a_change_of_the_instances if {
	count(_judge({"changes": [_change({"area": "instances"})]}).exercised) == 1
}

test_expansions[name] if {
	some name, case in story.expansions
	_words(case.change) == {"violated": case.violated, "unknown": case.unknown}
}

test_recoveries[name] if {
	some name, case in story.recoveries
	_words(case.change) == {"violated": case.violated, "unknown": case.unknown}
}

test_sizes[name] if {
	some name, case in story.sizes("plan_diverged")
	_words(case.change) == {"violated": case.violated, "unknown": case.unknown}
}

test_words_of_the_tables if {
	{"not_resumed", "not_completed"} == {code | some case in story.expansions; some code in case.violated}
	{"not_ready"} == {code | some case in story.recoveries; some code in case.violated}
	{"pending", "deleted", "gap", "clock"} == {reason | some case in story.expansions; some reason in case.unknown}
}

# The block asks for 3 GiB, of which the claims have 2 until a moment.
_short(until, changes) := object.union(
	{"storage": [story.group({
		"specs": [fixture.spec({"request": 3 * _g})],
		"spans": [
			story.span(21, 21, until, {}),
			story.span(40, until, 10000, {
				"last": true, "volumes": [
					story.volume("pg-1", {"request": 3 * _g}),
					story.volume("pg-2", {"request": 3 * _g}),
				],
				"peak": 3 * _g,
			}),
		],
	})]},
	changes,
)

test_intents[name] if {
	some name, case in {
		"followed as late as may be": {"change": _short(330, {}), "violated": set(), "unknown": set()},
		"followed too late": {"change": _short(331, {}), "violated": {"intent_ignored"}, "unknown": set()},
		"followed with clusters missing": {
			"change": _short(331, {"gaps": [fixture.gap("clusters", 40, 50)]}), "violated": set(), "unknown": {"gap"},
		},
		"followed with claims missing": {
			"change": _short(331, {"gaps": [fixture.gap("persistentvolumeclaims", 40, 50)]}),
			"violated": set(), "unknown": {"gap"},
		},
	}
	_words(case.change) == {"violated": case.violated, "unknown": case.unknown}
}

test_repetition if {
	judged := _judge({"storage": [story.group({"statuses": [
		fixture.grown(11, 11, {}),
		fixture.grown(40, 40, {}),
	]})]})
	judged.violation == {{
		"code": "action_repeated", "seq": {11, 40}, "kind": "EmergencyGrow",
		"got": 2 * _g, "want": 2 * _g, "unit": "bytes",
	}}
}

# A claim is written at 50 s, long after the change.
_request(spec, changes) := {"storage": [story.group({
	"specs": [fixture.spec({"seq": 1, "until_ns": 20 * _s}), fixture.spec(object.union({"seq": 20, "ns": 20 * _s}, spec))],
	"requests": [fixture.request(50, 50, changes)],
})]}

test_requests[name] if {
	some name, case in {
		"within the limit": {"spec": {"limit": 2 * _g}, "change": {}, "want": set()},
		"above the limit": {"spec": {"limit": _g}, "change": {}, "want": {[2 * _g, _g]}},
		"what the group had when the limit was lowered": {
			"spec": {"limit": _g, "limit_peak": 2 * _g}, "change": {}, "want": set(),
		},
		"more than the group had": {
			"spec": {"limit": _g, "limit_peak": 2 * _g}, "change": {"to": 3 * _g}, "want": {[3 * _g, 2 * _g]},
		},
		"the request": {"spec": {"request": 2 * _g}, "change": {}, "want": set()},
		"below the request": {"spec": {"request": 3 * _g}, "change": {}, "want": {[2 * _g, 3 * _g]}},
		"the size": {"spec": {"mode": "static", "size": 2 * _g}, "change": {}, "want": set()},
		"less than the size": {"spec": {"mode": "static", "size": 3 * _g}, "change": {}, "want": {[2 * _g, 3 * _g]}},
		"more than the size": {"spec": {"mode": "static", "size": _g}, "change": {}, "want": {[2 * _g, _g]}},
		"without a size": {"spec": {"mode": "static", "size": 0}, "change": {}, "want": set()},
		"without a block": {"spec": {"mode": "none", "limit": _g}, "change": {}, "want": set()},
		"a new claim": {"spec": {"limit": _g}, "change": {"how": "created"}, "want": set()},
		"written with the change": {
			"spec": {"limit": _g}, "change": {"ns": 20 * _s, "not_before_ns": 20 * _s}, "want": set(),
		},
		"in an emergency": {
			"spec": {"limit": _g, "exceed_limit": true}, "change": {}, "want": set(),
		},
		"in an emergency to more than the status tells of": {
			"spec": {"limit": _g, "exceed_limit": true}, "change": {"to": 3 * _g}, "want": {[3 * _g, _g]},
		},
	}
	judged := _judge(_request(case.spec, case.change))
	{[row.got, row.want] | some row in judged.violation; row.code == "old_intent"} == case.want
	{row.reason | some row in judged.unknown} == set()
}

test_a_planned_growth_is_no_emergency if {
	planned := object.union(_request({"limit": _g, "exceed_limit": true}, {}).storage[0], {
		"statuses": [fixture.grown(11, 11, {"action_kind": "ScheduledGrow"})],
	})
	_words({"storage": [planned]}).violated == {"old_intent"}
}

# The status may tell of an emergency only after the recording, or the document's time.
test_an_emergency_of_which_the_status_cannot_tell_yet[name] if {
	some name, case in {"in time": {"at": 109, "want": set()}, "too late": {"at": 110, "want": {"old_intent"}}}
	silent := object.union(_request({"limit": _g, "exceed_limit": true}, {}).storage[0], {
		"statuses": [], "spans": [],
	})
	_words(object.union(story.ends(case.at, "trace_end"), {"storage": [silent]})).violated == case.want
}

test_order[name] if {
	some name, case in {
		"just after the change": {"at": 21, "violated": set(), "unknown": {"order_uncertain"}},
		"the skew after the change": {"at": 22, "violated": {"old_intent"}, "unknown": set()},
	}
	story_of := _request({"limit": _g}, {"ns": case.at * _s, "not_before_ns": case.at * _s})
	_words(story_of) == {"violated": case.violated, "unknown": case.unknown}
}

test_an_old_intent_is_a_row if {
	_judge(_request({"limit": _g}, {})).violation == {{
		"code": "old_intent", "seq": {20, 50}, "volume": "pg-1", "got": 2 * _g, "want": _g, "unit": "bytes",
	}}
	_judge(_request({"limit": _g}, {"ns": 21 * _s, "not_before_ns": 21 * _s})).unknown == {{
		"reason": "order_uncertain", "code": "old_intent", "seq": {20, 50},
	}}
}

# The view knows only the block that the change brought.
test_order_without_the_block_before[name] if {
	some name, case in {
		"just after the change": {"at": 21, "violated": set(), "unknown": {"order_uncertain"}},
		"the skew after the change": {"at": 22, "violated": {"old_intent"}, "unknown": set()},
	}
	request := fixture.request(50, 50, {"ns": case.at * _s, "not_before_ns": case.at * _s})
	spec := fixture.spec({"seq": 20, "ns": 20 * _s, "limit": _g})
	_words({"storage": [story.group({"specs": [spec], "requests": [request]})]}) == {
		"violated": case.violated, "unknown": case.unknown,
	}
}

# The block changes once more at 100 s.
test_a_later_change_is_uncertain_too if {
	specs := [
		fixture.spec({"seq": 20, "ns": 20 * _s, "until_ns": 100 * _s}),
		fixture.spec({"seq": 60, "ns": 100 * _s, "limit": _g}),
	]
	request := fixture.request(61, 101, {})
	_words({"storage": [story.group({"specs": specs, "requests": [request]})]}) == {
		"violated": set(), "unknown": {"order_uncertain"},
	}
}
