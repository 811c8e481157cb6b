package behaviour.growth_on_usage_test

import data.behaviour.growth_on_usage as policy
import data.lib.fixture_test as fixture

_gib := fixture.gib

_s := fixture.second

_judge(changes) := judged if {
	doc := object.union(fixture.pressure({"role": "PG_DATA"}), changes)
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as doc
		with data.params as fixture.params
}

_none := fixture.judgement(set(), set(), set())

# Over the buffer from 10 s on; from 310 s on growth is late.
_over(until, span, sample) := {
	"samples": [fixture.sample(3, 10, 90, sample)],
	"spans": [
		fixture.pressure_span(4, 0, 10, {"volumes": [fixture.pressure_volume("pg-1", {"sample": -1})]}),
		fixture.pressure_span(5, 10, until, span),
		fixture.pressure_span(8, until, 10000, {"last": true, "open": true, "peak": 2 * _gib}),
	],
}

_not_grown(until) := {
	"code": "not_grown", "seq": {3, 5}, "got": (until - 10) * _s, "want": 300 * _s, "unit": "ns",
	"from_ns": 10 * _s, "until_ns": until * _s, "size_bytes": _gib, "wanted_bytes": 2 * _gib,
}

_doubt(reason, until) := {
	"reason": reason, "seq": {5, 999}, "code": "not_grown", "from_ns": 10 * _s, "until_ns": until * _s,
}

_both := {{"seq": {5, 8}}, {"seq": {5, 8}, "in": "disruption"}}

test_growth[name] if {
	some name, case in {
		"in time": {"doc": _over(310, {}, {}), "want": {"exercised": {{"seq": {5, 8}}}}},
		"too late": {"doc": _over(311, {}, {}), "want": {"exercised": {{"seq": {5, 8}}}, "violation": {_not_grown(311)}}},
		"not needed": {"doc": _over(5000, {}, {"used": _gib / 2}), "want": {}},
		"by an emergency": {"doc": _over(5000, {}, {"used": _gib}), "want": {"exercised": {{"seq": {5, 8}}}}},
		"while something is broken": {
			"doc": _over(310, {"disrupted": true}, {}),
			"want": {"exercised": _both},
		},
		"too late, as something is broken": {
			"doc": _over(311, {"disrupted": true}, {}),
			"want": {"exercised": _both, "unknown": {_doubt("disrupted", 311)}},
		},
		"too late, of a role that is judged elsewhere": {
			"doc": object.union(_over(311, {}, {}), {"role": "PG_TABLESPACE"}),
			"want": {},
		},
		"too late, after other planned growth": {
			"doc": object.union(_over(311, {}, {}), {"statuses": [fixture.pressure_status(2, 0, _recent)]}),
			"want": {"exercised": {{"seq": {5, 8}}}, "unknown": {_doubt("cooldown", 311)}},
		},
		"too late, with a gap": {
			"doc": object.union(_over(311, {}, {}), {"gaps": [fixture.gap("persistentvolumeclaims", 50, 60)]}),
			"want": {"exercised": {{"seq": {5, 8}}}, "unknown": {_doubt("gap", 311)}},
		},
		"perhaps too late": {
			"doc": _over(310, {"not_before_ns": 9 * _s}, {}),
			"want": {"exercised": {{"seq": {5, 8}}}, "unknown": {_doubt("clock", 310)}},
		},
	}
	_judge(case.doc) == object.union(_none, case.want)
}

_recent := {"has_action": true, "action_kind": "ScheduledGrow", "action_at_ns": 0}

_unfinished(end) := object.union(_over(200, {}, {}), {"until": end, "spans": [
	fixture.pressure_span(5, 10, 200, {"last": true}),
]})

test_what_is_not_over[name] if {
	some name, case in {
		"at the end": {"end": "trace_end", "want": "pending"},
		"when it is deleted": {"end": "deleted", "want": "deleted"},
	}
	_judge(_unfinished(case.end)) == object.union(_none, {"unknown": {_doubt(case.want, 200)}})
}

test_nobody_measured[name] if {
	some name, case in {
		"ever": {"doc": {}, "want": {_unmeasured({1, 999}, 0, 10000)}},
		"ever, of a static group": {"doc": {"specs": [fixture.pressure_spec({"mode": "static"})]}, "want": set()},
		"ever, of a role that is judged elsewhere": {"doc": {"role": "PG_TABLESPACE"}, "want": set()},
		"for a while": {
			"doc": {"samples": [fixture.sample(5, 10, 50, {"last_ns": 10 * _s, "until_ns": 500 * _s})]},
			"want": {_unmeasured({5, 999}, 10, 500)},
		},
	}
	_judge(case.doc) == object.union(_none, {"unknown": case.want})
}

_unmeasured(seq, from, until) := {
	"reason": "no_usage", "seq": seq, "code": "not_grown", "from_ns": from * _s, "until_ns": until * _s,
}

# Planned growth at 100 s from 1 GiB, with 90 % used.
_planned(to, sample, changes) := object.union(
	{
		"samples": [fixture.sample(5, 10, 90, sample)],
		"requests": [fixture.request(9, 100, {"to": to * _gib})],
		"statuses": [fixture.grown(10, 101, {"action_kind": "ScheduledGrow", "action_to": to * _gib})],
	},
	changes,
)

_off(code, to) := {
	"code": code, "seq": {5, 9}, "volume": "pg-1", "got": to * _gib, "want": 2 * _gib, "unit": "bytes",
}

test_size[name] if {
	some name, case in {
		"right": {"doc": _planned(2, {}, {}), "want": {"exercised": {{"seq": {9}}}}},
		"right as far as one knows": {
			"doc": _planned(2, {"source": "kubelet"}, {}), "want": {"exercised": {{"seq": {9}}}},
		},
		"too large": {"doc": _planned(3, {}, {}), "want": {"violation": {_off("too_large", 3)}}},
		"too small": {"doc": _planned(1.5, {}, {}), "want": {"violation": {_off("too_small", 1.5)}}},
		"of a role that is judged elsewhere": {"doc": _planned(3, {}, {"role": "PG_TABLESPACE"}), "want": {}},
		"too large as far as one knows": {
			"doc": _planned(3, {"source": "kubelet"}, {}),
			"want": {"unknown": {{"reason": "no_usage", "seq": {9}}}},
		},
		"too small as far as one knows": {
			"doc": _planned(1.5, {"source": "kubelet"}, {}),
			"want": {"unknown": {{"reason": "no_usage", "seq": {9}}}},
		},
		"of an emergency": {
			"doc": _planned(3, {}, {"statuses": [fixture.grown(10, 101, {"action_to": 3 * _gib})]}), "want": {},
		},
	}
	_judge(case.doc) == object.union(_none, case.want)
}
