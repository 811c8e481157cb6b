package behaviour.backup_outcome_test

import data.behaviour.backup_outcome as policy
import data.lib.fixture_test as fixture

_s := fixture.second

_judge(changes) := judged if {
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as _backup(changes)
		with data.params as fixture.params
}

# A Backup that began at 100 s.
_backup(changes) := object.union(
	{
		"kind": "backup", "from": fixture.moment(10, 100), "until": "trace_end", "until_seq": 99,
		"until_ns": 10000 * _s, "phases": [_phase(20, 200, "completed", "")], "events": [], "snapshots": [],
		"operations": [], "gaps": [],
	},
	changes,
)

_phase(seq, at, phase, error) := object.union(fixture.moment(seq, at), {"phase": phase, "error": error})

_none := fixture.judgement(set(), set(), set())

_exercise := {{"seq": {10, 20}}}

_held := fixture.judgement(set(), _exercise, set())

_failed(error) := [_phase(12, 110, "running", ""), _phase(20, 200, "failed", error)]

_warning := object.union(fixture.moment(30, 150), {"kind": "Backup", "reason": "Error", "warning": true})

_unclear := {"code": "unclear_failure", "seq": {20}, "got": "", "want": "the reason"}

test_outcomes[name] if {
	some name, case in {
		"completed": {"change": {}, "want": _held},
		"failed with a reason": {"change": {"phases": _failed("no section")}, "want": _held},
		"failed with a Warning": {"change": {"phases": _failed(""), "events": [_warning]}, "want": _held},
		"failed without a word": {
			"change": {"phases": _failed("")}, "want": fixture.judgement({_unclear}, _exercise, set()),
		},
		"failed with an Event that says nothing": {
			"change": {"phases": _failed(""), "events": [object.union(_warning, {"warning": false})]},
			"want": fixture.judgement({_unclear}, _exercise, set()),
		},
		"failed, with the reason told later": {
			"change": {"phases": array.concat(_failed(""), [_phase(25, 201, "failed", "no section")])}, "want": _held,
		},
		"failed in a gap of Events": {
			"change": {"phases": _failed(""), "gaps": [fixture.gap("events", 150, 160)]},
			"want": fixture.judgement(set(), _exercise, {{"reason": "gap", "code": "unclear_failure", "seq": {20}}}),
		},
		"completed, in a gap of Events": {"change": {"gaps": [fixture.gap("events", 150, 160)]}, "want": _held},
		"completed, soon before the end": {"change": {"until_ns": 300 * _s}, "want": _held},
		"completed, then running": {
			"change": {"phases": [_phase(20, 200, "completed", ""), _phase(21, 210, "running", "")]},
			"want": fixture.judgement(
				{{"code": "outcome_changed", "seq": {20, 21}, "got": "running", "want": "completed"}},
				_exercise, set(),
			),
		},
		"running, then completed": {
			"change": {"phases": [_phase(12, 110, "running", ""), _phase(20, 200, "completed", "")]}, "want": _held,
		},
	}
	_judge(case.change) == case.want
}

_running(until, changes) := _judge(object.union(
	{"phases": [_phase(12, 110, "running", "")], "until_ns": until * _s},
	changes,
))

_hangs := {{
	"code": "hangs", "seq": {10, 99}, "got": 1801 * _s, "want": 1800 * _s, "unit": "ns",
	"from_ns": 100 * _s, "until_ns": 1901 * _s,
}}

_doubt(reason, until) := fixture.judgement(set(), set(), {{
	"reason": reason, "code": "hangs", "seq": {10, 99}, "from_ns": 100 * _s, "until_ns": until * _s,
}})

test_hanging[name] if {
	some name, case in {
		"not yet": {"until": 1900, "change": {}, "want": _doubt("pending", 1900)},
		"too long": {"until": 1901, "change": {}, "want": fixture.judgement(_hangs, set(), set())},
		"deleted in time": {"until": 1900, "change": {"until": "deleted"}, "want": _none},
		"deleted too late": {
			"until": 1901, "change": {"until": "deleted"}, "want": fixture.judgement(_hangs, set(), set()),
		},
		"too long, with a gap": {
			"until": 1901, "change": {"gaps": [fixture.gap("backups", 150, 160)]}, "want": _doubt("gap", 1901),
		},
		"too long, with a gap of pods": {
			"until": 1901, "change": {"gaps": [fixture.gap("pods", 150, 160)]},
			"want": fixture.judgement(_hangs, set(), set()),
		},
		"too long, with a gap before": {
			"until": 1901, "change": {"gaps": [fixture.gap("backups", 90, 100)]},
			"want": fixture.judgement(_hangs, set(), set()),
		},
		"too long, with a gap after": {
			"until": 1901, "change": {"gaps": [fixture.gap("backups", 1901, 1910)]},
			"want": fixture.judgement(_hangs, set(), set()),
		},
		"running with Warnings": {
			"until": 1901, "change": {"events": [_warning]}, "want": fixture.judgement(_hangs, set(), set()),
		},
		"waiting with Warnings": {
			"until": 1901, "change": {"events": [_warning], "phases": [_phase(12, 110, "pending", "")]}, "want": _none,
		},
		"not begun, with Warnings": {"until": 1901, "change": {"events": [_warning], "phases": []}, "want": _none},
		"told of without a phase, with Warnings": {
			"until": 1901, "change": {"events": [_warning], "phases": [_phase(12, 110, "", "x")]}, "want": _none,
		},
		"waiting without a word": {
			"until": 1901, "change": {"phases": [_phase(12, 110, "pending", "")]},
			"want": fixture.judgement(_hangs, set(), set()),
		},
		"a snapshot of no backup": {"until": 1901, "change": {"kind": "snapshot", "phases": []}, "want": _none},
		"a new snapshot of no backup": {"until": 200, "change": {"kind": "snapshot", "phases": []}, "want": _none},
	}
	_running(case.until, case.change) == case.want
}

_snapshot(ready) := object.union(fixture.moment(15, 150), {
	"snapshot": "s1", "error": "no class", "ready": ready,
})

test_snapshots[name] if {
	some name, case in {
		"ready": {"phases": [_phase(20, 200, "completed", "")], "ready": fixture.moment(16, 160), "want": set()},
		"missing": {
			"phases": [_phase(20, 200, "completed", "")], "ready": fixture.never,
			"want": {{
				"code": "snapshot_missing", "seq": {15, 20}, "got": "no class", "want": "ready to use",
				"snapshot": "s1",
			}},
		},
		"missing, as the backup failed": {"phases": _failed("no"), "ready": fixture.never, "want": set()},
	}
	_judge({"phases": case.phases, "snapshots": [_snapshot(case.ready)]}).violation == case.want
}

_operation(begin, changes) := object.union(
	{
		"group": "PG_DATA", "begin": fixture.moment(5, begin), "closed": false, "end": fixture.never,
		"until": "trace_end", "until_seq": 90, "until_ns": 10000 * _s,
	},
	changes,
)

_stopped(since, seq, until) := {{
	"code": "storage_stopped", "seq": {5, 10, seq}, "got": (until - since) * _s, "want": 2400 * _s, "unit": "ns",
	"from_ns": since * _s, "until_ns": until * _s, "group": "PG_DATA",
}}

_open(since, until) := {{
	"reason": "pending", "code": "storage_stopped", "seq": {5, 90}, "from_ns": since * _s, "until_ns": until * _s,
}}

test_storage[name] if {
	some name, case in {
		"in time": {
			"operation": _operation(50, {"closed": true, "end": fixture.moment(40, 2500)}),
			"violation": set(), "unknown": set(),
		},
		"too late": {
			"operation": _operation(50, {"closed": true, "end": fixture.moment(40, 2501)}),
			"violation": _stopped(100, 40, 2501), "unknown": set(),
		},
		"perhaps in time": {
			"operation": _operation(50, {
				"closed": true, "end": {"seq": 40, "ns": 2501 * _s, "not_before_ns": 2500 * _s},
			}),
			"violation": set(), "unknown": set(),
		},
		"begun meanwhile": {
			"operation": _operation(150, {"until_ns": 2551 * _s}),
			"violation": _stopped(150, 90, 2551), "unknown": set(),
		},
		"begun at the end": {
			"operation": _operation(200, {"until_ns": 2601 * _s}),
			"violation": _stopped(200, 90, 2601), "unknown": set(),
		},
		"begun later": {"operation": _operation(201, {}), "violation": set(), "unknown": set()},
		"not over": {
			"operation": _operation(150, {"until_ns": 2550 * _s}),
			"violation": set(), "unknown": _open(150, 2550),
		},
		"deleted": {
			"operation": _operation(150, {"until_ns": 2550 * _s, "until": "deleted"}),
			"violation": set(), "unknown": set(),
		},
	}
	judged := _judge({"operations": [case.operation]})
	judged.violation == case.violation
	judged.unknown == case.unknown
}

test_storage_beside_what_is_not_over if {
	judged := _judge({
		"phases": [], "until_ns": 300 * _s, "operations": [_operation(250, {"until_ns": 300 * _s})],
	})
	{row.code | some row in judged.unknown} == {"hangs", "storage_stopped"}
}

test_storage_beside_a_snapshot_of_no_backup if {
	_judge({"kind": "snapshot", "phases": [], "operations": [_operation(50, {})]}) == _none
}
