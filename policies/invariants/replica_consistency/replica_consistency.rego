# METADATA
# title: Replicas have the size of the group
# description: |
#   A claim that is created beside others of its group must request the effective
#   size of the status, or the highest request of the others when there is none; in
#   static mode the size. All requests of a group must become equal again soon after
#   one of them changed.
#
#   It is exercised by each claim created beside others, and by each difference
#   between requests that was evened out. Claims marked detached are left alone, and
#   so are differences where resizeInUseVolumes is false. WAL volumes are judged in
#   static mode only.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.storage
# custom:
#   id: replica-consistency
#   class: convergence
#   view: storage
#   requirement: Core invariant 4, replica consistency
#   promise: New and replaced replicas get the size that the others have, and no replica stays behind.
#   severity: critical
#   codes:
#     created_off_size: a new claim does not have the effective size of its group
#     diverged: requests of one group stayed different for too long
#   reasons:
#     spec_unknown: no storage block was recorded before the claim was created
#     gap: events are missing, so the size of the group at that moment may not have been seen
#     pending: the recording ends while the requests are different, before they had to be equal
#     deleted: the cluster was deleted while the requests were different, before they had to be equal
#     clock: the moments are not known exactly enough to say whether the requests became equal in time
#   mutants: [stale_replica, diverge, gap]
#   rows:
#     - doc: requirements
#       row: Replica consistency
package invariants.replica_consistency

import data.lib.rises
import data.lib.spans

_skew := data.params.time.order_skew_ns

_equal := data.params["replica-consistency"].equal_ns

_kinds := {"clusters", "persistentvolumeclaims"}

# Claims created beside others, with the blocks that may have been in force.
_created := [{"request": request, "specs": specs} |
	some request in input.requests
	request.how == "created"
	request.siblings > 0
	specs := rises.candidates(input.specs, request, _skew)
	some spec in [last | last := specs[count(specs) - 1]]
	rises.in_scope(spec.mode, input.role)
]

exercised contains {"seq": {created.request.seq}} if some created in _created

# The spans that may have been when the claim was created.
_around(request) := [span |
	some span in input.spans
	span.ns - _skew <= request.ns
	span.until_ns + _skew > request.not_before_ns
]

# The sizes that are right: of the others, of the status, of a block that asks for more.
_right(created) := {size | some size in _sizes(created); size > 0}

_sizes(created) := (_of_others(created.request) | _of_status(created.request)) | _of_spec(created)

_of_others(request) := {request.peak} | {peak |
	some span in _around(request)
	peak := max([volume.request | some volume in span.volumes; volume.volume != request.volume])
}

_of_status(request) := {request.effective} | {size |
	some span in _around(request)
	size := input.statuses[span.status].effective
}

_of_spec(created) := {size |
	some spec in created.specs
	size := max([spec.request, spec.size])
	size > created.request.peak
}

violation contains {
	"code": "created_off_size", "seq": {created.request.seq}, "volume": created.request.volume,
	"got": created.request.to, "want": max([created.request.effective, created.request.peak]), "unit": "bytes",
} if {
	some created in _created
	not created.request.to in _right(created)
	not _in_gap(created.request)
}

_in_gap(request) if {
	some gap in input.gaps
	gap.resource in _kinds
	gap.from_ns < request.ns
	gap.until_ns > request.not_before_ns
}

unknown contains {"reason": "gap", "seq": {created.request.seq}} if {
	some created in _created
	not created.request.to in _right(created)
	_in_gap(created.request)
}

unknown contains {"reason": "spec_unknown", "seq": {request.seq}} if {
	some request in input.requests
	request.how == "created"
	request.siblings > 0
	count(rises.candidates(input.specs, request, _skew)) == 0
}

# Spans in which the requests of the group are different.
_different := {i |
	some i, span in input.spans
	spec := input.specs[span.spec]
	rises.in_scope(spec.mode, input.role)
	spec.resize_in_use
	count({volume.request | some volume in span.volumes; volume.status != "detached"}) > 1
}

_runs := spans.runs(input.spans, _different)

exercised contains {"seq": {run.seq, input.spans[run.final + 1].seq}} if {
	some run in _runs
	not run.open
}

violation contains {
	"code": "diverged", "seq": {run.seq, span.seq}, "volume": volume.volume,
	"got": volume.request, "want": span.peak, "unit": "bytes",
} if {
	some run in _runs
	spans.exceeds(run, _equal, input.gaps, _kinds)
	span := input.spans[run.final]
	some volume in span.volumes
	volume.request < span.peak
}

unknown contains {"reason": reason, "seq": {run.seq, input.until_seq}} if {
	some run in _runs
	reason := spans.doubt(run, _equal, input.gaps, _kinds, input.until)
}

unknown contains {"reason": "gap", "seq": {gap.first_seq, gap.last_seq}} if {
	count(_created) + count(_runs) > 0
	some gap in input.gaps
	gap.resource == "persistentvolumeclaims"
	gap.until_ns - gap.from_ns > _equal
}
