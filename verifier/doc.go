// Package verifier judges recordings: trace → views → policies → verdict, one
// way, no way back. [Check] is the whole of it:
//
//	run, err := verifier.Check(ctx, []string{"trace.db"}, verifier.Options{})
//
// The rooms below it are the stages:
//
//	views     projects a trace onto documents about volumes, instances, operations …
//	policy    loads the policies and asks them about the documents
//	slice     finds the part of a document that is enough for a finding
//	evidence  turns the sequence numbers of a finding into readable events
//	waiver    reads what may pass for a while, and who answers for it
//	verdict   the lattice, and the result as data
//	story     what happened, whatever the policies say of it
//	report    the result as text, JSON, …
//
// # Explanations
//
// A finding is more than a row. After all policies have answered, each one gets
//
//   - an id, and its place under another finding with the same evidence;
//   - a slice: the change points of the view's document without which the policy
//     would not derive this very row, found by asking it again;
//   - a remedy: the threshold with which it would not be a finding, told only
//     when asking the policy with it says so;
//   - the events that it and its slice name, and the disruptions and gaps that
//     lie between them.
//
// [Repro] writes a finding as files that OPA alone can evaluate.
//
// # What a certificate does not prove
//
// Before any policy is asked, the certificate of the trace is read, and all
// that it does not prove is listed as an [verdict.Assumption]:
//
//	unsealed   the recorder did not end in order; the history may stop early
//	mismatch   the final list contradicts the history: the recording is wrong somewhere
//	open       no loss is known, but no final list confirmed the end
//	gap        what happened between two resourceVersions was not seen
//	denied     a resource could not be watched, so the trace says nothing about it
//	imported   as complete as the log that was imported
//	rejected   input that could not become an event
//
// Gaps, and what is absent, reach the policies through the views, where each
// policy decides whether its own window is touched. A mismatch cannot be placed:
// with one, nothing is held, and what would have been is inconclusive.
//
// # Several traces
//
// Each trace is judged alone. One that cannot be read is an entry with an error;
// the others are judged and the run says so in its exit code.
package verifier
