# METADATA
# title: A majority of the instances stays
# description: |
#   In a cluster of three instances or more nobody takes away a ready instance when
#   fewer than a majority of the instances would be left ready: whatever is replaced
#   is back before the next one goes. What a cordoned or lost node, an eviction or
#   the driver's own disruption takes away is not the operator's choice. That healthy
#   instances are replaced without need is for the policy no-churn.
#
#   It is put to the test by each time in which a disruption left the cluster not
#   steady, once it had been.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.cluster
# custom:
#   id: topology-t3
#   class: transition
#   view: cluster
#   requirement: Topology T3, keeps quorum-safe behavior
#   promise: With three instances or more, a majority is never given up on purpose.
#   severity: critical
#   exercised_in: disruption
#   demand: declared
#   rows:
#     - doc: requirements
#       row: T3
#     - doc: results
#       row: Topology T3 (multiple replicas)
#   specs:
#     - handles dynamic sizing with multiple replicas without unnecessary churn
#   codes:
#     majority_lost: a ready instance was deleted, so that fewer than a majority were ready
#   reasons:
#     gap: events are missing, so other instances may have been ready, or a loss may not have been seen
package behaviour.topology_t3

import data.lib.removals
import data.lib.steady

_skew := data.params.time.order_skew_ns

_runs := [run |
	some run in steady.recoveries(input.spans)
	steady.disrupted(run, input.disruptions, input.until_ns)
	input.spans[run.first].wanted > 2
]

exercised contains {"seq": {run.seq, input.spans[run.final].seq}, "in": "disruption"} if some run in _runs

_removed := [pod |
	some pod in removals.chosen(input.pods, input.disruptions, input.until_ns, _skew)
	pod.wanted > 2
	pod.others * 2 <= pod.wanted
]

violation contains {
	"code": "majority_lost", "seq": {pod.left.seq}, "got": pod.others, "want": floor(pod.wanted / 2) + 1,
	"instance": pod.instance,
} if {
	some pod in _removed
	not removals.unseen(pod.left, input.gaps)
}

unknown contains {"reason": "gap", "seq": {pod.left.seq}, "code": "majority_lost"} if {
	some pod in _removed
	removals.unseen(pod.left, input.gaps)
}

unknown contains {"reason": "gap", "seq": {gap.first_seq, gap.last_seq}} if {
	count(_runs) > 0
	some gap in input.gaps
	gap.resource == "pods"
}
