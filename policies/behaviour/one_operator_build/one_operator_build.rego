# METADATA
# title: One build of the operator judges the run
# description: |
#   All clusters of a run have the same operator, and keep it: what it wrote into
#   their status (cloudNativePGCommitHash, cloudNativePGOperatorHash) does not change.
#   Verdicts about a run in which two builds were at work are about neither of them:
#   the run is void.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.run
# custom:
#   id: one-operator-build
#   class: state
#   view: run
#   requirement: Test design, one writer in a run
#   promise: A run tells about one build of the operator.
#   severity: critical
#   demand: declared
#   codes:
#     build_differs: another build of the operator wrote the status of a cluster than the first one of the run
#     builds_alternate: the same build wrote the status of a cluster again after another one did, so two are at work
#   reasons:
#     gap: versions of Clusters are missing, so another build may not have been seen
#   rows:
#     - doc: further
#       row: One build of the operator
package behaviour.one_operator_build

_named(build) := concat("/", [build.commit, build.operator])

exercised contains {"seq": {build.seq}} if {
	some build in input.builds
	_named(build) == _named(input.builds[0])
}

violation contains {
	"code": "build_differs", "class": "test", "seq": {input.builds[0].seq, build.seq},
	"got": _named(build), "want": _named(input.builds[0]), "cluster": build.cluster,
} if {
	some build in input.builds
	_named(build) != _named(input.builds[0])
}

# Neighbours in the list of one cluster differ, so what comes again came back.
_returned := [build |
	some i, build in input.builds
	count([former |
		some k, former in input.builds
		k < i
		former.cluster == build.cluster
		_named(former) == _named(build)
	]) > 0
]

violation contains {
	"code": "builds_alternate", "class": "test", "seq": {build.seq},
	"got": _named(build), "want": "one operator", "cluster": build.cluster,
} if {
	some build in _returned
}

unknown contains {"reason": "gap", "seq": {gap.first_seq, gap.last_seq}} if {
	count(exercised) > 0
	some gap in input.gaps
	gap.resource == "clusters"
}
