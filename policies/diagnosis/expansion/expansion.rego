# METADATA
# title: The storage could not expand a volume, or took long
# description: |
#   A claim was in the middle of an expansion, and what kept it there was not the
#   operator: the driver or the kubelet refused (failing), nobody took the request up
#   (not_taken_up), the volume itself was expanded slowly (volume), or its file system
#   was though a pod used it (file_system).
#
#   A file system grows when the kubelet next looks at the pod, which may take a
#   minute. While no pod uses the claim, or its pod waits for something else, the
#   kubelet has nothing to do: that time is not the storage's.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.wait
# custom:
#   id: diagnosis-expansion
#   class: diagnosis
#   view: wait
#   requirement: Failure mode volumes that fail to expand or do so slowly
#   reasons:
#     failing: the driver or the kubelet said that the volume cannot be expanded
#     not_taken_up: no resizer took up the request for a larger volume
#     volume: the storage took long to expand the volume
#     file_system: the kubelet took long to grow the file system, though a pod used the volume
#   rows:
#     - doc: further
#       row: Expansion that fails or is slow
package diagnosis.expansion

import data.lib.waits

_params := data.params["diagnosis-expansion"]

_fails(wait) if wait.infeasible

# That somebody else wrote the claim meanwhile is no refusal: the resizer tries again.
_refused(wait) if {
	some error in wait.errors
	not contains(error.message, "the object has been modified")
}

_fails(wait) if {
	_refused(wait)
	waits.least(wait) > _params.fail_ns
}

_row(wait, reason, from, until) := {
	"class": "infrastructure", "reason": reason, "seq": {seq | some seq in wait.seq}, "from_ns": from,
	"until_ns": until, "claim": wait.claim, "volume": wait.volume, "stage": wait.stage,
	"request_bytes": wait.request, "capacity_bytes": wait.capacity, "said": [error.message | some error in wait.errors],
}

blame contains _row(wait, "failing", wait.begin.ns, wait.until_ns) if {
	some wait in input.expansions
	_fails(wait)
}

blame contains _row(wait, reason, wait.begin.ns, wait.until_ns) if {
	some wait in input.expansions
	reason := {"requested": "not_taken_up", "controller": "volume"}[wait.stage]
	not _fails(wait)
	waits.least(wait) > _params.volume_ns
}

# When no pod could let the file system of the claim grow.
_unused(wait) := {waits.time(pause) |
	some pause in array.concat(input.podless, array.concat(input.volumes, input.scheduling))
	pause.instance == wait.instance
}

blame contains _row(wait, "file_system", piece.from_ns, piece.until_ns) if {
	some wait in input.expansions
	wait.stage in {"node_pending", "node"}
	not _fails(wait)
	some piece in waits.rest(wait.begin.ns, wait.until_ns, _unused(wait))
	piece.until_ns - piece.from_ns > _params.file_system_ns
}
