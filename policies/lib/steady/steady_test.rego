package lib.steady_test

import data.lib.fixture_test as fixture
import data.lib.steady

test_steady if steady.holds(fixture.cluster_span(1, 0, 10, {}))

test_not_steady[name] if {
	some name, changes in {
		"another phase": {"phase": "Failing over"},
		"not ready": {"ready": "False"},
		"no condition yet": {"ready": ""},
		"an instance is not ready": {"ready_instances": 2},
		"an instance is missing": {"ready_instances": 2, "instances": 2},
		"one too many": {"ready_instances": 4, "instances": 4},
		"one is to go": {"instances": 4},
		"a pod is not ready": {"ready_pods": ["pg-1", "pg-2"]},
		"a pod is going": {"terminating": ["pg-3"]},
		"a claim without a pod": {"dangling": ["pg-3"]},
		"a claim without content": {"initializing": ["pg-3"]},
		"a claim that is no good": {"unusable": ["pg-3"]},
		"a claim that grows": {"unsettled": ["pg-3"]},
	}
	not steady.holds(fixture.cluster_span(1, 0, 10, changes))
}

_down := {"phase": "Failing over"}

test_the_first_steady_span if {
	spans := fixture.timeline([[0, _down], [5, {}], [6, _down], [7, {}]], 9)
	steady.first(spans) == 1
	steady.disturbed(spans) == {0, 2}
	[run.first | some run in steady.recoveries(spans)] == [2]
}

test_a_cluster_that_is_never_steady_recovers_never if {
	steady.recoveries(fixture.timeline([[0, _down]], 9)) == []
}

_run := {"began_ns": 10 * fixture.second, "ended_ns": 20 * fixture.second}

test_disrupted[name] if {
	some name, case in {
		"inside": {"begin": 12, "end": 13, "want": true},
		"until the begin": {"begin": 5, "end": 10, "want": true},
		"before": {"begin": 5, "end": 9, "want": false},
		"from the end": {"begin": 20, "end": 25, "want": false},
		"until after the end": {"begin": 19, "end": 25, "want": true},
	}
	disruptions := [fixture.disruption("pod_deleted", case.begin, case.end)]
	_disrupted(_run, disruptions) == case.want
}

_disrupted(run, disruptions) if {
	steady.disrupted(run, disruptions, 99 * fixture.second)
} else := false

test_a_disruption_without_an_end_goes_on if {
	open := object.union(fixture.disruption("pod_deleted", 5, 9), {"ended": false})
	_disrupted(_run, [open])
	not _disrupted(_run, [])
	steady.over(open, 99) == 99
}
