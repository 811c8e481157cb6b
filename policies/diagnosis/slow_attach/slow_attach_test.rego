package diagnosis.slow_attach_test

import data.diagnosis.slow_attach
import data.lib.fixture_test as fixture

_p := fixture.params

_error(reason) := {"reason": reason, "message": reason, "count": 1, "seq": [150]}

_judge(interval, changes) := rows if {
	rows := slow_attach.blame with input as fixture.waits({"volumes": [fixture.volume_wait(interval, changes)]})
		with data.params as _p
}

_m(seq, at) := fixture.moment(seq, at)

_asked := {"requested": _m(104, 100)}

test_which_waits_are_slow[name] if {
	some name, case in {
		"at the limit": {"interval": fixture.lasting(100, 160), "want": set()},
		"longer": {"interval": fixture.lasting(100, 161), "want": {["attaching", "infrastructure", 100, 161]}},
		"at the limit and not over": {
			"interval": object.union(fixture.forever(9940), {"until_ns": 10000 * fixture.second}), "want": set(),
		},
		"not over": {"interval": fixture.forever(9939), "want": {["attaching", "infrastructure", 9939, 10000]}},
		"perhaps in time": {
			"interval": object.union(
				fixture.lasting(100, 200),
				{"end": object.union(_m(102, 200), {"not_before_ns": 160 * fixture.second})},
			),
			"want": set(),
		},
	}
	fixture.named(_judge(case.interval, _asked)) == case.want
}

test_what_took_the_time[name] if {
	some name, case in {
		"nothing that is known": {"changes": {}, "want": set()},
		"the other node": {"changes": {"held_by": "n1"}, "want": {["held_by_node", 100, 300]}},
		"the other node at first": {
			"changes": {"held_by": "n1", "released": _m(1, 250), "requested": _m(104, 251), "attached": _m(105, 252)},
			"want": {["held_by_node", 100, 250]},
		},
		"the other node at first, and then nobody asks": {
			"changes": {"held_by": "n1", "released": _m(103, 250)},
			"want": {["held_by_node", 100, 250]},
		},
		"the other node, then the attachment": {
			"changes": {"held_by": "n1", "released": _m(103, 150), "requested": _m(104, 150), "attached": _m(105, 261)},
			"want": {["held_by_node", 100, 150], ["attaching", 150, 261]},
		},
		"a step at the limit": {
			"changes": {"held_by": "n1", "released": _m(103, 110), "requested": _m(104, 110), "attached": _m(105, 280)},
			"want": {["attaching", 110, 280]},
		},
		"a step above the limit": {
			"changes": {"held_by": "n1", "released": _m(103, 111), "requested": _m(104, 111), "attached": _m(105, 280)},
			"want": {["held_by_node", 100, 111], ["attaching", 111, 280]},
		},
		"a volume of which two nodes may have one attachment each": {
			"changes": {"held_by": "n1", "released": _m(106, 250), "requested": _m(1, 101), "attached": _m(1, 280)},
			"want": {["attaching", 100, 280]},
		},
		"the same, and the other never ends": {
			"changes": {"held_by": "n1", "requested": _m(1, 101)}, "want": {["attaching", 100, 300]},
		},
		"an attachment that fails": {
			"changes": {"errors": [_error("FailedAttachVolume")]}, "want": {["attaching", 100, 300]},
		},
		"an attachment that says so itself": {
			"changes": {"errors": [_error("VolumeAttachment")]}, "want": {["attaching", 100, 300]},
		},
		"a mount that fails before there is an attachment": {
			"changes": {"errors": [_error("FailedMount")]}, "want": set(),
		},
		"a mount that fails": {
			"changes": object.union(_asked, {"attached": _m(1, 101), "errors": [_error("FailedMount")]}),
			"want": {["mounting", 101, 300]},
		},
		"a device that cannot be mapped": {
			"changes": object.union(_asked, {"attached": _m(105, 50), "errors": [_error("FailedMapVolume")]}),
			"want": {["mounting", 100, 300]},
		},
		"an attachment that fails at first": {
			"changes": {"attached": _m(105, 105), "errors": [_error("FailedAttachVolume")]}, "want": set(),
		},
		"a mount of which nobody complains": {"changes": {"attached": _m(105, 101)}, "want": set()},
	}
	{[row.reason, row.from_ns / fixture.second, row.until_ns / fixture.second] |
		some row in _judge(fixture.lasting(100, 300), case.changes)
	} == case.want
}

test_evidence if {
	_judge(fixture.lasting(100, 300), {"held_by": "n1", "errors": [_error("FailedAttachVolume")]}) == {
		{
			"class": "infrastructure", "reason": "held_by_node", "seq": {101, 102}, "from_ns": 100 * fixture.second,
			"until_ns": 300 * fixture.second, "pod": "pg-2", "claim": "pg-2", "volume": "pvc-2", "node": "n2",
			"held_by": "n1", "said": ["FailedAttachVolume"],
		},
	}
}
