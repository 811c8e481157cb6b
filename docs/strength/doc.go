// Command strength measures how much the policies and their tests notice, and
// writes docs/policy-strength.md to stdout:
//
//	go run ./docs/strength >docs/policy-strength.md
//
// `make mutate` does that. The same sources give the same bytes on every machine.
//
// Measuring everything takes a minute or two, so the tests here measure a part
// and demand that the document has every policy and fault. That the rest is
// current is for continuous integration to say:
//
//	make mutate && git diff --exit-code docs/policy-strength.md
//
// No recording in recorder/testdata was watched by a sentinel, so one of them is
// given one here: a workload that writes every second and reads everything every
// ten seconds, as it would have been recorded had no write been lost.
package main
