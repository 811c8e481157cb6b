package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/recorder/watchlog"
)

// recordings are those under recorder/testdata.
var recordings = []string{"growth", "primary-restart", "node-drain"}

// rounds is how often the long history repeats the recordings.
const rounds = 30

// probes is how many moments the latency of time travel is measured at.
const probes = 300

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "performance: %v\n", err)
		os.Exit(1)
	}
}

// row is what is measured of one history.
type row struct {
	name                   string
	events                 int
	json, packed, file     int64 // bytes
	imports, replays, scan float64
	open                   time.Duration
	one, all               []time.Duration // of StateAt, sorted
}

func run(w io.Writer) error {
	dir, err := os.MkdirTemp("", "performance")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var logs [][]byte
	var rows []row
	for _, name := range recordings {
		log, err := unpack(filepath.Join("recorder", "testdata", name+".jsonl.zst"))
		if err != nil {
			return fmt.Errorf("run this in the root of the repository: %w", err)
		}
		logs = append(logs, log)
		r, err := measure(dir, name, log)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		rows = append(rows, r)
	}
	long, err := repeated(logs, rounds)
	if err != nil {
		return err
	}
	r, err := measure(dir, fmt.Sprintf("long: all three, %d times", rounds), long)
	if err != nil {
		return fmt.Errorf("long history: %w", err)
	}
	return write(w, append(rows, r))
}

func unpack(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	plain, err := zstd.NewReader(f)
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	return io.ReadAll(plain)
}

// measure imports a log and reads the trace in all the ways there are.
func measure(dir, name string, log []byte) (row, error) {
	fmt.Fprintf(os.Stderr, "measuring %s: %d bytes\n", name, len(log))
	r := row{name: name, json: int64(len(log))}
	out := filepath.Join(dir, "trace.db")
	defer os.Remove(out)
	took, err := best(r.json, func() error {
		if err := os.RemoveAll(out); err != nil {
			return err
		}
		report, err := watchlog.Import(context.Background(), bytes.NewReader(log), watchlog.Options{Out: out})
		if report.RejectedTotal > 0 {
			err = fmt.Errorf("line %d: %s", report.Rejected[0].Line, report.Rejected[0].Reason)
		}
		r.events = report.Events
		return err
	})
	if err != nil {
		return r, err
	}
	r.imports = float64(r.events) / took.Seconds()
	if r.packed, err = packed(log); err != nil {
		return r, err
	}
	return r, r.read(out)
}

// best is the shortest of several times that f takes, or its only one when
// there is much to do, so that noise averages out anyway.
func best(size int64, f func() error) (time.Duration, error) {
	times := 7
	if size > 64<<20 {
		times = 1
	}
	shortest := time.Duration(math.MaxInt64)
	for range times {
		start := time.Now()
		if err := f(); err != nil {
			return 0, err
		}
		shortest = min(shortest, time.Since(start))
	}
	return shortest, nil
}

func (r *row) read(out string) error {
	took, err := best(r.json, func() error {
		t, err := trace.Open(out)
		if err != nil {
			return err
		}
		return t.Close()
	})
	if err != nil {
		return err
	}
	r.open = took
	t, err := trace.Open(out)
	if err != nil {
		return err
	}
	defer t.Close()
	r.file = t.Stats().Bytes
	took, err = best(r.json, func() error {
		for _, err := range t.Events(0) {
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.replays = float64(r.events) / took.Seconds()
	took, err = best(r.json, func() error {
		return t.Scan(selection, func(*trace.Change) error { return nil })
	})
	if err != nil {
		return err
	}
	r.scan = float64(r.events) / took.Seconds()
	return r.travel(t)
}

// selection is about what a judge reads: sizes of volumes, phases of instances.
var selection = trace.Selection{
	Types: []trace.Type{trace.Mark, trace.Gap},
	Fields: []trace.Fields{
		{Resource: "persistentvolumeclaims", Paths: [][]string{
			{"spec", "resources"}, {"status", "capacity"}, {"status", "phase"},
		}},
		{Resource: "pods", Paths: [][]string{{"status", "phase"}, {"metadata", "deletionTimestamp"}}},
		{Group: "postgresql.cnpg.io", Resource: "clusters", Paths: [][]string{{"spec", "storage"}, {"status", "phase"}}},
	},
}

// travel measures the state of one object and of all at random moments.
func (r *row) travel(t *trace.Reader) error {
	random := rand.New(rand.NewPCG(1, 2))
	objects := t.Objects()
	for range probes {
		seq := 1 + random.Uint64N(uint64(r.events))
		want := objects[random.IntN(len(objects))]
		for _, how := range []struct {
			match func(trace.Object) bool
			into  *[]time.Duration
		}{{func(o trace.Object) bool { return o == want }, &r.one}, {nil, &r.all}} {
			start := time.Now()
			if _, err := t.StateAt(seq, how.match); err != nil {
				return err
			}
			*how.into = append(*how.into, time.Since(start))
		}
	}
	slices.Sort(r.one)
	slices.Sort(r.all)
	return nil
}

// packed is the size of log under the strongest compression at hand.
func packed(log []byte) (int64, error) {
	if _, err := exec.LookPath("zstd"); err != nil {
		enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithWindowSize(1<<27))
		if err != nil {
			return 0, err
		}
		defer enc.Close()
		return int64(len(enc.EncodeAll(log, nil))), nil
	}
	cmd := exec.Command("zstd", "-19", "--long=27", "--quiet", "--stdout")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(log), os.Stderr
	out, err := cmd.Output()
	return int64(len(out)), err
}

// packer names what packed uses.
func packer() string {
	out, err := exec.Command("zstd", "--version").Output()
	if err != nil {
		return "klauspost/compress/zstd at its best level with a window of 128 MiB (there was no zstd command)"
	}
	return "`zstd -19 --long=27`, " + strings.Trim(strings.TrimSpace(string(out)), "* ")
}

func write(w io.Writer, rows []row) error {
	var b strings.Builder
	fmt.Fprintf(&b, head, machine(), runtime.Version(), runtime.GOOS, runtime.GOARCH, packer())
	fmt.Fprint(&b, "| history | events | JSON, B/event | zstd of it, B/event | trace, B/event | trace / zstd |\n")
	fmt.Fprint(&b, "|---|--:|--:|--:|--:|--:|\n")
	for _, r := range rows {
		n := float64(r.events)
		fmt.Fprintf(&b, "| %s | %d | %.0f | %.1f | **%.1f** | %.2f |\n", r.name, r.events,
			float64(r.json)/n, float64(r.packed)/n, float64(r.file)/n, float64(r.file)/float64(r.packed))
	}
	fmt.Fprint(&b, speeds)
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", r.name,
			rounded(r.imports), rounded(r.replays), rounded(r.scan), ms(r.open), spread(r.one), spread(r.all))
	}
	fmt.Fprint(&b, foot)
	_, err := io.WriteString(w, b.String())
	return err
}

// machine names the processor as Linux does.
func machine() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				return fmt.Sprintf("%s, %d threads", strings.TrimSpace(value), runtime.NumCPU())
			}
		}
	}
	return fmt.Sprintf("unknown processor, %d threads", runtime.NumCPU())
}

// rounded has two digits that mean something: 23000 of 23456.
func rounded(v float64) string {
	scale := math.Pow(10, math.Floor(math.Log10(v))-1)
	return fmt.Sprintf("%.0f", math.Round(v/scale)*scale)
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }

// spread is median and 99th percentile of sorted durations.
func spread(d []time.Duration) string {
	return fmt.Sprintf("%s / %s", ms(d[len(d)/2]), ms(d[len(d)*99/100]))
}

const head = `# Performance

Written by ` + "`make bench`" + ` (program [docs/performance](performance/main.go)); do not edit.
Machine: %s, %s, %s/%s; files in the temporary directory, warm. Speeds are the best of
seven runs for the recordings and of one for the long history: trust ratios above 1.3, not digits.
Sizes are the same everywhere. Compressed with %s.

## Size

The recordings are raw watch streams of a real cluster, managedFields, Leases and Node heartbeats
included. The trace file has what the compressed log has not: checksums, an index by time, object
and field, checkpoints, and the certificate.

`

const speeds = `
A file of a short run is in good part the database's own pages (4 KiB each, a few per index) and
dictionaries; that share shrinks as the history grows. The long history flatters zstd: its parts
repeat each other within the window of 128 MiB, which a reader who wants one moment would have to
unpack whole.

## Speed

Import ends with a sealed file on disk (fsync). Replay gives back every object whole, as JSON. Scan is
what the verifier does: it reads a few fields and skips the rest. State at a moment: median / 99th
percentile of 300 random moments, of one object and of all that exist (Kubernetes Events, which no
recording sees expire, pile up in the long history: thousands of objects at its end).

| history | import, events/s | replay, events/s | scan, events/s | open | state of one object | state of all |
|---|--:|--:|--:|--:|--:|--:|
`

const foot = `
Benchmarks of single parts are next to their code: ` + "`go test -run '^$' -bench . ./recorder/...`" + `.
`
