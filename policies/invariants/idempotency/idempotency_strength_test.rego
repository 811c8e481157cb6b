# Cases that tell a policy from its mutants; see docs/policy-strength.md.
package invariants.idempotency_test

import data.lib.fixture_test as fixture

test_a_claim_that_stays_is_not_destroyed if {
	_judge(fixture.storage({"volumes": _volumes([[0, 0, "pg-1"], [5, 10, "pg-2"], [20, 0, "pg-2"]])})) == _none
}

test_a_claim_that_was_only_listed_replaces_none if {
	volumes := _volumes([[0, 10, "pg-2"], [20, 30, "pg-2"], [40, 0, "pg-2"]])
	listed := object.union(volumes[2], {"created": false})
	_judge(fixture.storage({"volumes": [volumes[0], volumes[1], listed]})) == _none
}
