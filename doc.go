// Package hindsight is the map of the module; it has no code of its own.
//
// Hindsight is a flight recorder and an offline judge for Kubernetes storage
// operators. The data goes one way, and so do the imports:
//
//	recorder/watch     reflectors: what the API server says, gaps and all
//	recorder/bus       CloudEvents on NATS JetStream, embedded or yours
//	recorder           attach: sources → bus → trace
//	recorder/watchlog  watch logs in and out of a trace
//	recorder/trace     the trace file: format, writer, reader
//	verifier           check: trace → views → policies → verdict
//	verifier/views     timelines of volumes, instances, operations: no judgement
//	verifier/policy    loads and evaluates the policies
//	verifier/evidence  the few events that matter to a finding
//	verifier/verdict   the lattice from held to violated
//	verifier/report    verdicts as text, JSON and other formats
//	policies           the invariants, in Rego
//	cmd/recorder       the command that records
//	cmd/verifier       the command that judges
//	cmd/lab            a module of its own: a real API server that replays recordings
//
// Package recorder/trace is the ground floor and imports nothing of ours. The
// recorder knows nothing of the verifier, and the verifier knows of the recorder
// only the trace. docs/architecture.md has the whole picture.
//
// The test of this package checks the rules of the house: see CONTRIBUTING.md.
package hindsight
