# METADATA
# title: A volume was detached or attached slowly
# description: |
#   A pod had a node, and could not start there because its volume was not. Three
#   steps are told apart, and each is named only where the recording proves it: the
#   volume was still attached to another node (held_by_node); its attachment to the
#   pod's node was asked for, or failed, and was not there (attaching); it was
#   attached and could not be mounted, as the kubelet said (mounting).
#
#   The operator can do nothing but wait. Attaching takes seconds as a rule; a wait
#   that is shorter in all than slow_ns is none of interest, and a step of it that is
#   shorter than step_ns is not told.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.wait
# custom:
#   id: diagnosis-slow-attach
#   class: diagnosis
#   view: wait
#   requirement: Failure mode slow volume detach and attach
#   reasons:
#     held_by_node: the volume was still attached to the node on which the instance had been before
#     attaching: the storage took long to attach the volume to the pod's node
#     mounting: the volume was attached, and the kubelet could not mount it
#   rows:
#     - doc: results
#       row: Slow volume detach/attach
package diagnosis.slow_attach

import data.lib.waits

_params := data.params["diagnosis-slow-attach"]

_slow := [wait |
	some wait in input.volumes
	waits.least(wait) > _params.slow_ns
]

# When the other node had let the volume go: never, if a second attachment was
# asked for before, so that the first was not in the way.
_held(wait) if {
	wait.held_by != ""
	not _shared(wait)
}

_shared(wait) if {
	wait.requested.seq > 0
	wait.released.seq == 0
}

_shared(wait) if {
	wait.requested.seq > 0
	wait.requested.ns < wait.released.ns
}

_released_ns(wait) := wait.released.ns if wait.released.seq > 0

_released_ns(wait) := wait.until_ns if wait.released.seq == 0

_attaching_ns(wait) := max([wait.begin.ns, _released_ns(wait)]) if _held(wait)

_attaching_ns(wait) := wait.begin.ns if not _held(wait)

_attached_ns(wait) := wait.attached.ns if wait.attached.seq > 0

_attached_ns(wait) := wait.until_ns if wait.attached.seq == 0

# That the attachment was missing, and not something else.
_is_attaching(wait) if wait.requested.seq > 0

_is_attaching(wait) if {
	some error in wait.errors
	error.reason in {"FailedAttachVolume", "VolumeAttachment"}
}

_is_mounting(wait) if {
	wait.attached.seq > 0
	some error in wait.errors
	error.reason in {"FailedMount", "FailedMapVolume"}
}

_row(wait, reason, from, until) := {
	"class": "infrastructure", "reason": reason, "seq": {seq | some seq in wait.seq}, "from_ns": from,
	"until_ns": until, "pod": wait.pod, "claim": wait.claim, "volume": wait.volume, "node": wait.node,
	"held_by": wait.held_by, "said": [error.message | some error in wait.errors],
} if {
	until - from > _params.step_ns
}

blame contains _row(wait, "held_by_node", wait.begin.ns, _released_ns(wait)) if {
	some wait in _slow
	_held(wait)
}

blame contains _row(wait, "attaching", _attaching_ns(wait), _attached_ns(wait)) if {
	some wait in _slow
	_is_attaching(wait)
}

blame contains _row(wait, "mounting", max([wait.begin.ns, wait.attached.ns]), wait.until_ns) if {
	some wait in _slow
	_is_mounting(wait)
}
