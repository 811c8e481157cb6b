package watchlog_test

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/hindsight-project/hindsight/recorder/watchlog"
)

// BenchmarkImport makes a durable, sealed trace of one recording of 525 events.
func BenchmarkImport(b *testing.B) {
	log := recording(b, "growth")
	dir := b.TempDir()
	events, n := 0, 0
	for b.Loop() {
		n++
		out := filepath.Join(dir, strconv.Itoa(n))
		report, err := watchlog.Import(context.Background(), bytes.NewReader(log), watchlog.Options{Out: out})
		if err != nil {
			b.Fatal(err)
		}
		events += report.Events
	}
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkExport writes the same recording as a log.
func BenchmarkExport(b *testing.B) {
	r, _ := imported(b, recording(b, "growth"))
	events := 0
	for b.Loop() {
		n, err := watchlog.Export(r, io.Discard)
		if err != nil {
			b.Fatal(err)
		}
		events += n
	}
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
}
