# METADATA
# title: The primary is elected correctly
# description: |
#   When status.currentPrimary becomes another instance, that instance was the
#   target before, it had a ready pod when it was chosen, and the timeline rises by
#   one. Afterwards the instance that reports to be the primary is the current one.
#
#   An election must come to an end: while another instance is ready all along, the
#   target does not stay pending, and a chosen instance that is ready is promoted in
#   time. A target that flaps between pending and the old primary is one election.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.cluster
# custom:
#   id: primary-election
#   class: transition
#   view: cluster
#   requirement: Failover during growth, correct primary election
#   promise: A new primary is an instance that was ready and was chosen, and there soon is one.
#   severity: critical
#   exercised_in: disruption
#   demand: declared
#   rows:
#     - doc: requirements
#       row: Failover during growth
#     - doc: requirements
#       row: T2
#     - doc: results
#       row: Failover
#     - doc: results
#       row: continues growth safely after failover
#   specs:
#     - continues growth safely after failover
#     - handles dynamic sizing with single replica
#   codes:
#     not_chosen: an instance became the primary that was not the target
#     not_ready: an instance was chosen that had no ready pod
#     timeline_off: the timeline did not rise by one with the new primary
#     role_off: another instance than the current primary reports to be the primary
#     none_elected: no primary was chosen for too long, though another instance was ready
#     not_promoted: the chosen instance was ready, but did not become the primary in time
#   reasons:
#     gap: events are missing where the primary may have changed
#     pending: the recording ends before the election had to be over, or before the status had to follow
#     deleted: the cluster was deleted while the status disagreed, within the time of grace
#     clock: the moments are not known exactly enough to say whether it was in time
#     pods_unseen: no pod was recorded, so nobody can tell whether the chosen instance was ready
#     cluster_unseen: the Cluster was not recorded, so there is no election to judge
package behaviour.primary_election

import data.lib.spans

_skew := data.params.time.order_skew_ns

_grace := data.params.time.status_grace_ns

_settle := data.params["primary-election"].settle_ns

_changed := [election |
	some election in input.elections
	election.ended
	election.to != election.from
]

exercised contains {"seq": {election.begin.seq, election.end.seq}, "in": "disruption"} if some election in _changed

_gap_within(from, until) if {
	some gap in input.gaps
	gap.resource == "clusters"
	gap.from_ns < until
	gap.until_ns > from
}

# The last of those that were chosen; empty when nobody was.
_last(choices) := last if {
	last := choices[count(choices) - 1].instance
} else := ""

_unchosen := [election |
	some election in _changed
	_last(election.choices) != election.to
]

violation contains {
	"code": "not_chosen", "seq": {election.begin.seq, election.end.seq},
	"got": election.to, "want": _last(election.choices),
} if {
	some election in _unchosen
	not _gap_within(election.begin.not_before_ns, election.end.ns)
}

unknown contains {"reason": "gap", "seq": {election.begin.seq, election.end.seq}, "code": "not_chosen"} if {
	some election in _unchosen
	_gap_within(election.begin.not_before_ns, election.end.ns)
}

# Pods and Clusters have no order but that of their receipt.
_was_ready(choice) if {
	choice.ready_before_ns >= 0
	choice.ns - choice.ready_before_ns <= _skew
}

_was_ready(choice) if {
	choice.ready_after_ns >= 0
	choice.ready_after_ns - choice.ns <= _skew
}

_unready := [choice |
	some election in input.elections
	some choice in election.choices
	not _was_ready(choice)
]

_pods_in_gap(choice) if {
	some gap in input.gaps
	gap.resource == "pods"
	gap.from_ns <= choice.ns
	gap.until_ns >= choice.ready_before_ns
}

violation contains {
	"code": "not_ready", "seq": {choice.seq}, "got": choice.instance, "want": "an instance with a ready pod",
} if {
	some choice in _unready
	count(input.pods) > 0
	not _pods_in_gap(choice)
}

unknown contains {"reason": "gap", "seq": {choice.seq}, "code": "not_ready"} if {
	some choice in _unready
	count(input.pods) > 0
	_pods_in_gap(choice)
}

unknown contains {"reason": "pods_unseen", "seq": {choice.seq}, "code": "not_ready"} if {
	some choice in _unready
	count(input.pods) == 0
}

# How far the timeline rose from before an election until the next one began.
_risen := [{"election": election, "by": by, "until_ns": until} |
	some election in _changed
	election.timeline_before > 0
	by := election.timeline_after - election.timeline_before
	until := _until(election.next)
]

_until(next) := next.ns if {
	next.seq != 0
} else := input.until_ns

_misled(rise) if not rise.by in {0, 1}

_misled(rise) if {
	rise.by == 0
	rise.until_ns - rise.election.end.ns > _grace
}

violation contains {
	"code": "timeline_off", "seq": {rise.election.begin.seq, rise.election.end.seq},
	"got": rise.election.timeline_after, "want": rise.election.timeline_before + 1,
} if {
	some rise in _risen
	_misled(rise)
	not _gap_within(rise.election.begin.not_before_ns, rise.until_ns)
}

unknown contains {
	"reason": "gap", "seq": {rise.election.begin.seq, rise.election.end.seq}, "code": "timeline_off",
} if {
	some rise in _risen
	_misled(rise)
	_gap_within(rise.election.begin.not_before_ns, rise.until_ns)
}

unknown contains {
	"reason": "pending", "seq": {rise.election.end.seq, input.until_seq}, "code": "timeline_off",
	"from_ns": rise.election.end.ns, "until_ns": input.until_ns,
} if {
	input.until == "trace_end"
	some rise in _risen
	rise.by == 0
	rise.election.next.seq == 0
	rise.until_ns - rise.election.end.ns <= _grace
}

_misreported := spans.runs(input.spans, {i |
	some i, span in input.spans
	span.current != ""
	span.current == span.target
	count(span.primaries) > 0
	not span.current in span.primaries
})

violation contains {
	"code": "role_off", "seq": {run.seq, span.seq}, "got": concat(", ", span.primaries), "want": span.current,
	"from_ns": run.began_ns, "until_ns": run.ended_ns,
} if {
	some run in _misreported
	spans.exceeds(run, _grace, input.gaps, {"clusters"})
	span := input.spans[run.final]
}

unknown contains {
	"reason": reason, "seq": {run.seq, input.until_seq}, "code": "role_off",
	"from_ns": run.began_ns, "until_ns": run.ended_ns,
} if {
	some run in _misreported
	reason := spans.doubt(run, _grace, input.gaps, {"clusters"}, input.until)
}

# What an election waits for: from when on, and which instances could have been taken.
_waits := [{"election": election, "code": code, "since": since, "end": end, "able": able} |
	some election in input.elections
	end := _end(election)
	[code, since] := _stage(election)
	end.ns - since.not_before_ns > _settle
	able := _able(election, code, since, end)
	count(able) > 0
]

_end(election) := election.end if election.ended

_end(election) := {"seq": input.until_seq, "ns": input.until_ns, "not_before_ns": input.until_ns} if not election.ended

_stage(election) := ["not_promoted", last] if {
	last := election.choices[count(election.choices) - 1]
} else := ["none_elected", election.begin]

# Instances that had a ready pod all along: the chosen one, or any but the old primary.
_able(election, code, since, end) := able if {
	ready := [{instance | some instance in span.ready_pods} |
		some span in input.spans
		span.ns < end.ns
		span.until_ns > since.ns
	]
	able := {instance |
		some instance in intersection({set | some set in ready})
		_eligible(election, code, instance)
	}
}

_eligible(election, "none_elected", instance) if instance != election.from

_eligible(election, "not_promoted", instance) if instance == _last(election.choices)

violation contains {
	"code": wait.code, "seq": {wait.election.begin.seq, wait.since.seq, wait.end.seq},
	"got": wait.end.not_before_ns - wait.since.ns, "want": _settle, "unit": "ns",
	"from_ns": wait.since.ns, "until_ns": wait.end.ns, "ready": concat(", ", wait.able),
} if {
	some wait in _waits
	wait.end.not_before_ns - wait.since.ns > _settle
	not _gap_within(wait.since.ns, wait.end.ns)
}

unknown contains {
	"reason": "gap", "seq": {wait.since.seq, wait.end.seq}, "code": wait.code,
	"from_ns": wait.since.ns, "until_ns": wait.end.ns,
} if {
	some wait in _waits
	_gap_within(wait.since.ns, wait.end.ns)
}

unknown contains {
	"reason": "clock", "seq": {wait.since.seq, wait.end.seq}, "code": wait.code,
	"from_ns": wait.since.ns, "until_ns": wait.end.ns,
} if {
	some wait in _waits
	wait.end.not_before_ns - wait.since.ns <= _settle
	not _gap_within(wait.since.ns, wait.end.ns)
}

unknown contains {
	"reason": "pending", "seq": {election.begin.seq, input.until_seq},
	"from_ns": election.begin.ns, "until_ns": input.until_ns,
} if {
	input.until == "trace_end"
	some election in input.elections
	not election.ended
	[_, since] := _stage(election)
	input.until_ns - since.ns <= _settle
}

unknown contains {"reason": "cluster_unseen", "seq": {input.until_seq}} if not input.seen
