// Package example is a suite of Ginkgo as users have one, with what it gains from
// being recorded: docs/suites.md tells the story.
//
// The suite is suite_test.go: one spec, which restarts the operator while a volume
// grows, on a cluster with CloudNativePG:
//
//	kubectl create namespace ds-e2e
//	cd cmd/lab && go test -c -o example.test ./example
//	EXAMPLE_NAMESPACE=ds-e2e recorder attach -n ds-e2e -o run.trace.db --report suite.json -- \
//		./example.test -test.run TestSuite -ginkgo.json-report=suite.json
//	verifier check run.trace.db
//
// Without EXAMPLE_NAMESPACE it is skipped, so that nobody's cluster is touched by
// accident. recorded_test.go runs it inside of a recorder in the lab's API server,
// where the test plays operator and kubelet.
package example
