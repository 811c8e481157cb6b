// Package report writes the result of a run: one file and one test per format.
//
// A format is a function of the run alone. The same run gives the same bytes,
// whoever asks and wherever: no clock, no terminal width, no paths of the
// machine. A further format is a file with its function and a line in [Formats].
//
//	text   for people: the verdict first, then what is wrong, then what is not
//	       known, then what held; the last line has the totals and the exit code
//	json   for scripts: see schema.json
package report
