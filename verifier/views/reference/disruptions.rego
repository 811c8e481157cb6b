# METADATA
# title: Disruptions, by the whole trace
# description: What interrupted a cluster, as the API shows it.
# scope: package
package reference.disruptions

import data.reference.objects

_clusters := objects.lives("clusters")

_pods := objects.lives("pods")

_nodes := objects.lives("nodes")

# METADATA
# description: What interrupted a cluster while it was there, in order of begin.
of(uid) := [row |
	all := (((_deleted(uid) | _restarted(uid)) | _primaries(uid)) | _operators) | (_cordons(uid) | _marks(uid))
	some key in sort({[row.begin.seq, row.kind, row.subject] | some row in all})
	some row in all
	[row.begin.seq, row.kind, row.subject] == key
	_while(uid, row.begin.seq)
]

_while(uid, seq) if {
	leave := objects.first([event | some event in _clusters[uid]; objects.leaving(event)])
	_before(seq, leave)
	seq >= min({life[0].seq | some life in _owned(uid)} | {_clusters[uid][0].seq})
}

_owned(uid) := {life |
	some resource in ["persistentvolumeclaims", "pods"]
	some life in objects.lives(resource)
	objects.owner(life[0]) == uid
}

_before(_, moment) if moment.seq == 0

_before(seq, moment) if seq < moment.seq

_row(kind, subject, begin, end) := {
	"kind": kind, "subject": subject, "begin": begin, "ended": end.seq > 0, "end": end, "crash": false,
}

_instances(uid) := {pod: life |
	some pod, life in _pods
	life[0].data.metadata.labels["cnpg.io/podRole"] == "instance"
	objects.owner(life[0]) == uid
}

_left(life) := objects.first([event | some event in life; objects.leaving(event)])

_gone(life) := objects.first([event | some event in life; event.type == "deleted"])

_deleted(uid) := {row |
	some life in _instances(uid)
	leave := _left(life)
	leave.seq > 0
	row := _row("pod_deleted", life[0].name, leave, _gone(life))
}

_restarted(uid) := {_row("container_restarted", life[0].name, m, m) |
	some life in _instances(uid)
	some m in _restarts(life)
}

# The containers were restarted more often than ever before.
_restarts(life) := {objects.moment(event) |
	some i, event in life
	i > 0
	event.type != "deleted"
	_count(event) > max([_count(e) | some j, e in life; j < i])
}

_count(event) := sum([object.get(c, "restartCount", 0) |
	some c in object.get(event.data, ["status", "containerStatuses"], [])
])

# ---- another primary

_aims(uid) := objects.changes([{"event": event, "value": aim} |
	some event in _clusters[uid]
	event.type != "deleted"
	aim := {
		"current": object.get(event.data, ["status", "currentPrimary"], ""),
		"target": object.get(event.data, ["status", "targetPrimary"], ""),
	}
])

_apart(aim) if {
	aim.value.current != ""
	aim.value.target != ""
	aim.value.current != aim.value.target
}

# Runs in which target and current differ; those of one and the same primary in a
# row, when it stayed, are one.
_runs(uid) := [run |
	aims := _aims(uid)
	some i, aim in aims
	_apart(aim)
	not _apart(aims[i - 1])
	ends := [j | some j, other in aims; j > i; not _apart(other)]
	run := {"from": i, "to": min(array.concat(ends, [count(aims)])), "primary": aim.value.current}
]

_primaries(uid) := {row |
	aims := _aims(uid)
	runs := _runs(uid)
	some k, run in runs
	not _goes_on(runs, k)
	last := runs[max({m | some m, _ in runs; m >= k; _same(runs, k, m)})]
	end := object.get({i: objects.moment(aim.event) | some i, aim in aims}, last.to, objects.never)
	row := object.union(
		_row("primary_changed", run.primary, objects.moment(aims[run.from].event), end),
		{"crash": _crashed(aims, run.from, last.to)},
	)
}

_goes_on(runs, k) if {
	k > 0
	runs[k - 1].primary == runs[k].primary
}

_same(runs, k, m) if {
	every i in numbers.range(k, m) { runs[i].primary == runs[k].primary }
}

default _crashed(_, _, _) := false

_crashed(aims, from, to) if {
	some i, aim in aims
	i >= from
	i < to
	_apart(aim)
	aim.value.target == "pending"
}

# ---- the operator

_operator_pods := [life |
	some life in _pods
	life[0].data.metadata.labels["app.kubernetes.io/name"] == "cloudnative-pg"
	not life[0].data.metadata.labels["cnpg.io/cluster"]
]

_leaders := objects.changes([{"event": event, "value": holder} |
	some event in objects.versions("leases")
	endswith(event.name, ".cnpg.io")
	holder := _holder(event)
])

_holder(event) := "" if event.type == "deleted"

_holder(event) := object.get(event.data, ["spec", "holderIdentity"], "") if event.type != "deleted"

_operators := (_operators_deleted | _operators_restarted) | _leases

_operators_deleted := {_row("operator_restarted", life[0].name, leave, _back(leave)) |
	some life in _operator_pods
	leave := _left(life)
	leave.seq > 0
	_leads(life, leave)
}

_operators_restarted := {_row("operator_restarted", life[0].name, m, m) |
	some life in _operator_pods
	_leads(life, _left(life))
	some m in _restarts(life)
}

# The pod was the leader when it left, as far as a lease says so.
_leads(life, leave) if {
	held := [row.value | some row in _leaders; _before(row.event.seq, leave)]
	count(held) > 0
	startswith(held[count(held) - 1], life[0].name)
}

_leads(_, leave) if {
	held := [row.value | some row in _leaders; _before(row.event.seq, leave)]
	array.concat([""], held)[count(held)] == ""
}

# An operator is at work again: another pod is ready, or another one holds the lease.
_back(leave) := object.get({m.seq: m | some m in _backs; m.seq > leave.seq}, seq, objects.never) if {
	seq := min({m.seq | some m in _backs; m.seq > leave.seq} | {1e15})
}

_backs := {objects.first([event | some event in life; objects.condition(event, "Ready", "True")]) |
	some life in _operator_pods
} | {objects.moment(row.event) | some row in _leaders; row.value != ""}

_leases := {row |
	some i, leader in _leaders
	i > 0
	_leaders[i - 1].value != ""
	row := _row("operator_restarted", _leaders[i - 1].value, objects.moment(leader.event), _taken(i))
}

_taken(i) := objects.moment(_leaders[i].event) if {
	_leaders[i].value != ""
} else := object.get({j: objects.moment(l.event) | some j, l in _leaders}, i + 1, objects.never)

# ---- nodes

_cordons(uid) := {row |
	some life in _nodes
	some kind in ["node_unschedulable", "node_not_ready"]
	points := objects.changes([{"event": event, "value": _is(kind, event)} | some event in life])
	some i, point in points
	i > 0
	point.value
	_stands(uid, life[0].name, point.event.seq)
	end := object.get({j: objects.moment(p.event) | some j, p in points}, i + 1, objects.never)
	row := _row(kind, life[0].name, objects.moment(point.event), end)
}

default _is(_, _) := false

_is("node_unschedulable", event) if event.data.spec.unschedulable

_is("node_not_ready", event) if event.type == "deleted"

_is("node_not_ready", event) if not objects.condition(event, "Ready", "True")

# A pod of the cluster, there before and not gone yet, is bound to the node.
_stands(uid, node, seq) if {
	some life in _instances(uid)
	life[0].seq < seq
	_before(seq, _gone(life))
	bound := [object.get(event.data, ["spec", "nodeName"], "") | some event in life; event.type != "deleted"]
	bound[count(bound) - 1] == node
}

# METADATA
# description: The node of a pod was unschedulable when the pod left.
default cordoned(_, _) := false

cordoned(life, leave) if {
	leave.seq > 0
	bound := [object.get(event.data, ["spec", "nodeName"], "") |
		some event in life
		event.seq < leave.seq
	]
	some node in _nodes
	node[0].name == bound[count(bound) - 1]
	before := [_is("node_unschedulable", event) | some event in node; event.seq <= leave.seq]
	before[count(before) - 1]
}

# ---- what a driver says, where it can mean only this cluster

_marks(uid) := {row |
	count(_clusters) == 1
	some event in input.events
	event.type == "mark"
	event.data.phase == "disruption-start"
	row := _row("mark", _clusters[uid][0].name, objects.moment(event), objects.first(_over(event)))
}

_later(begin, phase) := [event |
	some event in input.events
	event.type == "mark"
	event.data.phase == phase
	event.seq > begin.seq
]

# An end that did not come is the cluster's doing: what was done was over when it
# had been done.
_over(begin) := ends if {
	ends := [end |
		some end in _later(begin, "disruption-end")
		object.get(end.data, "outcome", "") != "failed"
	]
	count(ends) > 0
} else := done if {
	count(_later(begin, "disruption-end")) > 0
	done := _later(begin, "disruption-injected")
	count(done) > 0
} else := _later(begin, "disruption-end")
