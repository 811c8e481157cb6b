package diagnosis.recorder_gap_test

import data.diagnosis.recorder_gap
import data.lib.fixture_test as fixture

_p := fixture.params

_judge(changes) := rows if {
	rows := recorder_gap.blame with input as fixture.waits(changes) with data.params as _p
}

_outage(resource, from, until, reason) := {
	"resource": resource, "namespace": "", "from_ns": from * fixture.second, "until_ns": until * fixture.second,
	"reason": reason, "seq": [until],
}

test_gaps if {
	_judge({"gaps": [fixture.gap("pods", 100, 300)]}) == {{
		"class": "recorder", "reason": "gap", "seq": {901, 902}, "from_ns": 100 * fixture.second,
		"until_ns": 300 * fixture.second, "resource": "pods",
	}}
}

test_outages[name] if {
	some name, case in {
		"at the limit": {"outages": [_outage("pods", 100, 110, "EOF")], "want": set()},
		"the API server": {
			"outages": [_outage("pods", 100, 111, "EOF")], "want": {["api_unavailable", "infrastructure", 100, 111]},
		},
		"the recorder": {
			"outages": [_outage("pods", 100, 111, "the recorder was stopped")],
			"want": {["recorder_stopped", "recorder", 100, 111]},
		},
		"one inside of another": {
			"outages": [_outage("pods", 100, 200, "EOF"), _outage("nodes", 110, 190, "EOF")],
			"want": {["api_unavailable", "infrastructure", 100, 200]},
		},
		"two that begin together": {
			"outages": [_outage("pods", 100, 200, "EOF"), _outage("nodes", 100, 210, "EOF")],
			"want": {["api_unavailable", "infrastructure", 100, 210]},
		},
		"two that end together": {
			"outages": [_outage("pods", 100, 200, "EOF"), _outage("nodes", 120, 200, "EOF")],
			"want": {["api_unavailable", "infrastructure", 100, 200]},
		},
		"three in a chain": {
			"outages": [
				_outage("pods", 100, 200, "EOF"), _outage("nodes", 150, 250, "EOF"), _outage("jobs", 250, 300, "EOF"),
			],
			"want": {["api_unavailable", "infrastructure", 100, 300]},
		},
		"one inside of another, and one apart": {
			"outages": [
				_outage("pods", 100, 200, "EOF"), _outage("nodes", 110, 190, "EOF"), _outage("jobs", 300, 400, "EOF"),
			],
			"want": {
				["api_unavailable", "infrastructure", 100, 200],
				["api_unavailable", "infrastructure", 300, 400],
			},
		},
		"two that touch, and one apart": {
			"outages": [
				_outage("pods", 100, 200, "EOF"), _outage("nodes", 200, 250, "EOF"), _outage("jobs", 300, 400, "EOF"),
			],
			"want": {
				["api_unavailable", "infrastructure", 100, 250],
				["api_unavailable", "infrastructure", 300, 400],
			},
		},
		"two apart": {
			"outages": [_outage("pods", 300, 400, "EOF"), _outage("nodes", 100, 200, "EOF")],
			"want": {
				["api_unavailable", "infrastructure", 100, 200],
				["api_unavailable", "infrastructure", 300, 400],
			},
		},
		"two of different causes": {
			"outages": [_outage("pods", 100, 200, "EOF"), _outage("nodes", 150, 250, "the recorder was stopped")],
			"want": {
				["api_unavailable", "infrastructure", 100, 200],
				["recorder_stopped", "recorder", 150, 250],
			},
		},
	}
	fixture.named(_judge({"outages": case.outages})) == case.want
}

test_evidence if {
	outages := [
		_outage("pods", 100, 200, "EOF"), _outage("nodes", 100, 210, "refused"), _outage("jobs", 500, 600, "EOF"),
		_outage("leases", 20, 40, "EOF"),
	]
	{row | some row in _judge({"outages": outages}); row.from_ns == 100 * fixture.second} == {{
		"class": "infrastructure", "reason": "api_unavailable", "from_ns": 100 * fixture.second,
		"until_ns": 210 * fixture.second, "seq": {200, 210}, "resources": {"nodes", "pods"}, "said": {"EOF", "refused"},
	}}
}
