package recorder

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/hindsight-project/hindsight/recorder/trace"
)

// recordedPods returns versions of the pods of a real run, the round they are in
// in place of their UID and resourceVersion.
func recordedPods(b *testing.B) [][]byte {
	b.Helper()
	file, err := os.Open("testdata/primary-restart.jsonl.zst")
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	z, err := zstd.NewReader(file)
	if err != nil {
		b.Fatal(err)
	}
	defer z.Close()
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 16<<20)
	var pods [][]byte
	for lines.Scan() {
		var line struct {
			Object json.RawMessage
		}
		var o struct {
			Kind     string
			Metadata struct{ UID, ResourceVersion, Namespace string }
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			b.Fatal(err)
		}
		if json.Unmarshal(line.Object, &o) != nil || o.Kind != "Pod" || o.Metadata.UID == "" {
			continue
		}
		raw := bytes.ReplaceAll(line.Object, []byte(o.Metadata.UID), []byte("$UID"))
		raw = bytes.Replace(raw, fmt.Appendf(nil, "%q", o.Metadata.ResourceVersion), []byte(`"$RV"`), 1)
		pods = append(pods, bytes.Replace(raw, fmt.Appendf(nil, "%q", o.Metadata.Namespace), []byte(`"ds"`), 1))
	}
	return pods
}

// backlog writes versions into the history of the server, of which the recorder
// has seen nothing yet.
func (s *apiServer) backlog(pods [][]byte, n int) (size int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range n {
		s.rev++
		raw := bytes.ReplaceAll(pods[i%len(pods)], []byte("$UID"), fmt.Appendf(nil, "u-%d", i/len(pods)))
		raw = bytes.Replace(raw, []byte("$RV"), fmt.Appendf(nil, "%d", s.rev), 1)
		s.history = append(s.history, change{s.rev, "v1/pods", "MODIFIED", raw, "ds"})
		size += len(raw)
	}
	return size
}

// usedCPU is the processor time of this process.
func usedCPU(b *testing.B) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// From the wire to the disk, as fast as a server sends: a backlog of 20000
// versions of real pods. The processor time includes that of the server, which
// has them ready.
func BenchmarkAttach(b *testing.B) {
	const versions = 20000
	pods := recordedPods(b)
	var took, cpu time.Duration
	for b.Loop() {
		b.StopTimer()
		server := newAPIServer(b)
		a := attachTo(b, server)
		server.set(func() { server.down = true })
		server.cutAll()
		b.SetBytes(int64(server.backlog(pods, versions)))
		before, start := usedCPU(b), time.Now()
		server.set(func() { server.down = false })
		b.StartTimer()
		for a.recorded(b) < versions {
			time.Sleep(200 * time.Millisecond)
		}
		b.StopTimer()
		took, cpu = took+time.Since(start), cpu+usedCPU(b)-before
		a.abort()
		<-a.done
		b.StartTimer()
	}
	all := float64(versions * b.N)
	b.ReportMetric(all/took.Seconds(), "events/s")
	b.ReportMetric(float64(cpu.Microseconds())/all, "cpu-µs/event")
}

// recorded is how many versions are durable.
func (a *attached) recorded(b *testing.B) (n uint64) {
	r, err := trace.Open(a.path)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	for _, s := range r.Certificate().Streams {
		n += s.Added + s.Modified + s.Deleted
	}
	select {
	case <-a.done:
		b.Fatal(a.err, strings.TrimSpace(a.stderr.String()))
	default:
	}
	return n
}
