# Cases that tell a policy from its mutants; see docs/policy-strength.md.
package invariants.status_coherence_test

import data.lib.fixture_test as fixture

# A run of two spans, so that its first and its last event are two.
_two_spans(status, volume) := fixture.storage({
	"statuses": [fixture.grown(2, 10, status)],
	"spans": [span |
		some moments in [[4, 10, 40], [5, 40, 71]]
		span := fixture.span(moments[0], moments[1], moments[2], {
			"peak": 2 * _gib, "capacity": 2 * _gib,
			"volumes": [fixture.volume("pg-1", object.union(
				{
					"request": 2 * _gib, "capacity": 2 * _gib, "actual": 2 * _gib,
				},
				volume,
			))],
		})
	],
})

test_evidence_of_a_run[name] if {
	some name, case in {
		"of a level": {
			"status": {"state": "Emergency"}, "volume": {}, "window": [], "code": "state_stale", "seq": {2, 4, 5},
		},
		"of an actual size": {
			"status": {}, "volume": {"actual": _gib}, "window": [], "code": "actual_off", "seq": {4, 5},
		},
		"of a wait": {
			"status": {"state": "PendingGrowth"}, "volume": {},
			"window": [{"opens_ns": 0, "closes_ns": 9999 * _s}], "code": "pending_unexplained", "seq": {4, 5},
		},
	}
	document := object.union(_two_spans(case.status, case.volume), {"windows": case.window})
	judged := _judge(document)
	{[finding.code, finding.seq] | some finding in judged.violation} == {[case.code, case.seq]}
}

test_sizes_of_volumes[name] if {
	some name, case in {
		"a capacity that was rounded up": {"volume": {"request": _gib}, "want": set()},
		"a capacity of one byte": {"volume": {"capacity": 1, "actual": 2}, "want": {1}},
	}
	judged := _judge(_two_spans({}, case.volume))
	{finding.want | some finding in judged.violation; finding.code == "actual_off"} == case.want
}

test_a_status_without_an_action_overtakes_nothing if {
	_judge(fixture.storage({
		"requests": [fixture.request(9, 50, {})],
		"statuses": _pair(fixture.status(5, 51, {"action_from": 2 * _gib})),
	})) == _missing(0)
}

test_a_size_that_a_volume_has_just_now_may_be_left if {
	_judge(fixture.storage({
		"statuses": _pair(fixture.grown(5, 50, {"action_from": 3 * _gib})),
		"spans": [
			fixture.span(6, 0, 50, {"spec": -1}),
			fixture.span(7, 50, 9999, {"spec": -1, "volumes": [fixture.volume("pg-1", {"capacity": 3 * _gib})]}),
		],
	})) == _none
}

# The group grows at 50 s with the event that begins the span; the budget counts nothing.
test_the_budget_counts_the_growth_of_this_span_and_day[name] if {
	some name, case in {
		"just begun": {"seq": 9, "until": 9000, "want": {1}},
		"a day ago": {"seq": 10, "until": 50 + 86400, "want": set()},
		"a second less than a day ago": {"seq": 10, "until": (50 + 86400) - 1, "want": {1}},
	}
	judged := _judge(fixture.storage({
		"until_ns": 100000 * _s,
		"specs": [fixture.spec({"until_ns": 100000 * _s})],
		"requests": [fixture.request(9, 50, {})],
		"statuses": [fixture.grown(5, 51, {"actions": 0, "planned": 3})],
		"spans": [fixture.span(case.seq, 50, case.until, {"peak": 2 * _gib, "volumes": [
			fixture.volume("pg-1", {"request": 2 * _gib}),
		]})],
	}))
	{finding.want | some finding in judged.violation; finding.code == "budget_undercount"} == case.want
}

test_effective_sizes[name] if {
	some name, case in {
		"of one byte": {"status": {"effective": 1}, "spec": {}, "want": {1}},
		"behind a block that the same event brought": {
			"status": {"effective": _gib, "action_to": _gib}, "spec": {"seq": 5, "request": 2 * _gib}, "want": set(),
		},
	}
	judged := _judge(object.union(_two_spans(case.status, {}), {"specs": [fixture.spec(case.spec)]}))
	{finding.got | some finding in judged.violation; finding.code == "effective_off"} == case.want
}

test_an_overspent_budget_has_nothing_left if {
	judged := _judge(object.union(
		_two_spans({"actions": 3, "planned": 1, "emergency": 1}, {}),
		{"specs": [fixture.spec({"max_actions": 2})]},
	))
	{finding.got | some finding in judged.violation; finding.code == "budget_off"} == {5}
}

# PendingGrowth from 10 s to the end of the recording.
test_waits_at_the_end[name] if {
	some name, case in {
		"shorter than may be": {"until": 40, "opens": 0, "violations": 0, "unknown": {"pending"}},
		"longer than may be": {"until": 71, "opens": 0, "violations": 1, "unknown": set()},
		"in a window that opens only then": {"until": 71, "opens": 71, "violations": 0, "unknown": set()},
		"in a window that opens only later": {"until": 71, "opens": 80, "violations": 0, "unknown": set()},
	}
	judged := _judge(fixture.storage({
		"until_ns": case.until * _s,
		"statuses": [fixture.grown(2, 10, {"state": "PendingGrowth"})],
		"windows": [{"opens_ns": case.opens * _s, "closes_ns": 9999 * _s}],
		"spans": [fixture.span(4, 10, case.until, {
			"last": true, "peak": 2 * _gib, "volumes": [fixture.volume("pg-1", {
				"request": 2 * _gib, "capacity": 2 * _gib, "actual": 2 * _gib,
			})],
		})],
	}))
	count(judged.violation) == case.violations
	{row.reason | some row in judged.unknown} == case.unknown
}
