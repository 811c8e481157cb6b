package lib.recovery_test

import data.lib.fixture_test as fixture
import data.lib.recovery

_times := {"resume": 600 * _s, "complete": 2400 * _s, "teardown": 60 * _s}

_said(judged) := words(recovery.violations(judged), recovery.doubts(judged))

test_expansions[name] if {
	some name, case in object.union(expansions, more_expansions)
	document := episode(case.change)
	judged := [one |
		some operation in recovery.operations(document)
		some one in recovery.resumption(document, operation, _times)
	]
	_said(judged) == wants(case)
}

_ready(document) := _said(recovery.no_longer(document, document.health, recovery.unwell(document), {
	"code": "not_ready", "subject": "pg", "since": recovery.over(document), "allowed": 600 * _s,
	"kinds": {"clusters", "pods"},
}))

test_recoveries[name] if {
	some name, case in recoveries
	_ready(episode(case.change)) == wants(case)
}

test_sizes[name] if {
	some name, case in sizes("uneven")
	document := episode(case.change)
	judged := recovery.no_longer(document, document.storage[0].spans, recovery.uneven(document.storage[0]), {
		"code": "uneven", "subject": "pg", "since": recovery.over(document), "allowed": 300 * _s,
		"kinds": {"clusters", "persistentvolumeclaims"},
	})
	_said(judged) == wants(case)
}

test_statuses[name] if {
	some name, case in statuses("misreported")
	document := episode(case.change)
	judged := recovery.no_longer(document, document.storage[0].spans, recovery.misreported(document.storage[0]), {
		"code": "misreported", "subject": "pg", "since": recovery.over(document), "allowed": 60 * _s,
		"kinds": {"clusters", "persistentvolumeclaims"},
	})
	_said(judged) == wants(case)
}

test_rows_carry_the_time_that_they_judge if {
	document := episode(completed(2431))
	judged := recovery.resumption(document, document.operations[0], _times)
	recovery.violations(judged) == [{
		"code": "not_completed", "seq": {10, 30, 60}, "got": 2401 * _s, "want": 2400 * _s, "unit": "ns",
		"from_ns": 30 * _s, "until_ns": 2431 * _s, "subject": "ns/pg/PG_DATA/op1",
	}]
	pending := episode(open(2430, "trace_end"))
	recovery.doubts(recovery.resumption(pending, pending.operations[0], _times)) == [{
		"reason": "pending", "code": "not_completed", "seq": {10, 30, 999},
		"from_ns": 30 * _s, "until_ns": 2430 * _s, "subject": "ns/pg/PG_DATA/op1",
	}]
}

_other(kind, changes) := object.union(
	{
		"entity": "ns/pg/x#1", "kind": kind, "subject": "x", "caused_by": "", "root": "ns/pg/x#1",
		"begin": fixture.moment(25, 25), "ended": true, "end": fixture.moment(45, 45),
	},
	changes,
)

test_it_is_over_when_the_last_of_it_is[name] if {
	some name, case in {
		"alone": {"change": {}, "want": 30},
		"not ended": {"change": {"ended": false, "end": fixture.never}, "want": 20},
		"an effect": {"change": {"effects": [_other("failover", {})]}, "want": 45},
		"an effect without an end": {
			"change": {"effects": [_other("failover", {"begin": fixture.moment(35, 35), "ended": false})]}, "want": 35,
		},
		"beside another": {"change": {"concurrent": [_other("node_drain", {})]}, "want": 45},
		"beside one that ended before": {
			"change": {"concurrent": [_other("node_drain", {"end": fixture.moment(22, 22)})]}, "want": 30,
		},
		"beside growth": {"change": {"concurrent": [_other("growth", {})]}, "want": 30},
		"beside a backup": {"change": {"concurrent": [_other("backup", {})]}, "want": 30},
		"beside a mutation": {"change": {"concurrent": [_other("spec_mutation", {})]}, "want": 30},
		"beside one that begins after the document's time": {
			"change": {
				"horizon": fixture.moment(24, 40),
				"concurrent": [_other("node_drain", {})],
			},
			"want": 30,
		},
		"beside one that begins with the end of the document's time": {
			"change": {"horizon": fixture.moment(25, 40), "concurrent": [_other("node_drain", {})]}, "want": 45,
		},
	}
	recovery.over(episode(case.change)).ns == case.want * _s
}

test_what_is_disruptive[kind] if {
	some kind in {
		"operator_restart", "primary_restart", "replica_restart", "failover", "switchover", "node_drain",
		"node_loss", "scale_up", "scale_down", "rolling_upgrade", "mark",
	}
	recovery.over(episode({"concurrent": [_other(kind, {})]})).ns == 45 * _s
}

test_the_last_of_moments if {
	moments := [
		{"seq": 1, "ns": 10, "not_before_ns": 10},
		{"seq": 2, "ns": 20, "not_before_ns": 5},
	]
	recovery.latest(moments) == {"seq": 2, "ns": 20, "not_before_ns": 10}
}

test_an_expansion_that_began_later_has_its_time_from_there if {
	late := operation({"begin": fixture.moment(40, 500), "end": fixture.moment(60, 2900)})
	document := episode({"operations": [late], "signals": [signal(50, 1100, {})]})
	_said(recovery.resumption(document, late, _times)) == {"violated": set(), "unknown": set()}
	slower := object.union(late, {"end": fixture.moment(60, 2901)})
	more := object.union(document, {"operations": [slower], "signals": [signal(50, 1101, {})]})
	_said(recovery.resumption(more, slower, _times)).violated == {"not_resumed", "not_completed"}
}

test_an_expansion_that_was_completed_before_needs_no_progress if {
	done := operation({"end": fixture.moment(30, 30)})
	document := episode({"operations": [done], "signals": []})
	count(recovery.resumption(document, done, _times)) == 1
	open_still := operation({"end": fixture.moment(31, 31)})
	count(recovery.resumption(document, open_still, _times)) == 2
}

test_progress[name] if {
	some name, case in {
		"a claim": {"change": {}, "want": set()},
		"a pod": {"change": {"what": "pod"}, "want": set()},
		"an attachment": {"change": {"what": "attachment"}, "want": set()},
		"an event": {"change": {"what": "event"}, "want": {"not_resumed"}},
		"before it was over": {"change": {"seq": 30}, "want": {"not_resumed"}},
	}
	document := episode({
		"signals": [signal(50, 50, case.change)],
		"operations": [operation({"end": fixture.moment(60, 2000)})],
	})
	_said(recovery.resumption(document, document.operations[0], _times)).violated == case.want
}

test_steps_are_progress if {
	step := object.union(fixture.moment(50, 50), {"volume": "pg-1", "request": 1, "capacity": 1, "resizing": true})
	one := operation({"end": fixture.moment(60, 2000), "steps": [step]})
	_said(recovery.resumption(episode({"signals": [], "operations": [one]}), one, _times)).violated == set()
}

test_the_first_progress_counts if {
	document := episode({
		"signals": [signal(52, 900, {}), signal(51, 40, {})],
		"operations": [operation({"end": fixture.moment(60, 2000)})],
	})
	_said(recovery.resumption(document, document.operations[0], _times)).violated == set()
}

test_teardown[name] if {
	some name, case in {
		"just before the cluster": {"left": 2370, "by": "deleted", "want": {"deleted"}},
		"long before": {"left": 2369, "by": "deleted", "want": set()},
		"without a deletion": {"left": 2370, "by": "trace_end", "want": set()},
	}
	one := operation({"closed_by": "volume_left", "end": fixture.moment(60, case.left)})
	document := episode(object.union(ends(2430, case.by), {"operations": [one]}))
	_said(recovery.resumption(document, one, _times)).unknown == case.want
}

test_beside_it_time_runs_from_the_begin if {
	late := operation({"end": fixture.moment(60, 2421)})
	_said(recovery.beside(episode({}), late, _times)).violated == {"not_completed"}
	_said(recovery.beside(episode({}), operation({"end": fixture.moment(60, 2420)}), _times)).violated == set()
}

test_gaps[name] if {
	some name, case in {
		"before": {"gap": fixture.gap("pods", 20, 30), "want": "late"},
		"after": {"gap": fixture.gap("pods", 700, 710), "want": "late"},
		"inside": {"gap": fixture.gap("pods", 699, 710), "want": "gap"},
		"at the begin": {"gap": fixture.gap("pods", 20, 31), "want": "gap"},
		"of another kind": {"gap": fixture.gap("nodes", 100, 110), "want": "late"},
		"over which the spec is known": {
			"gap": object.union(fixture.gap("pods", 100, 110), {"same_generation": true}), "want": "late",
		},
	}
	recovery.judge(episode({"gaps": [case.gap]}), {
		"code": "x", "subject": "x", "since": fixture.moment(30, 30), "answers": [fixture.moment(50, 700)],
		"allowed": 600 * _s, "kinds": {"pods"}, "about": set(),
	}).word == case.want
}

test_illness[name] if {
	some name, case in {
		"healthy": {"change": {}, "want": set()},
		"another phase": {"change": {"phase": "Failing over"}, "want": {0}},
		"not Ready": {"change": {"ready": "False"}, "want": {0}},
		"fewer instances": {"change": {"ready_instances": 2}, "want": {0}},
		"fewer pods": {"change": {"ready_pods": ["pg-1", "pg-2"]}, "want": {0}},
		"a pod that goes": {"change": {"terminating": ["pg-9"]}, "want": {0}},
		"not recorded": {"change": {"ready": "False", "seen": false}, "want": set()},
		"hibernated": {"change": {"ready": "False", "hibernated": true}, "want": set()},
		"fenced": {"change": {"ready": "False", "fenced": true}, "want": set()},
	}
	recovery.unwell(episode({"health": [health(20, 20, 10000, case.change)]})) == case.want
}

test_groups if {
	tablespace := group({"role": "PG_TABLESPACE", "tablespace": "t1", "entity": "ns/pg/PG_TABLESPACE/t1"})
	other := group({"role": "PG_TABLESPACE", "tablespace": "t2", "entity": "ns/pg/PG_TABLESPACE/t2"})
	document := episode({"storage": [group({}), tablespace, other]})
	met := [
		operation({}), operation({"number": 2}),
		operation({"role": "PG_TABLESPACE", "tablespace": "t1", "number": 3}),
	]
	[one.entity | some one in recovery.groups(document, met)] == ["ns/pg/PG_DATA", "ns/pg/PG_TABLESPACE/t1"]
}

_uneven := span(20, 20, 60, {"volumes": [volume("pg-1", {}), volume("pg-2", {"request": _g})]})

test_uneven[name] if {
	some name, case in {
		"different": {"change": {}, "want": {0}},
		"the same": {"change": {"spans": [span(20, 20, 60, {})]}, "want": set()},
		"volumes in use stay": {"change": {"specs": [fixture.spec({"resize_in_use": false})]}, "want": set()},
		"WAL": {"change": {"role": "PG_WAL"}, "want": set()},
		"static WAL": {"change": {"role": "PG_WAL", "specs": [fixture.spec({"mode": "static"})]}, "want": {0}},
		"detached": {
			"change": {"spans": [span(20, 20, 60, {"volumes": [
				volume("pg-1", {}),
				volume("pg-2", {"request": _g, "status": "detached"}),
			]})]},
			"want": set(),
		},
	}
	recovery.uneven(group(object.union({"spans": [_uneven]}, case.change))) == case.want
}

test_short[name] if {
	some name, case in {
		"as asked for": {"spec": {"request": 2 * _g}, "volume": {}, "want": set()},
		"less": {"spec": {"request": 3 * _g}, "volume": {}, "want": {0}},
		"a size": {"spec": {"mode": "static", "size": 2 * _g, "request": 9 * _g}, "volume": {}, "want": set()},
		"less than a size": {"spec": {"mode": "static", "size": 3 * _g, "request": 0}, "volume": {}, "want": {0}},
		"volumes in use stay": {"spec": {"request": 3 * _g, "resize_in_use": false}, "volume": {}, "want": set()},
		"detached": {"spec": {"request": 3 * _g}, "volume": {"status": "detached"}, "want": set()},
		"no block": {"spec": {"request": 3 * _g, "mode": "none"}, "volume": {}, "want": set()},
	}
	recovery.short(group({
		"specs": [fixture.spec(case.spec)],
		"spans": [span(20, 20, 60, {"volumes": [volume("pg-1", case.volume)]})],
	})) == case.want
}

test_repetitions[name] if {
	some name, case in {
		"a larger size": {"change": {"action_to": 3 * _g}, "want": 0},
		"the same size": {"change": {}, "want": 1},
		"a smaller size": {"change": {"action_to": _g}, "want": 1},
		"the same action": {"change": {"action_timestamp": "t11"}, "want": 0},
		"no action": {"change": {"has_action": false}, "want": 0},
	}
	count(recovery.repeated(group({"statuses": [
		fixture.grown(11, 11, {}),
		fixture.grown(40, 40, case.change),
	]}))) == case.want
}

test_after_a_failure_it_may_be_done_again if {
	recovery.repeated(group({"statuses": [
		fixture.grown(11, 11, {"action_result": "Failed"}),
		fixture.grown(40, 40, {}),
	]})) == []
}

test_a_repetition_is_a_row if {
	recovery.repeated(group({"statuses": [fixture.grown(11, 11, {}), fixture.grown(40, 40, {})]})) == [{
		"seq": {11, 40}, "kind": "EmergencyGrow", "got": 2 * _g, "want": 2 * _g, "unit": "bytes",
	}]
}

test_misreports[name] if {
	some name, case in {
		"the size that the claims have": {"span": {}, "status": {}, "spec": {}, "want": set()},
		"another size": {"span": {}, "status": {"effective": _g}, "spec": {}, "want": {0}},
		"no size yet": {"span": {}, "status": {"effective": 0}, "spec": {}, "want": set()},
		"while an expansion is open": {"span": {"open": true}, "status": {"effective": _g}, "spec": {}, "want": set()},
		"a size that the block asks for": {
			"span": {}, "status": {"effective": _g}, "spec": {"request": 2 * _g}, "want": set(),
		},
		"that it grows": {"span": {}, "status": {"state": "Resizing"}, "spec": {}, "want": {0}},
		"that it grows at once": {"span": {}, "status": {"state": "Emergency"}, "spec": {}, "want": {0}},
		"without volumes": {"span": {"volumes": []}, "status": {"state": "Resizing"}, "spec": {}, "want": set()},
		"of a static block": {"span": {}, "status": {"state": "Resizing"}, "spec": {"mode": "static"}, "want": set()},
	}
	recovery.misreported(group({
		"specs": [fixture.spec(case.spec)],
		"statuses": [fixture.grown(11, 11, case.status)],
		"spans": [span(60, 60, 10000, case.span)],
	})) == case.want
}

test_nothing_is_said_of_wal if {
	recovery.misreported(group({
		"role": "PG_WAL", "statuses": [fixture.grown(11, 11, {"state": "Resizing"})],
		"spans": [span(60, 60, 10000, {})],
	})) == set()
}

test_without_pods_the_status_is_believed[name] if {
	some name, case in {
		"no pods": {"change": {"pods": [], "ready_pods": []}, "want": set()},
		"no pods, not ready": {"change": {"pods": [], "ready_pods": [], "ready": "False"}, "want": {0}},
		"one pod": {"change": {"pods": ["pg-1"], "ready_pods": []}, "want": {0}},
		"one that goes": {"change": {"pods": [], "ready_pods": [], "terminating": ["pg-1"]}, "want": {0}},
	}
	recovery.unwell(episode({"health": [health(20, 20, 10000, case.change)]})) == case.want
}
