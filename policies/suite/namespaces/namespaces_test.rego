package suite.namespaces_test

import data.lib.fixture_test as fixture
import data.suite.namespaces as policy

_s := fixture.second

_judge(specs, clusters) := judged if {
	document := {
		"until_seq": 99, "until_ns": 1000 * _s, "specs": specs, "clusters": clusters, "claims": [], "shared": [],
	}
	violation := policy.violation with input as document with data.params as fixture.params
	exercised := policy.exercised with input as document with data.params as fixture.params
	unknown := policy.unknown with input as document with data.params as fixture.params
	judged := fixture.judgement(violation, exercised, unknown)
}

_spec(title, seq, from, until) := {
	"title": title, "process": 1, "outcome": "passed", "begin_seq": seq, "begin_ns": from * _s, "ended": true,
	"end_seq": seq + 1, "end_ns": until * _s,
}

_running(title, seq, from) := object.union(_spec(title, seq, from, 0), {"ended": false, "end_seq": 0})

_cluster(seq, at, namespace, left) := object.union(fixture.moment(seq, at), {
	"namespace": namespace, "cluster": "pg", "born": true, "left": left > 0, "left_seq": left, "left_ns": left * _s,
})

_exercised := {{"seq": {1, 10}}}

_held := fixture.judgement(set(), _exercised, set())

_vacuous := fixture.judgement(set(), set(), set())

test_one_cluster[name] if {
	some name, case in {
		"gone with its spec": {"clusters": [_cluster(10, 15, "a", 20)], "want": _held},
		"created as the spec begins": {"clusters": [_cluster(10, 10, "a", 20)], "want": _held},
		"created as the spec ends": {"clusters": [_cluster(10, 20, "a", 30)], "want": _held},
		"created before": {"clusters": [_cluster(10, 9, "a", 20)], "want": _vacuous},
		"created after": {"clusters": [_cluster(10, 21, "a", 30)], "want": _vacuous},
		"there from the start": {
			"clusters": [object.union(_cluster(10, 15, "a", 20), {"born": false})], "want": _vacuous,
		},
		"gone as late as may be": {"clusters": [_cluster(10, 15, "a", 320)], "want": _held},
		"gone too late": {
			"clusters": [_cluster(10, 15, "a", 321)],
			"want": object.union(_held, {"violation": {{
				"code": "left_behind", "class": "test", "seq": {2, 10, 321}, "got": 301 * _s, "want": 300 * _s,
				"unit": "ns", "spec": "one",
			}}}),
		},
		"never gone": {
			"clusters": [_cluster(10, 15, "a", 0)],
			"want": object.union(_held, {"violation": {{
				"code": "left_behind", "class": "test", "seq": {2, 10, 99}, "got": 980 * _s, "want": 300 * _s,
				"unit": "ns", "spec": "one",
			}}}),
		},
	}
	_judge([_spec("one", 1, 10, 20)], case.clusters) == case.want
}

test_the_recording_ends[name] if {
	some name, case in {
		"as late as may be": {"end": 700, "unknown": {{"reason": "pending", "seq": {2, 10, 99}}}, "codes": set()},
		"too late": {"end": 699, "unknown": set(), "codes": {"left_behind"}},
	}
	judged := _judge([_spec("one", 1, 10, case.end)], [_cluster(10, 15, "a", 0)])
	judged.unknown == case.unknown
	{row.code | some row in judged.violation} == case.codes
}

test_a_spec_that_has_not_ended_has_nothing_to_clean if {
	_judge([_running("one", 1, 10)], [_cluster(10, 15, "a", 0)]) == _held
}

test_a_cluster_from_before_a_running_spec if {
	_judge([_running("one", 1, 10)], [_cluster(10, 9, "a", 0)]) == _vacuous
}

test_a_cluster_as_a_running_spec_begins if {
	_judge([_running("one", 1, 10)], [_cluster(10, 10, "a", 0)]) == _held
}

test_while_two_specs_run_nobody_owns_a_cluster if {
	_judge([_spec("one", 1, 10, 20), _spec("two", 3, 12, 30)], [_cluster(10, 15, "a", 0)]) == _vacuous
}

test_two_clusters[name] if {
	specs := [_spec("one", 1, 10, 20), _spec("two", 3, 30, 40)]
	some name, case in {
		"one after the other": {"first": _cluster(10, 15, "a", 20), "second": _cluster(11, 35, "a", 40), "codes": set()},
		"the first gone at that moment": {
			"first": _cluster(10, 15, "a", 35), "second": _cluster(11, 35, "a", 40), "codes": set(),
		},
		"the first still there": {
			"first": _cluster(10, 15, "a", 36), "second": _cluster(11, 35, "a", 40), "codes": {"shared_namespace"},
		},
		"the first there for ever": {
			"first": _cluster(10, 15, "a", 0), "second": _cluster(11, 35, "a", 40),
			"codes": {"shared_namespace", "left_behind"},
		},
		"in two namespaces": {
			"first": _cluster(10, 15, "b", 36), "second": _cluster(11, 35, "a", 40), "codes": set(),
		},
		"of one spec": {
			"first": _cluster(10, 35, "a", 40), "second": _cluster(11, 36, "a", 40), "codes": set(),
		},
	}
	{row.code | some row in _judge(specs, [case.first, case.second]).violation} == case.codes
}

test_what_is_said_of_a_shared_namespace if {
	judged := _judge(
		[_spec("one", 1, 10, 20), _spec("two", 3, 30, 40)],
		[_cluster(10, 15, "a", 36), _cluster(11, 35, "a", 40)],
	)
	judged.violation == {{
		"code": "shared_namespace", "class": "test", "seq": {10, 11}, "got": "a",
		"want": "a namespace for each spec", "specs": ["one", "two"],
	}}
}
