# Cases that tell the library from its mutants; see docs/policy-strength.md.
package lib.spans_test

import data.lib.spans

test_a_long_run_before_another if {
	spans.runs(_spans, {0, 1, 3}) == [_run(0, 1, 1, 0, 30, false), _run(3, 3, 4, 60, 100, true)]
}

test_a_run_that_is_going_on_for_just_as_long if {
	_doubt(object.union(_long, {"open": true}), {"grace": 50, "gaps": []}, "trace_end") == "pending"
}
