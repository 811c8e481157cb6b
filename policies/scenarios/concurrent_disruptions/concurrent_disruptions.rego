# METADATA
# title: A backup, a drain and growth at the same time end well
# description: |
#   Judged from the backup's side, when a node with instances of the cluster is drained
#   and volumes grow while it is on. Nothing may deadlock: the backup must be over in
#   time, the expansion completed, and every instance get a pod again. In the end the
#   cluster must converge: ready, with all claims of the group at one size. What can be
#   observed of the backup must be coherent: it is not taken up again once it is over,
#   and the condition LastBackupSucceeded does not contradict it.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.episode
# custom:
#   id: scenario-concurrent-disruptions
#   class: convergence
#   view: episode
#   requirement: P1 scenario, concurrent disruptions
#   promise: A backup and a drain in the middle of growth all come to their end, and the cluster converges.
#   severity: major
#   exercised_in: disruption
#   codes:
#     backup_stuck: the backup was neither completed nor failed in time
#     not_resumed: nothing moved for too long after the drain
#     not_completed: the expansion was not completed in time after the drain
#     instance_orphaned: an instance whose pod went away got no other pod in time
#     not_ready: the cluster was not ready in time
#     diverged: claims of one group requested different sizes for too long
#     phase_reversed: the backup left a final phase
#     condition_off: the Cluster's condition contradicts the outcome of the backup
#   reasons:
#     pending: the recording ends before the time was over
#     deleted: the cluster was deleted before the time was over
#     gap: events are missing just where the answer may have been
#     clock: the moments are not known exactly enough to say whether it was in time
#   demand: declared
#   rows:
#     - doc: requirements
#       row: Concurrent disruptions
#     - doc: results
#       row: concurrent backup, node drain, growth (P1)
#   specs:
#     - verify that concurrent backup, node drain and in-flight growth work correctly
package scenarios.concurrent_disruptions

import data.lib.recovery

_times := {
	"resume": data.params["convergence-resumes"].resume_ns,
	"complete": data.params["convergence-resumes"].complete_ns,
	"teardown": data.params["convergence-resumes"].teardown_ns,
}

_drains := [other |
	input.kind in {"backup", "snapshot"}
	some other in input.concurrent
	other.kind == "node_drain"
]

# Expansions that were going on with both.
_met := [operation |
	some operation in recovery.operations(input)
	some drain in _drains
	_overlap(operation, drain)
]

_overlap(operation, drain) if {
	not _before(operation, drain)
	not _before(drain, operation)
}

_before(one, other) if {
	_is_over(one)
	one.end.seq < other.begin.seq
}

_is_over(one) if one.closed

_is_over(one) if one.ended

exercised contains {"seq": {operation.begin.seq, drain.begin.seq, input.begin.seq}, "in": "disruption"} if {
	some operation in _met
	some drain in _drains
	_overlap(operation, drain)
}

_resumption := [one | some operation in _met; some one in recovery.resumption(input, operation, _times)]

_ends := [recovery.judge(input, {
	"code": "backup_stuck", "subject": input.subject, "since": recovery.over(input),
	"answers": [input.end | input.backup.finished], "allowed": data.params.scenarios.backup_ns,
	"kinds": set(), "about": {input.begin.seq},
}) |
	count(_met) > 0
]

_removed := {claim.instance | some claim in input.claims; claim.successor == ""}

_orphans := [one |
	count(_met) > 0
	some pod in input.pods
	pod.gone.seq != 0
	not pod.instance in _removed
	one := recovery.judge(input, {
		"code": "instance_orphaned", "subject": pod.instance, "since": pod.gone,
		"answers": [pod.successor_at | pod.successor_at.seq != 0],
		"allowed": _times.resume, "kinds": {"pods"}, "about": {pod.seq},
	})
]

_readiness := [one |
	count(_met) > 0
	some one in recovery.no_longer(input, input.health, recovery.unwell(input), {
		"code": "not_ready", "subject": input.subject, "since": recovery.over(input),
		"allowed": data.params.scenarios.ready_ns, "kinds": {"clusters", "pods"},
	})
]

_sizes := [one |
	some group in recovery.groups(input, _met)
	some one in recovery.no_longer(input, group.spans, recovery.uneven(group), {
		"code": "diverged", "subject": group.entity, "since": recovery.over(input),
		"allowed": data.params["replica-consistency"].equal_ns, "kinds": {"clusters", "persistentvolumeclaims"},
	})
]

_final := {"completed", "failed"}

violation contains {
	"code": "phase_reversed", "seq": {input.begin.seq, input.horizon.seq},
	"got": input.backup.phases[i + 1], "want": phase,
} if {
	count(_met) > 0
	some i, phase in input.backup.phases
	phase in _final
	input.backup.phases[i + 1] != phase
}

# The condition has the time of grace to follow; a condition that was never set says nothing.
_conditions := [recovery.judge(input, {
	"code": "condition_off", "subject": input.subject, "since": input.end,
	"answers": [input.end | input.backup.condition == want],
	"allowed": data.params.time.status_grace_ns, "kinds": {"clusters"}, "about": {input.begin.seq},
}) |
	count(_met) > 0
	input.backup.finished
	input.backup.condition != ""
	not _another_backup
	want := {true: "True", false: "False"}[input.backup.completed]
]

_another_backup if {
	some other in input.concurrent
	other.kind in {"backup", "snapshot"}
}

_judged := array.flatten([_resumption, _ends, _orphans, _readiness, _sizes, _conditions])

violation contains row if some row in recovery.violations(_judged)

unknown contains row if some row in recovery.doubts(_judged)
