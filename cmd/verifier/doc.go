// Command verifier judges recordings of storage operators offline: it reads
// trace files that recorder wrote, asks policies written in Rego, and says what
// held, what did not, and what the recording cannot decide.
//
// Exit codes of check:
//
//	0    every policy held, or what did not was allowed by name
//	1    violated
//	2    could not run: usage, policies or a trace that cannot be read, a policy that failed
//	3    not violated, but inconclusive or vacuous
//	130  interrupted
package main
