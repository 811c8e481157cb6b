// Package sizing plays an operator with dynamic sizing, as far as drivers need
// one to be tried out: it reads how full volumes are, raises the requests of their
// claims by the documented rules, and writes status.storageSizing.
//
// It is a stand-in, written from the documentation of the fields and not from the
// code of any operator. What a recording of it says is said about drivers and
// policies, never about a product.
//
// # What it does
//
// [Decide] has the rules, for one volume at one moment:
//
//	free share at or above targetBuffer   nothing
//	below it                              planned growth to used / (1 - targetBuffer), in whole
//	                                      GiB, within request and limit; only in the window
//	used share ≥ criticalThreshold, or    emergency growth by a quarter, at least 1Gi, to limit
//	free bytes ≤ criticalMinimumFree      at most (or beyond: exceedLimitOnEmergency)
//	maxActionsPerDay                      all actions of 24 h; planned growth leaves
//	                                      reservedActionsForEmergency of them alone
//	request above the size                the claims follow at once, which is no action
//
// An [Operator] applies them to the data volumes of every Cluster that has a
// dynamic block, the fullest instance counting, and keeps the sizes of all
// instances equal. Tablespaces and WAL it leaves as they are.
//
// # Where it runs
//
// The tests of package driven run it in a cluster that has no kubelets. `lab
// sizing` runs it beside a released CloudNativePG on a real cluster: the operator
// makes the instances, from a pvcTemplate, and knows nothing of request and limit;
// [Extend] adds these fields to its CRD. That operator writes its whole status at
// times, without fields that it does not know: then status.storageSizing is away
// until the next pass.
package sizing
