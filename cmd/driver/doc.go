// Command driver puts clusters through the scenarios of the requirements.
//
//	driver list                                  what there is
//	driver run SCENARIO... --topology T1,T2,T3   carries scenarios out
//	driver clean                                 removes what dead runs left
//	driver judge DIR                             asks the verifier anew about their traces
//	driver table DIR                             results as docs/scenarios.md
//
// It does and marks, and judges nothing: the verifier does, as a program of its
// own. With --record it starts a recorder for each run, with --check the verifier
// when that has ended; both are looked for beside the driver, then in the path.
// The recorder that it starts runs "driver hold", which waits for the driver to
// say that the run is over; when the driver dies instead, hold marks that the run
// was cut, and the recording is sealed in order.
//
// # Exit codes
//
//	0    every run was carried out; with --check: and every policy held
//	1    a policy is violated
//	2    could not run: usage, cluster away, something is missing in it
//	3    not violated, but inconclusive or vacuous
//	4    a trigger was not met: not exercised
//	5    skipped: the cluster or its operator cannot do it
//	6    a step could not be done, or had no end in time
//	130  interrupted
//
// Of several runs the worst counts, in the order 130, 2, 1, 6, 4, 3, 5, 0.
package main
