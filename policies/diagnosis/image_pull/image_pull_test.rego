package diagnosis.image_pull_test

import data.diagnosis.image_pull
import data.lib.fixture_test as fixture

_p := fixture.params

_judge(wait) := rows if {
	rows := image_pull.blame with input as fixture.waits({"images": [wait]}) with data.params as _p
}

test_images[name] if {
	some name, case in {
		"at the limit": {"until": 130, "changes": {}, "want": set()},
		"no answer": {"until": 131, "changes": {}, "want": {["pull_failing", "infrastructure"]}},
		"no such image": {"until": 131, "changes": {"message": "x: not found"}, "want": {["image_wrong", "test"]}},
		"no such image, at the limit": {"until": 130, "changes": {"message": "x: not found"}, "want": set()},
		"no such manifest": {
			"until": 131, "changes": {"message": "Manifest Unknown"}, "want": {["image_wrong", "test"]},
		},
		"no right": {
			"until": 131, "changes": {"message": "pull access denied"}, "want": {["image_wrong", "test"]},
		},
		"no login": {"until": 131, "changes": {"message": "401 Unauthorized"}, "want": {["image_wrong", "test"]}},
		"no repository": {
			"until": 131, "changes": {"message": "repository does not exist"}, "want": {["image_wrong", "test"]},
		},
		"no name": {"until": 131, "changes": {"reason": "InvalidImageName"}, "want": {["image_wrong", "test"]}},
		"never pulled": {"until": 131, "changes": {"reason": "ErrImageNeverPull"}, "want": {["image_wrong", "test"]}},
		"slow, at the limit": {"until": 160, "changes": {"reason": "Pulling"}, "want": set()},
		"slow": {
			"until": 161, "changes": {"reason": "Pulling", "message": "not found"},
			"want": {["pull_slow", "infrastructure"]},
		},
	}
	judged := _judge(fixture.image_wait(fixture.lasting(100, case.until), case.changes))
	{[row.reason, row.class] | some row in judged} == case.want
}

test_evidence if {
	_judge(fixture.image_wait(fixture.lasting(100, 300), {})) == {{
		"class": "infrastructure", "reason": "pull_failing", "seq": {101, 102}, "from_ns": 100 * fixture.second,
		"until_ns": 300 * fixture.second, "pod": "pg-2", "image": "db:16", "said": "timeout",
	}}
}
