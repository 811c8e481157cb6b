# METADATA
# title: The controller says what it does, and does it once
# description: |
#   Between what was done to a cluster and the steady state afterwards there must be at
#   least one sign of what is going on: a phase, a condition, the sizing status, an
#   Event, a change of a claim or a pod. A cluster that is short of its steady state may
#   not look healthy for long with no sign of why: no other phase, no growing state,
#   no expansion shown, no Event.
#
#   Within one episode the pod of one instance, and a claim, may not be replaced again
#   and again, and no phase may be entered again and again: an endless loop. Pods that
#   were evicted do not count.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.episode
# custom:
#   id: assert-controller
#   class: transition
#   view: episode
#   requirement: Required assertions per scenario, 4. controller correctness, and test design requirement 6
#   promise: Progress, pauses and retries can be seen, and nothing is destroyed or begun again and again.
#   severity: major
#   codes:
#     unannounced: the cluster is steady, but nothing showed what was going on before
#     silent: the cluster was not steady for too long, and nothing said so
#     pod_replaced_again: the pod of an instance was replaced too often
#     claim_replaced_again: a claim was replaced too often
#     looping: a phase was entered too often
#   reasons:
#     pending: the recording ends before something had to be said
#     deleted: the cluster was deleted before something had to be said
#     gap: events are missing just where something may have been said
#     clock: the moments are not known exactly enough to say whether it was in time
#   demand: declared
#   assertion: controller
#   rows:
#     - doc: requirements
#       row: Controller correctness
#     - doc: requirements
#       row: Final state plus an intermediate signal
package assertions.controller

import data.lib.episodes
import data.lib.spans

_limits := data.params["assert-controller"]

_kinds := {"clusters", "pods", "persistentvolumeclaims", "events"}

_judged if episodes.judged(input, data.params.episode.teardown_ns)

_well(span) if episodes.steady(span)

_well(span) if episodes.degraded(span)

# The first span that is well after the start of the clock.
_settled := input.health[min(found)] if {
	_judged
	start := episodes.start(input)
	found := {i | some i, span in input.health; span.until_ns > start.ns; span.seen; _well(span)}
}

_signs := [signal | some signal in input.signals; signal.seq > input.begin.seq]

# Oscillation that leads to nothing shows nothing.
_expects_sign if {
	input.kind != "oscillation"
	_settled
}

_time := {"began_ns": input.begin.ns, "ended_ns": input.horizon.ns}

violation contains {
	"code": "unannounced", "seq": {input.begin.seq, input.horizon.seq}, "got": 0, "want": 1,
	"from_ns": input.begin.ns, "until_ns": input.horizon.ns,
} if {
	_expects_sign
	count(_signs) == 0
	not spans.met(_time, input.gaps, _kinds)
}

unknown contains {"reason": "gap", "code": "unannounced", "seq": {input.begin.seq, input.horizon.seq}} if {
	_expects_sign
	count(_signs) == 0
	spans.met(_time, input.gaps, _kinds)
}

_growing := {"NeedsGrow", "Emergency", "PendingGrowth", "Resizing", "WaitingForDiskStatus"}

_is_told(span) if span.phase != "Cluster in healthy state"

_is_told(span) if span.ready != "True"

_is_told(span) if {
	some claim in span.unsettled
	claim.resizing
}

_is_told(span) if {
	some claim in span.unsettled
	claim.state in _growing
}

_quiet := {i |
	_judged
	some i, span in input.health
	span.seen
	not _well(span)
	not _is_told(span)
}

_runs := [run |
	some run in episodes.runs(input, input.health, _quiet)
	not _has_event(run)
]

_has_event(run) if {
	some signal in _signs
	signal.what == "event"
	signal.ns >= run.began_ns
	signal.ns < run.ended_ns
}

_evidence(run) := {input.begin.seq, run.seq, input.health[run.final].seq}

violation contains {
	"code": "silent", "seq": _evidence(run), "got": run.least_ns, "want": _limits.silence_ns, "unit": "ns",
	"from_ns": run.began_ns, "until_ns": run.ended_ns,
} if {
	some run in _runs
	spans.exceeds(run, _limits.silence_ns, input.gaps, _kinds)
}

unknown contains {
	"reason": reason, "code": "silent", "seq": _evidence(run), "from_ns": run.began_ns, "until_ns": run.ended_ns,
} if {
	some run in _runs
	reason := spans.doubt(run, _limits.silence_ns, input.gaps, _kinds, input.horizon_by)
}

# What must not happen again and again, each with its moments in order.
_repeated := [{"code": code, "name": name, "moments": moments, "limit": limit} |
	_judged
	some [code, names, limit] in [
		["pod_replaced_again", _pods, _limits.pod_replacements],
		["claim_replaced_again", _claims, _limits.claim_replacements],
		["looping", _phases, _limits.phase_entries],
	]
	some name, moments in names
]

_pods := {instance: moments |
	instances := {pod.instance | some pod in input.pods}
	some instance in instances
	moments := [pod | some pod in input.pods; pod.instance == instance; pod.reason == ""; not pod.cordoned]
}

_claims := {name: moments |
	names := {claim.volume | some claim in input.claims}
	some name in names
	moments := [claim | some claim in input.claims; claim.volume == name; claim.successor != ""]
}

_phases := {phase: moments |
	phases := {span.phase | some span in input.health}
	some phase in phases
	moments := [span |
		some i, span in input.health
		span.phase == phase
		input.health[i - 1].phase != phase
	]
}

# One more than the limit, as soon as there are so many.
violation contains {
	"code": each.code, "seq": {moment.seq | some moment in many}, "name": each.name, "got": count(many),
	"want": each.limit, "from_ns": many[0].ns, "until_ns": many[each.limit].ns,
} if {
	some each in _repeated
	some k, last in each.moments
	many := array.slice(each.moments, k - each.limit, k + 1)
	last.ns - many[0].ns <= _limits.window_ns
}

exercised contains episodes.row(input, {input.begin.seq, _signs[0].seq, _settled.seq})

exercised contains episodes.row(input, {input.begin.seq, _settled.seq}) if not _expects_sign
