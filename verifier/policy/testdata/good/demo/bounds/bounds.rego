# METADATA
# title: Sizes stay below the limit
# description: |
#   Compares every recorded size of a volume with its limit.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.volume
# custom:
#   id: volume-bounds
#   class: state
#   view: volume
#   requirement: demo 1
#   promise: A volume is never larger than its limit.
#   severity: critical
#   codes:
#     above_limit: The volume is larger than its limit.
#   reasons:
#     gap: The recording has a gap.
package demo.bounds

import data.lib.sizes

violation contains {"code": "above_limit", "seq": [s.seq], "got": s.size, "want": input.limit} if {
	some s in sizes.above(input.samples, input.limit)
}

exercised contains {"seq": [s.seq]} if {
	some s in input.samples
	input.limit
}

unknown contains {"reason": "gap", "seq": [g.seq]} if {
	some g in input.gaps
}

blame contains {"class": "infrastructure", "reason": "provider_rounds_up", "seq": [], "ns": 5} if {
	some s in _odd
	s.size > input.limit
}

_odd := {s | some s in input.samples; s.size % 2 == 1}
