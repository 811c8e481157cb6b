package assertions.timing_test

import data.assertions.timing as policy
import data.lib.fixture_test as fixture

_s := fixture.second

_judge(document) := judged if {
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as document
		with data.params as fixture.params
}

# An episode in which only what the changes say is measured.
_only(changes) := fixture.episode(object.union(
	{"kind": "backup", "operations": [], "pods": [], "ended": false},
	changes,
))

_row(what, seq, times) := {"seq": seq, "what": what, "from_ns": times[0] * _s, "until_ns": times[1] * _s}

_finding(code, what, seq, times, want) := object.union(_row(what, seq, times), {
	"code": code, "got": (times[1] - times[0]) * _s, "want": want * _s, "unit": "ns",
})

_doubt(reason, what, seq, times) := object.union(_row(what, seq, times), {"reason": reason})

_node(changes) := object.union(
	{
		"name": "n1", "pods": ["pg-1"], "primary": true, "emptied": true, "emptied_at": fixture.moment(70, 1820),
		"back": false, "back_at": fixture.never,
	},
	changes,
)

_election(until) := object.union(fixture.moment(25, 25), {"complete": true, "end": fixture.moment(70, until)})

_scale(from, to) := {"from": from, "to": to, "instances": [], "complete": true}

_upgrade(pods) := {"trigger": "spec", "pods": pods, "replaced": pods, "complete": true, "from": "a", "to": "b"}

# Ready again at a moment.
_back(at) := [fixture.unsteady(20, 20, at, {}), fixture.unsteady(70, at, 10000, {"ready_pods": ["pg-1"], "last": true})]

# The cluster is steady again at a moment, without the pod.
_without(at) := [
	fixture.unsteady(20, 20, at, {}),
	fixture.health(70, at, 10000, {"ready_pods": ["pg-2", "pg-3", "pg-4"], "last": true}),
]

# What is measured: its document with the last moment in time, and just after it.
_measures := {
	"another operator": {
		"what": "operator", "from": 20, "limit": 120,
		"document": {"kind": "operator_restart", "ended": true, "operations": [_wal]}, "end": {"at": ["end"]},
	},
	"a backup": {"what": "backup", "from": 20, "limit": 600, "document": {"ended": true}, "end": {"at": ["end"]}},
	"a snapshot": {
		"what": "snapshot", "from": 20, "limit": 300, "document": {"kind": "snapshot", "ended": true},
		"end": {"at": ["end"]},
	},
	"two new instances": {
		"what": "scaling", "from": 20, "limit": 2400,
		"document": {"kind": "scale_up", "ended": true, "prior": 1, "scale": _scale(1, 3)}, "end": {"at": ["end"]},
	},
	"one instance less": {
		"what": "scaling", "from": 20, "limit": 1200,
		"document": {"kind": "scale_down", "ended": true, "operations": [_wal], "scale": _scale(3, 2)},
		"end": {"at": ["end"]},
	},
	"a rollout of three pods": {
		"what": "rollout", "from": 20, "limit": 1800, "document": {
			"kind": "rolling_upgrade", "ended": true, "operations": [_wal], "upgrade": _upgrade(["a", "b", "c"]),
		},
		"end": {"at": ["end"]},
	},
}

# It calls for judgement, and is not measured itself.
_wal := fixture.operation({"role": "PG_WAL"})

_ends(measure, at) := object.union(_only(measure.document), {"end": fixture.moment(70, at)})

_seq := {20, 70}

_done(document, seq) := {{"seq": seq} | count(document.operations) == 0} | {{"seq": seq, "in": "disruption"} |
	count(document.operations) > 0
}

test_in_time[name] if {
	some name, measure in _measures
	document := _ends(measure, measure.from + measure.limit)
	_judge(document) == fixture.judgement(set(), _done(document, _seq), set())
}

test_late[name] if {
	some name, measure in _measures
	document := _ends(measure, (measure.from + measure.limit) + 1)
	times := [measure.from, (measure.from + measure.limit) + 1]
	finding := _finding("late", measure.what, _seq, times, measure.limit)
	_judge(document) == fixture.judgement({finding}, _done(document, _seq), set())
}

_restart(changes) := _only(object.union({"kind": "primary_restart", "operations": [_wal]}, changes))

_disrupted(seq) := {{"seq": seq, "in": "disruption"}}

test_pods[name] if {
	some name, case in {
		"Ready in time": {"change": {"health": _back(620)}, "late": set()},
		"Ready too late": {"change": {"health": _back(621)}, "late": {_finding("late", "pod", _seq, [20, 621], 600)}},
		"a replica's, too late": {
			"change": {"kind": "replica_restart", "health": _back(621)},
			"late": {_finding("late", "pod", _seq, [20, 621], 600)},
		},
		"not the same, but the cluster is steady in time": {"change": {"health": _without(620)}, "late": set()},
		"not the same, and the cluster is steady too late": {
			"change": {"health": _without(621)}, "late": {_finding("late", "pod", _seq, [20, 621], 600)},
		},
	}
	_judge(_restart(case.change)) == fixture.judgement(case.late, _disrupted(_seq), set())
}

test_a_pod_that_was_never_away if {
	document := _restart({"health": [fixture.health(15, 15, 10000, {"last": true})]})
	_judge(document) == fixture.judgement(set(), _disrupted({20}), set())
}

test_a_pod_that_does_not_come_back if {
	document := _restart({"health": [fixture.unsteady(20, 20, 10000, {"last": true})]})
	_judge(document) == fixture.judgement({_finding("unfinished", "pod", {20, 999}, [20, 10000], 600)}, set(), set())
}

_drain(changes) := _only(object.union(
	{"kind": "node_drain", "operations": [_wal], "pods": [fixture.going(30, 30, {})], "node": _node({})},
	changes,
))

test_drains[name] if {
	late := _finding("late", "drain", _seq, [20, 1821], 1800)
	some name, case in {
		"empty in time": {"change": {}, "late": set()},
		"empty too late": {"change": {"node": _node({"emptied_at": fixture.moment(70, 1821)})}, "late": {late}},
		"given back in time": {
			"change": {"node": _node({"emptied": false}), "ended": true, "end": fixture.moment(70, 1820)}, "late": set(),
		},
		"given back too late": {
			"change": {"node": _node({"emptied": false}), "ended": true, "end": fixture.moment(70, 1821)}, "late": {late},
		},
	}
	_judge(_drain(case.change)) == fixture.judgement(case.late, _disrupted(_seq), set())
}

test_a_node_that_is_only_made_unschedulable[name] if {
	some name, pods in {"no pod goes": [], "a pod elsewhere goes": [fixture.going(30, 30, {"node": "n2"})]}
	document := _drain({"pods": pods, "node": _node({"emptied": false})})
	_judge(document) == fixture.judgement(set(), set(), set())
}

test_a_node_that_is_lost if {
	judged := _judge(_drain({"kind": "node_loss", "node": _node({"emptied_at": fixture.moment(70, 1821)})}))
	judged == fixture.judgement(set(), set(), set())
}

test_elections[name] if {
	some name, case in {
		"in time": {"until": 625, "late": set()},
		"too late": {"until": 626, "late": {_finding("late", "election", {25, 70}, [25, 626], 600)}},
	}
	document := _only({"kind": "failover", "operations": [_wal], "elections": [_election(case.until)]})
	_judge(document) == fixture.judgement(case.late, _disrupted({25, 70}), set())
}

_op := "ns/pg/PG_DATA/op1"

_growing(changes, until) := fixture.episode(object.union(
	{
		"kind": "switchover", "pods": [],
		"operations": [fixture.operation({"end": fixture.moment(70, until)})],
	},
	changes,
))

test_expansions[name] if {
	begun := [fixture.operation({"begin": fixture.moment(40, 40), "end": fixture.moment(70, 2441)})]
	some name, case in {
		"in time after what was done": {"document": _growing({}, 2430), "seq": {30, 70}, "late": set()},
		"too late after what was done": {
			"document": _growing({}, 2431), "seq": {30, 70},
			"late": {_finding("late", _op, {30, 70}, [30, 2431], 2400)},
		},
		"begun later": {
			"document": _growing({"operations": begun}, 0), "seq": {40, 70},
			"late": {_finding("late", _op, {40, 70}, [40, 2441], 2400)},
		},
		"begun with the very event": {
			"document": _growing(
				{"operations": [fixture.operation({
					"begin": fixture.moment(30, 40), "end": fixture.moment(70, 2440),
				})]},
				0,
			),
			"seq": {30, 70}, "late": set(),
		},
		"over before what was done was": {"document": _growing({}, 25), "seq": {30, 70}, "late": set()},
	}
	_judge(case.document) == fixture.judgement(case.late, _disrupted(case.seq), set())
}

test_expansions_by_themselves[name] if {
	some name, kind in {"growth": "growth", "while usage goes around the threshold": "oscillation"}
	late := _finding("late", _op, {10, 70}, [10, 2411], 2400)
	judged := _judge(_growing({"kind": kind}, 2411))
	judged == fixture.judgement({late}, {{"seq": {10, 70}}}, set())
}

test_expansions_without_a_word[name] if {
	some name, change in {"of WAL": {"role": "PG_WAL"}, "without a block": {"mode": "none"}}
	operation := fixture.operation(object.union(change, {"end": fixture.moment(70, 9000)}))
	_judge(_growing({"operations": [operation]}, 0)) == fixture.judgement(set(), set(), set())
}

# An expansion whose last volume goes away at 1000 s, and its cluster at a moment.
_vanished(until, changes) := _growing(
	object.union(
		{
			"until": "deleted", "until_ns": until * _s, "horizon": fixture.moment(999, until), "horizon_by": "deleted",
			"operations": [fixture.operation({"closed_by": "volume_left", "end": fixture.moment(70, 1000)})],
		},
		changes,
	),
	0,
)

test_expansions_that_vanish[name] if {
	done := fixture.judgement(set(), _disrupted({30, 70}), set())
	torn := fixture.judgement(set(), set(), {_doubt("deleted", _op, {30, 999}, [30, 1060])})
	some name, case in {
		"with their cluster": {"document": _vanished(1060, {}), "want": torn},
		"well before their cluster": {"document": _vanished(1061, {}), "want": done},
		"complete, just before their cluster is deleted": {
			"document": _vanished(1060, {"operations": [fixture.operation({"end": fixture.moment(70, 1000)})]}),
			"want": done,
		},
		"before the recording ends": {"document": _vanished(1060, {"until": "trace_end"}), "want": done},
	}
	_judge(case.document) == case.want
}

_unfinished(changes, at) := _only(object.union({"horizon": fixture.moment(999, at)}, changes))

test_at_the_horizon[name] if {
	ended := {"ended": true, "end": fixture.moment(1000, 9999)}
	pending := _doubt("pending", "backup", {20, 999}, [20, 620])
	never := {"end": fixture.never}
	some name, case in {
		"the recording ends in time": {"document": _unfinished(never, 620), "unknown": {pending}, "late": set()},
		"it is done later": {"document": _unfinished(ended, 620), "unknown": {pending}, "late": set()},
		"the cluster is deleted in time": {
			"document": _unfinished(object.union(never, {"horizon_by": "deleted"}), 620), "late": set(),
			"unknown": {_doubt("deleted", "backup", {20, 999}, [20, 620])},
		},
		"the next thing is done in time": {
			"document": _unfinished(object.union(never, {"horizon_by": "next"}), 620), "late": set(), "unknown": set(),
		},
		"the next thing is done too late": {
			"document": _unfinished(object.union(never, {"horizon_by": "next"}), 621), "unknown": set(),
			"late": {_finding("unfinished", "backup", {20, 999}, [20, 621], 600)},
		},
	}
	_judge(case.document) == fixture.judgement(case.late, set(), case.unknown)
}

test_done_with_the_end_of_the_recording if {
	document := _only({"ended": true, "end": fixture.moment(999, 100), "horizon": fixture.moment(999, 100)})
	_judge(document) == fixture.judgement(set(), {{"seq": {20, 999}}}, set())
}

_late_with(gap) := _only({"ended": true, "end": fixture.moment(70, 621), "gaps": [gap]})

test_not_seen[name] if {
	late := _finding("late", "backup", _seq, [20, 621], 600)
	gap := _doubt("gap", "backup", _seq, [20, 621])
	some name, case in {
		"inside": {"gap": fixture.gap("pods", 100, 200), "late": set(), "unknown": {gap}},
		"before": {"gap": fixture.gap("pods", 10, 20), "late": {late}, "unknown": set()},
		"after": {"gap": fixture.gap("pods", 621, 700), "late": {late}, "unknown": set()},
		"Events only": {"gap": fixture.gap("events", 100, 200), "late": {late}, "unknown": set()},
	}
	_judge(_late_with(case.gap)) == fixture.judgement(case.late, {{"seq": _seq}}, case.unknown)
}

test_not_seen_in_time if {
	document := _only({"ended": true, "end": fixture.moment(70, 620), "gaps": [fixture.gap("pods", 100, 200)]})
	_judge(document) == fixture.judgement(set(), {{"seq": _seq}}, set())
}

test_not_done_and_not_seen if {
	document := _unfinished({"end": fixture.never, "gaps": [fixture.gap("pods", 100, 200)]}, 621)
	_judge(document) == fixture.judgement(set(), set(), {_doubt("gap", "backup", {20, 999}, [20, 621])})
}

test_uncertain_moments[name] if {
	end := object.union(fixture.moment(70, 621), {"not_before_ns": 610 * _s})
	some name, case in {
		"perhaps too late": {"end": end, "reason": {"clock"}},
		"perhaps too late, at least just in time": {
			"end": object.union(end, {"not_before_ns": 620 * _s}), "reason": {"clock"},
		},
		"in time for certain": {"end": object.union(end, {"ns": 620 * _s}), "reason": set()},
	}
	unknown := {_doubt(reason, "backup", _seq, [20, 621]) | some reason in case.reason}
	_judge(_only({"ended": true, "end": case.end})) == fixture.judgement(set(), {{"seq": _seq}}, unknown)
}

test_no_word_on_an_episode_that_does_not_call_for_it if {
	document := _ends({"document": {"kind": "operator_restart", "ended": true}}, 9000)
	_judge(document) == fixture.judgement(set(), set(), set())
}
