# METADATA
# title: The status tells what the volumes show
# description: |
#   status.storageSizing must agree with the claims within a time of grace: each
#   growth that spec.storage did not ask for has its lastAction; lastAction.to,
#   effectiveSize and the highest request agree; a growing state goes with an open
#   expansion; AtLimit with a group at its limit; PendingGrowth with a closed window
#   or no planned budget; actualSizes with the capacities; the budget with
#   maxActionsPerDay and with the growth that was seen.
#
#   It is exercised by each growth that an action explains, and by each AtLimit and
#   PendingGrowth. Only dynamic data volumes and tablespaces have such a status.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.storage
# custom:
#   id: status-coherence
#   class: state
#   view: storage
#   requirement: Core invariant 6, status coherence
#   promise: status.storageSizing reflects the active operation, the last action and the next step.
#   severity: major
#   codes:
#     action_missing: the group grew, but no lastAction says so
#     action_time_off: the lastAction is stamped at another time than the growth that it explains
#     action_from_off: lastAction.from is a size that no volume of the group had
#     action_not_requested: lastAction says that the group was grown, but no claim requests that size
#     effective_off: effectiveSize is not the highest request of the group
#     effective_not_action: effectiveSize is not what lastAction says was reached
#     state_stale: the state says that the group grows, but no expansion is open
#     not_at_limit: the state says AtLimit, but the group is below its limit
#     pending_unexplained: the state says PendingGrowth, with an open window and planned actions left
#     actual_off: actualSizes names another size than the capacity of the volume
#     budget_off: the parts of the budget do not add up to maxActionsPerDay
#     budget_undercount: the budget counts fewer actions than were seen
#   reasons:
#     pending: the recording ends while the status disagrees, within the time of grace
#     deleted: the cluster was deleted while the status disagreed, within the time of grace
#     gap: events are missing, so the status or the claims may have agreed meanwhile
#     clock: the moments are not known exactly enough to say whether the status followed in time
#     cluster_unseen: the Cluster was not recorded, so there is no status to judge
#   mutants: [lie_state, lie_effective, lie_actual, lie_action, lie_budget, no_action, gap, cut]
#   rows:
#     - doc: requirements
#       row: Status coherence
package invariants.status_coherence

import data.lib.rises
import data.lib.spans

_skew := data.params.time.order_skew_ns

_match := data.params.time.action_match_ns

_grace := data.params.time.status_grace_ns

_kinds := {"clusters", "persistentvolumeclaims"}

# Growth that needs an action, with the actions to its size seen in time.
_growth := [{"rise": rise, "actions": actions} |
	some rise in rises.decisions(input.requests)
	_dynamic_at(rise)
	not rises.by_spec(input.specs, rise, _skew)
	actions := rises.actions(input.statuses, rise, _match, _grace)
]

_dynamic_at(rise) if {
	some spec in rises.candidates(input.specs, rise, _skew)
	_dynamic(spec)
}

_dynamic(spec) if {
	spec.mode == "dynamic"
	rises.in_scope(spec.mode, input.role)
}

exercised contains {"seq": {growth.rise.seq, growth.actions[0].seq}} if some growth in _growth

exercised contains {"seq": {span.seq, input.statuses[span.status].seq}} if {
	some span in input.spans
	_dynamic(input.specs[span.spec])
	input.statuses[span.status].state in {"AtLimit", "PendingGrowth"}
}

# A later action that begins where this rise ended tells of it too.
_overtaken(rise) if {
	some status in input.statuses
	status.has_action
	status.action_from == rise.to
	status.ns >= rise.not_before_ns - _match
	status.ns <= rise.ns + _grace
}

_unexplained := [growth.rise |
	some growth in _growth
	count(growth.actions) == 0
	not _overtaken(growth.rise)
]

# The time that the status has to tell of a rise.
_window(rise) := {"began_ns": rise.ns, "ended_ns": rise.ns + _grace}

_judgeable(rise) if {
	rise.ns + _grace <= input.until_ns
	not spans.met(_window(rise), input.gaps, _kinds)
}

violation contains {
	"code": "action_missing", "seq": {rise.seq}, "volume": rise.volume,
	"got": told, "want": rise.to, "unit": "bytes",
} if {
	some rise in _unexplained
	_judgeable(rise)
	told := max({0} | {status.action_to | some status in input.statuses; status.ns <= rise.ns + _grace})
}

unknown contains {"reason": _cut, "seq": {rise.seq, input.until_seq}} if {
	some rise in _unexplained
	rise.ns + _grace > input.until_ns
}

unknown contains {"reason": "gap", "seq": {rise.seq}} if {
	some rise in _unexplained
	rise.ns + _grace <= input.until_ns
	not _judgeable(rise)
}

_cut := {"trace_end": "pending", "deleted": "deleted"}[input.until]

unknown contains {"reason": "cluster_unseen", "seq": {input.until_seq}} if not input.cluster_seen

violation contains {
	"code": "action_time_off", "seq": {growth.rise.seq, growth.actions[0].seq}, "volume": growth.rise.volume,
	"got": growth.actions[0].action_at_ns, "want": growth.rise.ns, "unit": "ns",
} if {
	some growth in _growth
	every action in growth.actions {
		_apart(action.action_at_ns, growth.rise)
	}
}

_apart(at, rise) if at < rise.not_before_ns - _match

_apart(at, rise) if at > rise.ns + _match

# Actions that the status told of while the trace was running.
_news := [status |
	some i, status in input.statuses
	status.has_action
	before := input.statuses[i - 1]
	before.action_timestamp != status.action_timestamp
]

violation contains {
	"code": "action_from_off", "seq": {status.seq},
	"got": status.action_from, "want": max(sizes), "unit": "bytes",
} if {
	some status in _news
	sizes := {size |
		some span in input.spans
		span.ns <= status.ns
		some volume in span.volumes
		some size in [volume.request, volume.capacity]
	}
	not status.action_from in sizes
}

# Spans of a dynamic block with a status and with volumes, by index.
_told := {i: {"span": span, "status": status, "spec": spec} |
	some i, span in input.spans
	spec := input.specs[span.spec]
	_dynamic(spec)
	status := input.statuses[span.status]
	status.present
	count(span.volumes) > 0
}

# What disagrees, by code: the spans with what the status says and what it should.
_off := {
	"action_not_requested": {i: {"got": at.status.action_to, "want": at.span.peak, "unit": "bytes"} |
		some i, at in _told
		at.status.action_result == "Success"
		at.status.action_to > at.span.peak
	},
	"effective_off": {i: {"got": at.status.effective, "want": at.span.peak, "unit": "bytes"} |
		some i, at in _told
		at.status.effective > 0
		at.status.effective != at.span.peak
		not _raised_by_spec(at)
	},
	"effective_not_action": {i: {"got": at.status.effective, "want": at.status.action_to, "unit": "bytes"} |
		some i, at in _told
		at.status.action_result == "Success"
		at.status.effective != at.status.action_to
	},
	"state_stale": {i: {"got": at.status.state, "want": "no growing state"} |
		some i, at in _told
		at.status.state in {"Emergency", "Resizing"}
		not at.span.open
	},
	"not_at_limit": {i: {"got": max([at.span.peak, at.span.capacity]), "want": at.spec.limit, "unit": "bytes"} |
		some i, at in _told
		at.status.state == "AtLimit"
		max([at.span.peak, at.span.capacity]) < at.spec.limit
	},
	"budget_off": {i: {"got": sum(parts), "want": at.spec.max_actions} |
		some i, at in _told
		at.status.has_budget
		parts := [at.status.actions, at.status.planned, at.status.emergency]
		sum(parts) != at.spec.max_actions
		not _overspent(at)
	},
	"budget_undercount": {i: {"got": at.status.actions, "want": seen} |
		some i, at in _told
		at.status.has_budget
		seen := count([growth |
			some growth in _growth
			growth.rise.seq <= at.span.seq
			growth.rise.ns > at.span.until_ns - data.params["policy-bounds"].day_ns
		])
		at.status.actions < seen
	},
}

# The highest request came from the spec, which has no action and no effective size.
_raised_by_spec(at) if {
	at.status.effective < at.span.peak
	some spec in input.specs
	spec.seq <= at.span.seq
	spec.request == at.span.peak
}

# A budget that was made smaller than what is used has nothing left.
_overspent(at) if {
	at.status.actions > at.spec.max_actions
	at.status.planned + at.status.emergency == 0
}

violation contains object.union({"code": code, "seq": {run.seq, status.seq, span.seq}}, off[run.final]) if {
	some code, off in _off
	some run in spans.runs(input.spans, object.keys(off))
	spans.exceeds(run, _grace, input.gaps, _kinds)
	span := input.spans[run.final]
	status := input.statuses[span.status]
}

unknown contains {"reason": reason, "seq": {run.seq, input.until_seq}, "code": code} if {
	some code, off in _off
	some run in spans.runs(input.spans, object.keys(off))
	reason := spans.doubt(run, _grace, input.gaps, _kinds, input.until)
}

# The same for each instance in actualSizes: a volume without capacity counts with its request.
_actual := {instance: off |
	some instance in {volume.instance | some span in input.spans; some volume in span.volumes}
	off := {i: {"got": volume.actual, "want": size, "unit": "bytes"} |
		some i, at in _told
		some volume in at.span.volumes
		volume.instance == instance
		volume.actual >= 0
		size := _size(volume)
		size != volume.actual
	}
	count(off) > 0
}

_size(volume) := volume.capacity if volume.capacity > 0

_size(volume) := volume.request if volume.capacity == 0

violation contains object.union(finding, off[run.final]) if {
	some instance, off in _actual
	some run in spans.runs(input.spans, object.keys(off))
	spans.exceeds(run, _grace, input.gaps, _kinds)
	span := input.spans[run.final]
	finding := {"code": "actual_off", "seq": {run.seq, span.seq}, "instance": instance}
}

unknown contains {
	"reason": reason, "seq": {run.seq, input.until_seq}, "code": "actual_off", "instance": instance,
} if {
	some instance, off in _actual
	some run in spans.runs(input.spans, object.keys(off))
	reason := spans.doubt(run, _grace, input.gaps, _kinds, input.until)
}

# PendingGrowth with planned actions left, as far as the window was open meanwhile.
_waits := [{"run": run, "began_ns": began, "ended_ns": ended} |
	waiting := {i |
		some i, at in _told
		at.status.state == "PendingGrowth"
		at.status.planned > 0
	}
	some run in spans.runs(input.spans, waiting)
	some window in input.windows
	began := max([run.began_ns, window.opens_ns])
	ended := min([run.ended_ns, window.closes_ns])
	began < ended
]

violation contains {
	"code": "pending_unexplained", "seq": {wait.run.seq, input.spans[wait.run.final].seq},
	"got": wait.ended_ns - wait.began_ns, "want": _grace, "unit": "ns",
} if {
	some wait in _waits
	wait.ended_ns - wait.began_ns > _grace
	not spans.met(wait, input.gaps, _kinds)
}

unknown contains {"reason": "gap", "seq": {wait.run.seq}, "code": "pending_unexplained"} if {
	some wait in _waits
	wait.ended_ns - wait.began_ns > _grace
	spans.met(wait, input.gaps, _kinds)
}

unknown contains {"reason": _cut, "seq": {wait.run.seq, input.until_seq}, "code": "pending_unexplained"} if {
	some wait in _waits
	wait.run.open
	wait.ended_ns == input.until_ns
	wait.ended_ns - wait.began_ns <= _grace
}
