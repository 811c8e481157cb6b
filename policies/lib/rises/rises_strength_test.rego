# Cases that tell the library from its mutants; see docs/policy-strength.md.
package lib.rises_test

import data.lib.fixture_test as fixture

test_without_a_block_nothing_is_asked_for if {
	not _by_spec({"specs": [fixture.spec({"mode": "none", "request": 2 * fixture.gib})]})
}
