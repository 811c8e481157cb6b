package suite.expandable_storage_test

import data.lib.fixture_test as fixture
import data.suite.expandable_storage as policy

_judge(claim) := judged if {
	judged := fixture.judgement(policy.violation, policy.exercised, set()) with input as {
		"until_seq": 99, "until_ns": 1000 * fixture.second, "specs": [], "clusters": [], "claims": [claim], "shared": [],
	}
}

_claim(changes) := object.union(
	object.union(fixture.moment(10, 1), {
		"namespace": "ns", "volume": "pg-1", "asked": true, "class": "fast", "class_seq": 3, "expandable": "yes",
	}),
	changes,
)

_exercised := {{"seq": {10}}}

test_claims[name] if {
	some name, case in {
		"that can grow": {"claim": {}, "want": fixture.judgement(set(), _exercised, set())},
		"that nobody asks to grow": {
			"claim": {"asked": false, "expandable": "no"}, "want": fixture.judgement(set(), set(), set()),
		},
		"that nobody asks to grow, of an unknown class": {
			"claim": {"asked": false, "expandable": "unknown"}, "want": fixture.judgement(set(), set(), set()),
		},
		"that cannot grow": {
			"claim": {"expandable": "no"},
			"want": fixture.judgement(
				{{
					"code": "not_expandable", "class": "test", "seq": {3, 10}, "got": "fast",
					"want": "a class with allowVolumeExpansion", "volume": "pg-1", "namespace": "ns",
				}},
				_exercised, set(),
			),
		},
		"of a class that was not recorded": {
			"claim": {"expandable": "unknown", "class_seq": 0}, "want": fixture.judgement(set(), set(), set()),
		},
	}
	_judge(_claim(case.claim)) == case.want
}
