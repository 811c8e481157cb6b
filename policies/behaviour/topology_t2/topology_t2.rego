# METADATA
# title: Two instances are replaced in a safe order
# description: |
#   A cluster of two instances has one candidate for promotion. Nobody takes away
#   the last ready instance while the other one is not ready, and no claim goes
#   while the primary is changing: the old primary is replaced when the new one is
#   the primary, never before. What a cordoned or lost node, an eviction or the
#   driver's own disruption takes away is not the operator's choice.
#
#   It is put to the test by each change of the primary.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.cluster
# custom:
#   id: topology-t2
#   class: transition
#   view: cluster
#   requirement: Topology T2, promotion and replica replacement ordering is safe
#   promise: The only candidate is never lost before it is the primary.
#   severity: critical
#   exercised_in: disruption
#   demand: declared
#   rows:
#     - doc: requirements
#       row: T2
#     - doc: requirements
#       row: Shrink during failover
#     - doc: results
#       row: Topology T2 (two instances)
#   specs:
#     - handles dynamic sizing with single replica
#   codes:
#     last_ready_removed: the pod of the only ready instance was deleted while the other one was not ready
#     claim_lost_in_election: a claim was destroyed while the primary was changing
#   reasons:
#     gap: events are missing, so the other instance may have been ready, or a loss may not have been seen
package behaviour.topology_t2

import data.lib.removals

_skew := data.params.time.order_skew_ns

exercised contains {"seq": {election.begin.seq, election.end.seq}, "in": "disruption"} if {
	some election in input.elections
	election.wanted == 2
	election.ended
	election.to != election.from
}

_removed := [pod |
	some pod in removals.chosen(input.pods, input.disruptions, input.until_ns, _skew)
	pod.wanted == 2
	pod.others == 0
]

violation contains {
	"code": "last_ready_removed", "seq": {pod.left.seq}, "got": pod.others, "want": 1, "instance": pod.instance,
} if {
	some pod in _removed
	not removals.unseen(pod.left, input.gaps)
}

unknown contains {"reason": "gap", "seq": {pod.left.seq}, "code": "last_ready_removed"} if {
	some pod in _removed
	removals.unseen(pod.left, input.gaps)
}

# Of a change of the primary; claims and Clusters have no order but that of receipt.
_within(left, election) if {
	left.ns > election.begin.ns + _skew
	left.not_before_ns < _end(election) - _skew
}

_end(election) := election.end.not_before_ns if {
	election.ended
} else := input.until_ns + _skew

violation contains {
	"code": "claim_lost_in_election", "seq": {election.begin.seq, claim.left.seq},
	"got": claim.volume, "want": "the claim stays", "instance": claim.instance,
} if {
	some election in input.elections
	election.wanted == 2
	some claim in input.claims
	_within(claim.left, election)
}

unknown contains {"reason": "gap", "seq": {gap.first_seq, gap.last_seq}} if {
	some election in input.elections
	election.wanted == 2
	some gap in input.gaps
	gap.resource in {"pods", "persistentvolumeclaims"}
	gap.from_ns < _end(election)
	gap.until_ns > election.begin.not_before_ns
}
