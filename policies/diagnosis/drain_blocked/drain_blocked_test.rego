package diagnosis.drain_blocked_test

import data.diagnosis.drain_blocked
import data.lib.fixture_test as fixture

_p := fixture.params

_s := fixture.second

_budget(own, from, until) := {
	"namespace": "web", "budget": "git", "own": own, "from_ns": from * _s, "until_ns": until * _s, "healthy": 1,
	"desired": 1, "seq": [7],
}

_stays(own, budgets) := {
	"namespace": "web", "pod": "git-0", "owner": "StatefulSet/git", "own": own, "from_ns": 100 * _s,
	"until_ns": 900 * _s, "seq": [8], "budgets": budgets,
}

_drain(changes) := fixture.node_wait(
	fixture.lasting(100, 900),
	object.union({"kind": "node_unschedulable", "left": ["ns/pg-1"], "left_seq": [9]}, changes),
)

_judge(changes) := rows if {
	rows := drain_blocked.blame with input as fixture.waits(changes) with data.params as _p
}

_of(node, changes) := fixture.named(_judge(object.union({"nodes": [_drain(node)]}, changes)))

_volume := fixture.volume_wait(fixture.lasting(150, 880), {})

test_whose[name] if {
	some name, case in {
		"foreign": {
			"pod": _stays(false, [_budget(false, 100, 900)]), "more": {},
			"want": {["foreign_budget", "infrastructure", 100, 900]},
		},
		"foreign, whatever the cluster waits for": {
			"pod": _stays(false, [_budget(false, 100, 900)]), "more": {"volumes": [_volume]},
			"want": {["foreign_budget", "infrastructure", 100, 900]},
		},
		"foreign, at the limit": {"pod": _stays(false, [_budget(false, 100, 160)]), "more": {}, "want": set()},
		"foreign, above the limit": {
			"pod": _stays(false, [_budget(false, 100, 161)]), "more": {},
			"want": {["foreign_budget", "infrastructure", 100, 161]},
		},
		"a foreign pod that no budget covers": {"pod": _stays(false, []), "more": {}, "want": set()},
		"a foreign pod with the cluster's budget": {
			"pod": _stays(false, [_budget(true, 100, 900)]), "more": {}, "want": set(),
		},
		"own, with a budget of somebody else": {
			"pod": _stays(true, [_budget(false, 100, 900)]), "more": {}, "want": set(),
		},
		"the only one, with a budget of somebody else": {
			"pod": _stays(true, [_budget(false, 100, 900)]), "more": {"instances": 1}, "want": set(),
		},
		"a foreign pod with the budget of the only instance": {
			"pod": _stays(false, [_budget(true, 100, 900)]), "more": {"instances": 1}, "want": set(),
		},
		"own": {
			"pod": _stays(true, [_budget(true, 100, 900)]), "more": {},
			"want": {["own_budget", "product", 100, 900]},
		},
		"own, of one instance": {
			"pod": _stays(true, [_budget(true, 100, 900)]), "more": {"instances": 1},
			"want": {["single_instance", "test", 100, 900]},
		},
		"own, while another instance waits for its volume": {
			"pod": _stays(true, [_budget(true, 100, 900)]), "more": {"volumes": [_volume]}, "want": set(),
		},
	}
	_of({"remaining": [case.pod]}, case.more) == case.want
}

test_what_is_no_drain[name] if {
	pod := _stays(false, [_budget(false, 100, 900)])
	some name, case in {
		"nobody leaves": {"left": []},
		"the node is not ready": {"kind": "node_not_ready"},
	}
	_of(object.union({"remaining": [pod]}, case), {}) == set()
}

test_evidence if {
	_judge({"nodes": [_drain({"remaining": [_stays(false, [_budget(false, 100, 900)])]})]}) == {{
		"class": "infrastructure", "reason": "foreign_budget", "from_ns": 100 * _s, "until_ns": 900 * _s,
		"seq": {7, 8, 101, 102}, "node": "n1", "pod": "git-0", "pod_namespace": "web", "owner": "StatefulSet/git",
		"budget": "git", "healthy": 1, "desired": 1,
	}}
}
