// Command performance measures Hindsight beside other tools that could judge the same
// history, and writes what it finds:
//
//	go run ./docs/performance            // make bench: docs/performance.md, docs/capacity.md, ratios.json
//	go run ./docs/performance -quick     // small histories, about two minutes; prints instead
//	go run ./docs/performance -guard     // make guard: compares ratios with those in ratios.json
//
// It runs in the root of the repository and builds what it needs: verifier and
// recorder; opa, conftest and gojq of the module docs/performance/peers; DuckDB by
// npm. jq and zstd are taken from the machine. A peer that is not to be had is left
// out, and the tables say so.
//
// # How it measures
//
// Each figure is of a process of its own, from its start to its end: wall time, CPU
// (user and system) and peak resident memory, as the kernel accounts for them. All
// contenders of a history take turns, round by round, and each has the median of its
// rounds; who takes long has fewer of them. Files are in the page cache.
//
// What is compared is one judgement, written down for everybody: see package
// docs/performance/judgement. Before anything is measured all of them judge a history
// with faults made in it, and have to find the same; and again in every history.
//
// # In pieces
//
// With -dir, traces and figures are kept there (results.json), and -sections measures
// some of it anew: one of the sizes real, 10k, 100k, 1m and soak, or storage, travel,
// many, more, guard. Then everything is written anew from all that is kept.
//
//	go run ./docs/performance -dir scratch -sections real,10k
//	go run ./docs/performance -dir scratch -sections 1m
//
// # The bars
//
// bars.go has what was promised. Whether it is met is computed. For each that is
// not, missed.md has a section of its name: the profile, what was tried, the next idea.
// The program fails when a bar is missed and nothing is written about it.
//
// # The guard
//
// Absolute times say more about a machine than about a program. So -guard measures
// small histories and compares ratios of CPU times, and sizes, with those that the
// last run of make bench has left in ratios.json.
package main
