# METADATA
# title: An expansion that is interrupted resumes and completes
# description: |
#   An expansion is open from the first rise of a request until every volume of the
#   group has the highest request as capacity and shows no expansion. When a
#   disruption begins meanwhile (a pod deleted or restarted, another primary, another
#   operator, a node cordoned or lost), there must be progress soon after it ended,
#   and the expansion must complete in time: it is exercised by exactly that.
#
#   An expansion that nothing interrupted does not exercise the policy, but one that
#   is never completed contradicts it all the same. One that was still open when its
#   cluster was deleted in time is not judged, only told of.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.operation
# custom:
#   id: convergence-resumes
#   class: convergence
#   view: operation
#   requirement: Core invariant 3, convergence resumes after interruption
#   promise: Restarts, failovers and drains never leave an expansion stuck.
#   severity: critical
#   codes:
#     stuck: the expansion was not completed in time after the disruption
#     completed_late: the expansion was completed, but too late after the disruption
#     not_resumed: nothing moved for too long after the disruption
#     never_completed: the expansion was not completed, though nothing interrupted it
#   reasons:
#     pending: the recording ends before the expansion had to be completed
#     deleted: the cluster was deleted before the expansion was completed
#     gap: events are missing just where the expansion may have moved on
#     clock: the moments are not known exactly enough to say whether it was in time
#   mutants: [drop, delay, gap_resume, cut]
#   rows:
#     - doc: requirements
#       row: Convergence resumes after interruption
package invariants.convergence_resumes

_resume := data.params["convergence-resumes"].resume_ns

_complete := data.params["convergence-resumes"].complete_ns

_teardown := data.params["convergence-resumes"].teardown_ns

# Dynamic WAL volumes are not specified yet.
_in_scope if input.mode == "static"

_in_scope if {
	input.mode == "dynamic"
	input.role != "PG_WAL"
}

_disruptions := [disruption | some disruption in input.disruptions; _in_scope]

exercised contains {"seq": {input.begin.seq, disruption.begin.seq}, "in": "disruption"} if {
	some disruption in _disruptions
}

# When a disruption was over; one that has no end counts from its begin.
_over(disruption) := disruption.end if disruption.ended

_over(disruption) := disruption.begin if not disruption.ended

# The clock starts with the last disruption, or with the expansion itself.
_starts := [_over(disruption) | some disruption in _disruptions] if count(_disruptions) > 0

_starts := [input.begin] if {
	_in_scope
	count(_disruptions) == 0
}

_start := {"seq": max([m.seq | some m in _starts]), "ns": max([m.ns | some m in _starts])}

_earliest := max([m.not_before_ns | some m in _starts])

# An unfinished volume that goes away just before its cluster does finishes nothing.
_torn_down if {
	input.closed_by == "volume_left"
	input.left
	input.left_ns - input.end.ns <= _teardown
}

_completed if {
	input.closed
	not _torn_down
}

_code := "stuck" if {
	count(_disruptions) > 0
} else := "never_completed"

violation contains {
	"code": _code, "seq": {input.begin.seq, _start.seq, input.until_seq},
	"got": input.until_ns - _start.ns, "want": _complete, "unit": "ns", "waiting": input.waiting,
	"from_ns": _start.ns, "until_ns": input.until_ns,
} if {
	not input.closed
	input.until_ns - _start.ns > _complete
}

# Torn down unfinished, but only after it should have been completed.
violation contains {
	"code": _code, "seq": {input.begin.seq, _start.seq, input.end.seq},
	"got": input.end.not_before_ns - _start.ns, "want": _complete, "unit": "ns",
	"from_ns": _start.ns, "until_ns": input.end.ns,
} if {
	_torn_down
	input.end.not_before_ns - _start.ns > _complete
}

violation contains {
	"code": "completed_late", "seq": {input.begin.seq, _start.seq, input.end.seq},
	"got": input.end.not_before_ns - _start.ns, "want": _complete, "unit": "ns",
	"from_ns": _start.ns, "until_ns": input.end.ns,
} if {
	_completed
	count(_disruptions) > 0
	input.end.not_before_ns - _start.ns > _complete
}

# For each disruption the first fact after it, or the end of the recording.
_answers := [{"disruption": disruption, "over": over, "first": first} |
	some disruption in _disruptions
	over := _over(disruption)
	later := [fact | some fact in input.progress; fact.seq > over.seq]
	end := {"seq": input.until_seq, "ns": input.until_ns, "not_before_ns": input.until_ns}
	first := array.concat(later, [end])[0]
	_open_at(over)
]

_open_at(_) if not input.closed

_open_at(moment) if moment.seq < input.end.seq

violation contains {
	"code": "not_resumed", "seq": {answer.disruption.begin.seq, answer.over.seq, answer.first.seq},
	"got": answer.first.not_before_ns - answer.over.ns, "want": _resume, "unit": "ns",
	"from_ns": answer.over.ns, "until_ns": answer.first.ns,
} if {
	some answer in _answers
	answer.first.not_before_ns - answer.over.ns > _resume
	not _gap_between(answer.over.ns, answer.first.ns)
}

_gap_between(from, until) if {
	some gap in input.gaps
	gap.resource in {"persistentvolumeclaims", "pods"}
	gap.from_ns < until
	gap.until_ns > from
}

unknown contains {"reason": "gap", "seq": {answer.disruption.begin.seq, answer.over.seq, answer.first.seq}} if {
	some answer in _answers
	answer.first.ns - answer.over.not_before_ns > _resume
	_gap_between(answer.over.ns, answer.first.ns)
}

unknown contains {"reason": "clock", "seq": {answer.disruption.begin.seq, answer.over.seq, answer.first.seq}} if {
	some answer in _answers
	answer.first.not_before_ns - answer.over.ns <= _resume
	answer.first.ns - answer.over.not_before_ns > _resume
	not _gap_between(answer.over.ns, answer.first.ns)
}

unknown contains {
	"reason": {"trace_end": "pending", "deleted": "deleted"}[input.until],
	"seq": {input.begin.seq, _start.seq, input.until_seq},
	"from_ns": _start.ns, "until_ns": input.until_ns,
} if {
	not input.closed
	input.until_ns - _start.ns <= _complete
}

unknown contains {
	"reason": "deleted", "seq": {input.begin.seq, input.end.seq, input.left_seq},
	"from_ns": _start.ns, "until_ns": input.end.ns,
} if {
	_torn_down
	input.end.not_before_ns - _start.ns <= _complete
}

unknown contains {"reason": "clock", "seq": {input.begin.seq, _start.seq, input.end.seq}} if {
	_completed
	count(_disruptions) > 0
	input.end.not_before_ns - _start.ns <= _complete
	input.end.ns - _earliest > _complete
}
