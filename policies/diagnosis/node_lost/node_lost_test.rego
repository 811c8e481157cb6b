package diagnosis.node_lost_test

import data.diagnosis.node_lost
import data.lib.fixture_test as fixture

_p := fixture.params

_judge(node) := rows if {
	rows := node_lost.blame with input as fixture.waits({"nodes": [node]}) with data.params as _p
}

test_nodes[name] if {
	some name, case in {
		"at the limit": {"until": 110, "changes": {}, "want": set()},
		"longer": {"until": 111, "changes": {}, "want": {["node_not_ready", "infrastructure", 100, 111]}},
		"unschedulable": {"until": 500, "changes": {"kind": "node_unschedulable"}, "want": set()},
	}
	fixture.named(_judge(fixture.node_wait(fixture.lasting(100, case.until), case.changes))) == case.want
}

test_evidence if {
	_judge(fixture.node_wait(fixture.lasting(100, 300), {})) == {{
		"class": "infrastructure", "reason": "node_not_ready", "seq": {101, 102}, "from_ns": 100 * fixture.second,
		"until_ns": 300 * fixture.second, "node": "n1", "pods": ["pg-1"],
	}}
}
