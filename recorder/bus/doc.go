// Package bus carries the events of a recording from their sources to the trace:
// CloudEvents 1.0 in binary mode on NATS JetStream, one stream a run.
//
// # Why there is a bus
//
// Sources and trace need not be in one process. With an external server,
// recorders publish where the cluster is, and the trace is written elsewhere;
// built in, the bus takes bursts that the disk cannot.
//
// # Guarantees
//
// Events arrive in the order in which they were published, each exactly once,
// whatever happens to connections, servers and programs:
//
//   - Publishing is a sliding window. Every message says which sequence number
//     must come before it, so the server refuses what follows a lost one; the
//     publisher then asks how far the server came and sends the rest again.
//     For the same reason the server has all that came before a message that it
//     acknowledges: while much is published, one of 32 asks for it.
//     A stream has one publisher. Identity is never left to JetStream's window
//     for duplicates, which forgets after two minutes.
//   - Consuming writes the position in the stream in the same transaction of the
//     trace as the events. What is delivered again after a crash lies before
//     that position. Nothing is acknowledged to the server. What this process has
//     published itself is not read from the stream again: the publisher hands it
//     over when the server has acknowledged it, as long as the trace keeps up.
//   - An acknowledgement of JetStream is not a disk write (it syncs every two
//     minutes). The durable point is the transaction of the trace: a recorder
//     that is restarted first drains what the bus still has, then resumes its
//     watches from what is in the trace. What a crash of the machine took from
//     the bus is asked of the API server again. A stream that ends before the
//     trace's position is replaced by one that begins behind it.
//   - Memory is bounded by the window (2048 messages, 16 MiB), by what is handed
//     over (2048, 8 MiB) and by one batch (1000 events, 8 MiB). When the window is full, [Bus.Publish] waits, and
//     with it the watch.
//
// What is in the trace is purged from the stream, every 16 MiB, or a quarter of
// what the stream may hold. After a clean end the stream is deleted.
//
// What cannot be had any more is never passed over: a sequence number that is due
// and that the stream does not have is a [Loss], which [Write] makes a gap of
// every kind. A stream that is full refuses what is new (it never drops what is
// old), and Publish waits.
//
// # Published runs
//
// A recorder may leave the trace to somebody else ([Published], package collect).
// Its run and its streams are in the metadata of the stream; its last event is an
// [End] with what it has proven. [Cluster] finds such runs, and a [Source]
// consumes one. On a cluster of servers a stream can have replicas: what is
// acknowledged then survives the loss of a server. One that was just elected may
// say that it has less than was acknowledged; it is asked again for a while before
// it is believed.
//
// # Names
//
//	stream    hindsight-<run id>
//	subjects  hindsight.<run id>.<source>.<resource or type>
//	          hindsight.ds-e2e-20261122t020829z-7q2pd.watch.clusters.postgresql.cnpg.io
//
// # Envelope
//
// Attributes are headers, as the NATS protocol binding of CloudEvents has them,
// percent-encoded where they are not plain ASCII. The payload is the object, as
// the API server sent it.
//
//	ce-specversion, ce-id, ce-source, ce-type, ce-subject, ce-time, …
//	                    the attributes of recorder/envelope, each with ce- before it
//	content-type        application/json
//
// # Servers
//
// Without a URL in [Options.NATS] a server runs inside the process and keeps its
// stream in [Options.Dir]. It listens on nothing, or, with [Options.Listen], on a
// loopback address for those who have the token in <Dir>/token. Objects of up to 2 MiB pass (etcd stores
// 1.5 MiB); an external server with a smaller max_payload is told of at the
// start, and what it does not take is [ErrTooLarge], which the recorder declares
// as a gap. An external server that goes away is waited for without end.
package bus
