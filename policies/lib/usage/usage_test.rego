package lib.usage_test

import data.lib.fixture_test as fixture
import data.lib.usage

_gib := fixture.gib

_mib := 1048576

_s := fixture.second

_params := object.union(fixture.params.time, fixture.params.usage)

_is(x) if x

_is(x) := false if not x

_volume(capacity) := {"capacity": capacity}

_of(used, capacity) := {"used": used, "capacity": capacity, "available": capacity - used}

test_over[name] if {
	some name, case in {
		"just the buffer is free": {"used": 80, "fs": 100, "volume": 100, "want": false},
		"a little less is free": {"used": 81, "fs": 100, "volume": 100, "want": true},
		"of the file system only": {"used": 81, "fs": 100, "volume": 102, "want": false},
		"of both": {"used": 82, "fs": 100, "volume": 102, "want": true},
		"of a volume that shrank": {"used": 82, "fs": 103, "volume": 102, "want": false},
	}
	spec := fixture.pressure_spec({})
	got := [true | usage.over(spec, _volume(case.volume), _of(case.used, case.fs))]
	count(got) == {true: 1, false: 0}[case.want]
}

test_critical[name] if {
	some name, case in {
		"the threshold is reached": {"used": 950, "fs": 1000, "volume": 1000, "free": 0, "want": 1},
		"just not": {"used": 949, "fs": 1000, "volume": 1000, "free": 0, "want": 0},
		"of the file system only": {"used": 950, "fs": 1000, "volume": 1001, "free": 0, "want": 0},
		"little is free": {"used": 700, "fs": 1000, "volume": 1000, "free": 300, "want": 1},
		"a little more is free": {"used": 699, "fs": 1000, "volume": 1000, "free": 300, "want": 0},
		"more is free in the volume": {"used": 700, "fs": 1000, "volume": 1001, "free": 300, "want": 1},
	}
	spec := fixture.pressure_spec({"critical_free": case.free})
	count([true | usage.critical(spec, _volume(case.volume), _of(case.used, case.fs))]) == case.want
}

test_critical_by_what_is_reserved[name] if {
	some name, case in {
		"little is free, less is available": {"used": 700, "available": 299, "want": 1},
		"more is free, little is available": {"used": 699, "available": 300, "want": 0},
		"more is available than free": {"used": 700, "available": 301, "want": 0},
	}
	sample := {"used": case.used, "available": case.available, "capacity": 1000}
	count([true | usage.critical(fixture.pressure_spec({"critical_free": 300}), _volume(1000), sample)]) == case.want
}

test_perhaps_critical[name] if {
	some name, case in {
		"the threshold is reached": {"used": 950, "available": 50, "size": 1000, "free": 0, "want": 1},
		"just not": {"used": 949, "available": 51, "size": 1000, "free": 0, "want": 0},
		"little is available": {"used": 600, "available": 300, "size": 1000, "free": 300, "want": 1},
		"a little more": {"used": 600, "available": 301, "size": 1000, "free": 300, "want": 0},
		"little is free in a smaller size": {"used": 600, "available": 400, "size": 900, "free": 300, "want": 1},
		"a little more in it": {"used": 599, "available": 401, "size": 900, "free": 300, "want": 0},
	}
	spec := fixture.pressure_spec({"critical_free": case.free})
	sample := {"used": case.used, "available": case.available}
	count([true | usage.perhaps_critical(spec, sample, case.size)]) == case.want
}

# The example of the documentation: 8 GiB used at buffer 20 gives 10 GiB.
test_wanted[name] if {
	some name, case in {
		"the documented example": {"used": 8 * _gib, "buffer": 20, "want": 10 * _gib},
		"a byte more": {"used": (8 * _gib) + 1, "buffer": 20, "want": 11 * _gib},
		"half a buffer": {"used": 8 * _gib, "buffer": 50, "want": 16 * _gib},
		"less than request": {"used": _gib, "buffer": 20, "want": 5 * _gib},
		"more than limit": {"used": 80 * _gib, "buffer": 20, "want": 20 * _gib},
	}
	spec := fixture.pressure_spec({"target_buffer": case.buffer, "request": 5 * _gib, "limit": 20 * _gib})
	usage.wanted(spec, case.used) == case.want
}

test_emergency[name] if {
	some name, case in {
		"the documented example": {"from": 5 * _gib, "want": 6400 * _mib},
		"at least 1 GiB": {"from": _gib, "want": 2 * _gib},
		"just 1 GiB": {"from": 4 * _gib, "want": 5 * _gib},
		"up to limit": {"from": 18 * _gib, "want": 20 * _gib},
		"at limit": {"from": 20 * _gib, "want": 20 * _gib},
		"above a lowered limit": {"from": 30 * _gib, "want": 30 * _gib},
	}
	usage.emergency(fixture.pressure_spec({"limit": 20 * _gib}), case.from) == case.want
}

test_a_quarter_that_is_no_whole_byte_is_rounded_up if usage.step((4 * _gib) + 3) == (5 * _gib) + 4

test_dynamic[name] if {
	some name, case in {
		"data": {"mode": "dynamic", "role": "PG_DATA", "want": 1},
		"static data": {"mode": "static", "role": "PG_DATA", "want": 0},
		"WAL": {"mode": "dynamic", "role": "PG_WAL", "want": 0},
	}
	count([true | usage.dynamic({"mode": case.mode}, case.role)]) == case.want
}

_two(first, second) := fixture.pressure({
	"samples": [fixture.sample(5, 10, first, {}), fixture.sample(6, 10, second, {
		"volume": "pg-2", "capacity": 2 * _gib, "available": (2 * _gib) - (second * fixture.percent),
	})],
	"spans": [fixture.pressure_span(6, 10, 500, {"volumes": [
		fixture.pressure_volume("pg-1", {}),
		fixture.pressure_volume("pg-2", {"sample": 1, "capacity": 2 * _gib}),
	]})],
})

_told(pressures) := {i: [p.over, p.critical, p.wanted / _gib, p.current / _gib, p.seq, p.old] | some i, p in pressures}

test_pressed[name] if {
	some name, case in {
		"neither": {"doc": _two(80, 10), "want": {}},
		"one is over": {"doc": _two(81, 10), "want": {0: [true, false, 2, 2, {5}, false]}},
		"one is critical": {"doc": _two(95, 10), "want": {0: [true, true, 2, 2, {5}, false]}},
		"both are over": {"doc": _two(81, 165), "want": {0: [true, false, 3, 2, {5, 6}, false]}},
		"static": {"doc": object.union(_two(81, 1), {"specs": [fixture.pressure_spec({"mode": "static"})]}), "want": {}},
		"WAL": {"doc": object.union(_two(81, 1), {"role": "PG_WAL"}), "want": {}},
	}
	_told(usage.pressed(case.doc, _params)) == case.want
}

test_critical_below_the_buffer_is_pressed_but_not_over if {
	doc := object.union(_two(70, 1), {"specs": [fixture.pressure_spec({"critical_free": 31 * fixture.percent})]})
	_told(usage.pressed(doc, _params)) == {0: [false, true, 1, 2, {5}, false]}
}

test_the_size_of_a_group_is_its_largest[name] if {
	some name, case in {
		"request": {"peak": 3, "capacity": 1, "want": 3},
		"capacity": {"peak": 1, "capacity": 4, "want": 4},
	}
	doc := fixture.pressure({"samples": [fixture.sample(5, 10, 400, {})], "spans": [fixture.pressure_span(5, 10, 50, {
		"peak": case.peak * _gib, "volumes": [fixture.pressure_volume("pg-1", {"capacity": case.capacity * _gib})],
	})]})
	usage.pressed(doc, _params)[0].current == case.want * _gib
}

_one(span, sample) := fixture.pressure({
	"samples": [fixture.sample(5, 10, 90, sample)], "spans": [fixture.pressure_span(5, 10, 500, span)],
})

test_a_sample_is_old_when_nobody_measured_since[name] if {
	some name, case in {
		"as long as may be": {"last": 140, "want": false},
		"longer": {"last": 139, "want": true},
	}
	usage.pressed(_one({}, {"last_ns": case.last * _s}), _params)[0].old == case.want
}

test_without_a_status_nothing_is_told[name] if {
	some name, case in {
		"none yet": {"status": -1, "want": ""},
		"one": {"status": 0, "want": "Balanced"},
	}
	usage.pressed(_one({"status": case.status}, {}), _params)[0].status.state == case.want
}

test_no_status_has_no_budget if {
	usage.pressed(_one({"status": -1}, {}), _params)[0].status == {"has_budget": false, "state": ""}
}

_pressure(changes) := object.union(
	{
		"over": true, "span": {"open": false}, "spec": {"resize_in_use": true, "max_actions": 2, "reserved_actions": 1},
		"wanted": 105, "current": 100, "status": {"has_budget": false},
	},
	changes,
)

test_due[name] if {
	some name, case in {
		"to a size that makes a difference": {"change": {}, "want": 1},
		"to one that makes too little": {"change": {"wanted": 104}, "want": 0},
		"not over": {"change": {"over": false}, "want": 0},
		"growing": {"change": {"span": {"open": true}}, "want": 0},
		"not to be resized in use": {"change": {"spec": {"resize_in_use": false}}, "want": 0},
	}
	count([true | usage.due(_pressure(case.change), _params)]) == case.want
}

test_left[name] if {
	some name, case in {
		"told": {"status": _left(1, 1), "spec": {}, "want": [1, 1]},
		"told for emergencies only": {"status": _left(0, 1), "spec": {}, "want": [0, 1]},
		"told for planned growth only": {"status": _left(1, 0), "spec": {}, "want": [1, 1]},
		"not told, all are reserved, and it is one": {
			"status": {}, "spec": {"max_actions": 1, "reserved_actions": 1}, "want": [0, 1],
		},
		"none told": {"status": _left(0, 0), "spec": {}, "want": [0, 0]},
		"not told": {"status": {}, "spec": {}, "want": [1, 1]},
		"not told, all are reserved": {"status": {}, "spec": {"reserved_actions": 2}, "want": [0, 1]},
		"not told, there are none": {"status": {}, "spec": {"max_actions": 0}, "want": [0, 0]},
	}
	pressure := _pressure({"status": case.status, "spec": case.spec})
	[
		count([true | usage.planned_left(pressure)]),
		count([true | usage.any_left(pressure)]),
	] == case.want
}

_left(planned, emergency) := {"has_budget": true, "planned": planned, "emergency": emergency}

# Spans of 100 s; those that wait and are excused or old are given by index.
_spans := [fixture.pressure_span(10 + i, 100 * i, 100 * (i + 1), {"last": i == 9}) | some i in numbers.range(0, 9)]

_waiting(indices, olds) := {i: {"old": i in olds, "span": _spans[i]} | some i in indices}

_doc(changes) := fixture.pressure(object.union({"spans": _spans, "until_ns": 1000 * _s}, changes))

_judged(case) := {
	"late": [[run.first, run.final] | some run in late],
	"doubts": [[doubt.run.first, doubt.run.final, doubt.reason] | some doubt in doubts],
} if {
	doc := _doc(object.get(case, "doc", {}))
	waiting := _waiting(case.waits, object.get(case, "old", set()))
	excused := {i: sprintf("excuse %d", [i]) | some i in object.get(case, "excused", set())}
	late := usage.late(doc, waiting, excused, case.allowed * _s)
	doubts := usage.doubts(doc, waiting, excused, case.allowed * _s, late)
}

test_late_and_doubts[name] if {
	gaps := [fixture.gap("clusters", 250, 260)]
	some name, case in {
		"nothing waits": {"waits": set(), "allowed": 50, "late": [], "doubts": []},
		"just in time": {"waits": {2}, "allowed": 100, "late": [], "doubts": []},
		"too late": {"waits": {2}, "allowed": 99, "late": [[2, 2]], "doubts": []},
		"excused in time": {"waits": {2, 3}, "excused": {2}, "allowed": 200, "late": [], "doubts": []},
		"excused": {"waits": {2, 3}, "excused": {2}, "allowed": 199, "late": [], "doubts": [[2, 3, "excuse 2"]]},
		"excused throughout": {
			"waits": {2, 3}, "excused": {2, 3}, "allowed": 199, "late": [], "doubts": [[2, 3, "excuse 2"]],
		},
		"excused before as well": {
			"waits": {0, 2, 3}, "excused": {0, 2}, "allowed": 199, "late": [], "doubts": [[2, 3, "excuse 2"]],
		},
		"excused, and old later": {
			"waits": {2, 3, 5}, "excused": {2}, "old": {5}, "allowed": 199, "late": [], "doubts": [[2, 3, "excuse 2"]],
		},
		"late before the excuse": {"waits": {2, 3}, "excused": {3}, "allowed": 99, "late": [[2, 2]], "doubts": []},
		"late after the excuse": {"waits": {2, 3}, "excused": {2}, "allowed": 99, "late": [[3, 3]], "doubts": []},
		"old in time": {"waits": {2, 3}, "old": {2}, "allowed": 200, "late": [], "doubts": []},
		"old": {"waits": {2, 3}, "old": {2}, "allowed": 199, "late": [], "doubts": [[2, 3, "no_usage"]]},
		"old elsewhere": {"waits": {2, 4}, "old": {4}, "allowed": 99, "late": [[2, 2]], "doubts": [[4, 4, "no_usage"]]},
		"a gap": {"waits": {2}, "allowed": 99, "doc": {"gaps": gaps}, "late": [], "doubts": [[2, 2, "gap"]]},
		"a gap in time": {"waits": {2}, "allowed": 100, "doc": {"gaps": gaps}, "late": [], "doubts": []},
		"going on": {"waits": {9}, "allowed": 100, "late": [], "doubts": [[9, 9, "pending"]]},
		"going on too long": {"waits": {9}, "allowed": 99, "late": [[9, 9]], "doubts": []},
	}
	_judged(case) == {"late": case.late, "doubts": case.doubts}
}

test_a_gap_of_claims_counts if {
	case := {"waits": {2}, "allowed": 99, "doc": {"gaps": [fixture.gap("persistentvolumeclaims", 250, 260)]}}
	_judged(case) == {"late": [], "doubts": [[2, 2, "gap"]]}
}

test_a_gap_of_other_kinds_is_none if {
	case := {"waits": {2}, "allowed": 99, "doc": {"gaps": [fixture.gap("pods", 250, 260)]}}
	_judged(case).late == [[2, 2]]
}

test_answers[name] if {
	some name, case in {
		"a larger request": {"peak": 2 * _gib, "want": [[1, 13]]},
		"the same request": {"peak": _gib, "want": []},
	}
	after := object.union(_spans[3], {"peak": case.peak})
	doc := _doc({"spans": array.concat(array.slice(_spans, 0, 3), [after])})
	[[answer.run.first, answer.span.seq] | some answer in usage.answers(doc, _waiting({1, 2}, set()))] == case.want
}

test_what_waits_at_the_end_has_no_answer if usage.answers(_doc({}), _waiting({9}, set())) == []

test_disrupted[name] if {
	some name, case in {
		"before": {"at": 0, "want": 0},
		"first": {"at": 1, "want": 1},
		"last": {"at": 3, "want": 1},
		"after": {"at": 4, "want": 0},
	}
	all := [object.union(span, {"disrupted": i == case.at}) | some i, span in _spans]
	count([true | usage.disrupted(_doc({"spans": all}), {"first": 1, "final": 3})]) == case.want
}

test_disruptions if {
	waiting := {
		1: {"span": {"disrupted": true}},
		2: {"span": {"disrupted": false}},
	}
	usage.disruptions(waiting) == {1: "disrupted"}
}

_rise := fixture.request(9, 100, {})

_action(changes) := fixture.grown(10, 101, object.union({"action_kind": "ScheduledGrow"}, changes))

_grown(changes) := usage.grown(doc, "ScheduledGrow", _params) if {
	doc := fixture.pressure(object.union({"requests": [_rise], "statuses": [_action({})]}, changes))
}

test_grown[name] if {
	some name, case in {
		"by an action": {"change": {}, "want": 1},
		"by an action of another kind": {"change": {"statuses": [_action({"action_kind": "EmergencyGrow"})]}, "want": 0},
		"by actions of two kinds": {
			"change": {"statuses": [_action({}), _action({"action_kind": "EmergencyGrow"})]}, "want": 0,
		},
		"by no action": {"change": {"statuses": []}, "want": 0},
		"by the spec": {"change": {"specs": [fixture.pressure_spec({"request": 2 * _gib})]}, "want": 0},
		"of a static group": {"change": {"specs": [fixture.pressure_spec({"mode": "static"})]}, "want": 0},
		"of WAL": {"change": {"role": "PG_WAL"}, "want": 0},
		"that follows another": {"change": {"requests": [fixture.request(9, 100, {"peak": 2 * _gib})]}, "want": 0},
	}
	count(_grown(case.change)) == case.want
}

# The rise is at 100 s; the evaluation before it takes 30 s.
test_near[name] if {
	some name, case in {
		"since long": {"change": {}, "want": 1},
		"until long before": {"change": {"until_ns": 70 * _s}, "want": 0},
		"until the evaluation": {"change": {"until_ns": 71 * _s}, "want": 1},
		"from after it on, known before": {"change": {"ns": 110 * _s, "not_before_ns": 99 * _s}, "want": 1},
		"from after it on": {"change": {"ns": 110 * _s, "not_before_ns": 100 * _s}, "want": 0},
	}
	[growth] := _grown({"samples": [fixture.sample(5, 10, 90, case.change)]})
	count(growth.near) == case.want
}

_near(samples, actions) := {"near": samples, "actions": actions, "rise": _rise, "specs": [fixture.pressure_spec({})]}

test_exact[name] if {
	some name, case in {
		"the instance": {"source": "instance", "instance": "pg-1", "want": 1},
		"the operator": {"source": "operator", "instance": "pg-1", "want": 1},
		"the kubelet": {"source": "kubelet", "instance": "pg-1", "want": 0},
		"another instance": {"source": "instance", "instance": "pg-2", "want": 0},
	}
	sample := fixture.sample(5, 10, 90, {"source": case.source, "instance": case.instance})
	count([true | usage.exact(_near([sample], [_action({})]))]) == case.want
}

test_sizes[name] if {
	some name, case in {
		"one sample": {"samples": [[1, 90, 1]], "want": [2, 2]},
		"before and after": {"samples": [[1, 90, 1], [1, 170, 2]], "want": [2, 3]},
		"the fullest counts": {"samples": [[1, 90, 1], [2, 170, 2]], "want": [3, 3]},
		"a file system is smaller": {"samples": [[1, 70, 0.8]], "want": [1, 2]},
		"a file system that has grown": {"samples": [[1, 70, 3]], "want": [1, 1]},
	}
	samples := [sample |
		some row in case.samples
		sample := fixture.sample(5, 10, row[1], {"volume": sprintf("pg-%d", [row[0]]), "capacity": row[2] * _gib})
	]
	got := usage.sizes(_near(samples, []))
	[got.least / _gib, got.most / _gib] == case.want
}

test_sizes_to_the_byte[name] if {
	some name, case in {
		"just a whole size": {"used": _gib, "want": 2},
		"a byte more": {"used": _gib + 1, "want": 3},
	}
	sample := fixture.sample(5, 10, 90, {"used": case.used, "capacity": 4 * _gib})
	specs := {"specs": [fixture.pressure_spec({"target_buffer": 50})]}
	usage.sizes(object.union(_near([sample], []), specs)).most == case.want * _gib
}

test_sizes_under_two_blocks if {
	specs := [fixture.pressure_spec({}), fixture.pressure_spec({"target_buffer": 50})]
	got := usage.sizes(object.union(_near([fixture.sample(5, 10, 120, {})], []), {"specs": specs}))
	got == {"least": 2 * _gib, "most": 3 * _gib}
}

test_holes_without_samples[name] if {
	some name, case in {
		"dynamic": {"specs": [fixture.pressure_spec({})], "want": [1]},
		"static": {"specs": [fixture.pressure_spec({"mode": "static"})], "want": []},
		"dynamic since a change": {
			"specs": [
				fixture.pressure_spec({"mode": "static"}), fixture.pressure_spec({"seq": 4}),
				fixture.pressure_spec({"seq": 5}),
			],
			"want": [4],
		},
	}
	[hole.seq | some hole in usage.holes(fixture.pressure({"specs": case.specs}), _params)] == case.want
}

_disruption(from, ended, until) := {
	"kind": "mark", "subject": "", "begin": fixture.moment(7, from), "ended": ended, "end": fixture.moment(8, until),
	"crash": false,
}

test_holes[name] if {
	some name, case in {
		"as long as may be": {"last": 140, "want": 0},
		"longer": {"last": 139, "want": 1},
		"explained": {"last": 139, "disruption": _disruption(450, true, 460), "want": 0},
		"explained by what began before": {"last": 139, "disruption": _disruption(10, true, 139), "want": 0},
		"explained by what goes on": {"last": 139, "disruption": _disruption(10, false, 0), "want": 0},
		"a disruption before": {"last": 139, "disruption": _disruption(10, true, 138), "want": 1},
		"a disruption after": {"last": 139, "disruption": _disruption(500, true, 600), "want": 1},
		"static then": {"last": 139, "spec": {"ns": 500 * _s}, "want": 0},
		"static since": {"last": 139, "spec": {"until_ns": 139 * _s}, "want": 0},
		"dynamic for a moment": {"last": 139, "spec": {"until_ns": 140 * _s}, "want": 1},
		"static": {"last": 139, "spec": {"mode": "static"}, "want": 0},
	}
	holes := usage.holes(
		fixture.pressure({
			"samples": [fixture.sample(5, 10, 50, {"last_ns": case.last * _s, "until_ns": 500 * _s, "last_seq": 6})],
			"disruptions": [disruption | disruption := case.disruption],
			"specs": [fixture.pressure_spec(object.get(case, "spec", {}))],
		}),
		_params,
	)
	holes == array.slice([{"seq": 6, "from_ns": case.last * _s, "until_ns": 500 * _s}], 0, case.want)
}
