package scenarios.backup_test

import data.lib.fixture_test as fixture
import data.lib.recovery_test as story
import data.scenarios.backup as policy

_s := fixture.second

_backup := {
	"kind": "backup", "subject": "nightly",
	"backup": {"name": "nightly", "phase": "completed", "finished": true, "completed": true},
}

_judge(changes) := judged if {
	document := story.episode(object.union(_backup, changes))
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as document
		with data.params as fixture.params
}

_words(changes) := story.words(judged.violation, judged.unknown) if {
	judged := _judge(changes)
}

_nothing := fixture.judgement(set(), set(), set())

test_held[kind] if {
	some kind in {"backup", "snapshot"}
	_judge({"kind": kind}) == fixture.judgement(set(), {{"seq": {10, 20}, "in": "disruption"}}, set())
}

_failed(error) := {"backup": {"phase": "failed", "completed": false, "error": error}}

_running := {"ended": false, "end": fixture.never, "backup": {
	"phase": "running", "finished": false, "completed": false,
}}

test_vacuous if {
	bad := object.union(_failed(""), {
		"workloads": [story.workload(story.losses.lost), story.workload(story.doubtful)],
		"health": [story.health(20, 20, 10000, {
			"phase": "Cluster is unrecoverable and needs manual intervention", "last": true,
		})],
	})
	_judge(object.union(bad, {"operations": []})) == _nothing
	_judge(object.union(bad, {"kind": "growth"})) == _nothing
	_judge(object.union(_running, {"operations": []})) == _nothing
}

test_backups[name] if {
	some name, case in {
		"failed with an error": {"change": _failed("no space left"), "violated": set(), "unknown": set()},
		"failed without one": {"change": _failed(""), "violated": {"failed_silently"}, "unknown": set()},
		"over as late as may be": {"change": {"end": fixture.moment(30, 620)}, "violated": set(), "unknown": set()},
		"over too late": {"change": {"end": fixture.moment(30, 621)}, "violated": {"backup_stuck"}, "unknown": set()},
		"over perhaps too late": {
			"change": {"end": {"seq": 30, "ns": 621 * _s, "not_before_ns": 620 * _s}},
			"violated": set(), "unknown": {"clock"},
		},
		"running when the recording ends": {
			"change": object.union(story.ends(620, "trace_end"), _running), "violated": set(), "unknown": {"pending"},
		},
		"running when the cluster is deleted": {
			"change": object.union(story.ends(620, "deleted"), _running), "violated": set(), "unknown": {"deleted"},
		},
		"running when the next thing is done": {
			"change": object.union(story.ends(620, "next"), _running), "violated": set(), "unknown": set(),
		},
		"never over": {
			"change": object.union(story.ends(621, "trace_end"), _running),
			"violated": {"backup_stuck"}, "unknown": set(),
		},
	}
	_words(case.change) == {"violated": case.violated, "unknown": case.unknown}
}

test_a_silent_failure_is_a_row if {
	_judge(_failed("")).violation == {{"code": "failed_silently", "seq": {20, 30}, "got": "", "want": "an error"}}
}

# The expansion has 2400 s from the begin of the backup at 20 s on.
test_expansions[name] if {
	some name, case in {
		"as late as may be": {"end": 2420, "violated": set()},
		"too late": {"end": 2421, "violated": {"storage_deadlocked"}},
		"without progress meanwhile": {"end": 2000, "violated": set()},
	}
	_words({
		"operations": [story.operation({"end": fixture.moment(60, case.end)})], "signals": [],
	}) == {"violated": case.violated, "unknown": set()}
}

test_an_expansion_does_not_wait_for_a_stuck_backup if {
	stuck := object.union(story.open(2421, "trace_end"), _running)
	_words(stuck) == {"violated": {"backup_stuck", "storage_deadlocked"}, "unknown": set()}
}

test_an_unrecoverable_cluster if {
	judged := _judge({"health": [story.health(20, 20, 40, {}), story.health(40, 40, 10000, {
		"phase": "Cluster is unrecoverable and needs manual intervention", "last": true,
	})]})
	judged.violation == {{
		"code": "unrecoverable", "seq": {20, 40}, "want": "another phase",
		"got": "Cluster is unrecoverable and needs manual intervention",
	}}
}

test_data[code] if {
	some code, changes in story.losses
	_words({"workloads": [story.workload(changes)]}) == {"violated": {code}, "unknown": set()}
}

test_codes_of_data if {
	object.keys(story.losses) == {"lost", "lost_though_replicated", "unexpected", "duplicated"}
}

test_doubts_about_data[name] if {
	some name, case in {
		"without a sentinel": {"change": {"sentinel": false, "workloads": []}, "want": set()},
		"lost in a crash": {
			"change": {"sentinel": true, "workloads": [story.workload(story.doubtful)]}, "want": {"standby_unknown"},
		},
	}
	_words(case.change) == {"violated": set(), "unknown": case.want}
}

test_a_gap_hides_no_completion if {
	_words({
		"operations": [story.operation({"end": fixture.moment(60, 2421)})],
		"gaps": [fixture.gap("persistentvolumeclaims", 100, 110)],
	}) == {"violated": {"storage_deadlocked"}, "unknown": set()}
}

test_a_snapshot_may_say_why_itself if {
	_words(object.union(_failed(""), {"backup": {"snapshots": [{"error": "denied"}]}})).violated == set()
	_words(object.union(_failed(""), {"backup": {"snapshots": [{"error": ""}]}})).violated == {"failed_silently"}
}
