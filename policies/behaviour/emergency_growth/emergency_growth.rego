# METADATA
# title: Emergencies grow at once, by a documented step
# description: |
#   When the used share of a volume reaches criticalThreshold, or its free space falls
#   to criticalMinimumFree, the group must grow at once, whatever the maintenance
#   window says: while any action is left, and limit is not reached or may be exceeded.
#   Emergency growth must be by a quarter of the size, at least 1 GiB, at most to limit
#   (unless exceedLimitOnEmergency), and only when a volume was critical.
#
#   The step is judged by the claims alone. For the rest, usage samples are needed.
#   Emergency growth that is disabled, or beyond the budget, is policy-bounds'.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.pressure
# custom:
#   id: emergency-growth
#   class: response
#   view: pressure
#   demand: declared
#   requirement: Emergency growth, baseline behaviour
#   promise: A volume that is about to be full grows at once, by a step that is known beforehand.
#   severity: critical
#   codes:
#     not_grown: an emergency was due and allowed for longer than it may take
#     wrong_step: emergency growth by another step than a quarter, at least 1 GiB, at most to limit
#     not_critical: emergency growth though no volume was critical
#   reasons:
#     no_usage: how full the volumes were was not recorded, or not often enough
#     gap: events are missing, so the growth or what allowed it may not have been seen
#     disrupted: growth was due for longer than it may take, but a disruption was going on
#     pending: the recording ends before the growth had to begin
#     deleted: the cluster was deleted before the growth had to begin
#     clock: the moments are not known exactly enough to say whether the growth began in time
#   rows:
#     - doc: results
#       row: Emergency growth
#     - doc: results
#       row: grows immediately when critical threshold
#   specs:
#     - grows immediately when critical threshold is reached
package behaviour.emergency_growth

import data.lib.usage

_params := object.union(data.params.time, data.params.usage)

_allowed := data.params["emergency-growth"].at_once_ns

_tolerance := data.params["emergency-growth"].round_bytes

_waiting := {i: pressure |
	some i, pressure in usage.pressed(input, _params)
	pressure.critical
	pressure.spec.emergency_enabled
	pressure.spec.resize_in_use
	not pressure.span.open
	_room(pressure)
	usage.any_left(pressure)
}

_room(pressure) if pressure.current < pressure.spec.limit

_room(pressure) if pressure.spec.exceed_limit

_excused := usage.disruptions(_waiting)

_late := usage.late(input, _waiting, _excused, _allowed)

_actions := usage.grown(input, "EmergencyGrow", _params)

exercised contains {"seq": {answer.run.seq, answer.span.seq}} if some answer in usage.answers(input, _waiting)

exercised contains {"seq": {answer.run.seq, answer.span.seq}, "in": "disruption"} if {
	some answer in usage.answers(input, _waiting)
	usage.disrupted(input, answer.run)
}

exercised contains {"seq": {action.rise.seq}} if {
	some action in _actions
	_is_step(action)
}

violation contains {
	"code": "not_grown", "seq": ({run.seq} | pressure.seq), "got": run.least_ns, "want": _allowed, "unit": "ns",
	"from_ns": run.began_ns, "until_ns": run.ended_ns, "size_bytes": pressure.current,
} if {
	some run in _late
	pressure := _waiting[run.final]
}

# The sizes that an emergency may lead to: from what the action says, or from the
# request or the capacity of a volume.
_steps(action) := {size |
	some spec in action.specs
	some from in _sizes(action)
	some size in _step(spec, from)
}

_sizes(action) := union({
	{action.rise.from, action.rise.peak},
	{told.action_from | some told in action.actions},
	{volume.capacity |
		some span in input.spans
		span.ns <= action.rise.ns
		span.until_ns >= action.rise.not_before_ns
		some volume in span.volumes
	},
})

_step(spec, from) := {usage.emergency(spec, from)} if not spec.exceed_limit

_step(spec, from) := {usage.emergency(spec, from), usage.step(from)} if spec.exceed_limit

_is_step(action) if {
	some size in _steps(action)
	abs(action.rise.to - size) < _tolerance
}

violation contains {
	"code": "wrong_step", "seq": ({action.rise.seq} | {told.seq | some told in action.actions}),
	"volume": action.rise.volume, "got": action.rise.to, "want": want, "unit": "bytes",
} if {
	some action in _actions
	not _is_step(action)
	want := max({usage.emergency(spec, action.rise.from) | some spec in action.specs})
}

# Whether one of the samples near an action may have been critical, by any reckoning:
# of the file system as it was before, or of the volume.
_perhaps(action) if {
	some sample in action.near
	some spec in action.specs
	size := min({action.rise.from} | {near.capacity | some near in action.near; near.volume == sample.volume})
	usage.perhaps_critical(spec, sample, size)
}

_calm := [action |
	some action in _actions
	not _perhaps(action)
]

violation contains {
	"code": "not_critical", "seq": ({action.rise.seq} | {sample.seq | some sample in action.near}),
	"volume": action.rise.volume, "got": max([sample.used | some sample in action.near]),
	"want": action.rise.from, "unit": "bytes",
} if {
	some action in _calm
	usage.exact(action)
}

unknown contains {"reason": "no_usage", "code": "not_critical", "seq": {action.rise.seq}} if {
	some action in _calm
	not usage.exact(action)
}

unknown contains {
	"reason": doubt.reason, "seq": {doubt.run.seq, input.until_seq}, "code": "not_grown",
	"from_ns": doubt.run.began_ns, "until_ns": doubt.run.ended_ns,
} if {
	some doubt in usage.doubts(input, _waiting, _excused, _allowed, _late)
}
