// Package suite reads the reports of test suites and turns them into marks: when
// each spec began and ended, how, and at which attempt.
//
//	specs, err := suite.Read(file)
//	for _, m := range suite.Marks(specs) { … } // phase spec; see package marks
//
// Two formats are read, told apart by their first byte:
//
//   - Ginkgo's JSON report (ginkgo --json-report): every spec, and every node like
//     BeforeSuite, with its own begin and end, its attempts, labels and process.
//   - JUnit XML, of Ginkgo, gotestsum, go-junit-report, Maven and others. It has a
//     time for each suite and a duration for each case, but not when a case
//     began: its marks say between which moments (time and until) it began and
//     ended. Cases with a timestamp of their own are placed by that. Times without
//     a zone, as Ginkgo writes them, are taken to be of this machine's zone (TZ),
//     times without fractions to be up to a second later.
//
// Where there is a choice, take the JSON report.
//
// # What becomes a mark
//
// A spec that ran has a begin and an end, and a retry for each attempt after the
// first, at its moment. One that did not run or skipped itself has an end only,
// with the outcome skipped or pending: it claims to test nothing. A case of JUnit
// that is there twice, as reruns are written by gotestsum, has the attempts 1
// and 2; flakyFailure and rerunFailure of Maven count as attempts as well.
//
// # Limits
//
// A report may have 256 MiB and a hundred thousand specs; titles and messages are
// cut at 4 KiB. A report that is half written is an error like any other: read it
// again when it has changed.
package suite
