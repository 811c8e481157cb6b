package assertions.data_test

import data.assertions.data as policy
import data.lib.fixture_test as fixture

_s := fixture.second

_judge(document) := judged if {
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as document
		with data.params as fixture.params
}

_none := {"elements": "", "count": 0, "seq": []}

# A sentinel that wrote before, and read after.
_workload(changes) := object.union(
	{
		"workload": "w", "synchronous": false, "acknowledged_before": 10, "acknowledged_during": 5,
		"acknowledged_after": 5, "write_before_seq": 19, "reads_before": 1, "reads_after": 1, "read_after_seq": 40,
		"read_after_ns": 40 * _s, "last_read_seq": 40, "known": 20, "unread": _none, "lost": [], "unexpected": [],
		"duplicated": [], "instances": [],
	},
	changes,
)

_watched(changes) := fixture.episode({"sentinel": true, "workloads": [_workload(changes)]})

_lost(changes) := object.union(
	{
		"elements": "3-4", "count": 2, "seq": [15, 40], "told": true,
		"crash": false, "failover_seq": 0, "standby": "none",
	},
	changes,
)

_crash(standby) := _lost({"crash": true, "failover_seq": 22, "standby": standby})

_found(seq) := object.union(fixture.moment(seq, seq), {"elements": "7", "count": 1})

_times := {"from_ns": 20 * _s, "until_ns": 10000 * _s}

_row(row) := object.union(_times, row)

_exercised := {{"seq": {19, 20, 40}, "in": "disruption"}}

_held := fixture.judgement(set(), _exercised, set())

_vacuous := fixture.judgement(set(), set(), set())

_violated(row) := fixture.judgement({_row(row)}, _exercised, set())

_missing(code) := {"code": code, "seq": [15, 40], "got": "3-4", "want": "found", "count": 2}

test_data[name] if {
	some name, case in {
		"all is found": {"change": {}, "want": _held},
		"elements are lost": {"change": {"lost": [_lost({})]}, "want": _violated(_missing("lost"))},
		"elements are lost in a crash, with synchronous replication": {
			"change": {"synchronous": true, "lost": [_crash("lacked")]}, "want": _violated(_missing("lost")),
		},
		"elements are lost in a crash that nobody was told of": {
			"change": {"synchronous": true, "lost": [object.union(_crash("lacked"), {"told": false})]}, "want": _held,
		},
		"elements are lost without a crash after a read had found them": {
			"change": {"lost": [_lost({"told": false})]}, "want": _violated(_missing("lost")),
		},
		"elements are lost in a crash that the standby had": {
			"change": {"lost": [_crash("had")]}, "want": _violated(_missing("lost_though_replicated")),
		},
		"elements are lost in a crash that the standby lacked": {"change": {"lost": [_crash("lacked")]}, "want": _held},
		"elements are lost in a crash, and the standby is unknown": {
			"change": {"lost": [_crash("unknown")]},
			"want": fixture.judgement(set(), _exercised, {_row({"reason": "standby_unknown", "seq": [15, 40]})}),
		},
		"elements are lost without a crash, and the standby is unknown": {
			"change": {"lost": [_lost({"standby": "unknown"})]}, "want": _violated(_missing("lost")),
		},
		"elements are lost without a crash that a standby had": {
			"change": {"lost": [_lost({"standby": "had"})]}, "want": _violated(_missing("lost")),
		},
		"elements are found that nobody wrote": {
			"change": {"unexpected": [_found(45)]},
			"want": _violated({"code": "unexpected", "seq": {45}, "got": "7", "want": "", "count": 1}),
		},
		"elements are found twice": {
			"change": {"duplicated": [_found(45)]},
			"want": _violated({"code": "duplicated", "seq": {45}, "got": "7", "want": "once", "count": 1}),
		},
	}
	_judge(_watched(case.change)) == case.want
}

_unread := {"elements": "9", "count": 1, "seq": [18]}

test_data_that_were_not_looked_at[name] if {
	some name, case in {
		"nothing was written before": {
			"change": {"write_before_seq": 0}, "exercised": set(),
			"unknown": {"reason": "no_write", "seq": {20, 999}},
		},
		"nothing was read after": {
			"change": {"read_after_seq": 0, "unread": _unread}, "exercised": set(),
			"unknown": {"reason": "no_read", "seq": {20, 999}},
		},
		"not all was read after": {
			"change": {"unread": _unread}, "exercised": _exercised,
			"unknown": {"reason": "never_read", "seq": {18, 999}},
		},
	}
	_judge(_watched(case.change)) == fixture.judgement(set(), case.exercised, {_row(case.unknown)})
}

test_data_without_a_sentinel if {
	want := fixture.judgement(set(), set(), {_row({"reason": "no_sentinel", "seq": {20, 999}})})
	_judge(fixture.episode({})) == want
}

test_no_word_on_an_episode_that_does_not_call_for_it[name] if {
	some name, episode in {
		"with a sentinel": _watched({"lost": [_lost({})]}),
		"without": fixture.episode({}),
	}
	_judge(object.union(episode, {"operations": []})) == _vacuous
}
