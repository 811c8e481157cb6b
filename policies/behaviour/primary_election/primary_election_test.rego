package behaviour.primary_election_test

import data.behaviour.primary_election as policy
import data.lib.fixture_test as fixture

_s := fixture.second

_judge(document) := judged if {
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as document
		with data.params as fixture.params
}

_none := fixture.judgement(set(), set(), set())

_exercise := {{"seq": {40, 49}, "in": "disruption"}}

_held := fixture.judgement(set(), _exercise, set())

_violated(finding) := fixture.judgement({finding}, _exercise, set())

_doubted(doubt) := fixture.judgement(set(), _exercise, {doubt})

_after(election, more) := _judge(fixture.cluster(object.union({"elections": [fixture.elected(election)]}, more)))

test_nothing_is_vacuous if _judge(fixture.cluster({})) == _none

test_exercised[name] if {
	some name, case in {
		"a failover": {"election": {}, "want": _held},
		"called off": {"election": {"to": "pg-1"}, "want": _none},
	}
	_after(case.election, {}) == case.want
}

test_a_cluster_that_nobody_saw if {
	_judge(fixture.cluster({"seen": false})) == object.union(
		_none,
		{"unknown": {{"reason": "cluster_unseen", "seq": {999}}}},
	)
}

_unchosen(want) := _violated({"code": "not_chosen", "seq": {40, 49}, "got": "pg-2", "want": want})

_gap(code, seq) := _doubted({"reason": "gap", "seq": seq, "code": code})

_other := fixture.choice({"instance": "pg-3"})

test_the_target_becomes_the_primary[name] if {
	some name, case in {
		"the last one": {"choices": [_other, fixture.choice({})], "gaps": [], "want": _held},
		"another one": {"choices": [fixture.choice({}), _other], "gaps": [], "want": _unchosen("pg-3")},
		"nobody was chosen": {"choices": [], "gaps": [], "want": _unchosen("")},
		"nobody was seen to be chosen": {
			"choices": [], "gaps": [fixture.gap("clusters", 99, 101)], "want": _gap("not_chosen", {40, 49}),
		},
		"a gap of pods": {"choices": [], "gaps": [fixture.gap("pods", 99, 101)], "want": _unchosen("")},
		"a gap until it began": {"choices": [], "gaps": [fixture.gap("clusters", 90, 100)], "want": _unchosen("")},
		"a gap when it was over": {"choices": [], "gaps": [fixture.gap("clusters", 110, 120)], "want": _unchosen("")},
	}
	_after({"choices": case.choices}, {"gaps": case.gaps}) == case.want
}

_unready := _violated({"code": "not_ready", "seq": {42}, "got": "pg-2", "want": "an instance with a ready pod"})

_readiness(before, after) := fixture.choice({"ready": false, "ready_before_ns": before, "ready_after_ns": after})

test_the_chosen_one_is_ready[name] if {
	some name, case in {
		"just before": {"before": 100 * _s, "after": -1, "gaps": [], "want": _held},
		"not before": {"before": (100 * _s) - 1, "after": -1, "gaps": [], "want": _unready},
		"just after": {"before": -1, "after": 104 * _s, "gaps": [], "want": _held},
		"not after": {"before": -1, "after": (104 * _s) + 1, "gaps": [], "want": _unready},
		"never": {"before": -1, "after": -1, "gaps": [], "want": _unready},
		"perhaps meanwhile": {
			"before": 90 * _s, "after": -1, "gaps": [fixture.gap("pods", 80, 90)], "want": _gap("not_ready", {42}),
		},
		"perhaps just then": {
			"before": 90 * _s, "after": -1, "gaps": [fixture.gap("pods", 102, 110)], "want": _gap("not_ready", {42}),
		},
		"not meanwhile": {"before": 90 * _s, "after": -1, "gaps": [fixture.gap("pods", 80, 89)], "want": _unready},
		"not then": {"before": 90 * _s, "after": -1, "gaps": [fixture.gap("pods", 103, 110)], "want": _unready},
		"a gap of claims": {
			"before": 90 * _s, "after": -1, "gaps": [fixture.gap("persistentvolumeclaims", 80, 110)], "want": _unready,
		},
	}
	_after({"choices": [_readiness(case.before, case.after)]}, {"gaps": case.gaps}) == case.want
}

test_at_the_start_of_the_trace if {
	early := object.union(_readiness(-1, -1), fixture.moment(42, 1))
	_after({"choices": [early]}, {}) == _unready
	_after({"choices": [object.union(_readiness(0, -1), fixture.moment(42, 1))]}, {}) == _held
	_after({"choices": [object.union(_readiness(-1, 0), fixture.moment(42, 1))]}, {}) == _held
}

test_no_pod_was_seen if {
	doubt := {"reason": "pods_unseen", "seq": {42}, "code": "not_ready"}
	_after({"choices": [_readiness(-1, -1)]}, {"pods": []}) == _doubted(doubt)
	_after({"choices": [_readiness(90 * _s, -1)]}, {
		"pods": [], "gaps": [fixture.gap("pods", 80, 110)],
	}) == _doubted(doubt)
	_after({}, {"pods": []}) == _held
}

_timeline(got) := _violated({"code": "timeline_off", "seq": {40, 49}, "got": got, "want": 2})

_unrisen := _doubted({
	"reason": "pending", "seq": {49, 999}, "code": "timeline_off", "from_ns": 110 * _s, "until_ns": 170 * _s,
})

test_timelines[name] if {
	some name, case in {
		"one more": {"election": {}, "more": {}, "want": _held},
		"two more": {"election": {"timeline_after": 3}, "more": {}, "want": _timeline(3)},
		"one less": {"election": {"timeline_after": 0}, "more": {}, "want": _timeline(0)},
		"the same": {"election": {"timeline_after": 1}, "more": {}, "want": _timeline(1)},
		"the same until the next one": {
			"election": {"timeline_after": 1, "next": fixture.moment(60, 171)}, "more": {}, "want": _timeline(1),
		},
		"the next one was soon": {
			"election": {"timeline_after": 1, "next": fixture.moment(60, 170)}, "more": {}, "want": _held,
		},
		"one more, and the end was soon": {"election": {}, "more": {"until_ns": 170 * _s}, "want": _held},
		"the end was soon": {"election": {"timeline_after": 1}, "more": {"until_ns": 170 * _s}, "want": _unrisen},
		"the next one and the end were soon": {
			"election": {"timeline_after": 1, "next": fixture.moment(60, 165)},
			"more": {"until_ns": 170 * _s}, "want": _held,
		},
		"the end was later": {
			"election": {"timeline_after": 1}, "more": {"until_ns": (170 * _s) + 1}, "want": _timeline(1),
		},
		"deleted soon": {
			"election": {"timeline_after": 1}, "more": {"until": "deleted", "until_ns": 170 * _s}, "want": _held,
		},
		"unknown before": {"election": {"timeline_before": 0, "timeline_after": 7}, "more": {}, "want": _held},
		"with a gap": {
			"election": {"timeline_after": 3, "next": fixture.moment(60, 300)},
			"more": {"gaps": [fixture.gap("clusters", 290, 310)]},
			"want": _gap("timeline_off", {40, 49}),
		},
		"with a gap that does not matter": {
			"election": {}, "more": {"gaps": [fixture.gap("clusters", 290, 310)]}, "want": _held,
		},
		"with a later gap": {
			"election": {"timeline_after": 3, "next": fixture.moment(60, 300)},
			"more": {"gaps": [fixture.gap("clusters", 300, 310)]},
			"want": _timeline(3),
		},
	}
	_after(case.election, case.more) == case.want
}

_wrong := {"primaries": ["pg-2"]}

_role(until) := object.union(_none, {"violation": {{
	"code": "role_off", "seq": {110, 120}, "got": "pg-2", "want": "pg-1",
	"from_ns": 50 * _s, "until_ns": until * _s,
}}})

_role_doubt(reason, until) := object.union(_none, {"unknown": {{
	"reason": reason, "seq": {110, 999}, "code": "role_off", "from_ns": 50 * _s, "until_ns": until * _s,
}}})

# From 50 s on something is reported, with a second span from 60 s on.
_reported(changes, until) := fixture.timeline(
	[[0, {}], [50, changes], [60, object.union(changes, {"jobs": 1})], [until, {}]],
	10000,
)

test_roles[name] if {
	some name, case in {
		"for a while": {"change": {"spans": _reported(_wrong, 110)}, "want": _none},
		"for too long": {"change": {"spans": _reported(_wrong, 111)}, "want": _role(111)},
		"nobody": {"change": {"spans": _reported({"primaries": []}, 200)}, "want": _none},
		"both, which is for another policy": {
			"change": {"spans": _reported({"primaries": ["pg-1", "pg-2"]}, 200)}, "want": _none,
		},
		"during an election": {
			"change": {"spans": _reported(object.union(_wrong, {"target": "pg-2"}), 200)}, "want": _none,
		},
		"before there is a primary": {
			"change": {"spans": _reported(object.union(_wrong, {"current": "", "target": ""}), 200)}, "want": _none,
		},
		"with a gap": {
			"change": {"spans": _reported(_wrong, 111), "gaps": [fixture.gap("clusters", 60, 70)]},
			"want": _role_doubt("gap", 111),
		},
		"with a gap of pods": {
			"change": {"spans": _reported(_wrong, 111), "gaps": [fixture.gap("pods", 60, 70)]}, "want": _role(111),
		},
		"at the end": {
			"change": {"until_ns": 110 * _s, "spans": array.slice(_reported(_wrong, 110), 0, 2)},
			"want": _none,
		},
		"when it was deleted": {
			"change": {
				"until": "deleted", "until_ns": 110 * _s, "spans": fixture.timeline([[0, {}], [50, _wrong]], 110),
			},
			"want": _role_doubt("deleted", 110),
		},
	}
	_judge(fixture.cluster(case.change)) == case.want
}

# An election that waits from 100 s on.
_waiting(changes) := fixture.elected(object.union(
	{"ended": false, "end": fixture.never, "to": "", "choices": [], "timeline_after": 1},
	changes,
))

_ready(instances) := fixture.timeline([[0, {}], [95, {"ready_pods": instances}]], 10000)

_wait(code, since, until, ready) := {
	"code": code, "seq": {40, since, 999}, "got": (until - 100) * _s, "want": 1800 * _s, "unit": "ns",
	"from_ns": 100 * _s, "until_ns": until * _s, "ready": ready,
}

_stuck(until, ready) := object.union(_none, {"violation": {_wait("none_elected", 40, until, ready)}})

_pending(until) := object.union(_none, {"unknown": {{
	"reason": "pending", "seq": {40, 999}, "from_ns": 100 * _s, "until_ns": until * _s,
}}})

_chosen := object.union(fixture.choice({}), fixture.moment(42, 100))

test_nobody_is_elected[name] if {
	some name, case in {
		"in time": {"election": {}, "until": 1900, "ready": ["pg-2"], "want": _pending(1900)},
		"for too long": {"election": {}, "until": 1901, "ready": ["pg-2", "pg-3"], "want": _stuck(1901, "pg-2, pg-3")},
		"nobody is ready": {"election": {}, "until": 1901, "ready": [], "want": _none},
		"only the old one is ready": {"election": {}, "until": 1901, "ready": ["pg-1"], "want": _none},
		"the chosen one is ready": {
			"election": {"choices": [_chosen]}, "until": 1901, "ready": ["pg-2", "pg-3"],
			"want": object.union(_none, {"violation": {_wait("not_promoted", 42, 1901, "pg-2")}}),
		},
		"the chosen one is not ready any more": {
			"election": {"choices": [_chosen]}, "until": 1901, "ready": ["pg-3"], "want": _none,
		},
		"the chosen one has time left": {
			"election": {"choices": [_chosen]}, "until": 1900, "ready": ["pg-2"], "want": _pending(1900),
		},
	}
	_judge(fixture.cluster({
		"until_ns": case.until * _s, "elections": [_waiting(case.election)], "spans": _ready(case.ready),
	})) == case.want
}

test_a_deleted_cluster_waits_for_nobody if {
	_judge(fixture.cluster({
		"until": "deleted", "until_ns": 1900 * _s, "elections": [_waiting({})], "spans": _ready(["pg-2"]),
	})) == _none
}

test_ready_all_along[name] if {
	some name, case in {
		"not at first": {"rows": [[0, {"ready_pods": []}], [101, {"ready_pods": ["pg-2"]}]], "want": _none},
		"until then": {
			"rows": [[0, {"ready_pods": []}], [100, {"ready_pods": ["pg-2"]}]], "want": _stuck(1901, "pg-2"),
		},
		"not at last": {"rows": [[0, {"ready_pods": ["pg-2"]}], [1900, {"ready_pods": []}]], "want": _none},
		"until the end": {
			"rows": [[0, {"ready_pods": ["pg-2"]}], [1901, {"ready_pods": []}]], "want": _stuck(1901, "pg-2"),
		},
	}
	_judge(fixture.cluster({
		"until_ns": 1901 * _s, "elections": [_waiting({})], "spans": fixture.timeline(case.rows, 10000),
	})) == case.want
}

_late(reason) := {
	"reason": reason, "seq": {42, 49}, "code": "not_promoted", "from_ns": 100 * _s, "until_ns": 1901 * _s,
}

test_elected_late[name] if {
	end := {"seq": 49, "ns": 1901 * _s, "not_before_ns": 1901 * _s}
	unsure := {"seq": 49, "ns": 1901 * _s, "not_before_ns": 1900 * _s}
	earlier := object.union(_chosen, {"not_before_ns": 99 * _s})
	some name, case in {
		"in time": {"end": object.union(unsure, {"ns": 1900 * _s}), "choice": _chosen, "gaps": [], "want": _held},
		"too late": {
			"end": end, "choice": _chosen, "gaps": [],
			"want": _violated(object.union(_wait("not_promoted", 42, 1901, "pg-2"), {"seq": {40, 42, 49}})),
		},
		"perhaps": {"end": unsure, "choice": _chosen, "gaps": [], "want": _doubted(_late("clock"))},
		"perhaps with a gap": {
			"end": unsure, "choice": _chosen, "gaps": [fixture.gap("clusters", 500, 510)],
			"want": _doubted(_late("gap")),
		},
		"perhaps too early": {
			"end": object.union(unsure, {"ns": 1900 * _s}), "choice": earlier, "gaps": [],
			"want": _doubted(object.union(_late("clock"), {"until_ns": 1900 * _s})),
		},
	}
	_after(
		{"end": case.end, "choices": [case.choice]},
		{"gaps": case.gaps, "spans": _ready(["pg-2"])},
	) == case.want
}

test_a_wait_in_a_gap if {
	_judge(fixture.cluster({
		"until_ns": 1901 * _s, "elections": [_waiting({})], "spans": _ready(["pg-2"]),
		"gaps": [fixture.gap("clusters", 500, 510)],
	})) == object.union(_none, {"unknown": {{
		"reason": "gap", "seq": {40, 999}, "code": "none_elected", "from_ns": 100 * _s, "until_ns": 1901 * _s,
	}}})
}
