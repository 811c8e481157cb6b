# METADATA
# title: Removals of instances
# description: Which pods of instances were deleted by choice, in the view cluster.
# scope: package
package lib.removals

import data.lib.steady

# METADATA
# description: |
#   Pods of ready instances that somebody deleted, other than by an eviction, from a
#   node that is cordoned, lost or not ready, or in a disruption that the driver
#   marked, give or take skew (ns). until is when the history ends, ns.
chosen(pods, disruptions, until, skew) := [pod |
	some pod in pods
	pod.healthy
	not pod.evicted
	not pod.displaced
	not _marked(pod.left, disruptions, until, skew)
]

_marked(left, disruptions, until, skew) if {
	some disruption in disruptions
	disruption.kind == "mark"
	left.ns >= disruption.begin.ns - skew
	left.ns <= steady.over(disruption, until) + skew
}

# METADATA
# description: Whether events of pods or Nodes are missing when the pod began to go.
unseen(left, gaps) if {
	some gap in gaps
	gap.resource in {"pods", "nodes"}
	gap.from_ns <= left.ns
	gap.until_ns >= left.not_before_ns
}
