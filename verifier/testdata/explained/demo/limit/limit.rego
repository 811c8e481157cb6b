# METADATA
# title: Requests stay below the limit
# description: Every request is compared with the block in force.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.storage
# custom:
#   id: demo-limit
#   class: state
#   view: storage
#   requirement: tests of the verifier
#   promise: No claim requests more than the limit.
#   severity: critical
#   codes:
#     above_limit: a claim requests more than limit
#     shrunk: a request became smaller
package demo.limit

violation contains {
	"code": "above_limit", "seq": {spec.seq, request.seq},
	"got": request.to, "want": spec.limit, "unit": "bytes",
} if {
	some request in input.requests
	spec := input.specs[request.spec]
	request.to > spec.limit
}

violation contains {
	"code": "shrunk", "seq": {request.seq}, "got": request.to, "want": request.from, "unit": "bytes",
} if {
	some request in input.requests
	request.to < request.from
}

exercised contains {"seq": {request.seq}} if some request in input.requests

exercised contains {"seq": {request.seq}, "in": "disruption"} if {
	some request in input.requests
	some disruption in input.disruptions
	disruption.begin.ns <= request.ns
	request.ns <= disruption.end.ns
}
