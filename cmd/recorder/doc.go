// Command recorder records what happens in a Kubernetes cluster into a trace
// file, and turns watch logs into traces and back.
//
//	recorder attach    record a live cluster
//	recorder collect   write the traces of recorders that publish to NATS
//	recorder mark      say something into a recording that is under way
//	recorder import    make a trace of a watch log
//	recorder export    write a trace as a watch log
//	recorder inspect   what a trace holds, what it proves, and whether it is intact
//	recorder version   version of the program and of what it was built with
//
// This package has commands, flags and printing; the work is done in package
// recorder and below.
//
// Data goes to stdout, progress and errors to stderr. Exit codes: 0 done,
// 2 could not run (usage, unreadable or damaged file, cluster away), 130 stopped
// at once by a second Ctrl-C. When attach runs a command that fails, its exit
// code becomes the recorder's.
package main
