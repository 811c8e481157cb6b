# METADATA
# title: A node was lost
# description: |
#   A node with a pod of the cluster was not ready: it was powered off, cut off or
#   overloaded. What its pods did in the meantime is not known, its volumes stay
#   attached to it for minutes, and the operator has to wait for that.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.wait
# custom:
#   id: diagnosis-node-lost
#   class: diagnosis
#   view: wait
#   requirement: Failure mode a node that is lost
#   reasons:
#     node_not_ready: a node on which the cluster had a pod was not ready
#   rows:
#     - doc: further
#       row: Node lost
package diagnosis.node_lost

import data.lib.waits

blame contains {
	"class": "infrastructure", "reason": "node_not_ready", "seq": {seq | some seq in wait.seq},
	"from_ns": wait.begin.ns, "until_ns": wait.until_ns, "node": wait.node, "pods": wait.own,
} if {
	some wait in input.nodes
	wait.kind == "node_not_ready"
	waits.least(wait) > data.params["diagnosis-node-lost"].lost_ns
}
