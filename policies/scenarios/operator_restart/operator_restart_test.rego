package scenarios.operator_restart_test

import data.lib.fixture_test as fixture
import data.lib.recovery_test as story
import data.scenarios.operator_restart as policy

_g := fixture.gib

_judge(changes) := judged if {
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as story.episode(changes)
		with data.params as fixture.params
}

_words(changes) := story.words(judged.violation, judged.unknown) if {
	judged := _judge(changes)
}

_nothing := fixture.judgement(set(), set(), set())

test_held if _judge({}) == fixture.judgement(set(), {{"seq": {10, 20}, "in": "disruption"}}, set())

test_vacuous if {
	_judge({"operations": []}) == _nothing
	_judge({"kind": "failover"}) == _nothing
	_judge({"operations": [story.operation({"role": "PG_WAL"})]}) == _nothing
}

test_expansions[name] if {
	some name, case in story.expansions
	wanted := {"unknown": (case.unknown | _gaps(case)), "violated": case.violated}
	_words(case.change) == wanted
}

# Wherever claims or clusters are missing, a repetition may have been.
_gaps(case) := {"gap" | case.change.gaps}

test_codes_in_words if {
	{"not_resumed", "not_completed"} == {code | some case in story.expansions; some code in case.violated}
	{"pending", "deleted", "gap", "clock"} == {reason | some case in story.expansions; some reason in case.unknown}
}

test_sizes[name] if {
	some name, case in story.sizes("final_size_off")
	_words(case.change) == {"violated": case.violated, "unknown": case.unknown}
}

test_statuses[name] if {
	some name, case in story.statuses("final_status_off")
	_words(case.change) == {"violated": case.violated, "unknown": case.unknown}
}

test_what_is_wrong_before_it_was_met_is_not_judged if {
	sizes := object.union(story.uneven(22, 331, {}), {"operations": []})
	_judge(sizes) == _nothing
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

test_requests[name] if {
	some name, case in {
		"a claim that follows": {"change": {"peak": 2 * _g}, "want": set()},
		"a further rise": {"change": {"to": 3 * _g, "peak": 2 * _g}, "want": set()},
		"a request that is written again": {"change": {"how": "rewritten", "to": _g}, "want": {[_g, _g]}},
		"a request that is lowered": {"change": {"from": 3 * _g, "peak": _g}, "want": {[2 * _g, 3 * _g]}},
		"a request below that of the others": {"change": {"peak": 3 * _g}, "want": {[2 * _g, 3 * _g]}},
		"a new claim": {"change": {"how": "created", "from": 0, "peak": 3 * _g}, "want": set()},
	}
	judged := _judge({"storage": [story.group({"requests": [fixture.request(40, 40, case.change)]})]})
	{[row.got, row.want] | some row in judged.violation} == case.want
	{row.code | some row in judged.violation} - {"request_conflicting"} == set()
}

test_evidence_of_a_conflict if {
	judged := _judge({"storage": [story.group({"requests": [fixture.request(40, 40, {"peak": 3 * _g})]})]})
	judged.violation == {{
		"code": "request_conflicting", "seq": {20, 40}, "volume": "pg-1",
		"got": 2 * _g, "want": 3 * _g, "unit": "bytes",
	}}
}

test_gaps[name] if {
	some name, case in {
		"of clusters": {"gap": fixture.gap("clusters", 100, 110), "want": {"gap"}},
		"of claims": {"gap": fixture.gap("persistentvolumeclaims", 100, 110), "want": {"gap"}},
		"of nodes": {"gap": fixture.gap("nodes", 100, 110), "want": set()},
		"over which the spec is known": {
			"gap": object.union(fixture.gap("clusters", 100, 110), {"same_generation": true}), "want": set(),
		},
	}
	_words({"gaps": [case.gap]}).unknown == case.want
}

test_a_gap_without_an_expansion if _judge({"gaps": [fixture.gap("clusters", 100, 110)], "operations": []}) == _nothing

test_a_gap_is_a_row if {
	_judge({"gaps": [fixture.gap("clusters", 100, 110)]}).unknown == {{"reason": "gap", "seq": {901, 902}}}
}
