# METADATA
# title: A replica that is added after growth starts at the size of the group
# description: |
#   When instances are added to a cluster whose volumes have grown, or are growing, the
#   claims of the new instances must be created at the effective size: that of the
#   status, or the highest request of the others, or what the block asks for if that is
#   more; in static mode the size. The stale size of the bootstrap is wrong, even when
#   the claim is brought to the right size later.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.episode
# custom:
#   id: scenario-replica-scale-up
#   class: state
#   view: episode
#   requirement: P0 scenario, replica scale-up after resize
#   promise: The volumes of a new replica are as large as those of the others from the start.
#   severity: critical
#   codes:
#     stale_size: the claim of a new instance was not created at the effective size
#   reasons:
#     gap: events are missing, so the size of the group at that moment may not have been seen
#   demand: declared
#   rows:
#     - doc: requirements
#       row: Replica scale-up after resize
#     - doc: results
#       row: replica scale-up after resize
#     - doc: results
#       row: creates new replicas at effective size
#     - doc: results
#       row: Replica sizing
#   specs:
#     - creates new replicas at effective size
#     - creates new replica at effective operational size
package scenarios.replica_scale_up

import data.lib.rises

_skew := data.params.time.order_skew_ns

_kinds := {"clusters", "persistentvolumeclaims"}

_group(claim) := group if {
	some group in input.storage
	group.role == claim.role
	group.tablespace == claim.tablespace
}

# Claims of new instances, beside others of a group that has grown or grows.
_added := [{"claim": claim, "specs": specs, "sizes": _sizes(claim, specs)} |
	input.kind == "scale_up"
	some claim in input.created
	claim.how == "new"
	claim.peak != 0
	_grown(claim)
	specs := rises.candidates(_group(claim).specs, claim, _skew)
	some spec in specs
	rises.in_scope(spec.mode, claim.role)
]

_grown(claim) if _group(claim).resized

_grown(claim) if claim.open

_grown(claim) if claim.effective > 0

# What is right: of the others, of the status, or of a block that asks for more.
_sizes(claim, specs) := ({claim.peak, claim.effective} | _around(claim)) | {size |
	some spec in specs
	size := max([spec.request, spec.size])
	size > claim.peak
}

# The sizes of the others and of the status shortly before and after.
_around(claim) := {size |
	some span in _near(claim)
	size := max([volume.request | some volume in span.volumes; volume.volume != claim.volume])
} | {size |
	some span in _near(claim)
	size := _group(claim).statuses[span.status].effective
}

_near(claim) := [span |
	some span in _group(claim).spans
	span.ns - _skew <= claim.ns
	span.until_ns + _skew > claim.not_before_ns
]

exercised contains {"seq": {input.begin.seq, added.claim.seq}} if some added in _added

_stale(added) if not added.claim.request in added.sizes

violation contains {
	"code": "stale_size", "seq": {added.claim.seq}, "volume": added.claim.volume,
	"got": added.claim.request, "want": max(added.sizes), "unit": "bytes",
} if {
	some added in _added
	_stale(added)
	not _in_gap(added.claim)
}

_in_gap(claim) if {
	some gap in input.gaps
	gap.resource in _kinds
	not gap.same_generation
	gap.from_ns < claim.ns
	gap.until_ns > claim.not_before_ns
}

unknown contains {"reason": "gap", "seq": {added.claim.seq}} if {
	some added in _added
	_stale(added)
	_in_gap(added.claim)
}
