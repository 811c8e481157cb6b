package assertions.storage_test

import data.assertions.storage as policy
import data.lib.fixture_test as fixture

_s := fixture.second

_gib := fixture.gib

_judge(document) := judged if {
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as document
		with data.params as fixture.params
}

_exercised := {{"seq": {20, 60}, "in": "disruption"}}

_held := fixture.judgement(set(), _exercised, set())

_vacuous := fixture.judgement(set(), set(), set())

# A span of two claims with these requests and capacities (GiB).
_span(seq, at, until, claims) := fixture.span(seq, at, until, {
	"last": until == 10000, "peak": max([c[0] | some c in claims]) * _gib, "low": min([c[0] | some c in claims]) * _gib,
	"capacity": max([c[1] | some c in claims]) * _gib,
	"volumes": [fixture.volume(sprintf("pg-%d", [i + 1]), {"request": c[0] * _gib, "capacity": c[1] * _gib}) |
		some i, c in claims
	],
})

# These claims from 12 s until a moment, and two of 2 GiB from then on.
_until(at, claims) := [_span(12, 12, at, claims), _span(60, at, 10000, [[2, 2], [2, 2]])]

_group(changes) := fixture.episode({"storage": [fixture.group(changes)]})

_judged(spans, changes) := _judge(_group(object.union(changes, {"spans": spans})))

_late(code, times, want, sizes) := {
	"code": code, "seq": {20, 30, 12, 60}, "group": "ns/pg/PG_DATA", "got": (times[1] - times[0]) * _s,
	"want": want * _s, "unit": "ns", "low_bytes": sizes[0] * _gib, "expected_bytes": sizes[1] * _gib,
	"from_ns": times[0] * _s, "until_ns": times[1] * _s,
}

_doubt(reason, code, seq, times) := {
	"reason": reason, "code": code, "seq": seq, "group": "ns/pg/PG_DATA", "from_ns": times[0] * _s,
	"until_ns": times[1] * _s,
}

_violated(finding) := fixture.judgement({finding}, _exercised, set())

_unknown(row) := fixture.judgement(set(), _exercised, {row})

_static := {"statuses": [], "specs": [fixture.spec({"mode": "static", "size": 2 * _gib, "request": 0, "limit": 0})]}

_without_status(spans) := [object.union(span, {"status": -1}) | some span in spans]

test_sizes[name] if {
	some name, case in {
		"as expected": {"spans": _until(60, [[2, 1], [2, 2]]), "want": _held},
		"one is small, until just in time": {"spans": _until(330, [[1, 1], [2, 2]]), "want": _held},
		"one is small for too long": {
			"spans": _until(331, [[1, 1], [2, 2]]),
			"want": _violated(_late("wrong_size", [30, 331], 300, [1, 2])),
		},
		"all are smaller than the effective size for too long": {
			"spans": _until(331, [[1, 1], [1, 1]]),
			"want": _violated(_late("wrong_size", [30, 331], 300, [1, 2])),
		},
	}
	_judged(case.spans, {}) == case.want
}

test_what_is_provided_and_the_limit[name] if {
	some name, case in {
		"one has not what it requests, until just in time": {
			"spans": _until(2430, [[2, 1], [2, 2]]), "want": _held,
		},
		"one has not what it requests for too long": {
			"spans": _until(2431, [[2, 1], [2, 2]]),
			"want": _violated(_late("not_provided", [30, 2431], 2400, [2, 2])),
		},
		"one has more than it requests": {"spans": _until(2431, [[2, 3], [2, 2]]), "want": _held},
		"at the limit": {"spans": [_span(60, 60, 10000, [[4, 4], [4, 4]])], "want": _held},
		"above the limit, just until the order of kinds tells": {
			"spans": _until(32, [[5, 5], [5, 5]]), "want": _held,
		},
		"above the limit": {
			"spans": _until(33, [[5, 5], [5, 5]]),
			"want": _violated(_late("above_limit", [30, 33], 2, [5, 5])),
		},
	}
	_judged(case.spans, {}) == case.want
}

test_limits[name] if {
	above := _until(33, [[5, 5], [5, 5]])
	some name, case in {
		"above a limit that was lowered below it": {
			"spans": above, "change": {"specs": [fixture.spec({"limit_peak": 5 * _gib})]}, "want": _held,
		},
		"above a limit that was lowered not that far": {
			"spans": above, "change": {"specs": [fixture.spec({"limit_peak": 3 * _gib})]},
			"want": _violated(_late("above_limit", [30, 33], 2, [5, 5])),
		},
		"above the limit, as an emergency may": {
			"spans": above, "change": {"specs": [fixture.spec({"exceed_limit": true})]}, "want": _held,
		},
	}
	_judged(case.spans, case.change) == case.want
}

test_static_and_wal[name] if {
	above := _until(33, [[5, 5], [5, 5]])
	small := _until(331, [[1, 1], [1, 1]])
	some name, case in {
		"static and large": {"spans": _without_status(above), "change": _static, "want": _held},
		"static and too small for too long": {
			"spans": _without_status(small), "change": _static,
			"want": _violated(_late("wrong_size", [30, 331], 300, [1, 2])),
		},
		"static volumes of WAL, too small for too long": {
			"spans": _without_status(small), "change": object.union(_static, {"role": "PG_WAL"}),
			"want": _violated(_late("wrong_size", [30, 331], 300, [1, 2])),
		},
		"static, too small, and not to be resized in use": {
			"spans": _without_status(small),
			"change": {"statuses": [], "specs": [object.union(_static.specs[0], {"resize_in_use": false})]}, "want": _held,
		},
		"a single claim": {
			"spans": [_span(12, 12, 331, [[1, 1]]), _span(60, 331, 10000, [[2, 2]])], "change": {},
			"want": _violated(_late("wrong_size", [30, 331], 300, [1, 2])),
		},
		"dynamic volumes of WAL, not provided": {
			"spans": _until(2431, [[2, 1], [2, 2]]), "change": {"role": "PG_WAL"}, "want": _vacuous,
		},
		"dynamic volumes of WAL": {"spans": small, "change": {"role": "PG_WAL"}, "want": _vacuous},
		"smaller than the request of the block": {
			"spans": _without_status(small), "change": {"specs": [fixture.spec({"request": 2 * _gib})]},
			"want": _violated(_late("wrong_size", [30, 331], 300, [1, 2])),
		},
		"as large as the block, without a status": {
			"spans": _without_status(_until(60, [[1, 1], [1, 1]])), "change": {"statuses": []}, "want": _held,
		},
	}
	_judged(case.spans, case.change) == case.want
}

test_no_word_on_a_group_without_claims if {
	span := fixture.span(60, 60, 10000, {"last": true, "volumes": [], "peak": 0, "low": 0, "capacity": 0})
	_judged([span], {}) == _vacuous
}

test_no_word_on_a_group_before_its_block if {
	_judged([object.union(span, {"spec": -1}) | some span in _until(331, [[1, 1], [1, 1]])], {}) == _vacuous
}

test_no_word_on_an_episode_that_does_not_call_for_it if {
	episode := object.union(_group({"spans": _until(331, [[1, 1], [1, 1]])}), {"operations": []})
	_judge(episode) == _vacuous
}

_open(until) := [object.union(_span(12, 12, until, [[1, 1], [2, 2]]), {"last": true})]

_cut(until, by) := object.union(_group({"spans": _open(until)}), {
	"horizon": fixture.moment(999, until), "horizon_by": by,
})

test_sizes_at_the_horizon[name] if {
	some name, case in {
		"the recording ends before": {"by": "trace_end", "reason": {"pending"}},
		"the cluster is deleted before": {"by": "deleted", "reason": {"deleted"}},
		"the next thing is done before": {"by": "next", "reason": set()},
	}
	unknown := {_doubt(reason, "wrong_size", {20, 30, 12, 999}, [30, 330]) | some reason in case.reason}
	_judge(_cut(330, case.by)) == fixture.judgement(set(), set(), unknown)
}

test_sizes_in_doubt[name] if {
	late := _group({"spans": _until(331, [[1, 1], [2, 2]])})
	some name, case in {
		"the claims not seen": {"gap": "persistentvolumeclaims"},
		"the Cluster not seen": {"gap": "clusters"},
	}
	judged := _judge(object.union(late, {"gaps": [fixture.gap(case.gap, 100, 200)]}))
	judged == _unknown(_doubt("gap", "wrong_size", {20, 30, 12, 60}, [30, 331]))
}

test_sizes_with_something_else_not_seen if {
	late := _group({"spans": _until(331, [[1, 1], [2, 2]])})
	judged := _judge(object.union(late, {"gaps": [fixture.gap("pods", 100, 200)]}))
	judged == _violated(_late("wrong_size", [30, 331], 300, [1, 2]))
}

test_sizes_at_uncertain_moments if {
	spans := _until(331, [[1, 1], [2, 2]])
	uncertain := array.concat([object.union(spans[0], {"until_not_before_ns": 325 * _s})], [spans[1]])
	_judged(uncertain, {}) == _unknown(_doubt("clock", "wrong_size", {20, 30, 12, 60}, [30, 331]))
}

test_not_exercised_where_it_is_not_right_in_the_end[name] if {
	some name, case in {
		"too small": {"claims": [[1, 1], [2, 2]], "code": "wrong_size"},
		"not provided": {"claims": [[2, 1], [2, 2]], "code": "not_provided"},
	}
	span := object.union(_span(12, 12, 100, case.claims), {"last": true})
	episode := object.union(_group({"spans": [span]}), {"horizon": fixture.moment(999, 100)})
	_judge(episode) == fixture.judgement(set(), set(), {_doubt("pending", case.code, {20, 30, 12, 999}, [30, 100])})
}
