# METADATA
# title: A single instance recovers
# description: |
#   A cluster of one instance has nobody to fail over to: while its primary is
#   replaced, the service is interrupted. It must be in its steady state again in
#   time after the last disruption, with the same instance as primary.
#
#   It is put to the test by each time in which a disruption left the cluster not
#   steady, once it had been.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.cluster
# custom:
#   id: topology-t1
#   class: convergence
#   view: cluster
#   requirement: Topology T1, must recover cleanly
#   promise: A cluster of one instance comes back by itself.
#   severity: critical
#   exercised_in: disruption
#   demand: declared
#   rows:
#     - doc: requirements
#       row: T1
#     - doc: results
#       row: Topology T1 (single instance)
#   specs:
#     - handles dynamic sizing with no replicas
#   codes:
#     not_recovered: the only instance was not in its steady state in time after the disruption
#     recovered_late: the cluster came back, but too late after the disruption
#     failed_over: the primary became another instance, though the spec wants only one
#   reasons:
#     pending: the recording ends before the cluster had to be steady again
#     deleted: the cluster was deleted before it had to be steady again
#     gap: events are missing where the cluster may have been steady again
#     clock: the moments are not known exactly enough to say whether it was in time
package behaviour.topology_t1

import data.lib.spans
import data.lib.steady

_allowed := data.params["topology-t1"].recover_ns

_kinds := {"clusters", "pods", "persistentvolumeclaims"}

# From the end of the last disruption in the run, or its begin when it has none.
_recoveries := [{"run": run, "since_ns": since, "least_ns": run.ended_not_before_ns - since, "most_ns": most} |
	some recovery in steady.recoveries(input.spans)
	_single(recovery)
	last := input.spans[recovery.final]
	run := object.union(recovery, {"ended_not_before_ns": last.until_not_before_ns})
	began := [disruption |
		some disruption in input.disruptions
		disruption.begin.ns < run.ended_ns
		steady.over(disruption, input.until_ns) >= run.began_ns
	]
	since := max([_over(disruption).ns | some disruption in began])
	earliest := max([_over(disruption).not_before_ns | some disruption in began])
	most := run.ended_ns - earliest
]

_over(disruption) := disruption.end if {
	disruption.ended
} else := disruption.begin

_single(run) if {
	every i in numbers.range(run.first, run.final) {
		input.spans[i].wanted == 1
	}
}

exercised contains {"seq": {case.run.seq, input.spans[case.run.final].seq}, "in": "disruption"} if {
	some case in _recoveries
	not case.run.open
}

_code(run) := "not_recovered" if run.open

_code(run) := "recovered_late" if not run.open

violation contains {
	"code": _code(case.run), "seq": {case.run.seq, input.spans[case.run.final].seq},
	"got": case.least_ns, "want": _allowed, "unit": "ns",
	"from_ns": case.since_ns, "until_ns": case.run.ended_ns,
	"phase": input.spans[case.run.final].phase,
} if {
	some case in _recoveries
	case.least_ns > _allowed
	not spans.met(case.run, input.gaps, _kinds)
}

_doubt(case) := "gap" if {
	case.most_ns > _allowed
	spans.met(case.run, input.gaps, _kinds)
} else := {"trace_end": "pending", "deleted": "deleted"}[input.until] if {
	case.run.open
	case.least_ns <= _allowed
} else := "clock" if {
	case.least_ns <= _allowed
	case.most_ns > _allowed
}

unknown contains {
	"reason": reason, "seq": {case.run.seq, input.until_seq},
	"from_ns": case.since_ns, "until_ns": case.run.ended_ns,
} if {
	some case in _recoveries
	reason := _doubt(case)
}

violation contains {
	"code": "failed_over", "seq": {election.begin.seq, election.end.seq},
	"got": election.to, "want": election.from,
} if {
	some election in input.elections
	election.ended
	election.to != election.from
	election.wanted == 1
}
