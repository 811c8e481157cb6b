# METADATA
# title: Everything is done in time
# description: |
#   What was done to a cluster, and the expansions that it met, must be over within the
#   time that the class of CI allows: another operator at work, the pod Ready again, the
#   primary elected, the drained node empty, the new instances Ready, the rollout done
#   (one pod after another), the backup or snapshot finished, the expansion complete.
#
#   The clock of an expansion starts when it began or when what was done was over,
#   whichever is later. What is not over when the next thing is done is judged there.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.episode
# custom:
#   id: assert-timing
#   class: response
#   view: episode
#   requirement: Required assertions per scenario, 5. timing and SLO guardrails
#   promise: Every operation completes within the time that the class of CI allows.
#   severity: major
#   codes:
#     late: it was done, but it took longer than it may
#     unfinished: it is not done, and the time is up
#   reasons:
#     pending: the recording ends before it had to be done
#     deleted: the cluster was deleted before it had to be done
#     gap: events are missing just where it may have been done
#     clock: the moments are not known exactly enough to say whether it was in time
#   demand: declared
#   assertion: timing
#   rows:
#     - doc: requirements
#       row: Timing/SLO guardrails
package assertions.timing

import data.lib.episodes
import data.lib.rises

_limits := data.params["assert-timing"]

_teardown := data.params.episode.teardown_ns

_judged if episodes.judged(input, _teardown)

# What is measured: from, until (when it is done) and the time that it may take.
_operators := [{"what": "operator", "from": input.begin, "until": input.end, "limit_ns": _limits.operator_ns} |
	input.kind == "operator_restart"
]

_restarts := [{"what": "pod", "from": input.begin, "until": _back, "limit_ns": _limits.pod_ns} |
	input.kind in {"primary_restart", "replica_restart"}
]

_never := {"seq": 0}

# The first span in which the pod is Ready, or the cluster steady without it.
_back := array.concat([_later(span, input.begin) | some span in input.health; _is_back(span)], [_never])[0]

_is_back(span) if input.subject in span.ready_pods

_is_back(span) if episodes.steady(span)

_later(a, b) := object.filter(a, {"seq", "ns", "not_before_ns"}) if a.seq > b.seq

_later(a, b) := b if a.seq <= b.seq

_elections := [{"what": "election", "from": election, "until": election.end, "limit_ns": _limits.election_ns} |
	some election in input.elections
]

# A node that is only made unschedulable is not drained. One that is given back is
# drained no more.
_drains := [{"what": "drain", "from": input.begin, "until": _empty, "limit_ns": _limits.drain_ns} |
	input.kind == "node_drain"
	count([pod | some pod in input.pods; pod.node == input.node.name]) > 0
]

_empty := input.node.emptied_at if {
	input.node.emptied
} else := input.end

_scalings := [{"what": "scaling", "from": input.begin, "until": input.end, "limit_ns": limit} |
	input.kind in {"scale_up", "scale_down"}
	limit := _limits.scale_ns * abs(input.scale.to - input.scale.from)
]

_rollouts := [{"what": "rollout", "from": input.begin, "until": input.end, "limit_ns": limit} |
	input.kind == "rolling_upgrade"
	limit := _limits.pod_ns * count(input.upgrade.pods)
]

_backups := [{"what": input.kind, "from": input.begin, "until": input.end, "limit_ns": limit} |
	limit := {"backup": data.params.scenarios.backup_ns, "snapshot": data.params.scenarios.snapshot_ns}[input.kind]
]

_expansions := [{"what": operation.entity, "from": from, "until": until, "limit_ns": _limits.operation_ns} |
	some operation in input.operations
	rises.in_scope(operation.mode, operation.role)
	from := _clock(operation)
	until := _completed(operation)
]

_clock(operation) := operation.begin if input.kind in {"growth", "oscillation"}

_clock(operation) := _later(episodes.start(input), operation.begin) if not input.kind in {"growth", "oscillation"}

# An unfinished volume that goes away just before its cluster does finishes nothing.
_completed(operation) := _never if {
	operation.closed_by == "volume_left"
	input.until == "deleted"
	input.until_ns - operation.end.ns <= _teardown
} else := operation.end

_all := [measure |
	_judged
	some list in [
		_operators, _restarts, _elections, _drains, _scalings, _rollouts, _backups, _expansions,
	]
	some measure in list
]

# What is done by the horizon, and when. What was done before its clock started took no time.
_done := [object.union(measure, {"least_ns": least, "most_ns": most}) |
	some measure in _all
	measure.until.seq != 0
	measure.until.seq <= input.horizon.seq
	least := measure.until.not_before_ns - measure.from.ns
	most := measure.until.ns - measure.from.not_before_ns
]

_open := [object.union(measure, {"until": input.horizon, "least_ns": least}) |
	some measure in _all
	not _is_done(measure)
	least := input.horizon.not_before_ns - measure.from.ns
]

_is_done(measure) if {
	measure.until.seq != 0
	measure.until.seq <= input.horizon.seq
}

_missed(measure) if {
	some gap in input.gaps
	gap.resource != "events"
	gap.from_ns < measure.until.ns
	gap.until_ns > measure.from.ns
}

_row(measure) := {
	"seq": {measure.from.seq, measure.until.seq}, "what": measure.what,
	"from_ns": measure.from.ns, "until_ns": measure.until.ns,
}

_finding(measure, code) := object.union(_row(measure), {
	"code": code, "got": measure.least_ns, "want": measure.limit_ns, "unit": "ns",
})

violation contains _finding(measure, "late") if {
	some measure in _done
	measure.least_ns > measure.limit_ns
	not _missed(measure)
}

violation contains _finding(measure, "unfinished") if {
	some measure in _open
	measure.least_ns > measure.limit_ns
	not _missed(measure)
}

unknown contains object.union(_row(measure), {"reason": "gap"}) if {
	some measure in array.concat(_done, _open)
	measure.least_ns > measure.limit_ns
	_missed(measure)
}

unknown contains object.union(_row(measure), {"reason": reason}) if {
	some measure in _open
	measure.least_ns <= measure.limit_ns
	reason := {"trace_end": "pending", "deleted": "deleted"}[input.horizon_by]
}

unknown contains object.union(_row(measure), {"reason": "clock"}) if {
	some measure in _done
	measure.least_ns <= measure.limit_ns
	measure.most_ns > measure.limit_ns
}

exercised contains episodes.row(input, {measure.from.seq, measure.until.seq}) if some measure in _done
