// Command scale runs recorders and a collector on a real JetStream cluster, kills
// its nodes and the collector, compares what was published with what is in the
// traces, and writes docs/scale.md to stdout:
//
//	go run ./docs/scale >docs/scale.md
//
// `make scale` does that; it takes about five minutes. Everything is a process of
// its own, and this program again: the nodes (nats-server, the version in go.mod),
// the recorders, which publish numbered events with the code of recorder attach
// --publish-only, and the collector, which is recorder collect. All listen on the
// loopback interface only.
//
// A reduced run is part of the tests of this package.
package main
