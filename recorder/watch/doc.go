// Package watch records what happens to the objects of a Kubernetes cluster.
//
// Each [Stream] records one [Target]: a resource, of one namespace or of the
// whole cluster. It is a reflector of client-go with a store of our own, so that
// it sees what informers hide: lists, bookmarks, errors, relists. It turns them
// into events of a trace.
//
// # What the events mean
//
//	first list            "added" for each object, then a stream record "listed"
//	ADDED, MODIFIED       "added" or "modified", whichever it is for us
//	DELETED               "deleted", with the last state as the server sent it
//	BOOKMARK              "bookmark": nothing is missing up to its resourceVersion
//	a watch that is quiet "bookmark", too: it stayed open for a while past a list
//	watch open            stream record "watching"
//	watch ended           stream record "broken", with the reason, then "reopened"
//	                      with the time without a watch
//	refused               stream record "denied"
//	history expired (410) "gap" begin, what the list implies, "gap" end, "listed"
//
// A watch that ends is opened again from the last version or bookmark: nothing
// is lost, and no gap is declared. Reflectors list after every failure but the
// most harmless, and a list hides what happened before it; so the stream answers
// them with an empty list at the last resourceVersion, unless the server has
// said twice that history is gone. Only then is there a gap, and no greater one
// than must be: the list is of the oldest version from which the server can still
// be watched, if it still has the state of that, and the watch goes on from there.
// Between the sides of the gap stand what the list implies, all marked as
// inferred: "added", "modified" where the version differs, "deleted" where an
// object is missing, and both where it has another UID. An unchanged object gives
// nothing. If the list has the very resourceVersion that the stream had reached,
// nothing was lost and there is no gap.
//
// Another UID under a known name in a live watch is an inferred "deleted", then
// "added". A version that is known already is not emitted again.
//
// # When it happened
//
// An event happened in the interval (NotBefore, Time]. Of a live watch both are
// the moment of receipt. What a watch opened anew delivers first is the backlog:
// it happened after the last moment at which the stream was known to be current.
// Where the backlog ends is found by asking, before the watch is opened, at which
// resourceVersion the server is (a list of one object); without an answer it
// ends with the next bookmark. What a list implies happened after the same
// moment.
//
// # Some namespaces
//
// Of namespaces that are chosen by their labels the whole cluster is watched, and
// what is of others is passed over: nothing is lost of a namespace that is made
// while the recording goes on. A watch with a selector would not do, as it calls
// deleted what only stops to match.
//
// # Objects as sent
//
// The bytes of an object are those that the API server sent; only its identity
// is decoded, and what is as in its last version is not read again: it is compared.
// An event is a line, unless its brackets say otherwise. While many come over HTTP/2,
// they are read every two milliseconds. Items of a list get the apiVersion and kind
// that the server leaves out there. Of bookmarks only the resourceVersion is kept:
// they say nothing else.
//
// # Heartbeats
//
// Renewals of Leases and status stamps of Nodes are counted instead of recorded,
// by the rule of [Heartbeat], for objects outside the recorded namespace.
//
// # The end
//
// [Stream.Finish] takes a list at the most recent resourceVersion, watches until
// the stream has come there, leaves out what comes later, and compares: if every
// object is there with its UID and version and no other is, the stream is
// complete, but for declared gaps. That the stream has come there is known from
// a bookmark, which the server sends before it ends a short watch, or from a
// later version. Events, which API servers do not cache, have no bookmarks: there
// a watch that was opened after the list must stay open to its end and bring
// nothing that contradicts.
//
// # Going on after a crash
//
// [Checkpoints] reads from an unsealed trace how far each stream had come, and
// [Stream.Resume] goes on from there as from a broken watch. If the first list or
// what a later list implies is not complete in the trace, history since then is
// a gap.
//
// # What is refused
//
// Secrets are never recorded. A resource that discovery does not know or that
// RBAC refuses at the start is left out; so is what may be listed and never be
// watched, of which nothing but the list is in the trace. One that is refused
// later is asked for until it is allowed again; then the watch goes on as after any
// other break. If it never is, what happened since is a gap with that reason.
package watch
