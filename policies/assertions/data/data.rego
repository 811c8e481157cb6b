# METADATA
# title: The data are the same after every scenario
# description: |
#   What a sentinel had written before or during what was done to a cluster must be
#   found by a complete read of a primary that began afterwards; no read may find what
#   nobody wrote, or the same element twice. After a crash failover with asynchronous
#   replication only those elements are owed that the elected standby is known to have
#   had before it.
#
#   It is exercised by a write before and a complete read after it. A cluster that no
#   sentinel watched cannot be judged.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.episode
# custom:
#   id: assert-data
#   class: set
#   view: episode
#   requirement: Required assertions per scenario, 3. data correctness
#   promise: A sentinel finds after every scenario what it had written before.
#   severity: critical
#   codes:
#     lost: acknowledged elements are missing in a complete read afterwards
#     lost_though_replicated: elements that the elected standby had before the crash are missing
#     unexpected: a read found elements that were never written, or whose write had failed
#     duplicated: a read found elements more than once
#   reasons:
#     no_sentinel: no sentinel wrote to the cluster or read from it
#     no_write: nothing was written before it
#     no_read: no complete read of a primary began after it
#     never_read: acknowledged elements were not read again afterwards
#     standby_unknown: elements were lost in a crash failover, and what the elected standby had before is not recorded
#   demand: declared
#   assertion: data
#   rows:
#     - doc: requirements
#       row: Data correctness
package assertions.data

import data.lib.elements
import data.lib.episodes

_judged if episodes.judged(input, data.params.episode.teardown_ns)

_workloads := [workload | _judged; some workload in input.workloads]

_span := {"from_ns": input.begin.ns, "until_ns": input.horizon.ns}

# Elements that a crash failover may cost: commits did not wait for a standby.
_excusable(workload, group) if {
	group.crash
	not workload.synchronous
}

# Whoever waits for a standby when the primary crashes is told nothing.
_excusable(_, group) if {
	group.crash
	not group.told
}

_owed := [group |
	some workload in _workloads
	some group in workload.lost
	not _excusable(workload, group)
]

_excused := [group |
	some workload in _workloads
	some group in workload.lost
	_excusable(workload, group)
]

_missing(group, code) := object.union(_span, {
	"code": code, "seq": group.seq, "got": group.elements, "want": "found", "count": group.count,
})

violation contains _missing(group, "lost") if some group in _owed

violation contains _missing(group, "lost_though_replicated") if {
	some group in _excused
	group.standby == "had"
}

violation contains object.union(_span, {
	"code": "unexpected", "seq": {read.seq}, "got": read.elements, "want": "", "count": read.count,
}) if {
	some workload in _workloads
	some read in workload.unexpected
}

violation contains object.union(_span, {
	"code": "duplicated", "seq": {read.seq}, "got": read.elements, "want": "once", "count": read.count,
}) if {
	some workload in _workloads
	some read in workload.duplicated
}

unknown contains object.union(_span, {"reason": "no_sentinel", "seq": {input.begin.seq, input.horizon.seq}}) if {
	_judged
	not input.sentinel
}

unknown contains object.union(_span, {"reason": "no_write", "seq": {input.begin.seq, input.horizon.seq}}) if {
	some workload in _workloads
	workload.write_before_seq == 0
}

unknown contains object.union(_span, {"reason": "no_read", "seq": {input.begin.seq, input.horizon.seq}}) if {
	some workload in _workloads
	workload.read_after_seq == 0
}

unknown contains object.union(_span, {"reason": "never_read", "seq": {seq, input.horizon.seq}}) if {
	some workload in _workloads
	workload.read_after_seq != 0
	some seq in elements.unread(input, workload)
}

unknown contains object.union(_span, {"reason": "standby_unknown", "seq": group.seq}) if {
	some group in _excused
	group.standby == "unknown"
}

exercised contains episodes.row(input, {workload.write_before_seq, input.begin.seq, workload.read_after_seq}) if {
	some workload in _workloads
	workload.write_before_seq != 0
	workload.read_after_seq != 0
}
