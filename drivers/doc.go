// Package drivers puts clusters through scenarios: it makes a cluster, waits for
// the moment that makes the scenario worth running, does what the scenario says,
// and waits until all is over. It judges nothing: every step is said into the
// recording that is under way, and the verifier judges that afterwards.
//
// A scenario (package scenarios) in a topology is a [Run]:
//
//	setup       namespace, Lease, objects, Cluster; until it is healthy
//	load        rows by SQL
//	prepare     every disruption looks whether it can be done
//	growth      the size is raised (static sizing), or the disk filled (dynamic)
//	trigger     until the API shows the moment; else the run is not exercised
//	disruption  inject all in order, each at its own trigger; then observe all
//	            ends; then undo
//	settle      until the expansion is complete and the cluster healthy, and then
//	            for as long as policies want to watch a quiet cluster
//	cleanup     what was made is removed, after the recording has ended
//
// # Outcomes
//
//	done           every step was done, and the cluster settled
//	skipped        the cluster or its operator cannot do it; nothing was created, or
//	               only what Prepare needed
//	not exercised  the trigger was not met: nothing was put to the test
//	failed         a step could not be done or had no end in time; the trace says
//	               which, and the verifier says why
//	cut            the driver was interrupted
//
// Only done is success. [Matrix] runs many; those that are serial run alone.
//
// # Marks
//
// Beside the vocabulary of package marks (scenario, cluster-healthy, fill-start,
// growth-requested, disruption-start, disruption-end, growth-complete, settled)
// a run says
//
//	trigger               what was observed, and when the waiting for it began (note)
//	disruption-prepare    side begin and end: what was chosen, or why it cannot be done
//	disruption-injected   what was really done: outcome done or failed
//	disruption-undo       side begin and end
//	storage               behaviour: slow, fail or normal; outcome
//
// Marks of one disruption have its kind and its number in the scenario. A
// disruption-end has the outcome done or failed, and what failed. Whoever reads
// a trace that has a begin of a scenario and no end knows that the driver was cut;
// a recorder that the driver started says so itself, with a mark run-end.
package drivers
