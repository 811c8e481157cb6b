package behaviour.replica_sizing_test

import data.behaviour.replica_sizing as policy
import data.lib.fixture_test as fixture

_gib := fixture.gib

_s := fixture.second

_judge(changes) := judged if {
	doc := fixture.storage(changes)
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as doc
		with data.params as fixture.params
}

_none := fixture.judgement(set(), set(), set())

_created(changes) := fixture.request(9, 50, object.union(
	{"volume": "pg-4", "how": "created", "from": 0, "to": 2 * _gib, "peak": 2 * _gib, "effective": 2 * _gib},
	changes,
))

_held := object.union(_none, {"exercised": {{"seq": {9}}}})

test_created[name] if {
	some name, case in {
		"after a growth": {"request": {}, "spec": {}, "want": _held},
		"after the smallest growth": {
			"request": {"peak": _gib + 1, "effective": _gib + 1}, "spec": {}, "want": _held,
		},
		"larger from the start": {"request": {"effective": _gib}, "spec": {}, "want": _none},
		"before any growth": {"request": {"peak": _gib}, "spec": {}, "want": _none},
		"not in the trace": {"request": {"how": "listed"}, "spec": {}, "want": _none},
		"beside one other": {"request": {"siblings": 1}, "spec": {}, "want": _held},
		"as the first": {"request": {"siblings": 0}, "spec": {}, "want": _none},
		"of a static group": {"request": {}, "spec": {"mode": "static"}, "want": _none},
	}
	_judge({"requests": [_created(case.request)], "specs": [fixture.spec(case.spec)]}) == case.want
}

test_created_after_a_growth_that_was_seen[name] if {
	some name, case in {
		"a growth": {"seq": 8, "change": {}, "want": _held},
		"a later one": {"seq": 9, "change": {}, "want": _none},
		"a claim that was created": {"seq": 8, "change": {"how": "created"}, "want": _none},
		"a request that was written again": {"seq": 8, "change": {"to": _gib}, "want": _none},
	}
	_judge({"requests": [fixture.request(case.seq, 40, case.change), _created({"effective": 0})]}) == case.want
}

test_a_claim_of_wal_is_not_judged if _judge({"role": "PG_WAL", "requests": [_created({})]}) == _none

# The new volume from 50 s on, as it should be from some time on.
_volume(until, first, span) := {
	"requests": [_created({})],
	"spans": [
		fixture.span(8, 0, 50, {"volumes": [fixture.volume("pg-4", {"actual": -1})]}),
		fixture.span(10, 50, until, object.union(
			{"volumes": [
				fixture.volume("pg-1", {"actual": -1}),
				fixture.volume("pg-4", object.union({"capacity": 2 * _gib}, first)),
			]},
			span,
		)),
		fixture.span(11, until, 10000, {"last": true, "volumes": [fixture.volume("pg-4", {"capacity": 2 * _gib})]}),
	],
}

_found(code, got, want) := object.union(_held, {"violation": {{
	"code": code, "seq": {9, 10}, "volume": "pg-4", "got": got * _s, "want": want * _s, "unit": "ns",
	"from_ns": 50 * _s, "until_ns": (50 + got) * _s,
}}})

_doubt(code, reason, until) := object.union(_held, {"unknown": {{
	"reason": reason, "seq": {9, 999}, "code": code, "from_ns": 50 * _s, "until_ns": until * _s,
}}})

_small := {"capacity": (2 * _gib) - 1}

test_volume[name] if {
	some name, case in {
		"as it should be": {"doc": _volume(5000, {}, {}), "want": _held},
		"too small for a while": {"doc": _volume(650, _small, {}), "want": _held},
		"too small": {"doc": _volume(651, _small, {}), "want": _found("short_capacity", 601, 600)},
		"not told for a while": {"doc": _volume(170, {"actual": -1}, {}), "want": _held},
		"not told": {"doc": _volume(171, {"actual": -1}, {}), "want": _found("not_told", 121, 120)},
		"told to have nothing": {"doc": _volume(171, {"actual": 0}, {}), "want": _held},
		"perhaps too small": {
			"doc": _volume(650, _small, {"not_before_ns": 49 * _s}),
			"want": _doubt("short_capacity", "clock", 650),
		},
		"too small, with a gap": {
			"doc": object.union(_volume(651, _small, {}), {"gaps": [fixture.gap("persistentvolumeclaims", 60, 70)]}),
			"want": _doubt("short_capacity", "gap", 651),
		},
		"not told, with a gap": {
			"doc": object.union(_volume(171, {"actual": -1}, {}), {"gaps": [fixture.gap("clusters", 60, 70)]}),
			"want": _doubt("not_told", "gap", 171),
		},
		"not told, with a gap of pods": {
			"doc": object.union(_volume(171, {"actual": -1}, {}), {"gaps": [fixture.gap("pods", 60, 70)]}),
			"want": _found("not_told", 121, 120),
		},
	}
	_judge(case.doc) == case.want
}

test_what_is_not_over[name] if {
	some name, case in {
		"at the end": {"end": "trace_end", "want": "pending"},
		"when it is deleted": {"end": "deleted", "want": "deleted"},
	}
	spans := array.slice(_volume(100, _small, {"last": true}).spans, 0, 2)
	doc := {"requests": [_created({})], "until": case.end, "spans": spans}
	_judge(doc) == _doubt("short_capacity", case.want, 100)
}
