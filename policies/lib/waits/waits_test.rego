package lib.waits_test

import data.lib.waits

_wait(ended, from, earliest, until) := {
	"begin": {"ns": from}, "ended": ended, "end": {"ns": until, "not_before_ns": earliest}, "until_ns": until,
}

test_least if {
	waits.least(_wait(true, 10, 40, 50)) == 30
	waits.least(_wait(false, 10, 0, 50)) == 40
}

test_time if waits.time(_wait(true, 10, 40, 50)) == {"from_ns": 10, "until_ns": 50}

_pieces(from, until, holes) := [[piece.from_ns, piece.until_ns] |
	some piece in waits.rest(from, until, {{"from_ns": hole[0], "until_ns": hole[1]} | some hole in holes})
]

test_rest[name] if {
	some name, case in {
		"nothing else": {"holes": [], "want": [[10, 90]]},
		"one inside": {"holes": [[20, 30]], "want": [[10, 20], [30, 90]]},
		"one at the begin": {"holes": [[10, 30]], "want": [[30, 90]]},
		"one over the begin": {"holes": [[0, 30]], "want": [[30, 90]]},
		"one at the end": {"holes": [[80, 90]], "want": [[10, 80]]},
		"one over the end": {"holes": [[80, 99]], "want": [[10, 80]]},
		"all of it": {"holes": [[10, 90]], "want": []},
		"more than it": {"holes": [[0, 99]], "want": []},
		"two that touch": {"holes": [[20, 30], [30, 40]], "want": [[10, 20], [40, 90]]},
		"two that overlap": {"holes": [[20, 40], [30, 50]], "want": [[10, 20], [50, 90]]},
		"two apart": {"holes": [[20, 30], [50, 60]], "want": [[10, 20], [30, 50], [60, 90]]},
		"before": {"holes": [[0, 5], [5, 10]], "want": [[10, 90]]},
		"before, apart": {"holes": [[0, 5]], "want": [[10, 90]]},
		"after": {"holes": [[90, 95]], "want": [[10, 90]]},
		"an instant": {"holes": [[50, 50]], "want": [[10, 90]]},
	}
	_pieces(10, 90, case.holes) == case.want
}

test_outside if {
	document := {
		"scheduling": [_wait(true, 1, 2, 2)], "volumes": [_wait(true, 3, 4, 4)], "images": [_wait(true, 5, 6, 6)],
		"rewinds": [_wait(true, 7, 8, 8)], "operator": [_wait(true, 9, 10, 10)],
		"nodes": [
			object.union(_wait(true, 11, 12, 12), {"kind": "node_not_ready"}),
			object.union(_wait(true, 13, 14, 14), {"kind": "node_unschedulable"}),
		],
	}
	waits.outside(document) == {
		{"from_ns": 1, "until_ns": 2}, {"from_ns": 3, "until_ns": 4}, {"from_ns": 5, "until_ns": 6},
		{"from_ns": 7, "until_ns": 8}, {"from_ns": 9, "until_ns": 10}, {"from_ns": 11, "until_ns": 12},
	}
}
