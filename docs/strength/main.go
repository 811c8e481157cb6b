package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/hindsight-project/hindsight/policies"
	"github.com/hindsight-project/hindsight/recorder/watchlog"
	"github.com/hindsight-project/hindsight/verifier"
	"github.com/hindsight-project/hindsight/verifier/mutation"
)

// watchedRecording is the one that gets a sentinel.
const watchedRecording = "node-drain"

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "strength:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	dir, err := os.MkdirTemp("", "hindsight-strength-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	recordings, err := importAll(ctx, filepath.Join("recorder", "testdata"), dir)
	if err != nil {
		return err
	}
	progress := func(done, all int, p mutation.PolicyStrength) {
		fmt.Fprintf(os.Stderr, "%d of %d: %s: %d killed, %d survived\n", done, all, p.ID, p.Killed, p.Survived)
	}
	var report mutation.Report
	if report.Policies, err = mutation.Measure(ctx, policies.FS, mutation.Options{Progress: progress}); err != nil {
		return err
	}
	detection, err := mutation.Detect(ctx, recordings, verifier.Options{})
	if err != nil {
		return err
	}
	report.Detection = &detection
	if err := write(out, report); err != nil {
		return err
	}
	if !report.Strong() {
		return errors.New("too many mutants survived, or a declared fault was not noticed: see the document")
	}
	return nil
}

// importAll imports the recordings of a directory and adds the watched one.
func importAll(ctx context.Context, from, to string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(from, "*.jsonl.zst"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no recordings in %s: run this at the root of the repository: %w", from, err)
	}
	var paths []string
	for _, file := range files {
		name := filepath.Base(file[:len(file)-len(".jsonl.zst")])
		path := filepath.Join(to, name+".db")
		if err := importOne(ctx, file, path); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		paths = append(paths, path)
		if name == watchedRecording {
			watched := filepath.Join(to, name+"-sentinel.db")
			if err := watch(path, watched); err != nil {
				return nil, err
			}
			paths = append(paths, watched)
		}
	}
	return paths, nil
}

func importOne(ctx context.Context, file, path string) error {
	log, err := os.Open(file)
	if err != nil {
		return err
	}
	defer log.Close()
	_, err = watchlog.Import(ctx, log, watchlog.Options{Out: path, Name: filepath.Base(file)})
	return err
}
