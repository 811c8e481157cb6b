# METADATA
# title: No acknowledged write is lost
# description: |
#   Every element whose write was acknowledged must be found by a later complete
#   read of a primary; nothing may be found that nobody wrote, or twice. That an
#   element is missing proves nothing while its write or the read was still going on.
#
#   Replication is asynchronous unless the cluster says otherwise: after a crash
#   failover only those elements are owed that the elected standby is known to have
#   had before it. After a restart, a drain or a switchover all are owed. An element
#   whose write was not acknowledged is owed once a read has found it; but what only
#   the crashed primary has shown, before another one was at work, is not.
#
#   It is exercised by a write before, and a complete read after, a disruption or an
#   expansion. A cluster that no sentinel watched cannot be judged. What was written
#   after all of them and went with its cluster before it could be read is owed to
#   nobody.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.set
# custom:
#   id: no-data-loss
#   class: set
#   view: set
#   requirement: Core invariant 1, no data loss
#   promise: Writes committed before a disruption remain queryable after it.
#   severity: critical
#   codes:
#     lost: acknowledged elements are missing in a later complete read
#     lost_though_replicated: elements that the elected standby had before the crash are missing
#     unexpected: elements were found that were never written, or whose write had failed
#     duplicated: elements were found more than once
#   reasons:
#     no_sentinel: no sentinel wrote or read, so the recording says nothing about data
#     no_read: no complete read of a primary was recorded
#     never_read: acknowledged elements were not read again afterwards
#     standby_unknown: elements were lost in a crash failover, and what the elected standby had before is not recorded
#   mutants: [lose_write, phantom_write, double_write, cut_read]
#   rows:
#     - doc: requirements
#       row: No data loss
package invariants.no_data_loss

exercised contains {"seq": {interruption.write_before_seq, interruption.begin.seq, interruption.read_after_seq}} if {
	some interruption in input.interruptions
	interruption.write_before_seq > 0
	interruption.read_after_seq > 0
}

# Elements that a crash failover may cost: commits did not wait for a standby.
_excusable(group) if {
	group.crash
	not input.synchronous
}

# Whoever waits for a standby when the primary crashes is told nothing; that the
# primary shows the element when it is back, before the other takes over, is no promise.
_excusable(group) if {
	group.crash
	not group.told
}

violation contains {"code": "lost", "seq": group.seq, "got": group.elements, "want": "found", "count": group.count} if {
	some group in input.lost
	not _excusable(group)
}

violation contains {
	"code": "lost_though_replicated", "seq": group.seq,
	"got": group.elements, "want": "found", "count": group.count,
} if {
	some group in input.lost
	_excusable(group)
	group.standby == "had"
}

violation contains {
	"code": "unexpected", "seq": input.unexpected.seq,
	"got": input.unexpected.elements, "want": "", "count": input.unexpected.count,
} if {
	input.unexpected.count > 0
}

violation contains {
	"code": "duplicated", "seq": input.duplicated.seq,
	"got": input.duplicated.elements, "want": "once", "count": input.duplicated.count,
} if {
	input.duplicated.count > 0
}

unknown contains {"reason": "no_sentinel", "seq": {input.until_seq}} if not input.sentinel

unknown contains {"reason": "no_read", "seq": {input.until_seq}} if {
	input.sentinel
	input.reads == 0
}

# The pods of a cluster that is deleted may be received to go a little before it.
_over(interruption, _) if interruption.begin.ns >= input.deleted.ns - data.params.time.order_skew_ns

_over(interruption, seq) if {
	interruption.ended
	interruption.end.seq < seq
}

_went_with_the_cluster(seq) if {
	input.deleted.seq > 0
	every interruption in input.interruptions {
		_over(interruption, seq)
	}
}

unknown contains {"reason": "never_read", "seq": {seq, input.until_seq}} if {
	input.reads > 0
	some seq in input.never_read.seq
	not _went_with_the_cluster(seq)
}

unknown contains {"reason": "standby_unknown", "seq": group.seq} if {
	some group in input.lost
	_excusable(group)
	group.standby == "unknown"
}
