// Package story tells what happened during a recording: what was there, what was
// asked of it, and one moment after the other, in the order in which they began.
//
//	t := story.New(r.Run())
//	t.Mark(change)      // each mark
//	t.Add(documents)    // part by part
//	s := t.Story(r.Certificate())
//
// It is made from the documents of the views ([Views] names those that it needs)
// and from what marks say, and judges nothing: the same story goes with every set
// of policies. Reports choose from it what fits on a screen; see verdict.Story.
//
// # Moments
//
// A moment is one of these kinds. The first are those of the view episode.
//
//	operator_restart … oscillation   what was done to a cluster, or followed from that
//	growth                           an expansion of a volume group
//	setup                            from the first sight of a cluster until it was healthy
//	phase                            the cluster said something else than healthy
//	spec                             a spec of a suite
//	mark                             what a driver or suite said
//	gap                              the recorder did not see
//	deleted                          a cluster began to go
//
// What follows from another moment has its Cause. Times are ns since the start of
// the trace.
package story
