package history_test

import (
	"bytes"
	"context"
	"path/filepath"
	"sync"
	"testing"

	"github.com/hindsight-project/hindsight/docs/performance/history"
	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/recorder/watchlog"
)

var recordings = sync.OnceValues(func() ([]*history.Recording, error) {
	return history.Recordings(filepath.Join("..", "..", "..", "recorder", "testdata"))
})

func write(t *testing.T, o history.Options) []byte {
	t.Helper()
	parts, err := recordings()
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	if err := history.Write(&log, parts, o); err != nil {
		t.Fatal(err)
	}
	return log.Bytes()
}

func TestAHistoryIsAsLongAsAskedAndFullOfClusters(t *testing.T) {
	tests := []struct {
		name     string
		options  history.Options
		clusters int
	}{
		{"one after the other", history.Options{Seed: 1, Events: 1200, Lanes: 1}, 3},
		{"side by side", history.Options{Seed: 1, Events: 1200, Lanes: 4}, 4},
		{"mostly idle", history.Options{Seed: 1, Events: 1200, Lanes: 1, Quiet: 3}, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			log := write(t, test.options)
			if !bytes.Equal(log, write(t, test.options)) {
				t.Error("the same options gave another log")
			}
			out := filepath.Join(t.TempDir(), "trace.db")
			report, err := watchlog.Import(context.Background(), bytes.NewReader(log), watchlog.Options{Out: out})
			if err != nil || report.RejectedTotal > 0 || report.Gaps > 0 {
				t.Fatalf("import: %+v, %v", report.Rejected, err)
			}
			if report.Events != test.options.Events {
				t.Errorf("%d events, want %d", report.Events, test.options.Events)
			}
			r, err := trace.Open(out)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			clusters := 0
			for _, o := range r.Objects() {
				if o.Resource.Resource == "clusters" {
					clusters++
				}
			}
			if clusters != test.clusters {
				t.Errorf("%d clusters, want %d", clusters, test.clusters)
			}
		})
	}
}
