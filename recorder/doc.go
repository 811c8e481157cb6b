// Package recorder attaches to a running cluster and writes what happens there
// into a trace, until a command ends or somebody stops it.
//
//	API server ── watch.Stream (one a resource) ── emit ── bus ── deliver ── trace
//
// [Attach] finds out what the API server serves (watch.Resolve), opens the trace
// and the bus, and starts the streams. All of them go through emit, which gives
// the events their order and times: no two events of a trace have the same time.
// The other side of the bus, deliver, writes batches into the trace, each with
// the position of the bus in one transaction.
//
// At the end every stream proves what it can (watch.Stream.Finish), the bus is
// drained, the objects at the end of the trace are compared with those that the
// streams hold, and the trace is sealed. [WriteCertificate] prints the proof.
//
// # Interruptions
//
// A trace that is not sealed is resumed by attaching with the same output, see
// the packages bus and watch for what that guarantees. Its clock goes on: the
// time since the start of the run by the wall clock, never less than the time of
// the last event, and monotonic from then on.
//
// A version that the bus does not take because of its size is declared as a gap
// that loses this version only. What the trace refuses (an object with more fields than a
// trace can hold) is noted as rejected in the certificate.
//
// # A full disk
//
// While the disk of the trace or of the built-in NATS server is full, the
// recorder waits for room. What it cannot take meanwhile stays in the API server,
// as long as that remembers it.
//
// # Files
//
//	<output>        the trace, mode 0600
//	<output>.marks/ the socket for marks, see package marks; removed at the end
//	<output>.nats/  the stream of the built-in NATS server, removed at the end
package recorder
