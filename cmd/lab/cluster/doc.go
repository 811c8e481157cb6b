// Package cluster runs a real Kubernetes API for tests and demonstrations: an
// embedded etcd in this process, and a kube-apiserver (and, where wanted, a
// kube-controller-manager) as child processes. Nothing else is real: there are
// no nodes, no kubelets, no scheduler.
//
// # Use
//
//	func TestMain(m *testing.M) {
//		cluster.RunComponent() // see below
//		os.Exit(m.Run())
//	}
//
//	c, err := cluster.Start(ctx, cluster.Options{})
//	defer c.Stop()
//	config, err := c.RESTConfig() // or c.Kubeconfig(), the path of a file
//
// [Start] returns when the API server is ready and the custom resources of the
// storage operator (Cluster, Backup, ScheduledBackup) and of CSI snapshots are
// served: about three seconds. All state lives in one directory, by default a
// temporary one that [Cluster.Stop] removes. Ports are free ones of the
// loopback interface, so any number of clusters can run side by side.
//
// # Components are this program
//
// The components are linked into the program that uses this package, and are
// started by running that program again under the component's name. Child
// processes, because a component cannot be ended and started again inside a
// process, and because tests of faults must be able to stop ([syscall.SIGSTOP])
// and kill it: see [Cluster.APIServer]. So the program has to call
// [RunComponent] before anything else, in main or in TestMain; [Start] says so
// when it was forgotten.
//
// A component ends when its parent does, even if the parent was killed: it
// holds the reading end of a pipe whose writing end only the parent has.
//
// # etcd
//
// [Cluster.Etcd] is a client of the cluster's etcd, and [Connect] gives the same
// to another process that has the kubeconfig: the address is written there as
// an extension of the cluster entry. It is how recorded objects are put under
// the server's own keys (package replay), and how a test makes history too old
// to be watched, by compaction. etcd does not sync to disk (the state is thrown
// away) and asks nobody for credentials: loopback only.
//
// # Version
//
// [Version] is that of the k8s.io/kubernetes module. Released binaries carry it
// by link-time flags; here the server is told at run time, so that go run and
// go test need no flags.
package cluster
