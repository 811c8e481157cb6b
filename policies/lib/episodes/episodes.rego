# METADATA
# title: Episodes
# description: |
#   What the policies over the view episode share: which episodes call for judgement,
#   when their clock starts, what a steady state is, and how long a time lasted after
#   that start.
# scope: package
package lib.episodes

import data.lib.rises
import data.lib.spans

# These say nothing that the other episode of the same time does not say.
_shadows := {"growth", "mark"}

# These call for judgement though they meet no expansion.
_alone := {"oscillation", "backup", "snapshot"}

# METADATA
# description: |
#   Whether the assertions are asked of an episode: it met an expansion, or needs none
#   by its kind, or is a scale-up after one. What follows from another episode is
#   judged with it. The pressure itself, and the driver's word, count only where
#   nothing else went on; what went with its cluster, within teardown ns, not at all.
judged(episode, teardown) if {
	_own(episode)
	_met(episode)
	not _overshadowed(episode)
	not torn_down(episode, teardown)
}

_own(episode) if episode.caused_by == ""

_own(episode) if episode.kind in {"growth", "scale_up"}

_met(episode) if count(episode.operations) > 0

_met(episode) if episode.kind in _alone

_met(episode) if {
	episode.kind == "scale_up"
	episode.prior > 0
}

_overshadowed(episode) if {
	episode.kind in _shadows
	some other in episode.concurrent
	not other.kind in _shadows
}

# METADATA
# description: |
#   Whether pods went because their cluster did: none of them is left when the
#   cluster is deleted no later than teardown ns after the first.
torn_down(episode, teardown) if {
	episode.kind in {"primary_restart", "replica_restart"}
	episode.horizon_by == "deleted"
	episode.horizon.ns - episode.begin.ns <= teardown
	count(episode.health[count(episode.health) - 1].pods) == 0
}

# METADATA
# description: |
#   The moment at which all that was done was over: this episode, what followed from
#   it, and what was done at the same time. What has no end counts from its begin.
start(episode) := [m | some m in moments; m.ns == last][0] if {
	others := [other |
		some other in array.concat(episode.effects, episode.concurrent)
		not other.kind in {"growth", "oscillation", "mark"}
	]
	moments := [_over(each) | some each in array.concat([episode], others)]
	last := max([m.ns | some m in moments])
}

_over(each) := each.end if each.ended

_over(each) := each.begin if not each.ended

# METADATA
# description: A row of exercised, which says so when it was under disruption.
row(episode, seq) := {"seq": seq, "in": "disruption"} if disrupted(episode)

row(episode, seq) := {"seq": seq} if not disrupted(episode)

# METADATA
# description: Whether an expansion was going on while something was done to the cluster.
disrupted(episode) if {
	count(episode.operations) > 0
	not episode.kind in {"growth", "oscillation"}
}

# METADATA
# description: |
#   Whether a span of health shows the steady state: healthy, Ready, all instances
#   there and ready, nothing going, dangling, unusable or initializing, the primary
#   settled, and every claim as large as it is to be.
steady(span) if {
	span.phase == "Cluster in healthy state"
	span.ready == "True"
	span.ready_instances == span.wanted
	span.instances == span.wanted
	count(span.terminating) == 0
	(count(span.dangling) + count(span.unusable)) + count(span.initializing) == 0
	span.current_primary == span.target_primary
	settled(span)
}

# METADATA
# description: Whether every claim that is in scope is as large as it is to be.
settled(span) if {
	every claim in span.unsettled {
		not rises.in_scope(claim.mode, claim.role)
	}
}

# METADATA
# description: |
#   Whether a span of health shows a cluster that is kept from the steady state on
#   purpose, and says so: fenced or hibernated by its user, or waiting for one.
degraded(span) if span.fenced

degraded(span) if span.hibernated

degraded(span) if {
	span.phase in {"Waiting for user action", "Cluster upgrade delayed"}
	span.phase_reason != ""
}

# METADATA
# description: |
#   The runs of bad spans as far as they lie after the start of the episode's clock,
#   like those of lib.spans: how long each lasted at least and at most from there on.
runs(episode, timeline, bad) := [clipped |
	from := start(episode)
	after := {i | some i in bad; timeline[i].until_ns > from.ns}
	some run in spans.runs(timeline, after)
	clipped := object.union(run, {
		"began_ns": max({run.began_ns, from.ns}),
		"least_ns": timeline[run.final].until_not_before_ns - max({run.began_ns, from.ns}),
		"most_ns": run.ended_ns - max({timeline[run.first].not_before_ns, from.not_before_ns}),
	})
]

# METADATA
# description: The event that ended a run, or the horizon of the episode.
last_seq(episode, timeline, run) := array.concat(
	[span.seq | some span in array.slice(timeline, run.final + 1, run.final + 2)],
	[episode.horizon.seq],
)[0]
