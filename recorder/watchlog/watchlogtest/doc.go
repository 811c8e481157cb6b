// Package watchlogtest makes traces of watch logs for tests, such as of the
// recordings of real clusters that are committed with the recorder.
//
//	file := watchlogtest.Import(t, "../recorder/testdata/growth.jsonl.zst")
//	r := watchlogtest.Open(t, file) // closed when the test ends
//
// What is imported names the log by the last element of its path, so that the same
// log gives the same events, and the same words in reports, on every machine.
package watchlogtest
