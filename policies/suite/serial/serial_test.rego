package suite.serial_test

import data.lib.fixture_test as fixture
import data.suite.serial as policy

_s := fixture.second

_judge(specs, shared) := judged if {
	judged := fixture.judgement(policy.violation, policy.exercised, set()) with input as {
		"until_seq": 99, "until_ns": 1000 * _s, "specs": specs, "clusters": [], "claims": [], "shared": shared,
	}
}

_spec(title, seq, from, until) := {
	"title": title, "process": 1, "outcome": "passed", "begin_seq": seq, "begin_ns": from * _s, "ended": true,
	"end_seq": seq + 1, "end_ns": until * _s,
}

_drain(seq, at) := {
	"kind": "node_unschedulable", "subject": "n1", "begin": fixture.moment(seq, at), "ended": true,
	"end": fixture.moment(seq + 1, at + 1), "crash": false,
}

test_one_spec_at_a_time[name] if {
	some name, at in {"at its begin": 10, "in its middle": 15, "at its end": 20}
	judged := _judge([_spec("a", 1, 10, 20), _spec("b", 5, 30, 40)], [_drain(50, at)])
	judged == fixture.judgement(set(), {{"seq": {50}}}, set())
}

test_nothing_runs[name] if {
	some name, at in {"before all": 9, "between two": 25, "after all": 41}
	_judge([_spec("a", 1, 10, 20), _spec("b", 5, 30, 40)], [_drain(50, at)]) == fixture.judgement(set(), set(), set())
}

test_two_at_a_time if {
	_judge([_spec("a", 1, 10, 20), _spec("b", 5, 15, 40)], [_drain(50, 15)]) == fixture.judgement(
		{{
			"code": "interference", "class": "test", "seq": {1, 5, 50}, "got": 2, "want": 1,
			"kind": "node_unschedulable", "subject": "n1", "specs": ["a", "b"],
		}},
		{{"seq": {50}}}, set(),
	)
}

test_a_spec_that_has_not_ended_is_running if {
	running := object.union(_spec("b", 5, 15, 0), {"ended": false, "end_seq": 0})
	judged := _judge([_spec("a", 1, 10, 20), running], [_drain(50, 18)])
	{row.code | some row in judged.violation} == {"interference"}
}

test_a_spec_that_has_not_ended_did_not_run_before_its_begin if {
	running := object.union(_spec("b", 5, 15, 0), {"ended": false, "end_seq": 0})
	_judge([_spec("a", 1, 10, 20), running], [_drain(50, 14)]).violation == set()
}

test_a_spec_that_has_not_ended_runs_from_its_begin_on if {
	running := object.union(_spec("b", 5, 15, 0), {"ended": false, "end_seq": 0})
	count(_judge([running], [_drain(50, 15)]).exercised) == 1
}
