# METADATA
# title: A change of the primary did not come to an end
# description: |
#   The cluster was failing or switching over, and nothing outside of the operator
#   explains why that took so long. Time in which a pod of the cluster had no node,
#   volume or image, a node was not ready, an instance could not follow for lack of
#   WAL, no operator was there, or a claim had no pod, is left out: other
#   diagnoses are about it.
#
#   What the operator was at when it was stuck is told: it waited for WAL receivers to
#   end (wal_receivers), had not elected anybody (not_elected), the elected instance
#   had not been promoted (not_promoted), another instance was not ready
#   (instance_not_ready), or everything was ready and the phase stayed (phase_stays).
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.wait
# custom:
#   id: diagnosis-failing-over
#   class: diagnosis
#   view: wait
#   requirement: Failure mode stuck in Failing over
#   reasons:
#     wal_receivers: the operator waited for the WAL receivers to be down before it elected a primary
#     not_elected: the operator had given up the primary and elected no other
#     not_promoted: the elected instance did not become the primary
#     instance_not_ready: the new primary was there, and another instance did not get ready
#     phase_stays: all instances were ready, and the phase stayed as it was
#   rows:
#     - doc: results
#       row: 'Cluster stuck in "Failing over"'
package diagnosis.failing_over

import data.lib.waits

_reason(wait) := "wal_receivers" if {
	wait.agreed.seq == 0
	wait.wal_waits > 0
} else := "not_elected" if {
	wait.agreed.seq == 0
	wait.target == "pending"
} else := "not_promoted" if {
	wait.agreed.seq == 0
} else := "instance_not_ready" if {
	count(wait.not_ready) > 0
} else := "phase_stays"

_explained := waits.outside(input) | {waits.time(wait) | some wait in input.podless}

blame contains {
	"class": "product", "reason": _reason(wait), "from_ns": piece.from_ns, "until_ns": piece.until_ns,
	"seq": {seq | some seq in array.concat(wait.seq, wait.wal_wait_seq)}, "phase": wait.phase,
	"from_primary": wait.from, "current_primary": wait.current, "target_primary": wait.target,
	"not_ready": wait.not_ready, "failovers_told": wait.told,
} if {
	some wait in input.failovers
	some piece in waits.rest(wait.begin.ns, wait.until_ns, _explained)
	piece.until_ns - piece.from_ns > data.params["diagnosis-failing-over"].stuck_ns
}
