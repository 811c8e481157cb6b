# METADATA
# title: Volumes grow in time
# description: The second sample comes before the deadline.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.volume
# custom:
#   id: volume-grows
#   class: response
#   view: volume
#   requirement: demo 2
#   promise: A volume grows before the deadline.
#   severity: major
#   exercised_min: 2
#   exercised_in: disruption
package demo.grows

violation contains {"code": "too_late", "class": "test", "seq": [s.seq], "got": s.t, "want": _limits.deadline_ns} if {
	some s in input.samples
	s.t > _limits.deadline_ns
}

exercised contains {"seq": [s.seq], "in": "disruption"} if {
	some s in input.samples
	s.size > 0
}

exercised contains {"seq": [s.seq]} if some s in input.samples

_limits := data.params["volume-grows"]
