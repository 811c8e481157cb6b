package behaviour.topology_t1_test

import data.behaviour.topology_t1 as policy
import data.lib.fixture_test as fixture

_s := fixture.second

_judge(document) := judged if {
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as document
		with data.params as fixture.params
}

_none := fixture.judgement(set(), set(), set())

_held := fixture.judgement(set(), {{"seq": {110, 120}, "in": "disruption"}}, set())

_up := {"wanted": 1, "instances": 1, "ready_instances": 1, "ready_pods": ["pg-1"]}

_down := {"wanted": 1, "instances": 1, "ready_instances": 0, "phase": "Failing over"}

# Not steady from 100 s on; the pod was deleted at 100 s and gone at 200 s.
_rows := [[0, _up], [100, _down], [150, object.union(_down, {"jobs": 1})]]

_deleted := [fixture.disruption("pod_deleted", 100, 200)]

_back(at, changes) := _judge(fixture.cluster(object.union(
	{"spans": fixture.timeline(array.concat(_rows, [[at, _up]]), 10000), "disruptions": _deleted},
	changes,
)))

test_nothing_is_vacuous if _judge(fixture.cluster({})) == _none

_finding(code, got) := {
	"code": code, "seq": {110, 120}, "got": got * _s, "want": 1800 * _s, "unit": "ns",
	"from_ns": 200 * _s, "until_ns": (200 + got) * _s, "phase": "Failing over",
}

_doubt(reason, until) := {{
	"reason": reason, "seq": {110, 999}, "from_ns": 200 * _s, "until_ns": until * _s,
}}

_late := object.union(_held, {"violation": {_finding("recovered_late", 1801)}})

test_recoveries[name] if {
	some name, case in {
		"in time": {"at": 2000, "change": {}, "want": _held},
		"too late": {"at": 2001, "change": {}, "want": _late},
		"too late, with a gap": {
			"at": 2001, "change": {"gaps": [fixture.gap("pods", 300, 310)]},
			"want": object.union(_held, {"unknown": _doubt("gap", 2001)}),
		},
		"in time, with a gap": {"at": 2000, "change": {"gaps": [fixture.gap("pods", 300, 310)]}, "want": _held},
		"too late, with a gap of Events": {
			"at": 2001, "change": {"gaps": [fixture.gap("events", 300, 310)]}, "want": _late,
		},
		"of nothing": {"at": 2001, "change": {"disruptions": []}, "want": _none},
		"of a disruption before": {
			"at": 2001, "change": {"disruptions": [fixture.disruption("pod_deleted", 50, 99)]}, "want": _none,
		},
		"of one that was over just then": {
			"at": 1900, "change": {"disruptions": [fixture.disruption("pod_deleted", 50, 100)]}, "want": _held,
		},
		"of one that began at the end": {
			"at": 2000, "change": {"disruptions": [fixture.disruption("pod_deleted", 2000, 2010)]}, "want": _none,
		},
		"of two disruptions": {
			"at": 2500,
			"change": {"disruptions": array.concat(_deleted, [fixture.disruption("pod_deleted", 600, 700)])},
			"want": _held,
		},
	}
	_back(case.at, case.change) == case.want
}

test_each_kind_of_gap_matters[kind] if {
	some kind in ["clusters", "pods", "persistentvolumeclaims"]
	_back(2001, {"gaps": [fixture.gap(kind, 300, 310)]}).violation == set()
}

test_a_disruption_without_an_end_counts_from_its_begin if {
	open := [object.union(fixture.disruption("node_not_ready", 100, 9000), {"ended": false, "end": fixture.never})]
	finding := object.union(_finding("recovered_late", 1801), {"from_ns": 100 * _s, "until_ns": 1901 * _s})
	_back(1901, {"disruptions": open}) == object.union(_held, {"violation": {finding}})
	_back(1900, {"disruptions": open}) == _held
}

test_other_topologies[name] if {
	some name, first in {
		"two instances": {"wanted": 2, "instances": 2, "ready_instances": 2, "ready_pods": ["pg-1", "pg-2"]},
		"scaled up meanwhile": _up,
	}
	rows := [
		[0, first], [100, object.union(_down, {"wanted": first.wanted})], [150, object.union(_down, {"wanted": 2})],
		[3000, {"wanted": 2, "instances": 2, "ready_instances": 2, "ready_pods": ["pg-1", "pg-2"]}],
	]
	_judge(fixture.cluster({"spans": fixture.timeline(rows, 10000), "disruptions": _deleted})) == _none
}

# Not steady when the history ends.
_ending(until, changes) := _judge(fixture.cluster(object.union(
	{"until_ns": until * _s, "spans": fixture.timeline(_rows, until), "disruptions": _deleted},
	changes,
)))

test_the_end[name] if {
	some name, case in {
		"in time": {"until": 2000, "change": {}, "want": object.union(_none, {"unknown": _doubt("pending", 2000)})},
		"too late": {
			"until": 2001, "change": {}, "want": object.union(_none, {"violation": {_finding("not_recovered", 1801)}}),
		},
		"deleted in time": {
			"until": 2000, "change": {"until": "deleted"},
			"want": object.union(_none, {"unknown": _doubt("deleted", 2000)}),
		},
		"in a gap": {
			"until": 2001, "change": {"gaps": [fixture.gap("pods", 300, 310)]},
			"want": object.union(_none, {"unknown": _doubt("gap", 2001)}),
		},
	}
	_ending(case.until, case.change) == case.want
}

test_how_long_nobody_knows[name] if {
	some name, case in {
		"perhaps in time": {"over": 200, "back": 2000, "at": 2001, "doubt": {"clock"}, "codes": set()},
		"perhaps over earlier": {"over": 199, "back": 2000, "at": 2000, "doubt": {"clock"}, "codes": set()},
		"certainly too late": {"over": 199, "back": 2001, "at": 2001, "doubt": set(), "codes": {"recovered_late"}},
	}
	rows := fixture.timeline(array.concat(_rows, [[case.at, _up]]), 10000)
	last := object.union(rows[2], {"until_not_before_ns": case.back * _s})
	disruption := object.union(_deleted[0], {"end": object.union(_deleted[0].end, {"not_before_ns": case.over * _s})})
	judged := _judge(fixture.cluster({
		"spans": [rows[0], rows[1], last, rows[3]], "disruptions": [disruption],
	}))
	{row.reason | some row in judged.unknown} == case.doubt
	{row.code | some row in judged.violation} == case.codes
}

test_nobody_to_fail_over_to[name] if {
	some name, case in {
		"another instance": {
			"election": {"wanted": 1},
			"want": {{"code": "failed_over", "seq": {40, 49}, "got": "pg-2", "want": "pg-1"}},
		},
		"the same instance": {"election": {"wanted": 1, "to": "pg-1"}, "want": set()},
		"not over": {"election": {"wanted": 1, "ended": false}, "want": set()},
		"one of two": {"election": {"wanted": 2}, "want": set()},
	}
	_judge(fixture.cluster({"elections": [fixture.elected(case.election)]})).violation == case.want
}
