package lib.elements_test

import data.lib.elements
import data.lib.recovery_test as story

_episode(changes) := story.episode({"sentinel": true, "workloads": [story.workload(changes)]})

test_nothing_is_wrong if {
	elements.violations(_episode({})) == set()
	elements.doubts(_episode({})) == set()
}

test_losses[name] if {
	some name, case in {
		"without a crash": {"group": {}, "synchronous": false, "code": {"lost"}, "reason": set()},
		"in a crash": {"group": {"crash": true, "standby": "lacked"}, "synchronous": false, "code": set(), "reason": set()},
		"in a crash, though commits waited": {
			"group": {"crash": true, "standby": "lacked"}, "synchronous": true, "code": {"lost"}, "reason": set(),
		},
		"in a crash, though commits waited, and the standby had them": {
			"group": {"crash": true, "standby": "had"}, "synchronous": true, "code": {"lost"}, "reason": set(),
		},
		"in a crash, though the standby had them": {
			"group": {"crash": true, "standby": "had"}, "synchronous": false,
			"code": {"lost_though_replicated"}, "reason": set(),
		},
		"in a crash that nobody was told of, though commits waited": {
			"group": {"told": false, "crash": true, "standby": "lacked"}, "synchronous": true, "code": set(), "reason": set(),
		},
		"in a crash that nobody was told of, though the standby had them": {
			"group": {"told": false, "crash": true, "standby": "had"}, "synchronous": true,
			"code": {"lost_though_replicated"}, "reason": set(),
		},
		"without a crash, after a read had found them": {
			"group": {"told": false}, "synchronous": true, "code": {"lost"}, "reason": set(),
		},
		"in a crash of which nobody knows": {
			"group": {"crash": true, "standby": "unknown"}, "synchronous": false,
			"code": set(), "reason": {"standby_unknown"},
		},
		"without a crash, of which nobody knows": {
			"group": {"standby": "unknown"}, "synchronous": false, "code": {"lost"}, "reason": set(),
		},
	}
	document := _episode({"lost": [story.loss(case.group)], "synchronous": case.synchronous})
	{row.code | some row in elements.violations(document)} == case.code
	{row.reason | some row in elements.doubts(document)} == case.reason
}

test_rows if {
	elements.violations(_episode(story.losses.lost)) == {{
		"code": "lost", "seq": {16, 90}, "got": "7-9", "want": "found", "count": 3,
	}}
	elements.violations(_episode(story.losses.unexpected)) == {{
		"code": "unexpected", "seq": {91}, "got": "99", "want": "", "count": 1,
	}}
	elements.violations(_episode(story.losses.duplicated)) == {{
		"code": "duplicated", "seq": {91}, "got": "3", "want": "once", "count": 1,
	}}
	elements.doubts(_episode(story.doubtful)) == {{"reason": "standby_unknown", "seq": {16, 90}}}
}

_unread := {"unread": {"elements": "20", "count": 1, "seq": [95]}}

test_reads[name] if {
	some name, case in {
		"no sentinel": {
			"document": story.episode({}), "want": {{"reason": "no_sentinel", "seq": {20, 999}}},
		},
		"no read": {
			"document": _episode({"read_after_seq": 0}), "want": {{"reason": "no_read", "seq": {30, 999}}},
		},
		"no read of an episode without an end": {
			"document": object.union(_episode({"read_after_seq": 0}), {"end": {"seq": 0}}),
			"want": {{"reason": "no_read", "seq": {999}}},
		},
		"not read again": {
			"document": _episode(_unread), "want": {{"reason": "never_read", "seq": {95}}},
		},
		"no read at all": {
			"document": _episode(object.union(_unread, {"read_after_seq": 0})),
			"want": {{"reason": "no_read", "seq": {30, 999}}},
		},
		"a read of another workload": {
			"document": story.episode({"sentinel": true, "workloads": [
				story.workload({"read_after_seq": 0}),
				story.workload({"read_after_seq": 1}),
			]}),
			"want": set(),
		},
		"an early read": {"document": _episode(object.union(_unread, {"read_after_seq": 1})), "want": {
			{"reason": "never_read", "seq": {95}},
		}},
	}
	elements.doubts(case.document) == case.want
}

# What is written last is deleted with the cluster before anybody reads it.
test_what_goes_with_the_cluster[name] if {
	some name, case in {
		"written after the episode": {"end": 94, "ended": true, "by": "deleted", "want": set()},
		"written just before its end": {"end": 95, "ended": true, "by": "deleted", "want": {95}},
		"written during it": {"end": 0, "ended": false, "by": "deleted", "want": {95}},
		"the cluster stays": {"end": 94, "ended": true, "by": "trace_end", "want": {95}},
	}
	episode := object.union(_episode({}), {
		"end": {"seq": case.end, "ns": 0, "not_before_ns": 0}, "ended": case.ended, "horizon_by": case.by,
	})
	elements.unread(episode, {"unread": {"seq": [95]}}) == case.want
}
