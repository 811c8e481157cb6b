# METADATA
# title: Volumes are within their limit, do not shrink, and follow
# description: |
#   The judgement that docs/performance compares, on the view storage: requests of the
#   role PG_DATA are not above the limit in force, do not become smaller, and are the
#   capacity of the volume in time.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.storage
# custom:
#   id: volumes
#   class: response
#   view: storage
#   requirement: docs/performance
#   promise: Requests are within the limit, do not shrink, and are met in time.
#   severity: major
#   codes:
#     above_limit: a claim requests more than limit
#     shrunk: a request became smaller
#     late: a volume did not get what its claim requests in time
package volumes

_written contains request if {
	input.role == "PG_DATA"
	some request in input.requests
	request.how in {"created", "changed"}
}

exercised contains {"seq": {request.seq}} if some request in _written

violation contains {"code": "above_limit", "seq": {request.seq}, "got": request.to, "want": limit} if {
	some request in _written
	request.spec >= 0
	limit := input.specs[request.spec].limit
	limit > 0
	request.to > limit
}

violation contains {"code": "shrunk", "seq": {request.seq}, "got": request.to, "want": request.from} if {
	some request in _written
	request.how == "changed"
	request.to < request.from
}

violation contains {"code": "late", "seq": {request.seq}, "got": 0, "want": request.to} if {
	some request in _written
	request.how == "changed"
	request.to > request.from
	deadline := request.ns + data.params.volumes.deadline_ns
	deadline < input.until_ns
	met := [span.seq |
		some span in input.spans
		span.seq >= request.seq
		span.ns <= deadline
		some volume in span.volumes
		volume.volume == request.volume
		volume.capacity >= request.to
	]
	count(met) == 0
}
