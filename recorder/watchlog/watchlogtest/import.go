package watchlogtest

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hindsight-project/hindsight/recorder/trace"
	"github.com/hindsight-project/hindsight/recorder/watchlog"
)

// Import imports the watch log in a file into a directory of its own and returns
// the trace: growth.db of growth.jsonl.zst.
func Import(t testing.TB, log string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), strings.TrimSuffix(filepath.Base(log), ".jsonl.zst")+".db")
	if err := Write(out, log); err != nil {
		t.Fatal(err)
	}
	return out
}

// ImportFrom writes the watch log that it reads as the trace out.
func ImportFrom(t testing.TB, out string, log io.Reader) {
	t.Helper()
	if err := write(out, log, "the tests"); err != nil {
		t.Fatal(err)
	}
}

// Write writes the watch log in a file as the trace out, for who has no
// [testing.TB] at hand, such as the command of a script.
func Write(out, log string) error {
	in, err := os.Open(filepath.FromSlash(log))
	if err != nil {
		return err
	}
	defer in.Close()
	return write(out, in, filepath.Base(log))
}

func write(out string, log io.Reader, name string) error {
	_, err := watchlog.Import(context.Background(), log, watchlog.Options{Out: out, Name: name, Tool: "test"})
	return err
}

// Open opens a trace until the test ends.
func Open(t testing.TB, file string) *trace.Reader {
	t.Helper()
	r, err := trace.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}
