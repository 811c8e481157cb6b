# METADATA
# title: Runs of spans
# description: How long a condition lasted on the joint timeline of the view storage.
# scope: package
package lib.spans

# METADATA
# description: |
#   The runs of neighbouring spans whose indices are in bad, in order: when each
#   began, how long it lasted at least and at most (ns), and whether it was going on
#   when the history ended. Linear in the number of spans.
runs(spans, bad) := [run |
	firsts := sort([i | some i in bad; not (i - 1) in bad])
	lasts := sort([i | some i in bad; not (i + 1) in bad])
	some k, i in firsts
	first := spans[i]
	last := spans[lasts[k]]
	run := {
		"first": i,
		"final": lasts[k],
		"seq": first.seq,
		"began_ns": first.ns,
		"ended_ns": last.until_ns,
		"open": last.last,
		"least_ns": last.until_not_before_ns - first.ns,
		"most_ns": last.until_ns - first.not_before_ns,
	}
]

# METADATA
# description: A run that lasted longer than grace for certain, with no gap of these kinds inside.
exceeds(run, grace, gaps, kinds) if {
	run.least_ns > grace
	not met(run, gaps, kinds)
}

# METADATA
# description: |
#   Why it cannot be said whether a run lasted longer than grace: it was going on
#   when the history ended (pending, or deleted with its cluster), a gap lies
#   inside, or the moments are not known exactly enough.
doubt(run, grace, gaps, kinds, until) := "gap" if {
	run.most_ns > grace
	met(run, gaps, kinds)
} else := {"trace_end": "pending", "deleted": "deleted"}[until] if {
	run.open
	run.least_ns <= grace
} else := "clock" if {
	run.least_ns <= grace
	run.most_ns > grace
}

# METADATA
# description: Whether a gap of one of these kinds meets the run.
met(run, gaps, kinds) if {
	some gap in gaps
	gap.resource in kinds
	not gap.same_generation
	gap.from_ns < run.ended_ns
	gap.until_ns > run.began_ns
}
