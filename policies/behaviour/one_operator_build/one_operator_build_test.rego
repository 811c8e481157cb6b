package behaviour.one_operator_build_test

import data.behaviour.one_operator_build as policy
import data.lib.fixture_test as fixture

_judge(document) := judged if {
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as document
}

_build(seq, cluster, commit) := {"seq": seq, "cluster": cluster, "commit": commit, "operator": "o"}

_a := _build(1, "ns/pg", "a")

_differs(seq, cluster) := {
	"code": "build_differs", "class": "test", "seq": {1, seq}, "got": "b/o", "want": "a/o", "cluster": cluster,
}

_alternates(seq, commit) := {
	"code": "builds_alternate", "class": "test", "seq": {seq}, "got": sprintf("%s/o", [commit]),
	"want": "one operator", "cluster": "ns/pg",
}

test_builds[name] if {
	some name, case in {
		"none": {"builds": [], "exercised": set(), "violation": set()},
		"one": {"builds": [_a], "exercised": {{"seq": {1}}}, "violation": set()},
		"one of two clusters": {
			"builds": [_a, _build(2, "ns/other", "a")], "exercised": {{"seq": {1}}, {"seq": {2}}}, "violation": set(),
		},
		"two of two clusters": {
			"builds": [_a, _build(2, "ns/other", "b")], "exercised": {{"seq": {1}}},
			"violation": {_differs(2, "ns/other")},
		},
		"another one": {
			"builds": [_a, _build(2, "ns/pg", "b")], "exercised": {{"seq": {1}}}, "violation": {_differs(2, "ns/pg")},
		},
		"in turn": {
			"builds": [_a, _build(2, "ns/pg", "b"), _build(3, "ns/pg", "a")],
			"exercised": {{"seq": {1}}, {"seq": {3}}},
			"violation": {_differs(2, "ns/pg"), _alternates(3, "a")},
		},
	}
	_judge({"builds": case.builds, "gaps": []}) == fixture.judgement(case.violation, case.exercised, set())
}

test_gaps[name] if {
	some name, case in {
		"of Clusters": {"builds": [_a], "gap": fixture.gap("clusters", 1, 2), "unclear": true},
		"of pods": {"builds": [_a], "gap": fixture.gap("pods", 1, 2), "unclear": false},
		"of Clusters without a build": {"builds": [], "gap": fixture.gap("clusters", 1, 2), "unclear": false},
	}
	_judge({"builds": case.builds, "gaps": [case.gap]}).unknown == {row |
		case.unclear
		row := {"reason": "gap", "seq": {901, 902}}
	}
}
