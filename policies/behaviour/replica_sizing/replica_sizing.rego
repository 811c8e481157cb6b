# METADATA
# title: A replica that comes after a growth is provisioned at its size
# description: |
#   A claim that is created when the group has grown above request must come to the
#   capacity that it requests, and actualSizes must tell of its instance. That it
#   requests the effective size is replica-consistency's to judge, which is exercised
#   by every claim; this policy asks for one that was created after a growth.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.storage
# custom:
#   id: replica-sizing
#   class: response
#   view: storage
#   demand: declared
#   requirement: Replica sizing, baseline behaviour
#   promise: A replica that is added after a growth has room for what the others hold, and the status knows.
#   severity: major
#   codes:
#     short_capacity: the new volume did not come to the size that its claim requests
#     not_told: actualSizes does not tell of the new instance
#   reasons:
#     gap: events are missing, so the volume or the status may have followed meanwhile
#     pending: the recording ends before the volume or the status had to follow
#     deleted: the cluster was deleted before the volume or the status had to follow
#     clock: the moments are not known exactly enough to say whether they followed in time
#   rows:
#     - doc: results
#       row: Replica sizing
#     - doc: results
#       row: creates new replicas at effective size
#     - doc: results
#       row: replica scale-up after resize
#   specs:
#     - creates new replicas at effective size
#     - creates new replica at effective operational size
package behaviour.replica_sizing

import data.lib.rises
import data.lib.spans

_kinds := {"clusters", "persistentvolumeclaims"}

_reach := data.params["convergence-resumes"].resume_ns

_tell := data.params.usage.tell_ns

# Claims created beside others of a group that has grown, as the status says or as
# was seen.
_created := [request |
	some request in input.requests
	request.how == "created"
	request.siblings > 0
	spec := input.specs[request.spec]
	spec.mode == "dynamic"
	rises.in_scope(spec.mode, input.role)
	request.peak > spec.request
	_has_grown(request, spec)
]

_has_grown(request, spec) if request.effective > spec.request

_has_grown(request, _) if {
	some earlier in input.requests
	earlier.seq < request.seq
	earlier.how == "changed"
	earlier.to > earlier.from
}

exercised contains {"seq": {request.seq}} if some request in _created

# The spans since then in which the volume has less than its claim requested at
# first, and those in which the status does not tell of its instance.
_short(request) := {i |
	some i, span in input.spans
	span.ns >= request.ns
	some volume in span.volumes
	volume.volume == request.volume
	volume.capacity < request.to
}

_untold(request) := {i |
	some i, span in input.spans
	span.ns >= request.ns
	some volume in span.volumes
	volume.volume == request.volume
	volume.actual < 0
}

_runs := [{"request": request, "code": code, "allowed": allowed, "run": run} |
	some request in _created
	some code, bad in {"short_capacity": _short(request), "not_told": _untold(request)}
	allowed := {"short_capacity": _reach, "not_told": _tell}[code]
	some run in spans.runs(input.spans, bad)
]

violation contains {
	"code": "short_capacity", "seq": {late.request.seq, input.spans[late.run.final].seq},
	"volume": late.request.volume, "got": late.run.least_ns, "want": _reach, "unit": "ns",
	"from_ns": late.run.began_ns, "until_ns": late.run.ended_ns,
} if {
	some late in _runs
	late.code == "short_capacity"
	spans.exceeds(late.run, late.allowed, input.gaps, _kinds)
}

violation contains {
	"code": "not_told", "seq": {late.request.seq, input.spans[late.run.final].seq},
	"volume": late.request.volume, "got": late.run.least_ns, "want": _tell, "unit": "ns",
	"from_ns": late.run.began_ns, "until_ns": late.run.ended_ns,
} if {
	some late in _runs
	late.code == "not_told"
	spans.exceeds(late.run, late.allowed, input.gaps, _kinds)
}

unknown contains {
	"reason": reason, "seq": {late.request.seq, input.until_seq}, "code": late.code,
	"from_ns": late.run.began_ns, "until_ns": late.run.ended_ns,
} if {
	some late in _runs
	reason := spans.doubt(late.run, late.allowed, input.gaps, _kinds, input.until)
}
