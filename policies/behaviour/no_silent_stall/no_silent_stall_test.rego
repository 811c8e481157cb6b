package behaviour.no_silent_stall_test

import data.behaviour.no_silent_stall as policy
import data.lib.fixture_test as fixture

_s := fixture.second

_judge(document) := judged if {
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as document
		with data.params as fixture.params
}

_none := fixture.judgement(set(), set(), set())

_held := fixture.judgement(set(), {{"seq": {110}}}, set())

_stall(seq, from, until) := {
	"code": "silent_stall", "seq": seq, "got": (until - from) * _s, "want": 600 * _s, "unit": "ns",
	"from_ns": from * _s, "until_ns": until * _s,
	"phase": "Failing over", "reason": "Failing over from pg-1 to pg-2",
}

_violated(seq, from, until) := object.union(_held, {"violation": {_stall(seq, from, until)}})

_doubt(reason, seq, from, until) := object.union(_held, {"unknown": {{
	"reason": reason, "seq": seq, "code": "silent_stall", "from_ns": from * _s, "until_ns": until * _s,
}}})

# Steady until 100 s, then failing over until some moment, then steady again.
_down(until, changes) := fixture.timeline(
	[[0, {}], [100, object.union(fixture.failing_over, changes)], [until, {}]],
	10000,
)

_story(until, changes, facts) := _judge(fixture.cluster({"spans": _down(until, changes), "facts": facts}))

test_nothing_is_vacuous if _judge(fixture.cluster({})) == _none

test_the_creation_is_no_exercise if {
	_judge(fixture.cluster({"spans": fixture.timeline([[0, fixture.failing_over], [100, {}]], 10000)})) == _none
}

test_but_it_is_judged if {
	spans := fixture.timeline([[0, fixture.failing_over], [601, {}]], 10000)
	_judge(fixture.cluster({"spans": spans})) == object.union(_none, {"violation": {_stall({100, 110}, 0, 601)}})
}

_fact(what, at) := fixture.fact(115, at, what, 1)

test_silence[name] if {
	some name, case in {
		"not too long": {"until": 700, "facts": [], "want": _held},
		"too long": {"until": 701, "facts": [], "want": _violated({110, 120}, 100, 701)},
		"broken by progress": {"until": 1300, "facts": [_fact("pod", 700)], "want": _held},
		"broken by a Warning": {"until": 1300, "facts": [_fact("warning", 700)], "want": _held},
		"broken too late": {"until": 1300, "facts": [_fact("pod", 701)], "want": _violated({110, 115}, 100, 701)},
		"too long behind it": {"until": 1301, "facts": [_fact("pod", 700)], "want": _violated({115, 120}, 700, 1301)},
		"before and behind": {
			"until": 1302, "facts": [_fact("pod", 701)],
			"want": object.union(_held, {"violation": {
				_stall({110, 115}, 100, 701), _stall({115, 120}, 701, 1302),
			}}),
		},
	}
	_story(case.until, {}, case.facts) == case.want
}

test_what_says_why[name] if {
	some name, changes in {
		"a phase that asks for a decision": {"phase": "Waiting for user action"},
		"an upgrade that has to wait": {"phase": "Cluster upgrade delayed"},
		"a phase that is final": {"phase": "Cluster is unrecoverable and needs manual intervention"},
		"objects that cannot be made": {"phase": "Unable to create required cluster objects"},
		"a full disk": {"phase": "Not enough disk space"},
		"an instance that cannot be asked": {"phase": "Instance Status Extraction Error: HTTP communication issue"},
		"a condition": {"trouble": ["ContinuousArchiving/ContinuousArchivingFailing"]},
		"a condition beside others": {
			"trouble": ["ConsistentSystemID/Mismatch", "LastBackupSucceeded/LastBackupFailed"],
		},
		"a pod without a node": {"unscheduled": ["pg-1"]},
		"a claim that cannot grow": {"failing": ["pg-1"]},
		"a user who fenced an instance": {"fenced": true},
		"a user who hibernated the cluster": {"hibernated": true},
		"a Job that is at work": {"jobs": 1},
	}
	_story(5000, changes, []) == _held
}

test_what_says_nothing[name] if {
	some name, changes in {
		"no system yet": {"trouble": ["ConsistentSystemID/NotFound"]},
		"a backup that failed": {"trouble": ["LastBackupSucceeded/LastBackupFailed"]},
		"a backup that began": {"trouble": ["LastBackupSucceeded/BackupStarted"]},
	}
	_story(701, changes, []) == _violated({110, 120}, 100, 701)
}

test_a_silence_goes_on_through_changes_that_are_no_facts if {
	flapping := object.union(fixture.failing_over, {"target": "pending"})
	spans := fixture.timeline([[0, {}], [100, fixture.failing_over], [300, flapping], [701, {}]], 10000)
	_judge(fixture.cluster({"spans": spans})) == _violated_until(130, 120)
}

# The second number is the last span of the disturbed time.
_violated_until(seq, last) := fixture.judgement({_stall({110, seq}, 100, 701)}, {{"seq": {110, last}}}, set())

_explained(at) := _judge(fixture.cluster({"spans": fixture.timeline(
	[
		[0, {}], [100, fixture.failing_over],
		[at, object.union(fixture.failing_over, {"phase": "Waiting for user action"})], [5000, {}],
	],
	10000,
)}))

test_an_explanation_ends_a_silence if {
	_explained(700) == fixture.judgement(set(), {{"seq": {110, 120}}}, set())
	_explained(701) == _violated_until(120, 120)
}

test_a_silence_begins_when_the_explanation_ends if {
	waiting := object.union(fixture.failing_over, {"phase": "Waiting for user action"})
	spans := fixture.timeline([[0, {}], [50, waiting], [100, fixture.failing_over], [701, {}]], 10000)
	_judge(fixture.cluster({"spans": spans})) == fixture.judgement(
		{_stall({120, 130}, 100, 701)},
		{{"seq": {110, 120}}},
		set(),
	)
}

test_doubts[name] if {
	some name, case in {
		"a gap": {
			"change": {"gaps": [fixture.gap("events", 300, 310)]}, "want": _doubt("gap", {110, 120}, 100, 701),
		},
		"a gap until it began": {
			"change": {"gaps": [fixture.gap("events", 90, 100)]}, "want": _violated({110, 120}, 100, 701),
		},
		"a gap when it was over": {
			"change": {"gaps": [fixture.gap("events", 701, 710)]}, "want": _violated({110, 120}, 100, 701),
		},
		"no Events": {"change": {"events": false}, "want": _doubt("events_unseen", {110, 120}, 100, 701)},
		"no Events and a gap": {
			"change": {"events": false, "gaps": [fixture.gap("pods", 300, 310)]},
			"want": _doubt("gap", {110, 120}, 100, 701),
		},
		"no Cluster": {"change": {"seen": false}, "want": _doubt("cluster_unseen", {110, 120}, 100, 701)},
		"no Cluster and a gap": {
			"change": {"seen": false, "gaps": [fixture.gap("pods", 300, 310)]},
			"want": _doubt("cluster_unseen", {110, 120}, 100, 701),
		},
		"no Cluster and no Events": {
			"change": {"seen": false, "events": false}, "want": _doubt("cluster_unseen", {110, 120}, 100, 701),
		},
	}
	_judge(fixture.cluster(object.union({"spans": _down(701, {}), "facts": []}, case.change))) == case.want
}

test_how_long_nobody_knows[name] if {
	some name, case in {
		"perhaps too long": {"begin": 100, "end": 700, "want": _doubt("clock", {110, 120}, 100, 701)},
		"certainly too long": {"begin": 99, "end": 701, "want": _violated({110, 120}, 100, 701)},
	}
	first := object.union(fixture.cluster_span(110, 100, 701, fixture.failing_over), {"not_before_ns": case.begin * _s})
	next := object.union(fixture.cluster_span(120, 701, 10000, {}), {"not_before_ns": case.end * _s})
	_judge(fixture.cluster({"spans": [fixture.cluster_span(100, 0, 100, {}), first, next]})) == case.want
}

test_it_may_have_begun_earlier if {
	first := object.union(fixture.cluster_span(110, 100, 700, fixture.failing_over), {"not_before_ns": 99 * _s})
	_judge(fixture.cluster({"spans": [
		fixture.cluster_span(100, 0, 100, {}), first, fixture.cluster_span(120, 700, 10000, {}),
	]})) == _doubt("clock", {110, 120}, 100, 700)
}

# Not steady from 100 s until the recording ends.
_ending(until, changes) := _judge(fixture.cluster(object.union(
	{
		"until_ns": until * _s,
		"spans": fixture.timeline([[0, {}], [100, fixture.failing_over]], until),
		"facts": [fixture.fact(115, 150, "pod", 1)],
	},
	changes,
)))

test_the_end[name] if {
	some name, case in {
		"soon": {"until": 750, "change": {}, "want": _doubt("pending", {115, 999}, 150, 750)},
		"too late": {"until": 751, "change": {}, "want": _violated({115, 999}, 150, 751)},
		"deleted soon": {"until": 750, "change": {"until": "deleted"}, "want": _held},
		"deleted too late": {"until": 751, "change": {"until": "deleted"}, "want": _violated({115, 999}, 150, 751)},
		"while steady": {
			"until": 750, "change": {"spans": fixture.timeline([[0, {}], [100, fixture.failing_over], [200, {}]], 750)},
			"want": _held,
		},
	}
	_ending(case.until, case.change) == case.want
}

test_in_a_disruption if {
	longer := object.union(fixture.failing_over, {"jobs": 1})
	_judge(fixture.cluster({
		"spans": fixture.timeline([[0, {}], [100, fixture.failing_over], [150, longer], [200, {}]], 10000),
		"disruptions": [fixture.disruption("pod_deleted", 90, 110)],
	})) == fixture.judgement(set(), {{"seq": {110, 120}, "in": "disruption"}}, set())
}

# The last fact happened between 149 s and 150 s.
test_the_last_fact_may_be_older[name] if {
	some name, case in {
		"pending": {"until": 749, "want": _doubt("pending", {115, 999}, 150, 749)},
		"perhaps too long": {"until": 750, "want": _doubt("clock", {115, 999}, 150, 750)},
	}
	older := object.union(fixture.fact(115, 150, "pod", 1), {"not_before_ns": 149 * _s})
	_ending(case.until, {"facts": [older]}) == case.want
}
