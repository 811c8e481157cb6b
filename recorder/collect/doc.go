// Package collect writes the traces of runs that recorders publish to a JetStream
// cluster (recorder attach --publish-only): one file a run, any number of runs at
// a time.
//
//	recorder ─┐                                    ┌─► DIR/<run id>.trace.db
//	recorder ─┼─► one stream a run, on N servers ──┼─► DIR/<run id>.trace.db
//	recorder ─┘                                    └─► DIR/<run id>.trace.db
//
// [Run] looks every second which published runs there are, and follows each of
// them in its own stream. A run that has ended is sealed with what its recorder
// has proven, and its stream is deleted. The file of a run that has not ended
// stays unsealed: readable, and resumed by the next collector with the same
// directory.
//
// # Nothing twice, nothing lost
//
// The acknowledgement is the trace itself. The position in the stream is written
// in the same transaction as the events, and synced with them; only then may the
// server forget them. After kill -9 the next collector goes on behind that
// position, whatever the server believes. A consumer that the server keeps could
// be ahead of the file or behind it; so there is none to be relied on.
//
// A sequence number that is due and that the server does not have (a limit of
// the stream, somebody who purged it, a disk that was lost) is a gap of every
// kind, because nobody knows what was in it: from the last event before it to the
// next one after it. The stream is asked about that, both ends and every hole in
// one answer, before it is believed.
//
// While the disk of the files is full, the collector waits for room; what it has
// not written stays in the streams.
//
// # The certificate
//
// is the recorder's, as strict as with a file of its own. When a run ends, its
// recorder lists everything once more, compares, and publishes the outcome of
// each kind with a digest over the versions that exist. A kind is complete only
// if the collected trace ends with exactly these. What a gap took and no later
// event corrects makes a mismatch; what was corrected leaves "gaps".
//
// The lag in the certificate is from the receipt by the recorder to the file, so
// it is only as good as the clocks of the two machines agree.
//
// # What it cannot do
//
// A recorder that only publishes has no memory: killed, it begins a new run, and
// the old one is never sealed. Two collectors must not follow the same run into
// two directories: the first that seals it deletes the stream. A directory is that of
// one collector at a time, by flock(2).
package collect
