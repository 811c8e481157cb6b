package behaviour.single_primary_test

import data.behaviour.single_primary as policy
import data.lib.fixture_test as fixture

_s := fixture.second

_judge(document) := judged if {
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as document
		with data.params as fixture.params
}

_none := fixture.judgement(set(), set(), set())

_held := fixture.judgement(set(), {{"seq": {40, 49}, "in": "disruption"}}, set())

_violated(finding) := object.union(_none, {"violation": {finding}})

_doubted(doubt) := object.union(_none, {"unknown": {doubt}})

test_nothing_is_vacuous if _judge(fixture.cluster({})) == _none

test_exercised[name] if {
	some name, case in {
		"by a failover": {"change": {"elections": [fixture.elected({})]}, "want": _held},
		"by one that is called off": {"change": {"elections": [fixture.elected({"to": "pg-1"})]}, "want": _held},
		"not by one that is not over": {"change": {"elections": [fixture.elected({"ended": false})]}, "want": _none},
		"with a gap": {
			"change": {"elections": [fixture.elected({})], "gaps": [fixture.gap("clusters", 90, 120)]},
			"want": object.union(_held, {"unknown": {{"reason": "gap", "seq": {901, 902}}}}),
		},
		"with a gap of pods": {
			"change": {"elections": [fixture.elected({})], "gaps": [fixture.gap("pods", 90, 120)]}, "want": _held,
		},
		"with a gap and no failover": {"change": {"gaps": [fixture.gap("clusters", 90, 120)]}, "want": _none},
		"a Cluster that nobody saw": {
			"change": {"seen": false}, "want": _doubted({"reason": "cluster_unseen", "seq": {999}}),
		},
	}
	_judge(fixture.cluster(case.change)) == case.want
}

_two := _violated({
	"code": "two_primaries", "seq": {110}, "got": "pg-1, pg-2", "want": "pg-1",
	"from_ns": 50 * _s, "until_ns": 60 * _s,
})

test_reports[name] if {
	some name, case in {
		"one": {"primaries": ["pg-2"], "want": _none},
		"none": {"primaries": [], "want": _none},
		"two": {"primaries": ["pg-1", "pg-2"], "want": _two},
	}
	spans := fixture.timeline([[0, {}], [50, {"primaries": case.primaries}], [60, {}]], 10000)
	_judge(fixture.cluster({"spans": spans})) == case.want
}

_writer(instance, timeline, first, last) := {
	"instance": instance, "timeline": timeline, "answers": 2,
	"first": fixture.moment(first, first), "last": fixture.moment(last, last),
}

_split := _violated({
	"code": "two_writers", "seq": {110, 111}, "got": "pg-1", "want": "pg-2",
	"from_ns": 110 * _s, "until_ns": 111 * _s, "timeline": 2,
})

test_writers[name] if {
	some name, case in {
		"one after the other": {"former": _writer("pg-1", 1, 10, 100), "later": _writer("pg-2", 2, 110, 200), "want": _none},
		"at the same moment": {"former": _writer("pg-1", 1, 10, 110), "later": _writer("pg-2", 2, 110, 200), "want": _none},
		"still there": {"former": _writer("pg-1", 1, 10, 111), "later": _writer("pg-2", 2, 110, 200), "want": _split},
		"the same instance": {"former": _writer("pg-2", 1, 10, 111), "later": _writer("pg-2", 2, 110, 200), "want": _none},
		"on one timeline": {"former": _writer("pg-1", 2, 10, 111), "later": _writer("pg-2", 2, 110, 200), "want": _none},
	}
	_judge(fixture.cluster({"writers": [case.former, case.later]})) == case.want
}

test_an_answer_may_be_older_than_its_receipt if {
	former := object.union(_writer("pg-1", 1, 10, 111), {"last": {"not_before_ns": 110 * _s}})
	_judge(fixture.cluster({"writers": [former, _writer("pg-2", 2, 110, 200)]})) == _none
}

_major := {"phase": "Upgrading Postgres major version"}

test_a_major_upgrade_begins_anew[name] if {
	some name, case in {
		"between": {"spans": [[0, {}], [50, _major], [60, {}]], "want": _none},
		"until the first answer": {"spans": [[0, _major], [10, {}]], "want": _none},
		"before": {"spans": [[0, _major], [9, {}]], "want": _split},
		"at the last answer": {"spans": [[0, {}], [111, _major]], "want": _none},
		"after": {"spans": [[0, {}], [112, _major]], "want": _split},
	}
	_judge(fixture.cluster({
		"writers": [_writer("pg-1", 1, 10, 111), _writer("pg-2", 2, 110, 200)],
		"spans": fixture.timeline(case.spans, 10000),
	})) == case.want
}

_labels := {"labelled": ["pg-1", "pg-2"]}

_labelled(until) := _violated({
	"code": "two_labelled", "seq": {110}, "got": (until - 50) * _s, "want": 30 * _s, "unit": "ns",
	"from_ns": 50 * _s, "until_ns": until * _s, "pods": "pg-1, pg-2",
})

_in_doubt(reason, until) := _doubted({
	"reason": reason, "seq": {110, 999}, "code": "two_labelled", "from_ns": 50 * _s, "until_ns": until * _s,
})

test_labels[name] if {
	some name, case in {
		"for a while": {"change": {"spans": fixture.timeline([[0, {}], [50, _labels], [80, {}]], 10000)}, "want": _none},
		"for too long": {
			"change": {"spans": fixture.timeline([[0, {}], [50, _labels], [81, {}]], 10000)}, "want": _labelled(81),
		},
		"for too long, with a gap": {
			"change": {
				"spans": fixture.timeline([[0, {}], [50, _labels], [81, {}]], 10000), "gaps": [fixture.gap("pods", 60, 70)],
			},
			"want": _in_doubt("gap", 81),
		},
		"for too long, with a gap of claims": {
			"change": {
				"spans": fixture.timeline([[0, {}], [50, _labels], [81, {}]], 10000),
				"gaps": [fixture.gap("persistentvolumeclaims", 60, 70)],
			},
			"want": _labelled(81),
		},
		"for how long nobody knows": {
			"change": {"spans": [
				fixture.cluster_span(100, 0, 50, {}),
				fixture.cluster_span(110, 50, 81, object.union(_labels, {"until_not_before_ns": 80 * _s})),
			]},
			"want": _in_doubt("clock", 81),
		},
		"at the end": {
			"change": {"until_ns": 80 * _s, "spans": fixture.timeline([[0, {}], [50, _labels]], 80)},
			"want": _in_doubt("pending", 80),
		},
		"when it was deleted": {
			"change": {
				"until": "deleted", "until_ns": 80 * _s, "spans": fixture.timeline([[0, {}], [50, _labels]], 80),
			},
			"want": _in_doubt("deleted", 80),
		},
	}
	_judge(fixture.cluster(case.change)) == case.want
}

test_the_last_moment_of_two_labels_is_named if {
	changed := object.union(_labels, {"labelled": ["pg-1", "pg-3"]})
	spans := fixture.timeline([[0, {}], [50, _labels], [60, changed], [90, {}]], 10000)
	_judge(fixture.cluster({"spans": spans})) == _violated({
		"code": "two_labelled", "seq": {110, 120}, "got": 40 * _s, "want": 30 * _s, "unit": "ns",
		"from_ns": 50 * _s, "until_ns": 90 * _s, "pods": "pg-1, pg-3",
	})
}
