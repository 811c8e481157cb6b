# METADATA
# title: Snapshots of volumes that were resized have their size
# description: |
#   A snapshot of a claim whose group has grown, or grows, must be ready in time. What
#   it would be restored to is the size of the volume then: not less than the claim
#   requested, and not more than its capacity; while the volume is expanded, between the
#   two. A claim that is made from it must be at least so large.
#
#   Where no VolumeSnapshotClass exists, snapshots cannot work: that is no finding about
#   the operator, and nothing is known.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.episode
# custom:
#   id: scenario-volume-snapshots
#   class: response
#   view: episode
#   requirement: P1 scenario, volume snapshots
#   promise: A snapshot of a resized volume can be restored, to the size that the volume had.
#   severity: major
#   codes:
#     snapshot_stuck: the snapshot was not ready in time
#     snapshot_failed: the snapshot, or the backup that makes it, failed
#     restore_size_off: the size to which the snapshot would be restored is not that of the volume
#     restored_too_small: a claim was made from the snapshot that is smaller than the snapshot
#   reasons:
#     pending: the recording ends before the time was over
#     deleted: the cluster was deleted before the time was over
#     clock: the moments are not known exactly enough to say whether it was in time
#     no_class: there is no VolumeSnapshotClass, or not the named one, without which snapshots cannot be made
#     no_restore_size: the snapshot does not say to which size it would be restored, or 0, which means the same
#   demand: declared
#   rows:
#     - doc: requirements
#       row: Volume snapshots
#     - doc: results
#       row: volume snapshot creation (P1)
#   specs:
#     - verify that volume snapshot creation around dynamically resized volumes works correctly
package scenarios.volume_snapshots

import data.lib.recovery

_is_snapshot if input.kind == "snapshot"

_is_snapshot if {
	input.kind == "backup"
	input.backup.method == "volumeSnapshot"
}

_resized if input.prior > 0

_resized if count(input.operations) > 0

_resized if {
	some group in input.storage
	group.after.effective > 0
}

_in_question if {
	_is_snapshot
	_resized
}

_no_class if {
	input.backup.class_known
	input.backup.classes == 0
}

_taken := [snapshot | _in_question; some snapshot in input.backup.snapshots]

exercised contains {"seq": {input.begin.seq, snapshot.ready_at.seq}} if {
	some snapshot in _taken
	snapshot.ready
}

_judged := [recovery.judge(input, {
	"code": "snapshot_stuck", "subject": snapshot.name, "since": snapshot.created,
	"answers": [snapshot.ready_at | snapshot.ready],
	"allowed": data.params.scenarios.snapshot_ns, "kinds": set(), "about": set(),
}) |
	some snapshot in _taken
	snapshot.error == ""
	not _no_class
]

violation contains row if some row in recovery.violations(_judged)

unknown contains row if some row in recovery.doubts(_judged)

violation contains {
	"code": "snapshot_failed", "seq": {input.begin.seq, snapshot.created.seq}, "snapshot": snapshot.name,
	"got": snapshot.error, "want": "",
} if {
	some snapshot in _taken
	snapshot.error != ""
	not _no_class
}

violation contains {
	"code": "snapshot_failed", "seq": {input.begin.seq, input.end.seq}, "snapshot": input.backup.name,
	"got": input.backup.error, "want": "",
} if {
	_in_question
	input.backup.finished
	not input.backup.completed
	count([snapshot | some snapshot in _taken; snapshot.error != ""]) == 0
	not _no_class
}

unknown contains {"reason": "no_class", "seq": {input.begin.seq, input.horizon.seq}} if {
	_in_question
	_no_class
	not input.backup.completed
}

_least(snapshot) := min([snapshot.request, snapshot.capacity]) if {
	snapshot.open
} else := snapshot.request

_most(snapshot) := max([snapshot.request, snapshot.capacity])

_is_off(snapshot) if snapshot.restore_size < _least(snapshot)

_is_off(snapshot) if snapshot.restore_size > _most(snapshot)

violation contains {
	"code": "restore_size_off", "seq": {snapshot.created.seq, snapshot.ready_at.seq}, "snapshot": snapshot.name,
	"got": snapshot.restore_size, "want": _least(snapshot), "unit": "bytes",
} if {
	some snapshot in _taken
	snapshot.ready
	snapshot.restore_size > 0
	snapshot.capacity != 0
	_is_off(snapshot)
}

unknown contains {"reason": "no_restore_size", "seq": {snapshot.created.seq, snapshot.ready_at.seq}} if {
	some snapshot in _taken
	snapshot.ready
	snapshot.restore_size <= 0
}

violation contains {
	"code": "restored_too_small", "seq": {input.begin.seq, claim.seq}, "volume": claim.volume,
	"got": claim.request, "want": claim.restore_size, "unit": "bytes",
} if {
	_in_question
	some claim in input.backup.restored
	claim.request < claim.restore_size
}
