package scenarios.failover_test

import data.lib.fixture_test as fixture
import data.lib.recovery_test as story
import data.scenarios.failover as policy

_s := fixture.second

# pg-1 is given up at 20 s, pg-2 is the primary from 28 s on.
_election(changes) := object.union(
	object.union(fixture.moment(20, 20), {
		"complete": true, "end": fixture.moment(28, 28), "from": "pg-1", "to": "pg-2", "target": "pg-2",
		"pending": true, "changed": true, "changed_at": fixture.moment(28, 28), "elected_pod": true,
		"elected_ready": true, "timeline_before": 1, "timeline_after": 2, "candidates": 2,
	}),
	changes,
)

_elected := {"current_primary": "pg-2", "target_primary": "pg-2", "reported_primaries": ["pg-2"], "timeline": 2}

_failover := {
	"kind": "failover", "elections": [_election({})],
	"health": [story.health(20, 20, 28, {}), story.health(28, 28, 10000, object.union(_elected, {"last": true}))],
}

_judge(changes) := judged if {
	document := story.episode(object.union(_failover, changes))
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as document
		with data.params as fixture.params
}

_words(changes) := story.words(judged.violation, judged.unknown) if {
	judged := _judge(changes)
}

_nothing := fixture.judgement(set(), set(), set())

test_held[kind] if {
	some kind in {"failover", "switchover"}
	_judge({"kind": kind}) == fixture.judgement(set(), {{"seq": {10, 20}, "in": "disruption"}}, set())
}

test_vacuous if {
	_judge({"operations": []}) == _nothing
	_judge({"kind": "primary_restart", "elections": [_election({"target": "pg-3"})]}) == _nothing
}

test_expansions[name] if {
	some name, case in story.expansions
	_words(case.change) == {"violated": case.violated, "unknown": case.unknown}
}

test_sizes[name] if {
	some name, case in story.sizes("diverged")
	_words(case.change) == {"violated": case.violated, "unknown": case.unknown}
}

test_words_of_the_tables if {
	{"not_resumed", "not_completed"} == {code | some case in story.expansions; some code in case.violated}
	{"pending", "deleted", "gap", "clock"} == {reason | some case in story.expansions; some reason in case.unknown}
}

_unended := {
	"complete": false, "end": fixture.never, "to": "", "changed": false, "changed_at": fixture.never,
	"elected_pod": false, "timeline_after": 1,
}

_until(at, by, election) := _stands(at, by, election, {})

# From the election on the cluster stands so until a moment.
_stands(at, by, election, stand) := object.union(story.ends(at, by), {
	"operations": [], "elections": [_election(election)],
	"health": [
		story.health(20, 20, 28, {}),
		story.health(28, 28, at, object.union(object.union(_elected, {"last": true}), stand)),
	],
})

# No expansion was going on: an election is judged all the same.
test_elections[name] if {
	some name, case in {
		"right": {"change": _until(10000, "trace_end", {}), "violated": set(), "unknown": set()},
		"of another than was asked for": {
			"change": _until(10000, "trace_end", {"target": "pg-3"}), "violated": {"wrong_primary"}, "unknown": set(),
		},
		"of which no target was recorded": {
			"change": _until(10000, "trace_end", {"target": ""}), "violated": set(), "unknown": set(),
		},
		"that is not one": {
			"change": _until(10000, "trace_end", {
				"to": "pg-1", "changed": false, "target": "pg-3", "timeline_after": 1,
			}),
			"violated": set(), "unknown": set(),
		},
		"over as late as may be": {
			"change": _until(10000, "trace_end", {"end": fixture.moment(29, 620)}), "violated": set(), "unknown": set(),
		},
		"over too late": {
			"change": _until(10000, "trace_end", {"end": fixture.moment(29, 621)}),
			"violated": {"election_stuck"}, "unknown": set(),
		},
		"over perhaps too late": {
			"change": _until(10000, "trace_end", {"end": {"seq": 29, "ns": 621 * _s, "not_before_ns": 620 * _s}}),
			"violated": set(), "unknown": {"clock"},
		},
		"not over when the recording ends": {
			"change": _until(620, "trace_end", _unended), "violated": set(), "unknown": {"pending"},
		},
		"not over when the cluster is deleted": {
			"change": _until(620, "deleted", _unended), "violated": set(), "unknown": {"deleted"},
		},
		"never over": {
			"change": _until(621, "trace_end", _unended), "violated": {"election_stuck"}, "unknown": set(),
		},
		"of another document": {
			"change": _until(10000, "trace_end", {"seq": 21, "target": "pg-3"}), "violated": set(), "unknown": set(),
		},
	}
	_words(case.change) == {"violated": case.violated, "unknown": case.unknown}
}

_no_pod := {"ready_pods": ["pg-1", "pg-3"]}

_old := {"timeline": 1}

# How the cluster stands after the election.
test_standing[name] if {
	some name, case in {
		"without a pod when the recording ends": {
			"change": _stands(628, "trace_end", {}, _no_pod), "violated": set(), "unknown": {"pending"},
		},
		"without a pod": {
			"change": _stands(629, "trace_end", {}, _no_pod), "violated": {"primary_not_ready"}, "unknown": set(),
		},
		"without a pod when the next thing is done": {
			"change": _stands(628, "next", {}, _no_pod), "violated": set(), "unknown": set(),
		},
		"without a pod, with pods missing": {
			"change": object.union(_stands(629, "trace_end", {}, _no_pod), {"gaps": [fixture.gap("pods", 100, 110)]}),
			"violated": set(), "unknown": {"gap"},
		},
		"on the old timeline when the recording ends": {
			"change": _stands(88, "trace_end", {}, _old), "violated": set(), "unknown": {"pending"},
		},
		"on the old timeline": {
			"change": _stands(89, "trace_end", {}, _old), "violated": {"timeline_off"}, "unknown": set(),
		},
		"on the old timeline, with clusters missing": {
			"change": object.union(_stands(89, "trace_end", {}, _old), {"gaps": [fixture.gap("clusters", 40, 50)]}),
			"violated": set(), "unknown": {"gap"},
		},
		"on a later timeline": {
			"change": _until(89, "trace_end", {"timeline_after": 3}), "violated": {"timeline_off"}, "unknown": set(),
		},
		"on a later timeline, after another one": {
			"change": _until(89, "trace_end", {"timeline_after": 3, "to": "pg-3"}),
			"violated": set(), "unknown": set(),
		},
		"on an unknown timeline": {
			"change": _stands(89, "trace_end", {"timeline_before": 0}, {"timeline": 0}),
			"violated": set(), "unknown": set(),
		},
		"on the first timeline that is known": {
			"change": _stands(89, "trace_end", {"timeline_before": 0, "timeline_after": 3}, {"timeline": 3}),
			"violated": set(), "unknown": set(),
		},
	}
	_words(case.change) == {"violated": case.violated, "unknown": case.unknown}
}

test_it_may_get_well_later[name] if {
	some name, case in {
		"a pod as late as may be": {"stand": _no_pod, "at": 628, "want": set()},
		"a pod too late": {"stand": _no_pod, "at": 629, "want": {"primary_not_ready"}},
		"the timeline as late as may be": {"stand": _old, "at": 88, "want": set()},
		"the timeline too late": {"stand": _old, "at": 89, "want": {"timeline_off"}},
	}
	_words({"operations": [], "health": [
		story.health(20, 20, 28, {}),
		story.health(28, 28, case.at, object.union(_elected, case.stand)),
		story.health(40, case.at, 10000, object.union(_elected, {"last": true})),
	]}).violated == case.want
}

test_what_was_so_before_the_election_does_not_count if {
	before := object.union(_elected, {"timeline": 7})
	_words({"operations": [], "health": [
		story.health(20, 20, 28, before),
		story.health(28, 28, 10000, object.union(_elected, {"timeline": 1, "last": true})),
	]}).violated == {"timeline_off"}
}

test_a_timeline_is_a_row if {
	_judge(_until(89, "trace_end", {"timeline_after": 3})).violation == {{
		"code": "timeline_off", "seq": {20, 28}, "got": 3, "want": 2,
	}}
}

test_a_wrong_primary_is_a_row if {
	_judge(_until(10000, "trace_end", {"target": "pg-3"})).violation == {{
		"code": "wrong_primary", "seq": {20, 28}, "got": "pg-2", "want": "pg-3",
	}}
}

test_an_election_that_is_not_over_may_be_wrong_already if {
	_words(_until(600, "next", {"complete": false, "end": fixture.never, "target": "pg-3"})).violated == {"wrong_primary"}
}

# The elected primary is lost again before the change was over: it was right all the same.
test_a_second_choice_is_not_the_first_one if {
	_words(_until(10000, "trace_end", {"to": "pg-3"})).violated == set()
}

# After the election the instances report others as primary until a moment.
_reports(reported, until, changes) := object.union(
	{
		"operations": [],
		"health": [
			story.health(20, 20, 28, {}),
			story.health(28, 28, until, object.union(_elected, {"reported_primaries": reported})),
			story.health(40, until, 10000, object.union(_elected, {"last": true})),
		],
	},
	changes,
)

test_reports[name] if {
	some name, case in {
		"the old one as long as may be": {"change": _reports(["pg-1"], 88, {}), "violated": set(), "unknown": set()},
		"the old one for too long": {
			"change": _reports(["pg-1"], 89, {}), "violated": {"wrong_report"}, "unknown": set(),
		},
		"none for long": {"change": _reports([], 800, {}), "violated": set(), "unknown": set()},
		"with clusters missing": {
			"change": _reports(["pg-1"], 89, {"gaps": [fixture.gap("clusters", 40, 50)]}),
			"violated": set(), "unknown": {"gap"},
		},
		"another election follows": {
			"change": _reports(["pg-1"], 89, {"elections": [_election({}), _election({"seq": 35})]}),
			"violated": set(), "unknown": set(),
		},
		"the election is not over": {
			"change": _reports(["pg-1"], 89, {"elections": [_election({"complete": false, "end": fixture.never})]}),
			"violated": {"election_stuck"}, "unknown": set(),
		},
		"another one is the primary by then": {
			"change": _reports(["pg-1"], 89, {"elections": [_election({"to": "pg-3"})]}),
			"violated": set(), "unknown": set(),
		},
	}
	_words(case.change) == {"violated": case.violated, "unknown": case.unknown}
}

_both(until) := {"two_primaries": [object.union(fixture.moment(25, 25), {
	"until_ns": until * _s, "until_not_before_ns": until * _s, "pods": ["pg-1", "pg-2"],
})]}

test_two_primaries if {
	_words(_both(27)).violated == set()
	_judge(_both(28)).violation == {{
		"code": "two_primaries", "seq": {25}, "pods": "pg-1 pg-2", "got": "pg-1 pg-2", "want": "one",
		"from_ns": 25 * _s, "until_ns": 28 * _s,
	}}
	_judge(object.union(_both(28), {"kind": "primary_restart"})).violation == set()
}

test_gaps[name] if {
	some name, case in {
		"of clusters": {"change": {"gaps": [fixture.gap("clusters", 700, 710)]}, "want": {"gap"}},
		"of claims": {"change": {"gaps": [fixture.gap("persistentvolumeclaims", 700, 710)]}, "want": set()},
		"over which the spec is known": {
			"change": {"gaps": [object.union(fixture.gap("clusters", 700, 710), {"same_generation": true})]},
			"want": set(),
		},
		"without an expansion": {
			"change": {"gaps": [fixture.gap("clusters", 700, 710)], "operations": []}, "want": set(),
		},
	}
	_words(case.change).unknown == case.want
}

test_a_gap_is_a_row if {
	_judge({"gaps": [fixture.gap("clusters", 700, 710)]}).unknown == {{"reason": "gap", "seq": {901, 902}}}
}

test_a_primary_without_a_pod_is_a_row if {
	_judge(_stands(629, "trace_end", {}, _no_pod)).violation == {{
		"code": "primary_not_ready", "seq": {20, 28, 999}, "got": 601 * _s, "want": 600 * _s, "unit": "ns",
		"from_ns": 28 * _s, "until_ns": 629 * _s, "subject": "pg-2",
	}}
}

test_without_pods_nothing_is_known_of_them if {
	some_pods := _judge(_stands(9000, "trace_end", {}, {"pods": [], "ready_pods": []}))
	{row.code | some row in some_pods.violation} == {"primary_not_ready"}
	none := _judge({"operations": [], "health": [
		story.health(28, 28, 10000, object.union(_elected, {"pods": [], "ready_pods": [], "last": true})),
	]})
	none.violation == set()
	none.unknown == {{"reason": "pods_unseen", "code": "primary_not_ready", "seq": {20}}}
}
