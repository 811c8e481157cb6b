# METADATA
# title: The recording does not know what happened
# description: |
#   A declared gap (gap): versions of the cluster's objects came and went unseen, so
#   that what took the time may be among them. Or the API server could not be watched
#   for a while (api_unavailable): nothing needs to be lost, but neither could anybody
#   else reach it, unless it was the recorder that was away (recorder_stopped).
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.wait
# custom:
#   id: diagnosis-recorder-gap
#   class: diagnosis
#   view: wait
#   requirement: Failure mode a gap of the recorder
#   reasons:
#     gap: versions of the cluster's objects were not recorded
#     recorder_stopped: the recorder was not running
#     api_unavailable: the API server could not be reached
#   rows:
#     - doc: further
#       row: Gap of the recording
package diagnosis.recorder_gap

blame contains {
	"class": "recorder", "reason": "gap", "seq": {gap.first_seq, gap.last_seq}, "from_ns": gap.from_ns,
	"until_ns": gap.until_ns, "resource": gap.resource,
} if {
	some gap in input.gaps
}

_long := [outage |
	some outage in input.outages
	outage.until_ns - outage.from_ns > data.params["diagnosis-recorder-gap"].outage_ns
]

_cause(outage) := ["recorder_stopped", "recorder"] if contains(outage.reason, "the recorder was stopped")

_cause(outage) := ["api_unavailable", "infrastructure"] if not contains(outage.reason, "the recorder was stopped")

# Every watch breaks on its own; the time that is told is that of all with one cause.
_outages := {cause: outages |
	some outage in _long
	cause := _cause(outage)
	outages := [o | some o in _long; _cause(o) == cause]
}

# A time is told once: from a begin that no other outage covers, until one ends and none goes on.
_begins(outages) := sort({o.from_ns |
	some o in outages
	count([p | some p in outages; p.from_ns < o.from_ns; o.from_ns <= p.until_ns]) == 0
})

_ends(outages) := sort({o.until_ns |
	some o in outages
	count([p | some p in outages; p.from_ns <= o.until_ns; o.until_ns < p.until_ns]) == 0
})

blame contains {
	"class": cause[1], "reason": cause[0], "from_ns": from, "until_ns": until,
	"seq": {seq | some o in during; some seq in o.seq}, "resources": {o.resource | some o in during},
	"said": {o.reason | some o in during},
} if {
	some cause, outages in _outages
	some i, from in _begins(outages)
	until := _ends(outages)[i]
	during := [o | some o in outages; o.from_ns >= from; o.until_ns <= until]
}
