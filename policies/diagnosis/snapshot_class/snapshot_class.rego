# METADATA
# title: A backup lacked what it needs
# description: |
#   A Backup failed or waited because something was not there: a VolumeSnapshotClass
#   for the volume's driver (no_class), the VolumeSnapshot API (no_crd), or the section
#   of the Cluster that says how to back up (no_section). A backup that waits for an
#   instance, or fails for another reason, is none of these.
#
#   A missing class is what the snapshot controller says; that the recording has no
#   class at all counts when the backup failed or does not get on.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.wait
# custom:
#   id: diagnosis-snapshot-class
#   class: diagnosis
#   view: wait
#   requirement: Failure mode a missing VolumeSnapshotClass
#   reasons:
#     no_class: there was no VolumeSnapshotClass for the volumes
#     no_crd: the cluster does not know VolumeSnapshots
#     no_section: the Cluster does not say how it is backed up
#   rows:
#     - doc: results
#       row: Missing VolumeSnapshotClass
package diagnosis.snapshot_class

import data.lib.waits

_params := data.params["diagnosis-snapshot-class"]

_missing_class := `(?i)(cannot find|not found|no|missing).*snapshot ?class|snapshot ?class.*(not found|does not exist)`

_lacks_section := {
	"ClusterHasBackupConfigured", "ClusterHasNoVolumeSnapshotSection", "ClusterHasNoBarmanSection",
}

_stuck(wait) if wait.phase == "failed"

_stuck(wait) if {
	not wait.ended
	waits.least(wait) > _params.pending_ns
}

_says(wait, reasons) if {
	some warning in wait.warnings
	warning.reason in reasons
}

_class_missing(wait) if {
	some snapshot in wait.snapshots
	regex.match(_missing_class, snapshot.message)
}

_class_missing(wait) if {
	input.recorded.snapshot_classes
	input.recorded.snapshots_served
	wait.classes == 0
}

_cause(wait) := ["no_section", "test"] if {
	_says(wait, _lacks_section)
} else := ["no_section", "test"] if {
	contains(wait.error, "no backup section")
} else := ["no_crd", "infrastructure"] if {
	_says(wait, {"ClusterHasNoVolumeSnapshotCRD"})
} else := ["no_class", "infrastructure"] if {
	wait.method == "volumeSnapshot"
	_class_missing(wait)
}

_seq(wait) := {seq | some seq in wait.seq} | _said_seq(wait)

_said_seq(wait) := {seq | some said in array.concat(wait.warnings, wait.snapshots); some seq in said.seq}

blame contains {
	"class": cause[1], "reason": cause[0], "seq": _seq(wait), "from_ns": wait.begin.ns, "until_ns": wait.until_ns,
	"backup": wait.backup, "method": wait.method, "said": wait.error,
} if {
	some wait in input.backups
	_stuck(wait)
	cause := _cause(wait)
}
