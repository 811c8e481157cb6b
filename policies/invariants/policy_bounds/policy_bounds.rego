# METADATA
# title: Volumes keep to what spec.storage allows
# description: |
#   Every request that is written to a claim is judged against the storage block in
#   force at that moment. Dynamic blocks: not above limit, not below request, never
#   smaller than before, and no growth that the block forbids (emergency growth when
#   it is disabled, planned growth outside the maintenance window, more actions in a
#   day than the budget has). Static blocks: exactly the size. Claims must follow a
#   raised request or size.
#
#   A limit that is lowered below what is provisioned forbids no volume of the size
#   that the group had then. With exceedLimitOnEmergency, a size above the limit
#   needs an emergency action in the status. WAL volumes are judged in static mode
#   only.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.storage
# custom:
#   id: policy-bounds
#   class: state
#   view: storage
#   requirement: Core invariant 2, policy bounds respected
#   promise: No volume is ever provisioned below request, above limit, or against what the storage policy allows.
#   severity: critical
#   codes:
#     above_limit: a claim requests more than limit
#     below_request: a claim requests less than request
#     request_shrunk: a request became smaller, but storage only grows
#     off_size: a claim of a static block does not request its size
#     emergency_disabled: emergency growth though emergencyGrow.enabled is false
#     outside_window: planned growth while the maintenance window was closed
#     over_budget: more resize actions within a day than maxActionsPerDay
#     over_planned_budget: planned growth used the actions reserved for emergencies
#   reasons:
#     spec_unknown: no storage block was recorded before the request was written
#     order_uncertain: the request is against the block in force, but the block changed just then
#     kind_unknown: the group grew while the window was closed, and no action says whether it was an emergency
#     action_pending: the recording ends before the status could say that this was an emergency
#     gap: events are missing, so a request or a block may not have been seen
#     pending: the recording ends before the claims had to follow the block
#     deleted: the cluster was deleted before the claims had to follow the block
#     clock: the moments are not known exactly enough to say whether the claims followed in time
#   mutants: [above_limit, below_request, shrink, reorder, forbid_emergency, no_budget, closed_window, gap]
#   rows:
#     - doc: requirements
#       row: Policy bounds respected
package invariants.policy_bounds

import data.lib.rises
import data.lib.spans

_skew := data.params.time.order_skew_ns

_match := data.params.time.action_match_ns

_grace := data.params.time.status_grace_ns

_written contains request if {
	some request in input.requests
	request.how in {"created", "changed"}
}

# A request with the blocks that may have been in force.
_judged contains {"request": request, "specs": specs} if {
	some request in _written
	specs := rises.candidates(input.specs, request, _skew)
	some spec in specs
	rises.in_scope(spec.mode, input.role)
}

exercised contains {"seq": {judged.request.seq, max([spec.seq | some spec in judged.specs])}} if {
	some judged in _judged
}

# What is wrong with a request under one block: {code, want}.
_wrong(request, spec) := {"code": "above_limit", "want": max([spec.limit, spec.limit_peak])} if {
	_dynamic(spec)
	request.to > max([spec.limit, spec.limit_peak])
	not _emergency(request, spec)
	not _emergency_pending(request, spec)
} else := {"code": "below_request", "want": spec.request} if {
	_dynamic(spec)
	request.to < spec.request
	request.to >= request.from
} else := {"code": "off_size", "want": spec.size} if {
	spec.mode == "static"
	spec.size > 0
	request.to != spec.size
	request.to >= request.from
}

_dynamic(spec) if {
	spec.mode == "dynamic"
	rises.in_scope(spec.mode, input.role)
}

_emergency(request, spec) if {
	spec.exceed_limit
	some status in input.statuses
	status.action_kind == "EmergencyGrow"
	status.action_to >= request.to
	status.ns <= request.ns + _grace
}

_emergency_pending(request, spec) if {
	spec.exceed_limit
	request.ns + _grace > input.until_ns
	every status in rises.actions(input.statuses, request, _match, _grace) {
		status.action_kind == "EmergencyGrow"
	}
}

_wrongs(judged) := [wrong | some spec in judged.specs; wrong := _wrong(judged.request, spec)]

violation contains {
	"code": wrong.code, "seq": {last.seq, request.seq}, "volume": request.volume,
	"got": request.to, "want": wrong.want, "unit": "bytes",
} if {
	some judged in _judged
	request := judged.request
	count(_wrongs(judged)) == count(judged.specs)
	last := judged.specs[count(judged.specs) - 1]
	wrong := _wrong(request, last)
}

unknown contains {"reason": "order_uncertain", "seq": ({spec.seq | some spec in judged.specs} | {seq})} if {
	some judged in _judged
	seq := judged.request.seq
	_wrong(judged.request, input.specs[judged.request.spec])
	count(_wrongs(judged)) < count(judged.specs)
}

unknown contains {"reason": "action_pending", "seq": {judged.request.seq, input.until_seq}} if {
	some judged in _judged
	some spec in judged.specs
	_dynamic(spec)
	judged.request.to > max([spec.limit, spec.limit_peak])
	not _emergency(judged.request, spec)
	_emergency_pending(judged.request, spec)
}

unknown contains {"reason": "spec_unknown", "seq": {request.seq}} if {
	some request in _written
	count(rises.candidates(input.specs, request, _skew)) == 0
}

violation contains {
	"code": "request_shrunk", "seq": {request.seq}, "volume": request.volume,
	"got": request.to, "want": request.from, "unit": "bytes",
} if {
	some request in _written
	request.to < request.from
}

# The growth of the group that was an action of the operator, not asked for by the spec.
_growth := [{"rise": rise, "specs": specs, "kinds": kinds} |
	some rise in rises.decisions(input.requests)
	specs := [spec | some spec in rises.candidates(input.specs, rise, _skew); _dynamic(spec)]
	count(specs) > 0
	not rises.by_spec(input.specs, rise, _skew)
	kinds := {action.action_kind | some action in rises.actions(input.statuses, rise, _match, _grace)}
]

violation contains {
	"code": "emergency_disabled", "seq": {spec.seq, growth.rise.seq}, "volume": growth.rise.volume,
	"got": growth.rise.to, "want": growth.rise.peak, "unit": "bytes",
} if {
	some growth in _growth
	growth.kinds == {"EmergencyGrow"}
	every candidate in growth.specs {
		not candidate.emergency_enabled
	}
	some spec in growth.specs
}

violation contains {
	"code": "outside_window", "seq": {spec.seq, growth.rise.seq}, "volume": growth.rise.volume,
	"got": growth.rise.to, "want": growth.rise.peak, "unit": "bytes",
} if {
	some growth in _growth
	_planned_only(growth)
	not _open(growth.rise)
	some spec in growth.specs
}

# Growth that can only have been planned: its action says so, or emergencies were disabled.
_planned_only(growth) if growth.kinds == {"ScheduledGrow"}

_planned_only(growth) if {
	growth.kinds == set()
	every spec in growth.specs {
		not spec.emergency_enabled
	}
}

_open(rise) if {
	some window in input.windows
	window.opens_ns - _match <= rise.ns
	window.closes_ns + _match >= rise.not_before_ns
}

unknown contains {"reason": "kind_unknown", "seq": {growth.rise.seq}} if {
	some growth in _growth
	growth.kinds == set()
	not _planned_only(growth)
	not _open(growth.rise)
}

# Actions before this one in its day: those that were recorded, and the one that
# the status told of when the recording began.
_earlier(rise) := {growth.rise.seq |
	some growth in _growth
	growth.rise.seq < rise.seq
	growth.rise.ns > rise.ns - data.params["policy-bounds"].day_ns
} | {status.seq |
	some status in input.statuses
	status.has_action
	status.ns == min([first.ns | some first in input.statuses; first.has_action])
	status.action_at_ns < input.from_ns - _match
	status.action_at_ns > rise.ns - data.params["policy-bounds"].day_ns
}

violation contains {
	"code": "over_budget", "seq": (_earlier(growth.rise) | {growth.rise.seq}), "volume": growth.rise.volume,
	"got": count(_earlier(growth.rise)) + 1, "want": budget,
} if {
	some growth in _growth
	budget := max([spec.max_actions | some spec in growth.specs])
	count(_earlier(growth.rise)) >= budget
}

# The status itself says that one more action was taken than the block in force has.
violation contains {
	"code": "over_budget", "seq": {spec.seq, status.seq}, "got": status.actions, "want": spec.max_actions,
} if {
	some i, status in input.statuses
	status.actions > input.statuses[i - 1].actions
	specs := [spec |
		some spec in rises.candidates(input.specs, status, _skew)
		_dynamic(spec)
	]
	every candidate in specs {
		status.actions > candidate.max_actions
	}
	some spec in specs
}

_planned(rise) := {growth.rise.seq |
	some growth in _growth
	growth.kinds == {"ScheduledGrow"}
	growth.rise.seq <= rise.seq
	growth.rise.ns > rise.ns - data.params["policy-bounds"].day_ns
}

violation contains {
	"code": "over_planned_budget", "seq": _planned(growth.rise), "volume": growth.rise.volume,
	"got": count(_planned(growth.rise)), "want": budget,
} if {
	some growth in _growth
	growth.kinds == {"ScheduledGrow"}
	budget := max([planned | some spec in growth.specs; planned := spec.max_actions - spec.reserved_actions])
	count(_planned(growth.rise)) > budget
	count(_earlier(growth.rise)) < max([spec.max_actions | some spec in growth.specs])
}

# Spans in which a claim requests less than the block in force asks for.
_short := {i |
	some i, span in input.spans
	spec := input.specs[span.spec]
	rises.in_scope(spec.mode, input.role)
	spec.resize_in_use
	some volume in span.volumes
	volume.status != "detached"
	volume.request < _floor(spec)
}

_floor(spec) := {"dynamic": spec.request, "static": spec.size}[spec.mode]

_runs := spans.runs(input.spans, _short)

_reach := data.params["policy-bounds"].reach_ns

_kinds := {"clusters", "persistentvolumeclaims"}

violation contains {
	"code": {"dynamic": "below_request", "static": "off_size"}[spec.mode], "seq": {spec.seq, run.seq, span.seq},
	"volume": volume.volume, "got": volume.request, "want": _floor(spec), "unit": "bytes",
} if {
	some run in _runs
	spans.exceeds(run, _reach, input.gaps, _kinds)
	span := input.spans[run.final]
	spec := input.specs[span.spec]
	some volume in span.volumes
	volume.request < _floor(spec)
}

unknown contains {"reason": reason, "seq": {run.seq, input.until_seq}} if {
	some run in _runs
	reason := spans.doubt(run, _reach, input.gaps, _kinds, input.until)
}

unknown contains {"reason": "gap", "seq": {gap.first_seq, gap.last_seq}} if {
	count(_judged) > 0
	some gap in input.gaps
	gap.resource in _kinds
	not gap.same_generation
}
