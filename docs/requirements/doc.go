// Command requirements writes docs/requirements.md to stdout: every row of the
// documents that the project grew from, beside the policies that judge it.
//
//	go run ./docs/requirements >docs/requirements.md
//
// `make requirements` does that. The rows are in rows.yaml; which policies judge
// them comes from the METADATA of the policies (custom rows, specs and
// assertion). It fails when a row has no policy, and when a policy names a row
// that there is not.
package main
