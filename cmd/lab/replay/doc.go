// Package replay puts a recorded history into the cluster of package cluster,
// at a chosen speed, so that whoever watches its API server sees the history
// happen: the same versions of the same objects, in the same order.
//
// # How
//
// An API server does not let clients set what it owns: uid, generation,
// creation and deletion times, status and metadata in one write. So the versions
// are written where the API server itself keeps them, into etcd under its own
// keys and in its own encoding (built-in kinds in the storage version as
// protobuf, custom resources as JSON). The server's watch cache learns of them
// from etcd, as it does of every write. No admission, validation, finalizer or
// garbage collection takes part; without a controller manager nobody acts on
// the objects at all.
//
// Each recorded version of an object becomes exactly one watch event. A deletion
// delivers the last version with the deletion's resourceVersion, as the API
// server does it. Should the recorded deletion carry content that no version
// had before, then the recording missed a version: an API server only ever
// delivers the last one stored. That version is put first, as an event of its
// own, and counted in [Result.Restored]. An object that appears under the name
// of another one is preceded by the deletion of the other, counted there too.
//
// Bookmarks, gaps and the fate of watches belong to the recorder and are not
// replayed. Marks are handed to the caller. Namespaces that the history uses and
// does not contain are created.
//
// # What is not as recorded
//
// Everything that the API server delivers equals the recording as canonical
// JSON, but for what is named here. The tests of this package and of command lab
// hold it to that.
//
//   - metadata.resourceVersion is etcd's revision, as in every cluster. It is
//     part of no other field.
//
//   - Fields that this version of the API server does not know, or that are
//     duplicated, are dropped, as it drops them itself; [Result.Unknown] counts
//     the versions and gives an example. A recording of another release can
//     contain such fields.
//
//   - Defaults of fields that the recording lacks are filled in when the server
//     reads the object. In a recording of the same release there are none.
//
// On request ([Options.MoveTimes]) the times in the objects are moved to the time
// of the replay. Then they differ, of course, and in nothing else.
//
// # Sources
//
// A history is a sequence of trace events; [Open] gives that of a trace and of a
// watch log, plain or compressed.
package replay
