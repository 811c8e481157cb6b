# METADATA
# title: Invalid configurations are rejected, valid ones accepted
# description: |
#   No recorded Cluster has a storage block that admission has to reject: size
#   together with request or limit, one of these without the other, no size at all, a
#   request above the limit, a text that is no quantity or duration, a schedule that
#   is no cron expression of six fields, a threshold outside 80 to 99, or a budget
#   that does not add up. A dynamic block does not become static, and a static size
#   does not shrink. A block that was there before the recording began is not judged.
#
#   What is rejected appears in no recording. A driver tells of it by marks: the
#   refusal names the rule, and what is valid is accepted. Only such marks put the
#   policy to the test.
# entrypoint: true
# scope: package
# schemas:
#   - input: schema.run
# custom:
#   id: validation
#   class: transition
#   view: run
#   requirement: P0, invalid config rejection
#   promise: A configuration that cannot work is refused at once, with the reason.
#   severity: major
#   demand: declared
#   rows:
#     - doc: results
#       row: Invalid config rejection
#     - doc: results
#       row: rejects invalid configurations
#   specs:
#     - rejects invalid configurations
#   codes:
#     admitted_invalid: a storage block was admitted that has to be rejected
#     admitted_change: a change of a storage block was admitted that has to be rejected
#     accepted_unexpected: the driver expected a refusal, but the request was accepted
#     rejected_valid: a valid request was refused
#     unclear_refusal: a request was refused without the reason
#   reasons:
#     not_answered: the API server could not ask the operator, so the refusal says nothing about the request
package behaviour.validation

_dynamic(block) if {
	block.request != ""
	block.limit != ""
}

_static(block) if {
	block.size != ""
	block.request == ""
	block.limit == ""
}

_bare(block) if {
	block.size == ""
	block.request == ""
	block.limit == ""
	not block.template
}

# What is wrong with a block: the rule, and texts of which the refusal has one.
_wrong(block) := {rule: texts |
	some rule, texts in {
		"exclusive": ["mutually exclusive"],
		"limit_required": ["limit is required when request is set"],
		"request_required": ["request is required when limit is set"],
		"request_invalid": ["request value isn't valid"],
		"limit_invalid": ["limit value isn't valid"],
		"request_above_limit": ["cannot exceed limit"],
		"no_size": ["Size not configured"],
		"schedule_invalid": ["invalid cron schedule", "expected 6 fields"],
		"duration_invalid": ["invalid duration"],
		"minimum_free_invalid": ["invalid quantity"],
		"threshold_out_of_range": ["criticalThreshold"],
		"budget_negative": ["cannot be negative", "maxActionsPerDay", "reservedActionsForEmergency"],
		"reserve_above_budget": ["cannot exceed maxActionsPerDay"],
	}
	_breaks(rule, block)
}

_breaks("exclusive", block) if {
	block.size != ""
	not _static(block)
}

_breaks("limit_required", block) if {
	block.request != ""
	block.limit == ""
}

_breaks("request_required", block) if {
	block.limit != ""
	block.request == ""
}

_breaks("request_invalid", block) if block.request_bytes < 0

_breaks("limit_invalid", block) if block.limit_bytes < 0

_breaks("request_above_limit", block) if {
	_dynamic(block)
	block.limit_bytes >= 0
	block.request_bytes > block.limit_bytes
}

_breaks("no_size", block) if _bare(block)

_breaks("schedule_invalid", block) if not block.schedule_valid

_breaks("duration_invalid", block) if not block.duration_valid

_breaks("minimum_free_invalid", block) if not block.free_valid

_breaks("threshold_out_of_range", block) if block.threshold < 80

_breaks("threshold_out_of_range", block) if block.threshold > 99

_breaks("budget_negative", block) if block.max_actions < 0

_breaks("budget_negative", block) if block.reserved < 0

_breaks("reserve_above_budget", block) if {
	block.max_actions >= 0
	block.reserved > block.max_actions
}

violation contains {
	"code": "admitted_invalid", "seq": {block.seq}, "got": rule, "want": "rejected",
	"cluster": block.cluster, "path": block.path,
} if {
	some block in input.blocks
	block.known
	some rule, _ in _wrong(block)
}

violation contains {
	"code": "admitted_change", "seq": {before.seq, block.seq}, "got": "static", "want": "dynamic",
	"cluster": block.cluster, "path": block.path,
} if {
	some block in input.blocks
	before := input.blocks[block.before]
	_dynamic(before)
	_static(block)
}

violation contains {
	"code": "admitted_change", "seq": {before.seq, block.seq},
	"got": block.size_bytes, "want": before.size_bytes, "unit": "bytes",
	"cluster": block.cluster, "path": block.path,
} if {
	some block in input.blocks
	before := input.blocks[block.before]
	_static(block)
	block.size_bytes < before.size_bytes
}

# A refusal that comes from the way to the operator, not from the operator.
_unanswered(attempt) if {
	not attempt.accepted
	some text in ["failed calling webhook", "connection refused", "context deadline exceeded", "i/o timeout"]
	contains(attempt.error, text)
}

_answered := [attempt |
	some attempt in input.attempts
	not _unanswered(attempt)
]

exercised contains {"seq": {attempt.seq}} if some attempt in _answered

_faults(attempt) := {rule: texts |
	some block in attempt.blocks
	some rule, texts in _wrong(block)
}

violation contains {
	"code": "admitted_invalid", "seq": {attempt.seq}, "got": rule, "want": "rejected", "object": attempt.object,
} if {
	some attempt in _answered
	attempt.accepted
	some rule, _ in _faults(attempt)
}

violation contains {
	"code": "accepted_unexpected", "seq": {attempt.seq}, "got": "accepted", "want": "rejected",
	"object": attempt.object,
} if {
	some attempt in _answered
	attempt.accepted
	attempt.expect == "reject"
	count(_faults(attempt)) == 0
}

violation contains {
	"code": "rejected_valid", "seq": {attempt.seq}, "got": attempt.error, "want": "accepted",
	"object": attempt.object,
} if {
	some attempt in _answered
	not attempt.accepted
	attempt.expect == "accept"
	count(_faults(attempt)) == 0
}

_explained(attempt) if {
	count(_faults(attempt)) == 0
	attempt.error != ""
}

_explained(attempt) if {
	some texts in _faults(attempt)
	some text in texts
	contains(attempt.error, text)
}

violation contains {
	"code": "unclear_refusal", "seq": {attempt.seq}, "got": attempt.error, "want": "the reason",
	"object": attempt.object,
} if {
	some attempt in _answered
	not attempt.accepted
	attempt.expect != "accept"
	not _explained(attempt)
}

unknown contains {"reason": "not_answered", "seq": {attempt.seq}} if {
	some attempt in input.attempts
	_unanswered(attempt)
}
