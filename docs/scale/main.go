package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/hindsight-project/hindsight/recorder/bus/natstest"
)

// scenarios are the rows of the table.
var scenarios = []scenario{
	{name: "no fault", recorders: 4, rate: 250, length: 30 * time.Second},
	{name: "one node at a time killed", recorders: 4, rate: 250, length: 90 * time.Second,
		down: 1, outage: 3 * time.Second},
	{name: "one node and the collector killed", recorders: 4, rate: 250, length: 90 * time.Second,
		down: 1, outage: 3 * time.Second, collector: true},
	{name: "two of three nodes killed", recorders: 4, rate: 250, length: 60 * time.Second,
		down: 2, outage: 10 * time.Second},
}

func main() {
	natstest.RunNode()
	becomeRole()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := report(ctx, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintf(os.Stderr, "scale: %v\n", err)
		os.Exit(1)
	}
}

// report runs all scenarios and writes the document.
func report(ctx context.Context, w, log io.Writer) error {
	var rows []result
	for _, s := range scenarios {
		dir, err := os.MkdirTemp("", "scale")
		if err != nil {
			return err
		}
		fmt.Fprintf(log, "== %s\n", s.name)
		r, err := run(ctx, s, dir, log)
		if err != nil {
			return fmt.Errorf("%s: %w (everything is in %s)", s.name, err, dir)
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
		rows = append(rows, r)
	}
	return write(w, rows)
}

const preface = `# Beyond one machine

Written by ` + "`make scale`" + ` (program [docs/scale](scale/main.go)); do not edit.
Machine: %d threads, %s, %s/%s, shared by everything that runs here: three nodes of nats-server %s (each a
process on the loopback interface, every stream on all three), the recorders, and one collector.

Each recorder publishes numbered events of %d bytes, every tenth a mark, at %.0f a second. Nodes and collector
end by kill -9 and are started again; the next node is killed when the cluster is healthy again: the leader of a
stream first, another node then. *Missing* and *twice* compare the numbers in the sealed traces with those
published; *incomplete* are traces that are not sealed or whose certificate does not say "complete".

` + "| faults | recorders | published | nodes killed | collector killed | in traces | missing | twice | out of order " +
	`| gaps | incomplete | longest wait | longest lag |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|
`

const remarks = `
*Longest wait* is how long publishing one event took: while a new leader is elected or a majority is away, a
recorder keeps 2048 events or 32 MiB, then it waits, and its watches with it. *Longest lag* is from the moment an
event was made to the moment it was on disk in its trace.

kill -9 takes what a process has in memory, not what the operating system has taken from it. A machine that loses
its power may lose what its node has acknowledged in the last two minutes (sync_interval of nats-server); with
three replicas on three machines the other two still have it.
`

func write(w io.Writer, rows []result) error {
	_, err := fmt.Fprintf(w, preface, runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH, server.VERSION,
		eventSize, scenarios[0].rate)
	if err != nil {
		return err
	}
	for _, r := range rows {
		_, err := fmt.Fprintf(w, "| %s | %d | %d | %d | %d | %d | **%d** | **%d** | %d | %d | %d | %.1f s | %.1f s |\n",
			r.name, r.recorders, r.published, r.nodeKills, r.collectorKills, r.collected, r.missing, r.twice, r.disorder,
			r.gaps, r.open, r.longest.Seconds(), r.lag.Seconds())
		if err != nil {
			return err
		}
	}
	_, err = io.WriteString(w, remarks)
	return err
}
