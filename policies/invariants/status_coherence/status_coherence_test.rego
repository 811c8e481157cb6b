package invariants.status_coherence_test

import data.invariants.status_coherence as policy
import data.lib.fixture_test as fixture

_s := fixture.second

_gib := fixture.gib

_judge(document) := judged if {
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as document
		with data.params as fixture.params
}

_none := fixture.judgement(set(), set(), set())

_held := fixture.judgement(set(), {{"seq": {5, 9}}}, set())

_violated(judged, finding) := object.union(judged, {"violation": {finding}})

_doubt(judged, row) := object.union(judged, {"unknown": {row}})

_missing(got) := _violated(_none, {
	"code": "action_missing", "seq": {9}, "volume": "pg-1", "got": got, "want": 2 * _gib, "unit": "bytes",
})

_pair(first) := [fixture.status(4, 0, {}), first]

# A growth to 2 GiB at 50 s and what the status says afterwards.
test_growth[name] if {
	some name, case in {
		"told of": {"statuses": _pair(fixture.grown(5, 51, {})), "change": {}, "want": _held},
		"told of as late as may be": {
			"statuses": _pair(fixture.grown(5, 110, {"action_at_ns": 50 * _s})), "change": {}, "want": _held,
		},
		"told of too late": {
			"statuses": _pair(fixture.grown(5, 111, {"action_at_ns": 50 * _s})), "change": {}, "want": _missing(0),
		},
		"told of another size": {
			"statuses": _pair(fixture.grown(5, 51, {"action_to": 3 * _gib})), "change": {}, "want": _missing(3 * _gib),
		},
		"told of another size as late as may be": {
			"statuses": _pair(fixture.grown(5, 110, {"action_to": 3 * _gib})), "change": {}, "want": _missing(3 * _gib),
		},
		"not told of, with a gap, until just before the end": {
			"statuses": [], "change": {"until_ns": 110 * _s, "gaps": [fixture.gap("clusters", 60, 70)]},
			"want": _doubt(_none, {"reason": "gap", "seq": {9}}),
		},
		"not told of": {"statuses": [fixture.status(4, 0, {})], "change": {}, "want": _missing(0)},
		"told of with the action after it": {
			"statuses": _pair(fixture.grown(5, 51, {"action_from": 2 * _gib, "action_to": 3 * _gib})),
			"change": {}, "want": _none,
		},
		"told of with the action after it, as late as may be": {
			"statuses": _pair(fixture.grown(5, 110, {"action_from": 2 * _gib, "action_to": 3 * _gib})),
			"change": {}, "want": _none,
		},
		"told of with the action after it, too late": {
			"statuses": _pair(fixture.grown(5, 111, {"action_from": 2 * _gib, "action_to": 3 * _gib})),
			"change": {}, "want": _missing(0),
		},
		"the action after it was long before": {
			"statuses": [fixture.grown(5, 44, {"action_from": 2 * _gib, "action_to": 3 * _gib})],
			"change": {}, "want": _missing(3 * _gib),
		},
		"the action after it was just before": {
			"statuses": [fixture.grown(5, 45, {"action_from": 2 * _gib, "action_to": 3 * _gib})],
			"change": {}, "want": _none,
		},
		"asked for by the block": {
			"statuses": [fixture.status(4, 0, {})], "change": {"specs": [fixture.spec({"request": 2 * _gib})]},
			"want": _none,
		},
		"of static volumes": {
			"statuses": [], "change": {"specs": [fixture.spec({"mode": "static"})]}, "want": _none,
		},
		"of WAL volumes": {"statuses": [], "change": {"role": "PG_WAL"}, "want": _none},
		"of a tablespace": {"statuses": [], "change": {"role": "PG_TABLESPACE"}, "want": _missing(0)},
		"not told of when the recording ends": {
			"statuses": [], "change": {"until_ns": 109 * _s},
			"want": _doubt(_none, {"reason": "pending", "seq": {9, 999}}),
		},
		"not told of when the cluster is deleted": {
			"statuses": [], "change": {"until_ns": 109 * _s, "until": "deleted"},
			"want": _doubt(_none, {"reason": "deleted", "seq": {9, 999}}),
		},
		"not told of until just before the end": {
			"statuses": [], "change": {"until_ns": 110 * _s}, "want": _missing(0),
		},
		"not told of, with a gap": {
			"statuses": [], "change": {"gaps": [fixture.gap("clusters", 60, 70)]},
			"want": _doubt(_none, {"reason": "gap", "seq": {9}}),
		},
		"not told of, with a gap of pods": {
			"statuses": [], "change": {"gaps": [fixture.gap("pods", 60, 70)]}, "want": _missing(0),
		},
		"the Cluster was not recorded": {
			"statuses": [], "change": {"cluster_seen": false, "specs": []},
			"want": _doubt(_none, {"reason": "cluster_unseen", "seq": {999}}),
		},
	}
	document := {"requests": [fixture.request(9, 50, {})], "statuses": case.statuses}
	_judge(fixture.storage(object.union(document, case.change))) == case.want
}

# The action's own time; the growth is at 50 s.
test_stamps[name] if {
	some name, case in {
		"as early as may be": {"at": 45, "bad": false},
		"too early": {"at": 44, "bad": true},
		"as late as may be": {"at": 55, "bad": false},
		"too late": {"at": 56, "bad": true},
	}
	findings := {finding |
		case.bad
		finding := {
			"code": "action_time_off", "seq": {5, 9}, "volume": "pg-1",
			"got": case.at * _s, "want": 50 * _s, "unit": "ns",
		}
	}
	_judge(fixture.storage({
		"requests": [fixture.request(9, 50, {})],
		"statuses": _pair(fixture.grown(5, 51, {"action_at_ns": case.at * _s})),
	})) == object.union(_held, {"violation": findings})
}

# An action that the status tells of at 50 s; volumes had 1 GiB, and a capacity of 3 GiB.
test_from[name] if {
	some name, case in {
		"a request that was": {"from": _gib, "bad": false},
		"a capacity that was": {"from": 3 * _gib, "bad": false},
		"a size that nothing had yet": {"from": 2 * _gib, "bad": true},
	}
	findings := {finding |
		case.bad
		finding := {"code": "action_from_off", "seq": {5}, "got": 2 * _gib, "want": 3 * _gib, "unit": "bytes"}
	}
	_judge(fixture.storage({
		"statuses": _pair(fixture.grown(5, 50, {"action_from": case.from})),
		"spans": [
			fixture.span(6, 0, 51, {"spec": -1, "volumes": [fixture.volume("pg-1", {"capacity": 3 * _gib})]}),
			fixture.span(7, 51, 9999, {"spec": -1, "volumes": [fixture.volume("pg-1", {"request": 2 * _gib})]}),
		],
	})).violation == findings
}

test_from_is_judged_once[name] if {
	some name, case in {
		"seen again": {"then": fixture.grown(6, 50, {"action_from": 7, "state": "Emergency"}), "want": {5}},
		"no action any more": {"then": fixture.status(6, 60, {}), "want": {5}},
	}
	judged := _judge(fixture.storage({
		"statuses": array.concat(_pair(fixture.grown(5, 50, {"action_from": 7})), [case.then]),
		"spans": [fixture.span(3, 0, 9999, {"spec": -1})],
	}))
	{seq | some finding in judged.violation; some seq in finding.seq} == case.want
}

test_from_without_volumes_is_not_judged if {
	_judge(fixture.storage({"statuses": _pair(fixture.grown(5, 50, {"action_from": 7}))})) == _none
}

# From 10 s on the status is changed, from 100 s on it is as before.
_until(status, span, until, last) := {
	"statuses": [status],
	"spans": array.slice(
		[
			fixture.span(3, 0, 10, {"status": -1}),
			fixture.span(4, 10, until, object.union(
				{"last": last, "peak": 2 * _gib, "capacity": 2 * _gib, "volumes": [
					fixture.volume("pg-1", {"request": 2 * _gib, "capacity": 2 * _gib, "actual": 2 * _gib}),
				]},
				span,
			)),
			fixture.span(5, until, 10000, {"status": -1, "last": true}),
		],
		0, _length(last),
	),
}

_length(last) := 2 if last

_length(last) := 3 if not last

_levels := {
	"action_not_requested": {
		"status": {"action_to": 3 * _gib, "effective": 0, "action_result": "Success"},
		"span": {}, "spec": {}, "got": 3 * _gib, "want": 2 * _gib, "also": {"effective_not_action"},
	},
	"effective_off, behind": {
		"status": {"effective": _gib, "action_result": ""}, "span": {}, "spec": {},
		"got": _gib, "want": 2 * _gib, "also": set(),
	},
	"effective_off, ahead": {
		"status": {"effective": 3 * _gib, "action_result": ""}, "span": {}, "spec": {"request": 2 * _gib},
		"got": 3 * _gib, "want": 2 * _gib, "also": set(),
	},
	"effective_not_action": {
		"status": {"action_to": _gib, "effective": 2 * _gib}, "span": {}, "spec": {},
		"got": 2 * _gib, "want": _gib, "also": set(),
	},
	"not_at_limit": {
		"status": {"state": "AtLimit"}, "span": {"capacity": 3 * _gib}, "spec": {},
		"got": 3 * _gib, "want": 4 * _gib, "also": set(),
	},
}

_code(name) := split(name, ",")[0]

# What disagrees for longer than 60 s is found, with the code that is in its name.
test_levels_too_long[name] if {
	some name, level in _levels
	document := object.union(
		_until(fixture.grown(2, 10, level.status), level.span, 71, false),
		{"specs": [fixture.spec(level.spec)]},
	)
	judged := _judge(fixture.storage(document))
	{finding.code | some finding in judged.violation} == {_code(name)} | level.also
	{
		"code": _code(name), "seq": {2, 4}, "got": level.got, "want": level.want, "unit": "bytes",
	} in judged.violation
	judged.unknown == set()
}

test_levels_as_long_as_may_be[name] if {
	some name, level in _levels
	document := object.union(
		_until(fixture.grown(2, 10, level.status), level.span, 70, false),
		{"specs": [fixture.spec(level.spec)]},
	)
	judged := _judge(fixture.storage(document))
	judged.violation == set()
	judged.unknown == set()
}

test_levels_at_the_end[name] if {
	some name, level in _levels
	document := object.union(
		_until(fixture.grown(2, 10, level.status), level.span, 70, true),
		{"specs": [fixture.spec(level.spec)]},
	)
	judged := _judge(fixture.storage(document))
	judged.violation == set()
	{"reason": "pending", "seq": {4, 999}, "code": _code(name)} in judged.unknown
}

# What agrees, for as long as one likes.
test_agreement[name] if {
	some name, case in {
		"a grown group": {"status": {}, "span": {}, "spec": {}},
		"an action that failed": {"status": {"action_to": 3 * _gib, "action_result": "Failed"}, "span": {}, "spec": {}},
		"no effective size yet": {
			"status": {"effective": 0, "action_to": 0, "action_result": ""}, "span": {}, "spec": {},
		},
		"a request raised by the block": {
			"status": {"effective": _gib, "action_to": _gib}, "span": {}, "spec": {"request": 2 * _gib},
		},
		"no status": {"status": {"present": false, "effective": 9}, "span": {}, "spec": {}},
		"no volumes": {"status": {"effective": 9, "action_to": 9}, "span": {"volumes": []}, "spec": {}},
		"a static block": {"status": {"effective": 9, "action_to": 9}, "span": {}, "spec": {"mode": "static"}},
		"a growing state with an open operation": {"status": {"state": "Resizing"}, "span": {"open": true}, "spec": {}},
		"at a limit that the request reaches": {
			"status": {"state": "AtLimit"}, "span": {}, "spec": {"limit": 2 * _gib},
		},
		"at a limit that the capacity reaches": {
			"status": {"state": "AtLimit"}, "span": {"capacity": 4 * _gib}, "spec": {},
		},
		"no budget": {"status": {"has_budget": false, "actions": 7}, "span": {}, "spec": {}},
		"a budget made smaller": {
			"status": {"actions": 3, "planned": 0, "emergency": 0}, "span": {}, "spec": {"max_actions": 2},
		},
		"a volume that the status does not name": {
			"status": {}, "span": {"volumes": [fixture.volume("pg-1", {"actual": -1})]}, "spec": {},
		},
		"a volume without capacity": {
			"status": {}, "spec": {},
			"span": {"volumes": [fixture.volume("pg-1", {"capacity": 0, "actual": _gib})]},
		},
	}
	document := object.union(
		_until(fixture.grown(2, 10, case.status), case.span, 9000, false),
		{"specs": [fixture.spec(case.spec)]},
	)
	judged := _judge(fixture.storage(document))
	judged.violation == set()
	judged.unknown == set()
}

# What disagrees from 10 to 71 s, with what is found.
test_disagreement[name] if {
	some name, case in {
		"Emergency without an operation": {
			"status": {"state": "Emergency"}, "span": {}, "spec": {},
			"want": {"code": "state_stale", "seq": {2, 4}, "got": "Emergency", "want": "no growing state"},
		},
		"Resizing without an operation": {
			"status": {"state": "Resizing"}, "span": {}, "spec": {},
			"want": {"code": "state_stale", "seq": {2, 4}, "got": "Resizing", "want": "no growing state"},
		},
		"a budget with too little": {
			"status": {"planned": 1}, "span": {}, "spec": {},
			"want": {"code": "budget_off", "seq": {2, 4}, "got": 3, "want": 4},
		},
		"a budget with too much": {
			"status": {"planned": 3}, "span": {}, "spec": {},
			"want": {"code": "budget_off", "seq": {2, 4}, "got": 5, "want": 4},
		},
		"a budget made smaller with something left": {
			"status": {"actions": 3, "planned": 0, "emergency": 1}, "span": {}, "spec": {"max_actions": 2},
			"want": {"code": "budget_off", "seq": {2, 4}, "got": 4, "want": 2},
		},
		"a budget with nothing left too early": {
			"status": {"actions": 2, "planned": 0, "emergency": 0}, "span": {}, "spec": {},
			"want": {"code": "budget_off", "seq": {2, 4}, "got": 2, "want": 4},
		},
		"an actual size of a volume without capacity": {
			"status": {}, "spec": {},
			"span": {"volumes": [fixture.volume("pg-1", {"capacity": 0, "actual": 2 * _gib})]},
			"want": {
				"code": "actual_off", "seq": {4}, "instance": "pg-1",
				"got": 2 * _gib, "want": _gib, "unit": "bytes",
			},
		},
		"a request that a block asks for only later": {
			"status": {"effective": _gib, "action_to": _gib}, "span": {},
			"spec": {"seq": 9, "request": 2 * _gib},
			"want": {"code": "effective_off", "seq": {2, 4}, "got": _gib, "want": 2 * _gib, "unit": "bytes"},
		},
		"an actual size that is not": {
			"status": {}, "spec": {}, "span": {"volumes": [fixture.volume("pg-1", {"actual": 2 * _gib})]},
			"want": {
				"code": "actual_off", "seq": {4}, "instance": "pg-1",
				"got": 2 * _gib, "want": _gib, "unit": "bytes",
			},
		},
		"an actual size of nothing": {
			"status": {}, "spec": {}, "span": {"volumes": [fixture.volume("pg-1", {"actual": 0})]},
			"want": {
				"code": "actual_off", "seq": {4}, "instance": "pg-1", "got": 0, "want": _gib, "unit": "bytes",
			},
		},
	}
	document := object.union(
		_until(fixture.grown(2, 10, case.status), case.span, 71, false),
		{"specs": [fixture.spec(case.spec)]},
	)
	judged := _judge(fixture.storage(document))
	judged.violation == {case.want}
	judged.unknown == set()
}

_actual_off := {"volumes": [fixture.volume("pg-1", {"actual": 2 * _gib})]}

test_actual_sizes_in_doubt[name] if {
	some name, case in {
		"at the end": {"until": 70, "last": true, "change": {}, "want": {{
			"reason": "pending", "seq": {4, 999}, "code": "actual_off", "instance": "pg-1",
		}}},
		"as long as may be": {"until": 70, "last": false, "change": {}, "want": set()},
		"with a gap": {
			"until": 71, "last": false, "change": {"gaps": [fixture.gap("clusters", 20, 30)]},
			"want": {{"reason": "gap", "seq": {4, 999}, "code": "actual_off", "instance": "pg-1"}},
		},
	}
	document := object.union(_until(fixture.grown(2, 10, {}), _actual_off, case.until, case.last), case.change)
	judged := _judge(fixture.storage(document))
	judged.violation == set()
	judged.unknown == case.want
}

_off(name) := {"volumes": [fixture.volume(name, {"actual": 2 * _gib})]}

test_two_volumes_off_one_after_the_other_are_two_short_times if {
	_judge(fixture.storage({
		"statuses": [fixture.grown(2, 0, {"effective": 0, "action_result": ""})],
		"spans": [fixture.span(3, 0, 50, _off("pg-1")), fixture.span(4, 50, 100, _off("pg-2"))],
	})) == _none
}

test_levels_at_uncertain_moments if {
	document := _until(fixture.grown(2, 10, {"state": "Emergency"}), {"until_not_before_ns": 70 * _s}, 71, false)
	judged := _judge(fixture.storage(document))
	judged.violation == set()
	judged.unknown == {{"reason": "clock", "seq": {4, 999}, "code": "state_stale"}}
}

test_levels_with_a_gap if {
	document := _until(fixture.grown(2, 10, {"state": "Emergency"}), {}, 71, false)
	gaps := [fixture.gap("persistentvolumeclaims", 20, 30)]
	judged := _judge(fixture.storage(object.union(document, {"gaps": gaps})))
	judged.violation == set()
	judged.unknown == {{"reason": "gap", "seq": {4, 999}, "code": "state_stale"}}
}

test_states_exercise[name] if {
	some name, case in {
		"AtLimit": {"state": "AtLimit", "mode": "dynamic", "want": {{"seq": {2, 4}}}},
		"PendingGrowth": {"state": "PendingGrowth", "mode": "dynamic", "want": {{"seq": {2, 4}}}},
		"Balanced": {"state": "Balanced", "mode": "dynamic", "want": set()},
		"of a static block": {"state": "AtLimit", "mode": "static", "want": set()},
	}
	document := object.union(
		_until(fixture.grown(2, 10, {"state": case.state}), {}, 20, false),
		{"specs": [fixture.spec({"mode": case.mode, "limit": 2 * _gib})]},
	)
	_judge(fixture.storage(document)).exercised == case.want
}

# Two growths at 50 s and 60 s; the budget counts one action from a moment on.
test_budget_counts[name] if {
	some name, case in {
		"as many as were seen": {"actions": 2, "until": 200, "seq": 9, "want": set()},
		"fewer than were seen": {"actions": 1, "until": 261, "seq": 9, "want": {{
			"code": "budget_undercount", "seq": {11, 6}, "got": 1, "want": 2,
		}}},
		"fewer, as long as may be": {"actions": 1, "until": 260, "seq": 9, "want": set()},
		"fewer, but a day later": {"actions": 1, "until": 86460, "seq": 9, "want": set()},
		"before the growth": {"actions": 1, "until": 261, "seq": 12, "want": set()},
	}
	_judge(fixture.storage({
		"until_ns": 100000 * _s,
		"specs": [fixture.spec({"limit": 9 * _gib, "until_ns": 100000 * _s})],
		"requests": [
			fixture.request(8, 50, {}),
			fixture.request(case.seq, 60, {"from": 2 * _gib, "to": 3 * _gib}),
		],
		"statuses": [
			fixture.grown(5, 51, {"actions": 9}),
			fixture.grown(6, 61, {
				"action_to": 3 * _gib, "effective": 3 * _gib, "actions": case.actions,
				"planned": 3 - case.actions, "action_from": _gib,
			}),
		],
		"spans": [fixture.span(11, 200, case.until, {"status": 1, "peak": 3 * _gib})],
	})).violation == case.want
}

test_no_budget_counts_nothing if {
	_judge(fixture.storage({
		"requests": [fixture.request(8, 50, {})],
		"statuses": [fixture.grown(5, 51, {"has_budget": false, "actions": 0})],
		"spans": [fixture.span(11, 200, 9000, {"peak": 2 * _gib})],
	})).violation == set()
}

_pending(until, last, planned) := _until(status, {}, until, last) if {
	status := fixture.grown(2, 10, {"state": "PendingGrowth", "planned": planned, "actions": 3 - planned})
}

_unexplained(waited) := {{
	"code": "pending_unexplained", "seq": {4}, "got": waited * _s, "want": 60 * _s, "unit": "ns",
}}

# PendingGrowth from 10 s on; the window is open from 0 s until a moment.
test_pending_growth[name] if {
	some name, case in {
		"in an open window": {"until": 71, "planned": 1, "window": [0, 900], "want": _unexplained(61)},
		"as long as may be": {"until": 70, "planned": 1, "window": [0, 900], "want": set()},
		"without planned actions": {"until": 71, "planned": 0, "window": [0, 900], "want": set()},
		"in a window that closes": {"until": 900, "planned": 1, "window": [0, 70], "want": set()},
		"in a window that closes late": {"until": 900, "planned": 1, "window": [0, 71], "want": _unexplained(61)},
		"in a window that opens": {"until": 900, "planned": 1, "window": [840, 9999], "want": set()},
		"in a window that opened long ago": {
			"until": 900, "planned": 1, "window": [839, 9999], "want": _unexplained(61),
		},
		"in a closed window": {"until": 900, "planned": 1, "window": [900, 9999], "want": set()},
	}
	document := object.union(_pending(case.until, false, case.planned), {"windows": [{
		"opens_ns": case.window[0] * _s, "closes_ns": case.window[1] * _s,
	}]})
	judged := _judge(fixture.storage(document))
	judged.violation == case.want
	judged.unknown == set()
}

test_pending_growth_in_doubt[name] if {
	some name, case in {
		"at the end": {
			"until": 70, "last": true, "change": {}, "window": 70,
			"want": {{"reason": "pending", "seq": {4, 999}, "code": "pending_unexplained"}},
		},
		"of the cluster": {
			"until": 70, "last": true, "change": {"until": "deleted"}, "window": 70,
			"want": {{"reason": "deleted", "seq": {4, 999}, "code": "pending_unexplained"}},
		},
		"with the window closed before the end": {
			"until": 70, "last": true, "change": {}, "window": 60, "want": set(),
		},
		"with a gap": {
			"until": 71, "last": false, "change": {"gaps": [fixture.gap("clusters", 20, 30)]}, "window": 900,
			"want": {{"reason": "gap", "seq": {4}, "code": "pending_unexplained"}},
		},
		"with a gap, as long as may be": {
			"until": 70, "last": false, "change": {"gaps": [fixture.gap("clusters", 20, 30)]}, "window": 900,
			"want": set(),
		},
	}
	document := object.union(_pending(case.until, case.last, 1), object.union(case.change, {
		"until_ns": case.until * _s, "windows": [{"opens_ns": 0, "closes_ns": case.window * _s}],
	}))
	judged := _judge(fixture.storage(document))
	judged.violation == set()
	judged.unknown == case.want
}
