# METADATA
# title: The judgement, by the whole trace
# description: |
#   Package docs/performance/judgement says what it judges. Nothing is looked up in a
#   rule that would be made anew for each key: time is linear in the number of events.
# scope: package
package judgement

_deadline_ns := 30000000000

_end_ns := max([event.ns | some event in input.events])

_grouped[uid][event.seq] := version if {
	some event in input.events
	event.object.kind == "PersistentVolumeClaim"
	labels := event.object.metadata.labels
	labels["cnpg.io/pvcRole"] == "PG_DATA"
	uid := event.object.metadata.uid
	version := {
		"seq": event.seq,
		"ns": event.ns,
		"type": event.type,
		"cluster": concat("/", [event.object.metadata.namespace, labels["cnpg.io/cluster"]]),
		"request": units.parse_bytes(event.object.spec.resources.requests.storage),
		"capacity": _capacity(event.object),
		"gone": _gone(event),
	}
}

default _capacity(_) := 0

_capacity(object) := units.parse_bytes(object.status.capacity.storage)

default _gone(_) := false

_gone(event) if event.type == "deleted"

_gone(event) if event.object.metadata.deletionTimestamp

_bounded[cluster][event.seq] := limit if {
	some event in input.events
	event.object.kind == "Cluster"
	event.type != "deleted"
	cluster := concat("/", [event.object.metadata.namespace, event.object.metadata.name])
	limit := units.parse_bytes(event.object.spec.storage.limit)
}

# The versions of each claim until it begins to go, in order.
_claims := {uid: {"end_ns": end, "versions": versions} |
	some uid, group in _grouped
	ends := [version.ns | some version in group; version.gone]
	end := min(array.concat(ends, [_end_ns]))
	versions := [group[seq] | some seq in sort(object.keys(group)); not group[seq].gone]
}

# Made once, because it is looked up by key.
_limits := {cluster: limits | some cluster, limits in _bounded}

# Requests that were written, with the one before; 0 when the claim was created.
_written contains object.union(versions[i], {"was": was, "end_ns": claim.end_ns, "uid": uid}) if {
	some uid, claim in _claims
	versions := claim.versions
	some i, _ in versions
	was := _before(versions, i)
	was != versions[i].request
}

_before(versions, 0) := 0 if versions[0].type == "added"

_before(versions, i) := versions[i - 1].request if i > 0

# METADATA
# description: What is wrong.
finding contains {"code": "above_limit", "seq": request.seq} if {
	some request in _written
	limits := _limits[request.cluster]
	last := max([seq | some seq, _ in limits; seq < request.seq])
	request.request > limits[last]
}

finding contains {"code": "shrunk", "seq": request.seq} if {
	some request in _written
	request.request < request.was
}

finding contains {"code": "late", "seq": request.seq} if {
	some request in _written
	request.was > 0
	request.request > request.was
	request.ns + _deadline_ns < request.end_ns
	met := [version.seq |
		some version in _claims[request.uid].versions
		version.seq >= request.seq
		version.ns <= request.ns + _deadline_ns
		version.capacity >= request.request
	]
	count(met) == 0
}
