# METADATA
# title: Sizes do not flap once they are reached
# description: |
#   After a growth, a group that nothing disturbs must come to rest: no series of
#   planned growths, no state that changes again and again, and no volume status that
#   is written over and over. Growth and disruptions have their own changes, which do
#   not count.
#
#   It is exercised by each growth that was completed and then watched. Requests that
#   shrink are policy-bounds', repetitions of the same action or patch idempotency's.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.pressure
# custom:
#   id: no-flapping
#   class: idempotency
#   view: pressure
#   demand: declared
#   requirement: Threshold oscillation, and post-growth steady state
#   promise: A group that has grown comes to rest, without growing in small steps and without churn in the API.
#   severity: major
#   codes:
#     grown_repeatedly: the group grew again and again by planned growth within a short time
#     state_flaps: the state changed again and again though nothing was going on
#     status_churn: the volume status was written again and again though nothing was going on
#   reasons:
#     gap: events are missing, so the changes may have been more
#   rows:
#     - doc: results
#       row: post-growth steady state flapping (P1)
#   specs:
#     - verify that post-growth steady state does not cause resize flapping
package behaviour.no_flapping

import data.lib.spans
import data.lib.usage

_params := object.union(data.params.time, data.params.usage)

_limits := data.params["no-flapping"]

# Spans of a dynamic group with volumes in which nothing is going on.
_quiet := {i |
	some i, span in input.spans
	usage.dynamic(input.specs[span.spec], input.role)
	count(span.volumes) > 0
	not span.open
	not span.disrupted
}

# When the first growth was going on, [ns, seq].
_first_growth := min([[span.ns, span.seq] | some span in input.spans; span.open])

# A time after a growth in which nothing was going on.
exercised contains {"seq": {_first_growth[1], run.seq}} if {
	some run in spans.runs(input.spans, _quiet)
	run.least_ns >= _limits.watch_ns
	run.began_ns >= _first_growth[0]
}

_growths := [action.rise | some action in usage.grown(input, "ScheduledGrow", _params)]

violation contains {
	"code": "grown_repeatedly", "seq": {rise.seq | some rise in burst.events},
	"got": count(burst.events), "want": _limits.growths, "from_ns": burst.from_ns, "until_ns": burst.until_ns,
} if {
	burst := _burst(_growths, _limits.growths)
}

# The first window in which there are more events than allowed.
_burst(events, allowed) := {"events": inside, "from_ns": first.ns, "until_ns": inside[count(inside) - 1].ns} if {
	firsts := [event |
		some i, event in events
		events[i + allowed].ns - event.ns <= _limits.window_ns
	]
	first := firsts[0]
	inside := [event |
		some event in events
		event.ns >= first.ns
		event.ns <= first.ns + _limits.window_ns
	]
}

# The statuses that came while nothing was going on, in order.
_calm := [input.statuses[span.status] |
	some i in sort(_quiet)
	span := input.spans[i]
	input.statuses[span.status].ns == span.ns
]

_changes := [status |
	some i, status in _calm
	status.state != _calm[i - 1].state
]

violation contains {
	"code": "state_flaps", "seq": {status.seq | some status in burst.events},
	"got": count(burst.events), "want": _limits.states, "from_ns": burst.from_ns, "until_ns": burst.until_ns,
} if {
	burst := _burst(_changes, _limits.states)
}

# Writes of the volume status while nothing was going on: those that changed what
# the document tells of, and the others.
_writes := [{"ns": write[0], "seq": write[1]} |
	times := {[status.ns, status.seq] | some status in _calm} | {[write.ns, write.seq] |
		some write in input.rewrites
		_is_quiet(write.ns)
	}
	some write in sort(times)
]

_pauses := [{"from": run.began_ns, "until": run.ended_ns} | some run in spans.runs(input.spans, _quiet)]

_is_quiet(ns) if {
	some pause in _pauses
	ns >= pause.from
	ns < pause.until
}

violation contains {
	"code": "status_churn", "seq": {write.seq | some write in burst.events},
	"got": count(burst.events), "want": _limits.writes, "from_ns": burst.from_ns, "until_ns": burst.until_ns,
} if {
	burst := _burst(_writes, _limits.writes)
}

unknown contains {"reason": "gap", "seq": {gap.first_seq, gap.last_seq}} if {
	count(exercised) > 0
	some gap in input.gaps
	gap.resource in {"clusters", "persistentvolumeclaims"}
}
