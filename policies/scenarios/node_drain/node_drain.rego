# METADATA
# title: A drained node orphans no expansion
# description: |
#   When a node with instances of the cluster is drained while volumes grow, every
#   instance whose pod was evicted must get another pod, so that its file system can
#   grow; the expansion must move on soon after the drain, and be completed in time; and
#   in the end all claims of the group request one size, of which the status tells.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.episode
# custom:
#   id: scenario-node-drain
#   class: response
#   view: episode
#   requirement: P0 scenario, node drain during growth
#   promise: A drain while volumes grow leaves no expansion without a pod, and all volumes at the intended size.
#   severity: critical
#   exercised_in: disruption
#   codes:
#     instance_orphaned: an instance that was evicted got no other pod in time
#     not_resumed: nothing moved for too long after the drain
#     not_completed: the expansion was not completed in time after the drain
#     final_size_off: after the drain the claims of the group requested different sizes for too long
#     final_status_off: after the expansion the status did not tell of the size that the claims have
#   reasons:
#     pending: the recording ends before the time was over
#     deleted: the cluster was deleted before the time was over
#     gap: events are missing just where the answer may have been
#     clock: the moments are not known exactly enough to say whether it was in time
#   demand: declared
#   rows:
#     - doc: requirements
#       row: Node drain during growth
#     - doc: results
#       row: node drain during growth
#     - doc: results
#       row: Node drain
#   specs:
#     - recovers growth operation after node drain
package scenarios.node_drain

import data.lib.recovery

_times := {
	"resume": data.params["convergence-resumes"].resume_ns,
	"complete": data.params["convergence-resumes"].complete_ns,
	"teardown": data.params["convergence-resumes"].teardown_ns,
}

_kinds := {"clusters", "persistentvolumeclaims"}

_met := [operation |
	input.kind == "node_drain"
	count(input.node.pods) > 0
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

# Instances that were evicted while the cluster wanted as many; the pod may wait for its node.
_orphans := [one |
	count(_met) > 0
	some pod in input.pods
	pod.node == input.node.name
	pod.gone.seq != 0
	not pod.instance in _removed
	one := recovery.judge(input, {
		"code": "instance_orphaned", "subject": pod.instance, "since": pod.gone,
		"answers": [pod.successor_at | pod.successor_at.seq != 0],
		"allowed": _times.resume, "kinds": {"pods"}, "about": {pod.seq},
	})
]

# The last claim of these instances went away, so that no pod is due.
_removed := {claim.instance | some claim in input.claims; claim.successor == ""}

_judged := array.flatten([_resumption, _sizes, _statuses, _orphans])

violation contains row if some row in recovery.violations(_judged)

unknown contains row if some row in recovery.doubts(_judged)
