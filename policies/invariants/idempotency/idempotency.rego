# METADATA
# title: What is done is not done again
# description: |
#   A size that was reached is not acted on a second time: no second action to the
#   same or a smaller size after a successful one, no request raised to a value that
#   the claim had before, no write to a claim that changes nothing but its version,
#   and no instance's pod or claim replaced again and again.
#
#   It is exercised by each expansion that was completed and then watched for at
#   least one evaluation of the operator. Pods that leave a cordoned node are not
#   counted. WAL volumes are judged in static mode only.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.storage
# custom:
#   id: idempotency
#   class: idempotency
#   view: storage
#   requirement: Core invariant 5, idempotency
#   promise: Repeated reconcile loops do not run completed actions again.
#   severity: major
#   codes:
#     action_repeated: the status records a second action to a size that an action had reached already
#     request_repeated: a request was raised to a value that it had before
#     patch_repeated: a claim was written again though nothing about it changed
#     pod_replaced_repeatedly: one instance's pod was replaced again and again
#     volume_replaced_repeatedly: claims of the group were destroyed and replaced again and again
#   reasons:
#     gap: events are missing, so a repetition may not have been seen
#   mutants: [repeat_action, duplicate, reorder, gap_done]
#   rows:
#     - doc: requirements
#       row: Idempotency
package invariants.idempotency

import data.lib.rises

_params := data.params.idempotency

_in_scope if {
	some spec in input.specs
	rises.in_scope(spec.mode, input.role)
}

exercised contains {"seq": {operation.begin.seq, operation.end.seq}} if {
	_in_scope
	some operation in input.operations
	operation.closed_by == "capacity"
	input.until_ns - operation.end.ns >= _params.observe_ns
}

# The statuses that tell of an action, in order.
_actions := [status |
	_in_scope
	some status in input.statuses
	status.has_action
]

violation contains {
	"code": "action_repeated", "seq": {before.seq, again.seq}, "got": again.action_to,
	"want": before.action_to, "unit": "bytes", "kind": again.action_kind,
} if {
	some i, again in _actions
	before := _actions[i - 1]
	before.action_result == "Success"
	before.action_timestamp != again.action_timestamp
	again.action_to <= before.action_to
}

violation contains {
	"code": "request_repeated", "seq": {before.seq, again.seq}, "volume": again.volume,
	"got": again.to, "want": again.from, "unit": "bytes",
} if {
	_in_scope
	some again in input.requests
	again.to > again.from
	earlier := [request |
		some request in input.requests
		request.uid == again.uid
		request.to == again.to
		request.seq < again.seq
	]
	before := earlier[count(earlier) - 1]
}

violation contains {
	"code": "patch_repeated", "seq": {again.seq}, "volume": again.volume,
	"got": again.to, "want": again.from, "unit": "bytes",
} if {
	_in_scope
	some again in input.requests
	again.how == "rewritten"
}

violation contains {
	"code": "patch_repeated", "seq": {touch.seq | some touch in touches}, "volume": volume,
	"got": count(touches), "want": _params.touches,
} if {
	_in_scope
	some volume in {touch.volume | some touch in input.touches}
	touches := _burst(
		[touch | some touch in input.touches; touch.volume == volume],
		_params.touches, _params.touch_window_ns,
	)
}

# The events of the first window in which there are more than allowed.
_burst(events, allowed, window) := [event |
	some event in events
	event.ns >= first.ns
	event.ns <= first.ns + window
] if {
	firsts := [event |
		some i, event in events
		events[i + allowed].ns - event.ns <= window
	]
	first := firsts[0]
}

# Replacements of an instance's pod: lives that follow one that left by itself.
_replaced_pods(instance) := [pod |
	lives := [pod | some pod in input.pods; pod.instance == instance]
	some i, pod in lives
	before := lives[i - 1]
	before.left
	not before.cordoned
]

violation contains {
	"code": "pod_replaced_repeatedly", "seq": {pod.seq | some pod in pods}, "instance": instance,
	"got": count(pods), "want": _params.pod_replacements,
} if {
	input.role == "PG_DATA"
	some instance in {pod.instance | some pod in input.pods}
	pods := _burst(_replaced_pods(instance), _params.pod_replacements, _params.replacement_window_ns)
}

# Claims that were destroyed and replaced by later ones, in the order of their end.
_destroyed := [{"seq": volume.left_seq, "ns": volume.left_ns} |
	count({spec.instances | some spec in input.specs}) == 1
	lefts := sort({[volume.left_ns, i] | some i, volume in input.volumes; volume.left; not _drained(volume.instance)})
	some left in lefts
	volume := input.volumes[left[1]]
	count([created | some created in input.volumes; created.created; created.seq > volume.left_seq]) > 0
]

_drained(instance) if {
	some pod in input.pods
	pod.instance == instance
	pod.cordoned
}

violation contains {
	"code": "volume_replaced_repeatedly", "seq": {volume.seq | some volume in volumes},
	"got": count(volumes), "want": _params.volume_replacements,
} if {
	_in_scope
	volumes := _burst(_destroyed, _params.volume_replacements, _params.replacement_window_ns)
}

unknown contains {"reason": "gap", "seq": {gap.first_seq, gap.last_seq}} if {
	count(exercised) > 0
	some gap in input.gaps
}
