// Package faults records under faults, and judges what was recorded by what etcd
// stored. The recorder, `kubectl get -w` and a bare client-go informer record the
// same objects at the same time, under the same faults.
//
//	history ── replay ──► etcd ──► API server ──► proxy or front ──► programs ──► testimony
//	                       │                      (faults)           (faults)        │
//	                       └──► truth ────────────────── judge ◄─────────────────────┘
//
// # The truth
//
// A watch of etcd itself, from its first revision on. It takes every key, so that
// a revision that is left out is noticed: then the run fails. Versions that the
// programs report are compared with it by UID, revision and content, decoded as
// the API server does.
//
// # The load
//
// The shipped recording of a real operator's run: Clusters, Pods, PVCs and
// Events of one namespace, several kilobytes each, created, changed and deleted.
// It is replayed at a steady rate, over and over; each round has UIDs of its own
// and the names of the one before, so that objects are deleted and created again
// under the same name.
//
// # What is counted
//
// Of each program, between the moment at which all of them record and the end of
// the load:
//
//   - how many of the versions it has, with the content that etcd has; of all, and
//     of those that history still held: a version does not count there if it was
//     written during a fault (or less than 5 s before) and the API server, asked
//     past all faults when it was over, could not be watched from before it;
//   - missing versions that lie in no gap that the program declares (recall), and
//     gaps that it declares although the server still had the history (precision);
//   - false events: versions that etcd has not or that have other content, ends of
//     what did not end, creations of what existed, updates that mix up two objects;
//   - versions that it has more than once; peak memory, as the kernel has it.
//
// Of the recorder also whether everything that a reader found in the trace when
// it was killed is there in the end, and whether its certificate claims too much.
// [Result.Failures] names the bars that it has missed.
//
// # How the faults are made
//
//   - Connections break in a TCP proxy; watches in a front that speaks TLS and
//     HTTP for the API server, as its administrator. While much comes, the proxy
//     passes on what a millisecond brings at once: it takes little from the
//     processors, which it shares with what is measured.
//   - A program is killed with SIGKILL, and started again on the same files.
//   - NATS is the nats-server of the version that the recorder embeds.
//   - The full disk is a tmpfs in a user and mount namespace of a helper.
//   - The slow disk: the kernel asks us before every fsync and fdatasync of the
//     recorder (seccomp user notification), and has to wait.
//   - The clock is that of package stepped: the recorder's own code with another
//     wall clock at its interface.
//
// Nobody has to be root for any of it. Where the kernel does not allow one of
// these, the row says so.
package faults
