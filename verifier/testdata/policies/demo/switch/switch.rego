# METADATA
# title: A verdict on demand
# description: The parameters decide what this policy says, so that tests can have every verdict.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.storage
# custom:
#   id: demo-switch
#   class: state
#   view: storage
#   requirement: tests of the verifier
#   promise: What the parameters say is what the report says.
#   severity: minor
#   codes:
#     switched: The parameter violated is on.
#   reasons:
#     gap: The parameter unknown is on.
package demo.switch

violation contains {"code": "switched", "seq": _params.seq, "got": input.cluster, "want": "another cluster"} if {
	_params.violated
}

exercised contains {"seq": _params.seq} if _params.exercised

exercised contains {"seq": [], "number": to_number(input.cluster)} if _params.fails

unknown contains {"reason": "gap", "seq": _params.seq} if _params.unknown

_params := data.params["demo-switch"]
