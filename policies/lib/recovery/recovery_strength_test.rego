# Cases that tell the library from its mutants; see docs/policy-strength.md.
package lib.recovery_test

import data.lib.fixture_test as fixture
import data.lib.recovery

_obligation(changes) := object.union(
	{
		"code": "x", "subject": "x", "since": fixture.moment(30, 30), "answers": [fixture.moment(50, 700)],
		"allowed": 600 * _s, "kinds": {"pods"}, "about": {7},
	},
	changes,
)

test_an_answer_at_the_end_of_the_time_is_one if {
	document := episode({"horizon": fixture.moment(50, 700), "horizon_by": "next"})
	recovery.judge(document, _obligation({"allowed": 700 * _s})).word == "kept"
	recovery.judge(document, _obligation({})).word == "late"
	early := episode({"horizon": fixture.moment(49, 600), "horizon_by": "next"})
	recovery.judge(early, _obligation({})).word == "passed"
}

# Nothing has been answered yet, and events are missing.
test_gaps_before_the_time_is_over[name] if {
	some name, case in {
		"just not over": {"until": 630, "want": "pending"},
		"just over": {"until": 631, "want": "gap"},
	}
	document := object.union(
		episode({"gaps": [fixture.gap("pods", 100, 110)]}),
		ends(case.until, "trace_end"),
	)
	recovery.judge(document, _obligation({"answers": []})).word == case.want
}

test_gaps_of_claims_and_pods_hide_progress[kind] if {
	some kind in {"persistentvolumeclaims", "pods"}
	document := episode(object.union(resumed(631), {"gaps": [fixture.gap(kind, 100, 110)]}))
	judged := recovery.resumption(document, document.operations[0], _times)
	{one.word | some one in judged; one.code == "not_resumed"} == {"gap"}
}

test_rows_of_progress if {
	document := episode(resumed(631))
	judged := recovery.resumption(document, document.operations[0], _times)
	{row.seq | some row in recovery.violations(judged)} == {{10, 30, 50}}
}

test_nothing_moves_while_it_is_open if {
	document := episode(object.union(open(9000, "trace_end"), {"signals": []}))
	judged := recovery.resumption(document, document.operations[0], _times)
	{row.code | some row in recovery.violations(judged)} == {"not_resumed", "not_completed"}
}

test_what_is_completed_just_before_the_cluster_goes_is_completed if {
	document := episode(object.union(ends(2430, "deleted"), completed(2400)))
	recovery.doubts(recovery.resumption(document, document.operations[0], _times)) == []
}

test_beside_it_does_not_matter_when_it_ended if {
	document := episode({"end": fixture.moment(25, 9000)})
	late := operation({"end": fixture.moment(60, 2421)})
	_said(recovery.beside(document, late, _times)).violated == {"not_completed"}
	unended := object.union(document, {"ended": false, "end": fixture.never})
	_said(recovery.beside(unended, late, _times)).violated == {"not_completed"}
}

_lasting(document) := recovery.no_longer(document, document.health, recovery.unwell(document), {
	"code": "not_ready", "subject": "pg", "since": fixture.moment(30, 30), "allowed": 600 * _s, "kinds": set(),
})

_spell(seq, from, until, changes) := health(seq, from, until, object.union({"ready": "False"}, changes))

test_spells[name] if {
	some name, case in {
		"over before": {"spans": [_spell(21, 21, 29, {}), health(29, 29, 10000, {"last": true})], "want": []},
		"over just then": {"spans": [_spell(21, 21, 30, {}), health(30, 30, 10000, {"last": true})], "want": []},
		"of two spans": {
			"spans": [
				_spell(21, 21, 40, {}), _spell(40, 40, 700, {"phase": "Failing over"}),
				health(70, 700, 10000, {"last": true}),
			],
			"want": [[{30, 40, 70}, 670 * _s]],
		},
		"to the end": {"spans": [_spell(21, 21, 10000, {"last": true})], "want": [[{21, 30, 999}, 9970 * _s]]},
		"to the end, twice": {
			"spans": [
				_spell(21, 21, 40, {}), health(40, 40, 50, {}), _spell(50, 50, 10000, {"last": true}),
			],
			"want": [[{50, 999}, 9950 * _s]],
		},
	}
	[[row.seq, row.got] | some row in recovery.violations(_lasting(episode({"health": case.spans})))] == case.want
}

# A spell that may be over by the end is not answered by its own end.
test_an_open_spell_has_no_answer if {
	document := episode(object.union(ends(620, "next"), {"health": [
		_spell(21, 21, 610, {}),
		_spell(61, 610, 620, {"last": true, "phase": "Failing over"}),
	]}))
	[one.word | some one in _lasting(document)] == ["passed"]
}

test_groups_are_told_by_role_and_tablespace if {
	one := group({"role": "PG_TABLESPACE", "tablespace": "t1", "entity": "t1"})
	two := group({"role": "PG_TABLESPACE", "tablespace": "t2", "entity": "t2"})
	wal := group({"role": "PG_WAL", "entity": "wal"})
	document := episode({"storage": [group({}), wal, one, two]})
	tablespace := operation({"role": "PG_TABLESPACE", "tablespace": "t2", "number": 1})
	[each.entity | some each in recovery.groups(document, [tablespace])] == ["t2"]
	met := [operation({"number": 5}), tablespace]
	[each.entity | some each in recovery.groups(document, met)] == ["ns/pg/PG_DATA", "t2"]
	more := [
		operation({"role": "PG_TABLESPACE", "tablespace": "t1", "number": 7}),
		operation({"role": "PG_TABLESPACE", "tablespace": "t2", "number": 8}),
	]
	[each.entity | some each in recovery.groups(document, more)] == ["t1", "t2"]
}

test_blocks_of_wal_are_short_of_nothing_when_dynamic if {
	spans := [span(20, 20, 60, {})]
	recovery.short(group({"role": "PG_WAL", "specs": [fixture.spec({"request": 3 * _g})], "spans": spans})) == set()
	static := fixture.spec({"mode": "static", "size": 3 * _g})
	recovery.short(group({"role": "PG_WAL", "specs": [static], "spans": spans})) == {0}
}

test_one_volume_and_any_size_are_enough_to_misreport if {
	recovery.misreported(group({
		"statuses": [fixture.grown(11, 11, {"effective": 1})],
		"spans": [span(60, 60, 10000, {"volumes": [volume("pg-1", {})]})],
	})) == {0}
}
