# METADATA
# title: A changed specification in the middle of a shrink is applied safely
# description: |
#   Where claims are replaced by smaller ones and the storage block changes meanwhile,
#   no claim may become smaller than what is used on the volumes of its group, nor than
#   the request or size of the block in force; in the end no claim may request more than
#   its limit; and the shrink must be completed in time. Shrinking is not part of what
#   clusters do today: a recording without a shrink does not exercise this.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.episode
# custom:
#   id: scenario-shrink-spec-mutation
#   class: response
#   view: episode
#   requirement: P0 scenario, shrink during spec mutation
#   promise: A shrink follows the newer specification, and never cuts into data.
#   severity: critical
#   exercised_in: disruption
#   codes:
#     below_used: a claim became smaller than what is used
#     old_target: after the change a claim was made smaller than the specification in force allows
#     final_size_off: after the shrink a claim requests more than the specification in force allows
#     not_completed: the shrink was not completed in time after the change
#   reasons:
#     pending: the recording ends before the time was over
#     deleted: the cluster was deleted before the time was over
#     gap: events are missing just where the answer may have been
#     clock: the moments are not known exactly enough to say whether it was in time
#     no_usage: how much is used was not recorded
#     order_uncertain: a claim is smaller than the block in force allows, but the block changed just then
#   demand: declared
#   rows:
#     - doc: requirements
#       row: Shrink during spec mutation
package scenarios.shrink_spec_mutation

import data.lib.recovery
import data.lib.rises
import data.lib.shrinks

_times := {
	"resume": data.params["convergence-resumes"].resume_ns,
	"complete": data.params["convergence-resumes"].complete_ns,
	"teardown": data.params["convergence-resumes"].teardown_ns,
}

_skew := data.params.time.order_skew_ns

_met := [shrink |
	input.kind == "spec_mutation"
	some shrink in input.shrinks
	some change in input.changes
	change.seq == input.begin.seq
	change.area == "storage"
]

exercised contains {"seq": {shrink.begin.seq, input.begin.seq}, "in": "disruption"} if {
	some shrink in _met
}

# The most that is known to be used on the claim or its group; -1 when nothing is known.
_used(shrink, step) := max([step.used, shrink.used])

violation contains {
	"code": "below_used", "seq": {shrink.begin.seq, step.seq}, "volume": step.volume,
	"got": step.to, "want": _used(shrink, step), "unit": "bytes",
} if {
	some shrink in _met
	some step in shrink.steps
	step.to < _used(shrink, step)
}

unknown contains {"reason": "no_usage", "code": "below_used", "seq": {shrink.begin.seq, step.seq}} if {
	some shrink in _met
	some step in shrink.steps
	_used(shrink, step) < 0
}

_group(shrink) := group if {
	some group in input.storage
	group.role == shrink.role
	group.tablespace == shrink.tablespace
}

_floor(spec) := {"dynamic": spec.request, "static": spec.size}[spec.mode]

# Steps after the change, with the floors of the blocks that may have been in force.
_steps := [{"shrink": shrink, "step": step, "floors": floors} |
	some shrink in _met
	some step in shrink.steps
	step.ns > input.begin.ns
	floors := [_floor(spec) |
		some spec in rises.candidates(_group(shrink).specs, step, _skew)
	]
]

violation contains {
	"code": "old_target", "seq": {input.begin.seq, made.step.seq}, "volume": made.step.volume,
	"got": made.step.to, "want": made.floors[count(made.floors) - 1], "unit": "bytes",
} if {
	some made in _steps
	_is_certain(made)
}

# The view knows the blocks from the change on: until the skew has passed, the one before it may have counted.
_is_certain(made) if {
	made.step.to < min(made.floors)
	made.step.not_before_ns >= input.begin.ns + _skew
}

unknown contains {"reason": "order_uncertain", "code": "old_target", "seq": {input.begin.seq, made.step.seq}} if {
	some made in _steps
	made.step.to < max(made.floors)
	not _is_certain(made)
}

# Spans after the shrink in which a claim is larger than the block in force allows.
_large(group) := {i |
	some i, span in group.spans
	spec := group.specs[span.spec]
	ceiling := {"dynamic": spec.limit, "static": spec.size}[spec.mode]
	some volume in span.volumes
	volume.request > ceiling
}

_sizes := [one |
	some shrink in _met
	shrink.closed
	group := _group(shrink)
	some one in recovery.no_longer(input, group.spans, _large(group), {
		"code": "final_size_off", "subject": group.entity,
		"since": recovery.latest([recovery.over(input), shrink.end]),
		"allowed": data.params["policy-bounds"].reach_ns, "kinds": {"clusters", "persistentvolumeclaims"},
	})
]

_ends := [shrinks.completion(input, shrink, "not_completed", _times.complete) | some shrink in _met]

_judged := array.concat(_sizes, _ends)

violation contains row if some row in recovery.violations(_judged)

unknown contains row if some row in recovery.doubts(_judged)
