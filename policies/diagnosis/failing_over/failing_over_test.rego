package diagnosis.failing_over_test

import data.diagnosis.failing_over
import data.lib.fixture_test as fixture

_p := fixture.params

_judge(changes) := rows if {
	rows := failing_over.blame with input as fixture.waits(changes) with data.params as _p
}

_one(interval, changes) := _judge({"failovers": [fixture.failover_wait(interval, changes)]})

_open := {"agreed": fixture.never}

test_where_it_is_stuck[name] if {
	some name, case in {
		"WAL receivers": {"changes": object.union(_open, {"wal_waits": 1, "target": "pending"}), "want": "wal_receivers"},
		"nobody elected": {"changes": object.union(_open, {"target": "pending"}), "want": "not_elected"},
		"nobody promoted": {"changes": object.union(_open, {"target": "pg-3"}), "want": "not_promoted"},
		"an instance": {"changes": {"wal_waits": 1}, "want": "instance_not_ready"},
		"an instance, of another target": {"changes": {"target": "pending"}, "want": "instance_not_ready"},
		"the phase": {"changes": {"not_ready": []}, "want": "phase_stays"},
	}
	{[row.reason, row.class] | some row in _one(fixture.lasting(100, 300), case.changes)} == {[case.want, "product"]}
}

test_when[name] if {
	some name, case in {
		"at the limit": {"interval": fixture.lasting(100, 220), "more": {}, "want": []},
		"longer": {"interval": fixture.lasting(100, 221), "more": {}, "want": [[100, 221]]},
		"not over": {"interval": fixture.forever(9000), "more": {}, "want": [[9000, 10000]]},
		"explained by a volume": {
			"interval": fixture.lasting(100, 900),
			"more": {"volumes": [fixture.volume_wait(fixture.lasting(200, 800), {})]}, "want": [],
		},
		"explained in part": {
			"interval": fixture.lasting(100, 900),
			"more": {"volumes": [fixture.volume_wait(fixture.lasting(200, 700), {})]}, "want": [[700, 900]],
		},
		"explained by a claim without a pod": {
			"interval": fixture.lasting(100, 900),
			"more": {"podless": [fixture.podless(fixture.lasting(110, 900), {})]}, "want": [],
		},
		"explained by WAL": {
			"interval": fixture.lasting(100, 900),
			"more": {"rewinds": [fixture.rewind(fixture.lasting(110, 900), {})]}, "want": [],
		},
	}
	rows := _judge(object.union({"failovers": [fixture.failover_wait(case.interval, {})]}, case.more))
	[[row.from_ns / fixture.second, row.until_ns / fixture.second] | some row in rows] == case.want
}

test_evidence if {
	_one(fixture.lasting(100, 300), {"wal_wait_seq": [150]}) == {{
		"class": "product", "reason": "instance_not_ready", "from_ns": 100 * fixture.second,
		"until_ns": 300 * fixture.second, "seq": {101, 102, 150}, "phase": "Failing over", "from_primary": "pg-1",
		"current_primary": "pg-2", "target_primary": "pg-2", "not_ready": ["pg-1"], "failovers_told": 1,
	}}
}
