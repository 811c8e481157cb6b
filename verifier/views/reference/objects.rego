# METADATA
# title: The whole trace
# description: |
#   The reference semantics of the views: what a document has to say, as plain
#   sentences over the whole trace. It looks at every event again and again, which is
#   slow and easy to believe; the projections in Go are fast, and a test compares
#   them with this on every recording. The input is the trace:
#
#     {"start_ns": Unix time, "end": {"seq", "ns"}, "gaps": […],
#      "events": [{"seq", "ns", "not_before_ns", "type", "inferred", "resource",
#                  "namespace", "name", "uid", "data": the whole object}]}
# scope: package
package reference.objects

# METADATA
# description: When an event was recorded.
moment(event) := {"seq": event.seq, "ns": event.ns, "not_before_ns": event.not_before_ns}

# METADATA
# description: A moment that never came.
never := {"seq": 0, "ns": 0, "not_before_ns": 0}

# METADATA
# description: The versions of objects of one resource, in order.
versions(resource) := [event |
	some event in input.events
	event.resource == resource
	event.type in {"added", "modified", "deleted"}
]

# METADATA
# description: The bytes of a quantity; 0 for what is none.
bytes(text) := ceil(units.parse_bytes(text)) if {
	is_string(text)
	text != ""
} else := text if {
	is_number(text)
} else := 0

# METADATA
# description: The object goes with this event.
leaving(event) if event.type == "deleted"

leaving(event) if event.data.metadata.deletionTimestamp

# METADATA
# description: The object was created while the trace was running; stamps have whole seconds.
born(event) if {
	created := time.parse_rfc3339_ns(event.data.metadata.creationTimestamp)
	created >= input.start_ns - (input.start_ns % 1000000000)
}

# METADATA
# description: What an object of a cluster belongs to, by its controller.
owner(event) := ref.uid if {
	some ref in event.data.metadata.ownerReferences
	ref.kind == "Cluster"
	ref.controller
}

# METADATA
# description: The first of some events, or a moment that never came.
first(events) := moment(events[0]) if count(events) > 0

first(events) := never if count(events) == 0

# METADATA
# description: Each object of a resource as its versions, by uid.
lives(resource) := {uid: life |
	all := versions(resource)
	some uid in {event.uid | some event in all}
	life := [event | some event in all; event.uid == uid]
}

# METADATA
# description: The condition of an object has this status.
condition(event, kind, status) if {
	some found in event.data.status.conditions
	found.type == kind
	found.status == status
}

# METADATA
# description: What a list of rows says from one row to the next, without what repeats it.
changes(rows) := [row |
	some i, row in rows
	_differs(rows, i)
]

_differs(_, 0)

_differs(rows, i) if rows[i - 1].value != rows[i].value
