// Package report writes the result of a run: one file and one test per format.
//
// A format is a function of the run alone. The same run gives the same bytes,
// whoever asks and wherever: no clock, no terminal width, no paths of the
// machine. What a format needs beside the run is in [Options]; one that shows more
// than the verdict opens the trace through them. A further format is a file with
// its function and a line in [Formats].
//
//	text      for people: the verdict first, then what is wrong, then what is not
//	          known, then what held; the last line has the totals and the exit code
//	explain   the story of the run on one screen of 24 lines of 100 columns
//	json      for scripts: see schema.json
//	junit     JUnit XML: a suite for each trace, a case for each policy
//	sarif     SARIF 2.1.0: a run for each trace, a result for each finding
//	github    workflow commands, and the step summary
//	tap       TAP 14
//	ctrf      Common Test Report Format
//	markdown  a comment on a pull request
//
// # What is green
//
// Only what held. Formats that know pass, fail, error and skip get fail for what
// is violated, error for what was not answered, and fail for what is inconclusive
// or vacuous: the exit code is not 0 either. [Undecided] chooses error or skip
// for the last two, never pass. Skip is what the gate does not count: policies of
// scenarios that nobody asked of this trace, and what a waiver or --allow lets
// through; the reason stands beside it.
package report
