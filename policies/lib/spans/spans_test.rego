package lib.spans_test

import data.lib.fixture_test as fixture
import data.lib.spans

_spans := [
	fixture.span(1, 0, 10, {}),
	fixture.span(2, 10, 30, {}),
	fixture.span(3, 30, 60, {}),
	fixture.span(4, 60, 100, {"last": true}),
]

_run(first, final, seq, began, ended, open) := {
	"first": first, "final": final, "seq": seq, "open": open,
	"began_ns": began * fixture.second, "ended_ns": ended * fixture.second,
	"least_ns": (ended - began) * fixture.second, "most_ns": (ended - began) * fixture.second,
}

test_runs[name] if {
	some name, case in {
		"none": {"bad": set(), "want": []},
		"one span": {"bad": {1}, "want": [_run(1, 1, 2, 10, 30, false)]},
		"neighbours are one run": {"bad": {0, 1}, "want": [_run(0, 1, 1, 0, 30, false)]},
		"two runs": {"bad": {0, 2}, "want": [_run(0, 0, 1, 0, 10, false), _run(2, 2, 3, 30, 60, false)]},
		"up to the end": {"bad": {2, 3}, "want": [_run(2, 3, 3, 30, 100, true)]},
	}
	spans.runs(_spans, case.bad) == case.want
}

test_uncertain_moments_make_a_run_shorter_and_longer if {
	run := spans.runs(
		[{
			"seq": 1, "ns": 20, "not_before_ns": 5, "until_ns": 100, "until_not_before_ns": 70, "last": false,
		}],
		{0},
	)[0]
	run.least_ns == 50
	run.most_ns == 95
}

_long := {"began_ns": 0, "ended_ns": 100, "least_ns": 50, "most_ns": 95, "open": false}

_kinds := {"clusters"}

_gap := {"resource": "clusters", "from_ns": 40, "until_ns": 60, "same_generation": false}

test_exceeds[name] if {
	some name, case in {
		"longer": {"grace": 49, "gaps": [], "want": true},
		"as long": {"grace": 50, "gaps": [], "want": false},
		"a gap inside": {"grace": 49, "gaps": [_gap], "want": false},
		"a gap before": {"grace": 49, "gaps": [object.union(_gap, {"from_ns": -9, "until_ns": 0})], "want": true},
		"a gap after": {"grace": 49, "gaps": [object.union(_gap, {"from_ns": 100, "until_ns": 120})], "want": true},
		"a gap of another kind": {"grace": 49, "gaps": [object.union(_gap, {"resource": "pods"})], "want": true},
		"a gap over which the spec is known": {
			"grace": 49, "gaps": [object.union(_gap, {"same_generation": true})], "want": true,
		},
	}
	_exceeds(case) == case.want
}

_exceeds(case) if spans.exceeds(_long, case.grace, case.gaps, _kinds)

_exceeds(case) := false if not spans.exceeds(_long, case.grace, case.gaps, _kinds)

test_doubt[name] if {
	some name, case in {
		"certainly long": {"change": {}, "grace": 49, "gaps": [], "want": "none"},
		"perhaps long": {"change": {}, "grace": 50, "gaps": [], "want": "clock"},
		"perhaps long still": {"change": {}, "grace": 94, "gaps": [], "want": "clock"},
		"certainly short": {"change": {}, "grace": 95, "gaps": [], "want": "none"},
		"going on": {"change": {"open": true}, "grace": 95, "gaps": [], "want": "pending"},
		"going on too long": {"change": {"open": true}, "grace": 49, "gaps": [], "want": "none"},
		"a gap inside": {"change": {}, "grace": 49, "gaps": [_gap], "want": "gap"},
		"a gap in a short one": {"change": {}, "grace": 95, "gaps": [_gap], "want": "none"},
	}
	_doubt(object.union(_long, case.change), case, "trace_end") == case.want
}

test_a_deletion_is_another_doubt_than_the_end if {
	_doubt(object.union(_long, {"open": true}), {"grace": 95, "gaps": []}, "deleted") == "deleted"
}

_doubt(run, case, until) := spans.doubt(run, case.grace, case.gaps, _kinds, until)

_doubt(run, case, until) := "none" if not spans.doubt(run, case.grace, case.gaps, _kinds, until)
