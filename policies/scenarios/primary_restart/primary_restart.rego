# METADATA
# title: A primary that is restarted costs neither the expansion nor data
# description: |
#   When the pod of the primary is deleted, or its containers restarted, while volumes
#   grow, the cluster must be ready again in time, with all of its instances; the
#   expansion must move on, or be planned anew, soon after, and be completed in time;
#   and what was acknowledged must be found by later reads. Where a standby was promoted
#   meanwhile, and commits did not wait for it, only that is owed which it had before.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.episode
# custom:
#   id: scenario-primary-restart
#   class: response
#   view: episode
#   requirement: P0 scenario, primary pod restart during growth
#   promise: A restart of the primary while volumes grow ends with a ready cluster, a finished expansion and all data.
#   severity: critical
#   exercised_in: disruption
#   codes:
#     not_ready: the cluster was not ready again in time
#     not_resumed: nothing moved for too long after the restart
#     not_completed: the expansion was not completed in time after the restart
#     lost: acknowledged elements are missing in later reads
#     lost_though_replicated: elements that the elected standby had before the restart are missing
#     unexpected: elements were found that were never written, or whose write had failed
#     duplicated: elements were found more than once
#   reasons:
#     pending: the recording ends before the time was over
#     deleted: the cluster was deleted before the time was over
#     gap: events are missing just where the answer may have been
#     clock: the moments are not known exactly enough to say whether it was in time
#     no_sentinel: no sentinel wrote or read, so the recording says nothing about data
#     no_read: no complete read of a primary was recorded after the restart
#     never_read: acknowledged elements were not read again afterwards
#     standby_unknown: elements were lost in the failover, and what the elected standby had before is not recorded
#   demand: declared
#   rows:
#     - doc: requirements
#       row: Primary pod restart during growth
#     - doc: results
#       row: resumes growth after primary pod restart
#     - doc: results
#       row: Primary pod restart
#   specs:
#     - resumes growth operation after primary pod restart
package scenarios.primary_restart

import data.lib.elements
import data.lib.recovery

_times := {
	"resume": data.params["convergence-resumes"].resume_ns,
	"complete": data.params["convergence-resumes"].complete_ns,
	"teardown": data.params["convergence-resumes"].teardown_ns,
}

_met := [operation |
	input.kind == "primary_restart"
	some operation in recovery.operations(input)
]

exercised contains {"seq": {operation.begin.seq, input.begin.seq}, "in": "disruption"} if {
	some operation in _met
}

_resumption := [one | some operation in _met; some one in recovery.resumption(input, operation, _times)]

_readiness := [one |
	count(_met) > 0
	some one in recovery.no_longer(input, input.health, recovery.unwell(input), {
		"code": "not_ready", "subject": input.subject, "since": recovery.over(input),
		"allowed": data.params.scenarios.ready_ns, "kinds": {"clusters", "pods"},
	})
]

_judged := array.concat(_resumption, _readiness)

violation contains row if some row in recovery.violations(_judged)

unknown contains row if some row in recovery.doubts(_judged)

violation contains row if {
	count(_met) > 0
	some row in elements.violations(input)
}

unknown contains row if {
	count(_met) > 0
	some row in elements.doubts(input)
}
