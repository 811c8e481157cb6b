# METADATA
# title: The judgement, by the whole trace
# description: |
#   Package docs/performance/judgement says what it judges. Everything is
#   grouped by comprehensions that OPA indexes: time is linear in the number of events,
#   which it is not with partial rules.
# scope: package
package judgement

_deadline_ns := 30000000000

_end_ns := max([event.ns | some event in input.events])

_claim_events := [event |
	some event in input.events
	event.object.kind == "PersistentVolumeClaim"
	event.object.metadata.labels["cnpg.io/pvcRole"] == "PG_DATA"
]

_uids := {event.object.metadata.uid | some event in _claim_events}

_version(event) := {
	"seq": event.seq,
	"ns": event.ns,
	"type": event.type,
	"cluster": concat("/", [event.object.metadata.namespace, event.object.metadata.labels["cnpg.io/cluster"]]),
	"request": units.parse_bytes(event.object.spec.resources.requests.storage),
	"capacity": _capacity(event.object),
	"gone": _gone(event),
}

default _capacity(_) := 0

_capacity(object) := units.parse_bytes(object.status.capacity.storage)

default _gone(_) := false

_gone(event) if event.type == "deleted"

_gone(event) if event.object.metadata.deletionTimestamp

# The versions of each claim until it begins to go, in order.
_claims := {uid: {"end_ns": end, "versions": versions} |
	some uid in _uids
	events := [event | some event in _claim_events; event.object.metadata.uid == uid]
	all := [_version(event) | some event in events]
	end := min(array.concat([version.ns | some version in all; version.gone], [_end_ns]))
	versions := [version | some version in all; not version.gone]
}

_blocks := [block |
	some event in input.events
	event.object.kind == "Cluster"
	event.type != "deleted"
	block := {
		"seq": event.seq,
		"cluster": concat("/", [event.object.metadata.namespace, event.object.metadata.name]),
		"limit": units.parse_bytes(event.object.spec.storage.limit),
	}
]

_clusters := {block.cluster | some block in _blocks}

_limits := {cluster: limits |
	some cluster in _clusters
	limits := [block | some block in _blocks; block.cluster == cluster]
}

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
	before := [block.limit | some block in _limits[request.cluster]; block.seq < request.seq]
	request.request > before[count(before) - 1]
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
