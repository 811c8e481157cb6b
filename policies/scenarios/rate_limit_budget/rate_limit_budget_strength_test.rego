# Cases that tell the policy from its mutants; see docs/policy-strength.md.
package scenarios.rate_limit_budget_test

import data.lib.fixture_test as fixture

_without_budget := {"has_budget": false, "actions": 0, "planned": 0, "emergency": 0}

_silent(kinds) := object.union(
	_story(kinds, {i: _without_budget | some i, _ in kinds}),
	{"spans": []},
)

test_the_reserve_is_known_without_a_status[name] if {
	some name, case in {
		"to the share": {"kinds": [_p, _p, _p], "want": set()},
		"the reserve": {"kinds": [_p, _p, _p, _p], "want": {["reserve_taken", 4, 3]}},
		"emergencies may have used it": {"kinds": [_e, _p, _p, _p], "want": set()},
	}
	_codes(_judge(_silent(case.kinds))) == case.want
}

# The block changes just when the group grows for the second time: the more generous one counts.
test_two_blocks_may_be_in_force[name] if {
	some name, case in {
		"the reserve, made smaller": {"kinds": [_p, _p], "max": [3, 2]},
		"the reserve, made larger": {"kinds": [_p, _p], "max": [2, 3]},
		"the budget, made smaller": {"kinds": [_e, _e], "max": [2, 1]},
		"the budget, made larger": {"kinds": [_e, _e], "max": [1, 2]},
	}
	specs := [
		fixture.spec({"limit": 99 * _g, "until_ns": 200 * _s, "max_actions": case.max[0]}),
		fixture.spec({"seq": 5, "ns": 200 * _s, "limit": 99 * _g, "max_actions": case.max[1]}),
	]
	_judge(object.union(_silent(case.kinds), {"specs": specs})).violation == set()
}

test_the_first_action_may_be_the_boundary if {
	story := object.union(_story([_p], {}), {"specs": [fixture.spec({"max_actions": 2, "limit": 99 * _g})]})
	count(_judge(story).exercised) == 1
}

# From 101 s to 300 s, seen in two spans of which neither begins with the status.
test_evidence_of_a_run if {
	story := _story([_p, _p, _p], {2: {"planned": 1}})
	spans := [
		fixture.span(30, 300, 310, {"status": 2}),
		fixture.span(33, 310, 10000, {"status": 2, "last": true}),
	]
	judged := _judge(object.union(story, {"spans": spans}))
	{row.seq | some row in judged.violation} == {{30, 31, 33}}
	judged.exercised == {{"seq": {30, 31}}}
}

test_a_growth_is_used_at_once if {
	story := _story([_p, _p, _p], {2: {"actions": 2, "planned": 1}})
	judged := _judge(object.union(story, {"spans": [fixture.span(30, 300, 10000, {"status": 2, "last": true})]}))
	_codes(judged) == {["exhaustion_hidden", 1, 0]}
}

test_evidence_of_a_reserve_that_was_taken if {
	judged := _judge(_silent([_p, _p, _p, _p]))
	{row.seq | some row in judged.violation} == {{10, 20, 30, 40}}
}

test_growth_in_quick_succession if {
	story := _silent([_p, _p, _p, _p])
	requests := [object.union(request, {"seq": 10 + i}) | some i, request in story.requests]
	{row.seq | some row in _judge(object.union(story, {"requests": requests})).violation} == {{10, 11, 12, 13}}
}

test_evidence_of_a_growth_of_unknown_kind if {
	story := _story([_p, _p, _p], {})
	judged := _judge(object.union(story, {"requests": array.concat(story.requests, [_rise(4, 400)]), "spans": []}))
	judged.unknown == {{"reason": "kind_unknown", "code": "reserve_taken", "seq": {40}}}
}
