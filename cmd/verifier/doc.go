// Command verifier judges recordings of storage operators offline: it reads
// trace files that recorder wrote, asks policies written in Rego, and says what
// held, what did not, and what the recording cannot decide.
//
//	check    judge traces and print the verdict
//	explain  the manual page of a policy, or a list of all
//	export   write a judged trace for other tools: Perfetto, OpenTelemetry, CloudEvents
//	repro    write a finding as files for OPA alone
//	ledger   fold many runs into a flakiness table and a regression ledger
//	schema   print the JSON schema of the JSON report, or of a view
//	test     run the tests of policies, with coverage
//	lint     check how policies are written
//	worker   judge traces for others, over a JetStream cluster
//	mutate   how strong policies are: mutants of policies and of traces
//
// Exit codes of check:
//
//	0    every policy held, or what did not was allowed or waived by name
//	1    violated
//	2    could not run: usage, policies or a trace that cannot be read, a policy that failed
//	3    not violated, but inconclusive or vacuous
//	130  interrupted
package main
