# METADATA
# title: A volume that is too full was not grown
# description: |
#   For a while a volume was fuller than its buffer allows, and no expansion was going
#   on. The status and the spec tell why: the limit is reached (at_limit), the window is
#   closed (window_closed) or the budget is used up (budget_used), all of which the spec
#   asks for; the operator does not know how full it is (no_disk_status); or it knew and
#   did nothing (not_acted). Emergencies wait for no window.
#
#   How full a volume is is in no object: without usage samples nothing is named. The
#   share is that of the volume, as the operator counts, which is larger than the file
#   system; so what is too full here is too full by every measure.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.pressure
# custom:
#   id: diagnosis-growth-not-triggered
#   class: diagnosis
#   view: pressure
#   requirement: Failure mode growth not triggered
#   reasons:
#     at_limit: the volume had the size of its limit, and may not grow
#     window_closed: the maintenance window was closed, and it was no emergency
#     budget_used: the actions of the day were used up
#     no_disk_status: the operator did not know how full the volume was
#     not_acted: growth was due and allowed, and the operator did not patch the claim
#   rows:
#     - doc: results
#       row: Growth not triggered
package diagnosis.growth_not_triggered

import data.lib.spans

_params := data.params["diagnosis-growth-not-triggered"]

# The samples by volume that hold in a span.
_sampled(span) := [object.union(volume, {"used": input.samples[volume.sample].used, "free": free}) |
	some volume in span.volumes
	volume.capacity > 0
	free := input.samples[volume.sample].available
]

_too_full(span, spec) if {
	some volume in _sampled(span)
	volume.used * 100 > volume.capacity * (100 - spec.target_buffer)
}

_critical(span, spec) if {
	spec.emergency_enabled
	some volume in _sampled(span)
	volume.used * 100 >= volume.capacity * spec.critical_percent
}

_critical(span, spec) if {
	spec.emergency_enabled
	some volume in _sampled(span)
	volume.free <= spec.critical_free
}

# An index of -1 is that of no status.
_status(span) := input.statuses[span.status]

default _state(_) := ""

_state(span) := _status(span).state

_knows(span) if {
	_status(span).present
	not _state(span) in {"", "WaitingForDiskStatus"}
}

_left(status, true) := status.planned + status.emergency

_left(status, false) := status.planned

_reason(span, spec, critical) := "at_limit" if {
	span.peak >= spec.limit
} else := "no_disk_status" if {
	not _knows(span)
} else := "window_closed" if {
	not critical
	not span.window_open
} else := "budget_used" if {
	_status(span).has_budget
	_left(_status(span), critical) == 0
} else := "not_acted"

_is_critical(span, spec) if {
	_critical(span, spec)
} else := false

# Why each span in which growth is due has none, by its index.
_reasons := {i: _reason(span, spec, _is_critical(span, spec)) |
	input.role != "PG_WAL"
	some i, span in input.spans
	spec := input.specs[span.spec]
	spec.mode == "dynamic"
	not span.open
	_too_full(span, spec)
}

_classes := {
	"at_limit": "test", "window_closed": "test", "budget_used": "test", "no_disk_status": "product",
	"not_acted": "product",
}

blame contains {
	"class": class, "reason": reason, "seq": {run.seq}, "from_ns": run.began_ns, "until_ns": run.ended_ns,
	"state": _state(input.spans[run.final]), "peak_bytes": input.spans[run.final].peak,
	"used_bytes": max([volume.used | some volume in _sampled(input.spans[run.final])]),
} if {
	some reason, class in _classes
	some run in spans.runs(input.spans, {i | some i, r in _reasons; r == reason})
	run.least_ns > _params.untriggered_ns
}
