# METADATA
# title: Each spec has a namespace of its own and cleans up
# description: |
#   A cluster belongs to the one spec that was running when it was created. Two specs
#   must not have clusters in one namespace at the same time, and a spec that has
#   ended must not leave its cluster behind: what is left goes on to disturb the
#   others. A cluster that was created while several specs were running belongs to
#   nobody and is not judged.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.suite
# custom:
#   id: suite-namespaces
#   class: response
#   view: suite
#   requirement: Test design requirement 3, scenario-specific namespaces and cleanup hooks
#   promise: No spec finds what another one left.
#   severity: minor
#   demand: declared
#   codes:
#     shared_namespace: two specs had clusters in one namespace at the same time
#     left_behind: the cluster was still there long after its spec had ended
#   reasons:
#     pending: the recording ends before the cluster had to be gone
#   rows:
#     - doc: requirements
#       row: Scenario-specific namespaces and cleanup
package suite.namespaces

_cleanup := data.params["suite-namespaces"].cleanup_ns

# Clusters with the one spec that was running when they were created.
_owned := [{"cluster": cluster, "spec": specs[0]} |
	some cluster in input.clusters
	cluster.born
	specs := [spec | some spec in input.specs; _runs(spec, cluster.ns)]
	count(specs) == 1
]

_runs(spec, ns) if {
	spec.begin_ns <= ns
	not spec.ended
}

_runs(spec, ns) if {
	spec.begin_ns <= ns
	ns <= spec.end_ns
}

exercised contains {"seq": {row.cluster.seq, row.spec.begin_seq}} if some row in _owned

# Those of one namespace, in order of creation.
_of_namespace := {namespace: rows |
	some namespace in {row.cluster.namespace | some row in _owned}
	rows := [row | some row in _owned; row.cluster.namespace == namespace]
}

violation contains {
	"code": "shared_namespace", "class": "test", "seq": {first.cluster.seq, second.cluster.seq},
	"got": namespace, "want": "a namespace for each spec", "specs": [first.spec.title, second.spec.title],
} if {
	some namespace, rows in _of_namespace
	some i, second in rows
	first := rows[i - 1]
	first.spec.begin_seq != second.spec.begin_seq
	_is_there(first.cluster, second.cluster.ns)
}

_is_there(cluster, _) if not cluster.left

_is_there(cluster, ns) if cluster.left_ns > ns

# How long a cluster stayed after its spec, at least, and whether it was going on.
_stays := [{"cluster": row.cluster, "spec": row.spec, "until": until} |
	some row in _owned
	row.spec.ended
	until := _until(row.cluster)
]

_until(cluster) := {"seq": cluster.left_seq, "ns": cluster.left_ns} if cluster.left

_until(cluster) := {"seq": input.until_seq, "ns": input.until_ns} if not cluster.left

violation contains {
	"code": "left_behind", "class": "test", "seq": {stay.cluster.seq, stay.spec.end_seq, stay.until.seq},
	"got": stay.until.ns - stay.spec.end_ns, "want": _cleanup, "unit": "ns", "spec": stay.spec.title,
} if {
	some stay in _stays
	stay.until.ns - stay.spec.end_ns > _cleanup
}

unknown contains {"reason": "pending", "seq": {stay.cluster.seq, stay.spec.end_seq, stay.until.seq}} if {
	some stay in _stays
	not stay.cluster.left
	stay.until.ns - stay.spec.end_ns <= _cleanup
}
