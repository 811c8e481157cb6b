// Command informer is a bare client-go informer that writes what it is told, one
// JSON line a call of its handlers: what most tools record with, put beside the
// recorder in the fault suite. It does nothing of its own: no resync, no
// handling of what it might have missed.
//
//	informer NAMESPACE plural.version.group…     ("pods.v1." for the core group)
//
// The cluster is that of $KUBECONFIG. "ready" on standard error says that every
// informer has synced.
package main
