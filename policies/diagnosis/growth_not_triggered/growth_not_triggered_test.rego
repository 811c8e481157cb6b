package diagnosis.growth_not_triggered_test

import data.diagnosis.growth_not_triggered
import data.lib.fixture_test as fixture

_s := fixture.second

_g := fixture.gib

# A volume of 10 GiB of which 9 are used, in one span from 100 s to 300 s.
_sample(changes) := object.union({"used": 9 * _g, "available": _g}, changes)

_volume(changes) := object.union(
	{"volume": "pg-1", "instance": "pg-1", "request": 10 * _g, "capacity": 10 * _g, "sample": 0},
	changes,
)

_span(from, until, changes) := object.union(
	object.union(fixture.moment(50, from), {
		"until_ns": until * _s, "until_not_before_ns": until * _s, "last": false, "spec": 0, "status": 0,
		"window_open": true, "has_next_opening": false, "next_opening_ns": 0, "disrupted": false, "open": false,
		"peak": 10 * _g, "volumes": [_volume({})],
	}),
	changes,
)

_spec(changes) := fixture.spec(object.union(
	{"target_buffer": 20, "critical_percent": 95, "critical_free": 100, "limit": 20 * _g},
	changes,
))

_status(changes) := object.union(
	{"present": true, "state": "PendingGrowth", "has_budget": true, "planned": 3, "emergency": 1},
	changes,
)

_pressure(changes) := object.union(
	{
		"role": "PG_DATA", "specs": [_spec({})], "statuses": [_status({})], "samples": [_sample({})],
		"spans": [_span(100, 300, {})],
	},
	changes,
)

_judge(changes) := rows if {
	rows := growth_not_triggered.blame with input as _pressure(changes) with data.params as fixture.params
}

_reasons(changes) := {[row.reason, row.class] | some row in _judge(changes)}

_closed := {"spans": [_span(100, 300, {"window_open": false})]}

_critical := {"samples": [_sample({"used": 10 * _g})]}

_budget(planned, emergency) := {"statuses": [_status({"planned": planned, "emergency": emergency})]}

test_why[name] if {
	some name, case in {
		"nobody knows": {"changes": {}, "want": {["not_acted", "product"]}},
		"the limit": {"changes": {"specs": [_spec({"limit": 10 * _g})]}, "want": {["at_limit", "test"]}},
		"just below the limit": {
			"changes": {"specs": [_spec({"limit": (10 * _g) + 1})]}, "want": {["not_acted", "product"]},
		},
		"above the limit, and closed": {
			"changes": object.union(_closed, {"specs": [_spec({"limit": 5 * _g})]}), "want": {["at_limit", "test"]},
		},
		"no status at all": {
			"changes": {"spans": [_span(100, 300, {"status": -1})]}, "want": {["no_disk_status", "product"]},
		},
		"no entry": {
			"changes": {"statuses": [_status({"present": false})]}, "want": {["no_disk_status", "product"]},
		},
		"no state": {"changes": {"statuses": [_status({"state": ""})]}, "want": {["no_disk_status", "product"]}},
		"waiting": {
			"changes": {"statuses": [_status({"state": "WaitingForDiskStatus"})]},
			"want": {["no_disk_status", "product"]},
		},
		"closed": {"changes": _closed, "want": {["window_closed", "test"]}},
		"closed, in an emergency": {"changes": object.union(_closed, _critical), "want": {["not_acted", "product"]}},
		"closed, in an emergency that is switched off": {
			"changes": object.union(object.union(_closed, _critical), {"specs": [_spec({"emergency_enabled": false})]}),
			"want": {["window_closed", "test"]},
		},
		"closed, and almost critical": {
			"changes": object.union(_closed, {"samples": [_sample({"used": (((10 * _g) * 95) / 100) - 1})]}),
			"want": {["window_closed", "test"]},
		},
		"closed, and just critical": {
			"changes": object.union(_closed, {"samples": [_sample({"used": ((10 * _g) * 95) / 100})]}),
			"want": {["not_acted", "product"]},
		},
		"closed, and little free": {
			"changes": object.union(_closed, {"samples": [_sample({"available": 100})]}),
			"want": {["not_acted", "product"]},
		},
		"closed, and a little more free": {
			"changes": object.union(_closed, {"samples": [_sample({"available": 101})]}),
			"want": {["window_closed", "test"]},
		},
		"closed, little free, emergencies switched off": {
			"changes": object.union(
				_closed,
				{"samples": [_sample({"available": 1})], "specs": [_spec({"emergency_enabled": false})]},
			),
			"want": {["window_closed", "test"]},
		},
		"planned budget used up": {"changes": _budget(0, 1), "want": {["budget_used", "test"]}},
		"planned budget not used up": {"changes": _budget(1, 0), "want": {["not_acted", "product"]}},
		"reserve left in an emergency": {
			"changes": object.union(_critical, _budget(0, 1)), "want": {["not_acted", "product"]},
		},
		"planned budget left in an emergency": {
			"changes": object.union(_critical, _budget(1, 0)), "want": {["not_acted", "product"]},
		},
		"both left in an emergency": {
			"changes": object.union(_critical, _budget(1, 1)), "want": {["not_acted", "product"]},
		},
		"nothing left in an emergency": {
			"changes": object.union(_critical, _budget(0, 0)), "want": {["budget_used", "test"]},
		},
		"no budget told": {
			"changes": {"statuses": [_status({"has_budget": false, "planned": 0, "emergency": 0})]},
			"want": {["not_acted", "product"]},
		},
	}
	_reasons(case.changes) == case.want
}

test_growth_is_not_due[name] if {
	some name, changes in {
		"as full as it may be": {"samples": [_sample({"used": 8 * _g})]},
		"not measured": {"spans": [_span(100, 300, {"volumes": [_volume({"sample": -1})]})]},
		"not bound": {"spans": [_span(100, 300, {"volumes": [_volume({"capacity": 0})]})]},
		"growing": {"spans": [_span(100, 300, {"open": true})]},
		"static": {"specs": [_spec({"mode": "static"})]},
		"before the spec": {"spans": [_span(100, 300, {"spec": -1})]},
		"WAL": {"role": "PG_WAL"},
		"not for long": {"spans": [_span(100, 220, {})]},
		"no volumes": {"spans": [_span(100, 300, {"volumes": []})]},
	}
	_judge(changes) == set()
}

test_growth_is_due[name] if {
	some name, changes in {
		"a byte more than it may be": {"samples": [_sample({"used": (8 * _g) + 1})]},
		"for long enough": {"spans": [_span(100, 221, {})]},
		"a tablespace": {"role": "PG_TABLESPACE"},
		"a volume of a byte": {"spans": [_span(100, 300, {"volumes": [_volume({"capacity": 1})]})]},
		"one of two volumes": {
			"spans": [_span(100, 300, {"volumes": [_volume({"sample": 1}), _volume({})]})],
			"samples": [_sample({}), _sample({"used": 1})],
		},
		"in two spans": {"spans": [_span(100, 200, {}), _span(200, 300, {})]},
	}
	_reasons(changes) == {["not_acted", "product"]}
}

test_evidence if {
	spans := [_span(100, 200, {}), _span(200, 300, {"volumes": [_volume({}), _volume({"sample": 1})]})]
	_judge({"spans": spans, "samples": [_sample({}), _sample({"used": _g})]}) == {{
		"class": "product", "reason": "not_acted", "seq": {50}, "from_ns": 100 * _s, "until_ns": 300 * _s,
		"state": "PendingGrowth", "peak_bytes": 10 * _g, "used_bytes": 9 * _g,
	}}
}
