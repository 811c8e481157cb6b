# Documents of the view episode for the tests of policies, and tables of what may
# happen after an episode: change, and what is then violated or unknown.
package lib.recovery_test

import data.lib.fixture_test as fixture

_s := fixture.second

_g := fixture.gib

# Something that lasts from 20 s to 30 s, in the middle of an expansion from 10 s to
# 60 s. Claims move at 50 s. The recording lasts until 10000 s.
episode(changes) := object.union(
	{
		"namespace": "ns", "cluster": "pg", "kind": "operator_restart", "number": 1, "subject": "pg-1",
		"caused_by": "", "root": "ns/pg/operator_restart#1", "effects": [], "concurrent": [], "topology": "T3",
		"wanted": 3, "begin": fixture.moment(20, 20), "ended": true, "end": fixture.moment(30, 30),
		"horizon": fixture.moment(999, 10000), "horizon_by": "trace_end", "next": "", "until": "trace_end",
		"until_seq": 999, "until_ns": 10000 * _s, "operations": [operation({})], "later": [], "prior": 0,
		"shrinks": [], "changes": [], "health": [health(20, 20, 10000, {"last": true})], "storage": [group({})],
		"pods": [], "restarts": [], "claims": [], "created": [], "elections": [], "two_primaries": [],
		"probes": [], "signals": [signal(50, 50, {})],
		"node": {
			"name": "", "pods": [], "primary": false, "emptied": false, "emptied_at": fixture.never,
			"back": false, "back_at": fixture.never,
		},
		"upgrade": {"trigger": "", "pods": [], "replaced": [], "complete": false, "from": "", "to": ""},
		"scale": {"from": 0, "to": 0, "instances": [], "complete": false},
		"operator": {"before": "", "after": "", "how": ""},
		"backup": {
			"name": "", "method": "", "phase": "", "phases": [], "finished": false, "completed": false,
			"error": "", "instance": "", "class_known": false, "classes": 0, "snapshots": [], "restored": [],
			"condition": "", "condition_reason": "",
		},
		"crossings": [], "sentinel": false, "workloads": [], "gaps": [],
	},
	changes,
)

operation(changes) := object.union(
	{
		"entity": "ns/pg/PG_DATA/op1", "met": "open", "role": "PG_DATA", "tablespace": "", "number": 1,
		"mode": "dynamic", "begin": fixture.moment(10, 10), "begin_known": true, "from": _g, "target": 2 * _g,
		"closed": true, "closed_by": "capacity", "end": fixture.moment(60, 60), "steps": [], "waiting": [],
	},
	changes,
)

signal(seq, at, changes) := object.union(
	object.union(fixture.moment(seq, at), {
		"what": "claim", "object": "PersistentVolumeClaim/pg-1", "reason": "", "text": "", "warning": false, "count": 1,
	}),
	changes,
)

# A span of a healthy cluster of three.
health(seq, at, until, changes) := object.union(
	object.union(fixture.moment(seq, at), {
		"until_ns": until * _s, "until_not_before_ns": until * _s, "last": false, "seen": true,
		"phase": "Cluster in healthy state", "phase_reason": "", "ready": "True", "ready_reason": "ClusterIsReady",
		"generation": 1, "wanted": 3, "instances": 3, "ready_instances": 3, "pods": ["pg-1", "pg-2", "pg-3"],
		"ready_pods": ["pg-1", "pg-2", "pg-3"], "terminating": [], "dangling": [], "unusable": [],
		"initializing": [], "resizing": [], "current_primary": "pg-1", "target_primary": "pg-1", "timeline": 1,
		"reported_primaries": ["pg-1"], "fenced": false, "hibernated": false,
	}),
	changes,
)

# A data group of three volumes, of which the status tells that they grew at 10 s.
group(changes) := object.union(
	{
		"role": "PG_DATA", "tablespace": "", "entity": "ns/pg/PG_DATA", "specs": [fixture.spec({})],
		"windows": [{"opens_ns": 0, "closes_ns": 10000 * _s}],
		"statuses": [fixture.grown(11, 11, {"message": "", "target": 2 * _g})],
		"before": fixture.grown(11, 11, {"message": "", "target": 2 * _g}),
		"after": fixture.grown(11, 11, {"message": "", "target": 2 * _g}),
		"requests": [], "touches": [], "spans": [span(20, 20, 60, {"open": true}), span(60, 60, 10000, {"last": true})],
		"operations_before": 0, "resized": false,
	},
	changes,
)

# A span of a group that was grown to 2 GiB.
span(seq, at, until, changes) := fixture.span(seq, at, until, object.union(
	{
		"status": 0, "peak": 2 * _g, "low": 2 * _g, "capacity": 2 * _g,
		"volumes": [volume("pg-1", {}), volume("pg-2", {}), volume("pg-3", {})],
	},
	changes,
))

volume(name, changes) := fixture.volume(name, object.union(
	{"request": 2 * _g, "capacity": 2 * _g, "actual": 2 * _g},
	changes,
))

# The recording, or the document's time, ends at a moment.
ends(at, by) := {
	"horizon": fixture.moment(999, at), "horizon_by": by, "until": {true: "deleted", false: "trace_end"}[by == "deleted"],
	"until_ns": at * _s,
}

# The expansion is open until then.
open(at, by) := object.union(ends(at, by), {"operations": [operation({
	"closed": false, "closed_by": "", "end": fixture.never, "waiting": ["pg-2"],
})]})

completed(at) := {"operations": [operation({"end": fixture.moment(60, at)})]}

resumed(at) := {"signals": [signal(50, at, {})], "operations": [operation({"end": fixture.moment(60, 2000)})]}

# What may become of the expansion.
expansions := {
	"resumed and completed": {"change": {}, "violated": set(), "unknown": set()},
	"resumed as late as may be": {"change": resumed(630), "violated": set(), "unknown": set()},
	"resumed too late": {"change": resumed(631), "violated": {"not_resumed"}, "unknown": set()},
	"resumed perhaps too late": {
		"change": object.union(resumed(631), {"signals": [signal(50, 631, {"not_before_ns": 630 * _s})]}),
		"violated": set(), "unknown": {"clock"},
	},
	"resumed where claims are missing": {
		"change": object.union(resumed(631), {"gaps": [fixture.gap("persistentvolumeclaims", 100, 110)]}),
		"violated": set(), "unknown": {"gap"},
	},
	"completed as late as may be": {"change": completed(2430), "violated": set(), "unknown": set()},
	"completed too late": {"change": completed(2431), "violated": {"not_completed"}, "unknown": set()},
	"open when the recording ends": {"change": open(2430, "trace_end"), "violated": set(), "unknown": {"pending"}},
	"open when the cluster is deleted": {"change": open(2430, "deleted"), "violated": set(), "unknown": {"deleted"}},
	"open when the next thing is done": {"change": open(2430, "next"), "violated": set(), "unknown": set()},
}

# More of this, which the library decides.
more_expansions := {
	"completed perhaps too late": {
		"change": {"operations": [operation({"end": {"seq": 60, "ns": 2431 * _s, "not_before_ns": 2430 * _s}})]},
		"violated": set(), "unknown": {"clock"},
	},
	"open for too long": {"change": open(2431, "trace_end"), "violated": {"not_completed"}, "unknown": set()},
	"open for too long when the next thing is done": {
		"change": open(2431, "next"), "violated": {"not_completed"}, "unknown": set(),
	},
	"completed only after the next thing was done": {
		"change": object.union(completed(3000), {"horizon": fixture.moment(55, 2430), "horizon_by": "next"}),
		"violated": set(), "unknown": set(),
	},
	"torn down with the cluster": {
		"change": object.union(ends(2430, "deleted"), {"operations": [operation({
			"closed_by": "volume_left", "end": fixture.moment(60, 2400),
		})]}),
		"violated": set(), "unknown": {"deleted"},
	},
	"completed by the loss of the last volume": {
		"change": {"operations": [operation({"closed_by": "volume_left"})]}, "violated": set(), "unknown": set(),
	},
	"of static volumes": {
		"change": {"operations": [operation({"mode": "static", "end": fixture.moment(60, 2431)})]},
		"violated": {"not_completed"}, "unknown": set(),
	},
	"of WAL volumes": {
		"change": {"operations": [operation({"role": "PG_WAL", "end": fixture.moment(60, 2431)})]},
		"violated": set(), "unknown": set(),
	},
}

_ill(until, changes) := {"health": [
	health(21, 21, until, object.union({"ready": "False"}, changes)),
	health(80, until, 10000, {"last": true}),
]}

_ill_to_the_end(at, by) := object.union(ends(at, by), {"health": [
	health(21, 21, at, {"ready": "False", "last": true}),
]})

# What may become of the cluster's health.
recoveries := {
	"ready as late as may be": {"change": _ill(630, {}), "violated": set(), "unknown": set()},
	"ready too late": {"change": _ill(631, {}), "violated": {"not_ready"}, "unknown": set()},
	"ready perhaps too late": {
		"change": _ill(631, {"until_not_before_ns": 630 * _s}), "violated": set(), "unknown": {"clock"},
	},
	"not ready when the recording ends": {
		"change": _ill_to_the_end(630, "trace_end"), "violated": set(), "unknown": {"pending"},
	},
	"not ready when the cluster is deleted": {
		"change": _ill_to_the_end(630, "deleted"), "violated": set(), "unknown": {"deleted"},
	},
	"not ready when the next thing is done": {
		"change": _ill_to_the_end(630, "next"), "violated": set(), "unknown": set(),
	},
	"never ready": {"change": _ill_to_the_end(631, "trace_end"), "violated": {"not_ready"}, "unknown": set()},
	"ready where clusters are missing": {
		"change": object.union(_ill(631, {}), {"gaps": [fixture.gap("clusters", 100, 110)]}),
		"violated": set(), "unknown": {"gap"},
	},
	"ready where pods are missing": {
		"change": object.union(_ill(631, {}), {"gaps": [fixture.gap("pods", 100, 110)]}),
		"violated": set(), "unknown": {"gap"},
	},
}

uneven(from, until, changes) := {"storage": [group({"spans": [
	span(20, 20, from, {}),
	span(40, from, until, object.union({"volumes": [volume("pg-1", {}), volume("pg-2", {"request": _g})]}, changes)),
	span(80, until, 10000, {"last": true}),
]})]}

# What may become of the sizes of the claims; code is what the policy calls it.
sizes(code) := {
	"even as late as may be": {"change": uneven(22, 330, {}), "violated": set(), "unknown": set()},
	"even too late": {"change": uneven(22, 331, {}), "violated": {code}, "unknown": set()},
	"uneven only later, as long as may be": {"change": uneven(50, 350, {}), "violated": set(), "unknown": set()},
	"uneven only later, for too long": {"change": uneven(50, 351, {}), "violated": {code}, "unknown": set()},
	"even perhaps too late": {
		"change": uneven(22, 331, {"until_not_before_ns": 330 * _s}), "violated": set(), "unknown": {"clock"},
	},
	"even where claims are missing": {
		"change": object.union(uneven(22, 331, {}), {"gaps": [fixture.gap("persistentvolumeclaims", 100, 110)]}),
		"violated": set(), "unknown": {"gap"},
	},
	"even where clusters are missing": {
		"change": object.union(uneven(22, 331, {}), {"gaps": [fixture.gap("clusters", 100, 110)]}),
		"violated": set(), "unknown": {"gap"},
	},
}

misreported(until) := {"storage": [group({
	"statuses": [
		fixture.grown(11, 11, {"message": "", "target": 2 * _g, "effective": _g}),
		fixture.grown(80, until, {"message": "", "target": 2 * _g, "action_timestamp": "t11"}),
	],
	"spans": [
		span(20, 20, 60, {"open": true}),
		span(60, 60, until, {}),
		span(80, until, 10000, {"status": 1, "last": true}),
	],
})]}

# What may become of the status.
statuses(code) := {
	"right as late as may be": {"change": misreported(120), "violated": set(), "unknown": set()},
	"right too late": {"change": misreported(121), "violated": {code}, "unknown": set()},
	"right where clusters are missing": {
		"change": object.union(misreported(121), {"gaps": [fixture.gap("clusters", 100, 110)]}),
		"violated": set(), "unknown": {"gap"},
	},
	"right where claims are missing": {
		"change": object.union(misreported(121), {"gaps": [fixture.gap("persistentvolumeclaims", 100, 110)]}),
		"violated": set(), "unknown": {"gap"},
	},
}

# An instance whose pod went away at 25 s, and has another one from a moment on.
orphan(at, changes) := {"pods": [object.union(
	object.union(fixture.moment(24, 24), {
		"pod": "pg-2", "uid": "u2", "instance": "pg-2", "node": "n2", "primary": false, "evicted": true, "reason": "",
		"cordoned": true, "grace_seconds": 30, "gone": fixture.moment(25, 25), "image": "", "shape": "",
		"successor": "u9", "successor_at": fixture.moment(70, at), "successor_node": "n3",
		"successor_ready": fixture.moment(71, at), "successor_image": "", "successor_shape": "",
	}),
	changes,
)]}

_no_pod(at, by) := object.union(ends(at, by), orphan(0, {"successor": "", "successor_at": fixture.never}))

# What may become of it.
orphans := {
	"a pod as late as may be": {"change": orphan(625, {}), "violated": set(), "unknown": set()},
	"a pod too late": {"change": orphan(626, {}), "violated": {"instance_orphaned"}, "unknown": set()},
	"a pod perhaps too late": {
		"change": orphan(626, {"successor_at": {"not_before_ns": 625 * _s}}), "violated": set(), "unknown": {"clock"},
	},
	"no pod when the recording ends": {"change": _no_pod(625, "trace_end"), "violated": set(), "unknown": {"pending"}},
	"no pod when the next thing is done": {"change": _no_pod(625, "next"), "violated": set(), "unknown": set()},
	"no pod": {"change": _no_pod(626, "trace_end"), "violated": {"instance_orphaned"}, "unknown": set()},
	"a pod where pods are missing": {
		"change": object.union(orphan(626, {}), {"gaps": [fixture.gap("pods", 100, 110)]}),
		"violated": set(), "unknown": {"gap"},
	},
	"a pod that is still going": {
		"change": object.union(ends(9000, "trace_end"), orphan(0, {
			"gone": fixture.never, "successor": "", "successor_at": fixture.never,
		})),
		"violated": set(), "unknown": set(),
	},
	"an instance whose claim went too": {
		"change": object.union(_no_pod(9000, "trace_end"), {"claims": [claim({})]}),
		"violated": set(), "unknown": set(),
	},
	"an instance whose claim was replaced": {
		"change": object.union(_no_pod(9000, "trace_end"), {"claims": [claim({"successor": "c9"})]}),
		"violated": {"instance_orphaned"}, "unknown": set(),
	},
}

# The claim of an instance that went away at 26 s.
claim(changes) := object.union(
	object.union(fixture.moment(26, 26), {
		"volume": "pg-2", "uid": "c2", "instance": "pg-2", "role": "PG_DATA", "tablespace": "", "request": 2 * _g,
		"successor": "", "successor_at": fixture.never, "successor_request": 0,
	}),
	changes,
)

# An acknowledged write before, and a read after, that found it.
workload(changes) := object.union(
	{
		"workload": "w", "synchronous": false, "acknowledged_before": 10, "acknowledged_during": 5,
		"acknowledged_after": 5, "write_before_seq": 15, "reads_before": 1, "reads_after": 1,
		"read_after_seq": 90, "read_after_ns": 90 * _s, "last_read_seq": 90, "known": 20,
		"unread": {"elements": "", "count": 0, "seq": []}, "lost": [], "unexpected": [], "duplicated": [],
		"instances": [],
	},
	changes,
)

loss(changes) := object.union(
	{
		"elements": "7-9", "count": 3, "seq": [16, 90], "told": true,
		"crash": false, "failover_seq": 0, "standby": "none",
	},
	changes,
)

# What may become of the data, as far as it is wrong.
losses := {
	"lost": {"lost": [loss({})]},
	"lost_though_replicated": {"lost": [loss({"crash": true, "standby": "had"})]},
	"unexpected": {"unexpected": [object.union(fixture.moment(91, 91), {"elements": "99", "count": 1})]},
	"duplicated": {"duplicated": [object.union(fixture.moment(91, 91), {"elements": "3", "count": 1})]},
}

doubtful := {"lost": [loss({"crash": true, "standby": "unknown"})]}

# What a policy says of an episode, as codes and reasons.
words(violation, unknown) := {
	"violated": {row.code | some row in violation},
	"unknown": {row.reason | some row in unknown},
}

wants(case) := {"violated": case.violated, "unknown": case.unknown}

test_an_episode_can_be_changed if episode({"kind": "backup"}).kind == "backup"
