# METADATA
# title: The drain of a node was blocked
# description: |
#   A node with pods of the cluster was made unschedulable and its pods were being
#   evicted, and one pod stayed because a PodDisruptionBudget that covers it allowed no
#   disruption. If the pod and the budget are not the cluster's, the operator has
#   nothing to do with it (foreign_budget). The cluster's own budgets give way when its
#   instances are ready again (own_budget); the one of a single instance never does,
#   and whoever drains its node has to know that (single_instance).
#
#   An eviction that is refused leaves no trace in the API. So this needs the budgets
#   of all namespaces and the pods that stood on the node, and a pod that left it: a
#   node that is unschedulable and from which nobody takes pods is not being drained.
#   Where the recording lacks these, nothing is named.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.wait
# custom:
#   id: diagnosis-drain-blocked
#   class: diagnosis
#   view: wait
#   requirement: Failure mode a drain that a foreign PodDisruptionBudget blocks
#   reasons:
#     foreign_budget: a pod of somebody else stayed on the node, and its PodDisruptionBudget allowed no disruption
#     own_budget: a pod of the cluster stayed on the node, and the cluster's PodDisruptionBudget allowed no disruption
#     single_instance: the only instance stayed on the node, protected by the cluster's PodDisruptionBudget
#   rows:
#     - doc: results
#       row: Node drain blocked by a foreign PDB
package diagnosis.drain_blocked

import data.lib.waits

_params := data.params["diagnosis-drain-blocked"]

_drained := [wait |
	some wait in input.nodes
	wait.kind == "node_unschedulable"
	count(wait.left) > 0
]

_blocked contains {
	"wait": wait, "pod": pod, "budget": budget, "from_ns": piece.from_ns, "until_ns": piece.until_ns,
} if {
	some wait in _drained
	some pod in wait.remaining
	some budget in pod.budgets
	some piece in waits.rest(budget.from_ns, budget.until_ns, _excused(pod))
	piece.until_ns - piece.from_ns > _params.blocked_ns
}

# The cluster's own budget does what it is for while an instance cannot start.
_excused(pod) := waits.outside(input) if pod.own

_excused(pod) := set() if not pod.own

_cause(block) := ["foreign_budget", "infrastructure"] if {
	not block.pod.own
	not block.budget.own
}

_cause(block) := ["own_budget", "product"] if {
	block.budget.own
	block.pod.own
	input.instances != 1
}

_cause(block) := ["single_instance", "test"] if {
	block.budget.own
	block.pod.own
	input.instances == 1
}

blame contains {
	"class": cause[1], "reason": cause[0], "from_ns": block.from_ns, "until_ns": block.until_ns,
	"seq": {seq | some seq in array.concat(block.wait.seq, array.concat(block.pod.seq, block.budget.seq))},
	"node": block.wait.node, "pod": block.pod.pod, "pod_namespace": block.pod.namespace,
	"owner": block.pod.owner, "budget": block.budget.budget, "healthy": block.budget.healthy,
	"desired": block.budget.desired,
} if {
	some block in _blocked
	cause := _cause(block)
}
