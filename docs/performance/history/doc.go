// Package history makes long watch logs out of recordings: many clusters, some
// at the same time, each living as long as it did when it was recorded.
//
//	parts := []*history.Recording{…}            // Parse
//	err := history.Write(w, parts, history.Options{Seed: 1, Events: 1_000_000, Lanes: 4})
//
// A lane is one after the other of the recordings, picked at random. In each
// copy the namespace, the UIDs and the times are its own, wherever in the objects
// they are mentioned; resourceVersions count up over the whole log. What outlives
// a copy (nodes, storage classes, the operator) is the same object throughout:
// where a later copy lists it, it is modified. Every lane has its own nodes, and
// the operator is that of the first lane.
//
// With Quiet, each cluster stays idle for a long time before it is taken down:
// so many times the events of its recording, all of them heartbeats of nodes and
// leases. That is the shape of a soak run.
//
// The same options make the same bytes, on every machine. The result is a log for
// watchlog.Import; it is written as it is made, so that its length costs no memory.
package history
