# METADATA
# title: Rises of requests
# description: |
#   What explains a request of a claim, in the view storage: the storage block in
#   force, or an action of the status.
# scope: package
package lib.rises

# METADATA
# description: Storage volumes of this role and mode are in scope; dynamic WAL volumes are not specified yet.
in_scope("static", _)

in_scope("dynamic", role) if role in {"PG_DATA", "PG_TABLESPACE"}

# METADATA
# description: |
#   The blocks that may have been in force when the request was written: those in
#   force when it was received, give or take skew ns, because events of two kinds
#   have no order but that of their receipt.
candidates(specs, request, skew) := [spec |
	some spec in specs
	spec.ns - skew <= request.ns
	spec.until_ns + skew > request.not_before_ns
]

# METADATA
# description: |
#   The rises that make the group larger than it was: each is a decision, the
#   others bring the remaining volumes to the same size.
decisions(requests) := [request |
	some request in requests
	request.how == "changed"
	request.to > request.from
	request.to > request.peak
]

# METADATA
# description: Whether the block itself asks for this size, so that the rise is no action.
by_spec(specs, request, skew) if {
	some spec in candidates(specs, request, skew)
	spec.mode == "dynamic"
	spec.request == request.to
}

by_spec(specs, request, skew) if {
	some spec in candidates(specs, request, skew)
	spec.mode == "static"
}

# METADATA
# description: |
#   The actions of the status to the size of the request, seen from match ns
#   before it until grace ns after it.
actions(statuses, request, match, grace) := [status |
	some status in statuses
	status.has_action
	status.action_to == request.to
	status.ns >= request.not_before_ns - match
	status.ns <= request.ns + grace
]

# METADATA
# description: |
#   The growth of a group of the view storage that was an action of the operator, not
#   asked for by the block: the rise, the dynamic blocks that may have been in force,
#   and the kinds of the actions that tell of it. times is data.params.time.
growth(group, times) := [{"rise": rise, "specs": specs, "kinds": kinds} |
	some rise in decisions(group.requests)
	specs := [spec |
		some spec in candidates(group.specs, rise, times.order_skew_ns)
		in_scope(spec.mode, group.role)
	]
	count(specs) > 0
	not by_spec(group.specs, rise, times.order_skew_ns)
	kinds := {action.action_kind |
		some action in actions(group.statuses, rise, times.action_match_ns, times.status_grace_ns)
	}
]
