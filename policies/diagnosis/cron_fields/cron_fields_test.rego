package diagnosis.cron_fields_test

import data.diagnosis.cron_fields
import data.lib.fixture_test as fixture

_p := fixture.params

_judge(schedule) := rows if {
	rows := cron_fields.blame with input as fixture.waits({"schedules": [schedule]}) with data.params as _p
}

test_schedules[name] if {
	some name, case in {
		"five fields": {"changes": {}, "want": {"five_fields"}},
		"five fields that can be read": {"changes": {"valid": true}, "want": set()},
		"seven fields": {"changes": {"fields": 7}, "want": {"unreadable"}},
		"refused": {"changes": {"where": "mark"}, "want": {"refused"}},
		"refused for another number": {"changes": {"where": "mark", "fields": 7}, "want": set()},
		"refused for another reason": {"changes": {"where": "mark", "fields": 0}, "want": set()},
	}
	judged := _judge(fixture.schedule(fixture.lasting(100, 300), case.changes))
	fixture.named(judged) == {[reason, "test", 100, 300] | some reason in case.want}
}

test_evidence if {
	_judge(fixture.schedule(fixture.lasting(100, 300), {"text": "t"})) == {{
		"class": "test", "reason": "five_fields", "seq": {101, 102}, "from_ns": 100 * fixture.second,
		"until_ns": 300 * fixture.second, "schedule": "0 4 31 2 *", "said": "t", "role": "PG_DATA",
	}}
}
