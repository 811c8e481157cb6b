# METADATA
# title: The cluster is steady again after every scenario
# description: |
#   After what was done to a cluster while a volume group was growing (or a backup, a
#   snapshot, a scale-up or a growth by itself), it must reach the steady state in
#   time: phase healthy, condition Ready, every wanted instance there and ready,
#   nothing terminating, dangling, unusable or initializing, and every claim as large
#   as it is to be. Whenever it falls out of that state afterwards, the same time
#   counts again.
#
#   A cluster may be degraded on purpose instead, when it says so: fenced, hibernated,
#   or waiting for its user with a reason. The clock starts when what was done, what
#   followed from it, and what was done at the same time were over. When the next
#   thing is done before the time is up, that one's clock counts.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.episode
# custom:
#   id: assert-functional
#   class: convergence
#   view: episode
#   requirement: Required assertions per scenario, 1. functional correctness
#   promise: The cluster reaches its steady state after every scenario, or says why it does not.
#   severity: critical
#   codes:
#     unsettled: the cluster has not reached the steady state, and the time is up
#     settled_late: the cluster reached the steady state too late
#   reasons:
#     pending: the recording ends before the cluster had to be steady
#     deleted: the cluster was deleted before it had to be steady
#     gap: events are missing just where the cluster may have become steady
#     clock: the moments are not known exactly enough to say whether it was in time
#     unseen: the Cluster itself was not recorded
#   demand: declared
#   assertion: functional
#   rows:
#     - doc: requirements
#       row: Functional correctness
package assertions.functional

import data.lib.episodes
import data.lib.spans

_settle := data.params["assert-functional"].settle_ns

_kinds := {"clusters", "pods", "persistentvolumeclaims"}

_judged if episodes.judged(input, data.params.episode.teardown_ns)

_seen := [i | some i, span in input.health; span.seen]

_well(span) if episodes.steady(span)

_well(span) if episodes.degraded(span)

_bad := {i |
	_judged
	some i in _seen
	not _well(input.health[i])
}

_runs := episodes.runs(input, input.health, _bad)

_evidence(run) := {
	input.begin.seq, episodes.start(input).seq, run.seq,
	episodes.last_seq(input, input.health, run),
}

_codes := {true: "unsettled", false: "settled_late"}

violation contains {
	"code": _codes[run.open], "seq": _evidence(run), "got": run.least_ns, "want": _settle, "unit": "ns",
	"from_ns": run.began_ns, "until_ns": run.ended_ns, "phase": last.phase, "phase_reason": last.phase_reason,
	"ready_instances": last.ready_instances, "wanted": last.wanted,
} if {
	some run in _runs
	spans.exceeds(run, _settle, input.gaps, _kinds)
	last := input.health[run.final]
}

unknown contains {
	"reason": spans.doubt(run, _settle, input.gaps, _kinds, input.horizon_by), "seq": _evidence(run),
	"from_ns": run.began_ns, "until_ns": run.ended_ns,
} if {
	some run in _runs
}

unknown contains {"reason": "unseen", "seq": {input.begin.seq, input.horizon.seq}} if {
	_judged
	count(_seen) == 0
}

# The first time at which it is well after the start of the clock.
exercised contains episodes.row(input, {input.begin.seq, input.health[i].seq}) if {
	_judged
	start := episodes.start(input)
	i := min({i | some i in _seen; input.health[i].until_ns > start.ns; not i in _bad})
}
