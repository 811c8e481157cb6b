# METADATA
# title: A new group starts at request
# description: |
#   The first claim of a dynamic group, before anything has grown, must have the size
#   request: no more than was asked for. That it is no less is policy-bounds', and that
#   the others have the size of the first is replica-consistency's. A claim that is
#   restored from a snapshot has the size that the snapshot needs.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.storage
# custom:
#   id: initial-sizing
#   class: state
#   view: storage
#   demand: declared
#   requirement: Initial PVC sizing, baseline behaviour
#   promise: Volumes are provisioned at request, not larger.
#   severity: major
#   codes:
#     above_request: the first claim of a group requests more than request
#   reasons:
#     spec_unknown: no storage block was recorded before the claim was created
#     order_uncertain: the claim has another size than request, but the block changed just then
#     gap: events are missing, so there may have been other claims or another block
#   rows:
#     - doc: results
#       row: Initial PVC sizing
#     - doc: results
#       row: provisions PVC at request size
#   specs:
#     - provisions PVC at request size
package behaviour.initial_sizing

import data.lib.rises

_skew := data.params.time.order_skew_ns

_match := data.params.time.action_match_ns

# Claims that were created as the first of a group that had not grown, with the
# blocks that may have been in force.
_first := [{"request": request, "specs": specs} |
	some request in input.requests
	request.how == "created"
	request.siblings == 0
	request.effective == 0
	not request.restored
	_none_before(request)
	specs := rises.candidates(input.specs, request, _skew)
	every spec in specs {
		_dynamic(spec)
	}
]

_none_before(request) if {
	every other in input.requests {
		other.seq >= request.seq
	}
}

_dynamic(spec) if {
	spec.mode == "dynamic"
	rises.in_scope(spec.mode, input.role)
}

_larger(first) := [spec | some spec in first.specs; first.request.to > spec.request]

_in_gap(request) if {
	some gap in input.gaps
	gap.resource in {"clusters", "persistentvolumeclaims"}
	gap.from_ns < request.ns + _match
	gap.until_ns > request.not_before_ns - _match
}

exercised contains {"seq": {first.request.seq, first.specs[0].seq}} if some first in _first

violation contains {
	"code": "above_request", "seq": {first.request.seq, spec.seq}, "volume": first.request.volume,
	"got": first.request.to, "want": spec.request, "unit": "bytes",
} if {
	some first in _first
	not _in_gap(first.request)
	count(_larger(first)) == count(first.specs)
	spec := first.specs[count(first.specs) - 1]
}

unknown contains {"reason": "spec_unknown", "seq": {first.request.seq}} if {
	some first in _first
	count(first.specs) == 0
}

unknown contains {"reason": "order_uncertain", "seq": {first.request.seq}} if {
	some first in _first
	count(_larger(first)) > 0
	count(_larger(first)) < count(first.specs)
}

unknown contains {"reason": "gap", "seq": {first.request.seq}} if {
	some first in _first
	count(_larger(first)) > 0
	_in_gap(first.request)
}
