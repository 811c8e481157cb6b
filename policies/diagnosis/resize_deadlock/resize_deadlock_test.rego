package diagnosis.resize_deadlock_test

import data.diagnosis.resize_deadlock
import data.lib.fixture_test as fixture

_p := fixture.params

_judge(changes) := rows if {
	rows := resize_deadlock.blame with input as fixture.waits(changes) with data.params as _p
}

_one(until, changes) := fixture.named(_judge({"podless": [fixture.podless(fixture.lasting(100, until), changes)]}))

_dangling := {"lists": ["dangling"], "file_system_resize_pending": false, "resizing": false}

test_which[name] if {
	some name, case in {
		"at the limit": {"until": 160, "changes": {}, "want": set()},
		"the deadlock": {"until": 161, "changes": {}, "want": {["resizing_without_pod", "product", 100, 161]}},
		"the file system need not grow": {
			"until": 900, "changes": {"file_system_resize_pending": false}, "want": set(),
		},
		"in no list": {"until": 900, "changes": {"lists": []}, "want": set()},
		"in two lists": {"until": 900, "changes": {"lists": ["initializing", "resizing"]}, "want": set()},
		"hibernated": {"until": 900, "changes": {"suspended": true}, "want": set()},
		"dangling, at the limit": {"until": 220, "changes": _dangling, "want": set()},
		"dangling": {"until": 221, "changes": _dangling, "want": {["dangling_without_pod", "product", 100, 221]}},
		"dangling, of a file system that waits": {
			"until": 221, "changes": {"lists": ["dangling"]}, "want": {["dangling_without_pod", "product", 100, 221]},
		},
		"dangling, and hibernated": {
			"until": 900, "changes": object.union(_dangling, {"suspended": true}), "want": set(),
		},
	}
	_one(case.until, case.changes) == case.want
}

test_what_else_keeps_a_dangling_claim[name] if {
	some name, changes in {
		"no operator": {"operator": [fixture.lasting(120, 880)]},
		"a volume": {"volumes": [fixture.volume_wait(fixture.lasting(120, 880), {})]},
		"a failover": {"failovers": [fixture.failover_wait(fixture.lasting(120, 880), {})]},
	}
	claim := fixture.podless(fixture.lasting(100, 900), _dangling)
	_judge(object.union({"podless": [claim]}, changes)) == set()
}

# Nothing excuses the deadlock: no pod would ever come.
test_the_deadlock_has_no_excuse if {
	changes := {
		"podless": [fixture.podless(fixture.lasting(100, 900), {})],
		"failovers": [fixture.failover_wait(fixture.lasting(100, 900), {})],
	}
	fixture.named(_judge(changes)) == {["resizing_without_pod", "product", 100, 900]}
}

test_evidence if {
	_judge({"podless": [fixture.podless(fixture.lasting(100, 300), {})]}) == {{
		"class": "product", "reason": "resizing_without_pod", "seq": {101, 102}, "from_ns": 100 * fixture.second,
		"until_ns": 300 * fixture.second, "claim": "pg-1", "instance": "pg-1", "lists": ["resizing"],
	}}
}
