package lib.rises_test

import data.lib.fixture_test as fixture
import data.lib.rises

_s := fixture.second

test_scope[name] if {
	some name, case in {
		"static data": {"mode": "static", "role": "PG_DATA", "want": true},
		"static WAL": {"mode": "static", "role": "PG_WAL", "want": true},
		"dynamic data": {"mode": "dynamic", "role": "PG_DATA", "want": true},
		"dynamic tablespace": {"mode": "dynamic", "role": "PG_TABLESPACE", "want": true},
		"dynamic WAL": {"mode": "dynamic", "role": "PG_WAL", "want": false},
		"no block": {"mode": "none", "role": "PG_DATA", "want": false},
	}
	_in_scope(case) == case.want
}

_in_scope(case) if rises.in_scope(case.mode, case.role)

_in_scope(case) := false if not rises.in_scope(case.mode, case.role)

# Blocks from 0 to 100 s, from 100 to 200 s and from 200 s on; the skew is 2 s.
_specs := [
	fixture.spec({"seq": 1, "until_ns": 100 * _s}),
	fixture.spec({"seq": 2, "ns": 100 * _s, "until_ns": 200 * _s}),
	fixture.spec({"seq": 3, "ns": 200 * _s}),
]

test_candidates[name] if {
	some name, case in {
		"long after a change": {"at": 150, "want": [2]},
		"just after a change": {"at": 101, "want": [1, 2]},
		"the skew after a change": {"at": 102, "want": [2]},
		"just before a change": {"at": 199, "want": [2, 3]},
		"the skew before a change": {"at": 198, "want": [2, 3]},
		"longer before a change": {"at": 197, "want": [2]},
		"before any": {"at": -3, "want": []},
	}
	specs := rises.candidates(_specs, fixture.request(9, case.at, {}), 2 * _s)
	[spec.seq | some spec in specs] == case.want
}

test_an_uncertain_moment_has_more_candidates if {
	request := fixture.request(9, 210, {"not_before_ns": 50 * _s})
	count(rises.candidates(_specs, request, 0)) == 3
}

test_decisions[name] if {
	some name, case in {
		"the first rise of a group": {"change": {}, "want": 1},
		"a volume that follows": {"change": {"peak": 2 * fixture.gib}, "want": 0},
		"a smaller request": {"change": {"from": 3 * fixture.gib}, "want": 0},
		"the same request": {"change": {"from": 2 * fixture.gib}, "want": 0},
		"a new claim": {"change": {"how": "created"}, "want": 0},
	}
	count(rises.decisions([fixture.request(9, 50, case.change)])) == case.want
}

test_by_spec[name] if {
	some name, case in {
		"an action": {"specs": _specs, "want": false},
		"the request of the block": {"specs": [fixture.spec({"request": 2 * fixture.gib})], "want": true},
		"a static block": {"specs": [fixture.spec({"mode": "static"})], "want": true},
	}
	_by_spec(case) == case.want
}

_by_spec(case) if rises.by_spec(case.specs, fixture.request(9, 50, {}), 0)

_by_spec(case) := false if not rises.by_spec(case.specs, fixture.request(9, 50, {}), 0)

# The rise is at 50 s; actions count from 5 s before to 60 s after it.
test_actions[name] if {
	some name, case in {
		"right after": {"status": fixture.grown(9, 51, {}), "want": 1},
		"as early as may be": {"status": fixture.grown(9, 45, {}), "want": 1},
		"too early": {"status": fixture.grown(9, 44, {}), "want": 0},
		"as late as may be": {"status": fixture.grown(9, 110, {}), "want": 1},
		"too late": {"status": fixture.grown(9, 111, {}), "want": 0},
		"to another size": {"status": fixture.grown(9, 51, {"action_to": 3}), "want": 0},
		"no action": {"status": fixture.status(9, 51, {"action_to": 2 * fixture.gib}), "want": 0},
	}
	count(rises.actions([case.status], fixture.request(9, 50, {}), 5 * _s, 60 * _s)) == case.want
}

_times := {"order_skew_ns": 2 * _s, "action_match_ns": 5 * _s, "status_grace_ns": 60 * _s}

test_growth[name] if {
	some name, case in {
		"an action": {"change": {}, "want": [{"EmergencyGrow"}]},
		"of which nothing tells": {"change": {"statuses": []}, "want": [set()]},
		"asked for by the block": {"change": {"specs": [fixture.spec({"request": 2 * fixture.gib})]}, "want": []},
		"of a static block": {"change": {"specs": [fixture.spec({"mode": "static"})]}, "want": []},
		"of WAL": {"change": {"role": "PG_WAL"}, "want": []},
		"without a block": {"change": {"specs": []}, "want": []},
		"a volume that follows": {"change": {"requests": [fixture.request(9, 50, {"peak": 2 * fixture.gib})]}, "want": []},
	}
	group := object.union(
		{
			"role": "PG_DATA", "specs": _specs, "requests": [fixture.request(9, 50, {})],
			"statuses": [fixture.grown(9, 51, {})],
		},
		case.change,
	)
	[growth.kinds | some growth in rises.growth(group, _times)] == case.want
}

test_growth_has_its_blocks if {
	group := {"role": "PG_DATA", "specs": _specs, "requests": [fixture.request(9, 101, {})], "statuses": []}
	[[spec.seq | some spec in growth.specs] | some growth in rises.growth(group, _times)] == [[1, 2]]
}
