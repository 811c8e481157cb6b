# METADATA
# title: A volume waits for a pod that is not created
# description: |
#   A claim whose file system is to grow needs a pod that mounts it. The operator
#   makes pods only for claims that it lists as dangling or unusable; one that waits
#   for its file system and is listed as resizing gets none, and so waits for ever
#   (resizing_without_pod). Pods are made within seconds, so that a claim which is
#   listed as dangling for longer, and has no pod, is the operator's doing as well
#   (dangling_without_pod), unless something else kept it: no operator, a pod of
#   the cluster without a node, volume or image, a node that is not ready, a primary
#   that is just being changed.
#
#   A cluster that is hibernated or fenced has no pods on purpose.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.wait
# custom:
#   id: diagnosis-resize-deadlock
#   class: diagnosis
#   view: wait
#   requirement: Failure mode the FileSystemResizePending deadlock
#   reasons:
#     resizing_without_pod: a claim waits for a pod to grow its file system, is listed as resizing, and gets no pod
#     dangling_without_pod: a claim is listed as dangling, and gets no pod
#   rows:
#     - doc: results
#       row: FileSystemResizePending deadlock
package diagnosis.resize_deadlock

import data.lib.waits

_params := data.params["diagnosis-resize-deadlock"]

_row(wait, reason, from, until) := {
	"class": "product", "reason": reason, "seq": {seq | some seq in wait.seq}, "from_ns": from, "until_ns": until,
	"claim": wait.claim, "instance": wait.instance, "lists": wait.lists,
}

_in_use := [wait | some wait in input.podless; not wait.suspended]

blame contains _row(wait, "resizing_without_pod", wait.begin.ns, wait.until_ns) if {
	some wait in _in_use
	wait.file_system_resize_pending
	wait.lists == ["resizing"]
	waits.least(wait) > _params.resizing_ns
}

_busy := waits.outside(input) | {waits.time(wait) | some wait in input.failovers}

blame contains _row(wait, "dangling_without_pod", piece.from_ns, piece.until_ns) if {
	some wait in _in_use
	"dangling" in wait.lists
	some piece in waits.rest(wait.begin.ns, wait.until_ns, _busy)
	piece.until_ns - piece.from_ns > _params.dangling_ns
}
