package scenarios.shrink_failover_test

import data.lib.fixture_test as fixture
import data.lib.recovery_test as story
import data.lib.shrinks_test as shrinks
import data.scenarios.shrink_failover as policy

_s := fixture.second

_g := fixture.gib

# The claim of pg-3 is replaced at 26 s; pg-1 is the primary.
_claim(changes) := story.claim(object.union(
	{
		"volume": "pg-3", "instance": "pg-3", "successor": "c9", "successor_at": fixture.moment(27, 27),
		"successor_request": _g,
	},
	changes,
))

_shrink := {
	"kind": "switchover", "shrinks": [shrinks.shrink({})], "claims": [_claim({})],
	"health": [story.health(20, 20, 10000, {"last": true})],
}

_judge(changes) := judged if {
	document := story.episode(object.union(_shrink, changes))
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as document
		with data.params as fixture.params
}

_words(changes) := story.words(judged.violation, judged.unknown) if {
	judged := _judge(changes)
}

_nothing := fixture.judgement(set(), set(), set())

test_held[kind] if {
	some kind in {"failover", "switchover"}
	_judge({"kind": kind}) == fixture.judgement(set(), {{"seq": {10, 20}, "in": "disruption"}}, set())
}

_both(until) := {"two_primaries": [object.union(fixture.moment(25, 25), {
	"until_ns": until * _s, "until_not_before_ns": until * _s, "pods": ["pg-1", "pg-2"],
})]}

test_vacuous if {
	bad := object.union(_both(40), {"claims": [_claim({"instance": "pg-1"})]})
	_judge(object.union(bad, {"shrinks": []})) == _nothing
	_judge(object.union(bad, {"kind": "node_drain"})) == _nothing
	_judge({"shrinks": [], "gaps": [fixture.gap("clusters", 100, 110)]}) == _nothing
}

test_replacements[name] if {
	some name, case in {
		"of a replica": {"change": {}, "want": set()},
		"of the primary": {
			"change": {"claims": [_claim({"instance": "pg-1"})]},
			"want": {["primary_replaced", "pg-1", "another instance than the primary"]},
		},
		"while another instance is not ready": {
			"change": {"health": [story.health(20, 20, 10000, {"ready_pods": ["pg-1", "pg-3"], "last": true})]},
			"want": {["unsafe_replacement", 1, 2]},
		},
		"while it is not ready itself": {
			"change": {"health": [story.health(20, 20, 10000, {"ready_pods": ["pg-1", "pg-2"], "last": true})]},
			"want": set(),
		},
		"before another instance was not ready": {
			"change": {"health": [
				story.health(20, 20, 26, {}),
				story.health(26, 26, 10000, {"ready_pods": ["pg-1", "pg-3"], "last": true}),
			]},
			"want": set(),
		},
		"after another instance was not ready": {
			"change": {"health": [
				story.health(20, 20, 25, {"ready_pods": ["pg-1", "pg-3"]}),
				story.health(25, 25, 10000, {"last": true}),
			]},
			"want": set(),
		},
		"by a larger one": {
			"change": {"claims": [_claim({"instance": "pg-1", "successor_request": 2 * _g})]}, "want": set(),
		},
		"by none": {"change": {"claims": [_claim({"instance": "pg-1", "successor_request": 0})]}, "want": set()},
		"by the smallest": {
			"change": {"claims": [_claim({"instance": "pg-1", "successor_request": 1})]},
			"want": {["primary_replaced", "pg-1", "another instance than the primary"]},
		},
		"of another role": {"change": {"claims": [_claim({"instance": "pg-1", "role": "PG_WAL"})]}, "want": set()},
		"of another tablespace": {
			"change": {"claims": [_claim({"instance": "pg-1", "tablespace": "t1"})]}, "want": set(),
		},
		"before the shrink": {
			"change": {"claims": [_claim({"instance": "pg-1"})], "shrinks": [shrinks.shrink({"begin": {"seq": 28}})]},
			"want": set(),
		},
		"with which the shrink begins": {
			"change": {"claims": [_claim({"instance": "pg-1"})], "shrinks": [shrinks.shrink({"begin": {"seq": 27}})]},
			"want": {["primary_replaced", "pg-1", "another instance than the primary"]},
		},
		"in place": {
			"change": {"shrinks": [shrinks.shrink({"steps": [shrinks.step(12, 12, {"how": "lowered"})]})]},
			"want": {["lowered_in_place", _g, 2 * _g]},
		},
	}
	judged := _judge(case.change)
	{[row.code, row.got, row.want] | some row in judged.violation} == case.want
}

test_rows if {
	_judge({"claims": [_claim({"instance": "pg-1"})]}).violation == {{
		"code": "primary_replaced", "seq": {20, 26}, "volume": "pg-3",
		"got": "pg-1", "want": "another instance than the primary",
	}}
	few := {"health": [story.health(20, 20, 10000, {"ready_pods": ["pg-3"], "last": true})]}
	_judge(few).violation == {{
		"code": "unsafe_replacement", "seq": {20, 26}, "volume": "pg-3", "got": 0, "want": 2,
	}}
	lowered := {"shrinks": [shrinks.shrink({"steps": [shrinks.step(12, 12, {"how": "lowered"})]})]}
	_judge(lowered).violation == {{
		"code": "lowered_in_place", "seq": {10, 12}, "volume": "pg-3", "got": _g, "want": 2 * _g, "unit": "bytes",
	}}
	_judge(_both(28)).violation == {{
		"code": "two_primaries", "seq": {25}, "pods": "pg-1 pg-2", "got": "pg-1 pg-2", "want": "one",
		"from_ns": 25 * _s, "until_ns": 28 * _s,
	}}
	_judge(_both(27)).violation == set()
}

test_ends[name] if {
	some name, case in {
		"in time": {"shrink": {"end": fixture.moment(60, 2430)}, "change": {}, "violated": set(), "unknown": set()},
		"too late": {
			"shrink": {"end": fixture.moment(60, 2431)}, "change": {}, "violated": {"stuck_silently"}, "unknown": set(),
		},
		"perhaps too late": {
			"shrink": {"end": {"seq": 60, "ns": 2431 * _s, "not_before_ns": 2430 * _s}}, "change": {},
			"violated": set(), "unknown": {"clock"},
		},
		"not yet": {
			"shrink": shrinks.never_over, "change": story.ends(2430, "trace_end"),
			"violated": set(), "unknown": {"pending"},
		},
		"deleted": {
			"shrink": shrinks.never_over, "change": story.ends(2430, "deleted"),
			"violated": set(), "unknown": {"deleted"},
		},
		"never": {
			"shrink": shrinks.never_over, "change": story.ends(2431, "trace_end"),
			"violated": {"stuck_silently"}, "unknown": set(),
		},
		"paused with a reason": {
			"shrink": shrinks.never_over,
			"change": {"health": [story.health(20, 20, 10000, {"phase_reason": "waits for pg-2", "last": true})]},
			"violated": set(), "unknown": set(),
		},
	}
	_words(object.union(case.change, {"shrinks": [shrinks.shrink(case.shrink)]})) == {
		"violated": case.violated, "unknown": case.unknown,
	}
}

test_gaps[name] if {
	some name, case in {
		"of clusters": {"gap": fixture.gap("clusters", 100, 110), "want": {"gap"}},
		"of claims": {"gap": fixture.gap("persistentvolumeclaims", 100, 110), "want": {"gap"}},
		"of pods": {"gap": fixture.gap("pods", 100, 110), "want": {"gap"}},
		"of nodes": {"gap": fixture.gap("nodes", 100, 110), "want": set()},
		"over which the spec is known": {
			"gap": object.union(fixture.gap("clusters", 100, 110), {"same_generation": true}), "want": set(),
		},
	}
	_words({"gaps": [case.gap]}).unknown == case.want
}

test_a_gap_is_a_row if {
	_judge({"gaps": [fixture.gap("pods", 100, 110)]}).unknown == {{"reason": "gap", "seq": {901, 902}}}
}
