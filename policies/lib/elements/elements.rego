# METADATA
# title: Elements of a sentinel
# description: |
#   What a sentinel says about data that was acknowledged around an episode: what is
#   wrong, by code (lost, lost_though_replicated, unexpected, duplicated), and what is
#   not known, by reason (no_sentinel, no_read, never_read, standby_unknown).
# scope: package
package lib.elements

# What a crash failover may cost: commits did not wait for a standby.
_excusable(workload, group) if {
	group.crash
	not workload.synchronous
}

# Whoever waits for a standby when the primary crashes is told nothing.
_excusable(_, group) if {
	group.crash
	not group.told
}

_code(workload, group) := "lost_though_replicated" if {
	_excusable(workload, group)
	group.standby == "had"
} else := "lost" if {
	not _excusable(workload, group)
}

# METADATA
# description: The rows of violation.
violations(episode) := ({{
	"code": code, "seq": {seq | some seq in group.seq}, "got": group.elements, "want": "found", "count": group.count,
} |
	some workload in episode.workloads
	some group in workload.lost
	code := _code(workload, group)
} | {{"code": "unexpected", "seq": {read.seq}, "got": read.elements, "want": "", "count": read.count} |
	some workload in episode.workloads
	some read in workload.unexpected
}) | {{"code": "duplicated", "seq": {read.seq}, "got": read.elements, "want": "once", "count": read.count} |
	some workload in episode.workloads
	some read in workload.duplicated
}

# METADATA
# description: |
#   The evidence of elements that were acknowledged and never read again. Those that
#   were written after the episode and went with their cluster are owed to nobody.
unread(episode, workload) := {seq |
	some seq in workload.unread.seq
	not _went_with_the_cluster(episode, seq)
}

_went_with_the_cluster(episode, seq) if {
	episode.horizon_by == "deleted"
	episode.ended
	episode.end.seq < seq
}

# METADATA
# description: The rows of unknown.
doubts(episode) := (({{"reason": "no_sentinel", "seq": {episode.begin.seq, episode.horizon.seq}} |
	not episode.sentinel
} | {{"reason": "no_read", "seq": {episode.end.seq, episode.horizon.seq} - {0}} |
	episode.sentinel
	sum([workload.read_after_seq | some workload in episode.workloads]) == 0
}) | {{"reason": "never_read", "seq": seq} |
	some workload in episode.workloads
	workload.read_after_seq > 0
	seq := unread(episode, workload)
	count(seq) > 0
}) | {{"reason": "standby_unknown", "seq": {seq | some seq in group.seq}} |
	some workload in episode.workloads
	some group in workload.lost
	_excusable(workload, group)
	group.standby == "unknown"
}
