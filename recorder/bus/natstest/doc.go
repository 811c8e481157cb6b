// Package natstest runs a real JetStream cluster for tests and measurements: each
// node a process of its own, on free ports of the loopback interface, to be
// killed and started again.
//
//	func TestMain(m *testing.M) {
//		natstest.RunNode() // the nodes are this program
//		os.Exit(m.Run())
//	}
//
//	c, err := natstest.Start(ctx, t.TempDir(), 3)
//	defer c.Stop()
//	c.Kill(1)              // as by kill -9: what it had in memory is gone
//	err = c.Restart(ctx, 1) // on the same directory, until it is healthy again
//
// A node ends when its parent does, even if that was killed: it holds the reading
// end of a pipe whose writing end only the parent has.
//
// What kill -9 does not take is what the node has given to the operating system:
// a node that is killed loses no acknowledged message, a machine that loses its
// power may.
package natstest
