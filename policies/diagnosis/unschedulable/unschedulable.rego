# METADATA
# title: A pod could not be scheduled
# description: |
#   The scheduler found no node for a pod of the cluster, and said for each node why.
#   If all of them are excluded by what the Cluster's own spec says about where its
#   pods may run, no storage and no operator can help: the test asked for what cannot
#   be. If the rest of the nodes are out of service, that is the reason: unschedulable
#   (somebody drains them), not ready, full, or away from the volume.
#
#   What the scheduler says of taints that belong to a node, such as that of the
#   control plane, decides nothing. A message that this policy does not understand is
#   no diagnosis.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.wait
# custom:
#   id: diagnosis-unschedulable
#   class: diagnosis
#   view: wait
#   requirement: Failure mode test bugs such as an impossible affinity
#   reasons:
#     impossible_affinity: the constraints of the Cluster's own spec leave no node for the pod
#     nodes_cordoned: the nodes on which the pod may run were made unschedulable
#     nodes_lost: nodes on which the pod may run were not ready
#     no_capacity: the nodes on which the pod may run had no room for it
#     volume_bound: the volume of the pod cannot be reached from the nodes on which it may run
#   rows:
#     - doc: results
#       row: Impossible affinity
package diagnosis.unschedulable

import data.lib.waits

# What stands in the scheduler's words for each kind of reason.
_words := {
	"constraint": `affinity|node selector|topology spread`,
	"volume": `volume node affinity conflict|unbound immediate|available persistent volumes|no available volume zone`,
	"cordoned": `were unschedulable|node\.kubernetes\.io/unschedulable`,
	"lost": `node\.kubernetes\.io/(unreachable|not-ready)`,
	"capacity": `Insufficient|Too many pods|exceed max volume count`,
	"taint": `taint`,
}

# In this order: a volume's affinity is no constraint of the spec, and the taint of
# a node that is out of service is more than a taint.
_order := ["volume", "cordoned", "lost", "capacity", "constraint", "taint"]

_kind(why) := [kind | some kind in _order; regex.match(_words[kind], why)][0]

_kinds(wait) := {_kind(unfit.why) | some unfit in wait.unfit}

_understood(wait) if {
	every unfit in wait.unfit {
		_kind(unfit.why)
	}
}

# The first of these that the message has is what one would have to mend.
_causes := [
	["lost", "nodes_lost", "infrastructure"],
	["capacity", "no_capacity", "infrastructure"],
	["volume", "volume_bound", "infrastructure"],
	["cordoned", "nodes_cordoned", "test"],
	["constraint", "impossible_affinity", "test"],
]

_cause(wait) := [cause |
	some cause in _causes
	cause[0] in _kinds(wait)
	_proven(cause[0], wait)
][0]

# A constraint of which the spec knows nothing is not the test's.
_proven(kind, _) if kind != "constraint"

_proven("constraint", wait) if count(wait.constraints) > 0

blame contains {
	"class": cause[2], "reason": cause[1], "seq": {seq | some seq in wait.seq}, "from_ns": wait.begin.ns,
	"until_ns": wait.until_ns, "pod": wait.pod, "constraints": wait.constraints, "said": wait.message,
} if {
	some wait in input.scheduling
	wait.reason == "Unschedulable"
	waits.least(wait) > data.params["diagnosis-unschedulable"].unscheduled_ns
	_understood(wait)
	cause := _cause(wait)
}
