// Package views turns a trace into documents for policies.
//
// A view is a projection: it says what was recorded, joined and in numbers, and
// judges nothing. There is no threshold, deadline or verdict in it; those are
// the policies' (data.params). Each view has a JSON schema with
// additionalProperties false, in which every field is described with its unit;
// policies are type-checked against it.
//
//	view       one document per                         serves
//	storage    volume group of a cluster                policy-bounds, replica-consistency, idempotency, status-coherence
//	operation  expansion of a volume group              convergence-resumes
//	set        sentinel workload, or cluster without    no-data-loss
//	episode    thing that was done to a cluster         scenarios, assertions
//	cluster    life of a Cluster                        single-primary, primary-election, no-silent-stall, no-churn, …
//	pressure   volume group of a cluster                growth-on-usage, emergency-growth, maintenance-window, …
//	backup     Backup, or VolumeSnapshot of none        backup-outcome, snapshot-size
//	wait       life of a Cluster                        the diagnoses
//	run        trace                                    one-operator-build, validation
//	suite      trace                                    suite-serial, suite-namespaces, suite-expandable-storage
//
// A volume group is the claims of one role of one cluster: PG_DATA, PG_WAL, or
// PG_TABLESPACE with its name. Its entity is namespace/cluster/role, with
// /tablespace behind it; a Cluster that was deleted and created again under its
// name is another cluster, written namespace/cluster#2.
//
// # Reference semantics
//
// What the views storage, operation and set mean is written down a second time,
// in reference/*.rego: sentences over the whole trace, slow and easy to believe. A
// test demands that both say the same about every recording, and about recordings
// that were changed at random.
//
// # In parts
//
// [Read] folds the trace into change points, about 160 bytes for each event that
// matters; what it does not read is skipped undecoded, and of a change only the
// part is read again that it is about (trace.Topic). Of the view storage, who reads
// no more than specs, sizes and claims can say so ([Want]): then the lives of Pods and
// the health of Clusters are not read either. Documents are made from that,
// one life of a Cluster at a time ([Projection.Part]), on any number of goroutines,
// and may be let go: they can be made again.
//
// [Follow] tells of a Cluster as soon as it is over, and lets go of what was read of
// it when it is released, so that the memory is that of the clusters which live at
// the same time, and a few lines of each for the documents about the whole trace.
// It knows that nothing more will come because the trace is read twice: the first
// time for what all clusters share (nodes, leases, outages, the clocks), and where each
// namespace ends is told by the heads of the blocks. A Cluster is kept to the end of the trace where it
// was not deleted, where its namespace has Backups or other Clusters that are kept,
// and where a restart of the operator met it that later events may explain.
//
// # Conventions
//
// Times are ns since the start of the trace. What was recorded at ns happened in
// (not_before_ns, ns]; the two are equal but after a broken watch. Sizes are
// bytes. What is absent is 0, "" or false, and -1 for an index or a size that may
// be 0; no field is ever missing, so that a policy cannot miss it. seq are events
// of the trace.
//
// Order between two kinds of objects is the order of receipt only. Views keep
// it; how much of it to believe is for the policy.
//
// # Where a history ends
//
// A document speaks until its cluster, or the last volume of the group, begins
// to go (until: deleted), else until the trace ends (until: trace_end). What
// comes after a deletion is teardown and appears nowhere. Gaps of Clusters,
// claims and pods are listed where they meet that time.
//
// # Operations
//
// The API has no id for an expansion. An operation is open from the first rise
// of a request until every live volume of the group has the highest request as
// capacity and shows no expansion (a condition about resizing, an
// allocatedResourceStatus). A further rise meanwhile belongs to it. If a claim
// is listed at the start of the trace in the middle of an expansion, an operation
// is open from there, with begin_known false.
//
// # Disruptions
//
// They are recognised from the API: the deletion of an instance's pod (until the
// pod is gone), a restart of its containers, targetPrimary differing from
// currentPrimary (until they agree; one that flaps is one), the leading operator's pod
// deleted or restarted or the holder of its lease changed (until one is at work
// again), a node with a pod of the cluster made unschedulable or not ready (until
// undone). Marks with the phases disruption-start and disruption-end count as
// well when the trace has one cluster only; an end with the outcome failed did not
// come, and what was done was over with the mark disruption-injected.
//
// # Waits
//
// The view wait lists intervals in which something of a cluster waited, with what
// the API said of the reason: pods without a node; volumes that are not mounted
// yet, since when they are attached and where they were before; images; nodes out
// of order with the pods that stayed there and the budgets that covered them;
// expansions by stage; claims without a pod; changes of the primary. Short waits
// are normal and are there too. What a log line tells is placed where its writer's
// stamp says, moved by the difference between the clocks.
//
// # Usage
//
// How full volumes are is told by the usage samples of the recorder, and by the
// operator's log line "Instance disk status received", which is what it decides
// by. The recorder leaves out samples that tell nothing new, so that a value
// lasts until the next one. A sample stands where it was received, with the moment
// in which the one before was still true as not_before_ns; a line stands where it
// was written. What is older than what is known already is left out, and a sample
// says nothing of a volume whose capacity has changed since.
//
// # Episodes
//
// An episode is one thing that was done to a cluster, recognised like the
// disruptions from the API alone; its entity is namespace/cluster/kind#number.
// What belongs to it makes no episode of its own: the pods that a drain, a lost
// node, a rollout or a scaling takes, the restart of a primary that becomes a
// standby. A change of the primary, a scaling and what else the requirements name
// are documents with caused_by. A pod belongs to a drain when its node was
// unschedulable as it began to go; to a rollout when its successor is made of
// something else (its image and the operator's own description of it); to a
// scaling when its instance does not come back; and to what was done before when it
// had come back and was never Ready.
//
// Expansions are episodes too (growth), and usage that goes over, under and over
// the threshold again with the data (oscillation): the pressure is what was done.
//
// A document speaks until the horizon: the begin of the next episode that
// somebody from outside began after this one, with all that follows from it, was
// over. One that is never over lasts until the next of its kind. So the timelines
// of all episodes together are about as long as the trace.
//
// # Sentinel events
//
// A sentinel writes numbered elements and reads them back. Its events have the
// Cluster as Object (a trace with one cluster may leave it out), and Data:
//
//	sentinel.invoked       {"workload": "w", "n": 12}
//	sentinel.acknowledged  {"workload": "w", "n": 12, "instance": "pg-1", "timeline": 1, "lsn": "0/3000060"}
//	sentinel.failed        {"workload": "w", "n": 12, "error": "…"}   certainly not written
//	sentinel.unknown       {"workload": "w", "n": 12, "error": "…"}   may have been written
//	sentinel.read          {"workload": "w", "instance": "pg-1", "primary": true, "complete": true,
//	                        "elements": "1-100,102", "duplicates": "", "timeline": 1, "lsn": "0/30000F8"}
//
// workload may be left out where there is one. n is from 0 to 2^53. lsn is the
// position of the commit; of a read, the position that the instance had replayed
// or flushed. complete says that the read would have found every element. A read
// began at its NotBefore and ended at its Time.
//
// Elements are classified as by Jepsen's set-full checker: an element is known
// from its acknowledgement or from the first read that found it; what a complete
// read of a primary that began later does not find, and no later read finds, is
// lost.
package views
