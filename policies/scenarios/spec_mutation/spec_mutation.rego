# METADATA
# title: A changed specification is acted on, the newer intent wins, nothing is stuck
# description: |
#   When spec.storage or the number of instances is changed while volumes grow, every
#   request that is written from then on must fit the storage block in force: a dynamic
#   one its request and limit (what the group had already when the limit was lowered
#   stays allowed), a static one its size. What the new block asks for must be requested
#   in time. All claims of a group get one size, so that the plan is the same for each
#   instance, and an action is not repeated. The expansion must be completed in time,
#   and the cluster be ready again.
#
#   What another targetBuffer should lead to depends on how full the volumes are: that
#   is the matter of the policies about usage.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.episode
# custom:
#   id: scenario-spec-mutation
#   class: response
#   view: episode
#   requirement: P0 scenario, spec mutation during growth
#   promise: A change of the specification in the middle of an expansion wins, the same way on every instance.
#   severity: critical
#   exercised_in: disruption
#   codes:
#     old_intent: after the change a claim was written to a request that the specification in force does not allow
#     intent_ignored: claims request less than the changed specification asks for, for too long
#     plan_diverged: claims of one group requested different sizes for too long after the change
#     action_repeated: after the change the status records a second action to a size that was reached already
#     not_resumed: nothing moved for too long after the change
#     not_completed: the expansion was not completed in time after the change
#     not_ready: the cluster was not ready in time after the change
#   reasons:
#     pending: the recording ends before the time was over
#     deleted: the cluster was deleted before the time was over
#     gap: events are missing just where the answer may have been
#     clock: the moments are not known exactly enough to say whether it was in time
#     order_uncertain: a request is against the block in force, but the block changed just then
#   demand: declared
#   rows:
#     - doc: requirements
#       row: Spec mutation during growth
#     - doc: results
#       row: spec mutation
#   specs:
#     - accepts storage spec mutations during growth without losing data
package scenarios.spec_mutation

import data.lib.recovery
import data.lib.rises

_times := {
	"resume": data.params["convergence-resumes"].resume_ns,
	"complete": data.params["convergence-resumes"].complete_ns,
	"teardown": data.params["convergence-resumes"].teardown_ns,
}

_skew := data.params.time.order_skew_ns

_kinds := {"clusters", "persistentvolumeclaims"}

_met := [operation |
	input.kind == "spec_mutation"
	some operation in recovery.operations(input)
	operation.met == "open"
	_sizing
]

# It is about sizes, or about the number of instances.
_sizing if {
	some change in input.changes
	change.seq == input.begin.seq
	change.area in {"storage", "instances"}
}

exercised contains {"seq": {operation.begin.seq, input.begin.seq}, "in": "disruption"} if {
	some operation in _met
}

_resumption := [one | some operation in _met; some one in recovery.resumption(input, operation, _times)]

_groups := recovery.groups(input, _met)

_plans := [one |
	some group in _groups
	some one in recovery.no_longer(input, group.spans, recovery.uneven(group), {
		"code": "plan_diverged", "subject": group.entity, "since": recovery.over(input),
		"allowed": data.params["replica-consistency"].equal_ns, "kinds": _kinds,
	})
]

_intents := [one |
	some group in _groups
	some one in recovery.no_longer(input, group.spans, recovery.short(group), {
		"code": "intent_ignored", "subject": group.entity, "since": recovery.over(input),
		"allowed": data.params["policy-bounds"].reach_ns, "kinds": _kinds,
	})
]

_readiness := [one |
	count(_met) > 0
	some one in recovery.no_longer(input, input.health, recovery.unwell(input), {
		"code": "not_ready", "subject": input.subject, "since": recovery.over(input),
		"allowed": data.params.scenarios.ready_ns, "kinds": {"clusters", "pods"},
	})
]

_judged := array.flatten([_resumption, _plans, _intents, _readiness])

violation contains row if some row in recovery.violations(_judged)

unknown contains row if some row in recovery.doubts(_judged)

violation contains object.union(row, {"code": "action_repeated"}) if {
	some group in _groups
	some row in recovery.repeated(group)
}

# Requests that were written after the change, with the blocks that may have been in force.
_written := [{"request": request, "wants": wants, "specs": specs} |
	some group in _groups
	some request in group.requests
	request.how == "changed"
	request.ns > input.begin.ns
	specs := rises.candidates(group.specs, request, _skew)
	wants := [want | some spec in specs; want := _against(group, request, spec)]
]

# What a block allows where the request is against it.
_against(group, request, spec) := max([spec.limit, spec.limit_peak]) if {
	spec.mode == "dynamic"
	request.to > max([spec.limit, spec.limit_peak])
	not _beyond_limit(group, request, spec)
} else := spec.request if {
	request.to < spec.request
} else := spec.size if {
	spec.size != 0
	request.to != spec.size
}

_beyond_limit(_, request, spec) if {
	spec.exceed_limit
	request.ns + data.params.time.status_grace_ns > input.horizon.ns
}

_beyond_limit(group, request, spec) if {
	spec.exceed_limit
	some status in group.statuses
	status.action_kind == "EmergencyGrow"
	status.action_to >= request.to
}

violation contains {
	"code": "old_intent", "seq": {input.begin.seq, written.request.seq}, "volume": written.request.volume,
	"got": written.request.to, "want": written.wants[count(written.wants) - 1], "unit": "bytes",
} if {
	some written in _written
	_is_certain(written)
}

# The view knows the blocks from the change on: until the skew has passed, the one before it may have counted.
_is_certain(written) if {
	count(written.wants) == count(written.specs)
	written.request.not_before_ns >= input.begin.ns + _skew
}

unknown contains {"reason": "order_uncertain", "code": "old_intent", "seq": {input.begin.seq, written.request.seq}} if {
	some written in _written
	count(written.wants) > 0
	not _is_certain(written)
}
