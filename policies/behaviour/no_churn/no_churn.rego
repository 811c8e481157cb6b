# METADATA
# title: Healthy instances are not replaced
# description: |
#   What goes wrong with one instance does not cost another one its pod, and no
#   healthy instance loses a claim. Between two steady states, pods of healthy
#   instances are replaced on one instance at most: the one that somebody deleted or
#   that failed. A new version of the spec, a restart that a user asks for, another
#   build of the operator, a scale-down, an eviction and a node that is cordoned,
#   lost or not ready explain more. That the same instance is replaced again and
#   again is for the policy idempotency.
#
#   It is put to the test by each time in which a cluster of two instances or more
#   was not steady, or grew, once it had been steady.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.cluster
# custom:
#   id: no-churn
#   class: transition
#   view: cluster
#   requirement: Topology T3, no unnecessary multi-node churn
#   promise: Pods and claims of healthy instances are left alone.
#   severity: major
#   demand: declared
#   rows:
#     - doc: requirements
#       row: T3
#     - doc: results
#       row: Topology T3 (multiple replicas)
#   specs:
#     - handles dynamic sizing with multiple replicas without unnecessary churn
#   codes:
#     several_replaced: pods of several healthy instances were replaced for no reason that the recording shows
#     claim_destroyed: a claim of a healthy instance was destroyed, though the cluster was not scaled down
#   reasons:
#     gap: events are missing, so a replacement or its reason may not have been seen
#     nodes_unseen: no Node was recorded, so the pods may have gone with their nodes
#     cluster_unseen: the Cluster was not recorded, so nobody can tell what its spec asked for
package behaviour.no_churn

import data.lib.spans
import data.lib.steady

# Kinds that tell why a pod went.
_telling := {"clusters", "nodes"}

_skew := data.params.time.order_skew_ns

# Times in which the cluster was not steady, once it had been.
_runs := steady.recoveries(input.spans) if {
	some span in input.spans
	span.wanted > 1
} else := []

exercised contains {"seq": {run.seq, input.spans[run.final].seq}} if {
	some run in _runs
	not steady.disrupted(run, input.disruptions, input.until_ns)
}

exercised contains {"seq": {run.seq, input.spans[run.final].seq}, "in": "disruption"} if {
	some run in _runs
	steady.disrupted(run, input.disruptions, input.until_ns)
}

# The spec wanted fewer instances, so that this one went and never came back.
_scaled_down(left, lives) if {
	count([life | some life in lives; life.seq > left.seq]) == 0
	some i, spec in input.specs
	spec.instances < input.specs[i - 1].instances
	spec.ns <= left.ns + _skew
}

# What goes with the cluster may be received a little before the cluster's own end.
_torn_down(left) if {
	input.until == "deleted"
	left.ns >= input.until_ns - _skew
}

# Pods of healthy instances that went for no reason of their own.
_lost := [pod |
	some pod in input.pods
	pod.healthy
	not pod.evicted
	not pod.displaced
	not _torn_down(pod.left)
	not _scaled_down(pod.left, [life | some life in input.pods; life.instance == pod.instance])
]

# Fields of the spec that pods do not depend on.
_harmless(field) if field == "spec.instances"

_harmless(field) if startswith(field, "spec.storage.")

_harmless(field) if startswith(field, "spec.walStorage.")

_harmless(field) if startswith(field, "spec.backup")

# What replaces pods on purpose: a spec, a restart that a user asked for, another
# operator or image.
_requests := array.concat(
	[spec.ns |
		some spec in input.specs
		count([field | some field in spec.changed; not _harmless(field)]) > 0
	],
	[build.ns | some i, build in input.builds; i > 0],
)

# It explains what follows until the cluster is steady again.
_asked(run) if {
	some at in _requests
	at <= run.ended_ns
	count([former | some former in _runs; former.final < run.first; former.ended_ns > at]) == 0
}

# A pod may be received a little earlier than what the Cluster says of its loss.
_within(left, run) if {
	left.ns >= run.began_ns - _skew
	left.ns <= run.ended_ns
	count([former | some former in _runs; former.final < run.first; former.ended_ns >= left.ns]) == 0
}

_replaced := [{"run": run, "pods": pods} |
	some run in _runs
	not _asked(run)
	pods := [pod | some pod in _lost; _within(pod.left, run)]
	count({pod.instance | some pod in pods}) > 1
]

violation contains {
	"code": "several_replaced", "seq": {pod.left.seq | some pod in case.pods},
	"got": count({pod.instance | some pod in case.pods}), "want": 1,
	"instances": concat(", ", {pod.instance | some pod in case.pods}),
	"from_ns": case.run.began_ns, "until_ns": case.run.ended_ns,
} if {
	input.seen
	input.nodes
	some case in _replaced
	not spans.met(case.run, input.gaps, _telling)
}

_destroyed := [claim |
	some claim in input.claims
	claim.healthy
	not claim.displaced
	not _torn_down(claim.left)
	not _scaled_down(claim.left, [life | some life in input.claims; life.volume == claim.volume])
]

violation contains {
	"code": "claim_destroyed", "seq": {claim.left.seq}, "got": claim.volume, "want": "the claim stays",
	"instance": claim.instance,
} if {
	input.seen
	some claim in _destroyed
	not _unseen_spec(claim.left)
}

# A spec that may have wanted fewer instances.
_unseen_spec(left) if {
	some gap in input.gaps
	gap.resource == "clusters"
	not gap.same_generation
	gap.from_ns <= left.ns
}

unknown contains {"reason": "gap", "seq": {claim.left.seq}, "code": "claim_destroyed"} if {
	some claim in _destroyed
	_unseen_spec(claim.left)
}

unknown contains {
	"reason": "gap", "seq": {case.run.seq}, "code": "several_replaced",
	"from_ns": case.run.began_ns, "until_ns": case.run.ended_ns,
} if {
	some case in _replaced
	spans.met(case.run, input.gaps, _telling)
}

unknown contains {"reason": "gap", "seq": {gap.first_seq, gap.last_seq}} if {
	count(exercised) > 0
	some gap in input.gaps
	gap.resource in {"pods", "persistentvolumeclaims"}
}

unknown contains {
	"reason": "nodes_unseen", "seq": {case.run.seq}, "code": "several_replaced",
	"from_ns": case.run.began_ns, "until_ns": case.run.ended_ns,
} if {
	not input.nodes
	some case in _replaced
}

unknown contains {"reason": "cluster_unseen", "seq": {input.until_seq}} if not input.seen
