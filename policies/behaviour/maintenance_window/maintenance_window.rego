# METADATA
# title: Growth waits for the maintenance window, and says so
# description: |
#   When usage asks for planned growth while the maintenance window is closed, the
#   status must say PendingGrowth, and nextMaintenanceWindow must be the next time of
#   the schedule: cron with six fields, in the time zone of the window. A window is
#   open for its duration from each scheduled time, also where clocks are changed.
#
#   It is exercised by PendingGrowth while the window is closed. That nothing but an
#   emergency grows a volume then is policy-bounds'; that growth begins once the
#   window opens is growth-on-usage's and tablespace-growth's.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.pressure
# custom:
#   id: maintenance-window
#   class: response
#   view: pressure
#   demand: declared
#   requirement: Maintenance window, baseline behaviour
#   promise: Growth that waits for the maintenance window is visible, with the time at which it will be done.
#   severity: major
#   codes:
#     not_pending: growth had to wait for the window, but the state did not say PendingGrowth
#     window_not_told: growth waits for the window, but there is no nextMaintenanceWindow
#     window_wrong: nextMaintenanceWindow is not the next time of the schedule
#   reasons:
#     no_usage: how full the volumes were was not recorded often enough
#     gap: events are missing, so the status may have said it meanwhile
#     disrupted: the status did not say it in time, but a disruption was going on
#     pending: the recording ends before the status had to say it
#     deleted: the cluster was deleted before the status had to say it
#     clock: the moments are not known exactly enough to say whether the status said it in time
#   rows:
#     - doc: results
#       row: Maintenance window
#     - doc: results
#       row: queues growth when outside maintenance window
#   specs:
#     - queues growth when outside maintenance window
package behaviour.maintenance_window

import data.lib.growth
import data.lib.spans
import data.lib.usage

_params := object.union(data.params.time, data.params.usage)

_allowed := _params.tell_ns

# Spans in which growth is due, but the window is closed, there is no emergency, and
# the state does not say so.
_silent := {i: pressure |
	some i, pressure in growth.planned(usage.pressed(input, _params))
	usage.due(pressure, _params)
	not pressure.span.window_open
	pressure.status.state != "PendingGrowth"
}

_excused := usage.disruptions(_silent)

_late := usage.late(input, _silent, _excused, _allowed)

violation contains {
	"code": "not_pending", "seq": ({run.seq} | pressure.seq), "got": pressure.status.state, "want": "PendingGrowth",
	"from_ns": run.began_ns, "until_ns": run.ended_ns, "wanted_bytes": pressure.wanted,
} if {
	some run in _late
	pressure := _silent[run.final]
}

# Spans of a closed window in which the status says that growth waits, though a
# planned action is left: so it waits for the window.
_waits := {i: wait |
	some i, span in input.spans
	spec := input.specs[span.spec]
	usage.dynamic(spec, input.role)
	spec.window_valid
	not span.window_open
	status := input.statuses[span.status]
	status.state == "PendingGrowth"
	wait := {"span": span, "spec": spec, "status": status, "old": false}
	usage.planned_left(wait)
}

_runs := spans.runs(input.spans, object.keys(_waits))

exercised contains {"seq": {run.seq, _waits[run.first].status.seq}} if some run in _runs

exercised contains {"seq": {run.seq, _waits[run.first].status.seq}, "in": "disruption"} if {
	some run in _runs
	usage.disrupted(input, run)
}

_untold := {i: wait |
	some i, wait in _waits
	wait.span.has_next_opening
	not wait.status.has_next_window
}

_untold_late := usage.late(input, _untold, usage.disruptions(_untold), _allowed)

violation contains {
	"code": "window_not_told", "seq": {run.seq, wait.status.seq}, "got": run.least_ns, "want": _allowed, "unit": "ns",
	"from_ns": run.began_ns, "until_ns": run.ended_ns,
} if {
	some run in _untold_late
	wait := _untold[run.final]
}

_wrong := {i: wait |
	some i, wait in _waits
	wait.status.has_next_window
	wait.status.next_window_ns != wait.span.next_opening_ns
}

_wrong_late := usage.late(input, _wrong, usage.disruptions(_wrong), _allowed)

violation contains {
	"code": "window_wrong", "seq": {wait.spec.seq, run.seq, wait.status.seq},
	"got": wait.status.next_window_ns, "want": wait.span.next_opening_ns, "unit": "ns",
	"from_ns": run.began_ns, "until_ns": run.ended_ns,
} if {
	some run in _wrong_late
	wait := _wrong[run.final]
}

_doubted := {
	"not_pending": {"waiting": _silent, "late": _late},
	"window_not_told": {"waiting": _untold, "late": _untold_late},
	"window_wrong": {"waiting": _wrong, "late": _wrong_late},
}

unknown contains {
	"reason": doubt.reason, "seq": {doubt.run.seq, input.until_seq}, "code": code,
	"from_ns": doubt.run.began_ns, "until_ns": doubt.run.ended_ns,
} if {
	some code, doubted in _doubted
	excused := usage.disruptions(doubted.waiting)
	some doubt in usage.doubts(input, doubted.waiting, excused, _allowed, doubted.late)
}
