# METADATA
# title: Recovery after what was done to a cluster
# description: |
#   What must be so again some time after an episode of the view episode: an
#   obligation has a moment from which its time runs (since), the moments that fulfil
#   it (answers) and the time that it has (allowed). The clock starts when the episode
#   and all that followed from it, or went on beside it, was over. It is stopped by the
#   next thing that is done to the cluster: from there on that one's episode speaks.
# scope: package
package lib.recovery

import data.lib.rises
import data.lib.spans

# METADATA
# description: The expansions that the episode met, without those that are not specified yet.
operations(episode) := [operation |
	some operation in episode.operations
	rises.in_scope(operation.mode, operation.role)
]

# What keeps a cluster from getting well while it lasts; the other kinds do not.
_disruptive := {
	"operator_restart", "primary_restart", "replica_restart", "failover", "switchover", "node_drain",
	"node_loss", "scale_up", "scale_down", "rolling_upgrade", "mark",
}

# METADATA
# description: The last of some moments.
latest(moments) := {
	"seq": max([moment.seq | some moment in moments]),
	"ns": max([moment.ns | some moment in moments]),
	"not_before_ns": max([moment.not_before_ns | some moment in moments]),
}

_ended(episode) := episode.end if episode.ended

_ended(episode) := episode.begin if not episode.ended

# METADATA
# description: |
#   When the episode was over, with what followed from it and what went on beside it;
#   what did not end counts from its begin.
over(episode) := latest(array.concat(
	[_ended(other) |
		some other in array.concat(episode.effects, episode.concurrent)
		other.kind in _disruptive
		other.begin.seq <= episode.horizon.seq
	],
	[_ended(episode)],
))

# METADATA
# description: |
#   What became of an obligation. word: kept; late; or why nobody knows: clock, pending,
#   deleted, gap (events of these kinds are missing where an answer may have been);
#   passed: something else was done to the cluster before the time was over.
judge(episode, obligation) := object.union(obligation, {
	"word": _word(episode, obligation, answers, at),
	"seq": ({obligation.since.seq, at.seq} | obligation.about),
	"got": at.not_before_ns - obligation.since.ns,
	"from_ns": obligation.since.ns,
	"until_ns": at.ns,
}) if {
	answers := [answer | some answer in obligation.answers; answer.seq <= episode.horizon.seq]
	horizon := object.union(episode.horizon, {"not_before_ns": episode.horizon.ns})
	at := array.concat(answers, [horizon])[0]
}

_word(episode, obligation, answers, at) := "kept" if {
	count(answers) > 0
	at.ns - obligation.since.not_before_ns <= obligation.allowed
} else := "gap" if {
	at.ns - obligation.since.not_before_ns > obligation.allowed
	_in_gap(episode, obligation, at)
} else := "late" if {
	at.not_before_ns - obligation.since.ns > obligation.allowed
} else := "clock" if {
	count(answers) > 0
} else := {"next": "passed", "deleted": "deleted", "trace_end": "pending"}[episode.horizon_by]

_in_gap(episode, obligation, at) if {
	some gap in episode.gaps
	gap.resource in obligation.kinds
	not gap.same_generation
	gap.from_ns < at.ns
	gap.until_ns > obligation.since.ns
}

# METADATA
# description: The rows of violation for those that were certainly not kept in time.
violations(judged) := [{
	"code": one.code, "seq": one.seq, "got": one.got, "want": one.allowed, "unit": "ns",
	"from_ns": one.from_ns, "until_ns": one.until_ns, "subject": one.subject,
} |
	some one in judged
	one.word == "late"
]

# METADATA
# description: The rows of unknown for those of which nobody knows.
doubts(judged) := [{
	"reason": one.word, "code": one.code, "seq": one.seq,
	"from_ns": one.from_ns, "until_ns": one.until_ns, "subject": one.subject,
} |
	some one in judged
	one.word in {"pending", "deleted", "gap", "clock"}
]

# METADATA
# description: |
#   That an expansion moves on after the episode (not_resumed), and is completed in
#   time (not_completed). Times are ns.
resumption(episode, operation, times) := array.concat(
	[judge(episode, {
		"code": "not_resumed", "subject": operation.entity, "since": since,
		"answers": _progress(episode, operation, since),
		"allowed": times.resume, "kinds": {"persistentvolumeclaims", "pods"}, "about": {operation.begin.seq},
	}) |
		since := _since(episode, operation)
		_open_at(operation, since)
	],
	[judge(episode, {
		"code": "not_completed", "subject": operation.entity, "since": _since(episode, operation),
		"answers": [operation.end | _completed(episode, operation, times)],
		"allowed": times.complete, "kinds": set(), "about": {operation.begin.seq},
	})],
)

_since(episode, operation) := latest([over(episode), operation.begin])

# METADATA
# description: |
#   The same for what an expansion does not have to wait for: its time runs from the
#   begin of the episode.
beside(episode, operation, times) := resumption(
	object.union(episode, {"end": episode.begin}),
	operation, times,
)

_open_at(operation, _) if not operation.closed

_open_at(operation, moment) if operation.end.seq > moment.seq

# The last unfinished volume that goes away just before its cluster does finishes nothing.
_completed(episode, operation, times) if {
	operation.closed
	not _torn_down(episode, operation, times)
}

_torn_down(episode, operation, times) if {
	operation.closed_by == "volume_left"
	episode.until == "deleted"
	episode.until_ns - operation.end.ns <= times.teardown
}

# The first fact after a moment: a claim, a pod or an attachment that changed.
_progress(episode, operation, since) := [fact |
	facts := array.concat(operation.steps, [signal |
		some signal in episode.signals
		signal.what in {"claim", "pod", "attachment"}
	])
	first := min([fact.seq | some fact in facts; fact.seq > since.seq])
	some fact in facts
	fact.seq == first
]

# METADATA
# description: |
#   That no condition (the spans whose indices are in bad) lasts longer than allowed
#   after a moment. spans are a timeline without holes.
no_longer(episode, timeline, bad, what) := [judge(episode, {
	"code": what.code, "subject": what.subject, "since": latest([what.since, timeline[run.first]]),
	"answers": [end | end := _end_of(timeline, run)],
	"allowed": what.allowed, "kinds": what.kinds, "about": {timeline[run.final].seq},
}) |
	some run in spans.runs(timeline, bad)
]

# The last span of a timeline has no end.
_end_of(timeline, run) := {"seq": next.seq, "ns": last.until_ns, "not_before_ns": last.until_not_before_ns} if {
	last := timeline[run.final]
	next := timeline[run.final + 1]
}

# METADATA
# description: |
#   The spans of the view's health in which the cluster is not what its specification
#   asks for: not healthy, or an instance is not ready or going. A cluster that somebody
#   hibernated or fenced is what it was asked to be.
unwell(episode) := {i |
	some i, span in episode.health
	span.seen
	not _is_laid_up(span)
	not _is_well(episode, span)
}

# METADATA
# description: Whether pods of the cluster were recorded.
sees_pods(episode) if {
	some span in episode.health
	count(span.pods) + count(span.terminating) > 0
}

_is_laid_up(span) if span.hibernated

_is_laid_up(span) if span.fenced

_is_well(episode, span) if {
	span.phase == "Cluster in healthy state"
	span.ready == "True"
	span.ready_instances == span.wanted
	_has_pods(episode, span)
}

_has_pods(episode, _) if not sees_pods(episode)

_has_pods(_, span) if {
	count(span.ready_pods) == span.wanted
	count(span.terminating) == 0
}

# METADATA
# description: The volume groups of the episode that belong to one of these expansions.
groups(episode, met) := [group |
	some group in episode.storage
	[group.role, group.tablespace] in {[operation.role, operation.tablespace] | some operation in met}
]

# METADATA
# description: The spans of a group in which its claims request different sizes.
uneven(group) := {i |
	some i, span in group.spans
	spec := group.specs[span.spec]
	rises.in_scope(spec.mode, group.role)
	spec.resize_in_use
	count({volume.request | some volume in span.volumes; volume.status != "detached"}) > 1
}

# METADATA
# description: The spans of a group in which a claim requests less than the block in force asks for.
short(group) := {i |
	some i, span in group.spans
	spec := group.specs[span.spec]
	rises.in_scope(spec.mode, group.role)
	spec.resize_in_use
	some volume in span.volumes
	volume.status != "detached"
	volume.request < {"dynamic": spec.request, "static": spec.size}[spec.mode]
}

# METADATA
# description: |
#   Actions of the status to a size that a successful one had reached before, as rows:
#   {seq, kind, got, want, unit}.
repeated(group) := [{
	"seq": {before.seq, again.seq}, "kind": again.action_kind,
	"got": again.action_to, "want": before.action_to, "unit": "bytes",
} |
	told := [status | some status in group.statuses; status.has_action]
	some i, again in told
	before := told[i - 1]
	before.action_result == "Success"
	before.action_timestamp != again.action_timestamp
	again.action_to <= before.action_to
]

# METADATA
# description: |
#   The spans of a dynamic group in which no expansion is open, but the status tells
#   of another size than the claims have, or says that the group grows.
misreported(group) := {i |
	some i, span in group.spans
	not span.open
	count(span.volumes) > 0
	spec := group.specs[span.spec]
	spec.mode == "dynamic"
	rises.in_scope(spec.mode, group.role)
	status := group.statuses[span.status]
	_misreports(group, span, status)
}

_misreports(_, _, status) if status.state in {"Emergency", "Resizing"}

_misreports(group, span, status) if {
	status.effective > 0
	status.effective != span.peak
	not _asked_for(group, span)
}

# A size that the specification asked for has no action, and no effective size.
_asked_for(group, span) if {
	some spec in group.specs
	spec.request == span.peak
}
