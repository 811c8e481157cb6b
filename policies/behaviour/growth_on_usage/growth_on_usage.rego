# METADATA
# title: Data volumes grow when usage asks for it
# description: |
#   When the free share of a data volume is below targetBuffer, and a larger size is
#   within the limit, planned growth must begin in time: in an open maintenance
#   window, while planned actions are left, not within the time after planned growth
#   in which more may be held back. Planned growth must be to used / (1 -
#   targetBuffer), rounded up to a whole GiB, within request and limit.
#
#   Disk usage is in no object of the API: without usage samples, or the operator's
#   log lines about it, nothing can be said. What growth is allowed at all
#   policy-bounds says, emergency-growth what is due in an emergency, and
#   tablespace-growth the same of tablespaces.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.pressure
# custom:
#   id: growth-on-usage
#   class: response
#   view: pressure
#   demand: declared
#   requirement: Growth on usage, baseline behaviour
#   promise: A data volume that runs out of its buffer grows in time, to the size that its usage asks for.
#   severity: critical
#   codes:
#     not_grown: growth was due and allowed for longer than it may take
#     too_small: planned growth to less than the usage asked for
#     too_large: planned growth to more than the usage asked for
#   reasons:
#     no_usage: how full the volumes were was not recorded, or not often enough
#     gap: events are missing, so the growth or what allowed it may not have been seen
#     disrupted: growth was due for longer than it may take, but a disruption was going on
#     cooldown: growth was due, but planned growth had taken place shortly before
#     pending: the recording ends before the growth had to begin
#     deleted: the cluster was deleted before the growth had to begin
#     clock: the moments are not known exactly enough to say whether the growth began in time
#   rows:
#     - doc: results
#       row: Growth on usage
#     - doc: results
#       row: grows storage when usage exceeds
#   specs:
#     - grows storage when usage exceeds target buffer
package behaviour.growth_on_usage

import data.lib.growth
import data.lib.usage

_params := object.union(data.params.time, data.params.usage)

_allowed := _params.grow_ns

_in_scope if input.role == "PG_DATA"

_waiting := {i: pressure |
	_in_scope
	some i, pressure in growth.waiting(input, _params)
}

_planned := growth.planned(_waiting)

_excused := growth.excused(_planned, _params)

_late := usage.late(input, _planned, _excused, _allowed)

_actions := [action | _in_scope; some action in growth.actions(input, _params)]

exercised contains {"seq": {answer.run.seq, answer.span.seq}} if {
	some answer in usage.answers(input, _waiting)
}

exercised contains {"seq": {answer.run.seq, answer.span.seq}, "in": "disruption"} if {
	some answer in usage.answers(input, _waiting)
	usage.disrupted(input, answer.run)
}

exercised contains {"seq": {action.rise.seq}} if {
	some action in _actions
	growth.is_right(action)
}

violation contains {
	"code": "not_grown", "seq": ({run.seq} | pressure.seq), "got": run.least_ns, "want": _allowed, "unit": "ns",
	"from_ns": run.began_ns, "until_ns": run.ended_ns,
	"size_bytes": pressure.current, "wanted_bytes": pressure.wanted,
} if {
	some run in _late
	pressure := _planned[run.final]
}

violation contains {
	"code": "too_small", "seq": ({action.rise.seq} | {sample.seq | some sample in action.near}),
	"volume": action.rise.volume, "got": action.rise.to, "want": action.sizes.least, "unit": "bytes",
} if {
	some action in _actions
	usage.exact(action)
	action.rise.to < action.sizes.least
}

violation contains {
	"code": "too_large", "seq": ({action.rise.seq} | {sample.seq | some sample in action.near}),
	"volume": action.rise.volume, "got": action.rise.to, "want": action.sizes.most, "unit": "bytes",
} if {
	some action in _actions
	usage.exact(action)
	action.rise.to > action.sizes.most
}

unknown contains {"reason": "no_usage", "seq": {action.rise.seq}} if {
	some action in _actions
	not usage.exact(action)
	not growth.is_right(action)
}

unknown contains {
	"reason": doubt.reason, "seq": {doubt.run.seq, input.until_seq}, "code": "not_grown",
	"from_ns": doubt.run.began_ns, "until_ns": doubt.run.ended_ns,
} if {
	some doubt in usage.doubts(input, _planned, _excused, _allowed, _late)
}

unknown contains {
	"reason": "no_usage", "seq": {hole.seq, input.until_seq}, "code": "not_grown",
	"from_ns": hole.from_ns, "until_ns": hole.until_ns,
} if {
	_in_scope
	some hole in usage.holes(input, _params)
}
