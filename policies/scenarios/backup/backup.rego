# METADATA
# title: A backup while volumes grow ends, and holds up nothing
# description: |
#   A backup that is made while volumes grow must be over in time: completed, or failed
#   with an error that says why, so that it can be made again. It must not corrupt the
#   cluster (unrecoverable phase, acknowledged data that is missing), nor hold up the
#   expansion, which must be completed in time although the backup goes on.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.episode
# custom:
#   id: scenario-backup
#   class: response
#   view: episode
#   requirement: P0 scenario, backup during growth
#   promise: A backup while volumes grow succeeds or says why not, harms nothing, and holds up no expansion.
#   severity: major
#   exercised_in: disruption
#   codes:
#     backup_stuck: the backup was neither completed nor failed in time
#     failed_silently: the backup failed without an error
#     unrecoverable: the cluster became unrecoverable
#     storage_deadlocked: the expansion was not completed in time beside the backup
#     lost: acknowledged elements are missing in later reads
#     lost_though_replicated: elements that the elected standby had before a crash are missing
#     unexpected: elements were found that were never written, or whose write had failed
#     duplicated: elements were found more than once
#   reasons:
#     pending: the recording ends before the time was over
#     deleted: the cluster was deleted before the time was over
#     clock: the moments are not known exactly enough to say whether it was in time
#     standby_unknown: elements were lost in a failover, and what the elected standby had before is not recorded
#   demand: declared
#   rows:
#     - doc: requirements
#       row: Backup during growth
#     - doc: results
#       row: Backup interaction
#   specs:
#     - backup succeeds or fails clearly without deadlocking storage reconciliation
package scenarios.backup

import data.lib.elements
import data.lib.recovery

_times := {
	"resume": data.params["convergence-resumes"].resume_ns,
	"complete": data.params["convergence-resumes"].complete_ns,
	"teardown": data.params["convergence-resumes"].teardown_ns,
}

_met := [operation |
	input.kind in {"backup", "snapshot"}
	some operation in recovery.operations(input)
]

exercised contains {"seq": {operation.begin.seq, input.begin.seq}, "in": "disruption"} if {
	some operation in _met
}

# The expansion has its time whether the backup ends or not.
_expansions := [one |
	some operation in _met
	some one in recovery.beside(input, operation, _times)
	one.code == "not_completed"
]

_ends := [recovery.judge(input, {
	"code": "backup_stuck", "subject": input.subject, "since": input.begin,
	"answers": [input.end | input.backup.finished], "allowed": data.params.scenarios.backup_ns,
	"kinds": set(), "about": set(),
}) |
	count(_met) > 0
]

_judged := array.concat([object.union(one, {"code": "storage_deadlocked"}) | some one in _expansions], _ends)

violation contains row if some row in recovery.violations(_judged)

unknown contains row if some row in recovery.doubts(_judged)

violation contains {
	"code": "failed_silently", "seq": {input.begin.seq, input.end.seq}, "got": "", "want": "an error",
} if {
	count(_met) > 0
	input.backup.finished
	not input.backup.completed
	_errors == set()
}

# Why it failed: a VolumeSnapshot without a Backup says so itself.
_errors := ({input.backup.error} | {snapshot.error | some snapshot in input.backup.snapshots}) - {""}

violation contains {
	"code": "unrecoverable", "seq": {input.begin.seq, span.seq}, "got": span.phase, "want": "another phase",
} if {
	count(_met) > 0
	some span in input.health
	span.phase == "Cluster is unrecoverable and needs manual intervention"
}

violation contains row if {
	count(_met) > 0
	some row in elements.violations(input)
}

# That no sentinel reads is no doubt about the backup.
unknown contains row if {
	count(_met) > 0
	some row in elements.doubts(input)
	row.reason == "standby_unknown"
}
