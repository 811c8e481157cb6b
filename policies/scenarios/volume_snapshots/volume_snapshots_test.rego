package scenarios.volume_snapshots_test

import data.lib.fixture_test as fixture
import data.lib.recovery_test as story
import data.scenarios.volume_snapshots as policy

_s := fixture.second

_g := fixture.gib

# A claim of 2 GiB with 3 GiB of capacity is snapshotted at 21 s, ready at 29 s.
_snapshot(changes) := object.union(
	{
		"name": "s1", "volume": "pg-1", "snapshot_class": "csi", "created": fixture.moment(21, 21), "ready": true,
		"ready_at": fixture.moment(29, 29), "error": "", "restore_size": 2 * _g, "request": 2 * _g,
		"capacity": 3 * _g, "effective": 2 * _g, "open": false,
	},
	changes,
)

_restored(changes) := object.union(
	object.union(fixture.moment(70, 70), {
		"cluster": "copy", "volume": "copy-1", "snapshot": "s1", "request": 2 * _g, "capacity": 2 * _g,
		"restore_size": 2 * _g,
	}),
	changes,
)

_backup(changes) := {"backup": object.union(
	{
		"name": "nightly", "method": "volumeSnapshot", "phase": "completed", "phases": ["completed"],
		"finished": true, "completed": true, "class_known": true, "classes": 1, "snapshots": [_snapshot({})],
	},
	changes,
)}

_base := object.union({"kind": "backup", "subject": "nightly", "operations": [], "prior": 1}, _backup({}))

_judge(changes) := judged if {
	document := story.episode(object.union(_base, changes))
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as document
		with data.params as fixture.params
}

_words(changes) := story.words(judged.violation, judged.unknown) if {
	judged := _judge(changes)
}

_nothing := fixture.judgement(set(), set(), set())

_exercised := {{"seq": {20, 29}}}

test_held[kind] if {
	some kind in {"backup", "snapshot"}
	_judge({"kind": kind}) == fixture.judgement(set(), _exercised, set())
}

_bad := _backup({
	"snapshots": [_snapshot({"restore_size": _g}), _snapshot({"error": "denied"})],
	"restored": [_restored({"request": 1})], "completed": false, "error": "denied",
})

test_vacuous[name] if {
	some name, change in {
		"nothing has grown": {"prior": 0, "storage": [story.group({"after": {"effective": 0}})]},
		"another kind": {"kind": "growth"},
		"another method": {"backup": {"method": "barmanObjectStore"}},
	}
	_judge(object.union(_bad, change)) == _nothing
}

test_snapshots_without_a_backup_need_no_method if {
	count(_judge({"kind": "snapshot", "backup": {"method": ""}}).exercised) == 1
}

test_growth[name] if {
	some name, change in {
		"before": {"prior": 1},
		"going on": {"operations": [story.operation({})]},
		"told by the status": {"storage": [story.group({"after": {"effective": 1}})]},
	}
	none := {"prior": 0, "operations": [], "storage": [story.group({"after": {"effective": 0}})]}
	count(_judge(object.union(none, change)).exercised) == 1
}

_with(changes) := _backup({"snapshots": [_snapshot(changes)]})

_unready := {"ready": false, "ready_at": fixture.never}

test_times[name] if {
	some name, case in {
		"ready as late as may be": {
			"change": _with({"ready_at": fixture.moment(29, 321)}), "violated": set(), "unknown": set(),
		},
		"ready too late": {
			"change": _with({"ready_at": fixture.moment(29, 322)}), "violated": {"snapshot_stuck"}, "unknown": set(),
		},
		"ready perhaps too late": {
			"change": _with({"ready_at": {"seq": 29, "ns": 322 * _s, "not_before_ns": 321 * _s}}),
			"violated": set(), "unknown": {"clock"},
		},
		"not yet": {
			"change": object.union(story.ends(321, "trace_end"), _with(_unready)),
			"violated": set(), "unknown": {"pending"},
		},
		"not yet, and deleted": {
			"change": object.union(story.ends(321, "deleted"), _with(_unready)),
			"violated": set(), "unknown": {"deleted"},
		},
		"not yet when the next thing is done": {
			"change": object.union(story.ends(321, "next"), _with(_unready)), "violated": set(), "unknown": set(),
		},
		"never": {
			"change": object.union(story.ends(322, "trace_end"), _with(_unready)),
			"violated": {"snapshot_stuck"}, "unknown": set(),
		},
	}
	_words(case.change) == {"violated": case.violated, "unknown": case.unknown}
}

test_an_unready_snapshot_is_no_exercise if {
	_judge(_with(_unready)).exercised == set()
}

_failed(snapshot, changes) := _backup(object.union(
	{
		"snapshots": [_snapshot(object.union(_unready, snapshot))], "phase": "failed", "completed": false,
		"error": "no way",
	},
	changes,
))

test_failures[name] if {
	some name, case in {
		"of the snapshot": {
			"change": _failed({"error": "denied"}, {}), "got": {["snapshot_failed", "denied"]}, "unknown": set(),
		},
		"of the backup": {
			"change": _backup({"completed": false, "error": "no way", "snapshots": []}),
			"got": {["snapshot_failed", "no way"]}, "unknown": set(),
		},
		"of a backup that goes on": {
			"change": _backup({"completed": false, "finished": false, "snapshots": []}),
			"got": set(), "unknown": set(),
		},
		"without a class": {
			"change": _failed({"error": "denied"}, {"classes": 0}), "got": set(), "unknown": {"no_class"},
		},
		"without a class, without a snapshot": {
			"change": _backup({"completed": false, "error": "no way", "snapshots": [], "classes": 0}),
			"got": set(), "unknown": {"no_class"},
		},
		"without a class, with a snapshot that is never ready": {
			"change": _failed({}, {"classes": 0, "finished": false}), "got": set(), "unknown": {"no_class"},
		},
		"without a word on classes": {
			"change": _failed({"error": "denied"}, {"classes": 0, "class_known": false}),
			"got": {["snapshot_failed", "denied"]}, "unknown": set(),
		},
		"not at all, though there is no class": {"change": _backup({"classes": 0}), "got": set(), "unknown": set()},
	}
	judged := _judge(case.change)
	{[row.code, row.got] | some row in judged.violation} == case.got
	{row.reason | some row in judged.unknown} == case.unknown
}

test_restore_sizes[name] if {
	some name, case in {
		"the request": {"snapshot": {"restore_size": 2 * _g}, "want": set()},
		"the capacity": {"snapshot": {"restore_size": 3 * _g}, "want": set()},
		"less than the request": {"snapshot": {"restore_size": (2 * _g) - 1}, "want": {[(2 * _g) - 1, 2 * _g]}},
		"more than the capacity": {"snapshot": {"restore_size": (3 * _g) + 1}, "want": {[(3 * _g) + 1, 2 * _g]}},
		"nothing": {"snapshot": {"restore_size": 0}, "want": set()},
		"next to nothing": {"snapshot": {"restore_size": 1}, "want": {[1, 2 * _g]}},
		"of a claim without capacity": {"snapshot": {"restore_size": _g, "capacity": 0}, "want": set()},
		"of the smallest claim": {"snapshot": {"restore_size": 1, "capacity": 1, "request": 1}, "want": set()},
		"the old size while it grows": {
			"snapshot": {"restore_size": _g, "capacity": _g, "open": true}, "want": set(),
		},
		"the new size while it grows": {
			"snapshot": {"restore_size": 2 * _g, "capacity": _g, "open": true}, "want": set(),
		},
		"less than the old size while it grows": {
			"snapshot": {"restore_size": _g - 1, "capacity": _g, "open": true}, "want": {[_g - 1, _g]},
		},
		"of a snapshot that is not ready": {
			"snapshot": object.union(_unready, {"restore_size": _g, "created": fixture.moment(21, 9900)}),
			"want": set(),
		},
	}
	judged := _judge(_with(case.snapshot))
	{[row.got, row.want] | some row in judged.violation; row.code == "restore_size_off"} == case.want
}

test_an_unknown_restore_size if {
	judged := _judge(_with({"restore_size": -1}))
	judged.violation == set()
	judged.unknown == {{"reason": "no_restore_size", "seq": {21, 29}}}
}

test_restored[name] if {
	some name, case in {
		"as large": {"claim": {}, "want": set()},
		"smaller": {"claim": {"request": (2 * _g) - 1}, "want": {"restored_too_small"}},
		"from a snapshot of unknown size": {"claim": {"request": 1, "restore_size": -1}, "want": set()},
	}
	_words(_backup({"restored": [_restored(case.claim)]})).violated == case.want
}

test_rows if {
	_judge(_with({"restore_size": _g})).violation == {{
		"code": "restore_size_off", "seq": {21, 29}, "snapshot": "s1", "got": _g, "want": 2 * _g, "unit": "bytes",
	}}
	_judge(_backup({"restored": [_restored({"request": _g})]})).violation == {{
		"code": "restored_too_small", "seq": {20, 70}, "volume": "copy-1", "got": _g, "want": 2 * _g, "unit": "bytes",
	}}
	_judge(_failed({"error": "denied"}, {})).violation == {{
		"code": "snapshot_failed", "seq": {20, 21}, "snapshot": "s1", "got": "denied", "want": "",
	}}
	_judge(_backup({"completed": false, "error": "no way", "snapshots": []})).violation == {{
		"code": "snapshot_failed", "seq": {20, 30}, "snapshot": "nightly", "got": "no way", "want": "",
	}}
	_judge(_failed({}, {"classes": 0})).unknown == {{"reason": "no_class", "seq": {20, 999}}}
}

test_a_backup_may_fail_after_its_snapshots if {
	_words(_backup({"completed": false, "error": "no way"})).violated == {"snapshot_failed"}
}

test_without_growth_no_class_is_needed if {
	none := {"prior": 0, "storage": [story.group({"after": {"effective": 0}})]}
	_judge(object.union(none, _failed({"error": "denied"}, {"classes": 0}))) == _nothing
}

test_a_claim_whose_capacity_is_behind_is_no_excuse if {
	_words(_with({"capacity": _g, "restore_size": _g})).violated == {"restore_size_off"}
}

test_sizes_that_say_nothing if {
	_words(_with(object.union(_unready, {"restore_size": -1, "created": fixture.moment(21, 9900)}))).unknown == {"pending"}
	_words(_with({"restore_size": 0})).unknown == {"no_restore_size"}
	_words(_with({"restore_size": 1})).unknown == set()
}
