package lib.episodes_test

import data.lib.episodes
import data.lib.fixture_test as fixture

_s := fixture.second

_minute := 60 * _s

_is_judged(episode) if episodes.judged(episode, _minute)

test_what_is_judged[name] if {
	some name, case in {
		"a restart that met an expansion": {"change": {}, "want": true},
		"a restart that met none": {"change": {"operations": []}, "want": false},
		"a backup that met none": {"change": {"kind": "backup", "operations": []}, "want": true},
		"a snapshot that met none": {"change": {"kind": "snapshot", "operations": []}, "want": true},
		"usage around the threshold": {"change": {"kind": "oscillation", "operations": []}, "want": true},
		"a scale-up after an expansion": {"change": {"kind": "scale_up", "operations": [], "prior": 1}, "want": true},
		"a scale-up before any": {"change": {"kind": "scale_up", "operations": []}, "want": false},
		"a restart after an expansion": {"change": {"operations": [], "prior": 1}, "want": false},
		"a scale-up asked for by a changed spec": {"change": {"kind": "scale_up", "caused_by": "a"}, "want": true},
		"a growth asked for by a changed spec": {"change": {"kind": "growth", "caused_by": "a"}, "want": true},
		"a failover after a restart": {"change": {"kind": "failover", "caused_by": "a"}, "want": false},
		"a growth beside a restart": {
			"change": {"kind": "growth", "concurrent": [fixture.other("primary_restart", {})]}, "want": false,
		},
		"a mark beside a restart": {
			"change": {"kind": "mark", "concurrent": [fixture.other("primary_restart", {})]}, "want": false,
		},
		"a growth beside a mark": {
			"change": {"kind": "growth", "concurrent": [fixture.other("mark", {})]}, "want": true,
		},
		"a mark beside a growth": {
			"change": {"kind": "mark", "concurrent": [fixture.other("growth", {})]}, "want": true,
		},
		"a restart beside a backup": {"change": {"concurrent": [fixture.other("backup", {})]}, "want": true},
	}
	got := count([1 | _is_judged(fixture.episode(case.change))]) == 1
	got == case.want
}

# A pod that goes 60 s before its cluster is deleted.
_teardown(changes) := fixture.episode(object.union(
	{
		"horizon_by": "deleted", "horizon": fixture.moment(99, 80),
		"health": [fixture.unsteady(20, 20, 60, {"pods": ["pg-2"]}), fixture.unsteady(30, 60, 80, {"pods": []})],
	},
	changes,
))

test_torn_down[name] if {
	some name, case in {
		"with its cluster, at the latest": {"change": {}, "want": true},
		"a replica": {"change": {"kind": "replica_restart"}, "want": true},
		"too long before": {"change": {"horizon": fixture.moment(99, 81)}, "want": false},
		"not with its cluster": {"change": {"horizon_by": "trace_end"}, "want": false},
		"a node": {"change": {"kind": "node_drain"}, "want": false},
		"others are left": {"change": {"health": [fixture.unsteady(20, 20, 80, {})]}, "want": false},
	}
	episode := _teardown(case.change)
	got := count([1 | episodes.torn_down(episode, _minute)]) == 1
	got == case.want
	count([1 | _is_judged(episode)]) == count([1 | not case.want])
}

test_start[name] if {
	later := {"begin": fixture.moment(25, 25), "end": fixture.moment(40, 40)}
	some name, case in {
		"its end": {"change": {}, "want": fixture.moment(30, 30)},
		"its begin, where it has no end": {"change": {"ended": false}, "want": fixture.moment(20, 20)},
		"the end of what followed": {
			"change": {"effects": [fixture.other("failover", later)]}, "want": fixture.moment(40, 40),
		},
		"the end of what went on beside it": {
			"change": {"concurrent": [fixture.other("backup", later)]}, "want": fixture.moment(40, 40),
		},
		"its own end, after that of another": {
			"change": {"concurrent": [fixture.other("backup", {"end": fixture.moment(28, 28)})]},
			"want": fixture.moment(30, 30),
		},
		"the begin of another without an end": {
			"change": {"concurrent": [fixture.other("node_drain", object.union(later, {"ended": false}))]},
			"want": fixture.moment(30, 30),
		},
		"whatever the pressure does": {
			"change": {"concurrent": [
				fixture.other("growth", later), fixture.other("oscillation", later), fixture.other("mark", later),
			]},
			"want": fixture.moment(30, 30),
		},
	}
	episodes.start(fixture.episode(case.change)) == case.want
}

test_row_under_disruption if episodes.row(fixture.episode({}), {1}) == {"seq": {1}, "in": "disruption"}

test_row_without[name] if {
	some name, change in {
		"an expansion": {"operations": []},
		"a disruption": {"kind": "growth"},
		"a disruption, with usage around the threshold": {"kind": "oscillation"},
	}
	episodes.row(fixture.episode(change), {1}) == {"seq": {1}}
}

test_steady if episodes.steady(fixture.health(1, 1, 2, {}))

test_not_steady[name] if {
	some name, change in {
		"another phase": {"phase": "Failing over"},
		"not Ready": {"ready": "False"},
		"an instance is not ready": {"ready_instances": 2},
		"an instance is missing": {"instances": 2},
		"more instances than wanted": {"wanted": 2},
		"a pod is going": {"terminating": ["pg-1"]},
		"a claim is dangling": {"dangling": ["pg-1"]},
		"a claim is unusable": {"unusable": ["pg-1"]},
		"a claim is initializing": {"initializing": ["pg-1"]},
		"one claim is dangling, another unusable": {"dangling": ["pg-1"], "unusable": ["pg-2"]},
		"one claim is unusable, another initializing": {"unusable": ["pg-1"], "initializing": ["pg-2"]},
		"another primary is wanted": {"target_primary": "pg-1"},
		"a claim is growing": {"unsettled": [fixture.unsettled("pg-1", {})]},
		"a static claim is growing": {"unsettled": [fixture.unsettled("pg-1", {"mode": "static", "role": "PG_WAL"})]},
	}
	not episodes.steady(fixture.health(1, 1, 2, change))
}

test_steady_though[name] if {
	some name, change in {
		"a dynamic volume of WAL grows": {"unsettled": [fixture.unsettled("pg-1-wal", {"role": "PG_WAL"})]},
		"a volume without a block grows": {"unsettled": [fixture.unsettled("pg-1", {"mode": "none"})]},
	}
	episodes.steady(fixture.health(1, 1, 2, change))
}

test_degraded[name] if {
	some name, change in {
		"fenced": {"fenced": true},
		"hibernated": {"hibernated": true},
		"waiting for its user": {"phase": "Waiting for user action", "phase_reason": "r"},
		"delayed": {"phase": "Cluster upgrade delayed", "phase_reason": "r"},
	}
	episodes.degraded(fixture.unsteady(1, 1, 2, change))
}

test_not_degraded[name] if {
	some name, change in {
		"waiting for instances": {},
		"no reason is given": {"phase": "Waiting for user action", "phase_reason": ""},
	}
	not episodes.degraded(fixture.unsteady(1, 1, 2, change))
}

_timeline := [
	fixture.health(1, 10, 20, {}), fixture.health(2, 20, 50, {}), fixture.health(3, 50, 60, {}),
	fixture.health(4, 60, 90, {"last": true}),
]

_run(first, final, seq, times, open) := {
	"first": first, "final": final, "seq": seq, "began_ns": times[0] * _s, "ended_ns": times[1] * _s, "open": open,
	"least_ns": times[2] * _s, "most_ns": times[2] * _s,
}

test_runs_count_from_the_start if {
	got := episodes.runs(fixture.episode({}), _timeline, {0, 1, 3})
	got == [_run(1, 1, 2, [30, 50, 20], false), _run(3, 3, 4, [60, 90, 30], true)]
}

test_runs_that_end_with_the_start_are_none if {
	episodes.runs(fixture.episode({"end": fixture.moment(30, 50)}), _timeline, {0, 1}) == []
}

test_runs_of_uncertain_moments if {
	timeline := [fixture.health(1, 40, 60, {"not_before_ns": 35 * _s, "until_not_before_ns": 55 * _s, "last": true})]
	got := episodes.runs(fixture.episode({}), timeline, {0})
	got == [object.union(_run(0, 0, 1, [40, 60, 15], true), {"most_ns": 25 * _s})]
}

test_runs_from_an_uncertain_start if {
	end := object.union(fixture.moment(30, 30), {"not_before_ns": 25 * _s})
	got := episodes.runs(fixture.episode({"end": end}), _timeline, {1})
	got == [object.union(_run(1, 1, 2, [30, 50, 20], false), {"most_ns": 25 * _s})]
}

test_last_seq if episodes.last_seq(fixture.episode({}), _timeline, {"final": 2}) == 4

test_last_seq_of_a_run_that_goes_on if episodes.last_seq(fixture.episode({}), _timeline, {"final": 3}) == 999
