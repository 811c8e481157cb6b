package main

import (
	"os"
	"runtime/debug"
)

// limitMemory sets from what size of the heap on garbage is collected: what most
// traces need at most; or, if that is more, a multiple of the longest file, which is
// about what its names and its verdicts take, and as much again; or twice what is kept
// of so many traces until the report. So a short trace is judged without collecting,
// and a long one needs hardly more memory than a shorter one. The variables of the Go
// runtime overrule it.
func limitMemory(paths []string) {
	const (
		least    = 180 << 20 // bytes
		factor   = 5
		perTrace = 96 << 10 // bytes
	)
	if os.Getenv("GOMEMLIMIT") != "" || os.Getenv("GOGC") != "" {
		return
	}
	limit := max(int64(least), int64(len(paths))*perTrace)
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil {
			limit = max(limit, factor*info.Size())
		}
	}
	debug.SetMemoryLimit(limit)
	debug.SetGCPercent(-1)
}
