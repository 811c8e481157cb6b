# METADATA
# title: Every claim has its size after every scenario
# description: |
#   After what was done to a cluster, every claim of a volume group must request the
#   size that is expected: the largest of what the spec asks for, what the status calls
#   the effective size, and what another claim of the group requests. No claim may
#   request more than the limit, save what was there before the limit, or what an
#   emergency is allowed to take; and every claim must get what it requests. Each has a
#   time of grace, which starts when what was done was over.
#
#   Volumes of WAL with a dynamic block are not specified yet.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.episode
# custom:
#   id: assert-storage
#   class: convergence
#   view: episode
#   requirement: Required assertions per scenario, 2. storage correctness
#   promise: The claims of every instance have the expected size after every scenario, within the bounds of the policy.
#   severity: critical
#   codes:
#     wrong_size: a claim does not request the expected size, and the time is up
#     above_limit: a claim requests more than the limit allows
#     not_provided: a claim has not got what it requests, and the time is up
#   reasons:
#     pending: the recording ends before the claims had to be right
#     deleted: the cluster was deleted before the claims had to be right
#     gap: events are missing just where the claims may have become right
#     clock: the moments are not known exactly enough to say whether it was in time
#   demand: declared
#   assertion: storage
#   rows:
#     - doc: requirements
#       row: Storage correctness
package assertions.storage

import data.lib.episodes
import data.lib.rises
import data.lib.spans

_graces := {
	"wrong_size": data.params["assert-storage"].size_ns,
	"above_limit": data.params.time.order_skew_ns,
	"not_provided": data.params["assert-storage"].provide_ns,
}

_kinds := {"clusters", "persistentvolumeclaims"}

# The spans of groups that are judged, each with the block in force.
_groups := [{"entity": group.entity, "spans": group.spans, "blocks": blocks, "expected": expected} |
	episodes.judged(input, data.params.episode.teardown_ns)
	some group in input.storage
	blocks := {i: block |
		some i, span in group.spans
		block := group.specs[span.spec]
		rises.in_scope(block.mode, group.role)
		count(span.volumes) > 0
	}
	expected := {i: _expected(group, i, block) | some i, block in blocks}
]

# Where volumes in use are not resized, only those of one group are to be alike.
_expected(group, i, block) := max(union(sizes)) if {
	span := group.spans[i]
	effective := {size | size := group.statuses[span.status].effective}
	sizes := {{span.peak}, _asked(block), effective}
}

_asked(block) := {size |
	block.resize_in_use
	some size in [block.request, block.size]
}

_faulty := [{"entity": group.entity, "spans": group.spans, "code": code, "expected": group.expected, "bad": bad} |
	some group in _groups
	some code, bad in {
		"wrong_size": {i | some i, size in group.expected; group.spans[i].low < size},
		"above_limit": {i | some i, block in group.blocks; _is_above(group.spans[i].peak, block)},
		"not_provided": {i | some i, _ in group.blocks; _is_short(group.spans[i])},
	}
]

_is_above(peak, block) if {
	block.mode == "dynamic"
	not block.exceed_limit
	peak > max({block.limit, block.limit_peak})
}

_is_short(span) if {
	some volume in span.volumes
	volume.capacity < volume.request
}

_runs := [{"entity": each.entity, "code": each.code, "run": run, "want": want, "got": got, "end": end} |
	some each in _faulty
	some run in episodes.runs(input, each.spans, each.bad)
	want := each.expected[run.final]
	got := each.spans[run.final].low
	end := episodes.last_seq(input, each.spans, run)
]

_evidence(each) := {input.begin.seq, episodes.start(input).seq, each.run.seq, each.end}

violation contains {
	"code": each.code, "seq": _evidence(each), "group": each.entity, "got": each.run.least_ns,
	"want": _graces[each.code], "unit": "ns", "low_bytes": each.got, "expected_bytes": each.want,
	"from_ns": each.run.began_ns, "until_ns": each.run.ended_ns,
} if {
	some each in _runs
	spans.exceeds(each.run, _graces[each.code], input.gaps, _kinds)
}

unknown contains {
	"reason": reason, "code": each.code, "seq": _evidence(each), "group": each.entity,
	"from_ns": each.run.began_ns, "until_ns": each.run.ended_ns,
} if {
	some each in _runs
	reason := spans.doubt(each.run, _graces[each.code], input.gaps, _kinds, input.horizon_by)
}

# A group is right in the end.
exercised contains episodes.row(input, {input.begin.seq, last.seq}) if {
	some group in _groups
	final := count(group.spans) - 1
	last := group.spans[final]
	group.expected[final] == last.low
	not _is_short(last)
}
