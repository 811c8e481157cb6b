package assertions.controller_test

import data.assertions.controller as policy
import data.lib.fixture_test as fixture

_s := fixture.second

_judge(document) := judged if {
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as document
		with data.params as fixture.params
}

_exercised := {{"seq": {20, 21, 100}, "in": "disruption"}}

_held := fixture.judgement(set(), _exercised, set())

_vacuous := fixture.judgement(set(), set(), set())

_violated(row) := fixture.judgement({row}, _exercised, set())

_unannounced := {
	"code": "unannounced", "seq": {20, 999}, "got": 0, "want": 1, "from_ns": 20 * _s, "until_ns": 10000 * _s,
}

_unseen := {"reason": "gap", "code": "unannounced", "seq": {20, 999}}

test_signs[name] if {
	some name, case in {
		"something is seen": {"change": {}, "want": _held},
		"nothing is seen": {"change": {"signals": []}, "want": fixture.judgement({_unannounced}, set(), set())},
		"only what was done is seen": {
			"change": {"signals": [fixture.signal(20, 20, {})]}, "want": fixture.judgement({_unannounced}, set(), set()),
		},
		"nothing is seen, and something may be missing": {
			"change": {"signals": [], "gaps": [fixture.gap("events", 20, 30)]},
			"want": fixture.judgement(set(), set(), {_unseen}),
		},
		"nothing is seen, and the Cluster may be missing": {
			"change": {"signals": [], "gaps": [fixture.gap("clusters", 20, 30)]},
			"want": fixture.judgement(set(), set(), {_unseen}),
		},
		"nothing is seen, and pods may be missing": {
			"change": {"signals": [], "gaps": [fixture.gap("pods", 20, 30)]},
			"want": fixture.judgement(set(), set(), {_unseen}),
		},
		"nothing is seen, and claims may be missing": {
			"change": {"signals": [], "gaps": [fixture.gap("persistentvolumeclaims", 20, 30)]},
			"want": fixture.judgement(set(), set(), {_unseen}),
		},
		"nothing is seen, and nodes may be missing": {
			"change": {"signals": [], "gaps": [fixture.gap("nodes", 20, 30)]},
			"want": fixture.judgement({_unannounced}, set(), set()),
		},
		"something is seen, and something may be missing": {
			"change": {"gaps": [fixture.gap("events", 20, 30)]}, "want": _held,
		},
	}
	_judge(fixture.episode(case.change)) == case.want
}

test_signs_of_nothing[name] if {
	some name, case in {
		"the cluster is never steady": {
			"change": {"signals": [], "health": [fixture.unsteady(20, 20, 10000, {"last": true})]}, "want": _vacuous,
		},
		"the cluster is never steady, and something may be missing": {
			"change": {
				"signals": [], "health": [fixture.unsteady(20, 20, 10000, {"last": true})],
				"gaps": [fixture.gap("events", 20, 30)],
			},
			"want": _vacuous,
		},
		"the cluster is steady, and once more": {
			"change": {"health": [
				fixture.unsteady(20, 20, 100, {}), fixture.health(100, 100, 200, {}), fixture.unsteady(200, 200, 300, {}),
				fixture.health(300, 300, 10000, {"last": true}),
			]},
			"want": _held,
		},
		"the cluster was steady only before": {
			"change": {"health": [
				fixture.health(15, 15, 30, {}), fixture.unsteady(31, 30, 10000, {"last": true}),
			]},
			"want": _vacuous,
		},
		"the Cluster was not recorded": {
			"change": {"signals": [], "health": [fixture.health(20, 20, 10000, {"seen": false, "last": true})]},
			"want": _vacuous,
		},
		"nothing comes of usage around the threshold": {
			"change": {"kind": "oscillation", "operations": [], "signals": []},
			"want": fixture.judgement(set(), {{"seq": {20, 100}}}, set()),
		},
		"degraded on purpose": {
			"change": {"health": [fixture.unsteady(20, 20, 10000, {"fenced": true, "last": true})]},
			"want": fixture.judgement(set(), {{"seq": {20, 21}, "in": "disruption"}}, set()),
		},
		"not an episode that calls for it": {"change": {"operations": [], "signals": []}, "want": _vacuous},
	}
	_judge(fixture.episode(case.change)) == case.want
}

# A cluster that looks healthy and Ready, and is short of an instance.
_short(changes) := object.union({"ready_instances": 2}, changes)

_quiet_until(at, changes) := [
	fixture.health(20, 20, at, _short(changes)), fixture.health(100, at, 10000, {"last": true}),
]

_silent(times) := {
	"code": "silent", "seq": {20}, "got": (times[1] - times[0]) * _s, "want": 600 * _s, "unit": "ns",
	"from_ns": times[0] * _s, "until_ns": times[1] * _s,
}

_doubt(reason, times) := {
	"reason": reason, "code": "silent", "seq": {20}, "from_ns": times[0] * _s, "until_ns": times[1] * _s,
}

_event(at) := fixture.signal(22, at, {"what": "event"})

test_silence[name] if {
	late := _quiet_until(631, {})
	some name, case in {
		"not for too long": {"change": {"health": _quiet_until(630, {})}, "want": _held},
		"for too long": {"change": {"health": late}, "want": _violated(_silent([30, 631]))},
		"the claims alone are not settled": {
			"change": {"health": _quiet_until(631, {
				"ready_instances": 3, "unsettled": [fixture.unsettled("pg-1", {"resizing": false, "state": "Balanced"})],
			})},
			"want": _violated(_silent([30, 631])),
		},
		"an Event in it": {
			"change": {"health": late, "signals": [fixture.signal(21, 21, {}), _event(30)]}, "want": _held,
		},
		"an Event before it": {
			"change": {"health": late, "signals": [fixture.signal(21, 21, {}), _event(29)]},
			"want": _violated(_silent([30, 631])),
		},
		"an Event after it": {
			"change": {"health": late, "signals": [fixture.signal(21, 21, {}), _event(631)]},
			"want": _violated(_silent([30, 631])),
		},
		"another sign in it": {
			"change": {"health": late, "signals": [fixture.signal(21, 21, {}), fixture.signal(22, 30, {})]},
			"want": _violated(_silent([30, 631])),
		},
		"for too long, later": {
			"change": {"health": [
				fixture.health(20, 20, 40, {}), fixture.health(100, 40, 400, _short({})),
				fixture.health(101, 400, 641, _short({"instances": 2})), fixture.health(102, 641, 10000, {"last": true}),
			]},
			"want": fixture.judgement(
				{object.union(_silent([40, 641]), {"seq": {20, 100, 101}})},
				{{"seq": {20, 21}, "in": "disruption"}}, set(),
			),
		},
		"before the Cluster was recorded": {
			"change": {"health": [
				fixture.health(20, 20, 631, _short({"seen": false})), fixture.health(100, 631, 10000, {"last": true}),
			]},
			"want": _held,
		},
	}
	_judge(fixture.episode(case.change)) == case.want
}

test_no_silence[name] if {
	some name, change in {
		"the phase tells": {"phase": "Creating a new replica"},
		"the condition tells": {"ready": "False"},
		"a claim tells": {"unsettled": [fixture.unsettled("pg-1", {"resizing": true, "state": "Balanced"})]},
		"the status needs to grow": {"unsettled": [fixture.unsettled("pg-1", {"resizing": false, "state": "NeedsGrow"})]},
		"the status tells of an emergency": {
			"unsettled": [fixture.unsettled("pg-1", {"resizing": false, "state": "Emergency"})],
		},
		"the status waits to grow": {
			"unsettled": [fixture.unsettled("pg-1", {"resizing": false, "state": "PendingGrowth"})],
		},
		"the status grows": {"unsettled": [fixture.unsettled("pg-1", {"resizing": false, "state": "Resizing"})]},
		"the status waits for a disk": {
			"unsettled": [fixture.unsettled("pg-1", {"resizing": false, "state": "WaitingForDiskStatus"})],
		},
		"it is on purpose": {"fenced": true},
	}
	got := _judge(fixture.episode({"health": _quiet_until(631, change)}))
	got.violation == set()
	got.unknown == set()
}

test_silence_in_doubt[name] if {
	late := _quiet_until(631, {})
	open := [fixture.health(20, 20, 630, _short({"last": true}))]
	some name, case in {
		"not seen": {
			"change": {"health": late, "gaps": [fixture.gap("events", 100, 200)]}, "exercised": _exercised,
			"unknown": {_doubt("gap", [30, 631])},
		},
		"the recording ends": {
			"change": {"health": open, "horizon": fixture.moment(999, 630)}, "exercised": set(),
			"unknown": {_doubt("pending", [30, 630])},
		},
		"the cluster is deleted": {
			"change": {"health": open, "horizon": fixture.moment(999, 630), "horizon_by": "deleted"}, "exercised": set(),
			"unknown": {_doubt("deleted", [30, 630])},
		},
		"the next thing is done": {
			"change": {"health": open, "horizon": fixture.moment(999, 630), "horizon_by": "next"}, "exercised": set(),
			"unknown": set(),
		},
		"perhaps too long": {
			"change": {"health": [object.union(late[0], {"until_not_before_ns": 625 * _s}), late[1]]},
			"exercised": _exercised, "unknown": {_doubt("clock", [30, 631])},
		},
	}
	_judge(fixture.episode(case.change)) == fixture.judgement(set(), case.exercised, case.unknown)
}

test_no_word_on_the_silence_of_an_episode_that_does_not_call_for_it if {
	_judge(fixture.episode({"operations": [], "health": _quiet_until(631, {})})) == _vacuous
}

_again(code, name, seq, times, limit) := {
	"code": code, "seq": seq, "name": name, "got": limit + 1, "want": limit, "from_ns": times[0] * _s,
	"until_ns": times[1] * _s,
}

# The same instance's pod goes at these moments.
_pods(moments, changes) := [fixture.going(at, at, changes) | some at in moments]

test_pods[name] if {
	some name, case in {
		"twice": {"pods": _pods([20, 40], {}), "found": set()},
		"three times": {
			"pods": _pods([20, 40, 1820], {}),
			"found": {_again("pod_replaced_again", "pg-1", {20, 40, 1820}, [20, 1820], 2)},
		},
		"four times": {
			"pods": _pods([20, 40, 60, 80], {}), "found": {
				_again("pod_replaced_again", "pg-1", {20, 40, 60}, [20, 60], 2),
				_again("pod_replaced_again", "pg-1", {40, 60, 80}, [40, 80], 2),
			},
		},
		"three times in a longer time": {"pods": _pods([20, 40, 1821], {}), "found": set()},
		"three times, later": {
			"pods": _pods([20, 2000, 2040, 2060], {}),
			"found": {_again("pod_replaced_again", "pg-1", {2000, 2040, 2060}, [2000, 2060], 2)},
		},
		"three times by eviction": {"pods": _pods([20, 40, 60], {"reason": "EvictionByEvictionAPI"}), "found": set()},
		"three times from a node that is drained": {"pods": _pods([20, 40, 60], {"cordoned": true}), "found": set()},
		"of three instances": {
			"pods": array.concat(
				_pods([20], {}),
				array.concat(_pods([40], {"instance": "pg-2"}), _pods([60], {"instance": "pg-3"})),
			),
			"found": set(),
		},
	}
	_judge(fixture.episode({"pods": case.pods})) == fixture.judgement(case.found, _exercised, set())
}

_claims(moments, changes) := [claim |
	some at in moments
	claim := object.union(
		object.union(fixture.moment(at, at), {
			"volume": "pg-1", "uid": "u", "instance": "pg-1", "role": "PG_DATA", "tablespace": "",
			"request": fixture.gib, "successor": "v", "successor_at": fixture.never, "successor_request": fixture.gib,
		}),
		changes,
	)
]

test_claims[name] if {
	some name, case in {
		"once": {"claims": _claims([40], {}), "found": set()},
		"twice": {
			"claims": _claims([40, 50], {}),
			"found": {_again("claim_replaced_again", "pg-1", {40, 50}, [40, 50], 1)},
		},
		"twice, but it did not come back": {"claims": _claims([40, 50], {"successor": ""}), "found": set()},
		"of two instances": {
			"claims": array.concat(_claims([40], {}), _claims([50], {"volume": "pg-2"})), "found": set(),
		},
	}
	_judge(fixture.episode({"claims": case.claims})) == fixture.judgement(case.found, _exercised, set())
}

# A phase that is entered n times, every 10 s from 30 s on, and left again.
_loop(n) := array.concat(
	array.concat([fixture.unsteady(20, 20, 25, {})], [span |
		some i in numbers.range(1, 2 * n)
		at := 20 + (5 * i)
		phase := ["Creating a new replica", "Waiting for the instances to become active"][i % 2]
		span := fixture.unsteady(100 + i, at, at + 5, {"phase": phase})
	]),
	[fixture.health(200, 5000, 10000, {"last": true})],
)

_looping(n) := _judge(fixture.episode({"health": _loop(n)}))

test_a_loop_that_ends_soon if {
	_looping(10) == fixture.judgement(set(), {{"seq": {20, 21, 200}, "in": "disruption"}}, set())
}

test_a_loop if {
	judged := _looping(11)
	seq := {102, 104, 106, 108, 110, 112, 114, 116, 118, 120, 122}
	judged.violation == {_again("looping", "Creating a new replica", seq, [30, 130], 10)}
}

test_nothing_is_repeated_in_an_episode_that_does_not_call_for_it if {
	_judge(fixture.episode({"operations": [], "claims": _claims([40, 50], {})})) == _vacuous
}
