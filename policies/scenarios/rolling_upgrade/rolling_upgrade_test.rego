package scenarios.rolling_upgrade_test

import data.lib.fixture_test as fixture
import data.lib.recovery_test as story
import data.scenarios.rolling_upgrade as policy

_s := fixture.second

_rollout := {
	"kind": "rolling_upgrade", "subject": "pg",
	"upgrade": {
		"trigger": "spec", "pods": ["pg-1", "pg-2", "pg-3"], "replaced": ["pg-1", "pg-2", "pg-3"], "complete": true,
		"from": "postgresql:15.2", "to": "postgresql:15.3",
	},
}

_judge(changes) := judged if {
	document := story.episode(object.union(_rollout, changes))
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as document
		with data.params as fixture.params
}

_words(changes) := story.words(judged.violation, judged.unknown) if {
	judged := _judge(changes)
}

_nothing := fixture.judgement(set(), set(), set())

test_held if _judge({}) == fixture.judgement(set(), {{"seq": {10, 20}, "in": "disruption"}}, set())

_waiting := {"health": [
	story.health(20, 20, 40, {}),
	story.health(40, 40, 10000, {"phase": "Waiting for user action", "last": true}),
]}

_unfinished(at, by) := object.union(story.ends(at, by), {
	"ended": false, "end": fixture.never, "upgrade": {"complete": false, "replaced": ["pg-1"]},
})

test_vacuous if {
	bad := object.union(_unfinished(9000, "trace_end"), story.orphan(8000, {}))
	_judge(object.union(bad, {"operations": []})) == _nothing
	_judge(object.union(bad, {"kind": "node_drain"})) == _nothing
	_judge(object.union(object.union(bad, _waiting), {"operations": []})) == _nothing
}

# The expansion must move both from the begin and from the end of the rollout on.
test_expansions[name] if {
	some name, case in story.expansions
	_after(case.change) == {"violated": case.violated, "unknown": case.unknown}
}

_after(change) := words if {
	judged := _judge(change)
	words := story.words(
		{row | some row in judged.violation; row.code != "growth_starved"},
		{row | some row in judged.unknown; row.code != "growth_starved"},
	)
}

test_starved_growth[name] if {
	some name, case in {
		"as late as may be": {"at": 620, "violated": set()},
		"too late": {"at": 621, "violated": {"growth_starved"}},
	}
	_words(story.resumed(case.at)) == {"violated": case.violated, "unknown": set()}
}

test_growth_that_waits_for_the_rollout_is_starved if {
	long := object.union(story.resumed(1000), {"end": fixture.moment(30, 999)})
	_words(long) == {"violated": {"growth_starved"}, "unknown": set()}
}

test_orphans[name] if {
	some name, case in story.orphans
	_after(case.change) == {"violated": case.violated, "unknown": case.unknown}
}

test_words_of_the_tables if {
	{"not_resumed", "not_completed"} == {code | some case in story.expansions; some code in case.violated}
	{"instance_orphaned"} == {code | some case in story.orphans; some code in case.violated}
	{"pending", "deleted", "gap", "clock"} == {reason | some case in story.expansions; some reason in case.unknown}
}

# Three instances have 600 s each, from 20 s on.
test_rollouts[name] if {
	some name, case in {
		"over as late as may be": {"change": {"end": fixture.moment(62, 1820)}, "violated": set(), "unknown": set()},
		"over too late": {
			"change": {"end": fixture.moment(62, 1821)}, "violated": {"upgrade_starved"}, "unknown": set(),
		},
		"over perhaps too late": {
			"change": {"end": {"seq": 62, "ns": 1821 * _s, "not_before_ns": 1820 * _s}},
			"violated": set(), "unknown": {"clock"},
		},
		"not yet": {"change": _unfinished(1820, "trace_end"), "violated": set(), "unknown": {"pending"}},
		"never": {"change": _unfinished(1821, "trace_end"), "violated": {"upgrade_starved"}, "unknown": set()},
		"not yet, and deleted": {"change": _unfinished(1820, "deleted"), "violated": set(), "unknown": {"deleted"}},
		"not yet when the next thing is done": {
			"change": _unfinished(1820, "next"), "violated": set(), "unknown": set(),
		},
		"one pod, as late as may be": {
			"change": {"end": fixture.moment(62, 620), "upgrade": {"pods": ["pg-1"]}}, "violated": set(), "unknown": set(),
		},
		"no pods, as late as may be": {
			"change": {"end": fixture.moment(62, 620), "upgrade": {"pods": []}}, "violated": set(), "unknown": set(),
		},
		"no pods, too late": {
			"change": {"end": fixture.moment(62, 621), "upgrade": {"pods": []}},
			"violated": {"upgrade_starved"}, "unknown": set(),
		},
	}
	_words(case.change) == {"violated": case.violated, "unknown": case.unknown}
}

test_waiting_for_the_user[name] if {
	some name, case in {
		"for ever": {
			"change": object.union(_unfinished(9000, "trace_end"), _waiting),
			"violated": set(), "unknown": {"waiting_for_user"},
		},
		"and it came to its end": {"change": _waiting, "violated": set(), "unknown": set()},
		"and it went on late": {
			"change": object.union(_waiting, {"end": fixture.moment(62, 1821)}),
			"violated": {"upgrade_starved"}, "unknown": set(),
		},
	}
	_words(case.change) == {"violated": case.violated, "unknown": case.unknown}
}

test_rows if {
	_judge(object.union(_unfinished(9000, "trace_end"), _waiting)).unknown == {{
		"reason": "waiting_for_user", "code": "upgrade_starved", "seq": {20, 999},
	}}
	_judge(_unfinished(1821, "trace_end")).violation == {{
		"code": "upgrade_starved", "seq": {20, 999}, "got": 1801 * _s, "want": 1800 * _s, "unit": "ns",
		"from_ns": 20 * _s, "until_ns": 1821 * _s, "subject": "pg",
	}}
}

test_an_orphan_is_a_row if {
	_judge(story.orphan(626, {})).violation == {{
		"code": "instance_orphaned", "seq": {24, 25, 70}, "got": 601 * _s, "want": 600 * _s, "unit": "ns",
		"from_ns": 25 * _s, "until_ns": 626 * _s, "subject": "pg-2",
	}}
}

test_completion_counts_from_the_end_of_the_rollout if {
	_words({"operations": [story.operation({"end": fixture.moment(60, 2425)})]}) == {"violated": set(), "unknown": set()}
}
