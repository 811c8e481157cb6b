// Package trace is the file format of Hindsight, with its writer and reader.
// It is the ground floor: everything that is recorded goes through a Writer,
// everything that is judged or shown comes out of a Reader.
//
//	w, err := trace.Create("trace.db", trace.Run{ID: "demo", Origin: trace.OriginAttach, Start: time.Now()})
//	n, err := w.Append(nil, trace.Event{Type: trace.Added, Object: o, Data: json, Time: since})
//	cert, err := w.Seal("the command ended")
//
//	r, err := trace.Open("trace.db")
//	for ev, err := range r.Events(0) { … }                   // every event, as it was recorded
//	objects, err := r.StateAt(seq, nil)                      // all objects at one moment
//	v, err := r.StateOf(seq, o)                              // one of them, by its few blocks
//	err = r.Scan(trace.Selection{…}, func(c *trace.Change) error { … }) // only what is read, fast
//
// # What the format has to do
//
// A recording of an E2E run is a few hundred versions of a few dozen objects,
// each version several kilobytes of JSON of which a handful of fields changed.
// A soak run has a million of them. The file has to
//
//  1. give back every object exactly as it was recorded;
//  2. survive the death of its writer at any instant, with everything that was
//     acknowledged;
//  3. be readable while it is written;
//  4. be small enough to keep for every CI run;
//  5. let a reader who needs three fields of one kind skip all the rest;
//  6. answer "what was this object at that moment" without reading from the start;
//  7. meet damaged and hostile bytes with an error.
//
// One JSON document per event does none of 4 to 6. Compressing each version
// against its predecessor gives 4, but makes every reader decode everything.
// So a version is stored as the list of leaves that changed, as typed values at
// numbered paths. Two thousand of such lists are a block, in which all values of
// a path lie together: a reader takes the paths that it needs and leaves the rest
// alone. What comes again is written once: a text that two blocks have, a list
// of changed paths that two events have. What the trace knows already is not
// written at all: a UID in a text, the resourceVersion that follows the last one.
//
// # The promise
//
// The format has one version number; this is version 2. A program that reads
// version n reads every version up to n, for as long as the project lives; the
// recordings under testdata that prove it are never replaced. Only the newest
// version is written: a trace of version 1 that is resumed or amended becomes one
// of version 2, in which the blocks of version 1 stay. What is added without a
// new version (event types, keys of JSON documents) is carried through by older
// readers. Anything that an older reader would
// misunderstand gets a new number, and older readers refuse it by name.
// Part of the promise are events, objects, times and the certificate as this
// package returns them. Not part of it: how a history is cut into blocks, where
// checkpoints lie, how well it is compressed, and the digest of unsealed files.
//
// # The model
//
// A JSON value is a set of leaves. A leaf is a scalar, {} or [] at a path; a
// path is a chain of keys and indices from a root. The root stands for the
// resource of an object ("postgresql.cnpg.io/v1/clusters/Cluster"), or for the
// type of an event that is about no object ("!mark"). So
//
//	{"metadata":{"name":"pg-1"},"status":{"conditions":[{"type":"Ready"}],"x":{}}}
//
// as a Pod is three leaves (containers that are not empty are implied):
//
//	/v1/pods/Pod  metadata  name                    "pg-1"
//	/v1/pods/Pod  status    conditions  [0]  type   "Ready"
//	/v1/pods/Pod  status    x                       {}
//
// Two versions of an object differ by the leaves that came, went or changed; the
// order of keys is not recorded. Three kinds of subtree are kept as one leaf of canonical
// JSON text: the field sets of managedFields, whatever is nested deeper than 64,
// and, once a trace has met half a million paths, whatever is nested below the
// second level. Nothing but the size depends on that.
//
// Leaves are typed, so that what looks different but is alike compresses:
//
//	0 absent    the leaf went away            7 seconds   "2026-11-22T02:08:31Z"
//	1 null                                    8 micros    "2026-11-22T02:08:31.493647Z"
//	2 false     3 true                        9 decimal   "4711", a resourceVersion
//	4 int       a number int64 renders alike 10 object    {}
//	5 number    any other, as it was written 11 array     []
//	6 string                                 12 text      canonical JSON
//
// A string has kind 7, 8 or 9 only when it renders to exactly the same characters
// again.
//
// # The file
//
// A bbolt database with eight buckets. Keys that are numbers are 8 bytes, big
// endian. JSON documents are sections, see below.
//
//	meta         format       "hindsight trace 2"
//	             run          JSON, Run
//	             certificate  JSON, Certificate; written with every transaction
//	             position     JSON, Position: how far the bus has been consumed
//	             digest       "sha256:…", only when sealed: over all other keys and
//	                          values, each behind its length, in the order of this list
//	paths        first id   → section: count, then per path: parent id, and
//	                          0 length key | 1+index
//	objects      first id   → section: count, then per object: group, version,
//	                          resource, kind, namespace, name, uid, each behind its length
//	blocks       first seq  → block
//	tail         first seq  → block, each of one transaction
//	checkpoints  ff…ff seq  → block: states of some objects after that event; with a
//	                          seq and a part as key, of all objects: no longer written
//	texts        first id   → section: count, then texts, each behind its length
//	shapes       first id   → section: count, then shapes, each behind its length
//
// Path 0 and object 0 are none; texts and shapes count from 0. Ids count upwards without holes over all chunks.
// Events follow each other without holes from 1 over blocks and tail; bookmarks,
// gaps and streams name a resource by an object without a name.
//
// Lengths, counts and ids are unsigned varints, differences are zigzag varints.
// A section is
//
//	┌─────────────┬───────────────┬──────────────┬───────────────┐
//	│ size        │ size as stored│ CRC-32C of   │ zstd frame, or│
//	│ (varint)    │ (varint)      │ what is      │ the bytes when│
//	│             │               │ stored (4 B) │ sizes are same│
//	└─────────────┴───────────────┴──────────────┴───────────────┘
//
// and a block is
//
//	┌─────────┬────────┬──────────────────────────────────────────────┐
//	│ CRC-32C │ length │ 0xB1 2 │ count │ first time │ last time (ns) │  head
//	├─────────┴────────┴──────────────────────────────────────────────┤
//	│ section: ids of the paths that the block touches                │
//	│ section: ids of the objects that it is about                    │
//	│ section: index, what happened when to which object              │
//	│ section: payload, the values of each path                       │
//	└─────────────────────────────────────────────────────────────────┘
//
// A set of ids is its size and the differences between the sorted ids. Creation
// and deletion of an object touch the root of its resource. A column is its
// length and its bytes.
//
// What events have in common that differ by values only is their shape:
//
//	type and source, each behind its length; flags; number of changes;
//	path of each change (difference from the one before); kind of each (a byte)
//
// flags: 1 inferred, 2 fresh, 4 notBefore differs from time, 8 the wall clock is
// not start + time, 16 the entry has a seq of its own (in a checkpoint). 16 is
// added to the kind of a number that replaces one of the same kind. The index is
// the set of those shapes of the block that are in the bucket, the count of its
// own and each of them behind its length, and these columns:
//
//	shape object met time notBefore wall seq
//
// shape is a number, first of the shapes in the bucket. object is how recently the
// object was there among the last 256, 1 for the last one; 0 for one that was not,
// which is met: the difference of its id from the one behind the last that was
// met. time begins with a unit in ns and has differences from the entry before,
// the first from the time in the head; notBefore is how much earlier; wall how far
// the wall clock is ahead, as the difference from the last that was.
//
// An object that has no state before an event — a new one, or one that the
// recorder meets in mid-life — is fresh: its changes are its whole state. So a
// block needs no other block but for the objects that lived before it. The
// payload has these columns, values in the order of the events:
//
//	texts     set of those in the bucket
//	lengths   of the block's own texts
//	own       the block's own texts
//	numbers   of each path that the block touches: 3 × bytes of its numbers + base
//	refs      of each of these paths: bytes of its references
//	number    the numbers of one path after the other (kinds 4, 7, 8 and 9)
//	ref       its references to texts (kinds 5, 6 and 12)
//
// A number is the difference from its base. Of metadata.resourceVersion that is
// the last one of any object in the block; of other paths, by what makes them
// smallest: 0, what the leaf was, or if that was of another kind, the last number
// of the path of which the same is true; 1, the last number of the path; 2, the
// wall clock in the unit of the kind, the last metadata.resourceVersion for
// decimals, 0 for integers. A base of another kind counts as 0.
//
// A reference is how recently the path had the text among its last 32, 1 for the
// last one; 0 for one that it had not, then the difference of its number from
// the one behind the last that was named so. Numbers are first of the texts in
// the bucket, then of the block's own. In a text these bytes are left out for
//
//	1 the UID of the object   2 its name   3 its namespace
//	4 the UID of another object: for each, the object's id less that of the
//	  other follows the reference
//	5 at the beginning: nothing is left out of the rest
//
// Names shorter than three bytes are not left out.
//
// # Version 1
//
// Its file has no texts and shapes, and a block's head has 0xB1 1 and ends with
// dictionary. Its index begins with two tables of strings (count, then length
// and bytes), the types and the sources, and has the columns
//
//	type source flags object root time notBefore wall seq changes
//
// with differences of time, and root for fresh entries. Its payload has the columns
//
//	path (difference from the one before in the same event) kind number length bytes
//
// for each changed leaf: numbers, the differences from what the leaf was, for the
// kinds 4 and 7 to 9 only, length and bytes for 5, 6 and 12. Changes of a
// fresh entry lead from the fresh entry with the same root before it in the
// block. The payload of the first block that has at least 64 KiB of it serves all
// later blocks and checkpoints as a raw zstd dictionary with the id 1, its last
// mebibyte if it is longer; dictionary is the first seq of that block, 0 in blocks
// that need none.
//
// # Writing
//
// Append writes one transaction: new paths, new objects, the events as a piece
// of the tail, position and certificate. When about two thousand events are in the
// tail it writes them as one block instead and empties the tail. Objects that
// changed in four blocks since their whole state was last written follow in a
// checkpoint, so that the state of an object is never far. A text or shape that a
// block has and an earlier one had goes into its bucket. bbolt syncs the file before it returns:
// what Append has returned for is on disk, what it has not is not there at all.
// Because the position of the bus is in the same transaction, replaying the bus
// after a crash writes nothing twice.
//
// Seal writes the last block, one chunk per dictionary, the certificate and the
// digest, and compacts the file into a new one that replaces it by rename. A
// sealed trace is never written again; Amend copies one to append to the copy.
//
// # Recovery
//
// There is none to do. After kill -9 Open reads everything that was
// acknowledged; Resume reads everything and goes on with the open block. A
// file of length zero is a recorder that died before its first transaction.
//
// # Reading while it is written
//
// A writer holds the lock of the file. Open then copies the pages that the
// newest meta page of bbolt reaches into a temporary file, which bbolt's
// copy-on-write keeps intact until the transaction after the next, and tries
// again if one was completed meanwhile. The Reader sees one consistent moment.
//
// # Limits
//
// 4 MiB of JSON per event (etcd allows 1.5), 64 MiB per decompressed section,
// 256 MiB per decompressed dictionary, 2 million paths, 16 million objects, 8
// million changes and 64 MiB of texts in a block, 65,536 texts and as many shapes
// that blocks share. A length is believed only as far as there are bytes to back
// it. Before bbolt
// sees a file, every page that can be reached is checked to be what it claims
// and to be reached once: bbolt itself trusts its files.
//
// # Caveats
//
// resourceVersions order the versions of one resource; across resources seq is
// the order of arrival, which is not causality. A file of bbolt never shrinks
// while it is written. Memory while writing grows with the objects that exist at
// the same time (about 20 KB for each Pod), not with the length of the history;
// the last texts of some objects, of which only the difference to the next is
// parsed, take up to 24 MB more.
// The lock is flock(2): this package is for Unix.
package trace
