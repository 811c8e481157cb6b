package lib.primaries_test

import data.lib.fixture_test as fixture
import data.lib.primaries

_s := fixture.second

_report(until) := object.union(fixture.moment(25, 25), {
	"until_ns": until * _s, "until_not_before_ns": until * _s, "pods": ["pg-2", "pg-1"],
})

_two(changes) := primaries.two(object.union({"two_primaries": [], "probes": []}, changes), 2 * _s)

test_reports[name] if {
	some name, case in {
		"none": {"reports": [], "want": set()},
		"as long as an answer takes": {"reports": [_report(27)], "want": set()},
		"longer": {"reports": [_report(28)], "want": {{
			"seq": {25}, "pods": "pg-1 pg-2", "from_ns": 25 * _s, "until_ns": 28 * _s,
		}}},
		"perhaps longer": {
			"reports": [object.union(_report(28), {"until_not_before_ns": 27 * _s})], "want": set(),
		},
	}
	_two({"two_primaries": case.reports}) == case.want
}

# Reads that found an instance to be the primary, from a moment to another.
_reads(instance, seq, from, until) := object.union(
	fixture.moment(seq, from),
	{"instance": instance, "timeline": 1, "last": fixture.moment(seq + 1, until), "reads": 2},
)

test_reads[name] if {
	some name, case in {
		"one after the other": {"other": _reads("pg-2", 40, 31, 50), "want": 0},
		"at the same moment": {"other": _reads("pg-2", 40, 30, 50), "want": 0},
		"the other began before the last": {"other": _reads("pg-2", 40, 29, 50), "want": 1},
		"the other in between": {"other": _reads("pg-2", 40, 25, 26), "want": 1},
		"the other around": {"other": _reads("pg-2", 40, 10, 60), "want": 1},
		"the other before": {"other": _reads("pg-2", 40, 10, 20), "want": 0},
		"of the same instance": {"other": _reads("pg-1", 40, 25, 50), "want": 0},
	}
	count(_two({"probes": [_reads("pg-1", 20, 20, 30), case.other]})) == case.want
}

test_reads_take_time if {
	slow := object.union(_reads("pg-1", 20, 20, 30), {"last": {"not_before_ns": 28 * _s}})
	_two({"probes": [slow, _reads("pg-2", 40, 28, 50)]}) == set()
	count(_two({"probes": [slow, _reads("pg-2", 40, 27, 50)]})) == 1
	slower := object.union(_reads("pg-2", 40, 10, 22), {"last": {"not_before_ns": 20 * _s}})
	_two({"probes": [_reads("pg-1", 20, 20, 30), slower]}) == set()
}

test_evidence if {
	_two({"probes": [_reads("pg-2", 20, 20, 30), _reads("pg-1", 40, 25, 50)]}) == {{
		"seq": {20, 21, 40, 41}, "pods": "pg-1 pg-2", "from_ns": 25 * _s, "until_ns": 30 * _s,
	}}
}
