package main

import (
	"os"
	"runtime/debug"
)

// limitMemory sets from what size of the heap on garbage is collected more
// eagerly: what most traces need at most, or a multiple of the longest file, which
// is about what its names and its verdicts take, and as much again.
func limitMemory(paths []string) {
	const (
		least  = 180 << 20 // bytes
		factor = 5
	)
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	limit := int64(least)
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil {
			limit = max(limit, factor*info.Size())
		}
	}
	debug.SetMemoryLimit(limit)
}
