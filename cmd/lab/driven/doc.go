// Package driven tests the drivers against a real API server: what they see, what
// they do, and what a driver leaves behind that was killed. There is no operator
// and no kubelet; where a test needs what they do, it does it.
//
// All scenarios are carried out with dynamic sizing as well, which no released
// operator has: package sizing plays that, a keeper of instances, claims and
// elections the rest of an operator, and a node the kubelets, which really runs the
// commands of the drivers. That shows that drivers do what they say; it says nothing
// about an operator.
//
// It has tests only. On a real cluster `make e2e` runs the scenarios themselves.
package driven
