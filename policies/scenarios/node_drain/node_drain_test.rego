package scenarios.node_drain_test

import data.lib.fixture_test as fixture
import data.lib.recovery_test as story
import data.scenarios.node_drain as policy

_drain := {"kind": "node_drain", "subject": "n2", "node": {"name": "n2", "pods": ["pg-2"]}}

_judge(changes) := judged if {
	document := story.episode(object.union(_drain, changes))
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as document
		with data.params as fixture.params
}

_words(changes) := story.words(judged.violation, judged.unknown) if {
	judged := _judge(changes)
}

_nothing := fixture.judgement(set(), set(), set())

test_held if _judge({}) == fixture.judgement(set(), {{"seq": {10, 20}, "in": "disruption"}}, set())

test_vacuous if {
	bad := object.union(story.ends(9000, "trace_end"), story.orphan(8000, {}))
	_judge(object.union(bad, {"operations": []})) == _nothing
	_judge(object.union(bad, {"node": {"pods": []}})) == _nothing
	_judge(object.union(bad, {"kind": "node_loss"})) == _nothing
}

test_expansions[name] if {
	some name, case in story.expansions
	_words(case.change) == {"violated": case.violated, "unknown": case.unknown}
}

test_sizes[name] if {
	some name, case in story.sizes("final_size_off")
	_words(case.change) == {"violated": case.violated, "unknown": case.unknown}
}

test_statuses[name] if {
	some name, case in story.statuses("final_status_off")
	_words(case.change) == {"violated": case.violated, "unknown": case.unknown}
}

test_orphans[name] if {
	some name, case in story.orphans
	_words(case.change) == {"violated": case.violated, "unknown": case.unknown}
}

test_words_of_the_tables if {
	{"not_resumed", "not_completed"} == {code | some case in story.expansions; some code in case.violated}
	{"instance_orphaned"} == {code | some case in story.orphans; some code in case.violated}
	{"pending", "deleted", "gap", "clock"} == {reason | some case in story.expansions; some reason in case.unknown}
}

test_pods_of_other_nodes_are_not_drained if _words(story.orphan(8000, {"node": "n1"})).violated == set()

test_an_orphan_is_a_row if {
	_judge(story.orphan(626, {})).violation == {{
		"code": "instance_orphaned", "seq": {24, 25, 70}, "got": 601 * fixture.second, "want": 600 * fixture.second,
		"unit": "ns", "from_ns": 25 * fixture.second, "until_ns": 626 * fixture.second, "subject": "pg-2",
	}}
}
