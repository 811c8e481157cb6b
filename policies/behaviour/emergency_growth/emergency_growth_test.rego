package behaviour.emergency_growth_test

import data.behaviour.emergency_growth as policy
import data.lib.fixture_test as fixture

_gib := fixture.gib

_s := fixture.second

_judge(changes) := judged if {
	doc := fixture.pressure(changes)
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as doc
		with data.params as fixture.params
}

_none := fixture.judgement(set(), set(), set())

# Critical from 10 s on; from 100 s on growth is late.
_critical(until, span, changes) := object.union(
	{
		"samples": [fixture.sample(3, 10, 96, {})],
		"spans": [
			fixture.pressure_span(5, 10, until, span),
			fixture.pressure_span(8, until, 10000, {"last": true, "open": true, "peak": 2 * _gib}),
		],
	},
	changes,
)

_spec(changes) := {"specs": [fixture.pressure_spec(changes)]}

_budget(planned, emergency) := {"statuses": [fixture.pressure_status(2, 0, {
	"planned": planned, "emergency": emergency,
})]}

_seen := {"exercised": {{"seq": {5, 8}}}}

_seen_disrupted := {"exercised": {{"seq": {5, 8}}, {"seq": {5, 8}, "in": "disruption"}}}

_late := object.union(_seen, {"violation": {{
	"code": "not_grown", "seq": {3, 5}, "got": 91 * _s, "want": 90 * _s, "unit": "ns",
	"from_ns": 10 * _s, "until_ns": 101 * _s, "size_bytes": _gib,
}}})

_doubt(reason, until) := {"unknown": {{
	"reason": reason, "seq": {5, 999}, "code": "not_grown", "from_ns": 10 * _s, "until_ns": until * _s,
}}}

test_growth[name] if {
	some name, case in {
		"in time": {"doc": _critical(100, {}, {}), "want": _seen},
		"too late": {"doc": _critical(101, {}, {}), "want": _late},
		"not critical": {"doc": _critical(500, {}, {"samples": [fixture.sample(3, 10, 90, {})]}), "want": {}},
		"the window is closed": {"doc": _critical(101, {"window_open": false}, {}), "want": _late},
		"it is disabled": {"doc": _critical(500, {}, _spec({"emergency_enabled": false})), "want": {}},
		"not to be resized in use": {"doc": _critical(500, {}, _spec({"resize_in_use": false})), "want": {}},
		"it grows already": {"doc": _critical(500, {"open": true}, {}), "want": {}},
		"at limit": {"doc": _critical(500, {}, _spec({"limit": _gib})), "want": {}},
	}
	_judge(case.doc) == object.union(_none, case.want)
}

test_growth_by_what_is_left[name] if {
	some name, case in {
		"just below limit": {"doc": _critical(101, {}, _spec({"limit": _gib + 1})), "want": _late},
		"at a limit that may be exceeded": {
			"doc": _critical(101, {}, _spec({"limit": _gib, "exceed_limit": true})), "want": _late,
		},
		"with the reserve": {"doc": _critical(101, {}, _budget(0, 1)), "want": _late},
		"with nothing left": {"doc": _critical(500, {}, _budget(0, 0)), "want": {}},
		"while something is broken": {"doc": _critical(100, {"disrupted": true}, {}), "want": _seen_disrupted},
		"too late, as something is broken": {
			"doc": _critical(101, {"disrupted": true}, {}),
			"want": object.union(_seen_disrupted, _doubt("disrupted", 101)),
		},
		"too late, with a gap": {
			"doc": _critical(101, {}, {"gaps": [fixture.gap("clusters", 50, 60)]}),
			"want": object.union(_seen, _doubt("gap", 101)),
		},
		"perhaps too late": {
			"doc": _critical(100, {"not_before_ns": 9 * _s}, {}),
			"want": object.union(_seen, {"unknown": {{
				"reason": "clock", "seq": {5, 999}, "code": "not_grown", "from_ns": 10 * _s, "until_ns": 100 * _s,
			}}}),
		},
		"too late, by an old sample": {
			"doc": _critical(500, {}, {"samples": [fixture.sample(3, 10, 96, {"last_ns": 10 * _s})]}),
			"want": object.union(_seen, _doubt("no_usage", 500)),
		},
		"of WAL": {"doc": _critical(500, {}, {"role": "PG_WAL"}), "want": {}},
	}
	_judge(case.doc) == object.union(_none, case.want)
}

test_what_is_not_over[name] if {
	some name, case in {
		"at the end": {"end": "trace_end", "want": "pending"},
		"when it is deleted": {"end": "deleted", "want": "deleted"},
	}
	doc := _critical(60, {}, {"until": case.end, "spans": [fixture.pressure_span(5, 10, 60, {"last": true})]})
	_judge(doc) == object.union(_none, _doubt(case.want, 60))
}

# Emergency growth at 100 s, with 96 % used.
_grown(from, to, changes) := object.union(
	{
		"samples": [fixture.sample(5, 10, 96, {})],
		"requests": [fixture.request(9, 100, {"from": from, "peak": from, "to": to})],
		"statuses": [fixture.grown(10, 101, {"action_from": from, "action_to": to})],
		"specs": [fixture.pressure_spec({"limit": 20 * _gib})],
	},
	changes,
)

_limit(limit, exceed) := {"specs": [fixture.pressure_spec({"limit": limit * _gib, "exceed_limit": exceed})]}

_held := object.union(_none, {"exercised": {{"seq": {9}}}})

_off(to, want) := object.union(_none, {"violation": {{
	"code": "wrong_step", "seq": {9, 10}, "volume": "pg-1", "got": to, "want": want, "unit": "bytes",
}}})

_mib := 1048576

test_step[name] if {
	some name, case in {
		"at least 1 GiB": {"doc": _grown(_gib, 2 * _gib, {}), "want": _held},
		"a quarter": {"doc": _grown(8 * _gib, 10 * _gib, {}), "want": _held},
		"almost a quarter": {"doc": _grown(8 * _gib, (10 * _gib) + (_mib - 1), {}), "want": _held},
		"almost a quarter, below": {"doc": _grown(8 * _gib, (10 * _gib) - (_mib - 1), {}), "want": _held},
		"more than a quarter": {
			"doc": _grown(8 * _gib, (10 * _gib) + _mib, {}), "want": _off((10 * _gib) + _mib, 10 * _gib),
		},
		"less than a quarter": {
			"doc": _grown(8 * _gib, (10 * _gib) - _mib, {}), "want": _off((10 * _gib) - _mib, 10 * _gib),
		},
		"up to limit": {"doc": _grown(8 * _gib, 9 * _gib, _limit(9, false)), "want": _held},
		"not up to limit": {
			"doc": _grown(8 * _gib, 8.5 * _gib, _limit(9, false)), "want": _off(8.5 * _gib, 9 * _gib),
		},
	}
	_judge(case.doc) == case.want
}

test_step_from_other_sizes[name] if {
	some name, case in {
		"beyond limit": {"doc": _grown(8 * _gib, 10 * _gib, _limit(9, false)), "want": _off(10 * _gib, 9 * _gib)},
		"beyond a limit that may be exceeded": {"doc": _grown(8 * _gib, 10 * _gib, _limit(9, true)), "want": _held},
		"up to a limit that may be exceeded": {"doc": _grown(8 * _gib, 9 * _gib, _limit(9, true)), "want": _held},
		"from what the action says": {
			"doc": _grown(_gib, 10 * _gib, {"statuses": [fixture.grown(10, 101, {
				"action_from": 8 * _gib, "action_to": 10 * _gib,
			})]}),
			"want": _held,
		},
		"from the largest request": {
			"doc": _grown(8 * _gib, 10 * _gib, {
				"requests": [fixture.request(9, 100, {
					"from": 4 * _gib, "peak": 8 * _gib, "to": 10 * _gib,
				})],
				"statuses": [fixture.grown(10, 101, {"action_from": _gib, "action_to": 10 * _gib})],
			}),
			"want": _held,
		},
		"from the request of the claim": {
			"doc": _grown(8 * _gib, 10 * _gib, {
				"requests": [fixture.request(9, 100, {
					"from": 8 * _gib, "peak": 4 * _gib, "to": 10 * _gib,
				})],
				"statuses": [fixture.grown(10, 101, {"action_from": _gib, "action_to": 10 * _gib})],
			}),
			"want": _held,
		},
		"wrong under two blocks": {
			"doc": _grown(8 * _gib, 11 * _gib, {"specs": [
				fixture.pressure_spec({"limit": 9 * _gib, "until_ns": 100 * _s}),
				fixture.pressure_spec({"ns": 100 * _s, "limit": 20 * _gib}),
			]}),
			"want": _off(11 * _gib, 10 * _gib),
		},
		"planned": {
			"doc": _grown(8 * _gib, 12 * _gib, {"statuses": [fixture.grown(10, 101, {
				"action_kind": "ScheduledGrow", "action_to": 12 * _gib,
			})]}),
			"want": _none,
		},
	}
	_judge(case.doc) == case.want
}

# The capacity of the volume was rounded up to 8 GiB, in a span that began at 10 s.
test_step_from_capacity[name] if {
	some name, case in {
		"until it grows": {"began": 10, "until": 100, "before": 100, "want": 1},
		"until before it grows": {"began": 10, "until": 99, "before": 100, "want": 0},
		"until it may have grown": {"began": 10, "until": 99, "before": 99, "want": 1},
		"when it grows": {"began": 100, "until": 500, "before": 100, "want": 1},
		"after it has grown": {"began": 101, "until": 500, "before": 100, "want": 0},
	}
	judged := _judge(_grown(7 * _gib, 10 * _gib, {
		"requests": [fixture.request(9, 100, {
			"not_before_ns": case.before * _s, "from": 7 * _gib, "peak": 7 * _gib, "to": 10 * _gib,
		})],
		"samples": [fixture.sample(5, 10, 770, {})],
		"spans": [fixture.pressure_span(5, case.began, case.until, {
			"peak": 7 * _gib, "open": true, "volumes": [fixture.pressure_volume("pg-1", {"capacity": 8 * _gib})],
		})],
	}))
	count(judged.exercised) == case.want
	count(judged.violation) == 1 - case.want
}

_calm(used) := object.union(_held, {"violation": {{
	"code": "not_critical", "seq": {5, 9}, "volume": "pg-1", "got": used, "want": _gib, "unit": "bytes",
}}})

_unseen := object.union(_held, {"unknown": {{"reason": "no_usage", "code": "not_critical", "seq": {9}}}})

_before(changes) := {"samples": [fixture.sample(5, 10, 50, changes)]}

test_need[name] if {
	some name, case in {
		"critical": {"samples": {}, "want": _held},
		"far from it": {"samples": _before({}), "want": _calm(50 * fixture.percent)},
		"far from it, as the kubelet saw it": {"samples": _before({"source": "kubelet"}), "want": _unseen},
		"not known": {"samples": {"samples": []}, "want": _unseen},
		"little is available": {"samples": _before({"available": 1}), "want": _held},
		"of a smaller file system": {"samples": _before({"capacity": 51 * fixture.percent}), "want": _held},
		"of one that has grown": {"samples": {"samples": [fixture.sample(5, 10, 96, {"capacity": 2 * _gib})]}, "want": _held},
		"of one that was smaller before": {
			"samples": {"samples": [
				fixture.sample(5, 10, 50, {"capacity": 51 * fixture.percent, "until_ns": 90 * _s}),
				fixture.sample(6, 90, 50, {"capacity": 2 * _gib}),
			]},
			"want": _held,
		},
		"of another that was": {
			"samples": {"samples": [
				fixture.sample(5, 10, 20, {"capacity": 51 * fixture.percent}),
				fixture.sample(6, 10, 50, {"volume": "pg-2"}),
			]},
			"want": object.union(_held, {"violation": {{
				"code": "not_critical", "seq": {5, 6, 9}, "volume": "pg-1", "got": 50 * fixture.percent,
				"want": _gib, "unit": "bytes",
			}}}),
		},
	}
	_judge(_grown(_gib, 2 * _gib, case.samples)) == case.want
}
