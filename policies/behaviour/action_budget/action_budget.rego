# METADATA
# title: The budget is counted, split, and said to be used up
# description: |
#   The status must have a budget from the beginning, of which planned growth may
#   never have more left than maxActionsPerDay without the reserve, nor emergencies
#   more than reservedActionsForEmergency. An action of the last 24 hours must be
#   counted, whoever has restarted since. When usage asks for growth and only the
#   budget forbids it, the state must be PendingGrowth.
#
#   It is exercised by each new state of the counters. That the parts add up and count
#   what was seen is status-coherence's, that no action is beyond the budget is
#   policy-bounds', and what the counters say once the budget is used up is
#   scenario-rate-limit-budget's.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.pressure
# custom:
#   id: action-budget
#   class: state
#   view: pressure
#   demand: declared
#   requirement: Rate limiting, baseline behaviour
#   promise: How many resize actions are left is visible from the beginning, and so is that none is.
#   severity: major
#   codes:
#     budget_missing: the status of a group that has a budget and has not grown tells of none
#     split_off: more is left for planned growth or for emergencies than the block gives to them
#     action_not_counted: the last action is of the last 24 hours, but the budget counts none
#     exhaustion_not_told: only the budget forbids growth that is due, but the state is not PendingGrowth
#   reasons:
#     no_usage: how full the volumes were was not recorded often enough
#     gap: events are missing, so the status may have said it meanwhile
#     disrupted: the status did not say it in time, but a disruption was going on
#     pending: the recording ends before the status had to say it
#     deleted: the cluster was deleted before the status had to say it
#     clock: the moments are not known exactly enough to say whether the status said it in time
#   rows:
#     - doc: results
#       row: Rate limiting
#     - doc: results
#       row: initializes max-actions budget counters
#   specs:
#     - initializes max-actions budget counters
#     - exposes planned/emergency budget split in status
package behaviour.action_budget

import data.lib.growth
import data.lib.usage

_params := object.union(data.params.time, data.params.usage)

_allowed := _params.tell_ns

_day := data.params["policy-bounds"].day_ns

# Spans of a dynamic block with a budget, whose status tells of the group, by index.
_told := {i: told |
	some i, span in input.spans
	spec := input.specs[span.spec]
	usage.dynamic(spec, input.role)
	spec.max_actions > 0
	status := input.statuses[span.status]
	status.state != ""
	told := {"span": span, "spec": spec, "status": status, "old": false}
}

exercised contains {"seq": {status.seq}} if {
	some i, told in _told
	told.status.has_budget
	status := told.status
	not _counted(i - 1, status)
}

# The same counters in the span before.
_counted(i, status) if {
	before := _told[i].status
	before.has_budget
	[before.actions, before.planned, before.emergency] == [status.actions, status.planned, status.emergency]
}

# A budget that is missing after an action is scenario-rate-limit-budget's.
_missing := {i: told |
	some i, told in _told
	not told.status.has_budget
	not told.status.has_action
}

_split := {i: told |
	some i, told in _told
	told.status.has_budget
	_excess(told)
}

_excess(told) if told.status.planned > told.spec.max_actions - told.spec.reserved_actions

_excess(told) if told.status.emergency > told.spec.reserved_actions

_uncounted := {i: told |
	some i, told in _told
	told.status.has_budget
	told.status.actions == 0
	told.status.action_result == "Success"
	told.span.until_ns < told.status.action_at_ns + _day
}

# Spans in which growth is due and would be allowed, but no action is left for it.
_exhausted := {i: pressure |
	some i, pressure in usage.pressed(input, _params)
	pressure.status.has_budget
	pressure.status.state != "PendingGrowth"
	_forbidden(pressure)
}

_forbidden(pressure) if {
	usage.due(pressure, _params)
	pressure.span.window_open
	not growth.is_emergency(pressure)
	not usage.planned_left(pressure)
}

_forbidden(pressure) if {
	growth.is_emergency(pressure)
	pressure.current < pressure.spec.limit
	not pressure.span.open
	not usage.any_left(pressure)
}

_waiting := {
	"budget_missing": _missing,
	"split_off": _split,
	"action_not_counted": _uncounted,
	"exhaustion_not_told": _exhausted,
}

_late := {code: usage.late(input, waiting, usage.disruptions(waiting), _allowed) | some code, waiting in _waiting}

violation contains {
	"code": "budget_missing", "seq": {run.seq, told.status.seq}, "got": 0, "want": told.spec.max_actions,
	"from_ns": run.began_ns, "until_ns": run.ended_ns,
} if {
	some run in _late.budget_missing
	told := _missing[run.final]
}

violation contains {
	"code": "split_off", "seq": {told.spec.seq, run.seq, told.status.seq},
	"got": [told.status.planned, told.status.emergency],
	"want": [told.spec.max_actions - told.spec.reserved_actions, told.spec.reserved_actions],
	"from_ns": run.began_ns, "until_ns": run.ended_ns,
} if {
	some run in _late.split_off
	told := _split[run.final]
}

violation contains {
	"code": "action_not_counted", "seq": {run.seq, told.status.seq}, "got": 0, "want": 1,
	"from_ns": run.began_ns, "until_ns": run.ended_ns,
} if {
	some run in _late.action_not_counted
	told := _uncounted[run.final]
}

violation contains {
	"code": "exhaustion_not_told", "seq": ({run.seq} | pressure.seq),
	"got": pressure.status.state, "want": "PendingGrowth",
	"from_ns": run.began_ns, "until_ns": run.ended_ns,
} if {
	some run in _late.exhaustion_not_told
	pressure := _exhausted[run.final]
}

unknown contains {
	"reason": doubt.reason, "seq": {doubt.run.seq, input.until_seq}, "code": code,
	"from_ns": doubt.run.began_ns, "until_ns": doubt.run.ended_ns,
} if {
	some code, waiting in _waiting
	some doubt in usage.doubts(input, waiting, usage.disruptions(waiting), _allowed, _late[code])
}
