package lib.shrinks_test

import data.lib.fixture_test as fixture
import data.lib.recovery_test as story
import data.lib.shrinks

_s := fixture.second

_g := fixture.gib

# From 10 s to 60 s the claims of a group are replaced by smaller ones.
shrink(changes) := object.union(
	{
		"role": "PG_DATA", "tablespace": "", "met": "open", "begin": fixture.moment(10, 10), "intended": true,
		"from": 2 * _g, "target": _g, "used": -1, "closed": true, "end": fixture.moment(60, 60),
		"steps": [step(10, 10, {})],
	},
	changes,
)

step(seq, at, changes) := object.union(
	object.union(fixture.moment(seq, at), {
		"volume": "pg-3", "instance": "pg-3", "how": "recreated", "from": 2 * _g, "to": _g, "used": -1,
	}),
	changes,
)

never_over := {"closed": false, "end": fixture.never}

_completion(document, one) := shrinks.completion(document, one, "x", 2400 * _s)

test_completion[name] if {
	some name, case in {
		"in time": {"change": {"end": fixture.moment(60, 2430)}, "ends": {}, "want": "kept"},
		"too late": {"change": {"end": fixture.moment(60, 2431)}, "ends": {}, "want": "late"},
		"not yet": {"change": never_over, "ends": story.ends(2430, "trace_end"), "want": "pending"},
		"never": {"change": never_over, "ends": story.ends(2431, "trace_end"), "want": "late"},
		"begun later": {
			"change": {"begin": fixture.moment(40, 40), "end": fixture.moment(60, 2440)}, "ends": {}, "want": "kept",
		},
	}
	_completion(story.episode(case.ends), shrink(case.change)).word == case.want
}

test_a_completion_is_an_obligation if {
	judged := _completion(story.episode({}), shrink({"end": fixture.moment(60, 2431)}))
	judged.code == "x"
	judged.subject == "PG_DATA"
	judged.seq == {10, 30, 60}
}

test_explanations[name] if {
	some name, case in {
		"nothing": {"change": {}, "want": false},
		"a phase reason": {
			"change": {"health": [
				story.health(20, 20, 40, {}),
				story.health(40, 40, 10000, {"phase_reason": "pg-2 is not ready", "last": true}),
			]},
			"want": true,
		},
		"one that is gone": {
			"change": {"health": [
				story.health(20, 20, 40, {"phase_reason": "pg-2 is not ready"}),
				story.health(40, 40, 10000, {"last": true}),
			]},
			"want": false,
		},
		"a message": {"change": {"storage": [story.group({"after": {"message": "waits"}})]}, "want": true},
		"a message about another role": {
			"change": {"storage": [story.group({"role": "PG_WAL", "after": {"message": "waits"}})]}, "want": false,
		},
		"a message about another tablespace": {
			"change": {"storage": [story.group({"tablespace": "t1", "after": {"message": "waits"}})]}, "want": false,
		},
	}
	_explained(case.change) == case.want
}

_explained(changes) if shrinks.explained(story.episode(changes), shrink({}))

_explained(changes) := false if not shrinks.explained(story.episode(changes), shrink({}))
