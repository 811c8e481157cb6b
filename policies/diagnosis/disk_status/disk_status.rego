# METADATA
# title: The operator has no disk status
# description: |
#   Dynamic sizing needs to know how full the volumes are. An instance was ready, the
#   cluster healthy and an operator at work, and the status still said that it waits
#   for a disk status, or nothing at all. Log lines tell on which side it was lost: the
#   instance could not measure (probe_failed), the operator knew no instance
#   (no_instances), or the answers of the instances had none (no_disk_status). Without
#   them it is known only that it did not arrive (not_reported).
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.wait
# custom:
#   id: diagnosis-disk-status
#   class: diagnosis
#   view: wait
#   requirement: Failure mode disk status not collected
#   reasons:
#     probe_failed: the instance could not measure its volume
#     no_instances: the operator knew no instance of which to collect the disk status
#     no_disk_status: the answers of the instances had no disk status
#     not_reported: the status of the Cluster had no disk status, and no log tells why
#   rows:
#     - doc: results
#       row: DiskStatus not being collected
package diagnosis.disk_status

import data.lib.waits

_told(wait, words) if {
	some line in wait.lines
	startswith(line, words)
}

_reason(wait) := "probe_failed" if {
	_told(wait, "Failed to probe")
} else := "no_instances" if {
	_told(wait, "No instances available")
} else := "no_disk_status" if {
	count(wait.lines) > 0
} else := "not_reported"

blame contains {
	"class": "product", "reason": _reason(wait), "from_ns": wait.begin.ns, "until_ns": wait.until_ns,
	"seq": {seq | some seq in array.concat(wait.seq, wait.line_seq)}, "role": wait.role,
	"tablespace": wait.tablespace, "state": wait.state, "lines": wait.lines,
} if {
	some wait in input.disk_status
	waits.least(wait) > data.params["diagnosis-disk-status"].missing_ns
}
