// Package policies is the default set of policies: Rego, its tests, the
// thresholds (params.yaml) and what OPA may do for them (capabilities.json).
//
// One directory is one package, one policy and one id; lib holds what policies
// share. The package verifier/policy says what a policy must look like, and
// verifier/views what it reads. The tests also run with OPA itself:
//
//	opa test policies/
package policies
