package diagnosis.disk_status_test

import data.diagnosis.disk_status
import data.lib.fixture_test as fixture

_p := fixture.params

_judge(wait) := rows if {
	rows := disk_status.blame with input as fixture.waits({"disk_status": [wait]}) with data.params as _p
}

_lines(lines) := {"lines": lines, "line_seq": [150]}

test_where_it_was_lost[name] if {
	some name, case in {
		"not known": {"lines": [], "want": "not_reported"},
		"the instance": {
			"lines": ["No instances available for disk status collection", "Failed to probe data volume disk status"],
			"want": "probe_failed",
		},
		"no instance": {
			"lines": ["hasDiskStatus=false", "No instances available for disk status collection"], "want": "no_instances",
		},
		"the answers": {"lines": ["hasDiskStatus=false"], "want": "no_disk_status"},
		"nothing yet": {"lines": ["No disk status available yet"], "want": "no_disk_status"},
	}
	judged := _judge(fixture.disk_status(fixture.forever(100), _lines(case.lines)))
	{[row.reason, row.class] | some row in judged} == {[case.want, "product"]}
}

test_when[name] if {
	some name, case in {
		"at the limit": {"until": 160, "want": set()},
		"longer": {"until": 161, "want": {["not_reported", "product", 100, 161]}},
	}
	fixture.named(_judge(fixture.disk_status(fixture.lasting(100, case.until), {}))) == case.want
}

test_evidence if {
	_judge(fixture.disk_status(fixture.lasting(100, 300), _lines(["hasDiskStatus=false"]))) == {{
		"class": "product", "reason": "no_disk_status", "from_ns": 100 * fixture.second,
		"until_ns": 300 * fixture.second, "seq": {101, 102, 150}, "role": "PG_DATA", "tablespace": "",
		"state": "WaitingForDiskStatus", "lines": ["hasDiskStatus=false"],
	}}
}
