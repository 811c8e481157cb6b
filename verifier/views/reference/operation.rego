# METADATA
# title: The view operation, by the whole trace
# description: One document per expansion, without the field gaps (the certificate).
# scope: package
package reference.operation

import data.reference.objects
import data.reference.storage

# METADATA
# description: The documents of the view, by entity.
documents[entity] := document if {
	some group, timeline in storage.documents
	some i, operation in timeline.operations
	entity := sprintf("%s/op%d", [group, i + 1])
	leave := _leave(timeline)
	document := object.union(operation, {
		"namespace": timeline.namespace, "cluster": timeline.cluster, "role": timeline.role,
		"tablespace": timeline.tablespace, "number": i + 1, "mode": _mode(timeline, operation),
		"waiting": _waiting(timeline, operation),
		"until": timeline.until, "until_seq": timeline.until_seq, "until_ns": timeline.until_ns,
		"left": leave.seq > 0, "left_seq": leave.seq, "left_ns": leave.ns,
		"disruptions": [d |
			some d in timeline.disruptions
			_during(d.begin.seq, operation, timeline)
			d.begin.seq > operation.begin.seq
		],
		"progress": _progress(timeline, operation),
	})
}

# The cluster, or the last of the group's volumes, began to go.
_leave(timeline) := {"seq": timeline.until_seq, "ns": timeline.until_ns} if timeline.until == "deleted"

_leave(timeline) := objects.never if timeline.until != "deleted"

_mode(timeline, operation) := mode if {
	modes := [spec.mode | some spec in timeline.specs; spec.seq <= operation.begin.seq]
	mode := array.concat(["none"], modes)[count(modes)]
}

_waiting(_, operation) := [] if operation.closed

_waiting(timeline, operation) := [v.volume | some v in span.volumes; _short(v, span.peak)] if {
	not operation.closed
	span := timeline.spans[count(timeline.spans) - 1]
}

_short(volume, peak) if volume.capacity < peak

_short(volume, _) if volume.resizing

# After the begin, and before all that ends it.
_during(seq, operation, timeline) if {
	seq < timeline.until_seq
	not operation.closed
}

_during(seq, operation, timeline) if {
	seq < timeline.until_seq
	operation.closed
	seq < operation.end.seq
}

_within(seq, operation, timeline) if {
	seq >= operation.begin.seq
	_during(seq, operation, timeline)
}

_within(seq, operation, timeline) if {
	operation.closed
	seq == operation.end.seq
	seq < timeline.until_seq
}

# What happened to the group's claims, to the cluster's pods and to attachments.
_progress(timeline, operation) := [fact |
	facts := (_claims(timeline) | _attachments(timeline)) | _pods(timeline)
	some seq in sort({fact.seq | some fact in facts})
	_within(seq, operation, timeline)
	some fact in facts
	fact.seq == seq
]

_claims(timeline) := {fact |
	some volume in timeline.volumes
	rows := [{"event": event, "value": storage.value(event)} |
		some event in objects.lives("persistentvolumeclaims")[volume.uid]
		event.type != "deleted"
	]
	some row in objects.changes(rows)
	fact := _fact(row.event, "volume", volume.volume)
}

_attachments(timeline) := {fact |
	some volume in timeline.volumes
	some life in objects.lives("volumeattachments")
	rows := [{"event": event, "value": _attached(event)} | some event in life]
	some row in objects.changes(rows)
	row.event.data.spec.source.persistentVolumeName == _bound(volume)
	fact := _fact(row.event, "attachment", volume.volume)
}

_bound(volume) := names[count(names) - 1] if {
	names := [object.get(event.data, ["spec", "volumeName"], "") |
		some event in objects.lives("persistentvolumeclaims")[volume.uid]
		event.type != "deleted"
	]
}

# A deletion is a change whatever was before.
_attached(event) := "deleted" if event.type == "deleted"

_attached(event) := object.get(event.data, ["status", "attached"], false) if event.type != "deleted"

_pods(timeline) := {fact |
	some pod in timeline.pods
	rows := [{"event": event, "value": _state(event)} |
		some event in objects.lives("pods")[pod.uid]
		event.type != "deleted"
	]
	some row in objects.changes(rows)
	fact := _fact(row.event, "pod", pod.pod)
}

_state(event) := {
	"phase": object.get(event.data, ["status", "phase"], ""),
	"node": object.get(event.data, ["spec", "nodeName"], ""),
	"ready": count([c | some c in event.data.status.conditions; c.type == "Ready"; c.status == "True"]) > 0,
}

_fact(event, what, name) := object.union(objects.moment(event), {"what": what, "name": name})
