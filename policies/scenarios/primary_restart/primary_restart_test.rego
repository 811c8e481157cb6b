package scenarios.primary_restart_test

import data.lib.fixture_test as fixture
import data.lib.recovery_test as story
import data.scenarios.primary_restart as policy

_restart := {"kind": "primary_restart", "sentinel": true, "workloads": [story.workload({})]}

_judge(changes) := judged if {
	document := story.episode(object.union(_restart, changes))
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as document
		with data.params as fixture.params
}

_words(changes) := story.words(judged.violation, judged.unknown) if {
	judged := _judge(changes)
}

_nothing := fixture.judgement(set(), set(), set())

test_held if _judge({}) == fixture.judgement(set(), {{"seq": {10, 20}, "in": "disruption"}}, set())

test_vacuous if {
	bad := {"workloads": [story.workload(story.losses.lost)], "health": [story.health(20, 20, 10000, {"ready": "False"})]}
	_judge(object.union(bad, {"operations": []})) == _nothing
	_judge(object.union(bad, {"kind": "replica_restart"})) == _nothing
	_judge({"operations": [], "sentinel": false, "workloads": []}) == _nothing
}

test_expansions[name] if {
	some name, case in story.expansions
	_judged_expansion(case) == {"violated": case.violated, "unknown": case.unknown}
}

_judged_expansion(case) := _words(case.change)

test_recoveries[name] if {
	some name, case in story.recoveries
	_words(case.change) == {"violated": case.violated, "unknown": case.unknown}
}

test_words_of_the_tables if {
	{"not_resumed", "not_completed"} == {code | some case in story.expansions; some code in case.violated}
	{"not_ready"} == {code | some case in story.recoveries; some code in case.violated}
	{"pending", "deleted", "gap", "clock"} == {reason | some case in story.recoveries; some reason in case.unknown}
}

test_data[code] if {
	some code, changes in story.losses
	judged := _judge({"workloads": [story.workload(changes)]})
	{row.code | some row in judged.violation} == {code}
	judged.unknown == set()
}

test_codes_of_data if {
	object.keys(story.losses) == {"lost", "lost_though_replicated", "unexpected", "duplicated"}
}

test_doubts_about_data[name] if {
	some name, case in {
		"without a sentinel": {"change": {"sentinel": false, "workloads": []}, "want": {"no_sentinel"}},
		"without a read": {"change": {"workloads": [story.workload({"read_after_seq": 0})]}, "want": {"no_read"}},
		"not read again": {
			"change": {"workloads": [story.workload({"unread": {"elements": "20", "count": 1, "seq": [95]}})]},
			"want": {"never_read"},
		},
		"lost in a crash": {"change": {"workloads": [story.workload(story.doubtful)]}, "want": {"standby_unknown"}},
	}
	_words(case.change) == {"violated": set(), "unknown": case.want}
}
