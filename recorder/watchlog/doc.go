// Package watchlog reads and writes watch logs: the history of a cluster as
// lines of JSON, the way `kubectl get --watch --output-watch-events`, a shell
// script or another recorder can write it. [Import] turns a log into a trace,
// [Export] turns a trace into a log.
//
// # The format
//
// One JSON object a line, UTF-8, at most 16 MiB, plain or compressed with zstd
// (told apart by their first bytes). A line is an event of the API server's
// watch protocol with the time of its receipt:
//
//	{"time": "2026-11-22T02:08:29.916259Z", "type": "ADDED", "object": {…}}
//
//	time      RFC 3339, up to nanoseconds, any zone
//	type      ADDED, MODIFIED, DELETED: object is the object, whole
//	          BOOKMARK: object has apiVersion, kind, metadata.resourceVersion
//	          ERROR: object is the Status with which a watch ended; in the trace
//	          an event of type "error"
//	          MARK: what the test suite or its operator says; "mark" is any JSON
//
// This is all that a log needs. [Export] writes more where a trace knows more
// than these lines can say, and Import understands it; members that are not
// listed here are ignored.
//
//	type      GAP, with "gap": one side of a declared gap (trace.GapRecord)
//	          STREAM, with "stream": fate of a watch (trace.StreamRecord)
//	          EVENT, with "event" (the type in the trace) and "data": any other
//	inferred       true: implied by a relist, observed by nobody
//	source         who observed it, where the type does not tell
//	about          group, version, resource, kind, namespace, name, uid: what
//	               the event is about, where "object" does not tell
//	elapsed_ns     monotonic time since the start, where it is not time − start
//	not_before_ns  earliest possible moment since the start, where that is not
//	               the moment of receipt
//
// Export and Import are inverse: a trace imported from an exported log has the
// same events. Information about the run (command, versions, certificate) is
// not history and stays behind.
//
// # What Import adds
//
// A log written by somebody else proves nothing about its completeness: its
// streams are certified as "imported". But it may contain the evidence of a
// loss, and then Import declares it instead of passing over it. Per resource
// and namespace:
//
//   - An object changes its UID without a DELETED between: the old one was
//     deleted unseen. A gap is declared and an inferred deletion put into it.
//   - A live object is ADDED once more, as after a list: the watch was opened
//     anew. If it has a newer version, or if an ERROR came before, a gap is
//     declared from the last resourceVersion seen to the newest of the list.
//     What the list changed or created is inferred. The list is over one second
//     of log time after the last object that it repeats. Live objects that it
//     left out are inferred to be deleted if an ERROR came before or if the list
//     repeated at least as many objects as it left out; with less evidence they
//     are kept, and the certificate says so.
//   - An object arrives older than it was already, or after its own deletion:
//     it is recorded in order of arrival, and the certificate says so.
//
// Duplicates, equal in resource, UID and resourceVersion, are counted and left
// out. The name of a resource is guessed from its kind as the API server's
// conventions have it; "about" overrides the guess. Secrets are refused.
//
// # What Import reports
//
// Every line that cannot be used is reported with its number and the reason, in
// the [Report] and in the trace's certificate; the import goes on. Of more than
// a thousand such lines the rest is counted.
//
// Memory is bounded by the live objects (their last version), one batch of
// lines, and about a hundred bytes for every object ever deleted.
package watchlog
