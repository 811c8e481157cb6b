package main

import (
	"fmt"
	"math"
	"strings"
)

const (
	runsADay   = 10_000
	keptDays   = 7   // verifier/fleet keeps traces, jobs and verdicts for so long
	peakFactor = 4.0 // the busiest hour has so many times the average
	load       = 0.5 // of a worker's core that is planned for
	replicas   = 3
	day        = 86_400.0 // s
)

// capacity is what a fleet needs, derived from what was measured.
type capacity struct {
	cpu, trace, verdict float64 // of one run: s, bytes, bytes
	average, cores      float64 // cores at work on average; to have for the busiest hour
	week                float64 // CPU s to judge all kept traces anew
	stored, onDisks     float64 // bytes in the object store; with replicas
	network             float64 // bytes/s in the busiest hour, to and from the servers
}

// planned derives it.
func planned(r *results) capacity {
	many := r.value("many")
	c := capacity{
		cpu:     r.figure("many/"+wholeSet).CPU / many,
		trace:   r.value("many bytes") / many,
		verdict: r.value("verdict bytes"),
	}
	c.average = runsADay * c.cpu / day
	c.cores = math.Ceil(c.average * peakFactor / load)
	c.week = keptDays * runsADay * c.cpu
	c.stored = keptDays * runsADay * (c.trace + c.verdict)
	c.onDisks = replicas * c.stored
	// A trace goes up, to the other replicas, and down to a worker; the verdict likewise, to who asks.
	c.network = peakFactor * runsADay / day * (c.trace + c.verdict) * (1 + (replicas - 1) + 1)
	return c
}

// capacityPage is docs/capacity.md.
func capacityPage(r *results) string {
	c := planned(r)
	var p strings.Builder
	fmt.Fprintf(&p, capacityHead, r.Words["machine"], r.value("many"), smallEvents)
	row := func(what, formula, value string) { fmt.Fprintf(&p, "| %s | %s | %s |\n", what, formula, value) }
	row("CPU to judge a run, all policies", "measured", millis(c.cpu))
	row("trace of a run", "measured", kibibytes(c.trace))
	row("verdict of a run", "measured", kibibytes(c.verdict))
	p.WriteString("\n| a fleet for 10,000 runs a day | formula | needs |\n|---|---|--:|\n")
	row("cores at work, on average", "10,000 × CPU / 86,400 s", plain(c.average))
	row("cores to have", fmt.Sprintf("average × %.0f (busiest hour) / %.1f (load), rounded up", peakFactor, load),
		plain(c.cores))
	row("object store", fmt.Sprintf("%d days × 10,000 × (trace + verdict)", keptDays), gigabytes(c.stored))
	row("disks of three servers together", "object store × 3 replicas", gigabytes(c.onDisks))
	row("network, in the busiest hour", "runs/s × (trace + verdict) × 4: up, two replicas, down",
		megabytes(c.network)+"/s")
	row("all kept traces judged anew", fmt.Sprintf("%d days × 10,000 × CPU", keptDays), hours(c.week)+" of CPU time")
	row("… by four workers of two cores", "the same / 8 / 0.9", hours(c.week/8/0.9))
	row("the ledger of a year", "365 × 10,000 × trace", gigabytes(365*runsADay*c.trace))
	fmt.Fprintf(&p, capacityFoot, megabytes(r.figure("many/"+wholeSet).Peak),
		millis(r.figure("growth/recorder import").CPU), gigabytes(c.stored/keptDays))
	return p.String()
}

const capacityHead = `# Capacity

Written by ` + "`make bench`" + ` (program [docs/performance](performance/doc.go)); do not edit.

What 10,000 recorded runs a day need, derived from what was measured ([Performance](performance.md)) on this
machine: %s. A run is a typical one: %.0f different ones of %d events each were judged by all policies.
A core of another kind takes another time: measure there, the formulas stay.

| one run | how | figure |
|---|---|--:|
`

const capacityFoot = `
## What follows

- Memory: all traces of this measurement were judged by one process with %s at its peak. A worker judges one
  trace at a time; a limit of 512 MB leaves room for long ones.
- Recorders write their traces where they run. Where runs come as watch logs instead, making a trace of one takes
  another %s of CPU time.
- Workers are for the busiest hour and for one that is lost, whose traces go to others after 30 s: have two more
  cores than the table says, on another machine.
- At half load a trace waits, on average, no longer than it takes to judge it (M/M/1: load / (1 − load)).
- The servers take %s a day of traces and verdicts, each with its replicas. Streams of live recordings are on top
  of that only while they run: they hold what is not in a trace yet, 64 MiB each (package recorder/bus), and are
  deleted at the end. [Beyond one machine](scale.md) has what happens when servers fail.
`
