# METADATA
# title: A failover in the middle of a shrink stays safe
# description: |
#   Where claims are replaced by smaller ones and the primary changes meanwhile, the
#   claim of an instance may be destroyed only while all the others are ready, and never
#   that of the primary; there is one primary at all times; and the shrink is completed
#   in time, or the Cluster says in its phaseReason, or in the message of the sizing
#   status, why it is not. Shrinking is not part of what clusters do today: a recording
#   without a shrink does not exercise this.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.episode
# custom:
#   id: scenario-shrink-failover
#   class: response
#   view: episode
#   requirement: P0 scenario, shrink during failover
#   promise: Volumes are replaced by smaller ones one after another, never those of the primary, failover or not.
#   severity: critical
#   exercised_in: disruption
#   codes:
#     lowered_in_place: the request of a claim was lowered instead of the claim being replaced
#     primary_replaced: the claim of the primary was destroyed
#     unsafe_replacement: a claim was destroyed while another instance was not ready
#     two_primaries: there were two primaries at the same time
#     stuck_silently: the shrink was not completed in time, and no status says why
#   reasons:
#     pending: the recording ends before the time was over
#     deleted: the cluster was deleted before the time was over
#     gap: events are missing just where the answer may have been
#     clock: the moments are not known exactly enough to say whether it was in time
#   demand: declared
#   rows:
#     - doc: requirements
#       row: Shrink during failover
package scenarios.shrink_failover

import data.lib.primaries
import data.lib.recovery
import data.lib.shrinks

_times := {
	"resume": data.params["convergence-resumes"].resume_ns,
	"complete": data.params["convergence-resumes"].complete_ns,
	"teardown": data.params["convergence-resumes"].teardown_ns,
}

_met := [shrink | input.kind in {"failover", "switchover"}; some shrink in input.shrinks]

exercised contains {"seq": {shrink.begin.seq, input.begin.seq}, "in": "disruption"} if {
	some shrink in _met
}

violation contains {
	"code": "lowered_in_place", "seq": {shrink.begin.seq, step.seq}, "volume": step.volume,
	"got": step.to, "want": step.from, "unit": "bytes",
} if {
	some shrink in _met
	some step in shrink.steps
	step.how == "lowered"
}

# Claims that were destroyed for a smaller one, with how the cluster stood just then.
_destroyed := [{"claim": claim, "span": span} |
	some shrink in _met
	some claim in input.claims
	claim.role == shrink.role
	claim.tablespace == shrink.tablespace
	claim.successor_at.seq >= shrink.begin.seq
	claim.successor_request != 0
	claim.successor_request < claim.request
	before := [span | some span in input.health; span.seq < claim.seq]
	span := before[count(before) - 1]
]

violation contains {
	"code": "primary_replaced", "seq": {destroyed.span.seq, destroyed.claim.seq}, "volume": destroyed.claim.volume,
	"got": destroyed.claim.instance, "want": "another instance than the primary",
} if {
	some destroyed in _destroyed
	destroyed.claim.instance == destroyed.span.current_primary
}

_others(destroyed) := count([pod | some pod in destroyed.span.ready_pods; pod != destroyed.claim.instance])

violation contains {
	"code": "unsafe_replacement", "seq": {destroyed.span.seq, destroyed.claim.seq}, "volume": destroyed.claim.volume,
	"got": _others(destroyed), "want": destroyed.span.wanted - 1,
} if {
	some destroyed in _destroyed
	_others(destroyed) < destroyed.span.wanted - 1
}

violation contains object.union(row, {"code": "two_primaries", "got": row.pods, "want": "one"}) if {
	count(_met) > 0
	some row in primaries.two(input, data.params.scenarios.one_primary_ns)
}

_ends := [one |
	some shrink in _met
	one := shrinks.completion(input, shrink, "stuck_silently", _times.complete)
	not shrinks.explained(input, shrink)
]

violation contains row if some row in recovery.violations(_ends)

unknown contains row if some row in recovery.doubts(_ends)

# What nobody saw may have been unsafe.
unknown contains {"reason": "gap", "seq": {gap.first_seq, gap.last_seq}} if {
	count(_met) > 0
	some gap in input.gaps
	gap.resource in {"clusters", "persistentvolumeclaims", "pods"}
	not gap.same_generation
}
