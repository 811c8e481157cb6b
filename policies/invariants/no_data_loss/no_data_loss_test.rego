package invariants.no_data_loss_test

import data.invariants.no_data_loss as policy
import data.lib.fixture_test as fixture

_judge(document) := judged if {
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as document
		with data.params as fixture.params
}

_none := {"elements": "", "count": 0, "seq": []}

_group(elements, count, seq) := {"elements": elements, "count": count, "seq": seq}

_restart := {"told": true, "crash": false, "failover_seq": 0, "standby": "none"}

_lost(changes) := object.union(object.union(_group("7-9", 3, [20, 60]), _restart), changes)

_interruption(changes) := object.union(
	{
		"kind": "pod_deleted", "subject": "pg-1", "begin": fixture.moment(30, 30), "ended": true,
		"end": fixture.moment(40, 40), "write_before_seq": 29, "read_after_seq": 60,
	},
	changes,
)

# A hundred elements, all found by a read after a restart.
_set(changes) := object.union(
	{
		"namespace": "ns", "cluster": "pg", "workload": "w", "sentinel": true, "synchronous": false,
		"attempted": 100, "acknowledged": 100, "reads": 1, "last_read_seq": 60, "last_read_ns": 60,
		"until_seq": 99, "until_ns": 99, "stable": _group("1-100", 100, []), "recovered": _none, "never_read": _none,
		"unexpected": _none, "duplicated": _none, "lost": [], "interruptions": [_interruption({})],
		"deleted": fixture.never,
	},
	changes,
)

_held := fixture.judgement(set(), {{"seq": {29, 30, 60}}}, set())

_violated(code, seq, got, want, count) := object.union(_held, {"violation": {{
	"code": code, "seq": seq, "got": got, "want": want, "count": count,
}}})

_doubt(judged, reason, seq) := object.union(judged, {"unknown": {{"reason": reason, "seq": seq}}})

_vacuous := fixture.judgement(set(), set(), set())

test_sets[name] if {
	some name, case in {
		"all found": {"change": {}, "want": _held},
		"some were never acknowledged, and found": {
			"change": {"recovered": _group("101", 1, [])}, "want": _held,
		},
		"lost after a restart": {
			"change": {"lost": [_lost({})]}, "want": _violated("lost", [20, 60], "7-9", "found", 3),
		},
		"lost in a crash that the standby had not seen": {
			"change": {"lost": [_lost({"crash": true, "standby": "lacked"})]}, "want": _held,
		},
		"lost in a crash though the standby had them": {
			"change": {"lost": [_lost({"crash": true, "standby": "had"})]},
			"want": _violated("lost_though_replicated", [20, 60], "7-9", "found", 3),
		},
		"lost in a crash, standby not recorded": {
			"change": {"lost": [_lost({"crash": true, "standby": "unknown"})]},
			"want": _doubt(_held, "standby_unknown", [20, 60]),
		},
		"lost in a crash with synchronous replication": {
			"change": {"synchronous": true, "lost": [_lost({"crash": true, "standby": "lacked"})]},
			"want": _violated("lost", [20, 60], "7-9", "found", 3),
		},
		"lost with synchronous replication though the standby had them": {
			"change": {"synchronous": true, "lost": [_lost({"crash": true, "standby": "had"})]},
			"want": _violated("lost", [20, 60], "7-9", "found", 3),
		},
		"lost with synchronous replication, standby not recorded": {
			"change": {"synchronous": true, "lost": [_lost({"crash": true, "standby": "unknown"})]},
			"want": _violated("lost", [20, 60], "7-9", "found", 3),
		},
		"lost in a crash with synchronous replication, and nobody was told": {
			"change": {"synchronous": true, "lost": [_lost({"told": false, "crash": true, "standby": "lacked"})]},
			"want": _held,
		},
		"lost though the standby had them, and nobody was told": {
			"change": {"synchronous": true, "lost": [_lost({"told": false, "crash": true, "standby": "had"})]},
			"want": _violated("lost_though_replicated", [20, 60], "7-9", "found", 3),
		},
		"lost in a crash and nobody was told, standby not recorded": {
			"change": {"synchronous": true, "lost": [_lost({"told": false, "crash": true, "standby": "unknown"})]},
			"want": _doubt(_held, "standby_unknown", [20, 60]),
		},
		"lost without a crash after a read had found them": {
			"change": {"lost": [_lost({"told": false})]}, "want": _violated("lost", [20, 60], "7-9", "found", 3),
		},
		"found though never written": {
			"change": {"unexpected": _group("500", 1, [60])},
			"want": _violated("unexpected", [60], "500", "", 1),
		},
		"found twice": {
			"change": {"duplicated": _group("4", 1, [60])}, "want": _violated("duplicated", [60], "4", "once", 1),
		},
		"not read again": {
			"change": {"never_read": _group("99-100", 2, [70])}, "want": _doubt(_held, "never_read", {70, 99}),
		},
		"no complete read": {
			"change": {"reads": 0, "interruptions": [], "never_read": _group("1-100", 100, [20])},
			"want": _doubt(_vacuous, "no_read", {99}),
		},
		"no sentinel": {
			"change": {"sentinel": false, "reads": 0, "interruptions": [_interruption({
				"write_before_seq": 0, "read_after_seq": 0,
			})]},
			"want": _doubt(_vacuous, "no_sentinel", {99}),
		},
		"nothing happened to the cluster": {"change": {"interruptions": []}, "want": _vacuous},
		"nothing was written before": {
			"change": {"interruptions": [_interruption({"write_before_seq": 0})]}, "want": _vacuous,
		},
		"nothing was read after": {
			"change": {"interruptions": [_interruption({"read_after_seq": 0})]}, "want": _vacuous,
		},
	}
	_judge(_set(case.change)) == case.want
}

_deleted := fixture.moment(90, 90)

_last(seq) := {"deleted": _deleted, "never_read": _group("99-100", 2, [seq])}

_teardown(begin) := _interruption({"begin": begin, "ended": false, "end": fixture.never, "read_after_seq": 0})

# What is written last is deleted with the cluster before anybody reads it.
test_what_goes_with_the_cluster[name] if {
	some name, case in {
		"written after all": {"change": _last(70), "want": _held},
		"written just after": {"change": _last(41), "want": _held},
		"written just before the end of a disruption": {
			"change": _last(40), "want": _doubt(_held, "never_read", {40, 99}),
		},
		"its pods go, at the limit": {
			"change": object.union(_last(70), {"interruptions": [
				_interruption({}),
				_teardown(fixture.moment(89, 88)),
			]}),
			"want": _held,
		},
		"a pod went before that": {
			"change": object.union(_last(70), {"interruptions": [
				_interruption({}),
				_teardown(object.union(fixture.moment(80, 0), {"ns": (88 * fixture.second) - 1})),
			]}),
			"want": _doubt(_held, "never_read", {70, 99}),
		},
	}
	_judge(_set(case.change)) == case.want
}
