# METADATA
# title: Waits
# description: How long something waited, by the view wait, and what of a time is explained by waits.
# scope: package
package lib.waits

# METADATA
# description: How long a wait lasted at least, ns. What was recorded at a moment happened before it.
least(wait) := wait.end.not_before_ns - wait.begin.ns if wait.ended

least(wait) := wait.until_ns - wait.begin.ns if not wait.ended

# METADATA
# description: The time of a wait.
time(wait) := {"from_ns": wait.begin.ns, "until_ns": wait.until_ns}

# METADATA
# description: |
#   The pieces of the time from … until that none of the other times covers, in
#   order. It takes time with the square of the number of these, which are few.
rest(from, until, others) := [{"from_ns": start, "until_ns": min(ends)} |
	holes := [hole | some hole in others; hole.from_ns < hole.until_ns]
	begins := {from} | {hole.until_ns | some hole in holes}
	some start in sort({ns | some ns in begins; ns >= from; ns < until; not _covered(ns, holes)})
	ends := {until} | {hole.from_ns | some hole in holes; hole.from_ns > start}
]

_covered(ns, holes) if {
	some hole in holes
	hole.from_ns <= ns
	ns < hole.until_ns
}

# METADATA
# description: |
#   The times in which something outside of the operator, or its own absence,
#   explains that the cluster is not as it should be: pods without a node, a volume or
#   an image, nodes that are not ready, instances that cannot follow, no operator.
outside(document) := {time(wait) |
	some waits in [
		document.scheduling, document.volumes, document.images, document.rewinds, document.operator,
		[node | some node in document.nodes; node.kind == "node_not_ready"],
	]
	some wait in waits
}
