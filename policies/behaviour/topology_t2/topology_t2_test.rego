package behaviour.topology_t2_test

import data.behaviour.topology_t2 as policy
import data.lib.fixture_test as fixture

_s := fixture.second

_judge(document) := judged if {
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as document
		with data.params as fixture.params
}

_none := fixture.judgement(set(), set(), set())

_exercise := {{"seq": {40, 49}, "in": "disruption"}}

_held := fixture.judgement(set(), _exercise, set())

test_nothing_is_vacuous if _judge(fixture.cluster({})) == _none

test_exercised[name] if {
	some name, case in {
		"a failover of two": {"election": {"wanted": 2}, "want": _held},
		"of three": {"election": {}, "want": _none},
		"called off": {"election": {"wanted": 2, "to": "pg-1"}, "want": _none},
		"not over": {"election": {"wanted": 2, "ended": false}, "want": _none},
	}
	_judge(fixture.cluster({"elections": [fixture.elected(case.election)]})) == case.want
}

_removed := object.union(_none, {"violation": {{
	"code": "last_ready_removed", "seq": {60}, "got": 0, "want": 1, "instance": "pg-1",
}}})

test_removals[name] if {
	some name, case in {
		"of the last one": {"pod": {}, "change": {}, "want": _removed},
		"beside another one": {"pod": {"others": 1}, "change": {}, "want": _none},
		"of one instance of one": {"pod": {"wanted": 1}, "change": {}, "want": _none},
		"of three": {"pod": {"wanted": 3}, "change": {}, "want": _none},
		"evicted": {"pod": {"evicted": true}, "change": {}, "want": _none},
		"just before the mark": {
			"pod": {}, "change": {"disruptions": [fixture.disruption("mark", 102, 110)]}, "want": _none,
		},
		"before the mark": {
			"pod": {}, "change": {"disruptions": [fixture.disruption("mark", 103, 110)]}, "want": _removed,
		},
		"in a gap": {
			"pod": {}, "change": {"gaps": [fixture.gap("pods", 90, 110)]},
			"want": object.union(_none, {"unknown": {{
				"reason": "gap", "seq": {60}, "code": "last_ready_removed",
			}}}),
		},
	}
	pod := fixture.lost(60, 100, "pg-1", object.union({"wanted": 2, "others": 0}, case.pod))
	_judge(fixture.cluster(object.union({"pods": [pod]}, case.change))) == case.want
}

test_a_mark_that_does_not_end if {
	open := object.union(fixture.disruption("mark", 90, 91), {"ended": false})
	pod := fixture.lost(60, 100, "pg-1", {"wanted": 2, "others": 0})
	_judge(fixture.cluster({"pods": [pod], "disruptions": [open]})) == _none
}

_claim(left) := {
	"seq": 5, "ns": _s, "not_before_ns": _s, "volume": "pg-1", "uid": "v1", "role": "PG_DATA", "instance": "pg-1",
	"created": true, "left": left, "healthy": true, "displaced": false,
}

_lost := {{
	"code": "claim_lost_in_election", "seq": {40, 45}, "got": "pg-1", "want": "the claim stays", "instance": "pg-1",
}}

# The primary changes from 100 s to 110 s, or not at all.
test_claims[name] if {
	some name, case in {
		"meanwhile": {"left": 105, "election": {}, "want": _lost},
		"at the begin, as far as one can tell": {"left": 102, "election": {}, "want": set()},
		"after the begin": {"left": 103, "election": {}, "want": _lost},
		"before the end": {"left": 107, "election": {}, "want": _lost},
		"at the end, as far as one can tell": {"left": 108, "election": {}, "want": set()},
		"of three": {"left": 105, "election": {"wanted": 3}, "want": set()},
		"of an election that does not end": {
			"left": 10000, "election": {"ended": false, "end": fixture.never}, "want": set(),
		},
		"just before the end of the recording": {
			"left": 9999, "election": {"ended": false, "end": fixture.never}, "want": _lost,
		},
	}
	election := fixture.elected(object.union({"wanted": 2}, case.election))
	_judge(fixture.cluster({
		"elections": [election], "claims": [_claim(fixture.moment(45, case.left))],
	})).violation == case.want
}

test_a_claim_that_stays if {
	election := fixture.elected({"wanted": 2})
	_judge(fixture.cluster({"elections": [election], "claims": [_claim(fixture.never)]})) == _held
}

test_a_claim_that_may_have_gone_later if {
	left := {"seq": 45, "ns": 109 * _s, "not_before_ns": 107 * _s}
	election := fixture.elected({"wanted": 2})
	_judge(fixture.cluster({"elections": [election], "claims": [_claim(left)]})).violation == _lost
}

test_gaps[name] if {
	some name, case in {
		"of claims": {"gap": fixture.gap("persistentvolumeclaims", 104, 105), "unclear": true},
		"of pods": {"gap": fixture.gap("pods", 104, 105), "unclear": true},
		"of Events": {"gap": fixture.gap("events", 104, 105), "unclear": false},
		"before": {"gap": fixture.gap("pods", 90, 100), "unclear": false},
		"from before": {"gap": fixture.gap("pods", 90, 101), "unclear": true},
		"after": {"gap": fixture.gap("pods", 110, 120), "unclear": false},
		"until after": {"gap": fixture.gap("pods", 109, 120), "unclear": true},
	}
	judged := _judge(fixture.cluster({"elections": [fixture.elected({"wanted": 2})], "gaps": [case.gap]}))
	judged.unknown == {row | case.unclear; row := {"reason": "gap", "seq": {901, 902}}}
}

test_a_gap_in_a_failover_of_three if {
	_judge(fixture.cluster({"elections": [fixture.elected({})], "gaps": [fixture.gap("pods", 104, 105)]})) == _none
}
