package scenarios.replica_scale_up_test

import data.lib.fixture_test as fixture
import data.lib.recovery_test as story
import data.scenarios.replica_scale_up as policy

_s := fixture.second

_g := fixture.gib

# At 25 s the claim of a fourth instance is created.
_claim(changes) := object.union(
	object.union(fixture.moment(25, 25), {
		"volume": "pg-4", "uid": "u4", "instance": "pg-4", "role": "PG_DATA", "tablespace": "", "how": "new",
		"request": 2 * _g, "final": 2 * _g, "capacity": 2 * _g, "effective": 2 * _g, "peak": 2 * _g,
		"floor": _g, "source": "", "open": false,
	}),
	changes,
)

_group(changes) := story.group(object.union(
	{"spans": [story.span(20, 20, 10000, {"last": true})], "resized": true},
	changes,
))

_scale_up := {"kind": "scale_up", "operations": [], "created": [_claim({})], "storage": [_group({})]}

_judge(changes) := judged if {
	document := story.episode(object.union(_scale_up, changes))
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as document
		with data.params as fixture.params
}

_nothing := fixture.judgement(set(), set(), set())

_exercised := {{"seq": {20, 25}}}

_held := fixture.judgement(set(), _exercised, set())

_stale(got, want) := fixture.judgement(
	{{"code": "stale_size", "seq": {25}, "volume": "pg-4", "got": got, "want": want, "unit": "bytes"}},
	_exercised, set(),
)

test_held if _judge({}) == _held

test_vacuous[name] if {
	some name, change in {
		"something else": {"kind": "node_drain"},
		"nothing was created": {"created": []},
		"a replacement": {"created": [_claim({"request": _g, "how": "replacement"})]},
		"the first claim": {"created": [_claim({"request": _g, "peak": 0})]},
		"WAL": {
			"created": [_claim({"request": _g, "role": "PG_WAL"})], "storage": [_group({"role": "PG_WAL"})],
		},
		"no block": {"storage": [_group({"specs": []})], "created": [_claim({"request": _g})]},
		"a block that says nothing": {
			"storage": [_group({"specs": [fixture.spec({"mode": "none"})]})], "created": [_claim({"request": _g})],
		},
	}
	_judge(change) == _nothing
}

# Without growth there is no other size than that of the bootstrap.
test_growth[name] if {
	some name, case in {
		"none": {"claim": {}, "group": {}, "want": 0},
		"before": {"claim": {}, "group": {"resized": true}, "want": 1},
		"going on": {"claim": {"open": true}, "group": {}, "want": 1},
		"told by the status": {"claim": {"effective": 1}, "group": {}, "want": 1},
	}
	count(_judge({
		"created": [_claim(object.union({"effective": 0}, case.claim))],
		"storage": [_group(object.union({"resized": false}, case.group))],
	}).exercised) == case.want
}

_judged(claim, group) := _judge({"created": [_claim(claim)], "storage": [_group(group)]})

test_sizes[name] if {
	some name, case in {
		"the bootstrap size": {"claim": {"request": _g}, "group": {}, "want": _stale(_g, 2 * _g)},
		"more than the others": {"claim": {"request": 3 * _g}, "group": {}, "want": _stale(3 * _g, 2 * _g)},
		"that of the status": {"claim": {"request": 3 * _g, "effective": 3 * _g}, "group": {}, "want": _held},
		"that of the others": {"claim": {"effective": 3 * _g}, "group": {}, "want": _held},
		"that of the others, of which one is smaller": {
			"claim": {"peak": _g, "effective": 0},
			"group": {"statuses": [], "spans": [story.span(20, 20, 10000, {"last": true, "volumes": [
				story.volume("pg-1", {}), story.volume("pg-2", {"request": _g}),
			]})]},
			"want": _held,
		},
		"a larger request of the block": {
			"claim": {"request": 3 * _g}, "group": {"specs": [fixture.spec({"request": 3 * _g})]}, "want": _held,
		},
		"a smaller request of the block": {
			"claim": {"request": _g}, "group": {"specs": [fixture.spec({"request": _g})]}, "want": _stale(_g, 2 * _g),
		},
		"its own": {
			"claim": {"request": 3 * _g},
			"group": {"spans": [story.span(20, 20, 10000, {"last": true, "volumes": [
				story.volume("pg-1", {}), story.volume("pg-4", {"request": 3 * _g}),
			]})]},
			"want": _stale(3 * _g, 2 * _g),
		},
	}
	_judged(case.claim, case.group) == case.want
}

test_static_sizes[name] if {
	some name, case in {
		"the size": {"claim": {"request": 3 * _g}, "want": _held},
		"the old size": {"claim": {"request": _g}, "want": _stale(_g, 3 * _g)},
	}
	_judged(
		object.union({"effective": 0}, case.claim),
		{"statuses": [], "specs": [fixture.spec({"mode": "static", "size": 3 * _g, "request": 0})]},
	) == case.want
}

# The group grows to 3 GiB at a moment; the claim is created at 25 s.
test_order[name] if {
	some name, case in {
		"long before": {"at": 23, "request": 2 * _g, "want": _stale(2 * _g, 3 * _g)},
		"just before": {"at": 24, "request": 2 * _g, "want": _held},
		"just after": {"at": 27, "request": 3 * _g, "want": _held},
		"long after": {"at": 28, "request": 3 * _g, "want": _stale(3 * _g, 2 * _g)},
	}
	after := [story.volume("pg-1", {"request": 3 * _g})]
	_judged(
		{"request": case.request, "peak": {true: 3 * _g, false: 2 * _g}[case.at < 25], "effective": 0},
		{"statuses": [], "spans": [
			story.span(20, 20, case.at, {}),
			story.span(26, case.at, 10000, {"last": true, "volumes": after}),
		]},
	) == case.want
}

test_the_size_of_the_status_around[name] if {
	some name, case in {
		"larger": {"effective": 3 * _g, "want": _held},
		"none": {"effective": 0, "want": _stale(3 * _g, 2 * _g)},
	}
	_judged({"request": 3 * _g}, {"statuses": [fixture.grown(11, 11, {"effective": case.effective})]}) == case.want
}

test_another_group_does_not_matter if {
	judged := _judge({
		"created": [_claim({"request": _g, "effective": 0, "peak": _g})],
		"storage": [_group({"resized": false, "spans": []}), _group({"role": "PG_TABLESPACE", "tablespace": "t1"})],
	})
	judged == _nothing
	_judge({
		"created": [_claim({"role": "PG_TABLESPACE", "tablespace": "t1"})],
		"storage": [_group({"role": "PG_TABLESPACE", "tablespace": "t2"})],
	}) == _nothing
}

test_gaps[name] if {
	some name, case in {
		"over the moment": {"gap": fixture.gap("clusters", 24, 26), "unknown": 1, "violated": 0},
		"of claims": {"gap": fixture.gap("persistentvolumeclaims", 24, 26), "unknown": 1, "violated": 0},
		"of pods": {"gap": fixture.gap("pods", 24, 26), "unknown": 0, "violated": 1},
		"before": {"gap": fixture.gap("clusters", 20, 23), "unknown": 0, "violated": 1},
		"up to it": {"gap": fixture.gap("clusters", 20, 24), "unknown": 0, "violated": 1},
		"after": {"gap": fixture.gap("clusters", 25, 30), "unknown": 0, "violated": 1},
		"over which the spec is known": {
			"gap": object.union(fixture.gap("clusters", 24, 26), {"same_generation": true}),
			"unknown": 0, "violated": 1,
		},
	}
	judged := _judge({
		"created": [_claim({"request": _g, "not_before_ns": 24 * _s})],
		"gaps": [case.gap],
	})
	count(judged.unknown) == case.unknown
	count(judged.violation) == case.violated
}

test_a_gap_is_a_row if {
	gap := {"gaps": [fixture.gap("clusters", 24, 26)]}
	stale := object.union(gap, {"created": [_claim({"request": _g, "not_before_ns": 24 * _s})]})
	_judge(stale).unknown == {{"reason": "gap", "seq": {25}}}
	_judge(object.union(gap, {"created": [_claim({"not_before_ns": 24 * _s})]})) == _held
}

test_the_peak_counts_by_itself if {
	_judged({"effective": 0}, {"spans": [], "statuses": []}) == _held
}

test_groups_are_told_by_role if {
	tablespace := _group({"role": "PG_TABLESPACE", "resized": false, "spans": [], "specs": []})
	_judge({"storage": [tablespace, _group({})], "created": [_claim({"request": _g})]}) == _stale(_g, 2 * _g)
}
