// Command generate writes a long history as a sealed trace, or as a watch log
// when the name of the file ends with .jsonl:
//
//	go run ./docs/performance/generate -events 1000000 -lanes 4 -o long.db
//	go run ./docs/performance/generate -events 1000000 -lanes 2 -quiet 40 -o soak.db
//
// It runs in the root of the repository, where the recordings are. Package
// docs/performance/history says what it makes.
package main
