// Package golden compares in tests what a program writes with what was found right
// before: a file that is kept with the test, or a JSON schema.
//
//	golden.Compare(t, "testdata/sample.txt", got)
//
// A test that differs is shown with what differs. Where the new output is right,
// the flag writes it, to be read once more in the diff of the commit:
//
//	go test ./verifier/report -update
//
// A schema that is shipped allows keys that it does not describe, so that later
// versions may add some. That the present version has no such key is tested by the
// schema closed:
//
//	golden.Closed(t, report.Schema).Validate(golden.JSON(t, got))
package golden
