// Package evidence turns the sequence numbers of a finding into events that a
// person can read: when, what, and which fields changed, in a few words.
//
// It reads the trace and nothing else, so that the words do not depend on the
// policy that asks for them. Fields that every write changes (resourceVersion,
// managedFields, heartbeat times) are left out unless nothing else changed.
package evidence
