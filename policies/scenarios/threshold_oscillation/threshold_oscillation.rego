# METADATA
# title: Usage that oscillates around the threshold causes no flapping
# description: |
#   While the used share of a volume crosses the threshold of targetBuffer again and
#   again, its group is grown on account of it no more often than the threshold was
#   crossed upwards, and once more, since a sample may have missed one; no request is
#   lowered, or written again though it is the same; and the state changes no more often
#   than crossings and growth explain.
#
#   It is exercised only where the threshold was crossed upwards repeatedly, because the
#   volume became fuller. One growth that is followed by quiet is no oscillation.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.episode
# custom:
#   id: scenario-threshold-oscillation
#   class: idempotency
#   view: episode
#   requirement: P1 scenario, threshold oscillation
#   promise: Usage that goes up and down around the threshold makes volumes neither grow nor shrink without need.
#   severity: major
#   codes:
#     grown_repeatedly: the group was grown more often than the threshold was crossed
#     request_lowered: the request of a claim was lowered
#     churn: claims were written again and again though nothing about them changed
#     state_flaps: the state changed more often than usage and growth explain
#   reasons:
#     gap: events are missing, so a growth may not have been seen
#   demand: declared
#   rows:
#     - doc: requirements
#       row: Threshold oscillation
#     - doc: results
#       row: post-growth steady state flapping (P1)
package scenarios.threshold_oscillation

import data.lib.rises

_allowed := data.params["scenario-threshold-oscillation"]

_fuller := [crossing |
	input.kind == "oscillation"
	some crossing in input.crossings
	crossing.direction == "over"
	crossing.by == "used"
]

# The group of the volume.
_groups := [group |
	input.kind == "oscillation"
	some group in input.storage
	input.subject in {volume.volume | some span in group.spans; some volume in span.volumes}
]

exercised contains {"seq": {crossing.seq | some crossing in _fuller}} if {
	count(_fuller) >= _allowed.crossings
}

_over := count([crossing | some crossing in input.crossings; crossing.direction == "over"])

# Growth that this volume caused, as the action says.
_growth := [growth |
	some group in _groups
	some growth in rises.growth(group, data.params.time)
	causes := {action.action_instance |
		some action in rises.actions(
			group.statuses, growth.rise,
			data.params.time.action_match_ns, data.params.time.status_grace_ns,
		)
	}
	causes & {crossing.instance | some crossing in input.crossings} != set()
]

violation contains {
	"code": "grown_repeatedly", "seq": {growth.rise.seq | some growth in _growth},
	"got": count(_growth), "want": _over + _allowed.unseen_crossings,
} if {
	count(_growth) > _over + _allowed.unseen_crossings
}

violation contains {
	"code": "request_lowered", "seq": {request.seq}, "volume": request.volume,
	"got": request.to, "want": request.from, "unit": "bytes",
} if {
	some group in _groups
	some request in group.requests
	request.how == "changed"
	request.to < request.from
}

# Writes to claims of the group that change nothing.
_idle := {touch.seq | some group in _groups; some touch in group.touches} | {request.seq |
	some group in _groups
	some request in group.requests
	request.how == "rewritten"
}

violation contains {"code": "churn", "seq": _idle, "got": count(_idle), "want": _allowed.idle_writes} if {
	count(_idle) > _allowed.idle_writes
}

_turns := [status.seq |
	some group in _groups
	some i, status in group.statuses
	status.state != group.statuses[i - 1].state
]

# Other volumes of the group that oscillate at the same time turn it as often.
_volumes := 1 + count([other | some other in input.concurrent; other.kind == "oscillation"])

_rises := [growth | some group in _groups; some growth in rises.growth(group, data.params.time)]

_explained := ((count(input.crossings) * _volumes) + (3 * count(_rises))) + _allowed.unseen_turns

violation contains {
	"code": "state_flaps", "seq": {seq | some seq in _turns}, "got": count(_turns), "want": _explained,
} if {
	count(_turns) > _explained
}

unknown contains {"reason": "gap", "seq": {gap.first_seq, gap.last_seq}} if {
	count(exercised) > 0
	some gap in input.gaps
	gap.resource in {"clusters", "persistentvolumeclaims"}
	not gap.same_generation
}
