package invariants.replica_consistency_test

import data.invariants.replica_consistency as policy
import data.lib.fixture_test as fixture

_s := fixture.second

_gib := fixture.gib

_judge(document) := judged if {
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as document
		with data.params as fixture.params
}

_none := fixture.judgement(set(), set(), set())

_held := fixture.judgement(set(), {{"seq": {9}}}, set())

_off(got, want) := object.union(_held, {"violation": {{
	"code": "created_off_size", "seq": {9}, "volume": "pg-4", "got": got, "want": want, "unit": "bytes",
}}})

_doubt(judged, reason, seq) := object.union(judged, {"unknown": {{"reason": reason, "seq": seq}}})

# A claim created at 50 s beside others of 2 GiB.
_created(changes) := fixture.request(9, 50, object.union(
	{
		"volume": "pg-4", "how": "created", "from": 0, "peak": 2 * _gib, "siblings": 3,
	},
	changes,
))

test_created[name] if {
	some name, case in {
		"at the size of the others": {"request": {}, "spec": {}, "want": _held},
		"at the bootstrap size": {"request": {"to": _gib}, "spec": {}, "want": _off(_gib, 2 * _gib)},
		"above the others": {"request": {"to": 3 * _gib}, "spec": {}, "want": _off(3 * _gib, 2 * _gib)},
		"at the effective size": {
			"request": {"to": 3 * _gib, "effective": 3 * _gib}, "spec": {}, "want": _held,
		},
		"at the size that the block asks for now": {
			"request": {"to": 3 * _gib}, "spec": {"request": 3 * _gib}, "want": _held,
		},
		"at the size that the block asks for, which the others have": {
			"request": {}, "spec": {"request": 2 * _gib}, "want": _held,
		},
		"at the static size": {
			"request": {"to": 3 * _gib}, "spec": {"mode": "static", "request": 0, "size": 3 * _gib}, "want": _held,
		},
		"as the first of its group": {
			"request": {"to": _gib, "siblings": 0, "peak": 0}, "spec": {}, "want": _none,
		},
		"before the recording": {"request": {"to": _gib, "how": "listed"}, "spec": {}, "want": _none},
		"without any size": {"request": {"to": 0, "peak": 0}, "spec": {"request": 0}, "want": _off(0, 0)},
	}
	_judge(fixture.storage({
		"specs": [fixture.spec(case.spec)], "requests": [_created(case.request)],
	})) == case.want
}

test_wal_is_judged_in_static_mode_only[name] if {
	some name, case in {
		"dynamic": {"spec": {}, "want": _none},
		"static": {"spec": {"mode": "static", "request": 0, "size": 2 * _gib}, "want": _off(_gib, 2 * _gib)},
	}
	_judge(fixture.storage({
		"role": "PG_WAL", "specs": [fixture.spec(case.spec)], "requests": [_created({"to": _gib})],
	})) == case.want
}

# The others grow from 1 to 2 GiB at a moment; the new claim, of 1 GiB, comes at 50 s.
test_created_while_the_others_grow[name] if {
	some name, case in {
		"at about the same time": {"at": 49, "want": _held},
		"long after": {"at": 48, "want": _off(_gib, 2 * _gib)},
	}
	others := [fixture.volume("pg-1", {"request": 2 * _gib}), fixture.volume("pg-4", {"request": 9 * _gib})]
	_judge(fixture.storage({
		"requests": [_created({"to": _gib})], "statuses": [fixture.status(2, 0, {})],
		"spans": [
			fixture.span(3, 0, case.at, {}),
			fixture.span(4, case.at, 10000, {"volumes": others, "spec": -1, "status": 0}),
		],
	})) == case.want
}

test_created_when_the_status_changes[name] if {
	some name, case in {
		"at about the same time": {"at": 52, "want": _held},
		"long before": {"at": 53, "want": _off(3 * _gib, 2 * _gib)},
	}
	_judge(fixture.storage({
		"requests": [_created({"to": 3 * _gib})],
		"statuses": [fixture.grown(2, case.at, {"effective": 3 * _gib})],
		"spans": [fixture.span(4, case.at, 10000, {"spec": -1})],
	})) == case.want
}

test_created_in_a_gap[name] if {
	some name, case in {
		"of claims": {"gap": fixture.gap("persistentvolumeclaims", 40, 50), "want": _doubt(_held, "gap", {9})},
		"before": {"gap": fixture.gap("persistentvolumeclaims", 30, 40), "want": _off(_gib, 2 * _gib)},
		"after": {"gap": fixture.gap("persistentvolumeclaims", 50, 60), "want": _off(_gib, 2 * _gib)},
		"of pods": {"gap": fixture.gap("pods", 40, 50), "want": _off(_gib, 2 * _gib)},
	}
	_judge(fixture.storage({
		"requests": [object.union(_created({"to": _gib}), {"not_before_ns": 40 * _s})], "gaps": [case.gap],
	})) == case.want
}

test_created_at_the_right_size_in_a_gap if {
	request := object.union(_created({}), {"not_before_ns": 40 * _s})
	_judge(fixture.storage({
		"requests": [request], "gaps": [fixture.gap("persistentvolumeclaims", 40, 50)],
	})) == _held
}

test_no_block_is_a_doubt if {
	_judge(fixture.storage({"specs": [], "requests": [_created({})]})) == _doubt(_none, "spec_unknown", {9})
}

test_no_block_matters_only_for_new_replicas[name] if {
	some name, change in {"listed": {"how": "listed"}, "the first": {"siblings": 0}}
	_judge(fixture.storage({"specs": [], "requests": [_created(change)]})) == _none
}

_volumes(changes) := [
	fixture.volume("pg-1", {"request": 2 * _gib}),
	fixture.volume("pg-2", changes),
]

_spans(until, last, changes) := [
	fixture.span(3, 0, 10, {}),
	fixture.span(4, 10, until, {"last": last, "peak": 2 * _gib, "volumes": _volumes(changes)}),
	fixture.span(5, until, 10000, {"last": true}),
]

_evened := fixture.judgement(set(), {{"seq": {4, 5}}}, set())

_diverged(judged) := object.union(judged, {"violation": {{
	"code": "diverged", "seq": {4}, "volume": "pg-2", "got": _gib, "want": 2 * _gib, "unit": "bytes",
}}})

# The requests of two volumes are different from 10 s on.
test_different_requests[name] if {
	some name, case in {
		"for as long as may be": {"until": 310, "claim": {}, "spec": {}, "want": _evened},
		"for too long": {"until": 311, "claim": {}, "spec": {}, "want": _diverged(_evened)},
		"one is detached": {"until": 311, "claim": {"status": "detached"}, "spec": {}, "want": _none},
		"volumes in use are not resized": {
			"until": 311, "claim": {}, "spec": {"resize_in_use": false}, "want": _none,
		},
		"no block": {"until": 311, "claim": {}, "spec": {"mode": "none"}, "want": _none},
		"static": {"until": 311, "claim": {}, "spec": {"mode": "static"}, "want": _diverged(_evened)},
	}
	_judge(fixture.storage({
		"specs": [fixture.spec(case.spec)], "spans": _spans(case.until, false, case.claim),
	})) == case.want
}

test_different_requests_at_the_end[name] if {
	some name, case in {
		"of the recording": {"until": 310, "end": "trace_end", "want": _doubt(_none, "pending", {4, 999})},
		"of the cluster": {"until": 310, "end": "deleted", "want": _doubt(_none, "deleted", {4, 999})},
		"for too long": {"until": 311, "end": "trace_end", "want": _diverged(_none)},
	}
	_judge(fixture.storage({
		"until": case.end, "spans": array.slice(_spans(case.until, true, {}), 0, 2),
	})) == case.want
}

test_different_requests_at_uncertain_moments if {
	spans := _spans(311, false, {})
	second := object.union(spans[1], {"until_not_before_ns": 310 * _s})
	_judge(fixture.storage({"spans": [spans[0], second, spans[2]]})) == _doubt(_evened, "clock", {4, 999})
}

test_a_gap_may_hide_a_difference[name] if {
	some name, case in {
		"long": {"gap": fixture.gap("persistentvolumeclaims", 400, 701), "want": _doubt(_held, "gap", {901, 902})},
		"as long as may be": {"gap": fixture.gap("persistentvolumeclaims", 400, 700), "want": _held},
		"of clusters": {"gap": fixture.gap("clusters", 400, 701), "want": _held},
	}
	_judge(fixture.storage({"requests": [_created({})], "gaps": [case.gap]})) == case.want
}

test_a_gap_with_nothing_to_judge if {
	_judge(fixture.storage({"gaps": [fixture.gap("persistentvolumeclaims", 400, 900)]})) == _none
}
