# METADATA
# title: The right primary is elected, and the expansion goes on
# description: |
#   Each change of the primary is judged: it comes to an end in time; the new primary is
#   the instance that was asked for last, has a Ready pod, and has raised the timeline by
#   one; the instances never report two primaries for longer than an answer takes, and a
#   sentinel never reads from two. When volumes grow meanwhile, the expansion must move
#   on soon after, be completed in time, and leave no instance with another size.
#
#   It is exercised by a failover or switchover that met an expansion, whatever it came
#   from: a deleted primary, a drain, a rollout or a request of the user.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.episode
# custom:
#   id: scenario-failover
#   class: response
#   view: episode
#   requirement: P0 scenario, failover during growth
#   promise: A failover while volumes grow elects the right primary, and only one; the expansion goes on everywhere.
#   severity: critical
#   exercised_in: disruption
#   codes:
#     election_stuck: the change of the primary did not come to an end in time
#     wrong_primary: the primary became another instance than the one asked for last
#     primary_not_ready: the elected primary had no Ready pod in time
#     timeline_off: no status told in time of a timeline that is one higher than before the election
#     wrong_report: the instances report another primary than the elected one for too long
#     two_primaries: there were two primaries at the same time
#     not_resumed: nothing moved for too long after the change of the primary
#     not_completed: the expansion was not completed in time after the change of the primary
#     diverged: claims of one group requested different sizes for too long after the change of the primary
#   reasons:
#     pending: the recording ends before the time was over
#     deleted: the cluster was deleted before the time was over
#     gap: events are missing just where the answer may have been
#     clock: the moments are not known exactly enough to say whether it was in time
#     pods_unseen: no pod of the cluster was recorded
#   demand: declared
#   rows:
#     - doc: requirements
#       row: Failover during growth
#     - doc: results
#       row: continues growth safely after failover
#     - doc: results
#       row: Failover
#   specs:
#     - continues growth safely after failover
package scenarios.failover

import data.lib.primaries
import data.lib.recovery

_times := {
	"resume": data.params["convergence-resumes"].resume_ns,
	"complete": data.params["convergence-resumes"].complete_ns,
	"teardown": data.params["convergence-resumes"].teardown_ns,
}

_changes := {"failover", "switchover"}

_met := [operation |
	input.kind in _changes
	some operation in recovery.operations(input)
]

exercised contains {"seq": {operation.begin.seq, input.begin.seq}, "in": "disruption"} if {
	some operation in _met
}

_resumption := [one | some operation in _met; some one in recovery.resumption(input, operation, _times)]

_sizes := [one |
	some group in recovery.groups(input, _met)
	some one in recovery.no_longer(input, group.spans, recovery.uneven(group), {
		"code": "diverged", "subject": group.entity, "since": recovery.over(input),
		"allowed": data.params["replica-consistency"].equal_ns, "kinds": {"clusters", "persistentvolumeclaims"},
	})
]

# The change that the document is about; those that follow have their own.
_elections := [election |
	input.kind in _changes
	some election in input.elections
	election.seq == input.begin.seq
]

_endings := [one |
	some election in _elections
	one := recovery.judge(input, {
		"code": "election_stuck", "subject": election.from, "since": election,
		"answers": [election.end | election.complete], "allowed": data.params.scenarios.ready_ns,
		"kinds": set(), "about": set(),
	})
]

_changed := [election | some election in _elections; election.changed]

# The cluster from the moment on at which the current primary changed.
_since(election) := [span | some span in input.health; span.seq >= election.changed_at.seq]

violation contains {
	"code": "wrong_primary", "seq": {election.seq, election.changed_at.seq},
	"got": became, "want": election.target,
} if {
	some election in _changed
	election.target != ""
	became := _since(election)[0].current_primary
	became != election.target
}

# What must be so some time after the current primary changed.
_settles(code, election, answers, allowed) := recovery.judge(input, {
	"code": code, "subject": election.target, "since": election.changed_at, "answers": answers,
	"allowed": allowed, "kinds": {"clusters", "pods"}, "about": {election.seq},
})

_pods := [_settles("primary_not_ready", election, ready, data.params.scenarios.ready_ns) |
	some election in _changed
	recovery.sees_pods(input)
	ready := [span | some span in _since(election); span.current_primary in span.ready_pods]
]

unknown contains {"reason": "pods_unseen", "code": "primary_not_ready", "seq": {election.seq}} if {
	some election in _changed
	not recovery.sees_pods(input)
}

# A status that is late may tell of the timeline later; it may also have told before.
_timelines := [_settles("timeline_off", election, risen, data.params.time.status_grace_ns) |
	some election in _changed
	election.timeline_before > 0
	risen := [span | some span in _since(election); span.timeline > election.timeline_before]
]

violation contains {
	"code": "timeline_off", "seq": {election.seq, election.changed_at.seq},
	"got": election.timeline_after, "want": election.timeline_before + 1,
} if {
	some election in _changed
	election.timeline_before > 0
	election.to == _since(election)[0].current_primary
	election.timeline_after > election.timeline_before + 1
}

# Spans after the last election of the document's time in which the answers of the instances name another one.
_otherwise := {i |
	some election in _changed
	election.complete
	count([later | some later in input.elections; later.seq > election.seq]) == 0
	some i, span in input.health
	span.current_primary == election.to
	some reported in span.reported_primaries
	reported != election.to
}

_reports := recovery.no_longer(input, input.health, _otherwise, {
	"code": "wrong_report", "subject": input.subject, "since": input.begin,
	"allowed": data.params.time.status_grace_ns, "kinds": {"clusters"},
})

_judged := array.flatten([_resumption, _sizes, _endings, _pods, _timelines, _reports])

violation contains row if some row in recovery.violations(_judged)

unknown contains row if some row in recovery.doubts(_judged)

violation contains object.union(row, {"code": "two_primaries", "got": row.pods, "want": "one"}) if {
	input.kind in _changes
	some row in primaries.two(input, data.params.scenarios.one_primary_ns)
}

# Two primaries that nobody saw are none that were not there.
unknown contains {"reason": "gap", "seq": {gap.first_seq, gap.last_seq}} if {
	count(exercised) > 0
	some gap in input.gaps
	gap.resource == "clusters"
	not gap.same_generation
}
