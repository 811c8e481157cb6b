package diagnosis.pg_rewind_test

import data.diagnosis.pg_rewind
import data.lib.fixture_test as fixture

_p := fixture.params

_judge(rewind) := rows if {
	rows := pg_rewind.blame with input as fixture.waits({"rewinds": [rewind]}) with data.params as _p
}

test_when[name] if {
	some name, case in {
		"at the limit": {"interval": fixture.lasting(100, 130), "want": set()},
		"longer": {"interval": fixture.lasting(100, 131), "want": {["missing_wal", "test", 100, 131]}},
		"for ever": {"interval": fixture.forever(100), "want": {["missing_wal", "test", 100, 10000]}},
	}
	fixture.named(_judge(fixture.rewind(case.interval, {}))) == case.want
}

test_evidence if {
	_judge(fixture.rewind(fixture.lasting(100, 300), {})) == {{
		"class": "test", "reason": "missing_wal", "seq": {101, 102}, "from_ns": 100 * fixture.second,
		"until_ns": 300 * fixture.second, "instance": "pg-1", "lsn": "0/1", "failures": 3, "said": "m",
	}}
}
