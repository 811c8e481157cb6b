// Package mutation measures what a green verdict is worth, by making mistakes
// on purpose.
//
//	strengths, err := mutation.Measure(ctx, policies.FS, mutation.Options{})           // mistakes in policies
//	detection, err := mutation.Detect(ctx, []string{"growth.db"}, verifier.Options{}) // faults in recordings
//
// # Policy mutants
//
// [Measure] changes the syntax tree of a policy in one place (see [Operators])
// and runs the policy's own tests against the result. A mutant is
//
//	killed     a test that passes without the change does not pass any more, or does not end
//	survived   all tests pass: a mistake that nobody would notice
//	stillborn  it does not compile under OPA's strict rules; not counted
//
// Libraries below lib are measured in the same way, by their own tests only.
// The tests of at least 95 % of the mutants that compile must fail
// ([KillRatioWanted]). A survivor that means the same as the original, or that
// differs only where no recording can lead, is listed in mutants.yaml
// ([AcceptedFile]) with its reason and leaves the count; an entry that names no
// survivor is an error, so that the list cannot rot. The id of a mutant depends
// on the rule, the expression and the change, not on the line.
//
// Before anything is changed the tests must pass in OPA's own runner. The mutants
// are then asked for the same answers without that runner, which traces every
// step of a table of cases and is twenty times slower: a table of cases answers
// with the names of those that pass, so a mutant that fails one answers
// differently. Each file is compiled with the libraries it needs only, and the
// test that killed the last mutant goes first.
//
// # Trace mutants
//
// [Detect] changes recordings. METADATA custom mutants of a policy names the
// faults ([Classes]) that it must notice; each is put into every recording at up
// to four places where it can matter, as a trace of its own, and judged. What
// held must become violated, or inconclusive where the recording was made to
// show less. A policy that was vacuous or inconclusive before owes no answer, so
// a declared fault counts as detected when some recording shows it and none
// hides it.
//
// A fault changes what the API server would have said, not the recorder's file:
// all later versions of the object are changed with it, times stay in order, and
// new versions get new resourceVersions.
package mutation
