// Command performance measures the recorder's file on the recordings of a real
// cluster and writes docs/performance.md to stdout:
//
//	go run ./docs/performance >docs/performance.md
//
// `make bench` does that. Sizes are the same on every machine; speeds are those
// of the machine that the document names.
//
// Besides the recordings as they are (about two minutes each) it measures a
// long history: the three of them, one after the other, many times over, each
// time with its own namespace, UIDs, resourceVersions and times.
package main
