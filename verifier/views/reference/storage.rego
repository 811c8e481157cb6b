# METADATA
# title: The view storage, by the whole trace
# description: |
#   One document per volume group of a cluster that was recorded itself, without
#   the fields windows (a calendar) and gaps (the certificate).
# scope: package
package reference.storage

import data.reference.disruptions
import data.reference.objects

_clusters := objects.lives("clusters")

_claims := {uid: life |
	some uid, life in objects.lives("persistentvolumeclaims")
	life[0].data.metadata.labels["cnpg.io/pvcRole"]
	objects.owner(life[0])
}

# The name of a cluster's life: the second one of a name is name#2.
_label(uid) := label if {
	own := _clusters[uid][0]
	earlier := {other |
		some other, life in _clusters
		life[0].namespace == own.namespace
		life[0].name == own.name
		life[0].seq <= own.seq
	}
	plain := sprintf("%s/%s", [own.namespace, own.name])
	label := [plain, sprintf("%s#%d", [plain, count(earlier)])][min([count(earlier) - 1, 1])]
}

_key(event) := {
	"role": event.data.metadata.labels["cnpg.io/pvcRole"],
	"tablespace": object.get(event.data.metadata.labels, "cnpg.io/tablespaceName", ""),
}

# The groups of a cluster: those that its spec, its status or a claim speaks of.
_groups(uid) := (_spec_groups(uid) | _status_groups(uid)) | {_key(life[0]) |
	some life in _claims
	objects.owner(life[0]) == uid
}

_spec_groups(uid) := {key |
	some event in _clusters[uid]
	event.type != "deleted"
	some key, _ in _blocks(event)
}

_status_groups(uid) := {key |
	some event in _clusters[uid]
	event.type != "deleted"
	some key, _ in _sizings(event)
}

_data := {"role": "PG_DATA", "tablespace": ""}

_wal := {"role": "PG_WAL", "tablespace": ""}

_tablespace(name) := {"role": "PG_TABLESPACE", "tablespace": name}

# What an event of the Cluster says of each group.
_blocks(event) := object.union_n([
	{_data: block | block := event.data.spec.storage},
	{_wal: block | block := event.data.spec.walStorage},
	{_tablespace(t.name): block |
		some t in object.get(event.data.spec, "tablespaces", [])
		block := object.get(t, "storage", {})
	},
])

_sizings(event) := object.union_n([
	{_data: sizing | sizing := event.data.status.storageSizing.data; count(sizing) > 0},
	{_wal: sizing | sizing := event.data.status.storageSizing.wal; count(sizing) > 0},
	{_tablespace(name): sizing | some name, sizing in event.data.status.storageSizing.tablespaces},
])

# Versions of the Cluster that are not its end.
_said(uid) := [event | some event in _clusters[uid]; event.type != "deleted"]

# METADATA
# description: The documents of the view, by entity.
documents[entity] := document if {
	some uid, _ in _clusters
	some key in _groups(uid)
	entity := concat("/", [part | some part in [_label(uid), key.role, key.tablespace]; part != ""])
	document := _document(uid, key)
}

_members(uid, key) := {claim: life |
	some claim, life in _claims
	objects.owner(life[0]) == uid
	_key(life[0]) == key
}

# The first event that tells of the cluster: of itself, or of what it owns.
_from(uid) := min({life[0].ns |
	some resource in ["clusters", "persistentvolumeclaims", "pods"]
	some id, life in objects.lives(resource)
	_tells(resource, id, life, uid)
})

_tells("clusters", uid, _, uid)

_tells("persistentvolumeclaims", claim, life, uid) if {
	_claims[claim]
	objects.owner(life[0]) == uid
}

_tells("pods", _, life, uid) if {
	life[0].data.metadata.labels["cnpg.io/podRole"] == "instance"
	objects.owner(life[0]) == uid
}

_leave(life) := objects.first([event | some event in life; objects.leaving(event)])

# Up to when the group can be judged.
_until(uid, members) := {"how": "deleted", "moment": last} if {
	count(members) > 0
	leaves := [_leave(life) | some life in members]
	every leave in leaves { leave.seq > 0 }
	last := [leave | some leave in leaves; leave.seq == max([l.seq | some l in leaves])][0]
	last.seq < _cluster_end(uid).moment.seq
} else := _cluster_end(uid)

_cluster_end(uid) := {"how": "deleted", "moment": leave} if {
	leave := _leave(_clusters[uid])
	leave.seq > 0
} else := {
	"how": "trace_end",
	"moment": {"seq": input.end.seq, "ns": input.end.ns, "not_before_ns": input.end.ns},
}

_reached(until, seq) if seq < until.moment.seq

_reached(until, seq) if {
	until.how == "trace_end"
	seq == until.moment.seq
}

_document(uid, key) := document if {
	own := _clusters[uid][0]
	members := _members(uid, key)
	until := _until(uid, members)
	specs := _specs(uid, key, until)
	statuses := _statuses(uid, key, until)
	points := _points(members, until)
	lost := [{"claim": claim, "moment": leave} |
		some claim, life in members
		leave := _leave(life)
		leave.seq > 0
		_reached(until, leave.seq)
	]
	scene := {
		"specs": specs, "statuses": statuses, "points": points, "lost": lost, "until": until,
		"names": {claim: life[0].name | some claim, life in members},
		"claims": {claim: _claim(life) | some claim, life in members},
	}
	document := {
		"namespace": own.namespace, "cluster": own.name, "role": key.role, "tablespace": key.tablespace,
		"cluster_seen": true, "born": _is_born(own), "from_ns": _from(uid),
		"until": until.how, "until_seq": until.moment.seq, "until_ns": until.moment.ns,
		"specs": [_spec_row(scene, i) | some i, _ in specs],
		"statuses": [status.row | some status in statuses],
		"requests": _requests(scene),
		"touches": _touches(members, until),
		"spans": _spans(scene),
		"operations": _operations(scene),
		"volumes": _ordered([object.union(_claim(life), objects.moment(life[0])) | some life in members]),
		"pods": _ordered(_pods(uid, until)),
		"disruptions": disruptions.of(uid),
	}
}

_ordered(rows) := [row |
	some seq in sort({row.seq | some row in rows})
	some row in rows
	row.seq == seq
]

_claim(life) := {
	"volume": life[0].name, "uid": life[0].uid,
	"instance": object.get(life[0].data.metadata.labels, "cnpg.io/instanceName", ""),
	"created": _is_born(life[0]), "left": _leave(life).seq > 0, "left_seq": _leave(life).seq, "left_ns": _leave(life).ns,
}

default _is_born(_) := false

_is_born(event) if objects.born(event)

_pods(uid, until) := [row |
	some life in objects.lives("pods")
	life[0].data.metadata.labels["cnpg.io/podRole"] == "instance"
	objects.owner(life[0]) == uid
	life[0].seq < until.moment.seq
	leave := _leave(life)
	row := object.union(objects.moment(life[0]), {
		"pod": life[0].name, "uid": life[0].uid,
		"instance": object.get(life[0].data.metadata.labels, "cnpg.io/instanceName", ""),
		"created": _is_born(life[0]), "left": leave.seq > 0, "left_seq": leave.seq, "left_ns": leave.ns,
		"cordoned": disruptions.cordoned(life, leave),
	})
]

# ---- what the Cluster says

_specs(uid, key, until) := [spec |
	rows := [{"event": event, "value": _block(event, key)} | some event in _said(uid); _spoken(uid, key, event)]
	some row in objects.changes(rows)
	_reached(until, row.event.seq)
	spec := {"moment": objects.moment(row.event), "generation": row.event.data.metadata.generation, "block": row.value}
]

# A group is spoken of from its first block, its first status or its first claim on.
_spoken(uid, key, event) if event.seq >= min(_mentions(uid, key))

_mentions(uid, key) := {event.seq |
	some event in _said(uid)
	some found in [_blocks(event), _sizings(event)]
	found[key]
}

_block(event, key) := block if {
	written := object.get(_blocks(event), key, null)
	written != null
	grow := object.get(written, "emergencyGrow", {})
	request := objects.bytes(object.get(written, "request", ""))
	limit := objects.bytes(object.get(written, "limit", ""))
	block := {
		"mode": _mode(request, limit), "size": _size(written), "request": request, "limit": limit,
		"resize_in_use": object.get(written, "resizeInUseVolumes", true),
		"emergency_enabled": object.get(grow, "enabled", true),
		"exceed_limit": object.get(grow, "exceedLimitOnEmergency", false),
		"max_actions": object.get(grow, "maxActionsPerDay", 4),
		"reserved_actions": object.get(grow, "reservedActionsForEmergency", 1),
		"target_buffer": object.get(written, "targetBuffer", 20),
		"critical_percent": object.get(grow, "criticalThreshold", 95),
		"critical_free": objects.bytes(object.get(grow, "criticalMinimumFree", "1Gi")),
		"windowed": count(object.get(written, "maintenanceWindow", {})) > 0,
		"window": object.get(written, "maintenanceWindow", {}),
		"instances": object.get(event.data.spec, "instances", 1),
	}
} else := {
	"mode": "none", "target_buffer": 0, "critical_percent": 0, "critical_free": 0,
	"size": 0, "request": 0, "limit": 0, "resize_in_use": false, "emergency_enabled": false,
	"exceed_limit": false, "max_actions": 0, "reserved_actions": 0, "windowed": false, "window": {},
	"instances": object.get(event.data.spec, "instances", 1),
}

_mode(request, limit) := "dynamic" if {
	request > 0
	limit > 0
} else := "static"

_size(written) := size if {
	size := objects.bytes(object.get(written, "size", ""))
	size > 0
} else := objects.bytes(object.get(written, ["pvcTemplate", "resources", "requests", "storage"], ""))

# The highest request when the present mode and limit came in force.
_spec_row(scene, i) := object.union(
	object.remove(scene.specs[i].block, {"window"}),
	object.union(scene.specs[i].moment, {
		"generation": scene.specs[i].generation,
		"until_ns": _spec_end(scene, i),
		"limit_peak": _peak_before(scene, scene.specs[_limit_since(scene, i)].moment.seq),
	}),
)

_spec_end(scene, i) := scene.specs[i + 1].moment.ns

_spec_end(scene, i) := scene.until.moment.ns if i + 1 == count(scene.specs)

_limit_since(scene, i) := max({j |
	some j, spec in scene.specs
	j <= i
	_limit_changes(scene, j)
})

_limit_changes(_, 0)

_limit_changes(scene, j) if scene.specs[j - 1].block.mode != scene.specs[j].block.mode

_limit_changes(scene, j) if scene.specs[j - 1].block.limit != scene.specs[j].block.limit

_statuses(uid, key, until) := [status |
	rows := [{"event": event, "value": _sizing(event, key)} | some event in _said(uid); _spoken(uid, key, event)]
	some row in objects.changes(rows)
	_reached(until, row.event.seq)
	status := {
		"row": object.union(object.remove(row.value, {"actual"}), objects.moment(row.event)),
		"seq": row.event.seq, "actual": row.value.actual, "effective": row.value.effective,
	}
]

_sizing(event, key) := sizing if {
	said := object.get(_sizings(event), key, {})
	budget := object.get(said, "budget", {})
	action := object.get(said, "lastAction", {})
	sizing := {
		"present": count(said) > 0, "state": object.get(said, "state", ""),
		"effective": objects.bytes(object.get(said, "effectiveSize", "")),
		"target": objects.bytes(object.get(said, "targetSize", "")), "message": object.get(said, "message", ""),
		"has_next_window": _has_window(said), "next_window_ns": _next_window(said),
		"has_budget": count(budget) > 0, "actions": object.get(budget, "actionsLast24h", 0),
		"planned": object.get(budget, "availableForPlanned", 0),
		"emergency": object.get(budget, "availableForEmergency", 0),
		"has_action": count(action) > 0, "action_kind": object.get(action, "kind", ""),
		"action_from": objects.bytes(object.get(action, "from", "")),
		"action_to": objects.bytes(object.get(action, "to", "")),
		"action_instance": object.get(action, "instance", ""), "action_result": object.get(action, "result", ""),
		"action_timestamp": object.get(action, "timestamp", ""), "action_at_ns": _at(action),
		"actual": {instance: objects.bytes(size) | some instance, size in object.get(said, "actualSizes", {})},
	}
}

default _has_window(_) := false

_has_window(said) if time.parse_rfc3339_ns(said.nextMaintenanceWindow)

default _next_window(_) := 0

_next_window(said) := time.parse_rfc3339_ns(said.nextMaintenanceWindow) - input.start_ns

_at(action) := (time.parse_rfc3339_ns(action.timestamp) - input.start_ns) + _clock_ahead

_at(action) := 0 if not action.timestamp

# By how much the recorder's clock is ahead of the API's, at most: what the receipt
# of each new object shows.
_clock_ahead := min(_receipts) if count(_receipts) > 0

_clock_ahead := 0 if count(_receipts) == 0

_receipts := {ahead |
	some event in input.events
	event.type == "added"
	not event.inferred
	objects.born(event)
	created := time.parse_rfc3339_ns(event.data.metadata.creationTimestamp)
	ahead := event.ns - (created - input.start_ns)
}

# ---- what the claims say

_resizing(event) if event.data.status.allocatedResourceStatuses.storage

_resizing(event) if {
	some found in event.data.status.conditions
	contains(found.type, "Resiz")
	object.get(found, "status", "") != "False"
}

default _is_resizing(_) := false

_is_resizing(event) if _resizing(event)

# METADATA
# description: What a version of a claim says.
value(event) := {
	"text": object.get(event.data, ["spec", "resources", "requests", "storage"], ""),
	"request": objects.bytes(object.get(event.data, ["spec", "resources", "requests", "storage"], "")),
	"capacity": objects.bytes(object.get(event.data, ["status", "capacity", "storage"], "")),
	"resizing": _is_resizing(event),
	"status": object.get(event.data, ["metadata", "annotations", "cnpg.io/pvcStatus"], ""),
}

# The change points of the live claims, in order.
_points(members, until) := [point |
	some seq in sort({event.seq | some life in members; some event in life})
	_reached(until, seq)
	some claim, life in members
	rows := [{"event": event, "value": value(event)} | some event in life; event.type != "deleted"]
	some i, row in objects.changes(rows)
	row.event.seq == seq
	_lives_at(life, seq)
	point := {
		"claim": claim, "seq": seq, "event": row.event, "value": row.value, "number": i,
		"before": _before(objects.changes(rows), i),
	}
]

_before(_, 0) := {"request": 0, "text": ""}

_before(rows, i) := rows[i - 1].value

_lives_at(life, _) if _leave(life).seq == 0

_lives_at(life, seq) if seq < _leave(life).seq

# The claims that are there after an event, each as it last was.
_live(scene, seq) := {claim: latest.value |
	some claim, _ in scene.names
	of_claim := [point | some point in scene.points; point.claim == claim; point.seq <= seq]
	count(of_claim) > 0
	not _gone(scene, claim, seq)
	latest := of_claim[count(of_claim) - 1]
}

_gone(scene, claim, seq) if {
	some loss in scene.lost
	loss.claim == claim
	loss.moment.seq <= seq
}

_peak_before(scene, seq) := _top({value.request | some value in _live(scene, seq - 1)})

_top(numbers) := max(numbers | {0})

_requests(scene) := [row |
	some point in scene.points
	_worth(point)
	others := object.remove(_live(scene, point.seq - 1), {point.claim})
	claim := scene.claims[point.claim]
	row := object.union(objects.moment(point.event), {
		"volume": claim.volume, "uid": claim.uid, "instance": claim.instance, "how": _how(point, claim),
		"from": point.before.request, "to": point.value.request,
		"peak": _top({value.request | some value in others}), "siblings": count(others),
		"effective": _effective(scene, point.seq), "spec": _last([s.moment.seq | some s in scene.specs], point.seq),
		"inferred": point.event.inferred, "restored": _restored(point.event),
	})
]

default _restored(_) := false

_restored(event) if event.data.spec.dataSource

_restored(event) if event.data.spec.dataSourceRef

_worth(point) if point.number == 0

_worth(point) if point.before.text != point.value.text

_how(point, claim) := "created" if {
	point.number == 0
	claim.created
} else := "listed" if {
	point.number == 0
} else := "rewritten" if {
	point.before.request == point.value.request
} else := "changed"

# The index of the last of these events that is not later, -1 before the first.
_last(seqs, seq) := count([s | some s in seqs; s <= seq]) - 1

_effective(scene, seq) := scene.statuses[i].effective if {
	i := _last([s.seq | some s in scene.statuses], seq)
	i >= 0
} else := 0

# Writes that change nothing but the fact that somebody wrote.
_touches(members, until) := _ordered([row |
	some life in members
	some i, event in life
	i > 0
	event.type == "modified"
	life[i - 1].type != "deleted"
	event.seq < until.moment.seq
	_body(life[i - 1]) == _body(event)
	row := object.union(objects.moment(event), {"volume": event.name})
])

_body(event) := json.remove(event.data, [
	"/metadata/resourceVersion", "/metadata/managedFields", "/apiVersion",
	"/kind",
])

# ---- both together

# The moment of each event.
_moments := {event.seq: objects.moment(event) | some event in input.events}

_steps(scene) := sort({seq |
	some moments in [
		[spec.moment | some spec in scene.specs], [status | some status in scene.statuses],
		[point | some point in scene.points], [loss.moment | some loss in scene.lost],
	]
	seq := moments[_].seq
})

_spans(scene) := [span |
	steps := _steps(scene)
	some i, seq in steps
	live := _live(scene, seq)
	span := object.union(_moments[seq], object.union(_span_end(scene, steps, i), {
		"last": (i + 1) == count(steps), "spec": _last([s.moment.seq | some s in scene.specs], seq),
		"status": _last([s.seq | some s in scene.statuses], seq), "open": _is_open(scene, seq),
		"peak": _top({value.request | some value in live}), "low": _low({value.request | some value in live}),
		"capacity": _top({value.capacity | some value in live}),
		"volumes": [_volume(scene, seq, claim, live[claim]) | some claim in _appeared(scene); live[claim]],
	}))
]

_span_end(scene, steps, i) := {"until_ns": end.ns, "until_not_before_ns": end.not_before_ns} if {
	end := object.get({n: _moments[seq] | some n, seq in steps}, i + 1, scene.until.moment)
}

_low(numbers) := min(numbers) if count(numbers) > 0

_low(numbers) := 0 if count(numbers) == 0

# The claims in order of appearance.
_appeared(scene) := [point.claim | some point in scene.points; point.number == 0]

_volume(scene, seq, claim, value) := {
	"volume": scene.claims[claim].volume, "instance": scene.claims[claim].instance,
	"request": value.request, "capacity": value.capacity, "resizing": value.resizing, "status": value.status,
	"actual": _actual(scene, seq, scene.claims[claim].instance),
}

_actual(scene, seq, instance) := scene.statuses[i].actual[instance] if {
	i := _last([s.seq | some s in scene.statuses], seq)
	i >= 0
} else := -1

# Where an expansion may begin: a request rises, or a claim is found in the middle of one.
_begins(scene) := [point | some point in scene.points; _begin(scene, point)]

_begin(_, point) if _rises(point)

_begin(scene, point) if {
	point.number == 0
	not scene.claims[point.claim].created
	point.value.capacity > 0
	_unfinished(point.value, point.value.request)
}

_rises(point) if {
	point.number > 0
	point.value.request > point.before.request
}

_unfinished(value, size) if value.capacity < size

_unfinished(value, _) if value.resizing

# The events after which every claim has the highest request.
_done(scene) := {seq |
	some seq in ({point.seq | some point in scene.points} | {loss.moment.seq | some loss in scene.lost})
	live := _live(scene, seq)
	count(live) > 0
	peak := _top({value.request | some value in live})
	every value in live { not _unfinished(value, peak) }
}

# An expansion goes on from its begin to the first event after which all is done.
_operations(scene) := [operation |
	done := _done(scene)
	begins := _begins(scene)
	some begin in begins
	every earlier in begins { _over(earlier.seq, begin.seq, done) }
	ends := {seq | some seq in done; seq >= begin.seq}
	steps := [point |
		some point in scene.points
		point.seq >= begin.seq
		point.seq <= min(ends | {scene.until.moment.seq})
	]
	operation := object.union(_end(scene, ends), {
		"begin": objects.moment(begin.event), "begin_known": _is_rise(begin), "from": begin.before.request,
		"target": max([_top({value.request | some value in _live(scene, step.seq)}) | some step in steps]),
		"steps": [_step(scene, step) | some step in steps],
	})
]

default _is_rise(_) := false

_is_rise(point) if _rises(point)

default _is_open(_, _) := false

_is_open(scene, seq) if {
	some begin in _begins(scene)
	begin.seq <= seq
	count({done | some done in _done(scene); done >= begin.seq; done <= seq}) == 0
}

_over(earlier, begin, _) if earlier >= begin

_over(earlier, begin, done) if {
	some seq in done
	seq >= earlier
	seq < begin
}

_end(_, ends) := {"closed": false, "closed_by": "", "end": objects.never} if count(ends) == 0

_end(scene, ends) := {"closed": true, "closed_by": _closed_by(scene, min(ends)), "end": _moments[min(ends)]} if {
	count(ends) > 0
}

_closed_by(scene, seq) := "volume_left" if {
	some loss in scene.lost
	loss.moment.seq == seq
} else := "capacity"

_step(scene, point) := object.union(objects.moment(point.event), {
	"volume": scene.claims[point.claim].volume, "request": point.value.request, "capacity": point.value.capacity,
	"resizing": point.value.resizing,
})
