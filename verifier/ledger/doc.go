// Package ledger folds many runs of a suite into what was kept by hand: a
// flakiness table and a regression ledger, with the statistics that those lack.
//
//	c, err := ledger.ReadCatalogue("", []string{"runs/"})
//	l, err := ledger.Make(ctx, []string{"runs/"}, ledger.Options{Catalogue: c, Cache: ".ledger"})
//	for _, f := range ledger.Formats() { err = f.Write(w, l) } // markdown, json, html
//
// The same sources, policies and cache give the same bytes. docs/ledger.md is a
// worked example.
//
// # Sources
//
// A source is a trace (.db), which the policies judge, or a report of a suite that
// nobody recorded (Ginkgo's JSON, JUnit XML; package recorder/suite). A directory
// with a run.yaml is one run with all sources in it; other sources are runs of
// their own. run.yaml, every key of which may be absent where a source says it:
//
//	date: 2026-02-12 21:34 UTC   # or a day
//	title: Topology T1/T2/T3     # what was special
//	branch: main
//	commit: 0cf8f93d1
//	uncommitted: true            # the commit does not say exactly what was tested
//	command: ./e2e.sh --focus drain
//	duration: 1h55m
//	environment: {provider: azure, storage_class: managed-csi, kubernetes: v1.36.3, operator: 0cf8f93d1}
//	not_run: 214                 # specs that were not run and that no report lists
//	changes: [what was changed for this run]
//	root_cause: |                # prose, as are notes
//	notes: |
//
// A trace says itself when it was, and by its objects on which provider (spec.providerID
// of nodes), storage class, Kubernetes and build of the operator; a mark of the
// phase run-start may have branch, commit, command and environment. run.yaml wins.
// A recording counts once: the copy with the report of a suite for its original.
//
// # Tests
//
// The catalogue (catalogue.yaml, and a ledger.yaml of one's own on top of it) names
// the tests and their order. A spec belongs to the first test with whose spec,
// alias or name its title ends; aliases are patterns, and keep the history of a test
// that was renamed. A spec that belongs to none is a test of its own.
//
// A spec of a trace has a window, from the mark of its begin to that of its end. Its
// clusters are those that came inside it, or, where none did, those that were there.
// The findings about its clusters in its window are its own, whatever policy they are
// of; of those policies that it claims to put to the test (METADATA specs), the
// verdict over its clusters decides whether it did. Where two specs were going on
// when a cluster came, both have what is found, and it says so.
//
// A trace without specs has a result for each test all of whose policies were
// exercised, or one of them violated: those of its spec in the catalogue. A report
// and a trace of one run are joined by the test.
//
// # Outcomes
//
//	suite           recording                      outcome    counted as
//	passed          none, or held                  passed     pass
//	passed, later   none, or held                  retried    pass, but not a clean one
//	passed          nothing was put to the test    vacuous    apart
//	passed, –       cannot tell                    undecided  apart
//	passed, –       violated                       failed     fail
//	failed          whatever                       failed     fail
//	skipped, why    whatever                       skipped    skip
//	skipped                                        not_run    apart
//
// A skip with a reason is a skip. One without was filtered out or cut off.
//
// # Whose fault
//
// Evidence is a finding, a diagnosis about the spec's clusters that was at work in its
// window, or, where neither is, a rule about the message (reasons in the catalogue).
// Findings go before diagnoses, and the product's before others; of several
// diagnoses the class that was at work longest counts. What nobody showed is undiagnosed,
// never infrastructure. What a person writes as root cause is told and counts for
// nothing.
//
// # Assessment
//
// The rate is that of clean passes among the results that decide something: passed,
// retried, failed. What failed for infrastructure, by evidence, is left out. Its
// interval is Wilson's with 95 % ([Wilson]). The first rule that applies:
//
//	NOT RUN         nothing but not_run
//	INFRA           at least infra_share (25 %) of the results that decide, or failed for
//	                infrastructure, are the latter or skips of that kind; none failed,
//	                was retried or skipped otherwise
//	VACUOUS         no result decides, and some are vacuous
//	FLAKY (proven)  one commit passed and failed in one environment, or one run passed
//	                only when retried: a proof needs no statistics
//	Too few runs    fewer than min_runs (5) decide
//	BROKEN          the last broken_streak (3) that decide failed
//	FLAKY           at least min_failures (2) failed, and the interval is below flaky (95 %)
//	Stable          none failed, and the interval is above stable (80 %): 16 clean runs
//	No failure yet  none failed, in fewer runs than that
//	Mostly stable   some failed; the interval is above mostly (50 %) and reaches flaky
//	Undecided       the interval is too wide for either
//
// Only the last window (30) results that decide are looked at, and none before the
// date of since, by which a person says that older failures were repaired. Counts
// without runs (baseline) are older than all runs; they count in the columns and the
// interval and for nothing that takes an order. With 5 of 5 the interval is 57 to 100 %:
// below five runs even the best history says less than that, hence min_runs. 95 % as
// flaky means that one failure in twenty runs is borne. Nothing is corrected for there
// being many rows: of twenty intervals one misses its rate, and the tables say so.
//
// # Deltas
//
// A test is compared with its last result that decided, in the same topology and
// environment: REGRESSION, FIXED, UNCHANGED FAILING. Of each regression [Fisher]'s
// exact test, one-sided, says whether chance explains it as well: the runs of this
// build up to this one against the last window runs of other builds. Where the build
// is not known exactly, it is this run alone. There is no verdict below min_failures of
// this build; the level alpha (5 %) is shared by all tests that were compared in the
// run ([Holm]).
//
// # Exit criteria
//
// They are those of the requirements, as of the last result of each test; each is met,
// not met or undecided, and says why. A pass only when retried, and one without proof,
// leave them undecided.
//
//  1. Each P0 scenario of phase 1 has passed last on each target provider.
//  2. no-silent-stall is held by the last recording of each environment, and by the last
//     one of a run in which not all went well; and every failure was recorded.
//  3. Each P0 scenario has passed last in T1, T2 and T3. There is no failover in T1.
//     What failed for infrastructure, by evidence, is no gap of the product and leaves
//     it undecided.
//
// # Judging anew
//
// The cache keeps what was found in a trace by the digest of the trace, of the
// policies with their parameters, and of the program. A new run costs its own time.
// When policies change, all traces are judged anew, and verdicts that differ from
// those of the judge before are listed apart: the recordings are the same, so it is
// the policies that changed and not the product. A damaged entry is found again.
package ledger
