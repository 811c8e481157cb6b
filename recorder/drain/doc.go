// Package drain records which pods of other namespaces stand on a node that is
// being drained. A drain that does not end is nobody's fault before it is known
// who stayed: an eviction that a PodDisruptionBudget refuses is answered with
// HTTP 429, and leaves no trace in the API.
//
//	drain.Run(ctx, drain.Options{Scope: scope, API: api, Sink: sink})
//
// # What is asked
//
// Every Interval the nodes with spec.unschedulable are listed, and of each the
// pods (/api/v1/pods?fieldSelector=spec.nodeName=NODE), which needs the right to
// list pods of all namespaces. While no node is unschedulable, that is one small
// question. Left out is what kubectl drain leaves where it is, or does not need
// to evict: pods of DaemonSets, static pods, and pods that have ended. Pods in
// Scope are left out too: the watches record them.
//
// Which budget covers a pod is not asked: PodDisruptionBudgets of all namespaces
// are recorded by their watch, and select by the labels that are written here.
//
// What the API server denies is written down as a stream of pods/drain that is
// denied, and so is in the certificate; it is asked for again every five
// minutes. Other failures are asked again at the next round.
//
// # Events
//
// Their source is recorder, their object the node (with no UID).
//
//	drain  {node, pods: [{namespace, name, uid, owner, phase, terminating, labels}]}
//
// owner is the kind and name of the controller ("ReplicaSet/web"), empty where
// there is none. pods are sorted; the list may be empty, which says that nobody
// else was there. An event is recorded when a node is unschedulable for the first
// time, and whenever its list changes. NotBefore is when the question was sent.
package drain
