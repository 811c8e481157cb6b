package main

const pageHead = `# Performance

Written by ` + "`make bench`" + ` (program [docs/performance](performance/doc.go)); do not edit.

- Machine: %s; %s. Files are in the page cache.
- Peers: opa %s, conftest %s, jq %s, gojq %s, DuckDB %s (of npm, with node).
- zstd %s.

Each figure is of a process of its own, from start to end: wall time, CPU time (user and system) and peak
resident memory, as the kernel accounts for them. Contenders of a history take turns; each has the
median of its rounds, of which the slow ones have fewer. Trust ratios above 1.3, not digits. MB are 10⁶ bytes.

## Bars

%s
`

const pageJudgement = `
## Side by side

Everybody judges the same: that requests of data volumes are within the limit of their cluster, do not
shrink, and are met within 30 s (package [judgement](performance/judgement/doc.go) has it in full). Before
anything was measured, a history with faults made in it was judged: %.0f findings, and %s of different
kinds agree on every one of them. They agree about every history below, too.

The verifier and the hand-written checker read the trace file. The peers cannot; for them the trace was
written out beforehand, which is not in their figures: *whole* has the objects as they were recorded,
*lean* has nothing of them but what the judgement reads, the best that any of them could be given. opa
and conftest take a history as one document and need about 20 times its size in memory: they are given
whole objects of short histories only. Nobody is given more whole objects than 100k events, which are
half a gigabyte of JSON.

The verifier's figures contain that it loads its policies (the first round compiles them, too), says what it
could not decide, and explains what it finds; with *all policies* it judges some sixty of them by ten views.
opa, conftest and the jqs compile each time, which takes them milliseconds. The generated
histories repeat and interleave the recordings over many clusters, four at a time (package
[history](performance/history/doc.go)).
`

const pageStorage = `
## Size and import

The log is the raw watch stream: managedFields, Leases and heartbeats of nodes included. The trace has what the
packed log has not: checksums, an index by time, object and field, checkpoints, and the certificate.
Import reads the log, writes the trace, seals it and syncs it to the disk.

| history | events | log, an event | zstd of it | trace | trace / zstd | import, events/s | peak |
|---|--:|--:|--:|--:|--:|--:|--:|
`

const pageRest = `
## Time travel

In the trace of %s events, at %.0f random moments. Opening the trace takes %s.

| what | median | p99 |
|---|--:|--:|
| state of one object | %s | %s |
| state of all objects of a namespace (%.0f at the median) | %s | %s |

## Many traces

` + "`verifier check`" + ` over a directory of %.0f traces of %d events, all policies: %s of wall time, %s of CPU time,
so %s cores at work; %s of memory at its peak.

## One more policy

Four policies of one view (%s) against the first
of them (%s): each of the other three costs %s of CPU time per million events.

## Recording

Beside kubectl, and end to end on a live cluster: [Reliability](reliability.md).
`
