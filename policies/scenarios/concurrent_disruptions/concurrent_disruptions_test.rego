package scenarios.concurrent_disruptions_test

import data.lib.fixture_test as fixture
import data.lib.recovery_test as story
import data.scenarios.concurrent_disruptions as policy

_s := fixture.second

# A node is drained from 22 s to 30 s.
_drain(changes) := object.union(
	{
		"entity": "ns/pg/node_drain#1", "kind": "node_drain", "subject": "n2", "caused_by": "",
		"root": "ns/pg/node_drain#1", "begin": fixture.moment(22, 22), "ended": true, "end": fixture.moment(30, 30),
	},
	changes,
)

_backup := {
	"kind": "backup", "subject": "nightly", "concurrent": [_drain({})],
	"backup": {
		"name": "nightly", "phase": "completed", "phases": ["pending", "running", "completed"], "finished": true,
		"completed": true, "condition": "True",
	},
}

_judge(changes) := judged if {
	document := story.episode(object.union(_backup, changes))
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as document
		with data.params as fixture.params
}

_words(changes) := story.words(judged.violation, judged.unknown) if {
	judged := _judge(changes)
}

_nothing := fixture.judgement(set(), set(), set())

test_held[kind] if {
	some kind in {"backup", "snapshot"}
	_judge({"kind": kind}) == fixture.judgement(set(), {{"seq": {10, 20, 22}, "in": "disruption"}}, set())
}

_bad := object.union(_phases(["completed", "running"]), {
	"health": [story.health(20, 20, 10000, {"ready": "False", "last": true})],
	"pods": story.orphan(8000, {}).pods,
})

test_vacuous[name] if {
	some name, change in {
		"no drain": {"concurrent": []},
		"another disruption": {"concurrent": [_drain({"kind": "node_loss"})]},
		"no expansion": {"operations": []},
		"something else": {"kind": "growth"},
		"an expansion that was over before the drain": {
			"operations": [story.operation({"end": fixture.moment(21, 21)})],
		},
		"an expansion that began after the drain": {
			"operations": [story.operation({"begin": fixture.moment(31, 31)})],
		},
	}
	_judge(object.union(_bad, change)) == _nothing
}

test_they_meet[name] if {
	some name, change in {
		"the expansion ends as the drain begins": {"operations": [story.operation({"end": fixture.moment(22, 22)})]},
		"the expansion begins as the drain ends": {"operations": [story.operation({"begin": fixture.moment(30, 30)})]},
		"the expansion does not end": {"operations": [story.operation({"closed": false, "end": fixture.never})]},
		"the drain does not end": {"concurrent": [_drain({"ended": false, "end": fixture.never})]},
	}
	count(_judge(change).exercised) == 1
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
	some name, case in story.sizes("diverged")
	_words(case.change) == {"violated": case.violated, "unknown": case.unknown}
}

test_orphans[name] if {
	some name, case in story.orphans
	_words(case.change) == {"violated": case.violated, "unknown": case.unknown}
}

test_words_of_the_tables if {
	{"not_resumed", "not_completed"} == {code | some case in story.expansions; some code in case.violated}
	{"not_ready"} == {code | some case in story.recoveries; some code in case.violated}
	{"instance_orphaned"} == {code | some case in story.orphans; some code in case.violated}
	{"pending", "deleted", "gap", "clock"} == {reason | some case in story.expansions; some reason in case.unknown}
}

_running := {"ended": false, "end": fixture.never, "backup": {
	"phase": "running", "phases": ["running"], "finished": false, "completed": false, "condition": "",
}}

# The backup has its time from the end of the drain at 30 s on.
test_backups[name] if {
	some name, case in {
		"over as late as may be": {"change": {"end": fixture.moment(33, 1230)}, "want": set()},
		"running as long as may be": {"change": object.union(story.ends(630, "next"), _running), "want": set()},
		"running for too long": {
			"change": object.union(story.ends(631, "trace_end"), _running), "want": {"backup_stuck"},
		},
	}
	_words(case.change).violated == case.want
}

_phases(phases) := {"backup": {"phases": phases}}

test_phases[name] if {
	some name, case in {
		"there and back": {"phases": ["running", "completed", "running", "completed"], "want": {["running", "completed"]}},
		"failed and taken up": {"phases": ["failed", "running"], "want": {["running", "failed"]}},
		"failed in the end": {"phases": ["running", "failed"], "want": set()},
		"none": {"phases": [], "want": set()},
		"the same again": {"phases": ["completed", "completed"], "want": set()},
	}
	judged := _judge(_phases(case.phases))
	{[row.got, row.want] | some row in judged.violation} == case.want
}

test_a_reversal_is_a_row if {
	_judge(_phases(["completed", "running"])).violation == {{
		"code": "phase_reversed", "seq": {20, 999}, "got": "running", "want": "completed",
	}}
}

_condition(at, status, completed) := object.union(story.ends(at, "trace_end"), {"backup": {
	"condition": status, "completed": completed,
}})

test_conditions[name] if {
	some name, case in {
		"it succeeded": {"change": _condition(9000, "True", true), "violated": set(), "unknown": set()},
		"it failed": {"change": _condition(9000, "False", false), "violated": set(), "unknown": set()},
		"it succeeded, the condition says not": {
			"change": _condition(91, "False", true), "violated": {"condition_off"}, "unknown": set(),
		},
		"it failed, the condition says not": {
			"change": _condition(91, "True", false), "violated": {"condition_off"}, "unknown": set(),
		},
		"the condition has time": {"change": _condition(90, "False", true), "violated": set(), "unknown": {"pending"}},
		"there is no condition": {"change": _condition(9000, "", true), "violated": set(), "unknown": set()},
		"it is not over": {
			"change": object.union(_condition(600, "True", false), {"backup": {"finished": false}}),
			"violated": set(), "unknown": {"pending"},
		},
		"there is another backup": {
			"change": object.union(_condition(9000, "False", true), {"concurrent": [_drain({}), _drain({"kind": "snapshot"})]}),
			"violated": set(), "unknown": set(),
		},
		"clusters are missing": {
			"change": object.union(_condition(91, "False", true), {"gaps": [fixture.gap("clusters", 40, 50)]}),
			"violated": set(), "unknown": {"gap"},
		},
	}
	_words(case.change) == {"violated": case.violated, "unknown": case.unknown}
}

test_rows if {
	_judge(_condition(91, "False", true)).violation == {{
		"code": "condition_off", "seq": {20, 30, 999}, "got": 61 * _s, "want": 60 * _s, "unit": "ns",
		"from_ns": 30 * _s, "until_ns": 91 * _s, "subject": "nightly",
	}}
	_judge(object.union(story.ends(631, "trace_end"), _running)).violation == {{
		"code": "backup_stuck", "seq": {20, 22, 30, 999} - {22}, "got": 601 * _s, "want": 600 * _s, "unit": "ns",
		"from_ns": 30 * _s, "until_ns": 631 * _s, "subject": "nightly",
	}}
}

test_vacuous_backups[name] if {
	some name, change in {
		"never over": object.union(story.ends(9000, "trace_end"), _running),
		"with a condition that is off": _condition(9000, "False", true),
	}
	_judge(object.union(change, {"concurrent": []})) == _nothing
}

test_each_drain_is_an_exercise_of_its_own if {
	late := _drain({"begin": fixture.moment(70, 70), "end": fixture.moment(80, 80)})
	_judge({"concurrent": [_drain({}), late]}).exercised == {{"seq": {10, 20, 22}, "in": "disruption"}}
}

test_an_orphan_is_a_row if {
	_judge(story.orphan(626, {})).violation == {{
		"code": "instance_orphaned", "seq": {24, 25, 70}, "got": 601 * _s, "want": 600 * _s, "unit": "ns",
		"from_ns": 25 * _s, "until_ns": 626 * _s, "subject": "pg-2",
	}}
}

test_two_backups_share_the_condition[kind] if {
	some kind in {"backup", "snapshot"}
	change := object.union(_condition(9000, "False", true), {"concurrent": [_drain({}), _drain({"kind": kind})]})
	_words(change) == {"violated": set(), "unknown": set()}
}
