package behaviour.no_churn_test

import data.behaviour.no_churn as policy
import data.lib.fixture_test as fixture

_s := fixture.second

_judge(document) := judged if {
	judged := fixture.judgement(policy.violation, policy.exercised, policy.unknown) with input as document
		with data.params as fixture.params
}

_none := fixture.judgement(set(), set(), set())

_held := fixture.judgement(set(), {{"seq": {110, 120}}}, set())

# Not steady from 100 s to 200 s.
_spans := fixture.timeline(
	[[0, {}], [100, fixture.failing_over], [150, object.union(fixture.failing_over, {"jobs": 1})], [200, {}]],
	10000,
)

_story(changes) := _judge(fixture.cluster(object.union({"spans": _spans}, changes)))

test_nothing_is_vacuous if _judge(fixture.cluster({})) == _none

test_exercised[name] if {
	some name, case in {
		"by a time that was not steady": {"change": {}, "want": _held},
		"in a disruption": {
			"change": {"disruptions": [fixture.disruption("pod_deleted", 90, 110)]},
			"want": fixture.judgement(set(), {{"seq": {110, 120}, "in": "disruption"}}, set()),
		},
		"not by one instance": {
			"change": {"spans": fixture.timeline(
				[
					[0, {"wanted": 1, "instances": 1, "ready_instances": 1, "ready_pods": ["pg-1"]}], [100, {"wanted": 1}],
				],
				10000,
			)},
			"want": _none,
		},
		"by two instances": {
			"change": {"spans": fixture.timeline(
				[
					[0, {"wanted": 2, "instances": 2, "ready_instances": 2, "ready_pods": ["pg-1", "pg-2"]}], [100, {"wanted": 2}],
				],
				10000,
			)},
			"want": fixture.judgement(set(), {{"seq": {110}}}, set()),
		},
		"with a gap of pods": {
			"change": {"gaps": [fixture.gap("pods", 300, 310)]},
			"want": object.union(_held, {"unknown": {{"reason": "gap", "seq": {901, 902}}}}),
		},
		"with a gap of claims": {
			"change": {"gaps": [fixture.gap("persistentvolumeclaims", 300, 310)]},
			"want": object.union(_held, {"unknown": {{"reason": "gap", "seq": {901, 902}}}}),
		},
		"with a gap of Events": {"change": {"gaps": [fixture.gap("events", 300, 310)]}, "want": _held},
		"a gap and nothing to judge": {
			"change": {"gaps": [fixture.gap("pods", 300, 310)], "spans": fixture.timeline([[0, {}]], 10000)},
			"want": _none,
		},
		"a Cluster that nobody saw": {
			"change": {"seen": false},
			"want": object.union(_held, {"unknown": {{"reason": "cluster_unseen", "seq": {999}}}}),
		},
	}
	_story(case.change) == case.want
}

_churn := object.union(_held, {"violation": {{
	"code": "several_replaced", "seq": {62, 63}, "got": 2, "want": 1, "instances": "pg-2, pg-3",
	"from_ns": 100 * _s, "until_ns": 200 * _s,
}}})

_unclear(reason) := object.union(_held, {"unknown": {{
	"reason": reason, "code": "several_replaced", "seq": {110}, "from_ns": 100 * _s, "until_ns": 200 * _s,
}}})

_lost(at, changes) := [fixture.lost(62, 110, "pg-2", {}), fixture.lost(63, at, "pg-3", changes)]

test_pods[name] if {
	some name, case in {
		"of one instance": {"pods": [fixture.lost(62, 110, "pg-2", {})], "change": {}, "want": _held},
		"twice of one instance": {"pods": _lost(120, {"instance": "pg-2"}), "change": {}, "want": _held},
		"of two instances": {"pods": _lost(120, {}), "change": {}, "want": _churn},
		"not ready before": {"pods": _lost(120, {"healthy": false}), "change": {}, "want": _held},
		"evicted": {"pods": _lost(120, {"evicted": true}), "change": {}, "want": _held},
		"from a cordoned node": {"pods": _lost(120, {"displaced": true}), "change": {}, "want": _held},
	}
	_story(object.union({"pods": case.pods}, case.change)) == case.want
}

test_when_pods_went[name] if {
	some name, case in {
		"just before": {"pods": _lost(98, {}), "change": {}, "want": _churn},
		"before": {"pods": _lost(97, {}), "change": {}, "want": _held},
		"at the end": {"pods": _lost(200, {}), "change": {}, "want": _churn},
		"after the end": {"pods": _lost(201, {}), "change": {}, "want": _held},
		"just before the cluster": {
			"pods": _lost(120, {}), "change": {"until": "deleted", "until_ns": 122 * _s}, "want": _held,
		},
	}
	_story(object.union({"pods": case.pods}, case.change)) == case.want
}

test_what_pods_cannot_tell[name] if {
	some name, case in {
		"with a gap of Nodes": {
			"pods": _lost(120, {}), "change": {"gaps": [fixture.gap("nodes", 100, 110)]}, "want": _unclear("gap"),
		},
		"with a gap of Clusters": {
			"pods": _lost(120, {}), "change": {"gaps": [fixture.gap("clusters", 100, 110)]}, "want": _unclear("gap"),
		},
		"without Nodes": {"pods": _lost(120, {}), "change": {"nodes": false}, "want": _unclear("nodes_unseen")},
		"one, without Nodes": {"pods": [fixture.lost(62, 110, "pg-2", {})], "change": {"nodes": false}, "want": _held},
		"of a Cluster that nobody saw": {
			"pods": _lost(120, {}), "change": {"seen": false},
			"want": object.union(_held, {"unknown": {{"reason": "cluster_unseen", "seq": {999}}}}),
		},
	}
	_story(object.union({"pods": case.pods}, case.change)) == case.want
}

_changed(at, fields) := [
	fixture.cluster_spec(1, 0, {}),
	fixture.cluster_spec(70, at, {"generation": 2, "changed": fields}),
]

test_what_explains_it[name] if {
	some name, case in {
		"a new image": {"change": {"specs": _changed(110, ["spec.imageName"])}, "want": _held},
		"a new image, long before": {"change": {"specs": _changed(0, ["spec.imageName"])}, "want": _held},
		"a new image, at last": {"change": {"specs": _changed(200, ["spec.imageName"])}, "want": _held},
		"a new image, too late": {"change": {"specs": _changed(201, ["spec.imageName"])}, "want": _churn},
		"a restart": {
			"change": {"specs": _changed(110, ["metadata.annotations.kubectl.kubernetes.io/restartedAt"])},
			"want": _held,
		},
	}
	_story(object.union({"pods": _lost(120, {})}, case.change)) == case.want
}

test_what_may_explain_it[name] if {
	some name, case in {
		"a limit": {"change": {"specs": _changed(110, ["spec.storage.limit"])}, "want": _churn},
		"the size of WAL": {"change": {"specs": _changed(110, ["spec.walStorage.size"])}, "want": _churn},
		"volumes for WAL": {"change": {"specs": _changed(110, ["spec.walStorage"])}, "want": _held},
		"a backup section": {"change": {"specs": _changed(110, ["spec.backup"])}, "want": _churn},
		"one more instance": {"change": {"specs": _changed(110, ["spec.instances"])}, "want": _churn},
		"a limit and an image": {
			"change": {"specs": _changed(110, ["spec.imageName", "spec.storage.limit"])}, "want": _held,
		},
		"another operator": {
			"change": {"builds": [fixture.moment(2, 5), fixture.moment(70, 110)]}, "want": _held,
		},
		"the first operator": {"change": {"builds": [fixture.moment(70, 110)]}, "want": _churn},
	}
	_story(object.union({"pods": _lost(120, {})}, case.change)) == case.want
}

# Not steady from 100 s to 200 s, and again from 300 s on.
_again := fixture.timeline([[0, {}], [100, fixture.failing_over], [200, {}], [300, fixture.failing_over]], 10000)

test_an_image_explains_what_follows_it_only[name] if {
	some name, case in {"since rest": {"at": 200, "codes": set()}, "before": {"at": 199, "codes": {"several_replaced"}}}
	judged := _story({
		"spans": _again, "specs": _changed(case.at, ["spec.imageName"]),
		"pods": [fixture.lost(62, 310, "pg-2", {}), fixture.lost(63, 320, "pg-3", {})],
	})
	{finding.code | some finding in judged.violation} == case.codes
}

_fewer(at) := [
	fixture.cluster_spec(1, 0, {}),
	fixture.cluster_spec(61, at, {"generation": 2, "instances": 2, "changed": ["spec.instances"]}),
]

_more(at) := [
	fixture.cluster_spec(1, 0, {}),
	fixture.cluster_spec(61, at, {"generation": 2, "instances": 4, "changed": ["spec.instances"]}),
]

test_a_scale_down[name] if {
	some name, case in {
		"takes a pod": {"specs": _fewer(105), "more": [], "want": _held},
		"is received later": {"specs": _fewer(122), "more": [], "want": _held},
		"comes too late": {"specs": _fewer(123), "more": [], "want": _churn},
		"does not bring it back": {
			"specs": _fewer(105), "more": [fixture.life(80, 130, {"instance": "pg-3"})], "want": _churn,
		},
		"may bring another": {
			"specs": _fewer(105), "more": [fixture.life(80, 130, {"instance": "pg-4"})], "want": _held,
		},
		"is none": {"specs": _more(105), "more": [], "want": _churn},
	}
	other := [fixture.lost(62, 110, "pg-2", {}), fixture.life(81, 130, {"instance": "pg-2"})]
	pods := array.concat(array.concat(other, [fixture.lost(63, 120, "pg-3", {})]), case.more)
	_story({"specs": case.specs, "pods": pods}) == case.want
}

_claim(seq, at, changes) := object.union(
	object.union(fixture.moment(seq, at), {
		"volume": "pg-3", "uid": "v3", "role": "PG_DATA", "instance": "pg-3", "created": true,
		"left": fixture.moment(63, 120), "healthy": true, "displaced": false,
	}),
	changes,
)

_destroyed := object.union(_held, {"violation": {{
	"code": "claim_destroyed", "seq": {63}, "got": "pg-3", "want": "the claim stays", "instance": "pg-3",
}}})

_unclear_claim := object.union(_held, {"unknown": {{"reason": "gap", "code": "claim_destroyed", "seq": {63}}}})

_known := object.union(fixture.gap("clusters", 20, 30), {"same_generation": true})

test_claims[name] if {
	some name, case in {
		"destroyed": {"claims": [_claim(5, 1, {})], "change": {}, "want": _destroyed},
		"gone just before its cluster": {
			"claims": [_claim(5, 1, {})], "change": {"until": "deleted", "until_ns": 122 * _s}, "want": _held,
		},
		"gone before its cluster": {
			"claims": [_claim(5, 1, {})], "change": {"until": "deleted", "until_ns": 123 * _s}, "want": _destroyed,
		},
		"gone just before the recording ends": {
			"claims": [_claim(5, 1, {})], "change": {"until_ns": 121 * _s}, "want": _destroyed,
		},
		"of a broken instance": {"claims": [_claim(5, 1, {"healthy": false})], "change": {}, "want": _held},
		"on a lost node": {"claims": [_claim(5, 1, {"displaced": true})], "change": {}, "want": _held},
		"scaled away": {"claims": [_claim(5, 1, {})], "change": {"specs": _fewer(105)}, "want": _held},
		"scaled away and back": {
			"claims": [_claim(5, 1, {}), _claim(80, 130, {"left": fixture.never, "healthy": false})],
			"change": {"specs": _fewer(105)}, "want": _destroyed,
		},
		"scaled away beside another": {
			"claims": [_claim(5, 1, {}), _claim(80, 130, {"left": fixture.never, "healthy": false, "volume": "pg-4"})],
			"change": {"specs": _fewer(105)}, "want": _held,
		},
		"of a Cluster that nobody saw": {
			"claims": [_claim(5, 1, {})], "change": {"seen": false},
			"want": object.union(_held, {"unknown": {{"reason": "cluster_unseen", "seq": {999}}}}),
		},
		"after a gap of Clusters": {
			"claims": [_claim(5, 1, {})], "change": {"gaps": [fixture.gap("clusters", 20, 30)]},
			"want": _unclear_claim,
		},
		"at a gap of Clusters": {
			"claims": [_claim(5, 1, {})], "change": {"gaps": [fixture.gap("clusters", 120, 130)]},
			"want": _unclear_claim,
		},
		"before a gap of Clusters": {
			"claims": [_claim(5, 1, {})], "change": {"gaps": [fixture.gap("clusters", 121, 130)]},
			"want": _destroyed,
		},
		"after a gap that changed no spec": {
			"claims": [_claim(5, 1, {})], "change": {"gaps": [_known]}, "want": _destroyed,
		},
		"after a gap of Events": {
			"claims": [_claim(5, 1, {})], "change": {"gaps": [fixture.gap("events", 20, 30)]}, "want": _destroyed,
		},
	}
	_story(object.union({"claims": case.claims}, case.change)) == case.want
}

# Not steady from 100 s to 199 s, and again from 200 s to 300 s.
test_a_pod_belongs_to_one_time[name] if {
	some name, case in {
		"the first": {"at": 199, "codes": set()},
		"the second": {"at": 199.5, "codes": {"several_replaced"}},
	}
	spans := fixture.timeline(
		[[0, {}], [100, fixture.failing_over], [199, {}], [200, fixture.failing_over], [300, {}]],
		10000,
	)
	judged := _story({"spans": spans, "pods": [
		fixture.lost(62, case.at, "pg-2", {}), fixture.lost(63, 210, "pg-3", {}),
	]})
	{finding.code | some finding in judged.violation} == case.codes
}
