package behaviour.topology_t3_test

import data.behaviour.topology_t3 as policy
import data.lib.fixture_test as fixture

_judge(document) := judged if {
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as document
		with data.params as fixture.params
}

_none := fixture.judgement(set(), set(), set())

_held := fixture.judgement(set(), {{"seq": {110, 120}, "in": "disruption"}}, set())

_whole(wanted) := {
	"wanted": wanted, "instances": wanted, "ready_instances": wanted, "ready_pods": numbers.range(1, wanted),
}

_spans(wanted) := fixture.timeline(
	[
		[0, _whole(wanted)], [100, {"wanted": wanted, "ready": "False"}],
		[150, {"wanted": wanted, "ready": "Unknown"}], [200, _whole(wanted)],
	],
	10000,
)

_disruptions := [fixture.disruption("node_unschedulable", 100, 120)]

test_nothing_is_vacuous if _judge(fixture.cluster({})) == _none

test_exercised[name] if {
	some name, case in {
		"three": {"change": {"spans": _spans(3), "disruptions": _disruptions}, "want": _held},
		"two": {"change": {"spans": _spans(2), "disruptions": _disruptions}, "want": _none},
		"no disruption": {"change": {"spans": _spans(3)}, "want": _none},
		"a gap of pods": {
			"change": {
				"spans": _spans(3), "disruptions": _disruptions, "gaps": [fixture.gap("pods", 110, 120)],
			},
			"want": object.union(_held, {"unknown": {{"reason": "gap", "seq": {901, 902}}}}),
		},
		"a gap of Events": {
			"change": {
				"spans": _spans(3), "disruptions": _disruptions, "gaps": [fixture.gap("events", 110, 120)],
			},
			"want": _held,
		},
		"a gap and nothing to judge": {"change": {"gaps": [fixture.gap("pods", 110, 120)]}, "want": _none},
	}
	_judge(fixture.cluster(case.change)) == case.want
}

_lost(others, majority) := {{
	"code": "majority_lost", "seq": {60}, "got": others, "want": majority, "instance": "pg-1",
}}

test_majorities[name] if {
	some name, case in {
		"two of three stay": {"wanted": 3, "others": 2, "want": set()},
		"one of three stays": {"wanted": 3, "others": 1, "want": _lost(1, 2)},
		"two of four stay": {"wanted": 4, "others": 2, "want": _lost(2, 3)},
		"three of five stay": {"wanted": 5, "others": 3, "want": set()},
		"two of five stay": {"wanted": 5, "others": 2, "want": _lost(2, 3)},
		"one of two stays, which is for another policy": {"wanted": 2, "others": 1, "want": set()},
	}
	pod := fixture.lost(60, 100, "pg-1", {"wanted": case.wanted, "others": case.others})
	_judge(fixture.cluster({"pods": [pod]})).violation == case.want
}

_pod := fixture.lost(60, 100, "pg-1", {"others": 1})

test_removals[name] if {
	some name, case in {
		"evicted": {"pod": {"evicted": true}, "change": {}, "want": _none},
		"marked": {"pod": {}, "change": {"disruptions": [fixture.disruption("mark", 102, 110)]}, "want": _none},
		"by a mark that does not end": {
			"pod": {},
			"change": {"disruptions": [object.union(fixture.disruption("mark", 90, 91), {"ended": false})]},
			"want": _none,
		},
		"before the mark": {
			"pod": {}, "change": {"disruptions": [fixture.disruption("mark", 103, 110)]},
			"want": object.union(_none, {"violation": _lost(1, 2)}),
		},
		"in a gap": {
			"pod": {}, "change": {"gaps": [fixture.gap("nodes", 90, 110)]},
			"want": object.union(_none, {"unknown": {{"reason": "gap", "seq": {60}, "code": "majority_lost"}}}),
		},
	}
	_judge(fixture.cluster(object.union({"pods": [object.union(_pod, case.pod)]}, case.change))) == case.want
}
