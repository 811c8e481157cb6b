# Cases that tell the library from its mutants; see docs/policy-strength.md.
package lib.rises_test

import data.lib.fixture_test as fixture
import data.lib.rises

test_without_a_block_nothing_is_asked_for if {
	not _by_spec({"specs": [fixture.spec({"mode": "none", "request": 2 * fixture.gib})]})
}

test_growth_without_a_block_that_sizes if {
	group := {
		"role": "PG_DATA", "specs": [fixture.spec({}), fixture.spec({"mode": "none"})],
		"requests": [fixture.request(9, 101, {})], "statuses": [],
	}
	times := {"order_skew_ns": 0, "action_match_ns": 0, "status_grace_ns": 0}
	[count(growth.specs) | some growth in rises.growth(group, times)] == [1]
}
