package scenarios.shrink_spec_mutation_test

import data.lib.fixture_test as fixture
import data.lib.recovery_test as story
import data.lib.shrinks_test as shrinks
import data.scenarios.shrink_spec_mutation as policy

_s := fixture.second

_g := fixture.gib

_change(changes) := object.union(
	object.union(fixture.moment(20, 20), {
		"generation": 2, "field": "storage.request", "area": "storage", "from": "2Gi", "to": "1Gi",
		"from_bytes": 2 * _g, "to_bytes": _g,
	}),
	changes,
)

# A claim is replaced at 50 s by one of 1 GiB, of which 100 bytes are used.
_shrink(changes, step) := {"shrinks": [shrinks.shrink(object.union(
	{"used": 100, "steps": [shrinks.step(50, 50, step)]},
	changes,
))]}

_small := {"storage": [story.group({"spans": [story.span(20, 20, 10000, {"last": true, "volumes": [
	story.volume("pg-1", {"request": _g}), story.volume("pg-2", {"request": _g}),
]})]})]}

_judge(changes) := judged if {
	mutation := object.union({"kind": "spec_mutation", "changes": [_change({})]}, _shrink({}, {}))
	document := story.episode(object.union(object.union(mutation, _small), changes))
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as document
		with data.params as fixture.params
}

_words(changes) := story.words(judged.violation, judged.unknown) if {
	judged := _judge(changes)
}

_nothing := fixture.judgement(set(), set(), set())

test_held if _judge({}) == fixture.judgement(set(), {{"seq": {10, 20}, "in": "disruption"}}, set())

test_vacuous[name] if {
	some name, change in {
		"no shrink": {"shrinks": []},
		"something else": {"kind": "growth"},
		"another field": {"changes": [_change({"area": "instances"})]},
		"a later change": {"changes": [_change({"seq": 21})]},
	}
	_judge(object.union(_shrink({}, {"to": 1}), change)) == _nothing
}

test_used_space[name] if {
	some name, case in {
		"more than used": {"shrink": {"used": _g - 1}, "step": {}, "violated": set(), "unknown": set()},
		"as much as used": {"shrink": {"used": _g}, "step": {}, "violated": set(), "unknown": set()},
		"less than used in the group": {
			"shrink": {"used": _g + 1}, "step": {}, "violated": {"below_used"}, "unknown": set(),
		},
		"less than used on the claim": {
			"shrink": {}, "step": {"used": _g + 1}, "violated": {"below_used"}, "unknown": set(),
		},
		"not known": {"shrink": {"used": -1}, "step": {}, "violated": set(), "unknown": {"no_usage"}},
		"nothing used": {"shrink": {"used": 0}, "step": {}, "violated": set(), "unknown": set()},
	}
	_words(_shrink(case.shrink, case.step)) == {"violated": case.violated, "unknown": case.unknown}
}

_specs(spec) := {"storage": [object.union(_small.storage[0], {"specs": [
	fixture.spec({"seq": 1, "until_ns": 20 * _s, "request": 2 * _g}),
	fixture.spec(object.union({"seq": 20, "ns": 20 * _s}, spec)),
]})]}

test_targets[name] if {
	some name, case in {
		"the request": {"spec": {"request": _g}, "step": {}, "violated": set(), "unknown": set()},
		"below the request": {
			"spec": {"request": _g + 1}, "step": {}, "violated": {"old_target"}, "unknown": set(),
		},
		"the size": {"spec": {"mode": "static", "size": _g}, "step": {}, "violated": set(), "unknown": set()},
		"below the size": {
			"spec": {"mode": "static", "size": _g + 1, "request": 0}, "step": {},
			"violated": {"old_target"}, "unknown": set(),
		},
		"without a block": {"spec": {"mode": "none"}, "step": {}, "violated": set(), "unknown": set()},
		"just after the change": {
			"spec": {"request": _g}, "step": {"ns": 21 * _s, "not_before_ns": 21 * _s},
			"violated": set(), "unknown": {"order_uncertain"},
		},
		"with the change": {
			"spec": {"request": 9 * _g}, "step": {"ns": 20 * _s, "not_before_ns": 20 * _s},
			"violated": set(), "unknown": set(),
		},
		"below both": {
			"spec": {"request": 2 * _g}, "step": {"ns": 22 * _s, "not_before_ns": 22 * _s},
			"violated": {"old_target"}, "unknown": set(),
		},
		"below both, just after the change": {
			"spec": {"request": 2 * _g}, "step": {"ns": 21 * _s, "not_before_ns": 21 * _s},
			"violated": set(), "unknown": {"order_uncertain"},
		},
	}
	_words(object.union(_specs(case.spec), _shrink({}, case.step))) == {
		"violated": case.violated, "unknown": case.unknown,
	}
}

test_rows if {
	_judge(_shrink({"used": _g + 1}, {})).violation == {{
		"code": "below_used", "seq": {10, 50}, "volume": "pg-3", "got": _g, "want": _g + 1, "unit": "bytes",
	}}
	_judge(_shrink({"used": -1}, {})).unknown == {{"reason": "no_usage", "code": "below_used", "seq": {10, 50}}}
	_judge(_specs({"request": _g + 1})).violation == {{
		"code": "old_target", "seq": {20, 50}, "volume": "pg-3", "got": _g, "want": _g + 1, "unit": "bytes",
	}}
	soon := _shrink({}, {"ns": 21 * _s, "not_before_ns": 21 * _s})
	_judge(object.union(_specs({"request": _g}), soon)).unknown == {{
		"reason": "order_uncertain", "code": "old_target", "seq": {20, 50},
	}}
}

# A claim has 2 GiB until a moment, though less is allowed; the shrink is over at 60 s.
_large(until, spec, changes) := object.union(
	{"storage": [story.group({"specs": [fixture.spec(spec)], "spans": [
		story.span(20, 20, until, {"volumes": [story.volume("pg-1", {}), story.volume("pg-2", {"request": _g})]}),
		story.span(80, until, 10000, {"last": true, "volumes": [story.volume("pg-1", {"request": _g})]}),
	]})]},
	changes,
)

test_final_sizes[name] if {
	some name, case in {
		"as late as may be": {"change": _large(360, {"limit": _g}, {}), "violated": set(), "unknown": set()},
		"too late": {"change": _large(361, {"limit": _g}, {}), "violated": {"final_size_off"}, "unknown": set()},
		"within the limit": {"change": _large(361, {"limit": 2 * _g}, {}), "violated": set(), "unknown": set()},
		"a static size": {
			"change": _large(361, {"mode": "static", "size": _g}, {}), "violated": {"final_size_off"}, "unknown": set(),
		},
		"a static size that was kept": {
			"change": _large(361, {"mode": "static", "size": 2 * _g}, _shrink({}, {"to": 2 * _g})),
			"violated": set(), "unknown": set(),
		},
		"without a block": {
			"change": _large(361, {"mode": "none", "limit": _g}, {}), "violated": set(), "unknown": set(),
		},
		"where claims are missing": {
			"change": _large(361, {"limit": _g}, {"gaps": [fixture.gap("persistentvolumeclaims", 100, 110)]}),
			"violated": set(), "unknown": {"gap"},
		},
		"where clusters are missing": {
			"change": _large(361, {"limit": _g}, {"gaps": [fixture.gap("clusters", 100, 110)]}),
			"violated": set(), "unknown": {"gap"},
		},
		"long after a late end": {
			"change": _large(1300, {"limit": _g}, _shrink({"end": fixture.moment(70, 1000)}, {})),
			"violated": set(), "unknown": set(),
		},
		"of another group": {
			"change": _large(361, {"limit": _g}, _shrink({"tablespace": "t1", "role": "PG_TABLESPACE"}, {})),
			"violated": set(), "unknown": set(),
		},
	}
	_words(case.change) == {"violated": case.violated, "unknown": case.unknown}
}

test_ends[name] if {
	some name, case in {
		"in time": {"shrink": {"end": fixture.moment(60, 2430)}, "change": {}, "violated": set(), "unknown": set()},
		"too late": {
			"shrink": {"end": fixture.moment(60, 2431)}, "change": {}, "violated": {"not_completed"}, "unknown": set(),
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
			"violated": {"not_completed"}, "unknown": set(),
		},
	}
	_words(object.union(case.change, _shrink(case.shrink, {}))) == {"violated": case.violated, "unknown": case.unknown}
}

test_a_shrink_that_goes_on_has_no_final_size if {
	going := object.union(_large(361, {"limit": _g}, {}), _shrink(shrinks.never_over, {}))
	_words(object.union(going, story.ends(2430, "trace_end"))) == {"violated": set(), "unknown": {"pending"}}
}

# Another group beside it, with a larger request.
test_groups_are_told_by_role_and_tablespace[name] if {
	some name, change in {"role": {"role": "PG_TABLESPACE"}, "tablespace": {"tablespace": "t1"}}
	other := story.group(object.union(change, {"specs": [fixture.spec({"request": 3 * _g})], "spans": []}))
	_words({"storage": [other, _small.storage[0]]}) == {"violated": set(), "unknown": set()}
}

# The block changes once more at 100 s.
test_a_later_change_is_uncertain_too if {
	specs := [
		fixture.spec({"seq": 20, "ns": 20 * _s, "until_ns": 100 * _s, "request": 2 * _g}),
		fixture.spec({"seq": 60, "ns": 100 * _s, "request": _g}),
	]
	step := {"ns": 101 * _s, "not_before_ns": 101 * _s}
	group := object.union(_small.storage[0], {"specs": specs})
	_words(object.union({"storage": [group]}, _shrink({}, step))) == {
		"violated": set(), "unknown": {"order_uncertain"},
	}
}
