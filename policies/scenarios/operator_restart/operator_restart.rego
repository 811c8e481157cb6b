# METADATA
# title: An operator that is restarted carries on with what it began
# description: |
#   When the operator is restarted while volumes grow, the expansion must move on soon
#   after an operator is at work again, and be completed in time. What was done already
#   is not done again: no second action to the same or a smaller size, no claim written
#   to its own or a smaller request, and none to a smaller one than its siblings have.
#   In the end all claims of the group request one size, and the status tells of it.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.episode
# custom:
#   id: scenario-operator-restart
#   class: response
#   view: episode
#   requirement: P0 scenario, operator restart during growth
#   promise: An expansion survives a restart of the operator, and is not done twice.
#   severity: critical
#   exercised_in: disruption
#   codes:
#     not_resumed: nothing moved for too long after an operator was at work again
#     not_completed: the expansion was not completed in time after the restart
#     action_repeated: after the restart the status records a second action to a size that was reached already
#     request_conflicting: after the restart a claim was written to a request that contradicts the expansion
#     final_size_off: after the expansion the claims of the group requested different sizes for too long
#     final_status_off: after the expansion the status did not tell of the size that the claims have
#   reasons:
#     pending: the recording ends before the time was over
#     deleted: the cluster was deleted before the time was over
#     gap: events are missing just where the answer may have been
#     clock: the moments are not known exactly enough to say whether it was in time
#   demand: declared
#   rows:
#     - doc: requirements
#       row: Operator restart during growth
#     - doc: results
#       row: resumes growth after operator restart
#     - doc: results
#       row: Operator restart
#   specs:
#     - resumes growth operation after operator pod restart
package scenarios.operator_restart

import data.lib.recovery

_times := {
	"resume": data.params["convergence-resumes"].resume_ns,
	"complete": data.params["convergence-resumes"].complete_ns,
	"teardown": data.params["convergence-resumes"].teardown_ns,
}

_kinds := {"clusters", "persistentvolumeclaims"}

_met := [operation |
	input.kind == "operator_restart"
	some operation in recovery.operations(input)
]

exercised contains {"seq": {operation.begin.seq, input.begin.seq}, "in": "disruption"} if {
	some operation in _met
}

_resumption := [one | some operation in _met; some one in recovery.resumption(input, operation, _times)]

_groups := recovery.groups(input, _met)

_sizes := [one |
	some group in _groups
	some one in recovery.no_longer(input, group.spans, recovery.uneven(group), {
		"code": "final_size_off", "subject": group.entity, "since": recovery.over(input),
		"allowed": data.params["replica-consistency"].equal_ns, "kinds": _kinds,
	})
]

_statuses := [one |
	some group in _groups
	some one in recovery.no_longer(input, group.spans, recovery.misreported(group), {
		"code": "final_status_off", "subject": group.entity, "since": recovery.over(input),
		"allowed": data.params.time.status_grace_ns, "kinds": _kinds,
	})
]

_judged := array.concat(_resumption, array.concat(_sizes, _statuses))

violation contains row if some row in recovery.violations(_judged)

unknown contains row if some row in recovery.doubts(_judged)

violation contains object.union(row, {"code": "action_repeated"}) if {
	some group in _groups
	some row in recovery.repeated(group)
}

violation contains {
	"code": "request_conflicting", "seq": {input.begin.seq, request.seq}, "volume": request.volume,
	"got": request.to, "want": max([request.from, request.peak]), "unit": "bytes",
} if {
	some group in _groups
	some request in group.requests
	request.how in {"changed", "rewritten"}
	_conflicts(request)
}

_conflicts(request) if request.to <= request.from

_conflicts(request) if request.to < request.peak

# A repetition that nobody saw is none that did not happen.
unknown contains {"reason": "gap", "seq": {gap.first_seq, gap.last_seq}} if {
	count(exercised) > 0
	some gap in input.gaps
	gap.resource in _kinds
	not gap.same_generation
}
