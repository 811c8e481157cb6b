# METADATA
# title: Snapshots have the effective size
# description: |
#   The restoreSize of a VolumeSnapshot that is ready is what its claim was while it
#   was taken: at least its capacity, at most the greater of capacity and request,
#   give or take what providers round up. A claim that is created of a snapshot
#   requests at least its restoreSize, else it can never be provisioned.
#
#   It is put to the test by each snapshot that is ready and each claim made of one.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.backup
# custom:
#   id: snapshot-size
#   class: state
#   view: backup
#   requirement: P1, volume snapshots valid and deterministic for effective size
#   promise: What is restored from a snapshot has room for what was saved.
#   severity: major
#   demand: declared
#   rows:
#     - doc: requirements
#       row: Volume snapshots
#     - doc: results
#       row: volume snapshot creation (P1)
#   specs:
#     - verify that volume snapshot creation around dynamically resized volumes works correctly
#   codes:
#     restore_size_below: a snapshot is smaller than its claim was
#     restore_size_above: a snapshot is larger than its claim was, or asked to be
#     restored_below: a claim was created of a snapshot with a request below its restoreSize
#   reasons:
#     gap: versions of claims or snapshots are missing, so their sizes may have been others
#     claim_unseen: the claim of a snapshot was not recorded, so its size is not known
#     size_unseen: a snapshot is ready but tells no restoreSize
package behaviour.snapshot_size

_rounding := data.params["snapshot-size"].rounding_bytes

_ready := [snapshot |
	some snapshot in input.snapshots
	snapshot.ready.seq > 0
]

_sized := [snapshot |
	some snapshot in _ready
	snapshot.restore_size >= 0
	snapshot.known
]

exercised contains {"seq": {snapshot.seq, snapshot.ready.seq}} if some snapshot in _sized

exercised contains {"seq": {claim.seq}} if some claim in input.restored

_hidden(snapshot) if {
	some gap in input.gaps
	gap.resource in {"persistentvolumeclaims", "volumesnapshots"}
	gap.from_ns < snapshot.ready.ns
	gap.until_ns > snapshot.not_before_ns
}

_wrong := [object.union({"snapshot": snapshot}, finding) |
	some snapshot in _sized
	some finding in _findings(snapshot)
]

_findings(snapshot) := below | above if {
	below := {{"code": "restore_size_below", "want": snapshot.low} | snapshot.restore_size < snapshot.low}
	above := {{"code": "restore_size_above", "want": snapshot.high} |
		snapshot.restore_size >= snapshot.high + _rounding
	}
}

violation contains {
	"code": case.code, "seq": {case.snapshot.seq, case.snapshot.ready.seq}, "got": case.snapshot.restore_size,
	"want": case.want, "unit": "bytes", "snapshot": case.snapshot.snapshot, "claim": case.snapshot.claim,
} if {
	some case in _wrong
	not _hidden(case.snapshot)
}

unknown contains {"reason": "gap", "code": case.code, "seq": {case.snapshot.seq, case.snapshot.ready.seq}} if {
	some case in _wrong
	_hidden(case.snapshot)
}

violation contains {
	"code": "restored_below", "seq": {claim.seq}, "got": claim.request, "want": claim.restore_size,
	"unit": "bytes", "snapshot": claim.snapshot, "claim": claim.volume,
} if {
	some claim in input.restored
	claim.request < claim.restore_size
}

unknown contains {"reason": "claim_unseen", "seq": {snapshot.seq}} if {
	some snapshot in _ready
	not snapshot.known
}

unknown contains {"reason": "size_unseen", "seq": {snapshot.seq}} if {
	some snapshot in _ready
	snapshot.restore_size < 0
}
