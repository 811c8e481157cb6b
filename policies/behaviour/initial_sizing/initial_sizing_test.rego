package behaviour.initial_sizing_test

import data.behaviour.initial_sizing as policy
import data.lib.fixture_test as fixture

_gib := fixture.gib

_s := fixture.second

_judge(changes) := judged if {
	doc := fixture.storage(changes)
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as doc
		with data.params as fixture.params
}

_none := fixture.judgement(set(), set(), set())

_first(changes) := fixture.request(9, 50, object.union(
	{"how": "created", "from": 0, "to": _gib, "peak": 0, "siblings": 0},
	changes,
))

_held := object.union(_none, {"exercised": {{"seq": {1, 9}}}})

_larger := object.union(_held, {"violation": {{
	"code": "above_request", "seq": {1, 9}, "volume": "pg-1", "got": _gib + 1, "want": _gib, "unit": "bytes",
}}})

_doubt(reason) := object.union(_held, {"unknown": {{"reason": reason, "seq": {9}}}})

test_first_claim[name] if {
	some name, case in {
		"at request": {"request": {}, "spec": {}, "want": _held},
		"a byte larger": {"request": {"to": _gib + 1}, "spec": {}, "want": _larger},
		"smaller, which is judged elsewhere": {"request": {"to": _gib - 1}, "spec": {}, "want": _held},
		"not created in the trace": {"request": {"to": _gib + 1, "how": "listed"}, "spec": {}, "want": _none},
		"restored from a snapshot": {"request": {"to": _gib + 1, "restored": true}, "spec": {}, "want": _none},
		"beside others": {"request": {"to": _gib + 1, "siblings": 1}, "spec": {}, "want": _none},
		"after a growth": {"request": {"to": _gib + 1, "effective": _gib}, "spec": {}, "want": _none},
		"static": {"request": {"to": _gib + 1}, "spec": {"mode": "static"}, "want": _none},
	}
	_judge({"requests": [_first(case.request)], "specs": [fixture.spec(case.spec)]}) == case.want
}

test_a_claim_of_wal_is_not_judged if {
	_judge({"role": "PG_WAL", "requests": [_first({"to": _gib + 1})]}) == _none
}

test_a_claim_that_replaces_the_only_one_is_not_the_first if {
	_judge({"requests": [
		fixture.request(8, 40, {"how": "listed"}),
		_first({"to": _gib + 1}),
	]}) == _none
}

test_blocks[name] if {
	some name, case in {
		"one is larger": {"requests": [1, 2], "want": _doubt("order_uncertain")},
		"none is larger": {"requests": [2, 2], "want": _held},
		"both are smaller": {
			"requests": [0.5, 1],
			"want": object.union(_none, {
				"exercised": {{"seq": {1, 9}}},
				"violation": {{
					"code": "above_request", "seq": {4, 9}, "volume": "pg-1", "got": 2 * _gib, "want": _gib, "unit": "bytes",
				}},
			}),
		},
	}
	specs := [
		fixture.spec({"request": case.requests[0] * _gib, "until_ns": 50 * _s}),
		fixture.spec({"seq": 4, "ns": 50 * _s, "request": case.requests[1] * _gib}),
	]
	_judge({"requests": [_first({"to": 2 * _gib})], "specs": specs}) == case.want
}

test_without_a_block if {
	_judge({"requests": [_first({})], "specs": []}) == object.union(_none, {"unknown": {{
		"reason": "spec_unknown", "seq": {9},
	}}})
}

# The claim was created at 50 s; events of other kinds may be 5 s apart.
test_gaps[name] if {
	some name, case in {
		"while it was created": {"gap": fixture.gap("clusters", 40, 60), "to": _gib + 1, "want": _doubt("gap")},
		"of claims": {"gap": fixture.gap("persistentvolumeclaims", 40, 60), "to": _gib + 1, "want": _doubt("gap")},
		"of pods": {"gap": fixture.gap("pods", 40, 60), "to": _gib + 1, "want": _larger},
		"just before": {"gap": fixture.gap("clusters", 40, 45), "to": _gib + 1, "want": _larger},
		"almost then": {"gap": fixture.gap("clusters", 40, 46), "to": _gib + 1, "want": _doubt("gap")},
		"just after": {"gap": fixture.gap("clusters", 55, 60), "to": _gib + 1, "want": _larger},
		"almost after": {"gap": fixture.gap("clusters", 54, 60), "to": _gib + 1, "want": _doubt("gap")},
		"where nothing is wrong": {"gap": fixture.gap("clusters", 40, 60), "to": _gib, "want": _held},
	}
	_judge({"requests": [_first({"to": case.to})], "gaps": [case.gap]}) == case.want
}
