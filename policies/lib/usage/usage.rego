# METADATA
# title: Usage
# description: |
#   How full volumes are and what follows from that, in the view pressure, by the
#   documented sizing model. A file system is a few percent smaller than its volume,
#   and it is not documented which of the two a share is of: what is said to be so
#   is so by both. What is free is free in the file system. params are the thresholds
#   of the groups time and usage.
# scope: package
package lib.usage

import data.lib.rises
import data.lib.spans

_gib := 1073741824

_kinds := {"clusters", "persistentvolumeclaims"}

# METADATA
# description: Whether the free share of a volume is below the buffer, by every reckoning.
over(spec, volume, sample) if {
	sample.used * 100 > _largest(volume, sample) * (100 - spec.target_buffer)
}

# METADATA
# description: Whether a volume meets a condition for emergency growth, by every reckoning.
critical(spec, volume, sample) if {
	sample.used * 100 >= _largest(volume, sample) * spec.critical_percent
}

critical(spec, _, sample) if max([sample.available, sample.capacity - sample.used]) <= spec.critical_free

_largest(volume, sample) := max([volume.capacity, sample.capacity])

# METADATA
# description: |
#   The size for so many used bytes: used / (1 - targetBuffer), rounded up to a whole
#   GiB, within request and limit.
wanted(spec, used) := max([spec.request, min([spec.limit, size])]) if {
	size := ceil((used * 100) / ((100 - spec.target_buffer) * _gib)) * _gib
}

# METADATA
# description: Whether a sample may meet a condition for emergency growth, by some reckoning of this size.
perhaps_critical(spec, sample, size) if sample.used * 100 >= size * spec.critical_percent

perhaps_critical(spec, sample, size) if min([sample.available, size - sample.used]) <= spec.critical_free

# METADATA
# description: The size after emergency growth from this size, by a quarter and at least 1 GiB.
step(from) := from + max([ceil(from / 4), _gib])

# METADATA
# description: The size after emergency growth that keeps to limit.
emergency(spec, from) := max([from, min([spec.limit, step(from)])])

# METADATA
# description: Whether a block of the spec makes the volumes of this role dynamic.
dynamic(spec, role) if {
	spec.mode == "dynamic"
	rises.in_scope(spec.mode, role)
}

# METADATA
# description: |
#   The spans in which a volume of a dynamic group is over its buffer or critical, by
#   index: the block and the status then, the size that the group has, the size that
#   is wanted, the samples that say so, and whether these had become old.
pressed(doc, params) := {i: pressure |
	some i, span in doc.spans
	spec := doc.specs[span.spec]
	dynamic(spec, doc.role)
	over_samples := [sample | some sample in _samples(doc, span); over(spec, sample.of, sample)]
	critical_samples := [sample | some sample in _samples(doc, span); critical(spec, sample.of, sample)]
	samples := array.concat(over_samples, critical_samples)
	current := max([span.peak, max([volume.capacity | some volume in span.volumes])])
	pressure := {
		"span": span,
		"spec": spec,
		"status": _status(doc, span),
		"current": current,
		"wanted": wanted(spec, max([sample.used | some sample in samples])),
		"over": count(over_samples) > 0,
		"critical": count(critical_samples) > 0,
		"seq": {sample.seq | some sample in samples},
		"old": count([sample | some sample in samples; span.until_ns - sample.last_ns > params.fresh_ns]) > 0,
	}
}

_samples(doc, span) := [object.union(sample, {"of": volume}) |
	some volume in span.volumes
	sample := doc.samples[volume.sample]
]

_status(doc, span) := doc.statuses[span.status]

_status(_, span) := {"has_budget": false, "state": ""} if span.status == -1

# METADATA
# description: |
#   Whether the group is to grow to a size that makes a difference. While it grows, it
#   is not to grow again.
due(pressure, params) if {
	pressure.over
	not pressure.span.open
	pressure.spec.resize_in_use
	pressure.wanted * 100 >= pressure.current * (100 + params.step_percent)
}

# METADATA
# description: Whether a planned action is left, as the status tells, else as the block allows.
planned_left(pressure) if pressure.status.planned > 0

planned_left(pressure) if {
	not pressure.status.has_budget
	pressure.spec.max_actions > pressure.spec.reserved_actions
}

# METADATA
# description: Whether any action is left for an emergency.
any_left(pressure) if pressure.status.planned + pressure.status.emergency > 0

any_left(pressure) if {
	not pressure.status.has_budget
	pressure.spec.max_actions > 0
}

# METADATA
# description: |
#   The runs of spans, of those that wait for something, that lasted longer than
#   allowed for certain. Spans that are excused, and samples that are too old, end a
#   run.
late(doc, waiting, excused, allowed) := [run |
	some run in spans.runs(doc.spans, {i | some i, pressure in waiting; not pressure.old; not excused[i]})
	spans.exceeds(run, allowed, doc.gaps, _kinds)
]

# METADATA
# description: |
#   The runs of which it cannot be said whether they were longer than allowed, with
#   the reason: samples are too old (no_usage), events are missing (gap), what excuses
#   it was going on (excused says what), the history ends (pending, deleted), or the
#   moments are not known exactly (clock). Runs in which something is late for certain
#   are left out.
doubts(doc, waiting, excused, allowed, late_runs) := [{"run": run, "reason": reason} |
	some run in spans.runs(doc.spans, object.keys(waiting))
	count([late_run | some late_run in late_runs; _covers(run, late_run.first)]) == 0
	reason := _doubt(doc, waiting, excused, allowed, run)
]

_doubt(doc, waiting, excused, allowed, run) := "no_usage" if {
	run.most_ns > allowed
	some i, pressure in waiting
	pressure.old
	_covers(run, i)
} else := excuse if {
	run.least_ns > allowed
	excuse := min([reason | some i, reason in excused; _covers(run, i)])
} else := spans.doubt(run, allowed, doc.gaps, _kinds, doc.until)

_covers(run, i) if {
	i >= run.first
	i <= run.final
}

# METADATA
# description: |
#   What happened in time: the runs of spans that wait, which ended with a larger
#   request, each with the span in which that was so.
answers(doc, waiting) := [{"run": run, "span": next} |
	some run in spans.runs(doc.spans, object.keys(waiting))
	next := doc.spans[run.final + 1]
	next.peak > doc.spans[run.final].peak
]

# METADATA
# description: Whether a disruption was going on in one of the spans of a run.
disrupted(doc, run) if {
	some i in numbers.range(run.first, run.final)
	doc.spans[i].disrupted
}

# METADATA
# description: What excuses that something takes longer, because of a disruption in the span.
disruptions(waiting) := {i: "disrupted" | some i, pressure in waiting; pressure.span.disrupted}

# METADATA
# description: |
#   Growth that an action of this kind explains, with the blocks that may have been in
#   force, the actions, and the samples of what may have been seen when it was decided:
#   of the evaluation before the rise, up to the one that was measured after it.
grown(doc, kind, params) := [{"rise": rise, "specs": specs, "actions": actions, "near": near} |
	some rise in rises.decisions(doc.requests)
	specs := [spec |
		some spec in rises.candidates(doc.specs, rise, params.order_skew_ns)
		dynamic(spec, doc.role)
	]
	count(specs) > 0
	not rises.by_spec(doc.specs, rise, params.order_skew_ns)
	actions := rises.actions(doc.statuses, rise, params.action_match_ns, params.status_grace_ns)
	{action.action_kind | some action in actions} == {kind}
	near := [sample |
		some sample in doc.samples
		sample.not_before_ns < rise.ns
		sample.until_ns > rise.not_before_ns - params.pass_ns
	]
]

# METADATA
# description: |
#   Whether the samples near a decision are what the operator decided by: the kubelet
#   measures too seldom to exclude that it saw something else.
exact(growth) if {
	some sample in growth.near
	sample.source in {"instance", "operator"}
	some action in growth.actions
	action.action_instance == sample.instance
}

# METADATA
# description: |
#   The smallest and the largest size that may be wanted at a decision, by the usage
#   of the fullest volume near it.
sizes(growth) := {"least": least, "most": most} if {
	names := {sample.volume | some sample in growth.near}
	low := max([used | some name in names; used := min([sample.used | some sample in growth.near; sample.volume == name])])
	high := max([used |
		some sample in growth.near
		used := sample.used + max([0, growth.rise.from - sample.capacity])
	])
	least := min([wanted(spec, low) | some spec in growth.specs])
	most := max([wanted(spec, high) | some spec in growth.specs])
}

# METADATA
# description: |
#   Times in which nobody measured: {seq, from_ns, until_ns}. Of a dynamic group
#   without a single sample it is all of its time. Otherwise it is what follows a
#   sample for too long, as far as no disruption explains that.
holes(doc, _) := [{"seq": spec.seq, "from_ns": spec.ns, "until_ns": doc.until_ns} |
	dynamics := [spec | some spec in doc.specs; dynamic(spec, doc.role)]
	some i, spec in dynamics
	i == 0
] if count(doc.samples) == 0

holes(doc, params) := [{"seq": sample.last_seq, "from_ns": sample.last_ns, "until_ns": sample.until_ns} |
	some sample in doc.samples
	sample.until_ns - sample.last_ns > params.fresh_ns
	some spec in doc.specs
	dynamic(spec, doc.role)
	spec.ns < sample.until_ns
	spec.until_ns > sample.last_ns
	not _interrupted(doc, sample)
] if count(doc.samples) > 0

_interrupted(doc, sample) if {
	some disruption in doc.disruptions
	disruption.begin.ns < sample.until_ns
	not _over_before(disruption, sample.last_ns)
}

_over_before(disruption, at) if {
	disruption.ended
	disruption.end.ns < at
}
