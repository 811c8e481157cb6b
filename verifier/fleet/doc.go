// Package fleet judges traces on many machines, over a JetStream cluster that is
// there already. Workers judge, whoever asks waits for all of their answers:
//
//	go fleet.Work(ctx, js, fleet.WorkOptions{})                     // verifier worker --nats …
//	run, err := fleet.Check(ctx, js, paths, options, notify)        // verifier check --nats … DIR
//
// The answer is, byte for byte, what verifier.Check says of the same traces.
//
// # The way of a trace
//
//	traces    object store hindsight-fleet: traces and sets of policies, each under its digest
//	jobs      stream HINDSIGHT-FLEET-JOBS, a work queue: hindsight-fleet.job.QUESTION.TRACE
//	verdicts  stream HINDSIGHT-FLEET-VERDICTS: hindsight-fleet.verdict.QUESTION.TRACE
//
// A question is a set of policies with everything that changes what they say of a
// trace: CI class, overridden thresholds, which policies, what is required. It is
// packed into the store, so that workers of any version judge by the policies of
// whoever asks. Allowances and waivers are of the run, not of a trace, and stay
// with the asker.
//
// A job is a subject: it is in the queue at most once, and asking again, after an
// interruption or next to somebody else, waits for the same job. A verdict that is
// there already is not made again. All of it is kept for [Keep].
//
// # Exactly once
//
// A job goes to one worker. While that one works, it says so every few seconds; when
// it has said nothing for [DefaultSilence], because it was killed or cut off, the job
// goes to another one. So a trace may be judged twice, but only the first verdict
// is taken: it is published under the condition that its subject has none. A
// worker removes a job from the queue after its verdict is stored.
//
// A trace that has ended three workers is not given to another one; its verdict
// is an error that says so.
package fleet
