# Cases that tell a policy from its mutants; see docs/policy-strength.md.
package invariants.no_data_loss_test

test_the_first_event_is_one if {
	interruption := _interruption({"write_before_seq": 1, "read_after_seq": 1})
	_judge(_set({"interruptions": [interruption]})).exercised == {{"seq": {1, 30}}}
}
