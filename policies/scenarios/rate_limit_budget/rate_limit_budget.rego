# METADATA
# title: Growth keeps to its daily budget, and the status says when it is used up
# description: |
#   At most maxActionsPerDay growth actions are taken in any 24 hours, and planned
#   ones leave the actions reserved for emergencies alone. Once the budget, or the
#   share of planned growth, is used up, the status must say so within a time of
#   grace: nothing left for planned growth, nothing at all left when all is used;
#   and what was not used of the reserve must still be there for emergencies.
#
#   What has been used is what was seen, or more where the status counts more. It is
#   exercised only when a boundary is reached: the share of planned growth is used up,
#   or growth waits while nothing is left for it. A budget that is merely counted down
#   tests no boundary. It makes no difference whether emergencies use up the reserve
#   first or last: only what is wrong in both readings is a finding.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.storage
# custom:
#   id: scenario-rate-limit-budget
#   class: state
#   view: storage
#   requirement: P0 scenario, rate limit budget boundaries
#   promise: Planned growth keeps to the budget, emergencies find their reserve, and the status shows what is used up.
#   severity: major
#   codes:
#     over_budget: a growth action was taken with nothing of the daily budget left
#     reserve_taken: planned growth was done with nothing left but the actions reserved for emergencies
#     reserve_not_kept: the status leaves emergencies fewer actions than are reserved for them and not used
#     exhaustion_hidden: the status offers actions that are used up
#     budget_unreported: growth was done, but the status has no budget
#   reasons:
#     kind_unknown: with nothing left for planned growth the group grew, and no action says whether it was an emergency
#     pending: the recording ends while the status disagrees, within the time of grace
#     deleted: the cluster was deleted while the status disagreed, within the time of grace
#     gap: events are missing, so an action or a status may not have been seen
#     clock: the moments are not known exactly enough to say whether the status followed in time
#   demand: declared
#   rows:
#     - doc: requirements
#       row: Rate limit budget boundaries
#     - doc: results
#       row: Rate limiting
#     - doc: results
#       row: initializes max-actions budget counters
package scenarios.rate_limit_budget

import data.lib.rises
import data.lib.spans

_times := data.params.time

_day := data.params["policy-bounds"].day_ns

_kinds := {"clusters", "persistentvolumeclaims"}

_growth := rises.growth(input, _times)

# What the status said well before a rise, so that it cannot tell of the rise itself.
_told_before(rise) := earlier[count(earlier) - 1] if {
	earlier := [status |
		some status in input.statuses
		status.ns < rise.not_before_ns - _times.order_skew_ns
		status.has_budget
	]
}

_within_day(growths, seq, ns) := [growth |
	some growth in growths
	growth.rise.seq <= seq
	growth.rise.ns > ns - _day
]

_before(growth) := _within_day(_growth, growth.rise.seq - 1, growth.rise.ns)

_used_before(growth) := max({count(_before(growth))} | {status.actions | status := _told_before(growth.rise)})

_is_planned(growth) if growth.kinds == {"ScheduledGrow"}

_planned(growths) := count([growth | some growth in growths; _is_planned(growth)])

_max_actions(growth) := max([spec.max_actions | some spec in growth.specs])

_max_planned(growth) := max([_share(spec) | some spec in growth.specs])

_share(spec) := spec.max_actions - spec.reserved_actions

_seqs(growths) := {growth.rise.seq | some growth in growths}

_is_over(growth) if _used_before(growth) >= _max_actions(growth)

violation contains {
	"code": "over_budget", "seq": (_seqs(_before(growth)) | {growth.rise.seq}), "volume": growth.rise.volume,
	"got": _used_before(growth) + 1, "want": _max_actions(growth),
} if {
	some growth in _growth
	_is_over(growth)
}

# Nothing was left for planned growth: its share was used, or the status had said so.
_planned_used_up(growth) if _planned(_before(growth)) >= _max_planned(growth)

_planned_used_up(growth) if _told_before(growth.rise).planned == 0

violation contains {
	"code": "reserve_taken", "seq": (_seqs(_before(growth)) | {growth.rise.seq}), "volume": growth.rise.volume,
	"got": _used_before(growth) + 1, "want": _max_planned(growth),
} if {
	some growth in _growth
	_is_planned(growth)
	_planned_used_up(growth)
	not _is_over(growth)
}

unknown contains {"reason": "kind_unknown", "code": "reserve_taken", "seq": {growth.rise.seq}} if {
	some growth in _growth
	growth.kinds == set()
	_planned_used_up(growth)
	not _is_over(growth)
}

# Spans of a dynamic block with what is used by then.
_told := {i: told |
	some i, span in input.spans
	spec := input.specs[span.spec]
	spec.mode == "dynamic"
	rises.in_scope(spec.mode, input.role)
	status := input.statuses[span.status]
	seen := _within_day(_growth, span.seq, span.until_ns)
	told := {
		"span": span, "status": status, "spec": spec, "seen": count(seen),
		"used": max([count(seen), status.actions]), "planned": _planned(seen),
	}
}

_boundary := {i |
	some i, at in _told
	at.used > 0
	at.used >= _share(at.spec)
} | {i |
	some i, at in _told
	at.status.state == "PendingGrowth"
	at.status.has_budget
	at.status.planned == 0
}

exercised contains {"seq": {run.seq, input.statuses[input.spans[run.first].status].seq}} if {
	some run in spans.runs(input.spans, _boundary)
}

# What the reserve must still hold: whatever was not planned growth may have used it.
_reserve(at) := min([at.spec.reserved_actions - (at.used - at.planned), at.spec.max_actions - at.used])

_off := {
	"budget_unreported": {i: {"got": 0, "want": at.seen} |
		some i, at in _told
		at.seen > 0
		not at.status.has_budget
	},
	"exhaustion_hidden": {i: {"got": at.status.planned + _all_used(at), "want": 0} |
		some i, at in _told
		_offers_used_up(at)
	},
	"reserve_not_kept": {i: {"got": at.status.emergency, "want": _reserve(at)} |
		some i, at in _told
		at.status.has_budget
		at.status.emergency < _reserve(at)
	},
}

_offers_used_up(at) if {
	at.planned >= _share(at.spec)
	at.status.planned > 0
}

_offers_used_up(at) if {
	at.used >= at.spec.max_actions
	at.status.planned + at.status.emergency > 0
}

# The reserve counts as offered only when everything is used up.
_all_used(at) := at.status.emergency if {
	at.used >= at.spec.max_actions
} else := 0

violation contains object.union({"code": code, "seq": {run.seq, status.seq, span.seq}}, off[run.final]) if {
	some code, off in _off
	some run in spans.runs(input.spans, object.keys(off))
	spans.exceeds(run, _times.status_grace_ns, input.gaps, _kinds)
	span := input.spans[run.final]
	status := input.statuses[span.status]
}

unknown contains {"reason": reason, "seq": {run.seq, input.until_seq}, "code": code} if {
	some code, off in _off
	some run in spans.runs(input.spans, object.keys(off))
	reason := spans.doubt(run, _times.status_grace_ns, input.gaps, _kinds, input.until)
}

# Counts are lower bounds where events are missing, so that a pass proves nothing.
unknown contains {"reason": "gap", "seq": {gap.first_seq, gap.last_seq}} if {
	count(exercised) > 0
	some gap in input.gaps
	gap.resource in _kinds
	not gap.same_generation
}
