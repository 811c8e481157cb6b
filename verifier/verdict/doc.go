// Package verdict holds the words of a judgement: the lattice of verdicts, and
// the result of a run as data. It judges nothing and prints nothing.
//
// # The lattice
//
//	violated > error > inconclusive > vacuous > held
//
// The worst wins, at every step: (policy, entity) → policy → trace → run.
//
//   - violated: a bad prefix was recorded. Nothing that comes later, and nothing
//     that was not seen, can repair it.
//   - error: the question was not answered, because a policy failed to evaluate
//     or a trace could not be read.
//   - inconclusive: the recording does not decide. It has a gap, ends too early,
//     or lacks what the policy needs.
//   - vacuous: nothing contradicts the policy, and nothing put it to the test.
//   - held: the policy was exercised and stood.
//
// Of one policy and one entity (the rows are what the policy's rules derived):
//
//	violation rows | unknown rows | exercised rows ≥ minimum | verdict
//	≥ 1            | any          | any                      | violated
//	0              | ≥ 1          | any                      | inconclusive
//	0              | 0            | no                       | vacuous
//	0              | 0            | yes                      | held
//	evaluation failed                                        | error
//
// How much a policy was put to the test has three levels, counted for each
// entity and for the policy:
//
//	reached                  documents of its view existed
//	exercised                rows of exercised: what the policy is about took place
//	exercised_in_disruption  those that took place while a disruption was going on
//
// The rows of the table are those of exercised; with exercised_in: disruption
// the policy demands the third level, and only those in a disruption count.
//
// Of one policy over its entities ([Policy.Judge]): the worst of them, except
// that an entity which did not exercise the policy does not spoil another one
// that did. Such a policy is held and reported as "n of m exercised"; it is
// vacuous only when no entity exercised it, or when there was no entity at all.
//
// Of one trace ([Trace.Judge]) and of the run ([Run.Judge]): the worst.
//
// # The gate
//
// [Run.ExitCode] is what a pipeline sees:
//
//	0  held: every policy held on every trace, or what did not was allowed by name
//	1  violated
//	2  could not run: a trace was unreadable, or a policy failed and nothing is violated
//	3  not violated, but inconclusive or vacuous
//
// A trace that cannot be read is 2 even when another one is violated: what was
// asked was not answered. The JSON report has both.
//
// Two things open the gate, and change no verdict. An [Allowance] comes from the
// command line and covers one policy with one verdict: vacuous or inconclusive.
// A [Waiver] comes from a file, has an owner, a reason and a last day, and can
// cover violations too, all of a policy or those of one code or of some
// entities. What is left decides. An allowed vacuous policy stays vacuous, a
// waived violation stays violated, and the report says who let it pass.
//
// # Findings
//
// Every finding has an id ([Trace.Identify]) by which it can be asked for again,
// and may be folded under another one with the same evidence ([Trace.Fold]).
package verdict
