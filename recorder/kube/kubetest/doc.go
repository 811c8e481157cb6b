// Package kubetest serves the port forwarding of an API server, for tests.
//
//	mux.Handle("/api/v1/namespaces/", kubetest.Forward(func(pod string, port int) (net.Conn, error) {
//		return net.Dial("tcp", address[pod])
//	}))
//
// It speaks SPDY as the API server and the kubelet do, and refuses WebSockets as
// an old one does, so that clients have to fall back. An error of dial reaches
// the client on the error stream, with the words of the kubelet around it.
package kubetest
