package invariants.convergence_resumes_test

import data.invariants.convergence_resumes as policy
import data.lib.fixture_test as fixture

_s := fixture.second

# Which time a row is about is compared by a test of its own.
_judge(document) := judged if {
	violation := policy.violation with input as document with data.params as fixture.params
	exercised := policy.exercised with input as document with data.params as fixture.params
	unknown := policy.unknown with input as document with data.params as fixture.params
	judged := fixture.judgement(_timeless(violation), exercised, _timeless(unknown))
}

_timeless(rows) := {object.remove(row, {"from_ns", "until_ns"}) | some row in rows}

_disruption(changes) := object.union(
	{
		"kind": "pod_deleted", "subject": "pg-1", "begin": fixture.moment(12, 20), "ended": true,
		"end": fixture.moment(13, 30), "crash": false,
	},
	changes,
)

_fact(seq, at) := object.union(fixture.moment(seq, at), {"what": "volume", "name": "pg-1"})

# An expansion from 10 s to 60 s; a pod is deleted from 20 s to 30 s; a volume moves at 50 s.
_operation(changes) := object.union(
	{
		"namespace": "ns", "cluster": "pg", "role": "PG_DATA", "tablespace": "", "number": 1, "mode": "dynamic",
		"begin": fixture.moment(10, 10), "begin_known": true, "from": fixture.gib, "target": 2 * fixture.gib,
		"closed": true, "closed_by": "capacity", "end": fixture.moment(60, 60), "steps": [], "waiting": [],
		"until": "trace_end", "until_seq": 999, "until_ns": 10000 * _s, "left": false, "left_seq": 0, "left_ns": 0,
		"disruptions": [_disruption({})], "progress": [_fact(11, 11), _fact(50, 50), _fact(60, 60)], "gaps": [],
	},
	changes,
)

_exercised := {{"seq": {10, 12}, "in": "disruption"}}

_held := fixture.judgement(set(), _exercised, set())

_vacuous := fixture.judgement(set(), set(), set())

_late(judged, code, seq, got, want) := object.union(judged, {"violation": {{
	"code": code, "seq": seq, "got": got * _s, "want": want * _s, "unit": "ns",
}}})

_stuck(judged, code, seq, got) := object.union(judged, {"violation": {{
	"code": code, "seq": seq, "got": got * _s, "want": 2400 * _s, "unit": "ns", "waiting": ["pg-2"],
}}})

_doubt(judged, reason, seq) := object.union(judged, {"unknown": {{"reason": reason, "seq": seq}}})

# Left open until the history ends at a moment.
_open(until) := {
	"closed": false, "closed_by": "", "end": fixture.never, "waiting": ["pg-2"], "until_ns": until * _s,
}

test_interrupted[name] if {
	some name, case in {
		"completed": {"change": {}, "want": _held},
		"completed by the loss of the last volume": {"change": {"closed_by": "volume_left"}, "want": _held},
		"completed just before the recording ends": {"change": {"until_ns": 61 * _s}, "want": _held},
		"not interrupted": {"change": {"disruptions": []}, "want": _vacuous},
		"of WAL volumes": {"change": {"role": "PG_WAL"}, "want": _vacuous},
		"of a group without a block": {"change": {"mode": "none"}, "want": _vacuous},
		"completed just before its cluster is deleted": {
			"change": {"until": "deleted", "left": true, "left_seq": 70, "left_ns": 61 * _s}, "want": _held,
		},
		"unfinished to the last, when the last volume goes away just before its cluster": {
			"change": {
				"end": fixture.moment(60, 2430), "closed_by": "volume_left", "until": "deleted", "left": true,
				"left_seq": 70, "left_ns": 2432 * _s,
			},
			"want": _doubt(_held, "deleted", {10, 60, 70}),
		},
		"unfinished too long, when the last volume goes away just before its cluster": {
			"change": {
				"end": fixture.moment(60, 2431), "closed_by": "volume_left", "until": "deleted", "left": true,
				"left_seq": 70, "left_ns": 2432 * _s,
			},
			"want": _late(_held, "stuck", {10, 13, 60}, 2401, 2400),
		},
		"completed late without an interruption": {
			"change": {"disruptions": [], "end": fixture.moment(60, 9000)}, "want": _vacuous,
		},
		"completed perhaps late without an interruption": {
			"change": {"disruptions": [], "end": {"seq": 60, "ns": 2411 * _s, "not_before_ns": 2410 * _s}},
			"want": _vacuous,
		},
		"of static WAL volumes": {"change": {"role": "PG_WAL", "mode": "static"}, "want": _held},
		"completed as late as may be": {
			"change": {"end": fixture.moment(60, 2430)}, "want": _held,
		},
		"completed late": {
			"change": {"end": fixture.moment(60, 2431)},
			"want": _late(_held, "completed_late", {10, 13, 60}, 2401, 2400),
		},
		"completed perhaps late": {
			"change": {"end": {"seq": 60, "ns": 2431 * _s, "not_before_ns": 2430 * _s}},
			"want": _doubt(_held, "clock", {10, 13, 60}),
		},
		"open for as long as may be": {"change": _open(2430), "want": _doubt(_held, "pending", {10, 13, 999})},
		"open for too long": {"change": _open(2431), "want": _stuck(_held, "stuck", {10, 13, 999}, 2401)},
		"the disruption has no end": {
			"change": object.union(_open(2421), {"disruptions": [_disruption({
				"ended": false, "end": fixture.never,
			})]}),
			"want": _stuck(_held, "stuck", {10, 12, 999}, 2401),
		},
		"deleted with its cluster": {
			"change": object.union(_open(2430), {"until": "deleted"}), "want": _doubt(_held, "deleted", {10, 13, 999}),
		},
	}
	_judge(_operation(case.change)) == case.want
}

test_not_interrupted[name] if {
	some name, case in {
		"open for as long as may be": {"until": 2410, "want": _doubt(_vacuous, "pending", {10, 999})},
		"open for too long": {
			"until": 2411, "want": _stuck(_vacuous, "never_completed", {10, 999}, 2401),
		},
	}
	_judge(_operation(object.union(_open(case.until), {"disruptions": []}))) == case.want
}

test_slow_operations_of_wal_are_not_judged if {
	_judge(_operation(object.union(_open(9000), {"role": "PG_WAL"}))) == _vacuous
}

# The last unfinished volume goes away at 60 s, the cluster at a moment.
test_teardown[name] if {
	some name, case in {
		"just before": {"left": 120, "want": _doubt(_held, "deleted", {10, 60, 70})},
		"long before": {"left": 121, "want": _held},
	}
	_judge(_operation({
		"closed_by": "volume_left", "until": "deleted", "left": true, "left_seq": 70, "left_ns": case.left * _s,
	})) == case.want
}

# The first fact after the disruption that ended at 30 s.
test_progress[name] if {
	some name, case in {
		"as late as may be": {"fact": _fact(50, 630), "gaps": [], "want": _held},
		"too late": {
			"fact": _fact(50, 631), "gaps": [], "want": _late(_held, "not_resumed", {12, 13, 50}, 601, 600),
		},
		"perhaps too late": {
			"fact": object.union(_fact(50, 631), {"not_before_ns": 630 * _s}), "gaps": [],
			"want": _doubt(_held, "clock", {12, 13, 50}),
		},
		"too late, with a gap": {
			"fact": _fact(50, 631), "gaps": [fixture.gap("pods", 100, 110)],
			"want": _doubt(_held, "gap", {12, 13, 50}),
		},
		"as late as may be, with a gap": {
			"fact": _fact(50, 630), "gaps": [fixture.gap("pods", 100, 110)], "want": _held,
		},
		"perhaps too late, with a gap": {
			"fact": object.union(_fact(50, 631), {"not_before_ns": 630 * _s}),
			"gaps": [fixture.gap("pods", 100, 110)], "want": _doubt(_held, "gap", {12, 13, 50}),
		},
		"the end of the disruption itself": {
			"fact": _fact(13, 30), "gaps": [], "want": _late(_held, "not_resumed", {12, 13, 60}, 670, 600),
		},
		"too late, with a gap before": {
			"fact": _fact(50, 631), "gaps": [fixture.gap("pods", 20, 30)],
			"want": _late(_held, "not_resumed", {12, 13, 50}, 601, 600),
		},
		"too late, with a gap after": {
			"fact": _fact(50, 631), "gaps": [fixture.gap("pods", 631, 640)],
			"want": _late(_held, "not_resumed", {12, 13, 50}, 601, 600),
		},
		"too late, with a gap of clusters": {
			"fact": _fact(50, 631), "gaps": [fixture.gap("clusters", 100, 110)],
			"want": _late(_held, "not_resumed", {12, 13, 50}, 601, 600),
		},
	}
	_judge(_operation({
		"end": fixture.moment(60, 700), "progress": [_fact(11, 11), case.fact, _fact(60, 700)], "gaps": case.gaps,
	})) == case.want
}

test_no_progress_until_the_end_of_the_recording[name] if {
	some name, case in {
		"for as long as may be": {"until": 630, "want": _doubt(_held, "pending", {10, 13, 999})},
		"for too long": {
			"until": 631,
			"want": _late(_doubt(_held, "pending", {10, 13, 999}), "not_resumed", {12, 13, 999}, 601, 600),
		},
	}
	_judge(_operation(object.union(_open(case.until), {"progress": [_fact(11, 11)]}))) == case.want
}

# The disruption ends with or after the expansion: nothing has to resume.
test_a_disruption_that_outlasts_the_operation[seq] if {
	some seq in [60, 90]
	_judge(_operation({"disruptions": [_disruption({"end": fixture.moment(seq, seq)})]})) == _held
}

test_teardown_of_wal_is_not_judged if {
	_judge(_operation({
		"role": "PG_WAL", "closed_by": "volume_left", "until": "deleted", "left": true, "left_seq": 70,
		"left_ns": 61 * _s,
	})) == _vacuous
}

# The time of which a row speaks, in seconds.
test_which_time_it_is_about[name] if {
	some name, case in {
		"stuck": {"change": _open(2431), "want": {["stuck", 30, 2431]}},
		"torn down too late": {
			"change": {
				"end": fixture.moment(60, 2431), "closed_by": "volume_left", "left": true, "left_ns": 2432 * _s,
			},
			"want": {["stuck", 30, 2431]},
		},
		"torn down": {
			"change": {"closed_by": "volume_left", "left": true, "left_ns": 61 * _s}, "want": {["deleted", 30, 60]},
		},
		"late": {"change": {"end": fixture.moment(60, 2431)}, "want": {["completed_late", 30, 2431]}},
		"pending": {"change": _open(2430), "want": {["pending", 30, 2430]}},
		"not resumed": {
			"change": {"end": fixture.moment(60, 700), "progress": [_fact(50, 631)]},
			"want": {["not_resumed", 30, 631]},
		},
	}
	document := _operation(case.change)
	rows := policy.violation | policy.unknown with input as document with data.params as fixture.params
	{[word, row.from_ns / _s, row.until_ns / _s] |
		some row in rows
		some key in ["code", "reason"]
		word := row[key]
	} == case.want
}
