package invariants.idempotency_test

import data.invariants.idempotency as policy
import data.lib.fixture_test as fixture

_s := fixture.second

_gib := fixture.gib

_judge(document) := judged if {
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as document
		with data.params as fixture.params
}

_none := fixture.judgement(set(), set(), set())

_held := fixture.judgement(set(), {{"seq": {10, 20}}}, set())

_violated(finding) := object.union(_none, {"violation": {finding}})

_operation(changes) := object.union(
	{
		"begin": fixture.moment(10, 10), "begin_known": true, "from": _gib, "target": 2 * _gib, "closed": true,
		"closed_by": "capacity", "end": fixture.moment(20, 20), "steps": [],
	},
	changes,
)

# An expansion that is completed at 20 s.
test_exercised[name] if {
	some name, case in {
		"watched long enough": {"change": {"until_ns": 50 * _s}, "want": _held},
		"not watched long enough": {"change": {"until_ns": 49 * _s}, "want": _none},
		"not completed": {
			"change": {"operations": [_operation({"closed": false, "closed_by": "", "end": fixture.never})]},
			"want": _none,
		},
		"completed by the loss of a volume": {
			"change": {"operations": [_operation({"closed_by": "volume_left"})]}, "want": _none,
		},
		"of static volumes": {"change": {"specs": [fixture.spec({"mode": "static"})]}, "want": _held},
		"of WAL volumes": {"change": {"role": "PG_WAL"}, "want": _none},
		"with a gap": {
			"change": {"gaps": [fixture.gap("pods", 30, 40)]},
			"want": object.union(_held, {"unknown": {{"reason": "gap", "seq": {901, 902}}}}),
		},
	}
	_judge(fixture.storage(object.union({"operations": [_operation({})]}, case.change))) == case.want
}

test_a_gap_with_nothing_to_judge if {
	_judge(fixture.storage({"gaps": [fixture.gap("pods", 30, 40)]})) == _none
}

_repeated(seq, got) := _violated({
	"code": "action_repeated", "seq": {5, seq}, "got": got, "want": 2 * _gib, "unit": "bytes",
	"kind": "EmergencyGrow",
})

# An action to 2 GiB, then another status.
test_actions[name] if {
	some name, case in {
		"the same action, seen again": {"first": {}, "then": fixture.grown(6, 50, {"state": "Emergency"}), "want": _none},
		"a further action": {"first": {}, "then": fixture.grown(6, 90, {"action_to": 3 * _gib}), "want": _none},
		"an action to the same size": {"first": {}, "then": fixture.grown(6, 90, {}), "want": _repeated(6, 2 * _gib)},
		"an action to a smaller size": {
			"first": {}, "then": fixture.grown(6, 90, {"action_to": _gib}), "want": _repeated(6, _gib),
		},
		"another try after a failure": {
			"first": {"action_result": "Failed"}, "then": fixture.grown(6, 90, {}), "want": _none,
		},
		"no action any more": {"first": {}, "then": fixture.status(6, 90, {}), "want": _none},
		"a corrected size of the same action": {
			"first": {}, "then": fixture.grown(6, 50, {"action_to": _gib}), "want": _none,
		},
	}
	_judge(fixture.storage({"statuses": [
		fixture.status(4, 40, {}),
		fixture.grown(5, 50, case.first),
		case.then,
	]})) == case.want
}

test_actions_of_wal_are_not_judged if {
	_judge(fixture.storage({
		"role": "PG_WAL", "statuses": [fixture.grown(5, 50, {}), fixture.grown(6, 90, {})],
	})) == _none
}

_request_repeated := _violated({
	"code": "request_repeated", "seq": {7, 9}, "volume": "pg-1", "got": 2 * _gib, "want": _gib, "unit": "bytes",
})

# A claim that requested 2 GiB before requests 2 GiB again.
test_requests[name] if {
	some name, case in {
		"of one claim": {"first": {}, "again": {}, "want": _request_repeated},
		"of another claim of the name": {"first": {"uid": "u0"}, "again": {}, "want": _none},
		"of another size": {"first": {"to": 5 * _gib}, "again": {}, "want": _none},
		"by shrinking, which is none of this": {"first": {}, "again": {"from": 3 * _gib}, "want": _none},
		"without a difference": {"first": {}, "again": {"from": 2 * _gib}, "want": _none},
		"in other words": {"first": {}, "again": {"how": "rewritten", "from": 2 * _gib}, "want": _violated({
			"code": "patch_repeated", "seq": {9}, "volume": "pg-1",
			"got": 2 * _gib, "want": 2 * _gib, "unit": "bytes",
		})},
	}
	_judge(fixture.storage({"requests": [
		fixture.request(7, 10, case.first),
		fixture.request(8, 20, {"to": 3 * _gib, "from": 2 * _gib}),
		fixture.request(9, 30, case.again),
	]})) == case.want
}

test_requests_of_wal_are_not_judged[how] if {
	some how in ["changed", "rewritten"]
	requests := [fixture.request(7, 10, {}), fixture.request(9, 30, {"how": how})]
	_judge(fixture.storage({"role": "PG_WAL", "requests": requests})) == _none
}

test_the_last_of_several_is_named if {
	requests := [fixture.request(5, 5, {}), fixture.request(7, 10, {}), fixture.request(9, 30, {})]
	{finding.seq | some finding in _judge(fixture.storage({"requests": requests})).violation} == {{5, 7}, {7, 9}}
}

_touch(seq, at, name) := object.union(fixture.moment(seq, at), {"volume": name})

_touched(seq) := _violated({
	"code": "patch_repeated", "seq": seq, "volume": "pg-1", "got": count(seq), "want": 1,
})

test_touches[name] if {
	some name, case in {
		"one": {"touches": [_touch(5, 0, "pg-1")], "want": _none},
		"two": {"touches": [_touch(5, 0, "pg-1"), _touch(6, 600, "pg-1")], "want": _touched({5, 6})},
		"two far apart": {"touches": [_touch(5, 0, "pg-1"), _touch(6, 601, "pg-1")], "want": _none},
		"two of two claims": {"touches": [_touch(5, 0, "pg-1"), _touch(6, 1, "pg-2")], "want": _none},
		"the first window of several": {
			"touches": [
				_touch(5, 0, "pg-1"), _touch(6, 1000, "pg-1"),
				_touch(7, 1300, "pg-1"), _touch(8, 1600, "pg-1"), _touch(9, 1601, "pg-1"),
			],
			"want": _touched({6, 7, 8}),
		},
	}
	_judge(fixture.storage({"touches": case.touches})) == case.want
}

test_touches_of_wal_are_not_judged if {
	_judge(fixture.storage({"role": "PG_WAL", "touches": [_touch(5, 0, "pg-1"), _touch(6, 1, "pg-1")]})) == _none
}

# Lives of a pod that begin at these moments; all but the last one leave.
_pods(moments, changes) := [pod |
	some i, at in moments
	pod := object.union(
		object.union(fixture.moment(10 + i, at), {
			"pod": "pg-2", "uid": sprintf("p%d", [i]), "instance": "pg-2", "created": i > 0,
			"left": i < (count(moments) - 1), "left_seq": 0, "left_ns": 0, "cordoned": false,
		}),
		changes,
	)
]

_pod_replaced := _violated({
	"code": "pod_replaced_repeatedly", "seq": {11, 12, 13}, "instance": "pg-2", "got": 3, "want": 2,
})

test_pods[name] if {
	some name, case in {
		"replaced twice": {"role": "PG_DATA", "pods": _pods([0, 10, 20], {}), "want": _none},
		"replaced three times": {"role": "PG_DATA", "pods": _pods([0, 10, 20, 1810], {}), "want": _pod_replaced},
		"replaced three times in a longer time": {
			"role": "PG_DATA", "pods": _pods([0, 10, 20, 1811], {}), "want": _none,
		},
		"from cordoned nodes": {
			"role": "PG_DATA", "pods": _pods([0, 10, 20, 30], {"cordoned": true}), "want": _none,
		},
		"that did not leave": {"role": "PG_DATA", "pods": _pods([0, 10, 20, 30], {"left": false}), "want": _none},
		"told of once, with the data volumes": {
			"role": "PG_TABLESPACE", "pods": _pods([0, 10, 20, 30], {}), "want": _none,
		},
	}
	_judge(fixture.storage({"role": case.role, "pods": case.pods})) == case.want
}

# Claims that were created and destroyed at these moments; 0 means that it stayed.
_volumes(lives) := [volume |
	some i, life in lives
	volume := object.union(fixture.moment(10 * i, life[0]), {
		"volume": "pg-2", "uid": sprintf("v%d", [i]), "instance": life[2], "created": true,
		"left": life[1] > 0, "left_seq": (10 * i) + 5, "left_ns": life[1] * _s,
	})
]

_volume_replaced := _violated({"code": "volume_replaced_repeatedly", "seq": {5, 15}, "got": 2, "want": 1})

test_volumes[name] if {
	some name, case in {
		"replaced once": {
			"lives": [[0, 10, "pg-2"], [20, 0, "pg-2"]], "specs": [fixture.spec({})], "pods": [], "want": _none,
		},
		"replaced twice": {
			"lives": [[0, 10, "pg-2"], [20, 1810, "pg-2"], [1900, 0, "pg-2"]],
			"specs": [fixture.spec({})], "pods": [], "want": _volume_replaced,
		},
		"replaced twice in a longer time": {
			"lives": [[0, 10, "pg-2"], [20, 1811, "pg-2"], [1900, 0, "pg-2"]],
			"specs": [fixture.spec({})], "pods": [], "want": _none,
		},
		"destroyed, and not replaced": {
			"lives": [[0, 10, "pg-2"], [5, 30, "pg-3"]], "specs": [fixture.spec({})], "pods": [], "want": _none,
		},
		"scaled down and up": {
			"lives": [[0, 10, "pg-2"], [20, 30, "pg-2"], [40, 0, "pg-2"]],
			"specs": [fixture.spec({}), fixture.spec({"instances": 2})], "pods": [], "want": _none,
		},
		"replaced twice, another one drained": {
			"lives": [[0, 10, "pg-3"], [20, 30, "pg-3"], [40, 0, "pg-3"]],
			"specs": [fixture.spec({})], "pods": _pods([0], {"cordoned": true}), "want": _volume_replaced,
		},
		"replaced twice, its node not cordoned": {
			"lives": [[0, 10, "pg-2"], [20, 30, "pg-2"], [40, 0, "pg-2"]],
			"specs": [fixture.spec({})], "pods": _pods([0], {}), "want": _volume_replaced,
		},
		"drained": {
			"lives": [[0, 10, "pg-2"], [20, 30, "pg-2"], [40, 0, "pg-2"]],
			"specs": [fixture.spec({})], "pods": _pods([0], {"cordoned": true}), "want": _none,
		},
	}
	_judge(fixture.storage({
		"volumes": _volumes(case.lives), "specs": case.specs, "pods": case.pods,
	})) == case.want
}

test_volumes_of_wal_are_not_judged if {
	_judge(fixture.storage({
		"role": "PG_WAL", "volumes": _volumes([[0, 10, "pg-2"], [20, 30, "pg-2"], [40, 0, "pg-2"]]),
	})) == _none
}
