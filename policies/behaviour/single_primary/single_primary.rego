# METADATA
# title: One primary at a time
# description: |
#   At most one instance reports to the operator that it is the primary, and no
#   instance takes writes on an old timeline once another one does on a later
#   timeline: the sentinel asks each instance whether it is in recovery. Having no
#   primary for the time of a failover is allowed.
#
#   The Services select by labels, which follow the primary one pod after the
#   other: two labelled pods are found fault with only when it lasts.
#
#   It is put to the test whenever the primary is to be another one.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.cluster
# custom:
#   id: single-primary
#   class: state
#   view: cluster
#   requirement: Shrink during failover, one primary at all times
#   promise: There are never two primaries, whatever fails.
#   severity: critical
#   demand: declared
#   rows:
#     - doc: requirements
#       row: Failover during growth
#     - doc: requirements
#       row: Shrink during failover
#   specs:
#     - continues growth safely after failover
#     - handles dynamic sizing with single replica
#   codes:
#     two_primaries: two instances reported to be the primary at the same time
#     two_writers: an instance was open for writes on an old timeline when another one was on a later timeline already
#     two_labelled: two pods were labelled as the primary for too long, so that writes could go to either
#   reasons:
#     gap: events are missing, so a second primary may not have been seen
#     pending: the recording ends while two pods are labelled as the primary, within the time of grace
#     deleted: the cluster was deleted while two pods were labelled as the primary, within the time of grace
#     clock: the moments are not known exactly enough to say how long two pods were labelled as the primary
#     cluster_unseen: the Cluster was not recorded, so nobody told who is the primary
package behaviour.single_primary

import data.lib.spans

_grace := data.params["single-primary"].label_ns

_kinds := {"pods"}

exercised contains {"seq": {election.begin.seq, election.end.seq}, "in": "disruption"} if {
	some election in input.elections
	election.ended
}

violation contains {
	"code": "two_primaries", "seq": {run.seq}, "got": concat(", ", span.primaries), "want": span.current,
	"from_ns": run.began_ns, "until_ns": run.ended_ns,
} if {
	several := {i |
		some i, span in input.spans
		count(span.primaries) > 1
	}
	some run in spans.runs(input.spans, several)
	span := input.spans[run.first]
}

# A major upgrade starts again with the first timeline.
_renewed(since, until) if {
	some span in input.spans
	span.phase == "Upgrading Postgres major version"
	span.ns <= until
	span.until_ns >= since
}

violation contains {
	"code": "two_writers", "seq": {later.first.seq, former.last.seq}, "got": former.instance, "want": later.instance,
	"from_ns": later.first.ns, "until_ns": former.last.ns, "timeline": later.timeline,
} if {
	some former in input.writers
	some later in input.writers
	former.instance != later.instance
	former.timeline < later.timeline
	former.last.not_before_ns > later.first.ns
	not _renewed(former.first.ns, former.last.ns)
}

_labelled := spans.runs(input.spans, {i |
	some i, span in input.spans
	count(span.labelled) > 1
})

violation contains {
	"code": "two_labelled", "seq": {run.seq, span.seq}, "got": run.least_ns, "want": _grace, "unit": "ns",
	"from_ns": run.began_ns, "until_ns": run.ended_ns, "pods": concat(", ", span.labelled),
} if {
	some run in _labelled
	spans.exceeds(run, _grace, input.gaps, _kinds)
	span := input.spans[run.final]
}

unknown contains {
	"reason": reason, "seq": {run.seq, input.until_seq}, "code": "two_labelled",
	"from_ns": run.began_ns, "until_ns": run.ended_ns,
} if {
	some run in _labelled
	reason := spans.doubt(run, _grace, input.gaps, _kinds, input.until)
}

unknown contains {"reason": "gap", "seq": {gap.first_seq, gap.last_seq}} if {
	count(exercised) > 0
	some gap in input.gaps
	gap.resource == "clusters"
}

unknown contains {"reason": "cluster_unseen", "seq": {input.until_seq}} if not input.seen
