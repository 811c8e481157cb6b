// Package marks is how a test suite, a driver or a person says something into a
// recording that is under way: what is being done to the cluster, and why.
//
//	c, err := marks.Find(marks.Where{}) // the recorder around this process
//	defer c.Close()
//	receipt, err := c.Send(ctx, marks.Mark{
//		Phase: marks.DisruptionStart, Note: "drain n3", More: map[string]any{"node": "n3"},
//	})
//
// Send returns when the mark is on the recorder's disk, so what is done next
// comes after it in the trace. (A recorder that only publishes has no trace: there
// Send returns when the JetStream cluster has acknowledged the mark.) The same from a shell:
//
//	recorder mark --phase disruption-start note="drain n3" node=n3
//	curl --unix-socket "$HINDSIGHT_MARKS" -d '{"phase": "growth-requested"}' http://recorder/marks
//
// # A mark
//
// A mark is a JSON object of at most 64 KiB with a phase, a requirement, or both,
// and with whatever else there is to say. These members mean something to
// policies and reports; all others are carried through:
//
//	phase        what begins, ends or is reached; see below
//	side         begin, end, or retry: of a phase that takes time
//	note         for people
//	requirement  id of a policy that the run claims to put to the test, or an
//	             array of them: if the trace does not, its verdict is vacuous
//	cluster      namespace/name of the Cluster that the mark is about; absent: the
//	             only one, or all
//	time         RFC 3339: when it happened, if that is not now
//	until        RFC 3339: it happened between time and until
//
// # Phases
//
//	run-start, run-end                  the suite or driver as a whole
//	scenario          begin, end        scenario: its name, topology: T1, T2 or T3
//	spec              begin, retry, end one spec of a suite, see below
//	disruption-start, disruption-end    something is done to the cluster from outside; note says what;
//	                                    end: outcome: failed when it was not seen to be over
//	disruption-injected                 it is done, and its end is waited for
//	cluster-healthy                     the driver saw the cluster healthy
//	fill-start, fill-end                data is written until a disk is as full as the test needs
//	growth-requested, growth-complete   the driver asked for, or saw the end of, an expansion
//	settled                             the driver expects nothing more to happen
//	admission                           a request that the API server does not keep a trace of:
//	                                    verb, resource, name, outcome: accepted or rejected,
//	                                    expected: the same, message: of the refusal
//
// Any other phase is allowed. One that takes time is written as two phases that
// end with -start and -end, or as one phase with sides.
//
// Marks of a spec have further members, whoever writes them (package
// recorder/suite does, from reports):
//
//	spec         full title: containers and spec, joined by a space
//	suite        title of the suite
//	labels       array of strings
//	process      number of the parallel process, from 1
//	attempt      number of the attempt, from 1; at the end how many there were
//	outcome      end only: passed, failed, skipped, pending, panicked, interrupted,
//	             aborted, timedout
//	failure      retry and end: message of what failed, at most 4 KiB
//	location     retry and end: file:line of that, without the directories
//	node         what it is where it is no spec: BeforeSuite, AfterSuite …
//
// # When a mark happened
//
// A mark is an event of type mark. Its Time and NotBefore are the moment at
// which the recorder received it. With a time in it, its NotBefore is that
// moment, by the sender's clock moved onto the clock of the trace; Time is when
// the recorder came to know. So the window of a spec that was read from a report
// is from the NotBefore of its begin to the NotBefore of its end, each no later
// than until where that is given.
//
// # The way into the recorder
//
// A recorder listens on a Unix socket in a directory of its own beside the trace,
// which only its user may enter:
//
//	<trace>.marks/socket
//
// It speaks HTTP: POST /marks with a mark gives 200 and a [Receipt], or 400 and
// the reason as text. The command that recorder attach runs, and every process
// below it, finds the socket through HINDSIGHT_MARKS; everybody else through
// the name of the trace.
//
// A recorder that goes through an external NATS server also answers requests on
// the subject hindsight-marks.<run id>, so that marks can come from another
// machine. The payload is the mark, the reply a Receipt, or {"error": "…"}.
//
// # Limits
//
// 64 KiB a mark, 32 marks at a time; more wait for their turn.
package marks
