package scenarios.rate_limit_budget_test

import data.lib.fixture_test as fixture
import data.scenarios.rate_limit_budget as policy

_s := fixture.second

_g := fixture.gib

_judge(document) := judged if {
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as document
		with data.params as fixture.params
}

# The n-th growth, by 1 GiB, at a moment.
_rise(n, at) := fixture.request(10 * n, at, {"from": n * _g, "to": (n + 1) * _g, "peak": n * _g})

# What the status says after it.
_after(n, at, kind, changes) := fixture.status((10 * n) + 1, at + 1, object.union(
	{
		"has_action": true, "action_kind": kind, "action_from": n * _g, "action_to": (n + 1) * _g,
		"action_result": "Success", "action_at_ns": at * _s, "action_timestamp": sprintf("t%d", [at]),
		"actions": n, "planned": max([0, 3 - n]), "emergency": min([1, 4 - n]),
	},
	changes,
))

# Growth at 100 s, 200 s … with the kind of each, and what each status says differently.
_story(kinds, changes) := fixture.storage({
	"specs": [fixture.spec({"limit": 99 * _g})],
	"requests": [_rise(i + 1, 100 * (i + 1)) | some i, _ in kinds],
	"statuses": statuses,
	"spans": array.concat([fixture.span(1, 0, 101, {})], [span |
		some i, status in statuses
		until := ends[i]
		span := fixture.span(status.seq, 101 + (100 * i), until, {
			"status": i, "last": until == 10000, "peak": (i + 2) * _g,
		})
	]),
}) if {
	statuses := [_after(i + 1, 100 * (i + 1), kind, object.get(changes, i, {})) | some i, kind in kinds]
	ends := [object.get({count(kinds) - 1: 10000}, i, 201 + (100 * i)) | some i, _ in kinds]
}

_p := "ScheduledGrow"

_e := "EmergencyGrow"

_codes(judged) := {[row.code, row.got, row.want] | some row in judged.violation}

_reasons(judged) := {row.reason | some row in judged.unknown}

_nothing := fixture.judgement(set(), set(), set())

test_a_budget_that_is_counted_down_is_no_boundary if _judge(_story([_p, _p], {})) == _nothing

test_the_share_of_planned_growth_is_a_boundary if {
	_judge(_story([_p, _p, _p], {})) == fixture.judgement(set(), {{"seq": {31}}}, set())
}

test_growth[name] if {
	some name, case in {
		"planned to the share": {"kinds": [_p, _p, _p], "want": set()},
		"an emergency with the reserve": {"kinds": [_p, _p, _p, _e], "want": set()},
		"planned with the reserve": {"kinds": [_p, _p, _p, _p], "want": {["reserve_taken", 4, 3]}},
		"planned after emergencies, as the status admits none": {
			"kinds": [_e, _e, _e, _p], "want": {["reserve_taken", 4, 3]},
		},
		"one too many": {"kinds": [_p, _p, _p, _e, _e], "want": {["over_budget", 5, 4]}},
		"a planned one too many": {"kinds": [_p, _p, _p, _e, _p], "want": {["over_budget", 5, 4]}},
	}
	judged := _judge(_story(case.kinds, {}))
	_codes(judged) == case.want
	_reasons(judged) == set()
}

# Whether emergencies use up the reserve first is not said, unless the status does.
test_emergencies_may_use_the_reserve_first if {
	story := _story([_e, _p, _p, _p], {
		0: {"planned": 3, "emergency": 0}, 1: {"planned": 2, "emergency": 0},
		2: {"planned": 1, "emergency": 0}, 3: {"planned": 0, "emergency": 0},
	})
	_codes(_judge(story)) == set()
}

test_evidence if {
	judged := _judge(_story([_p, _p, _p, _p], {}))
	{row.seq | some row in judged.violation} == {{10, 20, 30, 40}}
	over := _judge(_story([_p, _p, _p, _e, _e], {}))
	{row.seq | some row in over.violation} == {{10, 20, 30, 40, 50}}
}

# What was used before the recording began only the status knows.
test_what_the_status_counted_before[name] if {
	some name, case in {
		"all used": {"actions": 4, "at": 90, "want": {["over_budget", 5, 4]}},
		"one left": {"actions": 3, "at": 90, "want": set()},
		"told too shortly before to be before": {"actions": 4, "at": 98, "want": set()},
		"told just before": {"actions": 4, "at": 97, "want": {["over_budget", 5, 4]}},
		"without a budget": {"actions": 4, "at": 90, "has_budget": false, "want": set()},
	}
	story := _story([_e], {})
	early := fixture.status(2, case.at, {
		"actions": case.actions, "planned": 0, "emergency": 0, "has_budget": object.get(case, "has_budget", true),
	})
	judged := _judge(object.union(story, {
		"statuses": array.concat([early], story.statuses), "spans": [],
	}))
	_codes(judged) == case.want
}

test_a_day_later_the_budget_is_full_again[name] if {
	some name, case in {"within the day": {"at": 86499, "want": 1}, "a day later": {"at": 86500, "want": 0}}
	rises := array.concat([_rise(i, 100 * i) | some i in [1, 2, 3]], [_rise(4, case.at + 100)])
	judged := _judge(fixture.storage({
		"specs": [fixture.spec({"limit": 99 * _g, "until_ns": 100000 * _s, "max_actions": 3})],
		"requests": [object.union(rise, {"ns": ns, "not_before_ns": ns}) |
			some i, rise in rises
			ns := [200, 300, 400, case.at + 100][i] * _s
		],
		"until_ns": 100000 * _s,
	}))
	count(judged.violation) == case.want
}

test_a_raise_of_the_spec_is_no_action if {
	story := _story([_p, _p, _p, _p], {})
	raised := object.union(story, {"specs": [fixture.spec({"limit": 99 * _g, "request": 5 * _g})]})
	_codes(_judge(object.union(raised, {"spans": []}))) == set()
}

test_only_dynamic_blocks_have_a_budget if {
	story := _story([_p, _p, _p, _p, _p], {})
	_judge(object.union(story, {"specs": [fixture.spec({"mode": "static"})]})) == _nothing
	_judge(object.union(story, {"role": "PG_WAL"})) == _nothing
}

# Growth of which no action tells.
test_growth_of_unknown_kind[name] if {
	some name, case in {
		"with planned actions left": {"kinds": [_p, _p], "want": set()},
		"with the reserve left": {"kinds": [_p, _p, _p], "want": {"kind_unknown"}},
		"with nothing left": {"kinds": [_p, _p, _p, _e], "want": set()},
	}
	n := count(case.kinds) + 1
	story := _story(case.kinds, {})
	judged := _judge(object.union(story, {"requests": array.concat(story.requests, [_rise(n, 100 * n)]), "spans": []}))
	_reasons(judged) == case.want
}

# After all four actions the status should say that nothing is left.
_used_up(changes) := _story([_p, _p, _p, _e], {3: changes})

test_status[name] if {
	some name, case in {
		"planned actions that are used up": {
			"story": _story([_p, _p, _p], {2: {"planned": 1}}), "want": {["exhaustion_hidden", 1, 0]},
		},
		"a planned action when all is used": {
			"story": _story([_e, _e, _e, _e], {3: {"planned": 1}}), "want": {["exhaustion_hidden", 1, 0]},
		},
		"an emergency action when all is used": {
			"story": _used_up({"emergency": 1}), "want": {["exhaustion_hidden", 1, 0]},
		},
		"both": {"story": _used_up({"emergency": 1, "planned": 2}), "want": {["exhaustion_hidden", 3, 0]}},
		"fewer actions than were seen": {
			"story": _used_up({"actions": 1, "planned": 2, "emergency": 1}),
			"want": {["exhaustion_hidden", 3, 0]},
		},
		"nothing for emergencies": {
			"story": _story([_p], {0: {"planned": 3, "emergency": 0}}), "want": {["reserve_not_kept", 0, 1]},
		},
		"nothing for emergencies after the planned share": {
			"story": _story([_p, _p, _p], {2: {"emergency": 0}}), "want": {["reserve_not_kept", 0, 1]},
		},
		"no budget": {
			"story": _story([_p], {0: {
				"has_budget": false, "actions": 0, "planned": 0, "emergency": 0,
			}}),
			"want": {["budget_unreported", 0, 1]},
		},
	}
	_codes(_judge(case.story)) == case.want
}

test_no_budget_is_needed_before_the_first_action if {
	status := fixture.status(2, 1, {"has_budget": false, "planned": 0, "emergency": 0})
	_judge(fixture.storage({"statuses": [status], "spans": [fixture.span(2, 1, 10000, {"last": true})]})) == _nothing
}

test_waiting_without_a_planned_action_is_a_boundary[name] if {
	some name, case in {
		"waiting": {"change": {}, "want": {{"seq": {2}}}},
		"waiting with an action left": {"change": {"planned": 1}, "want": set()},
		"waiting without a budget": {"change": {"has_budget": false}, "want": set()},
		"not waiting": {"change": {"state": "Balanced"}, "want": set()},
	}
	status := fixture.status(2, 1, object.union({"state": "PendingGrowth", "planned": 0, "emergency": 4}, case.change))
	judged := _judge(fixture.storage({
		"specs": [fixture.spec({"reserved_actions": 4})], "statuses": [status],
		"spans": [fixture.span(2, 1, 10000, {"last": true})],
	}))
	judged.exercised == case.want
}

# The status is wrong from 401 s until a moment.
_wrong_until(until, changes) := object.union(story, object.union(
	{"spans": array.concat(
		array.slice(story.spans, 0, count(story.spans) - 1),
		[
			fixture.span(41, 401, until, {"status": 3}),
			fixture.span(50, until, 10000, {"status": 4, "last": true}),
		],
	)},
	changes,
)) if {
	wrong := _used_up({"emergency": 1})
	right := fixture.status(50, until, {"actions": 4, "planned": 0, "emergency": 0})
	story := object.union(wrong, {"statuses": array.concat(wrong.statuses, [right])})
}

test_grace[name] if {
	some name, case in {
		"as long as may be": {"until": 461, "change": {}, "codes": 0, "want": set()},
		"longer": {"until": 462, "change": {}, "codes": 1, "want": set()},
		"longer, with a gap": {
			"until": 462, "change": {"gaps": [fixture.gap("clusters", 410, 420)]}, "codes": 0, "want": {"gap"},
		},
	}
	judged := _judge(_wrong_until(case.until, case.change))
	count(judged.violation) == case.codes
	_reasons(judged) == case.want
}

test_perhaps_too_long if {
	story := _wrong_until(462, {})
	blurred := [object.union(span, {"until_not_before_ns": min([span.until_ns, 461 * _s])}) | some span in story.spans]
	judged := _judge(object.union(story, {"spans": blurred}))
	judged.violation == set()
	_reasons(judged) == {"clock"}
}

# The status is wrong until the recording ends at a moment.
_wrong_to_the_end(until, by) := object.union(story, {
	"until_ns": until * _s, "until": by,
	"spans": array.concat(
		array.slice(story.spans, 0, count(story.spans) - 1),
		[fixture.span(41, 401, until, {"status": 3, "last": true})],
	),
}) if {
	story := _used_up({"emergency": 1})
}

test_the_end[name] if {
	some name, case in {
		"of the recording": {"until": 461, "by": "trace_end", "codes": 0, "want": {"pending"}},
		"of the cluster": {"until": 461, "by": "deleted", "codes": 0, "want": {"deleted"}},
		"too late": {"until": 462, "by": "trace_end", "codes": 1, "want": set()},
	}
	judged := _judge(_wrong_to_the_end(case.until, case.by))
	count(judged.violation) == case.codes
	_reasons(judged) == case.want
}

test_gaps[name] if {
	some name, case in {
		"of claims": {"kinds": [_p, _p, _p], "gap": fixture.gap("persistentvolumeclaims", 1, 2), "want": {"gap"}},
		"of clusters": {"kinds": [_p, _p, _p], "gap": fixture.gap("clusters", 1, 2), "want": {"gap"}},
		"of pods": {"kinds": [_p, _p, _p], "gap": fixture.gap("pods", 1, 2), "want": set()},
		"over which the spec is known": {
			"kinds": [_p, _p, _p], "gap": object.union(fixture.gap("clusters", 1, 2), {"same_generation": true}),
			"want": set(),
		},
		"without a boundary": {"kinds": [_p], "gap": fixture.gap("clusters", 1, 2), "want": set()},
	}
	_reasons(_judge(object.union(_story(case.kinds, {}), {"gaps": [case.gap]}))) == case.want
}

test_rows_name_their_evidence if {
	judged := _judge(_used_up({"emergency": 1}))
	judged.violation == {{"code": "exhaustion_hidden", "seq": {41}, "got": 1, "want": 0}}
	waiting := _judge(_wrong_to_the_end(461, "trace_end"))
	waiting.unknown == {{"reason": "pending", "code": "exhaustion_hidden", "seq": {41, 999}}}
	gap := _judge(object.union(_story([_p, _p, _p], {}), {"gaps": [fixture.gap("clusters", 1, 2)]}))
	gap.unknown == {{"reason": "gap", "seq": {901, 902}}}
}
