// Package driven tests the drivers against a real API server: what they see, what
// they do, and what a driver leaves behind that was killed. There is no operator
// and no kubelet; where a test needs what they do, it does it.
//
// It has tests only. On a real cluster `make e2e` runs the scenarios themselves.
package driven
