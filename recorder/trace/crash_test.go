package trace_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

const crashEnv = "HINDSIGHT_TEST_CRASH_FILE"

// TestMain lets the test binary be the writer that is killed.
func TestMain(m *testing.M) {
	if path := os.Getenv(crashEnv); path != "" {
		appendForEver(path)
	}
	os.Exit(m.Run())
}

// appendForEver appends numbered events and prints each number once it is
// acknowledged.
func appendForEver(path string) {
	w, err := trace.Resume(path)
	if errors.Is(err, os.ErrNotExist) {
		w, err = trace.Create(path, trace.Run{ID: "crash", Origin: trace.OriginImport, Start: time.Unix(1e9, 0)})
	}
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	for n := w.Position().Seq; ; {
		var batch []trace.Event
		for range 1 + n%5 {
			n++
			batch = append(batch, numbered(n))
		}
		if _, err := w.Append(&trace.Position{Stream: "s", Seq: n}, batch...); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		fmt.Println(n)
	}
}

func numbered(n uint64) trace.Event {
	return trace.Event{
		Time: time.Duration(n), Type: trace.Modified, Source: trace.SourceWatch,
		Data: fmt.Appendf(nil, `{"metadata":{"resourceVersion":"%d"},"spec":{"n":%d,"key-%d":{}}}`, n, n, n%100),
		Object: trace.Object{
			Resource: trace.Resource{Version: "v1", Resource: "pods", Kind: "Pod"}, Name: "p", UID: "u",
		},
	}
}

func TestNothingAcknowledgedIsLostWhenTheWriterIsKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace.db")
	for kill := range 6 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), crashEnv+"="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		acknowledged := uint64(0)
		lines := bufio.NewScanner(out)
		for i := 0; i < 20+kill*23 && lines.Scan(); i++ {
			n, err := strconv.ParseUint(lines.Text(), 10, 64)
			if err != nil {
				t.Fatalf("the writer says %q", lines.Text())
			}
			acknowledged = n
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() { // what it had printed before it died
			if n, err := strconv.ParseUint(lines.Text(), 10, 64); err == nil {
				acknowledged = n
			}
		}
		_ = cmd.Wait()
		r := open(t, path)
		if err := r.Verify(); err != nil {
			t.Fatalf("after kill %d: %v", kill, err)
		}
		events := all(t, r)
		if uint64(len(events)) < acknowledged {
			t.Fatalf("after kill %d: %d events, %d were acknowledged", kill, len(events), acknowledged)
		}
		for i, ev := range events {
			if !sameJSON(t, ev.Data, numbered(uint64(i+1)).Data) {
				t.Fatalf("after kill %d: event %d is %s", kill, i+1, ev.Data)
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestATraceCanBeReadWhileItIsWritten(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir()) // the copies are looked for below
	path := filepath.Join(t.TempDir(), "trace.db")
	w, err := trace.Create(path, trace.Run{ID: "live", Origin: trace.OriginImport, Start: time.Unix(1e9, 0)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var writer sync.WaitGroup
	var durable uint64
	var mu sync.Mutex
	writer.Go(func() {
		for n := uint64(1); ; n++ {
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond):
			}
			if _, err := w.Append(nil, numbered(n)); err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			durable = n
			mu.Unlock()
		}
	})
	for range 20 {
		mu.Lock()
		least := durable
		mu.Unlock()
		r := open(t, path)
		events := all(t, r)
		if uint64(len(events)) < least {
			t.Errorf("%d events read, %d were durable before", len(events), least)
		}
		for i, ev := range events {
			if !sameJSON(t, ev.Data, numbered(uint64(i+1)).Data) {
				t.Fatalf("event %d is %s", i+1, ev.Data)
			}
		}
		if r.Certificate().Sealed {
			t.Error("a trace that is being written claims to be sealed")
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	close(done)
	writer.Wait()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(os.TempDir(), "hindsight-*.db"))
	if err != nil {
		t.Fatal(err)
	}
	if len(left) > 0 {
		t.Errorf("copies are left behind: %v", left)
	}
}
