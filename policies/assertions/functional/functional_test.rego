package assertions.functional_test

import data.assertions.functional as policy
import data.lib.fixture_test as fixture

_s := fixture.second

_judge(document) := judged if {
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as document
		with data.params as fixture.params
}

_exercised := {{"seq": {20, 100}, "in": "disruption"}}

_held := fixture.judgement(set(), _exercised, set())

_vacuous := fixture.judgement(set(), set(), set())

_nothing(unknown) := fixture.judgement(set(), set(), unknown)

_late(code, seq, times, span) := {
	"code": code, "seq": seq, "got": times[2] * _s, "want": 2400 * _s, "unit": "ns", "from_ns": times[0] * _s,
	"until_ns": times[1] * _s, "phase": span.phase, "phase_reason": span.phase_reason,
	"ready_instances": span.ready_instances, "wanted": span.wanted,
}

_doubt(reason, seq, from, until) := {"reason": reason, "seq": seq, "from_ns": from * _s, "until_ns": until * _s}

# Not steady from 20 s, steady again at a moment.
_steady_at(at) := [fixture.unsteady(20, 20, at, {}), fixture.health(100, at, 10000, {"last": true})]

# Not steady from 20 s until the horizon.
_waiting := fixture.unsteady(20, 20, 10000, {"last": true})

_cut(at) := {
	"horizon": fixture.moment(999, at),
	"health": [object.union(_waiting, {"until_ns": at * _s, "until_not_before_ns": at * _s})],
}

_uncertain(last) := [
	object.union(fixture.unsteady(20, 20, 2431, {}), {"until_not_before_ns": 2425 * _s}),
	fixture.health(100, 2431, 10000, {"last": last}),
]

test_functional[name] if {
	some name, case in {
		"steady in time": {"change": {}, "want": _held},
		"steady just in time": {"change": {"health": _steady_at(2430)}, "want": _held},
		"steady from the start": {
			"change": {"health": [fixture.health(15, 15, 10000, {"last": true})]},
			"want": fixture.judgement(set(), {{"seq": {20, 15}, "in": "disruption"}}, set()),
		},
		"not an episode that calls for it": {"change": {"operations": [], "health": [_waiting]}, "want": _vacuous},
		"degraded on purpose": {
			"change": {"health": [fixture.unsteady(20, 20, 10000, {"fenced": true, "last": true})]},
			"want": fixture.judgement(set(), {{"seq": {20}, "in": "disruption"}}, set()),
		},
		"steady too late": {
			"change": {"health": _steady_at(2431)},
			"want": fixture.judgement({_late("settled_late", {20, 30, 100}, [30, 2431, 2401], _waiting)}, _exercised, set()),
		},
		"never steady": {
			"change": {"health": [_waiting]},
			"want": fixture.judgement({_late("unsettled", {20, 30, 999}, [30, 10000, 9970], _waiting)}, set(), set()),
		},
		"steady, and later not any more": {
			"change": {"health": [
				fixture.unsteady(20, 20, 100, {}), fixture.health(100, 100, 200, {}),
				fixture.unsteady(200, 200, 2601, {}), fixture.health(300, 2601, 10000, {"last": true}),
			]},
			"want": fixture.judgement(
				{_late("settled_late", {20, 30, 200, 300}, [200, 2601, 2401], _waiting)},
				_exercised, set(),
			),
		},
	}
	_judge(fixture.episode(case.change)) == case.want
}

test_functional_at_the_horizon[name] if {
	some name, case in {
		"the recording ends before": {"change": _cut(2430), "want": _nothing({_doubt("pending", {20, 30, 999}, 30, 2430)})},
		"the cluster is deleted before": {
			"change": object.union(_cut(2430), {"horizon_by": "deleted"}),
			"want": _nothing({_doubt("deleted", {20, 30, 999}, 30, 2430)}),
		},
		"the next thing is done before": {"change": object.union(_cut(2430), {"horizon_by": "next"}), "want": _vacuous},
		"the next thing is done after": {
			"change": object.union(_cut(2431), {"horizon_by": "next"}),
			"want": fixture.judgement({_late("unsettled", {20, 30, 999}, [30, 2431, 2401], _waiting)}, set(), set()),
		},
	}
	_judge(fixture.episode(case.change)) == case.want
}

test_functional_in_doubt[name] if {
	some name, case in {
		"not seen where it was late": {
			"change": {"health": _steady_at(2431), "gaps": [fixture.gap("pods", 100, 200)]},
			"want": fixture.judgement(set(), _exercised, {_doubt("gap", {20, 30, 100}, 30, 2431)}),
		},
		"the Cluster not seen": {
			"change": {"health": _steady_at(2431), "gaps": [fixture.gap("clusters", 100, 200)]},
			"want": fixture.judgement(set(), _exercised, {_doubt("gap", {20, 30, 100}, 30, 2431)}),
		},
		"the claims not seen": {
			"change": {"health": _steady_at(2431), "gaps": [fixture.gap("persistentvolumeclaims", 100, 200)]},
			"want": fixture.judgement(set(), _exercised, {_doubt("gap", {20, 30, 100}, 30, 2431)}),
		},
		"something else not seen": {
			"change": {"health": _steady_at(2431), "gaps": [fixture.gap("leases", 100, 200)]},
			"want": fixture.judgement({_late("settled_late", {20, 30, 100}, [30, 2431, 2401], _waiting)}, _exercised, set()),
		},
		"perhaps too late": {
			"change": {"health": _uncertain(true)},
			"want": fixture.judgement(set(), _exercised, {_doubt("clock", {20, 30, 100}, 30, 2431)}),
		},
		"a Cluster that was not recorded": {
			"change": {"health": [object.union(_waiting, {"seen": false})]},
			"want": _nothing({{"reason": "unseen", "seq": {20, 999}}}),
		},
		"a Cluster that was recorded later": {
			"change": {"health": [
				fixture.unsteady(20, 20, 5000, {"seen": false}), fixture.health(100, 5000, 10000, {"last": true}),
			]},
			"want": _held,
		},
		"not recorded, and not called for": {
			"change": {"operations": [], "health": [object.union(_waiting, {"seen": false})]}, "want": _vacuous,
		},
		"steady only up to the start of the clock": {
			"change": {"health": [
				fixture.health(15, 15, 30, {}), fixture.unsteady(31, 30, 100, {}), fixture.health(100, 100, 10000, {"last": true}),
			]},
			"want": _held,
		},
	}
	_judge(fixture.episode(case.change)) == case.want
}
