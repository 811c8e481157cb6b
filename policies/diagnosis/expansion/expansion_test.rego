package diagnosis.expansion_test

import data.diagnosis.expansion
import data.lib.fixture_test as fixture

_p := fixture.params

_error := {"reason": "VolumeResizeFailed", "message": "quota", "count": 3, "seq": [150, 151]}

_conflict := {"reason": "VolumeResizeFailed", "message": "pg-1: the object has been modified", "count": 1, "seq": [152]}

_judge(changes) := rows if {
	rows := expansion.blame with input as fixture.waits(changes) with data.params as _p
}

_one(interval, changes) := fixture.named(_judge({"expansions": [fixture.expansion(interval, changes)]}))

test_stages[name] if {
	some name, case in {
		"volume, at the limit": {"until": 160, "changes": {}, "want": set()},
		"volume": {"until": 161, "changes": {}, "want": {"volume"}},
		"volume, for long": {"until": 300, "changes": {}, "want": {"volume"}},
		"nobody, at the limit": {"until": 160, "changes": {"stage": "requested"}, "want": set()},
		"nobody": {"until": 161, "changes": {"stage": "requested"}, "want": {"not_taken_up"}},
		"file system, at the limit": {"until": 220, "changes": {"stage": "node_pending"}, "want": set()},
		"file system, pending": {"until": 221, "changes": {"stage": "node_pending"}, "want": {"file_system"}},
		"file system, growing": {"until": 221, "changes": {"stage": "node"}, "want": {"file_system"}},
		"a refusal, at the limit": {"until": 130, "changes": {"errors": [_error]}, "want": set()},
		"a refusal": {"until": 131, "changes": {"errors": [_error]}, "want": {"failing"}},
		"a refusal of the kubelet": {
			"until": 300, "changes": {"stage": "node", "errors": [_error]}, "want": {"failing"},
		},
		"a conflict": {"until": 160, "changes": {"errors": [_conflict]}, "want": set()},
		"a conflict, for long": {"until": 300, "changes": {"errors": [_conflict]}, "want": {"volume"}},
		"a conflict and a refusal": {"until": 131, "changes": {"errors": [_conflict, _error]}, "want": {"failing"}},
		"what cannot be done": {"until": 101, "changes": {"infeasible": true}, "want": {"failing"}},
		"what cannot be done, of a file system": {
			"until": 300, "changes": {"stage": "node", "infeasible": true}, "want": {"failing"},
		},
		"what cannot be done, for long": {"until": 300, "changes": {"infeasible": true}, "want": {"failing"}},
	}
	_one(fixture.lasting(100, case.until), case.changes) == {[r, "infrastructure", 100, case.until] | some r in case.want}
}

# The kubelet can grow a file system only while a pod is there.
test_file_systems_without_a_pod[name] if {
	some name, case in {
		"no pod": {"changes": {"podless": [fixture.podless(fixture.lasting(150, 900), {})]}, "want": set()},
		"no pod at first": {
			"changes": {"podless": [fixture.podless(fixture.lasting(100, 700), {})]},
			"want": {["file_system", "infrastructure", 700, 900]},
		},
		"no volume": {"changes": {"volumes": [_at_work(fixture.volume_wait(fixture.lasting(150, 900), {}))]}, "want": set()},
		"no node": {"changes": {"scheduling": [_at_work(fixture.scheduling(fixture.lasting(150, 900), {}))]}, "want": set()},
		"no pod of another instance": {
			"changes": {"podless": [fixture.podless(fixture.lasting(150, 900), {"instance": "pg-3"})]},
			"want": {["file_system", "infrastructure", 100, 900]},
		},
	}
	one := fixture.expansion(fixture.lasting(100, 900), {"stage": "node_pending"})
	fixture.named(_judge(object.union({"expansions": [one]}, case.changes))) == case.want
}

_at_work(wait) := object.union(wait, {"instance": "pg-1"})

test_evidence if {
	_judge({"expansions": [fixture.expansion(fixture.lasting(100, 300), {"errors": [_error]})]}) == {{
		"class": "infrastructure", "reason": "failing", "seq": {101, 102}, "from_ns": 100 * fixture.second,
		"until_ns": 300 * fixture.second, "claim": "pg-1", "volume": "pvc-1", "stage": "controller",
		"request_bytes": 2 * fixture.gib, "capacity_bytes": fixture.gib, "said": ["quota"],
	}}
}

test_nothing if _judge({}) == set()
