# METADATA
# title: A rolling upgrade and an expansion do not starve each other
# description: |
#   When the instances are re-created one after another while volumes grow, the rollout
#   must come to its end in time: the time of one restarted pod for each instance. The
#   expansion must not wait for it: it moves on while the rollout goes on, and is
#   completed in time after it. An instance whose pod was taken away must get another one,
#   though its claim waits for its file system to grow. A rollout that waits for the user
#   to switch over is not late.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.episode
# custom:
#   id: scenario-rolling-upgrade
#   class: response
#   view: episode
#   requirement: P1 scenario, rolling upgrade during growth
#   promise: Upgrades and expansions that go on at the same time both come to their end.
#   severity: major
#   exercised_in: disruption
#   codes:
#     upgrade_starved: the rollout did not come to its end in time
#     growth_starved: the expansion did not move for too long while the rollout went on
#     not_resumed: nothing moved for too long after the rollout
#     not_completed: the expansion was not completed in time after the rollout
#     instance_orphaned: an instance whose pod was taken away got no other pod in time
#   reasons:
#     pending: the recording ends before the time was over
#     deleted: the cluster was deleted before the time was over
#     gap: events are missing just where the answer may have been
#     clock: the moments are not known exactly enough to say whether it was in time
#     waiting_for_user: the rollout waits for the user to switch the primary over
#   demand: declared
#   rows:
#     - doc: requirements
#       row: Rolling upgrade during growth
#     - doc: results
#       row: rolling image upgrade (P1)
#   specs:
#     - verify that rolling image upgrade while dynamic sizing operation is active works correctly
package scenarios.rolling_upgrade

import data.lib.recovery

_times := {
	"resume": data.params["convergence-resumes"].resume_ns,
	"complete": data.params["convergence-resumes"].complete_ns,
	"teardown": data.params["convergence-resumes"].teardown_ns,
}

_met := [operation |
	input.kind == "rolling_upgrade"
	some operation in recovery.operations(input)
]

exercised contains {"seq": {operation.begin.seq, input.begin.seq}, "in": "disruption"} if {
	some operation in _met
}

_resumption := [one | some operation in _met; some one in recovery.resumption(input, operation, _times)]

# From the begin of both on: the first sign of progress.
_beginnings := [object.union(one, {"code": "growth_starved"}) |
	some operation in _met
	some one in recovery.beside(input, operation, _times)
	one.code == "not_resumed"
]

_waits if input.health[count(input.health) - 1].phase == "Waiting for user action"

_rollout := recovery.judge(input, {
	"code": "upgrade_starved", "subject": input.subject, "since": input.begin,
	"answers": [input.end | input.upgrade.complete],
	"allowed": data.params.scenarios.ready_ns * max([1, count(input.upgrade.pods)]),
	"kinds": set(), "about": set(),
})

_rollouts := [_rollout |
	count(_met) > 0
	not _unanswered
]

_unanswered if {
	_waits
	not input.upgrade.complete
}

unknown contains {
	"reason": "waiting_for_user", "code": "upgrade_starved", "seq": {input.begin.seq, input.horizon.seq},
} if {
	count(_met) > 0
	_unanswered
}

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

_judged := array.flatten([_resumption, _beginnings, _rollouts, _orphans])

violation contains row if some row in recovery.violations(_judged)

unknown contains row if some row in recovery.doubts(_judged)
