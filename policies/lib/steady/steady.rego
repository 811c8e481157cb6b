# METADATA
# title: The steady state
# description: When a Cluster is as it should be, in the view cluster.
# scope: package
package lib.steady

import data.lib.spans

# METADATA
# description: |
#   The cluster is healthy and says so, has all the instances that its spec wants,
#   ready in its own words and by their pods, none of them going; no claim waits for its pod, its content or its size.
holds(span) if {
	span.phase == "Cluster in healthy state"
	span.ready == "True"
	span.ready_instances == span.wanted
	span.instances == span.wanted
	count(span.ready_pods) == span.wanted
	lists := [span.terminating, span.dangling, span.initializing, span.unusable, span.unsettled]
	every list in lists {
		count(list) == 0
	}
}

# METADATA
# description: The indices of the spans in which the cluster is not steady.
disturbed(spans) := {i |
	some i, span in spans
	not holds(span)
}

# METADATA
# description: The index of the first span in which the cluster is steady; undefined when it never is.
first(spans) := min({i |
	some i, span in spans
	holds(span)
})

# METADATA
# description: |
#   The times in which the cluster was not steady, once it had been: as the runs of
#   lib.spans.
recoveries(timeline) := [run |
	start := first(timeline)
	some run in spans.runs(timeline, disturbed(timeline))
	run.first > start
]

# METADATA
# description: Whether a disruption was going on in the run; until is when the history ends, ns.
disrupted(run, disruptions, until) if {
	some disruption in disruptions
	disruption.begin.ns < run.ended_ns
	over(disruption, until) >= run.began_ns
}

# METADATA
# description: When a disruption was over, ns; one that has no end goes on until the history ends.
over(disruption, until) := disruption.end.ns if {
	disruption.ended
} else := until
