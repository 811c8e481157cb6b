# METADATA
# title: Specs that disturb all clusters run alone
# description: |
#   The operator and the nodes belong to every cluster. A spec that restarts the
#   operator, or drains or loses a node, must not run beside another one, or neither
#   says anything. Which specs run is known from the marks of a suite or from its
#   report.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.suite
# custom:
#   id: suite-serial
#   class: state
#   view: suite
#   requirement: Test design requirement 2, disruptive scenarios are serial
#   promise: No spec is disturbed by what another one does to the operator or to a node.
#   severity: minor
#   demand: declared
#   codes:
#     interference: the operator or a node was disturbed while several specs were running
#   rows:
#     - doc: requirements
#       row: Disruptive scenarios are serial
package suite.serial

# What was done to all clusters, with the specs that were running.
_disturbed := [{"disruption": disruption, "specs": specs} |
	some disruption in input.shared
	specs := [spec | some spec in input.specs; _runs(spec, disruption.begin.ns)]
	count(specs) > 0
]

_runs(spec, ns) if {
	spec.begin_ns <= ns
	not spec.ended
}

_runs(spec, ns) if {
	spec.begin_ns <= ns
	ns <= spec.end_ns
}

exercised contains {"seq": {row.disruption.begin.seq}} if some row in _disturbed

violation contains {
	"code": "interference", "class": "test",
	"seq": ({row.disruption.begin.seq} | {spec.begin_seq | some spec in row.specs}),
	"got": count(row.specs), "want": 1, "kind": row.disruption.kind, "subject": row.disruption.subject,
	"specs": [spec.title | some spec in row.specs],
} if {
	some row in _disturbed
	count(row.specs) > 1
}
