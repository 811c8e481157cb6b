package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/hindsight-project/hindsight/docs/performance/history"
	"github.com/hindsight-project/hindsight/recorder/watchlog"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "generate: %v\n", err)
		os.Exit(1)
	}
}

func run() error {
	var o history.Options
	var out string
	flag.Uint64Var(&o.Seed, "seed", 1, "of the random choices")
	flag.IntVar(&o.Events, "events", 100_000, "lines of the log")
	flag.IntVar(&o.Lanes, "lanes", 4, "clusters at the same time")
	flag.IntVar(&o.Quiet, "quiet", 0, "heartbeats of an idle cluster, for each event of its recording")
	flag.StringVar(&out, "o", "", "file to write: a trace, or a watch log if its name ends with .jsonl")
	flag.Parse()
	if out == "" {
		return errors.New("-o names no file to write")
	}
	parts, err := history.Recordings("recorder/testdata")
	if err != nil {
		return fmt.Errorf("run this in the root of the repository: %w", err)
	}
	if strings.HasSuffix(out, ".jsonl") {
		f, err := os.Create(out)
		if err != nil {
			return err
		}
		return errors.Join(history.Write(f, parts, o), f.Close())
	}
	log, into := io.Pipe()
	go func() { into.CloseWithError(history.Write(into, parts, o)) }()
	report, err := watchlog.Import(context.Background(), log, watchlog.Options{
		Out: out, Name: fmt.Sprintf("%d events, %d lanes, quiet %d, seed %d", o.Events, o.Lanes, o.Quiet, o.Seed),
	})
	if err == nil && report.RejectedTotal > 0 {
		err = fmt.Errorf("line %d of the log: %s", report.Rejected[0].Line, report.Rejected[0].Reason)
	}
	fmt.Fprintf(os.Stderr, "%s: %d events, %.0f a second\n", out, report.Events, report.Rate())
	return err
}
