# METADATA
# title: Expansions are quick
# description: Every expansion is over before the deadline.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.storage
# custom:
#   id: demo-quick
#   class: response
#   view: storage
#   requirement: tests of the verifier
#   promise: An expansion takes no longer than the deadline.
#   severity: minor
#   exercised_in: disruption
#   codes:
#     slow: an expansion took longer than the deadline
#     peak: a request is the highest of all
#   reasons:
#     pending: the recording ends while the expansion is open
package demo.quick

violation contains {
	"code": "slow", "seq": {operation.begin.seq, operation.end.seq},
	"got": took, "want": _params.deadline_ns, "unit": "ns",
} if {
	some operation in input.operations
	operation.closed
	took := operation.end.ns - operation.begin.ns
	took > _params.deadline_ns + _params.grace_ns
}

violation contains {"code": "peak", "seq": {request.seq}, "got": "the peak", "want": "less"} if {
	some request in input.requests
	request.to == max([other.to | some other in input.requests])
}

exercised contains {"seq": {operation.begin.seq}} if some operation in input.operations

unknown contains {"reason": "pending", "code": "slow", "seq": {operation.begin.seq}} if {
	some operation in input.operations
	not operation.closed
}

_params := data.params["demo-quick"]
