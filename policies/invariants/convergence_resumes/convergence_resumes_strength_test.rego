# Cases that tell a policy from its mutants; see docs/policy-strength.md.
package invariants.convergence_resumes_test

import data.lib.fixture_test as fixture

# Two disruptions, over at 30 s and at 1000 s.
_twice := {
	"disruptions": [
		_disruption({}),
		_disruption({"begin": fixture.moment(17, 900), "end": fixture.moment(18, 1000)}),
	],
	"progress": [_fact(14, 100), _fact(20, 1100)],
}

_judged_twice(changes) := _judge(_operation(object.union(_twice, changes)))

test_the_clock_starts_with_the_last_disruption[name] if {
	some name, case in {
		"as long as may be": {"until": 3400, "want": set()},
		"too long": {"until": 3401, "want": {[{10, 18, 999}, 2401 * _s]}},
	}
	judged := _judged_twice(_open(case.until))
	{[finding.seq, finding.got] | some finding in judged.violation} == case.want
}

test_a_doubt_about_the_time_is_one_about_the_last_disruption if {
	judged := _judged_twice({"end": fixture.moment(60, 2440)})
	judged.violation == set()
	judged.unknown == set()
}

test_gaps_hide_that_it_moved_on[name] if {
	some name, case in {
		"of claims": {"kind": "persistentvolumeclaims", "violations": 0, "unknown": {"gap"}},
		"of pods": {"kind": "pods", "violations": 0, "unknown": {"gap"}},
		"of clusters": {"kind": "clusters", "violations": 1, "unknown": set()},
	}
	judged := _judge(_operation({
		"progress": [_fact(50, 700)], "end": fixture.moment(60, 900), "gaps": [fixture.gap(case.kind, 100, 200)],
	}))
	count(judged.violation) == case.violations
	{row.reason | some row in judged.unknown} == case.unknown
}

test_of_what_was_torn_down_only_that_is_told if {
	judged := _judge(_operation({
		"closed_by": "volume_left", "left": true, "left_seq": 70, "left_ns": 2450 * _s,
		"end": {"seq": 60, "ns": 2440 * _s, "not_before_ns": 2400 * _s},
	}))
	{row.reason | some row in judged.unknown} == {"deleted"}
}
