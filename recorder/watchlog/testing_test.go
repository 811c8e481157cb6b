package watchlog_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/recorder/watchlog"
)

// recordings are those of the real cluster.
var recordings = []string{"growth", "primary-restart", "node-drain"}

func recording(t testing.TB, name string) []byte {
	t.Helper()
	packed, err := os.ReadFile(filepath.Join("..", "testdata", name+".jsonl.zst"))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := zstd.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	text, err := io.ReadAll(plain)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// imported imports a log and opens the trace.
func imported(t testing.TB, log []byte) (*trace.Reader, watchlog.Report) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "trace.db")
	report, err := watchlog.Import(context.Background(), bytes.NewReader(log), watchlog.Options{Out: out, Name: "log"})
	if err != nil {
		t.Fatal(err)
	}
	r, err := trace.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r, report
}

// failer is what testing and rapid have in common.
type failer interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Fatal(args ...any)
}

func exported(t failer, r *trace.Reader) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := watchlog.Export(r, &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func events(t failer, r *trace.Reader) []trace.Event {
	t.Helper()
	var all []trace.Event
	for e, err := range r.Events(0) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// sameEvents compares what a trace has with what its export became.
func sameEvents(t failer, first, again []trace.Event) {
	t.Helper()
	if len(first) != len(again) {
		t.Errorf("%d events became %d", len(first), len(again))
		return
	}
	for i := range first {
		if !reflect.DeepEqual(first[i], again[i]) {
			t.Fatalf("event %d (-first +again):\n%s", i+1, cmp.Diff(first[i], again[i]))
		}
	}
}

// canonical parses each line and writes it with sorted keys, numbers as they are.
func canonical(t testing.TB, log []byte) []string {
	t.Helper()
	var all []string
	lines := bufio.NewScanner(bytes.NewReader(log))
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		dec := json.NewDecoder(strings.NewReader(lines.Text()))
		dec.UseNumber()
		var v any
		if err := dec.Decode(&v); err != nil {
			t.Fatalf("%v in %.200s", err, lines.Text())
		}
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(text))
	}
	return all
}
