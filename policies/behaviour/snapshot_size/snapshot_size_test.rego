package behaviour.snapshot_size_test

import data.behaviour.snapshot_size as policy
import data.lib.fixture_test as fixture

_gib := fixture.gib

_judge(document) := judged if {
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as object.union(
		{"snapshots": [], "restored": [], "gaps": []},
		document,
	)
		with data.params as fixture.params
}

_none := fixture.judgement(set(), set(), set())

# A snapshot of a claim that grew from 1 to 2 GiB while it was taken.
_snapshot(changes) := object.union(
	object.union(fixture.moment(10, 100), {
		"snapshot": "s1", "claim": "pg-1", "ready": fixture.moment(20, 200), "restore_size": 2 * _gib,
		"known": true, "low": _gib, "high": 2 * _gib,
	}),
	changes,
)

_exercise := {{"seq": {10, 20}}}

_held := fixture.judgement(set(), _exercise, set())

_wrong(code, got, want) := fixture.judgement(
	{{
		"code": code, "seq": {10, 20}, "got": got, "want": want, "unit": "bytes",
		"snapshot": "s1", "claim": "pg-1",
	}},
	_exercise, set(),
)

_doubt(doubt) := fixture.judgement(set(), set(), {doubt})

test_nothing_is_vacuous if _judge({}) == _none

test_snapshots[name] if {
	some name, case in {
		"of the later size": {"change": {}, "want": _held},
		"of the earlier size": {"change": {"restore_size": _gib}, "want": _held},
		"too small": {
			"change": {"restore_size": _gib - 1}, "want": _wrong("restore_size_below", _gib - 1, _gib),
		},
		"rounded up": {"change": {"restore_size": (3 * _gib) - 1}, "want": _held},
		"too large": {
			"change": {"restore_size": 3 * _gib}, "want": _wrong("restore_size_above", 3 * _gib, 2 * _gib),
		},
		"not ready": {"change": {"ready": fixture.never, "restore_size": 1}, "want": _none},
		"of a claim that nobody saw": {
			"change": {"known": false, "low": 0, "high": 0}, "want": _doubt({"reason": "claim_unseen", "seq": {10}}),
		},
		"without a size": {
			"change": {"restore_size": -1}, "want": _doubt({"reason": "size_unseen", "seq": {10}}),
		},
		"of nothing": {"change": {"restore_size": 0, "low": 0}, "want": _held},
	}
	_judge({"snapshots": [_snapshot(case.change)]}) == case.want
}

test_gaps[name] if {
	some name, case in {
		"of claims": {"gap": fixture.gap("persistentvolumeclaims", 150, 160), "unclear": true},
		"of snapshots": {"gap": fixture.gap("volumesnapshots", 150, 160), "unclear": true},
		"of pods": {"gap": fixture.gap("pods", 150, 160), "unclear": false},
		"before": {"gap": fixture.gap("volumesnapshots", 90, 100), "unclear": false},
		"after": {"gap": fixture.gap("volumesnapshots", 200, 210), "unclear": false},
	}
	judged := _judge({"snapshots": [_snapshot({"restore_size": 1})], "gaps": [case.gap]})
	judged.unknown == {row |
		case.unclear
		row := {"reason": "gap", "code": "restore_size_below", "seq": {10, 20}}
	}
	count(judged.violation) == 1 - count(judged.unknown)
}

test_restored_claims[name] if {
	some name, case in {
		"equal": {"request": _gib, "want": set()},
		"larger": {"request": 2 * _gib, "want": set()},
		"smaller": {
			"request": _gib - 1,
			"want": {{
				"code": "restored_below", "seq": {30}, "got": _gib - 1, "want": _gib, "unit": "bytes",
				"snapshot": "s1", "claim": "pg-3",
			}},
		},
	}
	_judge({"restored": [{
		"seq": 30, "volume": "pg-3", "snapshot": "s1", "request": case.request, "restore_size": _gib,
	}]}) == fixture.judgement(case.want, {{"seq": {30}}}, set())
}
