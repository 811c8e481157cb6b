// Package serve is a read-only Kubernetes API of the past: kubectl, k9s and client-go
// see a cluster as it was at a moment of a recording, or as it goes on from there.
//
//	p, err := travel.Open(r)
//	s := serve.New(p, serve.Options{Start: m, Speed: 10})
//	err = http.Serve(listener, s)                  // kubectl -s http://127.0.0.1:PORT get pods -w
//
// # What it answers
//
//	/version /healthz /livez /readyz      and /openapi/v2, /openapi/v3 without content
//	/api /apis /api/v1 /apis/GROUP/VERSION  discovery, aggregated too
//	list, get and watch of what was recorded, with label and field selectors, limit
//	and continue, as objects or as tables (Accept), resourceVersions as they were
//	SelfSubjectAccessReview               reading is allowed, writing is not
//
// Whatever would write is refused with 405, and everything that the recorder did not
// see with 404 and the reason. There is no authentication: it listens on loopback, and
// what is served is in the file anyway.
//
// # Time
//
// The clock starts at a moment and runs at a speed: 0 stands still, 1 is as it was, 10
// ten times as fast. It stops at the end of the trace. A list tells the state of its
// moment; a watch tells the events between the resourceVersion that it names and now,
// and then what happens as the clock goes on. Ages in tables are those of the clock.
//
// The resourceVersion of a list is the greatest one of its kind that was recorded up to
// the moment. A watch from one that is older than the recording gets 410 Gone, as it
// would from a server that has compacted it.
//
// # What is doubtful
//
// Where the recording does not know better (a gap, a broken watch), answers carry a
// Warning header, which kubectl shows on its standard error.
package serve
