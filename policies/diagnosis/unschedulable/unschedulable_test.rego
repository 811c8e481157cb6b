package diagnosis.unschedulable_test

import data.diagnosis.unschedulable
import data.lib.fixture_test as fixture

_p := fixture.params

_judge(wait) := rows if {
	rows := unschedulable.blame with input as fixture.waits({"scheduling": [wait]}) with data.params as _p
}

_unfit(whys) := [{"nodes": 1, "why": why} | some why in whys]

_selector := "node(s) didn't match Pod's node affinity/selector"

_apart := "node(s) didn't match pod anti-affinity rules"

_cordoned := "node(s) were unschedulable"

_full := "Insufficient memory"

_away := "node(s) had volume node affinity conflict"

_gone := "node(s) had untolerated taint(s) {node.kubernetes.io/unreachable: }"

_control := "node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }"

_constrained := {"constraints": ["nodeSelector"]}

_impossible := {["impossible_affinity", "test"]}

_nodes_cordoned := {["nodes_cordoned", "test"]}

_nodes_lost := {["nodes_lost", "infrastructure"]}

_no_capacity := {["no_capacity", "infrastructure"]}

_volume_bound := {["volume_bound", "infrastructure"]}

test_causes[name] if {
	some name, case in {
		"the spec": {"whys": [_selector, _apart], "spec": _constrained, "want": _impossible},
		"a spread": {
			"whys": ["node(s) didn't match pod topology spread constraints"], "spec": _constrained, "want": _impossible,
		},
		"an old scheduler": {
			"whys": ["node(s) didn't match node selector"], "spec": _constrained, "want": _impossible,
		},
		"the spec, and the control plane": {
			"whys": [_selector, _control], "spec": _constrained, "want": _impossible,
		},
		"what no spec asks for": {"whys": [_selector], "spec": {}, "want": set()},
		"taints alone": {"whys": [_control], "spec": _constrained, "want": set()},
		"nothing": {"whys": [], "spec": _constrained, "want": set()},
		"what is not understood": {"whys": [_selector, "moon phase"], "spec": _constrained, "want": set()},
		"cordoned": {"whys": [_cordoned], "spec": {}, "want": _nodes_cordoned},
		"cordoned, by its taint": {
			"whys": ["node(s) had untolerated taint {node.kubernetes.io/unschedulable: }"], "spec": {},
			"want": _nodes_cordoned,
		},
		"cordoned, and the others taken": {
			"whys": [_apart, _cordoned], "spec": _constrained, "want": _nodes_cordoned,
		},
		"lost": {"whys": [_gone], "spec": {}, "want": _nodes_lost},
		"lost, not ready": {
			"whys": ["node(s) had untolerated taint {node.kubernetes.io/not-ready: }"], "spec": {}, "want": _nodes_lost,
		},
		"lost, and the others taken or full": {
			"whys": [_gone, _apart, _full, _away, _cordoned], "spec": _constrained, "want": _nodes_lost,
		},
		"full": {"whys": [_full], "spec": {}, "want": _no_capacity},
		"too many pods": {"whys": ["Too many pods"], "spec": {}, "want": _no_capacity},
		"too many volumes": {"whys": ["node(s) exceed max volume count"], "spec": {}, "want": _no_capacity},
		"full, away or cordoned": {
			"whys": [_full, _away, _cordoned, _apart], "spec": _constrained, "want": _no_capacity,
		},
		"the volume is away": {"whys": [_away], "spec": _constrained, "want": _volume_bound},
		"the volume is away, or the node cordoned": {
			"whys": [_cordoned, _away, _apart], "spec": _constrained, "want": _volume_bound,
		},
		"no volume": {
			"whys": ["pod has unbound immediate PersistentVolumeClaims"], "spec": {}, "want": _volume_bound,
		},
		"no volume to bind": {
			"whys": ["node(s) didn't find available persistent volumes to bind"], "spec": {}, "want": _volume_bound,
		},
		"no volume in the zone": {
			"whys": ["node(s) had no available volume zone"], "spec": {}, "want": _volume_bound,
		},
	}
	wait := fixture.scheduling(fixture.lasting(100, 161), object.union({"unfit": _unfit(case.whys)}, case.spec))
	{[row.reason, row.class] | some row in _judge(wait)} == case.want
}

test_when[name] if {
	some name, case in {
		"at the limit": {"until": 160, "changes": {}, "want": 0},
		"longer": {"until": 161, "changes": {}, "want": 1},
		"nobody has looked at it": {"until": 161, "changes": {"reason": ""}, "want": 0},
		"held back on purpose": {"until": 161, "changes": {"reason": "SchedulingGated"}, "want": 0},
	}
	changes := object.union({"unfit": _unfit([_cordoned])}, case.changes)
	count(_judge(fixture.scheduling(fixture.lasting(100, case.until), changes))) == case.want
}

test_evidence if {
	wait := fixture.scheduling(fixture.lasting(100, 300), {"unfit": _unfit([_apart]), "constraints": ["podAntiAffinity"]})
	_judge(wait) == {{
		"class": "test", "reason": "impossible_affinity", "seq": {101, 102}, "from_ns": 100 * fixture.second,
		"until_ns": 300 * fixture.second, "pod": "pg-2", "constraints": ["podAntiAffinity"], "said": "m",
	}}
}
