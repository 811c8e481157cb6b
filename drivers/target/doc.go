// Package target is the cluster that a driver works on: what it offers, what it
// shows, and how to change it.
//
// A [Target] is one Cluster of CloudNativePG in one namespace. What is read of it
// ([Target.State]) is a small view of the objects of the API at one moment: roles,
// claims, pods, conditions. [Target.Until] waits for such a fact, and says what it
// waits for; nothing here sleeps for a time and hopes.
//
// What the API cannot do, a hook does: a command of the user, run by sh -c with
// what it is about in its environment.
//
//	node-down       HINDSIGHT_NODE loses its power
//	node-up         HINDSIGHT_NODE boots again
//	storage-slow    expansions of HINDSIGHT_VOLUMES take HINDSIGHT_SECONDS longer
//	storage-fail    expansions of HINDSIGHT_VOLUMES fail
//	storage-normal  undoes both
//
// HINDSIGHT_NAMESPACE and HINDSIGHT_CLUSTER are always set; HINDSIGHT_VOLUMES are
// names of PersistentVolumes, separated by spaces.
//
// # What is left behind
//
// Each run holds a Lease in its namespace that it renews. It carries the label
// [LabelRun], as all objects do that a driver makes, and as annotations what has
// to be undone outside of the namespace: nodes that are cordoned, hooks. So the
// next driver can tell a run that died from one that is at work, undo what it did,
// and remove what it made ([Leftovers]).
package target
