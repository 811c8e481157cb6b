package behaviour.validation_test

import data.behaviour.validation as policy
import data.lib.fixture_test as fixture

_judge(document) := judged if {
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as document
}

_none := fixture.judgement(set(), set(), set())

_gib := fixture.gib

_written(changes) := object.union(
	{
		"path": "spec.storage", "size": "", "request": "1Gi", "limit": "4Gi", "size_bytes": 0, "request_bytes": _gib,
		"limit_bytes": 4 * _gib, "template": false, "schedule": "", "schedule_fields": 0, "schedule_valid": true,
		"duration_valid": true, "free_valid": true, "threshold": 95, "max_actions": 4, "reserved": 1,
	},
	changes,
)

_block(seq, changes) := object.union(
	{"seq": seq, "cluster": "ns/pg", "before": -1, "known": true},
	_written(changes),
)

_static(size) := {
	"request": "", "limit": "", "request_bytes": 0, "limit_bytes": 0,
	"size": sprintf("%dGi", [size]), "size_bytes": size * _gib,
}

_empty := {"request": "", "limit": "", "request_bytes": 0, "limit_bytes": 0}

# What is wrong with a block, and what a refusal of it says.
_cases := {
	"dynamic": {"block": {}, "rules": set(), "says": ""},
	"static": {"block": _static(1), "rules": set(), "says": ""},
	"by a template": {"block": object.union(_empty, {"template": true}), "rules": set(), "says": ""},
	"request and limit are equal": {"block": {"request_bytes": 4 * _gib}, "rules": set(), "says": ""},
	"the least threshold": {"block": {"threshold": 80}, "rules": set(), "says": ""},
	"the greatest threshold": {"block": {"threshold": 99}, "rules": set(), "says": ""},
	"all is reserved": {"block": {"reserved": 4}, "rules": set(), "says": ""},
	"no budget": {"block": {"max_actions": 0, "reserved": 0}, "rules": set(), "says": ""},
	"everything": {"block": {"size": "1Gi"}, "rules": {"exclusive"}, "says": "size and request are mutually exclusive"},
	"size and request": {
		"block": {"size": "1Gi", "limit": "", "limit_bytes": 0},
		"rules": {"exclusive", "limit_required"}, "says": "mutually exclusive",
	},
	"size and limit": {
		"block": {"size": "1Gi", "request": "", "request_bytes": 0},
		"rules": {"exclusive", "request_required"}, "says": "mutually exclusive",
	},
	"request alone": {
		"block": {"limit": "", "limit_bytes": 0}, "rules": {"limit_required"},
		"says": "limit is required when request is set for dynamic sizing",
	},
	"limit alone": {
		"block": {"request": "", "request_bytes": 0}, "rules": {"request_required"},
		"says": "request is required when limit is set for dynamic sizing",
	},
	"no quantity": {
		"block": {"request_bytes": -1}, "rules": {"request_invalid"}, "says": "request value isn't valid",
	},
	"no limit": {"block": {"limit_bytes": -1}, "rules": {"limit_invalid"}, "says": "limit value isn't valid"},
	"no limit at all": {
		"block": {"request_bytes": 0, "limit_bytes": -1}, "rules": {"limit_invalid"}, "says": "limit value isn't valid",
	},
	"limit of nothing": {
		"block": {"limit": "0", "limit_bytes": 0}, "rules": {"request_above_limit"}, "says": "cannot exceed limit (0)",
	},
	"request above limit": {
		"block": {"request_bytes": (4 * _gib) + 1}, "rules": {"request_above_limit"},
		"says": "request (5Gi) cannot exceed limit (4Gi)",
	},
	"no size": {"block": _empty, "rules": {"no_size"}, "says": "Size not configured. Add it"},
	"five fields": {
		"block": {"schedule_valid": false}, "rules": {"schedule_invalid"}, "says": "expected 6 fields, got 5",
	},
	"no schedule": {
		"block": {"schedule_valid": false}, "rules": {"schedule_invalid"}, "says": "invalid cron schedule: x",
	},
	"no duration": {"block": {"duration_valid": false}, "rules": {"duration_invalid"}, "says": "invalid duration: x"},
	"no minimum": {"block": {"free_valid": false}, "rules": {"minimum_free_invalid"}, "says": "invalid quantity: x"},
	"a low threshold": {
		"block": {"threshold": 79}, "rules": {"threshold_out_of_range"},
		"says": "criticalThreshold must be between 80 and 99",
	},
	"a high threshold": {
		"block": {"threshold": 100}, "rules": {"threshold_out_of_range"},
		"says": "criticalThreshold must be between 80 and 99",
	},
	"a negative budget": {
		"block": {"max_actions": -1, "reserved": 0}, "rules": {"budget_negative"},
		"says": "maxActionsPerDay: must be greater than or equal to 0",
	},
	"a negative reserve": {
		"block": {"reserved": -1}, "rules": {"budget_negative"}, "says": "it cannot be negative",
	},
	"a negative reserve, in other words": {
		"block": {"reserved": -1}, "rules": {"budget_negative"}, "says": "reservedActionsForEmergency is too small",
	},
	"too much in reserve": {
		"block": {"reserved": 5}, "rules": {"reserve_above_budget"},
		"says": "reservedActionsForEmergency (5) cannot exceed maxActionsPerDay (4)",
	},
	"a reserve of no budget": {
		"block": {"max_actions": 0}, "rules": {"reserve_above_budget"}, "says": "cannot exceed maxActionsPerDay (0)",
	},
}

_admitted(rules) := {finding |
	some rule in rules
	finding := {
		"code": "admitted_invalid", "seq": {7}, "got": rule, "want": "rejected",
		"cluster": "ns/pg", "path": "spec.storage",
	}
}

test_recorded_blocks[name] if {
	some name, case in _cases
	_judge({"attempts": [], "blocks": [_block(7, case.block)]}) == fixture.judgement(
		_admitted(case.rules),
		set(), set(),
	)
}

test_a_block_that_was_there_before_is_not_judged if {
	_judge({"attempts": [], "blocks": [_block(7, {"size": "1Gi", "known": false})]}) == _none
}

_changed(first, second) := _judge({"attempts": [], "blocks": [
	object.union(_block(3, first), {"known": false}),
	object.union(_block(7, second), {"before": 0}),
]}).violation

_change(got, want) := {
	"code": "admitted_change", "seq": {3, 7}, "got": got, "want": want, "cluster": "ns/pg", "path": "spec.storage",
}

test_changes[name] if {
	some name, case in {
		"dynamic becomes static": {"from": {}, "to": _static(1), "want": {_change("static", "dynamic")}},
		"static becomes dynamic": {"from": _static(1), "to": {}, "want": set()},
		"the limit is lowered": {"from": {}, "to": {"limit": "2Gi", "limit_bytes": 2 * _gib}, "want": set()},
		"the size grows": {"from": _static(1), "to": _static(2), "want": set()},
		"the size stays": {"from": _static(2), "to": _static(2), "want": set()},
		"the size shrinks": {
			"from": _static(2), "to": _static(1),
			"want": {object.union(_change(_gib, 2 * _gib), {"unit": "bytes"})},
		},
		"half dynamic becomes static": {"from": {"limit": "", "limit_bytes": 0}, "to": _static(1), "want": set()},
		"another half": {"from": {"request": "", "request_bytes": 0}, "to": _static(1), "want": set()},
		"a template is no size": {
			"from": _static(2), "to": object.union(_empty, {"template": true}), "want": set(),
		},
		"from a template": {"from": object.union(_empty, {"template": true}), "to": _static(1), "want": set()},
	}
	_changed(case.from, case.to) == case.want
}

_attempt(changes) := object.union(
	{
		"seq": 5, "operation": "create", "object": "pg", "accepted": false, "error": "it is wrong",
		"expect": "reject", "blocks": [],
	},
	changes,
)

_asked(changes) := _judge({"blocks": [], "attempts": [_attempt(changes)]})

_exercise := {{"seq": {5}}}

_held := fixture.judgement(set(), _exercise, set())

_found(code, got, want) := fixture.judgement(
	{{"code": code, "seq": {5}, "got": got, "want": want, "object": "pg"}},
	_exercise, set(),
)

test_nothing_is_vacuous if _judge({"blocks": [_block(7, {})], "attempts": []}) == _none

_above := _written({"request_bytes": 5 * _gib})

test_attempts[name] if {
	some name, case in {
		"refused as expected": {"change": {}, "want": _held},
		"refused without a reason": {"change": {"error": ""}, "want": _found("unclear_refusal", "", "the reason")},
		"accepted though it should not be": {
			"change": {"accepted": true, "error": ""}, "want": _found("accepted_unexpected", "accepted", "rejected"),
		},
		"accepted as expected": {"change": {"accepted": true, "error": "", "expect": "accept"}, "want": _held},
		"accepted, and nobody expected anything": {
			"change": {"accepted": true, "error": "", "expect": ""}, "want": _held,
		},
		"refused though it is valid": {
			"change": {"expect": "accept"}, "want": _found("rejected_valid", "it is wrong", "accepted"),
		},
		"refused though it is valid, silently": {
			"change": {"expect": "accept", "error": ""}, "want": _found("rejected_valid", "", "accepted"),
		},
		"refused, and nobody expected anything": {"change": {"expect": ""}, "want": _held},
		"refused silently, and nobody expected anything": {
			"change": {"expect": "", "error": ""}, "want": _found("unclear_refusal", "", "the reason"),
		},
		"accepted though the manifest is invalid": {
			"change": {"accepted": true, "blocks": [_above]},
			"want": _found("admitted_invalid", "request_above_limit", "rejected"),
		},
		"expected to be accepted though the manifest is invalid": {
			"change": {"expect": "accept", "blocks": [_above]}, "want": _held,
		},
		"refused for another reason": {
			"change": {"blocks": [_above]}, "want": _found("unclear_refusal", "it is wrong", "the reason"),
		},
		"refused for its reason": {
			"change": {"blocks": [_written({}), _above], "error": "request (5Gi) cannot exceed limit (4Gi)"},
			"want": _held,
		},
	}
	_asked(case.change) == case.want
}

test_the_refusal_names_the_rule[name] if {
	some name, case in {name: case | some name, case in _cases; count(case.rules) > 0}
	_asked({"blocks": [_written(case.block)], "error": case.says}) == _held
}

test_nobody_answered[name] if {
	some name, text in {
		"the webhook": "Internal error occurred: failed calling webhook x",
		"the address": "dial tcp: connection refused",
		"the time": "context deadline exceeded",
		"the network": "read: i/o timeout",
	}
	_asked({"error": text}) == fixture.judgement(set(), set(), {{"reason": "not_answered", "seq": {5}}})
}

test_what_was_accepted_was_answered if {
	_asked({"accepted": true, "expect": "accept", "error": "connection refused"}) == _held
}
