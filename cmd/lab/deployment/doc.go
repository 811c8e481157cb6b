// Package deployment tests the manifests under deploy/ against a real API server:
// that kustomize builds every overlay, that the server accepts every object with
// strict validation (and the pods under the restricted pod security standard),
// and that the roles are exactly sufficient. For that it attaches the recorder
// with the token of their service account: with all rules nothing is denied, and
// with any one of them taken away exactly what the rule was for is.
//
// It is in this module because kustomize and an API server are too heavy for the
// main one. It has tests only.
package deployment
