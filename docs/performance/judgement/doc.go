// Package judgement is one judgement, written down for everything that docs/performance
// compares: the verifier, a checker in Go on the same reader, and tools that users have.
//
// Of the volumes of the role PG_DATA:
//
//	above_limit  a claim was created with, or changed to, a request above the limit
//	             that the last version of its Cluster before it has in spec.storage
//	shrunk       the request of a claim became smaller
//	late         the request of a claim grew, and no version of the claim within
//	             [Deadline] after that has it as capacity. Not judged when the claim
//	             began to go, or the trace ended, before that.
//
// A finding is a code and the seq of the event: the one that wrote the request. All
// of them need no more than a history per claim; the first one joins it with that of
// another kind.
//
//	programs/judgement.rego   opa eval and conftest, the whole trace as one input
//	programs/conftest.rego    what conftest wants besides
//	programs/judgement.jq     jq and gojq, one pass over a line per event
//	programs/judgement.mjs    DuckDB, SQL over a line per event
//	policies/                 verifier check --policies, on the view storage
//	hand.go                   Hand, the limit: nobody else's work is in it
//
// They ought to find the same in every trace. Where that is not sure, on broken
// watches, in gaps and where clusters are deleted and created again under their
// name, only the verifier's policy and its views know what to do; the traces of
// docs/performance have none of it. [Inject] makes faults in a watch log, so that
// there is something to find.
//
// [Export] writes a trace for those who cannot read it, in two forms: whole, with the
// objects as they were recorded; and lean, with nothing of them but what the
// judgement reads, the best that any of them could be given.
package judgement
