# METADATA
# title: Backups succeed or fail clearly
# description: |
#   A Backup is completed or fails in time, and stays so. One that fails says why: in
#   its status, or by a Warning. One that waits to begin may do so as long as it says
#   why by Warnings. One that is completed by volume snapshots has them, ready to
#   use. An expansion that is going on meanwhile is not held up by it.
#
#   It is put to the test by each Backup that is completed or fails. That a Backup
#   fails is no violation: whether it can succeed depends on the storage.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.backup
# custom:
#   id: backup-outcome
#   class: response
#   view: backup
#   requirement: P0, backup during growth
#   promise: A backup never hangs, never fails without a word, and never stops storage from growing.
#   severity: major
#   demand: declared
#   rows:
#     - doc: requirements
#       row: Backup during growth
#     - doc: results
#       row: Backup interaction
#   specs:
#     - backup succeeds or fails clearly without deadlocking storage reconciliation
#   codes:
#     hangs: the backup was neither completed nor failed in time
#     unclear_failure: the backup failed without saying why
#     outcome_changed: a backup that was completed or had failed became something else
#     snapshot_missing: the backup is completed, but a volume snapshot of it is not ready to use
#     storage_stopped: an expansion that was open during the backup was not completed in time
#   reasons:
#     pending: the recording ends before the backup, or an expansion beside it, had to be over
#     gap: events are missing where the backup may have ended or have said why
package behaviour.backup_outcome

_params := data.params["backup-outcome"]

_ends := {"completed", "failed"}

_ended := [phase | some phase in input.phases; phase.phase in _ends]

_over if count(_ended) > 0

exercised contains {"seq": {input.from.seq, _ended[0].seq}}

_warned if {
	some event in input.events
	event.warning
}

# A backup that has not begun, and says why.
_waits if {
	_warned
	count([phase | some phase in input.phases; not phase.phase in {"", "pending"}]) == 0
}

_hidden(from, until) if {
	some gap in input.gaps
	gap.resource in {"backups", "events"}
	gap.from_ns < until
	gap.until_ns > from
}

_hanging if {
	input.kind == "backup"
	not _over
	not _waits
	input.until_ns - input.from.ns > _params.complete_ns
}

violation contains {
	"code": "hangs", "seq": {input.from.seq, input.until_seq}, "got": input.until_ns - input.from.ns,
	"want": _params.complete_ns, "unit": "ns", "from_ns": input.from.ns, "until_ns": input.until_ns,
} if {
	_hanging
	not _hidden(input.from.ns, input.until_ns)
}

unknown contains {
	"reason": "gap", "code": "hangs", "seq": {input.from.seq, input.until_seq},
	"from_ns": input.from.ns, "until_ns": input.until_ns,
} if {
	_hanging
	_hidden(input.from.ns, input.until_ns)
}

unknown contains {
	"reason": "pending", "code": "hangs", "seq": {input.from.seq, input.until_seq},
	"from_ns": input.from.ns, "until_ns": input.until_ns,
} if {
	input.kind == "backup"
	input.until == "trace_end"
	not _over
	input.until_ns - input.from.ns <= _params.complete_ns
}

# The last that was told is a failure, and nothing says why.
_silent if {
	last := input.phases[count(input.phases) - 1]
	last.phase == "failed"
	last.error == ""
	not _warned
}

violation contains {"code": "unclear_failure", "seq": {_ended[0].seq}, "got": "", "want": "the reason"} if {
	_silent
	not _hidden(input.from.ns, input.until_ns)
}

unknown contains {"reason": "gap", "code": "unclear_failure", "seq": {_ended[0].seq}} if {
	_silent
	_hidden(input.from.ns, input.until_ns)
}

violation contains {
	"code": "outcome_changed", "seq": {former.seq, phase.seq}, "got": phase.phase, "want": former.phase,
} if {
	some i, phase in input.phases
	former := input.phases[i - 1]
	former.phase in _ends
	phase.phase != former.phase
}

violation contains {
	"code": "snapshot_missing", "seq": {snapshot.seq, end.seq}, "got": snapshot.error, "want": "ready to use",
	"snapshot": snapshot.snapshot,
} if {
	some end in _ended
	end.phase == "completed"
	some snapshot in input.snapshots
	snapshot.ready.seq == 0
}

# Expansions that were open when the backup began or began while it was made, until
# they were completed or their volumes' history ends.
_beside := [{"operation": operation, "since": since, "end": end} |
	input.kind == "backup"
	some operation in input.operations
	_meets(operation)
	since := max([operation.begin.ns, input.from.ns])
	end := _end(operation)
]

_meets(_) if not _over

_meets(operation) if operation.begin.ns <= _ended[0].ns

_end(operation) := operation.end if {
	operation.closed
} else := {"seq": operation.until_seq, "ns": operation.until_ns, "not_before_ns": operation.until_ns}

violation contains {
	"code": "storage_stopped", "seq": {case.operation.begin.seq, input.from.seq, case.end.seq},
	"got": case.end.not_before_ns - case.since, "want": _params.storage_ns, "unit": "ns",
	"from_ns": case.since, "until_ns": case.end.ns, "group": case.operation.group,
} if {
	some case in _beside
	case.end.not_before_ns - case.since > _params.storage_ns
}

unknown contains {
	"reason": "pending", "code": "storage_stopped", "seq": {case.operation.begin.seq, case.end.seq},
	"from_ns": case.since, "until_ns": case.end.ns,
} if {
	some case in _beside
	not case.operation.closed
	case.operation.until == "trace_end"
	case.end.ns - case.since <= _params.storage_ns
}
