package lib.removals_test

import data.lib.fixture_test as fixture
import data.lib.removals

_s := fixture.second

_chosen(pod, disruptions) := count(removals.chosen([pod], disruptions, 500 * _s, 2 * _s)) > 0

test_chosen[name] if {
	some name, case in {
		"deleted": {"pod": {}, "disruptions": [], "want": true},
		"not ready before": {"pod": {"healthy": false}, "disruptions": [], "want": false},
		"evicted": {"pod": {"evicted": true}, "disruptions": [], "want": false},
		"its node is cordoned": {"pod": {"displaced": true}, "disruptions": [], "want": false},
		"marked": {"pod": {}, "disruptions": [fixture.disruption("mark", 90, 110)], "want": false},
		"just before the mark": {"pod": {}, "disruptions": [fixture.disruption("mark", 102, 110)], "want": false},
		"before the mark": {"pod": {}, "disruptions": [fixture.disruption("mark", 103, 110)], "want": true},
		"just after the mark": {"pod": {}, "disruptions": [fixture.disruption("mark", 90, 98)], "want": false},
		"after the mark": {"pod": {}, "disruptions": [fixture.disruption("mark", 90, 97)], "want": true},
		"a mark without an end": {
			"pod": {}, "disruptions": [object.union(fixture.disruption("mark", 90, 91), {"ended": false})],
			"want": false,
		},
		"another disruption": {"pod": {}, "disruptions": [fixture.disruption("pod_deleted", 90, 110)], "want": true},
	}
	_chosen(fixture.lost(60, 100, "pg-2", case.pod), case.disruptions) == case.want
}

_left := {"seq": 60, "ns": 100 * _s, "not_before_ns": 98 * _s}

test_unseen[name] if {
	some name, case in {
		"a gap of pods": {"gap": fixture.gap("pods", 90, 110), "want": true},
		"a gap of Nodes": {"gap": fixture.gap("nodes", 90, 110), "want": true},
		"a gap of claims": {"gap": fixture.gap("persistentvolumeclaims", 90, 110), "want": false},
		"from then on": {"gap": fixture.gap("pods", 100, 110), "want": true},
		"later": {"gap": fixture.gap("pods", 101, 110), "want": false},
		"until then": {"gap": fixture.gap("pods", 90, 98), "want": true},
		"earlier": {"gap": fixture.gap("pods", 90, 97), "want": false},
	}
	_unseen(case.gap) == case.want
}

_unseen(gap) if {
	removals.unseen(_left, [gap])
} else := false
