package diagnosis.snapshot_class_test

import data.diagnosis.snapshot_class
import data.lib.fixture_test as fixture

_p := fixture.params

_judge(backup, changes) := rows if {
	rows := snapshot_class.blame with input as fixture.waits(object.union({"backups": [backup]}, changes))
		with data.params as _p
}

_warning(reason) := {"warnings": [{"reason": reason, "message": "w", "count": 1, "seq": [150]}]}

_no_snapshots := _warning("ClusterHasNoVolumeSnapshotCRD")

_snapshot(message) := {"snapshots": [{"reason": "", "message": message, "count": 1, "seq": [160]}]}

_no_default := "cannot find default snapshot class"

_none := {"classes": 0}

_section := {["no_section", "test"]}

_class := {["no_class", "infrastructure"]}

test_causes[name] if {
	some name, case in {
		"another reason": {"changes": {"error": "timeout"}, "want": set()},
		"no backup section, by the event": {"changes": _warning("ClusterHasBackupConfigured"), "want": _section},
		"no snapshot section": {"changes": _warning("ClusterHasNoVolumeSnapshotSection"), "want": _section},
		"no section for object stores": {"changes": _warning("ClusterHasNoBarmanSection"), "want": _section},
		"no backup section, by the error": {
			"changes": {"error": "the cluster has no backup section"}, "want": _section,
		},
		"no section, and no class": {
			"changes": object.union(_none, {"error": "the cluster has no backup section"}), "want": _section,
		},
		"no section, and no snapshots": {
			"changes": {
				"warnings": array.concat(_no_snapshots.warnings, _warning("ClusterHasBackupConfigured").warnings),
			},
			"want": _section,
		},
		"no snapshots": {
			"changes": object.union(_none, _warning("ClusterHasNoVolumeSnapshotCRD")),
			"want": {["no_crd", "infrastructure"]},
		},
		"no standby": {"changes": _warning("FindingPod"), "want": set()},
		"no default class": {"changes": _snapshot(_no_default), "want": _class},
		"no such class": {"changes": _snapshot(`VolumeSnapshotClass "x" not found`), "want": _class},
		"a snapshot that fails otherwise": {"changes": _snapshot("quota exceeded"), "want": set()},
		"no class at all": {"changes": _none, "want": _class},
		"no class, and none is needed": {
			"changes": object.union(_none, {"method": "barmanObjectStore"}), "want": set(),
		},
	}
	judged := _judge(fixture.backup_wait(fixture.lasting(100, 101), case.changes), {})
	{[row.reason, row.class] | some row in judged} == case.want
}

_recorded(changes) := {"recorded": object.union(
	{"foreign_budgets": true, "foreign_pods": true, "snapshot_classes": true, "snapshots_served": true, "logs": true},
	changes,
)}

test_what_was_not_recorded_is_not_missing[name] if {
	some name, changes in {
		"classes": {"snapshot_classes": false},
		"snapshots": {"snapshots_served": false},
	}
	_judge(fixture.backup_wait(fixture.lasting(100, 101), _none), _recorded(changes)) == set()
}

test_when[name] if {
	some name, case in {
		"failed": {"interval": fixture.lasting(100, 101), "phase": "failed", "want": 1},
		"completed": {"interval": fixture.lasting(100, 900), "phase": "completed", "want": 0},
		"pending, at the limit": {"interval": fixture.forever(9880), "phase": "pending", "want": 0},
		"pending": {"interval": fixture.forever(9879), "phase": "pending", "want": 1},
	}
	count(_judge(fixture.backup_wait(case.interval, object.union(_none, {"phase": case.phase})), {})) == case.want
}

test_evidence if {
	changes := object.union(_snapshot(_no_default), object.union(_warning("Error"), {"error": "e"}))
	_judge(fixture.backup_wait(fixture.lasting(100, 131), changes), {}) == {{
		"class": "infrastructure", "reason": "no_class", "seq": {101, 102, 150, 160}, "from_ns": 100 * fixture.second,
		"until_ns": 131 * fixture.second, "backup": "b1", "method": "volumeSnapshot", "said": "e",
	}}
}
