// Package sentinel watches over the data of a PostgreSQL cluster while it is
// disturbed, so that a policy can say afterwards whether any of it was lost.
//
//	err := sentinel.Run(ctx, sentinel.Options{
//		Mode: sentinel.ModeWrite, RunID: id, Namespace: "ds-e2e", API: api,
//		Sink: sink,
//	})
//
// Run returns when ctx ended and everything was read once more and cleaned up.
// That a database cannot be reached is an event, never an error.
//
// # Two modes
//
// ModeRead is safe in somebody else's database: its sessions are read-only, with
// a statement timeout of 5 s and a lock timeout of 1 s. Every ReadEvery it takes
// count and checksum of each table whose name begins with "sentinel" (or of
// Table) on every instance: an event when they changed, and once a minute.
// The checksum is the sum of hashtextextended over the rows as text, so equal
// contents have equal checksums in whatever order; tables beyond 64 MiB are left
// alone. Where there is no such table there is no event.
//
// ModeWrite is a set workload in the manner of Jepsen. One client inserts the
// numbers 1, 2, 3 … each once, Rate of them a second, with a checksum, into the
// table elements of the schema hindsight_<run id>_<hash of the Cluster's UID>, which
// it makes and, after the final read, drops. All instances read the whole set back every ReadEvery; how
// far a standby has come is recorded every second.
//
// # What an acknowledgement is
//
// The INSERT and the question for the position go in one round trip but are two
// transactions. A number is acknowledged when the server said that it is idle
// again after the first. A WARNING makes it unknown: so the server tells that a
// commit was not as durable as the session asked for, when somebody cancelled
// its wait for a standby. An ERROR means failed: the transaction was aborted.
// FATAL, a lost connection and a timeout mean unknown. A number whose connection
// could not be made has failed, for certain.
//
// To give up on a server that does not answer, the connection is closed and
// nothing else. A cancel request would make a commit that waits for a standby
// visible though no standby has it. At most three such connections are left
// waiting in a server; beyond that the writer writes nothing there.
//
// The lsn of an acknowledgement was asked for after the commit, so the commit is
// at or before it: a standby that has come to this position has the element.
// The timeline is that of the log file the server writes, not the one in
// pg_control, which follows a promotion only with the next checkpoint.
//
// # Who is the primary
//
// A server that is not in recovery, unless a server on a later timeline was
// seen: a former primary that runs again is read, with primary false. What the
// server is is asked before the set is read. An element whose checksum is wrong
// is not found but damaged. A table that does not exist has no elements.
//
// # The way in
//
// URL names the hosts; their names are those of the pods with these addresses,
// else their cluster_name, else host:port. Without URL every Cluster in the
// namespace is found through the API, its credentials in the Secret
// <cluster>-app, its instances by the labels cnpg.io/cluster and cnpg.io/podRole.
// In a cluster, writes go through the Service <cluster>-rw and reads to the
// addresses of the pods; from outside everything goes through the API server's
// port forwarding. Only SCRAM authentication gets an answer. Credentials appear
// in no event and no message.
//
// # Events
//
// Their source is sentinel, their object the Cluster (none with URL alone). The
// first five are what package views reads.
//
//	sentinel.invoked       {workload, n}
//	sentinel.acknowledged  {workload, n, instance, timeline, lsn}
//	sentinel.failed        {workload, n, instance, error}      certainly not written
//	sentinel.unknown       {workload, n, instance, error}      may have been written
//	sentinel.read          {workload, instance, primary, in_recovery, complete, final, elements, duplicates,
//	                        damaged, timeline, lsn, replay_lsn, recovery_end_lsn, synchronous_standby_names, error}
//	sentinel.checksum      {instance, primary, table, count, checksum, complete, timeline, lsn, replay_lsn, error}
//	sentinel.connected     {role, instance, primary, timeline, lsn, system_identifier, server_version,
//	                        synchronous_commit, synchronous_standby_names}
//	sentinel.unreachable   {role, instance, error}             once, until it can be reached again
//	sentinel.ended         {workload, reason, schema, invoked, acknowledged, failed, unknown, final_read,
//	                        cleaned, error}
//
// What is written as an interval, "1-100,102", is closed. A read with complete
// false says only how far the instance had come: lsn of a standby is what it had
// flushed or replayed, whichever is further. recovery_end_lsn of a primary is
// where the recovery ended from which it came: of a promoted standby, all that it
// had. An acknowledged element behind it was never there.
//
// NotBefore of an outcome is when the attempt began, of a read when it began.
//
// # Limits
//
// One client writes, so elements that were lost are bounded by one connection's
// view of a failover. The trace grows by two events a write: at 10 a second
// about 70,000 an hour. A recorder that was killed leaves its schema behind until
// the recording is resumed; its comment says whose it is. What it may have written
// after the last number in the trace is unknown then: as many as it writes in a
// second, and ten.
//
// # No client that is in the way
//
// A server that is told to shut down waits for its clients first, under
// CloudNativePG for up to three minutes. So no connection is kept for longer than
// two seconds, and between rounds that are further apart there is none: a
// failover is held up by that at most.
package sentinel
