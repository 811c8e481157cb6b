// Package kube is what the sources beside the watches ask of an API server:
// documents as JSON, text that is streamed, and connections to a port of a pod.
//
//	c, err := kube.New(config)
//	var pods corev1.PodList
//	err = c.Get(ctx, "/api/v1/namespaces/ds/pods", url.Values{"labelSelector": {"app=x"}}, &pods)
//	body, err := c.Stream(ctx, "/api/v1/namespaces/ds/pods/pg-1/log", url.Values{"follow": {"true"}})
//	conn, err := c.Forward(ctx, "ds", "pg-1", 5432)
//
// A Client holds no cache and no state. Errors of the API server are those of
// k8s.io/apimachinery/pkg/api/errors; Denied tells those that will not go away
// by themselves.
//
// # Which namespaces
//
// A Scope is which of them are recorded, the same for all sources. One by labels
// asks about a namespace when something in it is met first, so that those are
// recorded, too, that a suite makes while it runs.
//
// # Forwarded connections
//
// Forward speaks the protocol of kubectl port-forward: SPDY inside a WebSocket,
// or plain SPDY where an old server or a proxy refuses that. Unlike kubectl it
// opens no port on this machine, so nobody else can use the way into the pod.
// What the kubelet says when it cannot reach the port is the error of the first
// Read that fails.
package kube
