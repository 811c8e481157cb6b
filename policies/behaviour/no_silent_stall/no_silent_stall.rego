# METADATA
# title: No silent stall
# description: |
#   While a cluster is not in its steady state, something happens, or somebody says
#   why not. Something happens when one of its claims, pods or attachments changes,
#   when it has another primary, tells of a phase that it had not told of before, or
#   has a new Event. It says why by a Warning about the Cluster, a pod, a claim or a
#   Job, each time that it is told; by a phase that names a cause instead of an
#   activity; by a condition (not Ready, which copies the phase); by a pod that
#   cannot be scheduled or a claim whose expansion fails; or because a user took
#   instances out of service. A running Job that fills a volume is at work.
#
#   "Failing over" with nothing moving is a silent stall: it says what should happen.
#   Events are lossy, but what goes on for longer than the limit is told again.
#
#   It is put to the test by each time in which the cluster was not steady, once it
#   had been.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.cluster
# custom:
#   id: no-silent-stall
#   class: response
#   view: cluster
#   requirement: Exit criterion 2, failures produce actionable conditions or events
#   promise: A cluster that does not get on says why.
#   severity: major
#   demand: declared
#   rows:
#     - doc: requirements
#       row: Failures produce actionable conditions or events
#   codes:
#     silent_stall: the cluster was not steady, nothing happened to it, and nothing said why, for too long
#   reasons:
#     pending: the recording ends in a silence that is not too long yet
#     gap: events are missing in the silence, so something may have happened or have been said
#     clock: the moments are not known exactly enough to say how long the silence was
#     events_unseen: the recording has no Kubernetes Events at all, so nobody can tell whether one said why
#     cluster_unseen: the Cluster was not recorded, so there is no phase that could say why
package behaviour.no_silent_stall

import data.lib.steady

_limit := data.params["no-silent-stall"].silent_ns

# Phases that name a cause or ask for a decision.
_causes := {
	"Waiting for user action",
	"Cluster upgrade delayed",
	"Cluster is unrecoverable and needs manual intervention",
	"Unable to create required cluster objects",
	"Not enough disk space",
	"Instance Status Extraction Error: HTTP communication issue",
}

_disturbed := steady.disturbed(input.spans)

_told(span) if span.phase in _causes

_told(span) if span.fenced

_told(span) if span.hibernated

_told(span) if count(span.unscheduled) > 0

_told(span) if count(span.failing) > 0

_told(span) if span.jobs > 0

# A system that no instance reports yet is no cause of anything.
_told(span) if count([text | some text in span.trouble; not text in {
	"ConsistentSystemID/NotFound",
	"LastBackupSucceeded/LastBackupFailed", "LastBackupSucceeded/BackupStarted",
}]) > 0

_silent := {i |
	some i in _disturbed
	not _told(input.spans[i])
}

# Where a silence may begin or end: where spans begin or cease to be silent, and at
# each fact between.
_edges := {[span.seq, span.ns, span.not_before_ns, i] |
	some i in ((_silent - _after) | (_after - _silent))
	span := input.spans[i]
}

# The spans behind the silent ones.
_after := {next |
	some i in _silent
	next := i + 1
}

_marks := sort(_edges | {[fact.seq, fact.ns, fact.not_before_ns, fact.span] |
	some fact in input.facts
	fact.span in _silent
})

_silences := [silence |
	ends := array.concat(_marks, [[input.until_seq, input.until_ns, input.until_ns]])
	some i, [seq, ns, not_before_ns, at] in _marks
	at in _silent
	end := ends[i + 1]
	end[1] - not_before_ns > _limit
	silence := {
		"seq": {seq, end[0]}, "from_ns": ns, "until_ns": end[1], "least_ns": end[2] - ns,
		"span": input.spans[at],
	}
]

_met(silence) if {
	some gap in input.gaps
	gap.from_ns < silence.until_ns
	gap.until_ns > silence.from_ns
}

violation contains {
	"code": "silent_stall", "seq": silence.seq, "got": silence.least_ns, "want": _limit, "unit": "ns",
	"from_ns": silence.from_ns, "until_ns": silence.until_ns,
	"phase": silence.span.phase, "reason": silence.span.reason,
} if {
	input.seen
	input.events
	some silence in _silences
	silence.least_ns > _limit
	not _met(silence)
}

_doubt(silence) := "cluster_unseen" if {
	not input.seen
} else := "gap" if {
	_met(silence)
} else := "events_unseen" if {
	not input.events
} else := "clock" if {
	silence.least_ns <= _limit
}

unknown contains {
	"reason": reason, "seq": silence.seq, "code": "silent_stall",
	"from_ns": silence.from_ns, "until_ns": silence.until_ns,
} if {
	some silence in _silences
	reason := _doubt(silence)
}

unknown contains {
	"reason": "pending", "seq": {seq, input.until_seq}, "code": "silent_stall",
	"from_ns": ns, "until_ns": input.until_ns,
} if {
	input.until == "trace_end"
	[seq, ns, not_before_ns, at] := _marks[count(_marks) - 1]
	at in _silent
	input.until_ns - not_before_ns <= _limit
}

exercised contains {"seq": {run.seq, input.spans[run.final].seq}} if {
	some run in steady.recoveries(input.spans)
	not steady.disrupted(run, input.disruptions, input.until_ns)
}

exercised contains {"seq": {run.seq, input.spans[run.final].seq}, "in": "disruption"} if {
	some run in steady.recoveries(input.spans)
	steady.disrupted(run, input.disruptions, input.until_ns)
}
