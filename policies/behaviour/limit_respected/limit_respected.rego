# METADATA
# title: A group at its limit says so, and is left alone
# description: |
#   When usage asks for more but the group has reached limit, the status must say
#   AtLimit, targetSize must not be above limit, and no growth beyond may be tried:
#   neither an action that failed, nor a patch that was refused.
#
#   It is exercised by the state AtLimit of a group at its limit, and by usage over
#   the buffer of such a group. That no claim is ever above limit is policy-bounds'.
#   Blocks with exceedLimitOnEmergency are left out, for they may go on. A limit that
#   is lowered later forbids no size that the group had then.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.pressure
# custom:
#   id: limit-respected
#   class: response
#   view: pressure
#   demand: declared
#   requirement: Limit enforcement, baseline behaviour
#   promise: Where the limit stops growth, the status says AtLimit, and the operator does not go on trying.
#   severity: major
#   codes:
#     limit_not_told: usage asks for more than limit, but the state does not say AtLimit
#     target_above_limit: targetSize is larger than limit allows
#     tried_beyond: growth to more than limit was tried
#   reasons:
#     no_usage: how full the volumes were was not recorded often enough
#     gap: events are missing, so the status may have said it meanwhile
#     disrupted: the status did not say it in time, but a disruption was going on
#     pending: the recording ends before the status had to say it
#     deleted: the cluster was deleted before the status had to say it
#     clock: the moments are not known exactly enough to say whether the status said it in time
#   rows:
#     - doc: results
#       row: Limit enforcement
#     - doc: results
#       row: respects limit and does not grow beyond
#   specs:
#     - respects limit and does not grow beyond it
package behaviour.limit_respected

import data.lib.rises
import data.lib.spans
import data.lib.usage

_params := object.union(data.params.time, data.params.usage)

_allowed := _params.tell_ns

_strict(spec) if {
	usage.dynamic(spec, input.role)
	not spec.exceed_limit
}

# Spans of a group at its limit with a volume that is over its buffer.
_full := {i: pressure |
	some i, pressure in usage.pressed(input, _params)
	_strict(pressure.spec)
	pressure.over
	not pressure.span.open
	pressure.current >= pressure.spec.limit
}

# Spans of a group at its limit that says so.
_said := {i |
	some i, span in input.spans
	spec := input.specs[span.spec]
	_strict(spec)
	input.statuses[span.status].state == "AtLimit"
	max({span.peak} | {volume.capacity | some volume in span.volumes}) >= spec.limit
}

_runs := spans.runs(input.spans, _said | object.keys(_full))

exercised contains {"seq": {run.seq, input.spans[run.final].seq}} if some run in _runs

exercised contains {"seq": {run.seq, input.spans[run.final].seq}, "in": "disruption"} if {
	some run in _runs
	usage.disrupted(input, run)
}

_silent := {i: pressure |
	some i, pressure in _full
	pressure.status.state != "AtLimit"
}

_silent_late := usage.late(input, _silent, usage.disruptions(_silent), _allowed)

violation contains {
	"code": "limit_not_told", "seq": ({run.seq} | pressure.seq), "got": pressure.status.state, "want": "AtLimit",
	"from_ns": run.began_ns, "until_ns": run.ended_ns, "size_bytes": pressure.current,
} if {
	some run in _silent_late
	pressure := _silent[run.final]
}

# What limit allows: itself, or the size that the group had when it came in force.
_most(spec) := max([spec.limit, spec.limit_peak])

_above := {i: told |
	some i, span in input.spans
	spec := input.specs[span.spec]
	_strict(spec)
	status := input.statuses[span.status]
	status.target > _most(spec)
	told := {"span": span, "spec": spec, "status": status, "old": false}
}

_above_late := usage.late(input, _above, usage.disruptions(_above), _allowed)

violation contains {
	"code": "target_above_limit", "seq": {told.spec.seq, run.seq, told.status.seq},
	"got": told.status.target, "want": _most(told.spec), "unit": "bytes",
	"from_ns": run.began_ns, "until_ns": run.ended_ns,
} if {
	some run in _above_late
	told := _above[run.final]
}

# Actions that the status began to tell of, and lines of the log.
_tries := array.concat(
	[{"at": status, "to": status.action_to} |
		some i, status in input.statuses
		status.has_action
		status.action_timestamp != input.statuses[i - 1].action_timestamp
	],
	[{"at": patch, "to": patch.to} | some patch in input.patches],
)

violation contains {
	"code": "tried_beyond", "seq": {spec.seq, try.at.seq}, "got": try.to, "want": _most(spec), "unit": "bytes",
} if {
	some try in _tries
	not _requested(try.to)
	specs := rises.candidates(input.specs, try.at, _params.order_skew_ns)
	every candidate in specs {
		_strict(candidate)
		try.to > _most(candidate)
	}
	spec := specs[count(specs) - 1]
}

# What a claim requested is policy-bounds' to judge.
_requested(size) if {
	some request in input.requests
	request.to == size
}

_doubted := {
	"limit_not_told": {"waiting": _silent, "late": _silent_late},
	"target_above_limit": {"waiting": _above, "late": _above_late},
}

unknown contains {
	"reason": doubt.reason, "seq": {doubt.run.seq, input.until_seq}, "code": code,
	"from_ns": doubt.run.began_ns, "until_ns": doubt.run.ended_ns,
} if {
	some code, doubted in _doubted
	excused := usage.disruptions(doubted.waiting)
	some doubt in usage.doubts(input, doubted.waiting, excused, _allowed, doubted.late)
}
